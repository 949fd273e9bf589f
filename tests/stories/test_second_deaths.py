"""A kernel dies while its run is taken up, or is where nobody looks for it: nothing it said is lost, and
nothing untrue is said of it."""

import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from runbook.errors import UnavailableError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal
from runbook.execution import launch, lease, taking_up
from runbook.execution.kernel_launch import survivors
from runbook.execution.leftovers import kernels
from runbook.execution.session import attach
from tests.execution.staging import Stage, is_running, script, until
from tests.stories.told import events, is_true, journal_has, texts

ALONE = """
    # %% tools name="tools" tags=["setup"]
    import pathlib, subprocess, time
    def wait(name):
        while not pathlib.Path(name).exists():
            time.sleep(0.01)
    # %% act name="act"
    with open("acts", "a") as log:
        log.write("x")
    print("here", flush=True)
    wait("alone")
    print("said " + "alone", flush=True)
    wait("end")
    # %% after
    print("after")
"""


def spool_has(folder: ExecutionFolder, words: bytes) -> bool:
    return any(words in each.read_bytes() for each in folder.spool.glob("*.spool"))


def left_alone(stage: Stage, text: str = ALONE) -> tuple[ExecutionFolder, int]:
    """A run whose supervisor died while its step ran; returns it and the kernel, which lives."""
    execution = stage.plan(text)
    with stage.start(execution, linger_seconds=60):
        until(lambda: journal_has(execution, b'here\\n"'))
        kernel = stage.kill_supervisor(execution)
    assert kernel is not None
    return ExecutionFolder(execution), kernel


@pytest.mark.parametrize("replied", [False, True])
def test_a_kernel_that_dies_while_it_is_taken_over_has_said_what_it_said(stage: Stage, replied: bool) -> None:
    folder, kernel = left_alone(stage)
    (folder.work / "alone").touch()
    until(lambda: spool_has(folder, b"said alone"))
    if replied:
        (folder.work / "end").touch()
        until(lambda: replies(folder) == 2)
    os.kill(kernel, signal.SIGSTOP)  # it is there, and answers nobody
    with stage.start(folder.path, task="resume") as session:
        os.kill(kernel, signal.SIGKILL)
        answers = ["go"] if replied else [("continue", "looked at it"), "go"]
        result = session.drive(shown := script(*answers))

    assert shown.asked == ["start after"] if replied else ["failed act", "start after"]
    assert texts(folder.path) == "here\nsaid alone\nafter\n"
    assert stage.states(folder.path)["act"] == ("succeeded" if replied else "unknown")
    assert (folder.work / "acts").read_text() == "x"
    assert result.sealed
    assert is_true(folder.path)


def replies(folder: ExecutionFolder) -> int:
    return sum(each.read_bytes().count(b'"runbook_reply"') for each in folder.spool.glob("*.spool"))


def elsewhere(stage: Stage, home: Path) -> None:
    """From here on this user's session has another place for sockets, as after `su`, or in another login."""
    other = home / "r2"
    other.mkdir(mode=0o700)
    stage.around = msgspec.structs.replace(
        stage.around, env={**stage.around.env, "XDG_RUNTIME_DIR": str(other)}
    )


@pytest.mark.parametrize("how", ["resume", "seal"])
def test_a_kernel_is_found_also_from_a_session_with_another_runtime_folder(
    stage: Stage, home: Path, how: str
) -> None:
    folder, kernel = left_alone(stage)
    elsewhere(stage, home)
    (folder.work / "alone").touch()
    if how == "seal":
        launch.seal(folder.path, workspace=stage.workspace, around=stage.around)
    else:
        with stage.start(folder.path, task="resume") as session:
            (folder.work / "end").touch()
            result = session.drive(shown := script("go"))
        assert shown.asked == ["start after"]
        assert result.outcome == "succeeded"
        assert [each.payload["adopted"] for each in events(folder.path, "kernel-started")] == [False, True]
        assert texts(folder.path) == "here\nsaid alone\nafter\n"

    until(lambda: not is_running(kernel))
    assert not lease.run_folder(os.environ, folder.path).exists()
    assert not lease.run_folder(stage.around.env, folder.path).exists()
    assert is_true(folder.path)


@pytest.mark.parametrize("how", ["resume", "seal"])
def test_of_a_kernel_that_lives_and_cannot_be_reached_nothing_is_said_until_it_is_gone(
    stage: Stage, how: str
) -> None:
    """What takes away a user's runtime folder is a logout."""
    folder, kernel = left_alone(stage)
    shutil.rmtree(lease.run_folder(os.environ, folder.path))
    ways: dict[str, Callable[[], object]] = {
        "resume": partial(stage.start, folder.path, task="resume"),
        "seal": partial(launch.seal, folder.path, workspace=stage.workspace, around=stage.around),
    }
    with pytest.raises(UnavailableError, match="lives and can't be reached") as refused:
        ways[how]()
    assert refused.value.hint is not None
    assert f"`kill {kernel}`" in refused.value.hint
    assert not events(folder.path, "kernel-ended")

    (folder.work / "alone").touch()
    until(lambda: spool_has(folder, b"said alone"))
    os.kill(kernel, signal.SIGTERM)
    until(lambda: not is_running(kernel))
    with stage.start(folder.path, task="resume") as session:
        session.drive(script(("continue", "looked at it"), "go"))
    assert texts(folder.path) == "here\nsaid alone\nafter\n"
    assert is_true(folder.path)


SERVICE = ALONE.replace(
    'print("here", flush=True)', 'child = subprocess.Popen(["sleep", "300"])\n    print("here", flush=True)'
)


def test_what_a_dead_kernel_left_running_is_named_also_when_other_runs_were_started_meanwhile(
    stage: Stage,
) -> None:
    folder, kernel = left_alone(stage, SERVICE)
    os.kill(kernel, signal.SIGKILL)
    until(lambda: not is_running(kernel))
    (place,) = kernels(lease.run_folder(os.environ, folder.path))
    ((child, _),) = survivors(place)
    try:
        stage.run("# %% a\nx = 1\n")  # takes away what dead runs left behind
        with stage.start(folder.path, task="resume") as session:
            session.drive(script("stop"))
        (note,) = [each for each in events(folder.path, "note") if "still runs" in each.text("words")]
        assert f"pid {child.pid}, sleep 300" in note.text("words")
        kinds = [each.kind for each in read_journal(folder).events]
        assert kinds.index("note") < kinds.index("kernel-ended"), "who dies in between says it again"
    finally:
        os.kill(child.pid, signal.SIGKILL)
    until(lambda: not is_running(child.pid))
    stage.run("# %% a\nx = 1\n")
    assert not place.parent.exists()


def test_no_number_of_a_kernel_is_given_twice(tmp_path: Path) -> None:
    """One that died before it published has a folder in the private place alone, and a restart of the machine
    takes that away: the next must not be taken for the one whose end was told."""
    folder, place = ExecutionFolder(tmp_path / "20261121T001205Z-x-7f3a9c"), tmp_path / "private"
    (place / "k2").mkdir(parents=True)
    assert taking_up.last_kernel(folder, place, ended=1) == 2
    shutil.rmtree(place)
    assert taking_up.last_kernel(folder, place, ended=2) == 2
    (folder.spool / "3").mkdir(parents=True)
    assert taking_up.last_kernel(folder, place, ended=2) == 3


@pytest.mark.parametrize("asks", ["input", "getpass"])
def test_that_a_question_of_a_step_reaches_nobody_any_more_is_said_and_the_step_can_be_ended(
    stage: Stage, asks: str
) -> None:
    """The kernel sends it to the socket of who asked for the step to run: that is gone for good."""
    execution = stage.plan(
        f"""
        # %% act name="act"
        from getpass import getpass
        said = {asks}("who? ")
        # %% after
        print("after")
        """,
        unattended=False,
    )
    with stage.start(execution, linger_seconds=60) as session, pytest.raises(StopIteration):
        session.drive(script("run"))
    for n in (1, 2):  # also to who comes after a second death
        stage.kill_supervisor(execution)
        with stage.start(execution, task="resume"):
            until(lambda n=n: len(events(execution, "note")) == n)  # type: ignore[misc]  # bool

    with attach(execution, who="alice@here") as session:
        session.interrupt()
        result = session.drive(shown := script(("continue", "asked in vain"), "go"))

    assert shown.asked == ["failed act", "start after"]
    assert [step.state for step in result.steps] == ["interrupted", "succeeded"]
    notes = [each.text("words") for each in events(execution, "note")]
    asked = "its question reaches nobody any more (act asks: who?): if it waits, Ctrl-C interrupts it"
    assert notes == [asked, asked]
    assert is_true(execution)
