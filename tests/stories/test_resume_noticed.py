"""What a supervisor had noticed of a step before it died is not forgotten by who takes the run up."""

import json
import os
import signal
from pathlib import Path

import pytest
from jupyter_client.blocking import BlockingKernelClient

from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder
from runbook.execution import launch, lease
from runbook.execution.session import attach
from tests.execution.staging import Script, Stage, is_running, script, until
from tests.stories.told import events, is_true, journal_has

INTERRUPTED = """
    # %% act name="act" tags=["idempotent"] retries=2
    import pathlib, time
    with open("acts", "a") as log:
        log.write("x")
    try:
        print("act" + "ing", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("fe" + "lt", flush=True)
        while not pathlib.Path("alone").exists():
            time.sleep(0.02)
        {then}
    # %% after
    print("after")
"""


class Leaving(Script):
    """Lets a step run, and leaves when it has said these words."""

    def __init__(self, words: str) -> None:
        super().__init__(lambda question: "run")
        self._words = words

    def show(self, event: Event) -> None:
        super().show(event)
        if self._words in self.texts():
            raise KeyboardInterrupt


def until_replied(folder: ExecutionFolder, *, times: int = 1) -> None:
    spools = folder.spool.glob
    until(lambda: sum(each.read_bytes().count(b'"runbook_reply"') for each in spools("*.spool")) >= times)


@pytest.mark.parametrize("how", ["resume", "resume cold", "seal"])
@pytest.mark.parametrize("then", ["raise", "pass"])
def test_a_step_that_a_person_interrupted_is_interrupted_also_when_its_supervisor_did_not_live_to_say_it(
    stage: Stage, then: str, how: str
) -> None:
    """The text lets a failed attempt be repeated by itself; one that somebody ended is no failed one."""
    execution = stage.plan(INTERRUPTED.format(then=then))
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60) as session:
        until(lambda: journal_has(execution, b"acting"))
        session.interrupt()
        until(lambda: journal_has(execution, b"felt"))
        kernel = stage.kill_supervisor(execution)
    assert kernel is not None
    (execution / "work/alone").touch()
    until_replied(folder)
    if how == "seal":
        launch.seal(execution, workspace=stage.workspace, around=stage.around)
    else:
        if how == "resume cold":
            os.kill(kernel, signal.SIGKILL)
            until(lambda: not is_running(kernel))
        with stage.start(execution, task="resume") as session:
            session.drive(shown := script("stop"))
        assert shown.asked == ["failed act"]

    assert stage.states(execution) == {"act": "interrupted", "after": "pending"}
    assert (execution / "work/acts").read_text() == "x"
    assert is_true(execution)


@pytest.mark.parametrize("then", ["raise", "pass"])
def test_a_run_that_was_told_to_stop_after_its_step_keeps_what_the_step_came_to(
    stage: Stage, then: str
) -> None:
    """`stop` and `stop --now` are one event: only a step that felt an interrupt was interrupted."""
    execution = stage.plan(INTERRUPTED.format(then=then))
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60) as session:
        until(lambda: journal_has(execution, b"acting"))
        session.stop(now=True)
        until(lambda: journal_has(execution, b"felt"))
        stage.kill_supervisor(execution)
    (execution / "work/alone").touch()
    until_replied(folder)

    launch.seal(execution, workspace=stage.workspace, around=stage.around)

    assert stage.states(execution)["act"] == {"raise": "interrupted", "pass": "succeeded"}[then]
    assert stage.standing(execution).outcome == "stopped"
    assert is_true(execution)


SLOW = """
    # %% before
    known = 1
    # %% slow
    import pathlib, time
    print("slowly", flush=True)
    while not pathlib.Path("alone").exists():
        time.sleep(0.02)
    # %% after
    print("after")
"""


def visit(execution: Path, code: str) -> None:
    """Run code in the kernel of a run, as a second client."""
    folder = lease.read(ExecutionFolder(execution)).kernel_folder
    assert folder is not None
    client = BlockingKernelClient()
    client.load_connection_info(
        {
            key: value
            for key, value in json.loads(Path(folder, "kernel.json").read_text()).items()
            if key != "runbook"
        }
    )
    client.start_channels()
    try:
        client.execute(code, reply=True, timeout=60)
    finally:
        client.stop_channels()


@pytest.mark.parametrize("how", ["resume", "resume cold", "seal"])
def test_after_foreign_code_a_step_is_not_called_succeeded_by_the_next_supervisor_either(
    stage: Stage, how: str
) -> None:
    execution = stage.plan(SLOW, unattended=False)
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60) as session, pytest.raises(StopIteration):
        session.drive(script("run"))
    visit(execution, "stolen = 1")
    until(lambda: bool(events(execution, "foreign")))
    with attach(execution, who="alice@here") as session, pytest.raises(KeyboardInterrupt):
        session.drive(Leaving("slowly"))
    kernel = stage.kill_supervisor(execution)
    assert kernel is not None
    (execution / "work/alone").touch()
    until_replied(folder, times=3)  # the stranger's is one
    if how == "seal":
        launch.seal(execution, workspace=stage.workspace, around=stage.around)
    else:
        if how == "resume cold":
            os.kill(kernel, signal.SIGKILL)
            until(lambda: not is_running(kernel))
        with stage.start(execution, task="resume") as session:
            session.drive(shown := script(("continue", "looked at it"), "run"))
        assert shown.asked == ["failed slow", "start after"]

    states = stage.states(execution)
    assert (states["before"], states["slow"]) == ("succeeded", "unknown")
    if how != "seal":
        assert states["after"] == "succeeded", "one step is doubted for it, not all that follow"
    (ended,) = [each for each in events(execution, "step-ended") if each.text("step") == "slow"]
    assert ended.text("reason") == "foreign: somebody else ran code in the kernel"
    assert is_true(execution)
