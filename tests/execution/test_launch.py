"""Starting a supervisor: ahead of time, in vain, and when it dies before its first word."""

import os
import time
from pathlib import Path

import pytest

from runbook.errors import UnavailableError
from runbook.execution import launch
from runbook.execution.prepare import prepare  # noqa: F401 - as the program does: a plan is made first
from tests.execution.staging import Script, Stage, until

ONE = "# %% a\nprint('one')\n"


def supervisors() -> set[int]:
    """Those that this very process has started: other tests start theirs at the same time."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words, stat = (path / "cmdline").read_bytes(), (path / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        if b"runbook.execution.supervisor import main" in words and parent == os.getpid():
            found.add(int(path.name))
    return found


def test_a_supervisor_started_ahead_runs_the_plan_that_comes(stage: Stage) -> None:
    with launch.ahead(stage.around) as ahead:
        execution = stage.plan(ONE)
        time.sleep(0.3)
        session = launch.start(execution, workspace=stage.workspace, around=stage.around, ahead=ahead)
    with session:
        assert session.drive(shown := Script()).outcome == "succeeded"
    assert shown.texts() == "one\n"


def test_a_supervisor_started_ahead_in_vain_leaves_nothing(stage: Stage) -> None:
    before = supervisors()
    with launch.ahead(stage.around):
        until(lambda: len(supervisors() - before) > 0)
    until(lambda: not supervisors() - before)


def test_a_supervisor_that_dies_before_its_first_word_says_why(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = stage.plan(ONE)
    monkeypatch.setattr(launch, "_PROGRAM", "raise SystemExit('no such luck')")
    with pytest.raises(UnavailableError, match="the supervisor ended before the run began") as died:
        launch.start(execution, workspace=stage.workspace, around=stage.around)
    assert died.value.hint == "no such luck"


def test_the_supervisor_hears_nothing_of_python_variables(stage: Stage) -> None:
    evil = stage.root / "evil"
    evil.mkdir()
    (evil / "asyncio.py").write_text("raise SystemExit('taken over')\n")
    stage.around.env["PYTHONPATH"] = str(evil)  # type: ignore[index]  # a dict in tests
    stage.around.env["PYTHONSTARTUP"] = str(evil / "asyncio.py")  # type: ignore[index]  # as above

    result, _ = stage.run(ONE)

    assert result.outcome == "succeeded"
