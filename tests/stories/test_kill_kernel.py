"""The kernel is killed in the middle of a step, between steps, and while a question waits.

An unattended run ends with it; an operator goes on in a new kernel, which is set up first.
"""

import os
import re
import signal

import pytest

from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.verification import verify_execution
from runbook.execution import lease
from runbook.execution.questions import Choice, Question
from tests.execution.staging import Script, Stage, is_running, script, until

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


SET_UP = """
    # %% Ready name="ready" tags=["setup"]
    with open("ready", "a") as log:
        log.write("x")
    count = 3
    # %% before
    with open("before", "a") as log:
        log.write("x")
    lost = 1
    # %% dying
    import os, signal, subprocess
    if not os.path.exists("died"):
        open("died", "w").close()
        subprocess.Popen(["sleep", "20"])
        print("last words", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    print("count is", count)
    # %% after
    print("lost" in globals())
"""


def test_an_operator_goes_on_in_a_new_kernel_when_one_has_died(stage: Stage) -> None:
    execution = stage.plan(SET_UP, unattended=False)
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        result = session.drive(shown := script("run", "go", "retry", "go"))
    said = shown.texts()

    assert shown.asked == ["start ready", "start before", "failed dying", "start after"]
    assert [(each.name, each.state) for each in result.steps] == [
        ("ready", "succeeded"),
        ("before", "succeeded"),
        ("dying", "succeeded"),
        ("after", "succeeded"),
    ]
    assert ("last words" in said, "count is 3" in said, "False" in said) == (True, True, True)
    assert ((execution / "work/ready").read_text(), (execution / "work/before").read_text()) == ("xx", "x")
    states = [
        event.text("state")
        for event in shown.events
        if event.text("step") == "dying" and event.kind == "step-ended"
    ]
    assert states == ["kernel-died", "succeeded"]
    ended = [event.payload for event in shown.events if event.kind == "kernel-ended"]
    assert [(each["number"], each["expected"]) for each in ended] == [(1, False), (2, True)]
    (left,) = (
        event for event in shown.events if event.kind == "note" and "still runs" in event.text("words")
    )
    pid = int(re.search(r"pid (\d+)", left.text("words"))[1])  # type: ignore[index]  # or the test fails
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)
    verdict = verify_execution(folder)
    assert (verdict.findings, verdict.verdict) == ((), "UNSIGNED")


def test_a_kernel_killed_while_a_question_waits_leaves_the_question(stage: Stage) -> None:
    execution = stage.plan(SET_UP.replace("if not os", "if False and os"), unattended=False)
    folder = ExecutionFolder(execution)

    def says(question: Question) -> Choice:
        if question.step == "dying":
            kernel = lease.read(folder).kernel
            assert kernel is not None
            os.kill(kernel, signal.SIGKILL)
            until(lambda: b'"kernel-ended"' in folder.journal.read_bytes())
        return "run"

    with stage.start(execution) as session:
        result = session.drive(shown := Script(says))

    assert shown.asked == ["start ready", "start before", "start dying", "start after"]
    assert result.outcome == "succeeded"
    assert (execution / "work/ready").read_text() == "xx"
    assert "count is 3" in shown.texts()
    assert verify_execution(folder).findings == ()


LEAVING = """
    # %% leaving
    import subprocess, sys
    code = r'''
    import os, socket, time
    while not os.path.exists("where"):
        time.sleep(0.01)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(open("where").read())
    try:
        s.sendall(b'{"v":1,"say":{"type":"hello","who":"step","mode":"drive","take":true}}\\n')
    except BrokenPipeError:
        pass
    heard = s.makefile("rb").readline()
    open("half", "wb").write(heard)
    os.rename("half", "heard")
    '''
    left = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    # %% after
    print("after")
"""


def test_what_a_dead_kernel_left_running_answers_no_question_of_the_next(stage: Stage) -> None:
    """It has lost its parents, but not the mark of its kernel."""
    execution = stage.plan(LEAVING, unattended=False)
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session, pytest.raises(StopIteration):
        session.drive(script("run"))
    stage.kill_both(execution)

    def says(question: Question) -> Choice:
        (execution / "work/half").write_text(lease.read(folder).socket)
        (execution / "work/half").rename(execution / "work/where")
        until((execution / "work/heard").exists)
        assert b"can't talk to the run that it belongs to" in (execution / "work/heard").read_bytes()
        return "run"

    with stage.start(execution, task="resume") as session:
        result = session.drive(Script(says))

    assert result.outcome == "succeeded"


def test_a_kernel_that_dies_while_it_is_taken_over_is_replaced(stage: Stage) -> None:
    text = SET_UP.replace("os.kill(os", "while not os.path.exists('now'): pass\n        os.kill(os")
    execution = stage.plan(text)
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until(lambda: folder.journal.exists() and b"last words" in folder.journal.read_bytes())
        stage.kill_supervisor(execution)
    with stage.start(execution, task="resume") as session:
        (execution / "work/now").touch()
        result = session.drive(shown := script("retry", "go"))

    assert shown.asked == ["failed dying", "start after"]
    assert [each.state for each in result.steps] == ["succeeded"] * 4
    ends = [event.text("state") for event in shown.events if event.kind == "step-ended"]
    assert ends == ["succeeded", "succeeded", "unknown", "succeeded", "succeeded", "succeeded"]
    assert ((execution / "work/ready").read_text(), (execution / "work/before").read_text()) == ("xx", "x")
    assert verify_execution(folder).findings == ()


def test_a_kernel_that_dies_alone_ends_an_unattended_run(stage: Stage) -> None:
    execution = stage.plan(SET_UP)
    with stage.start(execution) as session:
        result = session.drive(Script())

    assert result.outcome == "failed"
    assert result.sealed
    assert (execution / "work/ready").read_text() == "x"


@pytest.mark.parametrize("choice", ["stop", "continue"])
def test_without_another_attempt_the_dead_kernel_stays_in_the_record(stage: Stage, choice: Choice) -> None:
    execution = stage.plan(SET_UP, unattended=False)
    with stage.start(execution) as session:
        answers: list[tuple[Choice, str] | Choice] = ["run", "go", (choice, "it is done"), "go"]
        result = session.drive(script(*answers))

    after = "pending" if choice == "stop" else "succeeded"
    assert stage.states(execution) == {
        "ready": "succeeded",
        "before": "succeeded",
        "dying": "kernel-died",
        "after": after,
    }
    assert result.outcome == "failed"
    assert verify_execution(ExecutionFolder(execution)).findings == ()
