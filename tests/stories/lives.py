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
from runbook.execution.session import Session
from runbook.execution.spool import SpoolReader
from tests.execution.staging import PATIENCE_SECONDS, Script, Stage, until

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
SET_UP = ("given", "injected-parameters", "ready", "tools")
LINES = {"one": 300, "two": 60, "three": 60}


class Kind:
    """What kind of run a life is of. `text` is what runs, `lines` what its steps say; in an `attended` one
    somebody answers from the beginning. Others differ in these (`kinds`)."""

    text = TEXT
    lines: Mapping[str, int] = LINES
    attended = False

    def arrange(self, stage: Stage) -> None:
        """What has to be there before the run."""

    def plan(self, stage: Stage) -> Path:
        return stage.plan(self.text, unattended=not self.attended)

    def operator(self, stage: Stage, folder: ExecutionFolder) -> Script:
        """Whoever sits at the terminal."""
        return Script(go_on)

    def look(self, stage: Stage, said: str) -> None:
        """What must hold at any moment. `said`: what the terminals got to see."""

    def require(self, execution: Path) -> None:
        """What must hold, besides, of a run that is over."""


class Life:
    """One run, from its beginning on. `begin` it, `strike`, then `end` it."""

    def __init__(self, stage: Stage, victim: str, kind: Kind | None = None) -> None:
        self._stage = stage
        self._victim = victim
        self._kind = kind or Kind()
        self._terminal: subprocess.Popen[bytes] | None = None
        self._chair: threading.Thread | None = None
        self._operators: list[Script] = []
        self._before: set[Path] = set()
        self._screen = stage.root.parent / "screen"

    @property
    def folder(self) -> ExecutionFolder | None:
        """The execution's folder, once there is one."""
        found = [each for each in self._planned() if each not in self._before]
        return ExecutionFolder(found[0]) if found else None

    def _planned(self) -> list[Path]:
        return [path.parent for path in self._stage.root.glob("executions/*/*/plan.json")]

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Begin: by the program itself where that is to be killed, else from here, with a terminal apart."""
        self._kind.arrange(self._stage)
        self._before = {*self._planned()}
        if self._victim in ("run", "hung up"):
            self._stage.write(self._kind.text)
            self._sit_at(["runbook", "run", "x.py", "--env", "scratch", "--unattended"], self._stage.root)
        else:
            execution = self._kind.plan(self._stage)
            session = self._stage.start(execution, linger_seconds=20)
            if self._kind.attended:
                operator = self._operator(ExecutionFolder(execution))
                self._chair = threading.Thread(target=_drive, args=[session, operator], daemon=True)
                self._chair.start()
            else:
                session.close()
                self._sit_at(["tests.stories.visitor", str(execution)], ROOT)
        try:
            yield
        finally:
            self.leave()
            if self.folder is not None and self.folder.path not in self._stage.executions:
                self._stage.executions.append(self.folder.path)

    def _sit_at(self, words: list[str], where: Path) -> None:
        with self._screen.open("ab") as screen:
            self._terminal = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=where,
                env=dict(self._stage.around.env),
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
                start_new_session=True,
            )

    def _operator(self, folder: ExecutionFolder) -> Script:
        self._operators.append(self._kind.operator(self._stage, folder))
        return self._operators[-1]

    def _said(self) -> str:
        """What the terminals got to see."""
        shown = [str(event.payload) for each in self._operators for event in each.events]
        told = [word for each in self._operators for word in (*each.heard, *each.asked)]
        return (self._screen.read_text() if self._screen.exists() else "") + "\n".join([*shown, *told])

    def leave(self) -> None:
        """Whoever sat at the terminal is gone."""
        if self._chair is not None:
            self._chair.join(PATIENCE_SECONDS)
            assert not self._chair.is_alive(), "the run is gone, and its terminal does not notice"
        if self._terminal is not None:
            self._terminal.kill()
            self._terminal.wait()

    @property
    def takes_the_supervisor(self) -> bool:
        return self._victim in ("supervisor", "both")

    def strike(self) -> None:
        """Kill it, where it is there to be killed."""
        if self._victim in ("terminal", "run", "hung up"):
            assert self._terminal is not None
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
            self._kind.look(stage, self._said())
        until(lambda: not folder.is_alive())
        self.leave()  # or it could come late, and sit in the chair of who takes up
        if not folder.is_sealed():
            assert self._victim not in ("terminal", "run", "hung up"), "a lost terminal ended the run"
            take_up(stage, folder, chance, self._operator(folder))
        until(lambda: not folder.is_alive())
        require_honest(stage, folder.path, lost, lines=self._kind.lines)
        self._kind.look(stage, self._said())
        self._kind.require(folder.path)

    def _is_going_on(self) -> bool:
        return self.folder is not None and self.folder.start.exists()


def _somebody_of(stage: Stage) -> bool:
    """Whether a process of this test lives: its home is nobody else's. Their SSH agent always does."""
    mark = b"HOME=" + os.fsencode(stage.around.env["HOME"]) + b"\0"
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(OSError):
            if process.info["name"] == "ssh-agent":
                continue
            if mark in Path(f"/proc/{process.pid}/environ").read_bytes() and process.pid != os.getpid():
                return True
    return False


def _drive(session: Session, operator: Script) -> None:
    with session:
        session.drive(operator)


def go_on(question: Question) -> tuple[Choice, str] | Choice:
    """Whatever is asked: nothing but set-up is repeated, the run goes on behind it."""
    if question.asks == "failed" and question.step in SET_UP:
        return "retry"
    if question.asks == "failed":
        return "continue", "looked at it"
    return "go" if question.typed is None else ("go", question.typed)


def take_up(stage: Stage, folder: ExecutionFolder, chance: random.Random, operator: Script) -> None:
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
            session.drive(operator)
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


def require_honest(stage: Stage, execution: Path, lost: list[str], *, lines: Mapping[str, int]) -> None:
    """What must hold of a run that is over, whatever was killed."""
    folder = ExecutionFolder(execution)
    assert folder.is_sealed()
    verdict = verify_execution(folder)
    assert verdict.findings == (), verdict
    said, states = journaled(folder), stage.states(execution)
    missing = [line for line in lost if line and line not in set(said)]
    assert not missing, f"published and not kept: {missing[:5]}"
    marks = (execution / "work/marks").read_text().split() if (execution / "work/marks").exists() else []
    for step, count in lines.items():
        printed = [int(line.split()[1]) for line in said if re.fullmatch(rf"{step} \d+", line)]
        assert printed == list(range(len(printed))), f"{step}: out of order, twice, or with a hole"
        assert marks.count(step) <= 1, f"{step} ran twice"
        if states[step] == "succeeded":
            assert len(printed) == count, f"{step} succeeded and says {len(printed)} lines of {count}"
            assert marks.count(step) == 1
        if states[step] in ("pending", "skipped"):
            assert marks.count(step) == 0, f"{step} is called {states[step]} and ran"
    if states.get("child") == "succeeded":
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

    def holds(folder: ExecutionFolder) -> bool:
        with contextlib.suppress(FileNotFoundError):  # the run has ended, and its spool is cleared away
            return any(words.encode() in path.read_bytes() for path in folder.spool.glob("*.spool"))
        return False

    return holds


# In the order in which they come. The last ones are short: what is struck may be over by then, which is fine.
MOMENTS: dict[str, Moment] = {
    "the start is recorded": lambda folder: folder.start.exists(),
    "the journal is opened": journal_says("opened"),
    "the kernel has answered": journal_says("kernel-started"),
    "a step is begun": journal_says("step-started", "one"),
    "a step prints": spool_holds("two 5"),
    "a child runs": spool_holds("begun"),
    "a step has ended": journal_says("step-ended", "child"),
    "the last word is said": journal_says("sealed"),
    "the record is written": lambda folder: folder.record.exists(),
    "the audit is written": lambda folder: folder.audit.exists(),
    "the seal is written": lambda folder: folder.finish.exists(),
}


def at_random(life: Life, chance: random.Random) -> None:
    """Begin, strike at a random moment, take up or seal, look."""
    with life.begun():
        time.sleep(chance.uniform(0, 1.8))
        life.strike()
        time.sleep(chance.uniform(0, 0.4))
        life.end(chance)


def at_the_moment(life: Life, has_come: Moment, chance: random.Random) -> None:
    """Begin, strike as soon as the moment has come, take up or seal at once, look."""
    with life.begun():
        until(lambda: life.folder is not None)
        folder = life.folder
        assert folder is not None
        limit = time.monotonic() + PATIENCE_SECONDS
        while not (has_come(folder) or folder.is_sealed()):
            assert time.monotonic() < limit, "the moment never came"
            time.sleep(0.0005)
        life.strike()
        if life.takes_the_supervisor:
            until(lambda: not folder.is_alive())
        life.end(chance)
