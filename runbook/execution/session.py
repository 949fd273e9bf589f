"""A session: one terminal's visit to a run. It shows what the journal says and carries answers; no more.

What is shown comes from the journal's file, so a slow or dead terminal never holds up the run and nothing is
missed. Losing the session loses nothing: the run goes on, or its question waits for the next visitor.
"""

import contextlib
import select
import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Protocol

import msgspec

from runbook.errors import (
    FormatError,
    RefusedError,
    RunbookError,
    UnavailableError,
)
from runbook.evidence.events import Event, Outcome, StepState
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import follow
from runbook.evidence.states import Progress
from runbook.execution import lease, messages
from runbook.execution.ctrl_c import CtrlC
from runbook.execution.failures import Failure, error_of
from runbook.execution.family import peer_of
from runbook.execution.messages import (
    Asked,
    Away,
    Command,
    Confirm,
    FromSupervisor,
    FromTerminal,
    Head,
    Hello,
    Over,
    Said,
    Told,
    Welcome,
    What,
)
from runbook.execution.plan_folder import read_record
from runbook.execution.questions import Answer, Question
from runbook.system import clock

__all__ = ["Driver", "Event", "Result", "Session", "StepResult", "attach", "command"]

_HELLO_SECONDS = 30
_CONFIRM_SECONDS = 90  # longer than the supervisor looks into it (`aside`)
_FULL_SECONDS = 2  # a house full of callers who say nothing is not full for long
_CTRL_C_SECONDS = 0.3
_READ_BYTES = 64 << 10


class Driver(Protocol):
    """Who sits at the session: the command line's terminal, a script in a test."""

    def show(self, event: Event) -> None:
        """One journal event, in order, each exactly once, also those from before this session began."""

    def ask(self, question: Question, wake: int) -> Answer | None:
        """Ask the person. Blocks as long as it takes.

        `wake` is a file descriptor that becomes readable when something else happened meanwhile (somebody
        else answered, the run ended): then return None; you are asked again if the question still stands.
        KeyboardInterrupt leaves the session; the question goes on waiting.
        """

    def told(self, message: str) -> None:
        """One line from the supervisor for this person alone: an answer was not taken, somebody took over."""


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: StepState
    seconds: float | None  # None: never ran


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, read from its journal. `failure`: what kept it from going on, from outside of it."""

    execution: Path
    outcome: Outcome
    steps: tuple[StepResult, ...]  # prose is not in it
    sealed: bool
    failure: RunbookError | None = None


class Session:
    """A connection to the supervisor of one execution, driving or watching. Made by `launch` and `attach`."""

    def __init__(self, execution: Path, connection: "_Connection", *, watches: bool = False) -> None:
        self.execution = execution
        self._watches = watches
        self._folder = ExecutionFolder(execution)
        self._connection = connection
        self._progress = Progress(read_record(self._folder)[0].steps)
        self._offset = 0
        self._question: Question | None = None
        self._over: Over | None = None
        self._interrupts = 0

    @property
    def watches(self) -> bool:
        """Whether this one only looks, from the beginning or because somebody took over."""
        return self._watches

    def drive(self, driver: Driver) -> Result:
        """Show and ask until the run has ended, then say how.

        Ctrl-C while a step runs interrupts the step; a second one kills what it started; the session stays.
        Ctrl-C inside `driver.ask` (a KeyboardInterrupt there) leaves the session; so does Ctrl-C of who only
        watches: nobody interrupts what somebody else drives. A supervisor that is gone without an end is no
        error here: the outcome is `unknown` then, and the step that ran, too.
        """
        with CtrlC() as pressed:
            while self._over is None:
                message = self._connection.receive(pressed)
                for _ in range(pressed.take()):
                    if self._watches or self._question is not None:  # nothing runs that could be interrupted
                        raise KeyboardInterrupt
                    self._interrupt()
                if message is None:
                    if self._connection.is_gone:
                        break
                    continue
                self._take(message, driver)
                if self._question is not None and not self._connection.has_more():
                    self._show_news(driver)  # what led to the question is seen before it
                    with pressed.released():
                        if pressed.take():  # at the question that still stood there while we read the news
                            raise KeyboardInterrupt
                        self._ask(driver)
            self._show_news(driver)
        return self._result()

    def interrupt(self) -> None:
        """Interrupt the step that runs; does not wait for it to end."""
        self._connection.send(Command(what="interrupt"))

    def kill(self) -> None:
        """Kill what the running step has started; the session stays if it can."""
        self._connection.send(Command(what="kill"))

    def stop(self, words: str = "", *, now: bool = False) -> None:
        """End the run after the step that runs; `now` interrupts that step."""
        self._connection.send(Command(what="stop-now" if now else "stop", words=words))

    def close(self) -> None:
        """Leave. The run does not notice."""
        self._connection.close()

    def _take(self, message: FromSupervisor, driver: Driver) -> None:
        match message:
            case Head():
                self._show_news(driver)
            case Asked(question=question):
                self._question = question
                self._interrupts = 0
            case Told(words=words):
                driver.told(words)
            case Away(words=words):
                self._watches = True
                driver.told(words)
            case Over():
                self._over = message
            case Welcome():
                pass

    def _ask(self, driver: Driver) -> None:
        question = self._question
        assert question is not None
        is_refused = True
        while is_refused:  # nothing else need happen before it is asked again
            answer = driver.ask(question, self._connection.fileno())
            if answer is None:
                return
            self._connection.send(Said(answer=answer))
            # The question stays as it is until the supervisor says what became of the answer.
            is_refused = self._await_word(driver)

    def _await_word(self, driver: Driver) -> bool:
        """Until the supervisor has taken the answer, or (True) said why not."""
        while self._over is None and not self._connection.is_gone:
            # Not for long at once: Ctrl-C that comes right before a wait is handled only behind it.
            message = self._connection.receive(seconds=_CTRL_C_SECONDS)
            if message is None:
                continue
            self._take(message, driver)
            if isinstance(message, Asked | Told | Away):
                return isinstance(message, Told)
        return False

    def _interrupt(self) -> None:
        self._interrupts += 1
        with contextlib.suppress(OSError):
            if self._interrupts == 1:
                self.interrupt()
            else:
                self.kill()

    def _show_news(self, driver: Driver) -> None:
        while True:
            news = follow(self._folder, self._offset)
            if news.offset == self._offset:
                return
            self._offset = news.offset
            for event in news.events:
                self._progress.feed(event)
                if event.kind == "step-started":
                    self._interrupts = 0
                driver.show(event)

    def _wait_until_gone(self) -> None:
        """A killed process may close its socket before its lock; until then it would still be found alive."""
        for _ in range(200):
            if not self._folder.is_alive():
                return
            clock.sleep(0.005)

    def _result(self) -> Result:
        if self._over is None:
            self._wait_until_gone()
        standing = self._progress.standing(alive=False)
        failure = None if self._over is None or self._over.failure is None else self._over.failure
        return Result(
            execution=self.execution,
            outcome=standing.outcome or "unknown",
            steps=tuple(
                StepResult(
                    name=step.name, state=step.state, seconds=None if step.ms is None else step.ms / 1000
                )
                for step in standing.steps
            ),
            sealed=self._over is not None and self._over.sealed,
            failure=None if failure is None else error_of(failure),
        )

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def attach(execution: Path, *, who: str, watch: bool = False, take: bool = False) -> Session:
    """Visit a run that lives. `watch` only looks; `take` takes the driving over from another visitor.

    Raises NotFoundError when no supervisor runs there, LockBusy when somebody else drives and not `take`,
    UnavailableError when too many are there, also after two seconds.
    """
    hello = Hello(who=who, mode="watch" if watch else "drive", take=take)
    until = clock.monotonic_ns() + int(_FULL_SECONDS * 1e9)
    while True:
        try:
            return Session(execution, _meet(execution, hello), watches=watch)
        except UnavailableError:
            if clock.monotonic_ns() > until:
                raise
        clock.sleep(0.1)


def confirm(
    execution: Path, *, who: str, principal: str, signature: str, seconds: float = _CONFIRM_SECONDS
) -> None:
    """Give a living run a second person's signature. Returns when it counts.

    Raises NotFoundError when no supervisor runs there, RefusedError with its reason when the signature does
    not count, UnavailableError when it does not say so within `seconds`, or the connection breaks before:
    then nobody here knows whether it counts.
    """
    _say(execution, who, Confirm(principal=principal, signature=signature), seconds=seconds)


def command(execution: Path, *, who: str, what: What, words: str = "") -> None:
    """Tell a living run, without visiting it: `stop` (after the step), `stop-now`, `interrupt`, `kill`.

    Returns when the supervisor has heard it. Raises NotFoundError when no supervisor runs there, RefusedError
    with its words when it does not do it, UnavailableError when nobody knows whether it heard.
    """
    _say(execution, who, Command(what=what, words=words), seconds=_HELLO_SECONDS)


def _say(execution: Path, who: str, message: Command | Confirm, *, seconds: float) -> None:
    """Say one thing without a visit, and hear that it was taken."""
    hello = Hello(who=who, mode="command")
    connection = _meet(execution, hello, seconds=min(seconds, _HELLO_SECONDS))
    try:
        connection.send(message)
        answer = connection.receive(seconds=seconds)
    finally:
        connection.close()
    if answer is None:
        broke = "the connection broke" if connection.is_gone else f"not within {seconds:g} seconds"
        hint = "`runbook status` says whether it still runs and waits; if so, say it again"
        raise UnavailableError(
            f"the supervisor did not say that it heard: {broke}",
            subject=execution.name,
            hint=hint,
        )
    if isinstance(answer, Over):
        hint = f"`runbook show {execution.name}` says how"
        raise RefusedError("the run ended before it heard this", subject=execution.name, hint=hint)
    if not (isinstance(answer, Told) and answer.words == "heard"):
        words = answer.words if isinstance(answer, Told | Away) else "the supervisor answered something else"
        raise RefusedError(words, subject=execution.name)


def _meet(execution: Path, hello: Hello, *, seconds: float = _HELLO_SECONDS) -> "_Connection":
    """Connect and be let in. Raises NotFoundError, LockBusy, RefusedError, UnavailableError."""
    folder = ExecutionFolder(execution)
    held = lease.read(folder)
    connection = _Connection(held, subject=folder.id, seconds=seconds)
    try:
        connection.send(hello)
        answer = connection.receive(seconds=seconds)
        if isinstance(answer, Away):
            raise error_of(Failure(code=answer.code, message=answer.words, subject=folder.id))
        if not isinstance(answer, Welcome):
            raise _unanswered(folder.id)
    except BaseException:
        connection.close()
        raise
    return connection


def _unanswered(subject: str) -> UnavailableError:
    hint = "try again; `runbook status` names its process, should it be stuck"
    return UnavailableError("the supervisor does not answer", subject=subject, hint=hint)


class _Connection:
    """The socket to the supervisor, one message at a time. `seconds`: how long it may take to be accepted, or
    to send."""

    def __init__(self, held: lease.Lease, *, subject: str, seconds: float) -> None:
        self._subject = subject
        self._pending = b""
        self.is_gone = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Where many wait already, the system lets a caller wait as long as it would for sending.
            limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            self._socket.connect(held.socket)
            if peer_of(self._socket).pid != held.supervisor:
                # Somebody else listens there: what a step puts in the socket's place is not talked to.
                raise UnavailableError("another process listens on this run's socket", subject=held.socket)
        except BlockingIOError as error:
            self._socket.close()
            raise _unanswered(subject) from error
        except OSError as error:
            self._socket.close()
            raise lease.nobody(subject) from error
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: FromTerminal) -> None:
        """Say something; silent when the supervisor is gone or takes nothing, which `receive` tells."""
        with contextlib.suppress(ConnectionError, BlockingIOError):
            self._socket.sendall(messages.encode(message))

    def receive(self, pressed: CtrlC | None = None, *, seconds: float | None = None) -> FromSupervisor | None:
        """The next message; None when there is none: `is_gone`, Ctrl-C `pressed`, or `seconds` are over."""
        wanted = [self.fileno()] if pressed is None else [self.fileno(), pressed.fileno()]
        while b"\n" not in self._pending:
            ready = select.select(wanted, [], [], seconds)[0]
            if self.fileno() not in ready:
                return None
            try:
                piece = self._socket.recv(_READ_BYTES)
            except ConnectionError:
                piece = b""
            if not piece:
                self.is_gone = True
                return None
            if len(self._pending) > messages.LIMIT_BYTES:
                raise FormatError("the supervisor's message is too long", subject=self._subject)
            self._pending += piece
        line, _, self._pending = self._pending.partition(b"\n")
        return messages.from_supervisor(line)

    def has_more(self) -> bool:
        """Whether there is another message already."""
        return b"\n" in self._pending or bool(select.select([self._socket], [], [], 0)[0])

    def close(self) -> None:
        self._socket.close()
