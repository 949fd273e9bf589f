"""A stage for real runs: a folder with a runbook, a script in the operator's chair, real kernels below."""

import contextlib
import os
import select
import signal
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from runbook import workspace as workspaces
from runbook.errors import RunbookError
from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal
from runbook.evidence.planned import Selection
from runbook.evidence.states import Standing, standing
from runbook.execution import fetching, launch, lease, plan_folder
from runbook.execution.handing import Task, Ways
from runbook.execution.plan import Plan, Terms
from runbook.execution.prepare import Wanted, prepare
from runbook.execution.questions import Answer, Choice, Question
from runbook.execution.session import Result, Session
from runbook.system import clock
from runbook.text.values import Given
from runbook.workspace import Surroundings, Workspace

PATIENCE_SECONDS = 60
"""How long anything may take on a machine that has a lot else to do."""

Says = Callable[[Question], tuple[Choice, str] | Choice]


class Script:
    """An operator made of a function: what it says to each question. Everything shown is kept."""

    def __init__(self, says: Says | None = None) -> None:
        self._says = says
        self.events: list[Event] = []
        self.asked: list[str] = []
        self.heard: list[str] = []

    def show(self, event: Event) -> None:
        self.events.append(event)

    def ask(self, question: Question, wake: int) -> Answer | None:
        self.asked.append(f"{question.asks} {question.step}")
        if self._says is None:  # nobody is in the chair: something else must happen
            assert select.select([wake], [], [], PATIENCE_SECONDS)[0], f"nobody should be asked: {question}"
            return None
        said = self._says(question)
        choice, words = (said, "") if isinstance(said, str) else said
        return Answer(question=question.number, choice=choice, words=words)

    def told(self, message: str) -> None:
        self.heard.append(message)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def texts(self) -> str:
        """What the steps printed, put together."""
        return "".join(
            str(content.get("text", ""))
            for event in self.events
            if event.kind == "message" and isinstance(content := event.payload.get("content"), Mapping)
        )


def script(*answers: tuple[Choice, str] | Choice) -> Script:
    rest = iter(answers)
    return Script(lambda question: next(rest))


class Stage:
    """One workspace; every run on it is ended with it."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.around = Surroundings(
            cwd=root,
            env=dict(os.environ),
            machine_config=home / "no-machine.toml",
            user_config=home / "no-user.toml",
            state_folder=home / ".local/state/runbook",  # where the program has it
            login="alice",
            host="here",
        )
        self.executions: list[Path] = []

    @property
    def workspace(self) -> Workspace:
        return workspaces.find(self.root, self.around)

    def write(self, text: str, name: str = "x.py") -> bytes:
        data = textwrap.dedent(text).lstrip("\n").encode()
        (self.root / name).write_bytes(data)
        return data

    def prepare(
        self,
        text: str,
        *,
        unattended: bool = True,
        dry_run: bool = False,
        selection: Selection | None = None,
        **given: str,
    ) -> Plan:
        wanted = Wanted(
            path="x.py",
            data=self.write(text),
            terms=Terms(
                environment="scratch",
                unattended=unattended,
                dry_run=dry_run,
                selection=selection or Selection(),
            ),
            given=[Given(name=name, raw=raw, origin="command line") for name, raw in given.items()],
        )
        return prepare(wanted, workspace=self.workspace, around=self.around, now=clock.now())

    def plan(self, text: str, **terms: object) -> Path:
        """Plan and write; returns the execution's folder."""
        plan = self.prepare(text, **terms)  # type: ignore[arg-type]  # keywords of `prepare`
        execution = plan_folder.write(plan, self.root / "executions", state=self.around.state_folder)
        self.executions.append(execution)
        return execution

    def start(self, execution: Path, *, task: Task = "begin", **ways: object) -> Session:
        told = Ways(**{"linger_seconds": 2, "kernel_seconds": PATIENCE_SECONDS, **ways})  # type: ignore[arg-type]
        record, _ = plan_folder.read_record(ExecutionFolder(execution))
        # Without the text: what stands in it is refused here and by the supervisor, whom the stories hear.
        fetched = fetching.fetch(record, text="", env=self.around.env, ask=None)
        ahead = launch.ahead(self.around, fetched)
        return launch.start(
            execution, workspace=self.workspace, around=self.around, ways=told, task=task, ahead=ahead
        )

    def kill_supervisor(self, execution: Path) -> int | None:
        """SIGKILL; returns the pid of the kernel that it leaves behind."""
        folder = ExecutionFolder(execution)
        held = lease.read(folder)
        os.kill(held.supervisor, signal.SIGKILL)
        until(lambda: not folder.is_alive())
        return held.kernel

    def kill_both(self, execution: Path) -> None:
        kernel = self.kill_supervisor(execution)
        if kernel is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(kernel, signal.SIGKILL)
            until(lambda: not is_running(kernel))

    def run(self, text: str, operator: Script | None = None, **terms: object) -> tuple[Result, Script]:
        """Plan, run and drive to the end."""
        operator = operator or Script()
        execution = self.plan(text, **terms)
        with self.start(execution) as session:
            return session.drive(operator), operator

    def standing(self, execution: Path) -> Standing:
        """How the execution stands, as its files say."""
        folder = ExecutionFolder(execution)
        record, _ = plan_folder.read_record(folder)
        return standing(record.steps, read_journal(folder).events, alive=folder.is_alive())

    def states(self, execution: Path) -> dict[str, str]:
        return {step.name: step.state for step in self.standing(execution).steps}

    def end_everything(self) -> None:
        for execution in self.executions:
            folder = ExecutionFolder(execution)
            with contextlib.suppress(RunbookError, ProcessLookupError):
                held = lease.read(folder)
                os.kill(held.supervisor, signal.SIGKILL)
                if held.kernel is not None:
                    os.kill(held.kernel, signal.SIGKILL)


def until(condition: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def staged(root: Path, home: Path) -> Iterator[Stage]:
    root.mkdir(parents=True, exist_ok=True)
    stage = Stage(root, home)
    try:
        yield stage
    finally:
        stage.end_everything()
