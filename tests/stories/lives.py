"""Lives of runs: one begins, something is killed, it is taken up or sealed; and what must hold then.

The run is a flood of numbered lines, steps that leave a mark each time they run, and a child process.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

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
from tests.execution.staging import Script, Stage, until

ROOT = Path(__file__).parents[2]
VICTIMS = ("terminal", "supervisor", "kernel", "child", "both", "run", "hung up")
"""Whom to kill. `both`: supervisor and kernel; `run`: the `runbook run` that began it; `hung up`: its
terminal is closed."""

TEXT = """
    # %% ready name="ready" tags=["setup"]
    import subprocess, time
    def mark(name):
        with open("marks", "a") as file:
            file.write(name + "\\n")
    mark("ready")
    # %% tools name="tools" tags=["setup"]
    shell = ["sh", "-c"]
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
    subprocess.run([*shell, "echo begun; sleep 0.25; echo ended; echo child-done >> marks"], check=True)
    # %% three
    mark("three")
    for n in range(60):
        print("three", n, flush=True)
        time.sleep(0.003)
"""
SET_UP = ("ready", "tools")
LINES = {"one": 300, "two": 60, "three": 60}


class Life:
    """One run, from its beginning on. `begin` it, `strike`, then `end` it."""

    def __init__(self, stage: Stage, victim: str) -> None:
        self._stage = stage
        self._victim = victim
        self._terminal: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> ExecutionFolder | None:
        """The execution's folder, once there is one."""
        found = [path.parent for path in self._stage.root.glob("executions/*/*/plan.json")]
        return ExecutionFolder(found[0]) if found else None

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Begin: by the program itself where that is to be killed, else from here, with a terminal apart."""
        if self._victim in ("run", "hung up"):
            self._stage.write(TEXT)
            words = ["runbook", "run", "x.py", "--env", "scratch", "--unattended"]
            where = self._stage.root
        else:
            execution = self._stage.plan(TEXT)
            self._stage.start(execution, linger_seconds=20).close()
            words, where = ["tests.stories.visitor", str(execution)], ROOT
        self._terminal = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=where,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            self.leave()
            if self.folder is not None and self.folder.path not in self._stage.executions:
                self._stage.executions.append(self.folder.path)

    def leave(self) -> None:
        """Whoever sat at the terminal is gone."""
        assert self._terminal is not None
        self._terminal.kill()
        self._terminal.wait()

    def strike(self) -> None:
        """Kill it, where it is there to be killed."""
        assert self._terminal is not None
        if self._victim in ("terminal", "run", "hung up"):
            number = signal.SIGHUP if self._victim == "hung up" else signal.SIGKILL
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._terminal.pid, number)
            return
        assert self.folder is not None
        with contextlib.suppress(RunbookError, ProcessLookupError, psutil.NoSuchProcess):
            for pid in self._pids(lease.read(self.folder)):
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)

    def _pids(self, held: lease.Lease) -> list[int | None]:
        if self._victim == "child":
            children = psutil.Process(held.kernel).children(recursive=True) if held.kernel else []
            return [each.pid for each in children]
        if self._victim == "kernel":
            return [held.kernel]
        return [held.supervisor, held.kernel] if self._victim == "both" else [held.supervisor]

    def end(self, chance: random.Random) -> None:
        """Wait for its end, or take up or seal what a killed supervisor left; then look at it."""
        stage = self._stage
        lost: list[str] = []
        if self.folder is None or not self.folder.start.exists():
            until(lambda: self._is_going_on() or not _somebody_of(stage))
        folder = self.folder
        if folder is None or not folder.start.exists():  # killed before there was a run
            assert not list(stage.root.glob("executions/*/*/work/marks"))
            return
        if not folder.is_alive() and not folder.is_sealed():
            lost = published(folder)
        until(lambda: not folder.is_alive())
        self.leave()  # or it could come late, and sit in the chair of who takes up
        if not folder.is_sealed():
            assert self._victim not in ("terminal", "run", "hung up"), "a lost terminal ended the run"
            take_up(stage, folder, chance)
        until(lambda: not folder.is_alive())
        require_honest(stage, folder.path, lost)

    def _is_going_on(self) -> bool:
        return self.folder is not None and self.folder.start.exists()


def _somebody_of(stage: Stage) -> bool:
    """Whether a process of this test lives: its home is nobody else's."""
    mark = b"HOME=" + os.fsencode(stage.around.env["HOME"]) + b"\0"
    for process in psutil.process_iter():
        with contextlib.suppress(OSError):
            if mark in Path(f"/proc/{process.pid}/environ").read_bytes() and process.pid != os.getpid():
                return True
    return False


def go_on(question: Question) -> tuple[Choice, str] | Choice:
    """Whatever is asked: nothing but set-up is repeated, the run goes on behind it."""
    if question.asks == "failed" and question.step in SET_UP:
        return "retry"
    return ("continue", "looked at it") if question.asks == "failed" else "go"


def take_up(stage: Stage, folder: ExecutionFolder, chance: random.Random) -> None:
    """Take it up (perhaps to be killed once more, perhaps with its kernel killed meanwhile), or seal it."""
    if chance.random() < 0.25:
        launch.seal(folder.path, workspace=stage.workspace, around=stage.around)
        return
    if chance.random() < 0.3:
        with (
            contextlib.suppress(ExistsError),
            stage.start(folder.path, task="resume", linger_seconds=20),
        ):
            time.sleep(chance.uniform(0, 0.5))
            with contextlib.suppress(RunbookError, ProcessLookupError):
                os.kill(lease.read(folder).supervisor, signal.SIGKILL)
        until(lambda: not folder.is_alive())
    if not folder.is_sealed():
        # Whoever had said its last word is not gone on with, but sealed by the attempt.
        with (
            contextlib.suppress(ExistsError),
            stage.start(folder.path, task="resume") as session,
        ):
            striker = threading.Timer(chance.uniform(0.2, 1.2), _kill_kernel, [folder])
            if chance.random() < 0.4:
                striker.start()
            session.drive(Script(go_on))
            striker.cancel()


def _kill_kernel(folder: ExecutionFolder) -> None:
    """Who takes a run up is asked, and goes on in another one."""
    with contextlib.suppress(RunbookError, ProcessLookupError):
        kernel = lease.read(folder).kernel
        if kernel is not None:
            os.kill(kernel, signal.SIGKILL)


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
    assert "NameError" not in folder.audit.read_text(), "a step ran in a kernel that was set up in part"
    require_ends_with_replies(list(read_journal(folder).events))


def require_ends_with_replies(events: list[Event]) -> None:
    replies = {event.text("parent") for event in events if event.text("type") == "runbook_reply"}
    for event in events:
        if event.kind == "step-ended" and event.text("state") == "succeeded":
            assert event.text("message") in replies, "succeeded without the kernel's word"


Moment = Callable[[ExecutionFolder], bool]


def journal_says(kind: str, step: str = "") -> Moment:
    """The moment when the journal has an event of this kind, about this step."""

    def holds(folder: ExecutionFolder) -> bool:
        words = (f'"kind":"{kind}"'.encode(), f'"step":"{step}"'.encode() if step else b"")
        lines = folder.journal.read_bytes().split(b"\n") if folder.journal.exists() else []
        return any(all(word in line for word in words) for line in lines)

    return holds


def spool_holds(words: str) -> Moment:
    """The moment when the kernel has published these words, journaled or not."""
    return lambda folder: any(words.encode() in path.read_bytes() for path in folder.spool.glob("*.spool"))
