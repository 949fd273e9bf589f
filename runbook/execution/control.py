"""The supervisor's ear: a Unix socket where terminals come and go. Never waits for any of them.

A terminal is told that the journal grew, and reads it itself; only questions, answers and commands go over
the socket. One terminal drives, others watch. The same user's processes only, and none that descends from the
kernel (`family`): a step can't answer its own question.
"""

import asyncio
import contextlib
import socket
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from runbook.errors import FormatError, InputError, LockBusy, RunbookError, UnavailableError
from runbook.execution import messages
from runbook.execution.failures import Failure
from runbook.execution.family import Peer, peer_of, require_stranger
from runbook.execution.messages import (
    Asked,
    Away,
    Command,
    Confirm,
    FromSupervisor,
    Head,
    Hello,
    Mode,
    Over,
    Said,
    Told,
    Welcome,
)
from runbook.execution.questions import Answer, Question
from runbook.system import files

HELLO_SECONDS = 10
SILENT_SECONDS = 0.5  # a terminal says its hello at once; who does not by then gives way where it is full
HEAD_SECONDS = 0.02  # how often a terminal is told of a journal that grows
SLOW_SECONDS = 0.5  # and one that does not read what it is told
SLOW_BYTES = 64 << 10
DEAD_BYTES = 4 << 20
LAST_SECONDS = 1  # for those who come in while the run ends
MOST_CONNECTIONS = 64
"""More are sent away: each is an open file of the process that has evidence to write."""
MOST_VISITS = 100
"""So many visits are recorded as they come and go, of one supervisor; afterwards those that say something."""
_WORDS = 2_000
"""Of an error that is told: so long, it fits a message whatever its characters are."""


class Listener(Protocol):
    """What the supervisor does with what terminals say. Called in its event loop, one at a time."""

    def answered(self, answer: Answer, *, by: str) -> None:
        """Take an answer. Raises RunbookError when it does not fit: the terminal is told why."""

    def commanded(self, command: Command, *, by: str) -> None: ...

    async def confirmed(self, message: Confirm, *, by: str) -> None:
        """Take a second person's word. May take a while: only its sender waits. Raises RunbookError when it
        is none, or nobody can tell: the sender is told why."""

    def visited(self, *, by: str, mode: Mode, what: str) -> None:
        """A terminal `came`, `left` or `took-over`."""


class _Visitor:
    def __init__(self, hello: Hello, writer: asyncio.StreamWriter) -> None:
        self.who = hello.who
        self.mode: Mode = hello.mode
        self.writer = writer
        self.seen = -1
        self.came = "came"
        self.is_recorded = False

    @property
    def waiting_bytes(self) -> int:
        return self.writer.transport.get_write_buffer_size()

    def say(self, message: FromSupervisor) -> None:
        """Hand a message to the system, now or later; a terminal that never reads is let go. Never raises."""
        if self.writer.is_closing():
            return
        if self.waiting_bytes > DEAD_BYTES:
            self.writer.transport.abort()
            return
        try:
            line = messages.encode(message)
        except FormatError as error:
            line = messages.encode(Told(words=f"what was to be said here is {error.message}"))
        with contextlib.suppress(ConnectionError, RuntimeError):
            self.writer.write(line)


class Control:
    """The socket of one supervisor. `own` is the supervisor's pid, `marks` those of the run's
    kernels, the dead included (see `family`): what they had started may live on."""

    def __init__(self, listener: Listener, *, execution: str, own: int, marks: Iterable[str] = ()) -> None:
        self._listener = listener
        self._execution = execution
        self._own = own
        self.marks = set(marks)
        self._visitors: list[_Visitor] = []
        self._question: Question | None = None
        self._length = 0
        self._nudge: asyncio.TimerHandle | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # Who has not said a word yet, and since when; the oldest first.
        self._silent: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, float]] = {}
        self._recorded = 0
        self._visited = asyncio.Event()
        self._over: Over | None = None
        self.discreet: Callable[[str], str] = lambda text: text
        """What is done to words before a terminal gets them."""

    async def open(self, path: Path) -> None:
        """Listen at `path`; what a dead supervisor left there is taken away. Raises StorageError.

        The caller holds the execution's lease, so nobody else can be listening here.
        """
        files.remove(path)
        with files.storage_errors(path):
            self._server = await asyncio.start_unix_server(
                self._met, path=str(path), limit=messages.LIMIT_BYTES
            )

    def grew(self, length: int) -> None:
        """The journal has `length` lines: tell those who look, soon, and not for every line."""
        self._length = length
        if self._nudge is None and self._visitors:
            self._nudge = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._tell_heads)

    def asked(self, question: Question | None) -> None:
        """A question is open, or (None) is not any more."""
        self._question = question
        for visitor in self._visitors:
            if visitor.mode == "drive":
                visitor.say(Asked(question=question))

    async def over(self, *, sealed: bool, failure: Failure | None) -> None:
        """Say that the run has ended, and see everybody out: at most a second is given to the slow."""
        self._over = Over(sealed=sealed, failure=None if failure is None else self._discreet(failure))
        for visitor in self._visitors:
            if visitor.mode != "command":  # who said one thing waits for one answer, and reads no journal
                visitor.say(Head(length=self._length))
            visitor.say(self._over)
        if self._server is not None:
            self._server.close()
        drains = [asyncio.ensure_future(visitor.writer.drain()) for visitor in self._visitors]
        if drains:
            await asyncio.wait(drains, timeout=1)
            for drain in drains:
                drain.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks or drains:
            # A terminal that comes in at this very moment can miss its cancellation: it is told the end as
            # soon as it has said who it is, and nobody waits for it longer than this.
            await asyncio.wait({*self._tasks, *drains}, timeout=LAST_SECONDS)

    def _discreet(self, failure: Failure) -> Failure:
        hint = None if failure.hint is None else _short(self.discreet(failure.hint))
        return msgspec.structs.replace(failure, message=_short(self.discreet(failure.message)), hint=hint)

    async def somebody(self, *, seconds: float) -> None:
        """Until a first terminal came, at most so long: who starts a short run wants to see its end."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._visited.wait(), seconds)

    def _tell_heads(self) -> None:
        self._nudge = None
        slow = False
        for visitor in self._visitors:
            if visitor.mode == "command" or visitor.seen == self._length:
                continue
            if visitor.waiting_bytes > SLOW_BYTES:
                slow = True
                continue
            visitor.seen = self._length
            visitor.say(Head(length=self._length))
        if slow:
            self._nudge = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._tell_heads)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._silent[task] = (writer, asyncio.get_running_loop().time())
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:  # noqa: BLE001  # the run goes on, and nobody is left without a word
            _say(writer, Away(code=RunbookError.code, words=self._bug(error)))
        finally:
            self._silent.pop(task, None)
            writer.close()

    def _bug(self, error: Exception) -> str:
        """What a visitor hears of an error that we did not foresee: all of it goes to our own log."""
        traceback.print_exception(error)
        name = type(error).__name__
        return (
            f"what you said met a bug of the supervisor ({name}); the run goes on, and until its end all of "
            f"it stands in the run's spool/supervisor.log: report it"
        )

    def _make_room(self) -> None:
        """Who says nothing gives way to who comes now, the oldest first. Raises UnavailableError when nobody
        here was silent for so long that it will say nothing."""
        if len(self._tasks) <= MOST_CONNECTIONS:
            return
        oldest = next(iter(self._silent))  # the newcomer at the latest
        writer, since = self._silent[oldest]
        if asyncio.get_running_loop().time() - since < SILENT_SECONDS:
            words = f"{MOST_CONNECTIONS} terminals are connected to this run: close one of them"
            raise UnavailableError(words)
        del self._silent[oldest]
        words = "this terminal said nothing, and others wait to be let in: come again"
        _say(writer, Away(code=UnavailableError.code, words=words))
        oldest.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            # Before it may take anybody's place.
            require_stranger(_peer(writer), to=self._own, marks=self.marks)
            self._make_room()
            async with asyncio.timeout(HELLO_SECONDS):
                line = await _line(reader)
            self._silent.pop(task, None)
            hello = messages.from_terminal(line)
            if not isinstance(hello, Hello):
                raise FormatError("the first message must be a hello")
            messages.plain_name(hello.who)
            visitor, driving = _Visitor(hello, writer), self._driving_or_refusal(hello)
        except (RunbookError, TimeoutError) as error:
            code = error.code if isinstance(error, RunbookError) else "format"
            _say(writer, Away(code=code, words=_short(str(error))))
            return
        self._visitors.append(visitor)
        try:
            self._let_in(visitor, driving)
            if self._over is None:
                await self._listen(visitor, reader)
            else:
                visitor.say(self._over)
        finally:
            self._visitors.remove(visitor)
            if visitor.is_recorded:
                self._listener.visited(by=visitor.who, mode=visitor.mode, what="left")

    def _driving_or_refusal(self, hello: Hello) -> _Visitor | None:
        """Who has to make way at the prompt for who says this. Raises LockBusy where they need not."""
        driving = next((one for one in self._visitors if one.mode == "drive"), None)
        if hello.mode != "drive" or driving is None:
            return None
        if not hello.take:
            raise LockBusy(f"{driving.who} drives this run: watch it, or take it over")
        return driving

    def _let_in(self, visitor: _Visitor, driving: _Visitor | None) -> None:
        if driving is not None:
            driving.mode = "watch"
            driving.say(Asked(question=None))
            driving.say(Away(code="taken", words=f"{visitor.who} has taken over; you watch now"))
            visitor.came = f"took-over from {driving.who}"
        self._visited.set()
        visitor.say(Welcome(execution=self._execution, mode=visitor.mode))
        if visitor.mode == "command":
            return
        if self._recorded < MOST_VISITS:
            self._record(visitor)
        visitor.seen = self._length
        visitor.say(Head(length=self._length))
        if visitor.mode == "drive":
            visitor.say(Asked(question=self._question))

    def _record(self, visitor: _Visitor) -> None:
        """Its visit becomes part of the record: at once, or (behind the first `MOST_VISITS`, so that nobody
        fills the disk by coming and going) with its first word."""
        if visitor.is_recorded or visitor.mode == "command":  # whose command stands in the journal itself
            return
        last = self._recorded + 1 == MOST_VISITS
        rest = "; from here on only visits that say something are recorded" if last else ""
        self._listener.visited(by=visitor.who, mode=visitor.mode, what=visitor.came + rest)
        visitor.is_recorded = True
        self._recorded += 1

    async def _listen(self, visitor: _Visitor, reader: asyncio.StreamReader) -> None:
        """Until the visitor goes. Whatever it says, and whatever comes of it, is between it and us: the run
        goes on, and after each message everybody else has a turn."""
        while True:
            try:
                line = await _line(reader)
            except FormatError as error:  # where the next message would begin, nobody knows
                visitor.say(Away(code=error.code, words=str(error)))
                return
            if not line:
                return
            try:
                await self._hear(visitor, messages.from_terminal(line))
            except RunbookError as error:
                words = str(error) + (f" ({error.hint})" if error.hint else "")
                visitor.say(Told(words=_short(self.discreet(words))))
            except Exception as error:  # noqa: BLE001
                visitor.say(Told(words=self._bug(error)))
            await asyncio.sleep(0)

    async def _hear(self, visitor: _Visitor, message: messages.FromTerminal) -> None:
        match message:
            case Said(answer=answer):
                if visitor.mode != "drive":
                    raise InputError("you watch this run; only who drives it may answer")
                self._record(visitor)
                self._listener.answered(answer, by=visitor.who)
            case Command():
                if visitor.mode == "watch":
                    raise InputError("you watch this run; drive it, or use `runbook stop`")
                self._record(visitor)
                self._listener.commanded(message, by=visitor.who)
                if visitor.mode == "command":  # whoever sits there sees in the journal what came of it
                    visitor.say(Told(words="heard"))
            case Confirm():
                if visitor.mode != "command":
                    raise InputError("a confirmation comes from a terminal of its own: `runbook confirm`")
                await self._listener.confirmed(message, by=visitor.who)
                visitor.say(Told(words="heard"))
            case Hello():
                raise InputError("you are in already")


def _say(writer: asyncio.StreamWriter, message: Away) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        writer.write(messages.encode(message))


def _short(words: str) -> str:
    return words if len(words) <= _WORDS else words[:_WORDS] + " …"


def _peer(writer: asyncio.StreamWriter) -> Peer:
    connection = writer.get_extra_info("socket")
    return peer_of(_plain_socket(connection))


def _plain_socket(connection: object) -> socket.socket:
    """asyncio hands out a wrapper that has what is needed here."""
    return connection  # type: ignore[return-value]  # a TransportSocket: getsockopt is the same


async def _line(reader: asyncio.StreamReader) -> bytes:
    """One line without its end; empty at the end. Raises FormatError for one above the limit."""
    try:
        return (await reader.readline()).rstrip(b"\n")
    except ValueError as error:
        raise FormatError(f"a message above {messages.LIMIT_BYTES} bytes") from error
