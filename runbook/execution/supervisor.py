"""The supervisor: the process that owns a run. In its own session; answers on its socket; ends with the run.

Started by `launch` for one execution. It decides everything again from the folder's bytes, begins the
evidence before anything is started, and seals it at the end, also when it is told to end (SIGTERM). Ctrl-C
and hang-ups are for terminals: it does not hear them. Whatever kills it frees the lease; the journal stands.
"""

import asyncio
import atexit
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from runbook import __version__
from runbook.canonical import digest, hex_digest
from runbook.errors import ExistsError, KernelError, RunbookError
from runbook.evidence import start as starting
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import JournalWriter
from runbook.evidence.limits import OutputLimit
from runbook.evidence.story import Story
from runbook.execution import (
    agent,
    brought,
    deviating,
    family,
    fetching,
    kernel_launch,
    lease,
    leftovers,
    pipe_end,
    plan_folder,
    registry,
    sealing,
    seconding,
    taking_up,
)
from runbook.execution.actions import EndReason
from runbook.execution.aside import Aside
from runbook.execution.chronicle import Chronicle
from runbook.execution.conduct import Conduct
from runbook.execution.control import Control
from runbook.execution.discretion import DiscreetLog, Discretion
from runbook.execution.ending import conclude
from runbook.execution.failures import failure_of
from runbook.execution.guard import Guard, guard_of
from runbook.execution.handing import Handed
from runbook.execution.kernel_launch import KernelProcess
from runbook.execution.kernel_values import KernelSpec
from runbook.execution.lease import Held, Lease
from runbook.execution.leeway import Leeway
from runbook.execution.pipe_end import FirstWord
from runbook.execution.plan import Plan
from runbook.execution.prepare import passed_environment
from runbook.execution.supervision import Supervision
from runbook.execution.taking_up import TakenUp
from runbook.kit.forms import SHORTEST
from runbook.system import clock, files, processes
from runbook.text.secret import Hidden
from runbook.workspace import Surroundings, Workspace, load, resolve

_AHEAD = ("zmq.asyncio", "jupyter_client", "nbclient", "runbook.execution.kernel")
"""What talks to a kernel, in pieces: the last holds all the others."""
_SOCKET = "s"
VISIT_SECONDS = 2
"""How long a run that ended at once waits for the terminal that started it."""


def main() -> None:
    """The process's whole life. Reads what it was handed from standard input, says one line, and runs."""
    if os.fork():  # the terminal's child ends here, so that nobody has to wait for the run
        os._exit(0)
    _settle_in()
    _import_ahead()
    word = FirstWord()
    try:
        handed = pipe_end.take()
        if handed is not None:  # else it was started ahead of time, and not needed after all
            _supervise(handed, word.ready)
    except RunbookError as error:
        word.refuse(error)


def _settle_in() -> None:
    """Stand apart from the terminal. The handlers do nothing, but are no SIG_IGN: that would be inherited."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)
    family.become_subreaper()
    os.chdir("/")


def _import_ahead() -> None:
    """Import what a run will need, for as long as the terminal has nothing to hand over yet."""
    for name in _AHEAD:
        if pipe_end.is_handed():
            return  # the rest comes while the kernel starts
        importlib.import_module(name)


def _supervise(handed: Handed, ready: Callable[[], None]) -> None:
    around = Surroundings(
        cwd=Path(handed.cwd),
        env=dict(os.environ),
        machine_config=Path(handed.machine_config),
        user_config=Path(handed.user_config),
        state_folder=Path(handed.state_folder),
        login=handed.login,
        host=handed.host,
    )
    root = Path(handed.root)
    if handed.loose:
        workspace = Workspace(root=root, loose=True, settings=resolve(None, around))
    else:
        workspace = load(root, around)
    folder = ExecutionFolder(Path(handed.execution))
    secrets = {name: Hidden(text) for name, text in handed.secrets.items()}
    with lease.hold(folder) as held:
        if not folder.is_sealed():  # else we say no, and leave nothing in a folder that was swept
            _log_to(folder, secrets)
        now = clock.now()
        if handed.task == "seal":
            place = taking_up.place_of(folder, around.env)
            sealing.seal_left(folder, place, by=handed.who, state=around.state_folder)
            ready()
            return
        if handed.task == "begin":
            plan = plan_folder.load(folder.path, workspace=workspace, around=around, now=now)
            agent.require(plan.record, around.env)
            _require_fit(plan, secrets)
            writer, taken, story = _begin(plan, folder, around.state_folder, now), None, _story(plan)
        else:
            _require_unsealed(folder)
            plan = plan_folder.load_begun(folder.path, workspace=workspace, around=around, now=now)
            story = _story(plan)
            place = taking_up.place_of(folder, around.env)
            taken = taking_up.take_up(folder, plan.record, place, story)
            if taken.past.sealed:
                sealing.finish(folder, place)
                raise _ended(folder)
            agent.require(plan.record, around.env)
            _require_fit(plan, secrets)
            writer = taking_up.journal(folder)
        run = _Run(plan, folder, held, around, handed)
        run.taken, run.story, run.secrets = taken, story, secrets
        run.guard = guard_of(plan.permission, workspace=workspace, around=around, now=clock.now)
        run.seconder = seconding.seconder(plan, folder, workspace=workspace, around=around, now=clock.now)
        asyncio.run(run.through(writer, ready))


def _require_fit(plan: Plan, secrets: Mapping[str, Hidden]) -> None:
    fetching.require_fit(plan.record, secrets, text=plan.source.decode("utf-8"), includes=plan.includes)


def _story(plan: Plan) -> Story:
    return Story(plan.record, plan_digest=digest(plan_folder.plan_bytes(plan.record)))


def _require_unsealed(folder: ExecutionFolder) -> None:
    if folder.is_sealed():
        raise _ended(folder)


def _ended(folder: ExecutionFolder) -> ExistsError:
    hint = f"`runbook audit {folder.id}` shows it"
    return ExistsError("this run has ended and is sealed", subject=folder.id, hint=hint)


def _log_to(folder: ExecutionFolder, secrets: Mapping[str, Hidden]) -> None:
    """From here on, what goes wrong in us stands beside the spool, without secrets; it is no evidence."""
    log = folder.spool / "supervisor.log"
    files.make_folder(folder.spool)
    with files.storage_errors(log):
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    if secrets:
        processes.leave_no_core()  # the kernel's and its children's would be written into `work/`
        sys.stderr = discreet = DiscreetLog(Discretion(secrets))
        atexit.register(discreet.end)  # after the last traceback


def _begin(plan: Plan, folder: ExecutionFolder, state: Path, now: datetime) -> JournalWriter:
    """Begin the evidence. Nothing has run when this raises, and nothing will."""
    data = plan_folder.plan_bytes(plan.record)
    registry.spend(state, folder, data)
    try:
        start = starting.emit(
            starting.start_of(
                plan.record,
                plan_digest=digest(data),
                trust=[(name, digest(content)) for name, content in plan.trust],
                now=now,
                monotonic=clock.monotonic_ns(),
            )
        )
        brought.lay_out(folder, plan.includes)
        files.create(folder.start, start)
    except BaseException:
        registry.give_back(state, folder)
        raise
    return JournalWriter.create(folder, start_digest=hex_digest(start))


class _Run:
    """One run in this process, from the first event (or the first of ours, of one that is taken up) to the
    seal. The attributes are set before `through`."""

    story: Story
    guard: Guard
    secrets: Mapping[str, Hidden]
    seconder: seconding.Seconder
    taken: TakenUp | None = None

    def __init__(
        self, plan: Plan, folder: ExecutionFolder, held: Held, around: Surroundings, handed: Handed
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._held = held
        self._around = around
        self._handed = handed
        self._aside = Aside(lambda: family.reap_orphans(but=frozenset(self._waited_for)))
        self._waited_for: set[int] = set()  # kernels: who ends them wants to know how they ended

    @property
    def _place(self) -> Path:
        taken = self.taken
        return lease.run_folder(self._around.env, self._folder.path) if taken is None else taken.place

    async def through(self, writer: JournalWriter, ready: Callable[[], None]) -> None:
        """Open, run, seal."""
        record = self._plan.record
        control: Control | None = None
        chronicle = Chronicle(
            writer,
            self.story,
            OutputLimit(self._handed.ways.limits),
            grew=lambda length: None if control is None else control.grew(length),
        )
        if self.secrets:
            chronicle.has_secrets = True
            chronicle.discretion = Discretion(self.secrets, taken_up=self.taken is not None)
        self._open(chronicle)
        leeway = Leeway(
            # Whoever takes a run up is there to be asked, also where the first start needed nobody.
            unattended=record.kind == "unattended" and self.taken is None,
            approved=record.approved,
            undo=tuple(plan_folder.selection_of(record).undo),
            deviations=deviating.are_allowed(self._plan),
            seconded=seconding.seconded(self._plan),
        )
        conduct = Conduct(record.steps, leeway, by=self._handed.who)
        supervision = Supervision(
            self._plan, conduct, chronicle, kernel_seconds=self._handed.ways.kernel_seconds
        )
        supervision.guard = self.guard
        supervision.seconder, supervision.aside = self.seconder, self._aside
        proxy = await agent.open_for(record, self._around.env, self._place, chronicle)
        process, problem = self._provide(supervision, conduct, chronicle)
        self._write_lease(process)
        control = Control(supervision, execution=record.id, own=os.getpid(), marks=self._marks())
        supervision.renew = lambda: self._renew(control)
        supervision.control = control
        if chronicle.discretion is not None:
            control.discreet = chronicle.discretion.text
        await control.open(self._place / _SOCKET)
        self._listen_to_signals(supervision)
        ready()
        failure: RunbookError | None = problem
        ended: EndReason = "failed"
        if process is not None:
            ended = await supervision.run(process)
            failure = supervision.failure or self.story.damage()
        await agent.close(proxy)
        await control.somebody(seconds=VISIT_SECONDS)
        concluded = conclude(self._folder, chronicle, ended=ended, failure=failure)
        self._clear_away()
        told = concluded or failure
        await control.over(sealed=concluded is None, failure=None if told is None else failure_of(told))

    def _open(self, chronicle: Chronicle) -> None:
        """Say that a supervisor is there. Raises what keeps that from being written: then nothing starts."""
        record = self._plan.record
        plan = digest(plan_folder.plan_bytes(record))
        chronicle.tell(
            "opened",
            plan=plan,
            supervisor=os.getpid(),
            version=__version__,
            by=self._handed.who,
            variables=[name for name in record.variables if name in self._around.env],
            unset=[name for name in record.variables if name not in self._around.env],
            **({} if self.taken is None else {"taken_up": True}),
        )
        for name in fetching.unmasked(self.secrets):
            words = f"the secret {name} has fewer than {SHORTEST} characters: it is not masked"
            chronicle.tell("note", step=None, by="runbook", about="secrets", words=words)
        chronicle.boundary()
        if chronicle.broken.done():
            raise chronicle.broken.result()
        leftovers.take_away(self._place.parent)
        files.make_folder(self._place, mode=0o700)
        leftovers.note(self._place, self._folder.path)

    def _provide(
        self, supervision: Supervision, conduct: Conduct, chronicle: Chronicle
    ) -> tuple[KernelProcess | None, KernelError | None]:
        """The kernel: a new one, or the one that is still there. What a dead one had said is brought back."""
        taken = self.taken
        if taken is None:
            return self._try_to_launch(1)
        conduct.take_up(taken.past, renewed=taken.process is None)
        if taken.process is not None:
            supervision.taken, self._number = taken, taken.number
            taking_up.tell_taken_over(taken, chronicle)
            return taken.process, None
        supervision.recover(taken, taking_up.bring_back(taken, chronicle))
        taking_up.tell_kernel_gone(taken, chronicle)
        return self._try_to_launch(taken.number + 1)

    def _try_to_launch(self, number: int) -> tuple[KernelProcess | None, KernelError | None]:
        """Before anything heavy is imported. A kernel that can't be started is evidence."""
        try:
            return self._launch(number), None
        except KernelError as error:
            return None, error

    def _launch(self, number: int) -> KernelProcess:
        self._number = number
        record = self._plan.record
        spec = KernelSpec(
            folder=self._place / f"k{number}",
            work=self._folder.work,
            lock=self._folder.lock,
            environment=passed_environment(self._around.env, record.variables)
            | agent.environment(record, self._place),
            interpreter=record.interpreter,
            spool=taking_up.spool_of(self._folder, number),
            includes=brought.importable(self._folder, record),
            context={
                "execution": record.id,
                "runbook": record.runbook,
                "environment": record.environment,
                "operator": record.operator,
                "dry_run": record.dry_run,
                "staging": str(self._folder.staging),
                "unattended": record.kind == "unattended",
            },
            secrets=self.secrets,
            secret_sources=fetching.by_source(record),
            linger_seconds=self._handed.ways.linger_seconds,
        )
        return kernel_launch.launch(spec)

    def _marks(self) -> Iterator[str]:
        """The marks of all kernels of this run: what a dead one had started may still be there."""
        return filter(None, map(kernel_launch.mark_of, leftovers.kernels(self._place)))

    def _renew(self, control: Control) -> KernelProcess:
        """Another kernel in the place of one that died."""
        process = self._launch(self._number + 1)
        self._write_lease(process)
        control.marks.update(self._marks())
        return process

    def _write_lease(self, process: KernelProcess | None) -> None:
        if process is not None:
            self._waited_for.add(process.pid)
        self._held.write(
            Lease(
                supervisor=os.getpid(),
                socket=str(self._place / _SOCKET),
                kernel=None if process is None else process.pid,
                kernel_folder=None if process is None else str(process.folder),
            )
        )

    def _listen_to_signals(self, supervision: Supervision) -> None:
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[Any]] = set()  # a task that nobody holds may be collected

        def terminated() -> None:
            tasks.add(asyncio.ensure_future(supervision.terminate(by="SIGTERM")))

        loop.add_signal_handler(signal.SIGTERM, terminated)
        loop.add_signal_handler(signal.SIGCHLD, self._aside.reap)

    def _clear_away(self) -> None:
        """Take away what is no evidence: sockets, the kernel's own files, and the spool once it is sealed."""
        if self._folder.is_sealed():
            files.remove_folder(self._folder.spool)
        files.remove_folder(self._place)
