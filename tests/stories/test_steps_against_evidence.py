"""A step that reaches into its own execution's folder: what it did is noticed, and nothing vouches for it."""

import textwrap
from pathlib import Path

import pytest

from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.verification import verify_execution
from tests.execution.staging import Stage

TWO_STEPS = """
# %% tamper
import os, pathlib, shutil
folder = pathlib.Path.cwd().parent
{deed}
# %% after
(pathlib.Path({mark!r}) / "after").write_text("ran")
"""


def run(stage: Stage, deed: str, mark: Path) -> tuple[ExecutionFolder, bool, str]:
    text = TWO_STEPS.format(deed=textwrap.dedent(deed).strip(), mark=str(mark))
    result, _ = stage.run(text)
    failure = "" if result.failure is None else f"{result.failure.subject}: {result.failure.message}"
    return ExecutionFolder(result.execution), result.sealed, failure


@pytest.mark.parametrize(
    "deed",
    [
        'kept = (folder / "journal.jsonl").read_bytes()\n'
        '(folder / "journal.jsonl").unlink()\n'
        '(folder / "journal.jsonl").write_bytes(kept)',
        'os.truncate(folder / "journal.jsonl", 100)',
        '(folder / "journal.jsonl").unlink()',
        'os.chdir("/")\nshutil.rmtree(folder)',
        'with open(folder / "journal.jsonl", "ab") as file:\n    file.write(b"{}\\n")',
    ],
    ids=["replaced", "truncated", "removed", "folder-removed", "added-to"],
)
def test_no_step_runs_any_more_when_the_journal_is_not_ours(stage: Stage, tmp_path: Path, deed: str) -> None:
    _, sealed, _ = run(stage, deed, tmp_path)

    assert not sealed
    assert not (tmp_path / "after").exists()


@pytest.mark.parametrize(
    ("deed", "named"),
    [
        (
            'plan = folder / "plan.json"\n'
            "text = plan.read_text().replace('\"approved\":false', '\"approved\":true')\n"
            "plan.write_text(text)",
            "plan.json: is not what the run was started with",
        ),
        ('(folder / "trust").mkdir()\n(folder / "trust/policy.toml").write_text("")', "trust/policy.toml"),
        ('(folder / "audit.html").write_text("<h1>All approved</h1>")', "audit.html: was put among"),
        ('(folder / "start.sig").write_text("signed, they say")', "start.sig: was put among"),
        ('(folder / "audit.md").write_text("# Audit: all is well\\n")', "audit.md: is there already"),
        ('(folder / "finish.txt").write_text("# outcome: succeeded\\n")', "finish.txt: a seal was put there"),
        ('(folder / "runbook.py").write_text("# %% tamper\\nprint(1)\\n")', "plan.json"),
        ('os.symlink("/etc/passwd", folder / "record.ipynb")', "record.ipynb"),
    ],
    ids=["plan", "trust", "html", "signature", "audit", "seal", "text", "link"],
)
def test_nothing_is_sealed_that_a_step_has_changed_or_added(
    stage: Stage, tmp_path: Path, deed: str, named: str
) -> None:
    folder, sealed, failure = run(stage, deed, tmp_path)

    assert not sealed
    assert named in failure
    assert "runbook run-finish v1" not in (folder.finish.read_text() if folder.is_sealed() else "")


def test_a_forged_audit_without_a_seal_is_called_tampered(stage: Stage, tmp_path: Path) -> None:
    folder, _, _ = run(stage, '(folder / "audit.md").write_text("# Audit: all is well\\n")', tmp_path)

    verdict = verify_execution(folder)

    assert verdict.verdict == "TAMPERED"
    assert ("audit.md", 1) in [(finding.file, finding.line) for finding in verdict.findings]


def test_blobs_that_a_step_took_away_or_changed_are_missed_though_nobody_shows_them(stage: Stage) -> None:
    result, _ = stage.run("""
    # %% pictures
    import base64, os, pathlib, time
    from IPython.display import publish_display_data
    for number in range(30):
        picture = b"\\x89PNG\\r\\n\\x1a\\n" + bytes([number]) * 300_000
        publish_display_data({"image/png": base64.b64encode(picture).decode()})
    blobs = pathlib.Path.cwd().parent / "blobs"
    while len(list(blobs.iterdir())) < 30:
        time.sleep(0.05)
    gone, changed, *_ = sorted(blobs.iterdir())[::5]
    gone.unlink()
    changed.write_bytes(b"another")
    """)

    verdict = verify_execution(ExecutionFolder(result.execution))

    assert not result.sealed
    assert result.failure is not None
    assert verdict.verdict == "TAMPERED"
    assert sorted(each.message for each in verdict.findings if (each.file or "").startswith("blobs/")) == [
        "a blob that the journal names is missing",
        "a blob's bytes are not what its name says",
    ]
