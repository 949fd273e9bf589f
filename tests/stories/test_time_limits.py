"""A step's `timeout` holds also when the supervisor that began it dies: whoever takes the run up goes on
counting where it began."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runbook.evidence.events import Event, parse_moment
from runbook.evidence.folder import ExecutionFolder
from tests.execution.staging import Stage, is_running, script, until
from tests.stories.told import events, is_true, journal_has, texts

SLOW = """
    # %% tools name="tools" tags=["setup"]
    import pathlib, subprocess, time
    def wait(name):
        while not pathlib.Path(name).exists():
            time.sleep(0.01)
    # %% slow name="slow" timeout=2
    print("begun", flush=True)
    wait("end")
    # %% after
    print("after", wait is not None)
"""
FOREVER = """
    # %% slow name="slow" timeout=1
    import time
    print("begun", flush=True)
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass
    # %% after
    print("after")
"""


def left_running(stage: Stage, text: str) -> tuple[Path, int]:
    """A run whose supervisor died as soon as `slow` had begun; returns it and its kernel."""
    execution = stage.plan(text)
    with stage.start(execution, linger_seconds=60):
        until(lambda: journal_has(execution, b'begun\\n"'))
        kernel = stage.kill_supervisor(execution)
    assert kernel is not None
    return execution, kernel


def began(execution: Path) -> datetime:
    return parse_moment(events(execution, "step-started")[-1].t)


def the_end(execution: Path) -> Event:
    (found,) = [each for each in events(execution, "step-ended") if each.text("step") == "slow"]
    return found


@pytest.mark.parametrize("is_over", [False, True])
def test_a_step_that_still_runs_has_the_rest_of_its_time_and_no_more(stage: Stage, is_over: bool) -> None:
    execution, kernel = left_running(stage, SLOW)
    limit = began(execution) + timedelta(seconds=2)
    until(lambda: not is_over or datetime.now(UTC) > limit)
    with stage.start(execution, task="resume") as session:
        result = session.drive(shown := script(("continue", "looked at it"), "go"))

    end = the_end(execution)
    assert shown.asked == ["failed slow", "start after"]
    assert (end.text("state"), end.text("reason")) == (
        "timed-out",
        "interrupted after its time limit of 2 seconds",
    )
    assert end.text("error") == "KeyboardInterrupt: "
    assert end.number("ms") >= 1900
    assert is_over or parse_moment(end.t) < limit + timedelta(seconds=20), "it was not told to end"
    assert texts(execution) == "begun\nafter True\n", "the kernel is the one that had set up the run"
    assert [step.state for step in result.steps] == ["succeeded", "timed-out", "succeeded"]
    assert result.outcome == "failed"
    assert is_true(execution)
    until(lambda: not is_running(kernel))


def test_one_that_had_ended_before_anybody_looked_is_what_the_kernel_said(stage: Stage) -> None:
    execution, _ = left_running(stage, SLOW)
    limit = began(execution) + timedelta(seconds=2)
    until(lambda: datetime.now(UTC) > limit)
    folder = ExecutionFolder(execution)
    (folder.work / "end").touch()
    until(
        lambda: any(each.read_bytes().count(b'"runbook_reply"') == 2 for each in folder.spool.glob("*.spool"))
    )
    with stage.start(execution, task="resume") as session:
        result = session.drive(shown := script("go"))

    assert shown.asked == ["start after"]
    assert [step.state for step in result.steps] == ["succeeded"] * 3
    assert is_true(execution)


@pytest.mark.soak
def test_one_that_does_not_let_go_is_ended_with_its_kernel(stage: Stage) -> None:
    execution, kernel = left_running(stage, FOREVER)
    with stage.start(execution, task="resume") as session:
        result = session.drive(shown := script(("continue", "looked at it"), "go"))

    end = the_end(execution)
    assert shown.asked == ["failed slow", "start after"]
    assert end.text("state") == "timed-out"
    assert end.text("reason") == (
        "did not return after its time limit of 1 seconds and an interrupt; the kernel was killed"
    )
    assert end.number("ms") > 1000
    assert not is_running(kernel)
    assert texts(execution) == "begun\nafter\n", "it went on in a new kernel"
    assert result.outcome == "failed"
    assert is_true(execution)
