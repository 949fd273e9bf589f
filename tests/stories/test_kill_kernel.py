"""The kernel is killed in the middle of a step, between steps, and while a question waits."""

import os
import signal

from runbook.evidence.folder import ExecutionFolder
from runbook.execution import lease
from tests.execution.staging import Script, Stage, is_running, until

TICKING = """
    # %% before
    x = 1
    # %% ticking
    import time
    for n in range(600):
        print("tick", n, flush=True)
        time.sleep(0.05)
    # %% after
    print("never")
"""


def test_a_kernel_killed_in_a_step_is_said_to_have_died(stage: Stage) -> None:
    execution = stage.plan(TICKING)
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        until(lambda: b"tick 3" in folder.journal.read_bytes())
        kernel = lease.read(folder).kernel
        assert kernel is not None
        os.kill(kernel, signal.SIGKILL)
        result = session.drive(shown := Script())

    assert stage.states(execution) == {"before": "succeeded", "ticking": "kernel-died", "after": "pending"}
    assert result.outcome == "failed"
    assert result.sealed
    assert "tick 3" in shown.texts()
    assert "tick 599" not in shown.texts()
    ended = next(event for event in shown.events if event.kind == "kernel-ended")
    assert (ended.payload["signal"], ended.payload["expected"]) == (9, False)
    audit = folder.audit.read_text()
    assert "kernel-died" in audit


def test_a_kernel_killed_while_a_question_waits_ends_the_run(stage: Stage) -> None:
    execution = stage.plan(TICKING, unattended=False)
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        until(lambda: b'"kernel-started"' in folder.journal.read_bytes())
        kernel = lease.read(folder).kernel
        assert kernel is not None
        os.kill(kernel, signal.SIGKILL)
        result = session.drive(Script())

    assert set(stage.states(execution).values()) == {"pending"}
    assert result.outcome == "failed"
    assert result.sealed


def test_what_a_step_left_running_on_purpose_stays(stage: Stage) -> None:
    result, _ = stage.run(
        """
        # %% a
        import subprocess
        service = subprocess.Popen(["sleep", "60"], start_new_session=True, stdout=subprocess.DEVNULL)
        open("pid", "w").write(str(service.pid))
        """
    )

    pid = int((result.execution / "work/pid").read_text())
    try:
        assert result.outcome == "succeeded"
        assert is_running(pid)
    finally:
        os.kill(pid, signal.SIGKILL)
