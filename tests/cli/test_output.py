"""Standard output that fails: no traceback, no wrong verdict, and the code says what it was."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import Caller


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    return Caller(capsys, monkeypatch)


def shell(folder: Path, script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("words", ["version", "list --json", "config", "--help"])
def test_a_full_disk_is_said_and_is_no_bug(tmp_path: Path, words: str) -> None:
    done = shell(tmp_path, f"{sys.executable} -m runbook {words} > /dev/full")

    assert done.returncode == 6
    assert done.stderr == "error: standard output cannot be written: No space left on device\n"


def test_output_that_was_closed_stops_nothing(tmp_path: Path) -> None:
    done = shell(tmp_path, f"{sys.executable} -m runbook version >&-")

    assert (done.returncode, done.stderr) == (0, "")


def test_input_that_was_closed_is_no_terminal_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %%\nimport sys\nprint(repr(sys.stdin.read()))\n")
    asked = shell(tmp_path, f"{sys.executable} -m runbook run x <&-")
    done = shell(tmp_path, f"{sys.executable} -m runbook run x --unattended --env scratch <&- 2>&-")

    assert asked.returncode == 2
    assert asked.stderr.startswith("error: there is no terminal to ask at\n")
    assert done.returncode == 0
    assert "  | ''\n" in done.stdout
    assert "succeeded: 1 of 1 step done\n" in done.stdout


def test_errors_that_cannot_be_told_keep_their_code(tmp_path: Path) -> None:
    assert shell(tmp_path, f"{sys.executable} -m runbook show nope 2>/dev/full").returncode == 2
    assert shell(tmp_path, f"{sys.executable} -m runbook show nope 2>&-").returncode == 2


def test_a_reader_that_went_away_is_neither_done_nor_a_finding(tmp_path: Path) -> None:
    done = shell(tmp_path, f"( {sys.executable} -m runbook --help; echo $? > code ) | true")

    assert done.stderr == ""
    assert (tmp_path / "code").read_text() == "141\n"


def test_a_run_that_nobody_reads_of_leaves_no_plan_behind(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %%\nprint(1)\n")
    run = f"{sys.executable} -m runbook run x --unattended --env scratch"
    shell(tmp_path, f"( {run}; echo $? > code ) | true")

    assert (tmp_path / "code").read_text() == "141\n"
    assert not list(tmp_path.glob("executions/*/*"))


def test_verify_of_nothing_says_so(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "runbook.toml").write_text("version = 1\n")

    said = call(tmp_path, "verify")

    assert said.code == 0
    assert said.out == "nothing to verify: no runbooks here; `runbook create TITLE` writes one\n"


@pytest.mark.parametrize("words", [("verify",), ("verify", "--all"), ("verify", "--all", "--json")])
def test_verify_of_nothing_in_no_workspace_is_no_success(
    call: Caller, tmp_path: Path, words: tuple[str, ...]
) -> None:
    said = call(tmp_path, *words)

    assert said.code == 2
    assert "nothing to verify: this folder is in no workspace" in said.out + said.err
    assert "cd to the workspace, where `runbook.toml` is" in said.out + said.err


def test_doctor_says_in_its_last_line_what_it_comes_to(call: Caller, tmp_path: Path, home: Path) -> None:
    well = call(tmp_path, "doctor")
    config = home / ".config/runbook/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('interpreter = "/nowhere/python"\n')
    wrong = call(tmp_path, "doctor")

    assert well.code == 0
    assert "next: `runbook init` makes one\n" in well.out
    assert well.out.rstrip("\n").rpartition("\n")[2].startswith("all is well; ")
    assert wrong.code == 1
    assert wrong.out.endswith("1 thing wrong: see the lines with WRONG\n")
    assert "next: set it to a Python that has ipykernel\n" in wrong.out
