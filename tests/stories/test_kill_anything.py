"""Terminal, supervisor, kernel and child are killed at random moments; then the run is taken up or sealed.

Each seed is one run: a flood of numbered lines, steps that leave a mark each time they run, a child process.
Afterwards nothing that was published is missing, no step that was completed ran twice, no state is untrue.
A handful of seeds runs with every test; `make soak` runs the rest.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from runbook.errors import ExistsError, RunbookError
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal, whole_payload
from runbook.evidence.verification import verify_execution
from runbook.execution import launch, lease
from runbook.execution.kernel_messages import read_parts
from runbook.execution.questions import Choice, Question
from runbook.execution.spool import SpoolReader
from tests.execution.staging import Script, Stage, is_running, until

ROOT = Path(__file__).parents[2]
EVERY_TIME = 5
SOAK = 200 if os.environ.get("RUNBOOK_SOAK") else 0
VICTIMS = ("terminal", "supervisor", "kernel", "child", "both")

TEXT = """
    # %% ready name="ready" tags=["setup"]
    import subprocess, time
    def mark(name):
        with open("marks", "a") as file:
            file.write(name + "\\n")
    mark("ready")
    # %% one
    mark("one")
    for n in range(300):
        print("one", n)
    # %% two
    mark("two")
    for n in range(60):
        print("two", n, flush=True)
        time.sleep(0.003)
    # %% child name="child"
    mark("child")
    subprocess.run(["sh", "-c", "echo begun; sleep 0.25; echo ended; echo child-done >> marks"], check=True)
    # %% three
    mark("three")
    for n in range(60):
        print("three", n, flush=True)
        time.sleep(0.003)
"""
LINES = {"one": 300, "two": 60, "three": 60}


def go_on(question: Question) -> tuple[Choice, str] | Choice:
    """Whatever is asked: nothing is repeated, the run goes on behind it."""
    return ("continue", "looked at it") if question.asks == "failed" else "go"


def strike(victim: str, folder: ExecutionFolder, terminal: "subprocess.Popen[bytes]") -> None:
    """Kill it, where it is there to be killed."""
    with contextlib.suppress(RunbookError, ProcessLookupError, psutil.NoSuchProcess):
        if victim == "terminal":
            terminal.kill()
            return
        held = lease.read(folder)
        pids: dict[str, list[int | None]] = {
            "supervisor": [held.supervisor],
            "kernel": [held.kernel],
            "both": [held.supervisor, held.kernel],
        }
        if victim == "child":
            kernel = psutil.Process(held.kernel or held.supervisor)
            pids["child"] = [each.pid for each in kernel.children(recursive=True) if held.kernel]
        for pid in pids[victim]:
            if pid is not None:
                os.kill(pid, signal.SIGKILL)


def published(folder: ExecutionFolder) -> list[str]:
    """The lines that lie in the spool now: what the kernel published and the journal may not have."""
    found = ""
    for place in (folder.spool, *sorted(folder.spool.glob("[0-9]"))):
        for record in SpoolReader(place).records():
            message = read_parts(record.parts)
            if message["msg_type"] == "stream":
                found += message["content"]["text"]
    return found.split("\n")


def journaled(folder: ExecutionFolder) -> list[str]:
    found, blobs = "", Blobs(folder.blobs)
    for event in read_journal(folder).events:
        if event.kind == "message" and event.text("type") == "stream":
            content = whole_payload(event, blobs)["content"]
            assert isinstance(content, Mapping)
            found += str(content["text"])
    return found.split("\n")


def require_honest(stage: Stage, execution: Path, lost: list[str]) -> None:
    """What must hold of a run that is over, whatever was killed."""
    folder = ExecutionFolder(execution)
    assert folder.is_sealed()
    verdict = verify_execution(folder)
    assert verdict.findings == (), verdict
    lines, states = journaled(folder), stage.states(execution)
    missing = [line for line in lost if line and line not in set(lines)]
    assert not missing, f"published and not kept: {missing[:5]}"
    marks = (execution / "work/marks").read_text().split() if (execution / "work/marks").exists() else []
    for step, count in LINES.items():
        printed = [int(line.split()[1]) for line in lines if re.fullmatch(rf"{step} \d+", line)]
        assert printed == list(range(len(printed))), f"{step}: out of order, twice, or with a hole"
        assert marks.count(step) <= 1, f"{step} ran twice"
        if states[step] == "succeeded":
            assert len(printed) == count, f"{step} succeeded and says {len(printed)} lines of {count}"
            assert marks.count(step) == 1
        if states[step] == "pending":
            assert marks.count(step) == 0, f"{step} is called pending and ran"
    if states["child"] == "succeeded":
        assert marks.count("child-done") == 1
    require_ends_with_replies(list(read_journal(folder).events))


def require_ends_with_replies(events: list[Event]) -> None:
    replies = {event.text("parent") for event in events if event.text("type") == "runbook_reply"}
    for event in events:
        if event.kind == "step-ended" and event.text("state") == "succeeded":
            assert event.text("message") in replies, "succeeded without the kernel's word"


def one_life(stage: Stage, seed: int) -> None:
    """Begin, strike once or twice at random moments, take up or seal, look."""
    chance = random.Random(seed)
    victim = VICTIMS[seed % len(VICTIMS)]
    execution = stage.plan(TEXT)
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=20):
        pass
    terminal = subprocess.Popen(
        [sys.executable, "-m", "tests.stories.visitor", str(execution)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(chance.uniform(0, 1.8))
        strike(victim, folder, terminal)
        time.sleep(chance.uniform(0, 0.4))
        lost: list[str] = []
        if not folder.is_alive() and not folder.is_sealed():
            lost = published(folder)
            end(stage, execution, chance)
        else:
            until(lambda: folder.is_sealed() or not folder.is_alive(), seconds=30)
            until(lambda: not folder.is_alive(), seconds=30)
            if not folder.is_sealed():
                end(stage, execution, chance)
        until(lambda: not folder.is_alive())
        require_honest(stage, execution, lost)
    finally:
        terminal.kill()
        terminal.wait()


def end(stage: Stage, execution: Path, chance: random.Random) -> None:
    """Take it up (perhaps to be killed once more), or seal it."""
    folder = ExecutionFolder(execution)
    if chance.random() < 0.25:
        launch.seal(execution, workspace=stage.workspace, around=stage.around)
        return
    if chance.random() < 0.3:
        with contextlib.suppress(ExistsError), stage.start(execution, task="resume", linger_seconds=20):
            time.sleep(chance.uniform(0, 0.5))
            with contextlib.suppress(RunbookError, ProcessLookupError):
                os.kill(lease.read(folder).supervisor, signal.SIGKILL)
        until(lambda: not folder.is_alive())
    if not folder.is_sealed():
        # Whoever had said its last word is not gone on with, but sealed by the attempt.
        with contextlib.suppress(ExistsError), stage.start(execution, task="resume") as session:
            session.drive(Script(go_on))


@pytest.mark.parametrize("seed", range(EVERY_TIME * len(VICTIMS)))
def test_whatever_is_killed_nothing_is_lost_and_nothing_untrue(stage: Stage, seed: int) -> None:
    one_life(stage, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1000 + SOAK * len(VICTIMS)))
def test_the_same_for_a_long_time(stage: Stage, seed: int) -> None:
    one_life(stage, seed)


def test_a_seed_that_kills_leaves_no_process_behind(stage: Stage) -> None:
    execution = stage.plan(TEXT)
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=20):
        until(lambda: b'"step":"two"' in folder.journal.read_bytes())
        kernel = stage.kill_supervisor(execution)
    launch.seal(execution, workspace=stage.workspace, around=stage.around)
    assert kernel is not None
    until(lambda: not is_running(kernel))
    assert not lease.run_folder(os.environ, execution).exists()
