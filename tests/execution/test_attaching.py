"""What steps attach becomes evidence: through a crash, and whatever a step sends in its place."""

import json
import subprocess
from hashlib import sha256
from pathlib import Path

import nbformat
import pytest

from runbook.evidence.blobs import Blobs
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal
from runbook.evidence.verification import verify_execution
from runbook.execution import attaching
from runbook.execution.attaching import Attachments
from tests.execution.staging import Stage, script, until

WORDS = b"what the balance was\n"
DIGEST = sha256(WORDS).hexdigest()
ATTACHING = """
    # %% one
    from pathlib import Path
    from runbook.kit import attach_file
    Path("balance.txt").write_bytes(b"what the balance was\\n")
    attach_file("balance.txt", name="The balance")
    Path("balance.txt").write_bytes(b"something else\\n")
"""


def folder_of(tmp_path: Path) -> ExecutionFolder:
    folder = ExecutionFolder(tmp_path / "x")
    folder.staging.mkdir(parents=True)
    return folder


def record(digest: str = DIGEST, **more: str) -> dict[str, object]:
    return {"what": "attach", "name": "a", "path": "/a", "bytes": 1, "sha256": digest, **more}


def test_an_attached_file_is_evidence_as_it_was_then(stage: Stage) -> None:
    result, _ = stage.run(ATTACHING)

    folder = ExecutionFolder(result.execution)
    assert result.outcome == "succeeded"
    assert (folder.blobs / DIGEST).read_bytes() == WORDS
    (event,) = [each for each in read_journal(folder).events if each.kind == "attached"]
    assert dict(event.payload) == {
        "step": "one",
        "name": "The balance",
        "path": str(folder.work / "balance.txt"),
        "bytes": len(WORDS),
        "sha256": DIGEST,
    }
    assert f"{DIGEST}  blobs/{DIGEST}\n" in folder.finish.read_text()
    audit = folder.audit.read_text()
    assert "## Files that steps attached" in audit
    assert f"`The balance`, {len(WORDS)} bytes, kept as `blobs/{DIGEST}`" in audit
    notebook = nbformat.read(folder.record, as_version=4)
    nbformat.validate(notebook)
    (cell,) = [each for each in notebook.cells if "runbook-attached" in each.metadata.get("tags", ())]
    assert cell.metadata["runbook"]["attached"][0]["sha256"] == DIGEST
    assert not folder.spool.exists()
    verdict = verify_execution(folder)
    assert (verdict.verdict, verdict.findings) == ("UNSIGNED", ())


def test_an_attached_file_that_is_gone_or_changed_is_noticed_before_the_seal_and_behind(stage: Stage) -> None:
    folder = ExecutionFolder(stage.run(ATTACHING)[0].execution)
    (folder.blobs / DIGEST).write_bytes(b"another balance\n")

    for _ in range(2):
        verdict = verify_execution(folder)
        assert verdict.verdict == "TAMPERED"
        assert f"blobs/{DIGEST}" in {finding.file for finding in verdict.findings}
        folder.finish.unlink(missing_ok=True)


@pytest.mark.parametrize("how", ["resume", "seal"])
def test_what_was_attached_while_no_supervisor_lived_is_brought_back(stage: Stage, how: str) -> None:
    execution = stage.plan(
        """
        # %% one
        import time
        from pathlib import Path
        from runbook.kit import attach_file
        print("ready")
        while not Path("go").exists():
            time.sleep(0.02)
        Path("balance.txt").write_bytes(b"what the balance was\\n")
        attach_file("balance.txt")
        Path("done").touch()
        """
    )
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until(lambda: folder.journal.exists() and b"ready" in folder.journal.read_bytes())
        stage.kill_supervisor(execution)
    (folder.work / "go").touch()
    until((folder.work / "done").exists)

    if how == "resume":
        with stage.start(execution, task="resume") as session:
            assert session.drive(script()).outcome == "succeeded"
    else:
        from runbook.execution import launch

        launch.seal(execution, workspace=stage.workspace, around=stage.around)

    assert (folder.blobs / DIGEST).read_bytes() == WORDS
    assert [each.kind for each in read_journal(folder).events].count("attached") == 1
    assert verify_execution(folder).findings == ()


def test_a_forged_attachment_is_a_gap_and_nothing_is_kept(stage: Stage) -> None:
    result, _ = stage.run(
        """
        # %% one
        from runbook.kit import protocol
        for digest in ("0" * 64, "../../plan.json", "x"):
            said = {"name": "a\\x1b[2J", "path": "/etc/passwd", "bytes": 3, "sha256": digest}
            protocol.tell("attach", said, words="")
        """
    )

    folder = ExecutionFolder(result.execution)
    gaps = [each.text("what") for each in read_journal(folder).events if each.kind == "gap"]
    assert gaps == [
        "the attached file a\\x1b[2J: its copy is not there",
        "the attached file a\\x1b[2J: what was told of it has no digest",
        "the attached file a\\x1b[2J: what was told of it has no digest",
    ]
    assert not folder.blobs.exists()
    assert verify_execution(folder).findings == ()


def test_a_copy_that_was_changed_or_is_a_link_is_not_kept(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    attachments = Attachments(folder, Blobs(folder.blobs))
    (folder.staging / DIGEST).write_bytes(b"another")
    assert attachments.take(record()).problem == "its copy was changed after it was made"
    (folder.staging / DIGEST).unlink()
    (tmp_path / "secret").write_bytes(WORDS)
    (folder.staging / DIGEST).symlink_to(tmp_path / "secret")
    assert "link" in str(attachments.take(record()).problem)
    assert not folder.blobs.exists()


def test_a_file_that_a_dead_supervisor_had_kept_is_told_all_the_same(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    blobs = Blobs(folder.blobs)
    blobs.put(WORDS)

    taken = Attachments(folder, blobs).take(record())

    assert taken.problem is None
    assert taken.payload["bytes"] == len(WORDS)


def test_more_than_a_run_keeps_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path)
    attachments = Attachments(folder, Blobs(folder.blobs))
    (folder.staging / DIGEST).write_bytes(WORDS)
    monkeypatch.setattr(attaching, "RUN_FILES", 1)

    first = attachments.take(record())
    attachments.settle(first)

    assert not (folder.staging / DIGEST).exists()
    assert attachments.take(record()).problem == "more is attached than a run keeps"


def test_the_files_check_with_nothing_of_ours(stage: Stage) -> None:
    folder = ExecutionFolder(stage.run(ATTACHING)[0].execution)
    done = subprocess.run(["sha256sum", "--quiet", "-c", "finish.txt"], cwd=folder.path, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(folder.record.read_text())["metadata"]["runbook"]["outcome"] == "succeeded"
