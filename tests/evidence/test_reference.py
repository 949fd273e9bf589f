"""The page for auditors: its program finds what the program finds, and what it says of formats is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import JournalWriter
from runbook.evidence.limits import EXECUTION_BYTES, STEP_BYTES
from runbook.evidence.seal import emit
from runbook.evidence.start import parse
from tests.evidence.builders import BEGAN, Told
from tests.evidence.test_seal import WHOLE
from tests.evidence.test_verification import sealed_run

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "evidence.md"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = re.search(r"<!-- check\.py -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    path = tmp_path_factory.mktemp("auditor") / "check.py"
    path.write_text(found[1])
    return path


def check(program: Path, folder: ExecutionFolder) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(program), str(folder.path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_auditors_program_is_short_enough_to_be_read(program: Path) -> None:
    assert program.read_text().count("\n") <= 36


def test_the_auditors_program_accepts_a_whole_run(program: Path, tmp_path: Path) -> None:
    folder = sealed_run(tmp_path)
    said = check(program, folder)
    assert (said.returncode, said.stdout, said.stderr) == (0, "succeeded 27 lines\n", "")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("journal.jsonl", b"restarted", b"restartex", "line 22: the chain breaks"),
        ("journal.jsonl", b'"seq":5', b'"seq":6', "line 6: not at its place"),
        ("journal.jsonl", b'"outcome":"succeeded"', b'"outcome":"suceeeded"', "the journal's end is not"),
        ("start.txt", b"alice", b"mally", "start.txt is not the one that was sealed"),
        ("finish.txt", b"# outcome: succeeded", b"# outcome: failed", "the last word is another"),
    ],
)
def test_the_auditors_program_finds_a_change(
    program: Path, tmp_path: Path, name: str, old: bytes, new: bytes, message: str
) -> None:
    folder = sealed_run(tmp_path)
    path = folder.path / name
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    said = check(program, folder)
    assert said.returncode == 1
    assert message in said.stderr


def test_the_auditors_program_accepts_a_run_that_survived_a_crash(program: Path, tmp_path: Path) -> None:
    from runbook.evidence import derive

    told = Told(tmp_path)
    told.writer.close()
    with told.folder.journal.open("ab") as file:
        file.write(b'{"half a line')
    told.writer = JournalWriter.resume(told.folder, t=told.now, m=told.m)
    told.seal("stopped", health="pending", announce="pending", restart="pending")
    derive.conclude(told.folder, now=BEGAN)
    assert check(program, told.folder).stdout == "stopped 4 lines\n"


def test_the_page_shows_the_formats_as_they_are(tmp_path: Path) -> None:
    page = PAGE.read_text()
    folder = Told(tmp_path, trust={"revoked": b""}).folder
    keys = [line.split(":")[0] for line in folder.start.read_text().splitlines()[1:]]
    shown = page.split("runbook run-start v1\n")[1].split("```")[0]
    assert list(dict.fromkeys(keys)) == [line.split(":")[0] for line in shown.splitlines() if line]
    parse(folder.start.read_bytes())
    sealed = emit(WHOLE).decode().split("# runbook run-finish v1\n")[1]
    shown = page.split("# runbook run-finish v1\n")[1].split("```")[0]
    assert [line.split(":")[0] for line in sealed.splitlines() if line.startswith("#")] == [
        line.split(":")[0] for line in shown.splitlines() if line.startswith("#")
    ]
    assert f"{STEP_BYTES >> 20} MiB" in page
    assert f"{EXECUTION_BYTES >> 20} MiB" in page
