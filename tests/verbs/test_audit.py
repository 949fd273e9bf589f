"""`audit`: the same bytes from the journal as the run left, in four forms; evidence is never overwritten."""

import json
from pathlib import Path

import pytest

from runbook.errors import EvidenceDamaged, ExistsError, RefusedError
from runbook.evidence.folder import ExecutionFolder
from runbook.verbs import audit
from tests.execution.staging import script, staged
from tests.program import made_workspace, program


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> ExecutionFolder:
    """The folder of a run that ended well, and printed a little."""
    with staged(tmp_path / "ws", home) as stage:
        result, _ = stage.run('# %% a\nprint("hello")\n')
    return ExecutionFolder(result.execution)


def test_what_is_rendered_anew_is_what_the_run_left(folder: ExecutionFolder) -> None:
    assert audit.rendered(folder, "md") == (folder.path / "audit.md").read_bytes()
    assert audit.rendered(folder, "ipynb") == (folder.path / "record.ipynb").read_bytes()


def test_json_holds_every_event(folder: ExecutionFolder) -> None:
    told = json.loads(audit.rendered(folder, "json"))

    assert told["schema"] == 1
    assert [event["seq"] for event in told["events"]] == list(range(len(told["events"])))
    assert told["events"][0]["kind"] == "opened"
    assert any("hello" in json.dumps(event) for event in told["events"])


def test_a_sealed_folder_takes_no_new_file(folder: ExecutionFolder, tmp_path: Path) -> None:
    with pytest.raises(ExistsError, match="this execution is sealed") as caught:
        audit.write(folder, "json", None)
    assert caught.value.hint == "say --output FILE"

    written = audit.write(folder, "json", tmp_path / "audit.json")
    assert json.loads(written.read_bytes())["schema"] == 1


def test_writing_what_is_there_already_is_fine_and_changes_nothing(folder: ExecutionFolder) -> None:
    before = (folder.path / "audit.md").stat()

    path = audit.write(folder, "md", None)

    assert path == folder.path / "audit.md"
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_that_says_something_else_is_not_overwritten(folder: ExecutionFolder, tmp_path: Path) -> None:
    mine = tmp_path / "mine.md"
    mine.write_text("mine")

    with pytest.raises(ExistsError, match="never overwritten"):
        audit.write(folder, "md", mine)
    assert mine.read_text() == "mine"


def test_a_journal_that_was_edited_is_not_rendered(folder: ExecutionFolder) -> None:
    folder.journal.write_bytes(folder.journal.read_bytes().replace(b"hello", b"hullo"))

    with pytest.raises(EvidenceDamaged, match="journal"):
        audit.rendered(folder, "md")


def test_the_program_prints_the_same_bytes(tmp_path: Path) -> None:
    root = made_workspace(tmp_path / "w")
    (root / "runbooks/x.py").write_text('# %% a\nprint("hello")\n')
    ran = program(root, "run", "x", "--env", "scratch", "--unattended", "--json")

    said = program(root, "audit", "latest")

    assert said.code == 0
    assert said.out.encode() == (root / ran.json["execution"] / "audit.md").read_bytes()


def test_a_run_without_an_end_gets_no_audit_into_its_folder(tmp_path: Path, home: Path) -> None:
    with staged(tmp_path / "ws", home) as stage:
        execution = stage.plan('# %% a\nprint("a")\n# %% b\nprint("b")\n', unattended=False)
        folder = ExecutionFolder(execution)
        with stage.start(execution) as session:
            for form in ("md", "ipynb", "html", "json"):
                with pytest.raises(RefusedError) as caught:
                    audit.write(folder, form, None)
                assert caught.value.hint == "say --output FILE"
            assert audit.write(folder, "md", tmp_path / "so-far.md").exists()
            result = session.drive(script("go"))

    assert result.sealed
