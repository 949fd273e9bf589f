"""The supervisor is killed, or told to end, in the middle of a step: what is not known is called unknown."""

import os
import signal
import subprocess

import pytest

from runbook.errors import NotFoundError, RefusedError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal
from runbook.execution import lease
from runbook.execution.session import attach
from tests.execution.staging import Script, Stage, is_running, until
from tests.stories.test_kill_kernel import TICKING


def test_after_kill_9_the_step_is_unknown_and_the_rest_pending(stage: Stage) -> None:
    execution = stage.plan(TICKING)
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        until(lambda: b"tick 3" in folder.journal.read_bytes())
        held = lease.read(folder)
        assert held.kernel is not None
        os.kill(held.supervisor, signal.SIGKILL)
        result = session.drive(Script())

    assert result.outcome == "unknown"
    assert not result.sealed
    assert [step.state for step in result.steps] == ["succeeded", "unknown", "pending"]
    assert stage.states(execution) == {"before": "succeeded", "ticking": "unknown", "after": "pending"}
    assert stage.standing(execution).outcome == "unknown"
    assert not folder.is_alive()
    assert not folder.finish.exists()
    with pytest.raises(NotFoundError, match="nobody runs this execution now"):
        attach(execution, who="alice@here")
    with pytest.raises(RefusedError, match="a plan runs once"):
        stage.start(execution)
    # The kernel lingers for two seconds, then it ends by itself: `resume` could have found it.
    assert is_running(held.kernel)
    until(lambda: not is_running(held.kernel or 0))


def test_the_journal_of_a_killed_supervisor_still_checks(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% flood
        for n in range(2_000_000):
            print("line", n)
        """
    )
    folder = ExecutionFolder(execution)
    with stage.start(execution):
        until(lambda: folder.journal.exists() and folder.journal.read_bytes().count(b"\n") > 30)
        os.kill(lease.read(folder).supervisor, signal.SIGKILL)
    until(lambda: not folder.is_alive())

    events = read_journal(folder).events
    assert len(events) > 3
    assert stage.states(execution) == {"flood": "unknown"}


def test_sigterm_seals_what_there_is(stage: Stage) -> None:
    execution = stage.plan(TICKING)
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        until(lambda: b"tick 3" in folder.journal.read_bytes())
        os.kill(lease.read(folder).supervisor, signal.SIGTERM)
        result = session.drive(shown := Script())

    assert [step.state for step in result.steps] == ["succeeded", "interrupted", "pending"]
    assert result.outcome == "stopped"
    assert result.sealed
    told = next(event for event in shown.events if event.kind == "interrupted")
    assert (told.text("by"), told.text("how")) == ("SIGTERM", "stop")
    done = subprocess.run(["sha256sum", "--quiet", "-c", "finish.txt"], cwd=execution, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_sigterm_ends_a_step_that_ignores_interrupts(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% stubborn
        import time
        while True:
            try:
                print("deaf", "to it", flush=True)
                time.sleep(60)
            except KeyboardInterrupt:
                pass
        # %% after
        """
    )
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        until(lambda: b"deaf to it" in folder.journal.read_bytes())
        os.kill(lease.read(folder).supervisor, signal.SIGTERM)
        result = session.drive(Script())

    assert [step.state for step in result.steps] == ["kernel-died", "pending"]
    assert result.sealed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signals_of_terminals_do_not_reach_the_run(stage: Stage, number: signal.Signals) -> None:
    execution = stage.plan(
        """
        # %% a
        import time
        time.sleep(0.7)
        print("done")
        """
    )
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        until(lambda: b'"step-started"' in folder.journal.read_bytes())
        os.kill(lease.read(folder).supervisor, number)
        result = session.drive(Script())

    assert result.outcome == "succeeded"
