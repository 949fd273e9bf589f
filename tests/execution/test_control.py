"""The socket: who may talk, who drives, and that nobody's slowness is felt. Real sockets, real processes."""

import asyncio
import contextlib
import gc
import os
import random
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from runbook.errors import (
    EvidenceDamaged,
    FormatError,
    InputError,
    LockBusy,
    NotPermitted,
    RunbookError,
    SignerError,
    StorageError,
    TextRefused,
    UnavailableError,
)
from runbook.execution import messages
from runbook.execution.control import MOST_CONNECTIONS, MOST_VISITS, SILENT_SECONDS, Control
from runbook.execution.failures import Failure
from runbook.execution.messages import (
    Asked,
    Away,
    Command,
    Confirm,
    FromSupervisor,
    FromTerminal,
    Head,
    Hello,
    Mode,
    Over,
    Said,
    Told,
    Welcome,
)
from runbook.execution.questions import Answer, Question

QUESTION = Question(number=1, step="a", asks="start", choices=("run", "stop"), words="Run a?")
T = TypeVar("T")


class Ear:
    """What the supervisor would do, written down."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.refuses: Exception | None = None
        self.looks_into: asyncio.Event | None = None
        self.refuses_visits = False

    def answered(self, answer: Answer, *, by: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        if answer.choice == "skip":
            raise InputError("'skip' needs a reason in words", hint="say why")
        self.lines.append(f"{by} says {answer.choice}")

    async def confirmed(self, message: Confirm, *, by: str) -> None:
        if self.looks_into is not None:
            await self.looks_into.wait()
        raise SignerError(f"{message.principal} is not in sre", hint="ask somebody of sre")

    def commanded(self, command: Command, *, by: str) -> None:
        self.lines.append(f"{by} commands {command.what}")

    def visited(self, *, by: str, mode: Mode, what: str) -> None:
        if self.refuses_visits:
            raise OSError("no visits")
        self.lines.append(f"{by} {what} to {mode}")


async def arrives(on: "Stage", line: str) -> None:
    async with asyncio.timeout(20):
        while line not in on.ear.lines:
            await asyncio.sleep(0.01)


class Terminal:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, message: FromTerminal) -> None:
        self.writer.write(messages.encode(message))
        await self.writer.drain()

    async def hear(self) -> FromSupervisor:
        line = await asyncio.wait_for(self.reader.readline(), 5)
        if not line:
            raise EOFError
        return messages.from_supervisor(line.rstrip(b"\n"))

    async def hear_until(self, kind: type[T]) -> T:
        while True:
            message = await self.hear()
            if isinstance(message, kind):
                return message

    async def leave(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Stage:
    def __init__(self, control: Control, ear: Ear, path: Path) -> None:
        self.control = control
        self.ear = ear
        self.path = path

    async def terminal(
        self, who: str = "alice@host", mode: Mode = "drive", *, take: bool = False
    ) -> Terminal:
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        terminal = Terminal(reader, writer)
        await terminal.say(Hello(who=who, mode=mode, take=take))
        return terminal


@contextlib.asynccontextmanager
async def stage(folder: Path, *, own: int = 1 << 30, marks: Sequence[str] = ()) -> AsyncIterator[Stage]:
    ear = Ear()
    # A number that nobody has: the test's own process would be the supervisor, and refused.
    control = Control(ear, execution="x", own=own, marks=marks)
    path = folder / "s"
    await control.open(path)
    try:
        yield Stage(control, ear, path)
    finally:
        await control.over(sealed=True, failure=None)


def play(scene: Callable[[Stage], Awaitable[None]], folder: Path, *, marks: Sequence[str] = ()) -> Ear:
    async def whole() -> Ear:
        async with stage(folder, marks=marks) as on:
            await scene(on)
            return on.ear

    return asyncio.run(whole())


def test_who_drives_is_asked_and_answers(home: Path) -> None:
    async def scene(on: Stage) -> None:
        on.control.asked(QUESTION)
        alice = await on.terminal()
        assert await alice.hear() == Welcome(execution="x", mode="drive")
        assert (await alice.hear_until(Asked)).question == QUESTION
        await alice.say(Said(answer=Answer(question=1, choice="run")))
        await alice.say(Said(answer=Answer(question=1, choice="skip")))
        told = await alice.hear_until(Told)
        assert told.words == "'skip' needs a reason in words (say why)"
        await alice.leave()

    ear = play(scene, home / "run")
    assert ear.lines[:2] == ["alice@host came to drive", "alice@host says run"]


def test_a_question_waits_for_the_next_terminal(home: Path) -> None:
    async def scene(on: Stage) -> None:
        alice = await on.terminal()
        await alice.hear_until(Asked)
        await alice.leave()
        on.control.asked(QUESTION)
        bob = await on.terminal("bob@host")
        assert (await bob.hear_until(Asked)).question == QUESTION
        await bob.leave()

    play(scene, home / "run")


def test_watchers_see_and_may_not_answer(home: Path) -> None:
    async def scene(on: Stage) -> None:
        on.control.asked(QUESTION)
        watcher = await on.terminal("wendy@host", "watch")
        await watcher.hear_until(Welcome)
        await watcher.say(Said(answer=Answer(question=1, choice="run")))
        assert (await watcher.hear_until(Told)).words == "you watch this run; only who drives it may answer"
        await watcher.say(Command(what="kill"))
        assert "you watch this run" in (await watcher.hear_until(Told)).words
        await watcher.leave()

    assert play(scene, home / "run").lines[:1] == ["wendy@host came to watch"]


def test_two_cannot_drive_at_once(home: Path) -> None:
    async def scene(on: Stage) -> None:
        alice = await on.terminal()
        await alice.hear_until(Welcome)
        bob = await on.terminal("bob@host")
        away = await bob.hear_until(Away)
        assert away.code == "busy"
        assert away.words == "alice@host drives this run: watch it, or take it over"
        await alice.leave()
        await bob.leave()

    play(scene, home / "run")


def test_taking_over_is_told_to_both_and_recorded(home: Path) -> None:
    async def scene(on: Stage) -> None:
        on.control.asked(QUESTION)
        alice = await on.terminal()
        await alice.hear_until(Asked)
        bob = await on.terminal("bob@host", take=True)
        assert (await bob.hear_until(Asked)).question == QUESTION
        assert (await alice.hear_until(Asked)).question is None
        assert (await alice.hear_until(Away)).words == "bob@host has taken over; you watch now"
        await alice.say(Said(answer=Answer(question=1, choice="run")))
        assert "only who drives" in (await alice.hear_until(Told)).words
        await alice.leave()
        await bob.leave()

    assert "bob@host took-over from alice@host to drive" in play(scene, home / "run").lines


def test_a_command_is_heard_without_driving(home: Path) -> None:
    async def scene(on: Stage) -> None:
        alice = await on.terminal()
        await alice.hear_until(Welcome)
        other = await on.terminal("carol@host", "command")
        await other.hear_until(Welcome)
        await other.say(Command(what="stop", words="lunch"))
        assert (await other.hear_until(Told)).words == "heard"
        await other.leave()
        await alice.leave()

    assert "carol@host commands stop" in play(scene, home / "run").lines


def test_a_confirmation_comes_without_driving_and_hears_why_it_is_none(home: Path) -> None:
    async def scene(on: Stage) -> None:
        alice = await on.terminal()
        await alice.hear_until(Welcome)
        word = Confirm(principal="carol@example.com", signature="")
        await alice.say(word)
        assert "from a terminal of its own" in (await alice.hear_until(Told)).words
        other = await on.terminal("carol@host", "command")
        await other.hear_until(Welcome)
        await other.say(word)
        assert (await other.hear_until(Told)).words == "carol@example.com is not in sre (ask somebody of sre)"
        await other.leave()
        await alice.leave()

    play(scene, home / "run")


def test_who_waits_for_a_confirmation_to_be_looked_into_holds_up_nobody(home: Path) -> None:
    async def scene(on: Stage) -> None:
        on.ear.looks_into = asyncio.Event()
        alice = await on.terminal()
        await alice.hear_until(Asked)
        other = await on.terminal("carol@host", "command")
        await other.hear_until(Welcome)
        await other.say(Confirm(principal="carol@example.com", signature=""))
        on.control.asked(QUESTION)
        assert (await alice.hear_until(Asked)).question == QUESTION
        await alice.say(Said(answer=Answer(question=1, choice="run")))
        await arrives(on, "alice@host says run")
        on.ear.looks_into.set()
        assert "is not in sre" in (await other.hear_until(Told)).words
        await other.leave()
        await alice.leave()

    play(scene, home / "run")


def test_an_error_that_nobody_foresaw_is_told_and_logged_and_the_session_stays(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scene(on: Stage) -> None:
        on.ear.refuses = ValueError("this stands in the log alone")
        alice = await on.terminal()
        await alice.hear_until(Asked)
        await alice.say(Said(answer=Answer(question=1, choice="run")))
        told = (await alice.hear_until(Told)).words
        assert told.startswith("what you said met a bug of the supervisor (ValueError); the run goes on")
        assert "spool/supervisor.log" in told
        assert "alone" not in told
        on.ear.refuses = None
        await alice.say(Said(answer=Answer(question=1, choice="run")))
        await arrives(on, "alice@host says run")
        await alice.leave()

    play(scene, home / "run")
    said = capfd.readouterr().err
    assert "Traceback" in said
    assert "ValueError: this stands in the log alone" in said


def test_who_meets_such_an_error_while_coming_in_is_told_and_takes_nobodys_seat(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scene(on: Stage) -> None:
        on.ear.refuses_visits = True
        alice = await on.terminal()
        away = await alice.hear_until(Away)
        assert away.code == "error"
        assert "(OSError)" in away.words
        await alice.leave()
        on.ear.refuses_visits = False
        bob = await on.terminal("bob@host")
        await bob.hear_until(Asked)
        await bob.leave()

    play(scene, home / "run")
    assert "OSError: no visits" in capfd.readouterr().err


async def gone(on: Stage) -> None:
    """Until nobody is connected."""
    async with asyncio.timeout(20):
        while asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.sleep(0.005)


def test_coming_and_going_without_end_does_not_fill_the_journal(home: Path) -> None:
    """Whoever drove and said something, or took over and did, is recorded all the same."""

    async def scene(on: Stage) -> None:
        for number in range(MOST_VISITS + 20):
            watcher = await on.terminal(f"w{number}@host", "watch")
            await watcher.hear_until(Head)
            await watcher.leave()
            await gone(on)
        assert on.ear.lines[-2:] == [
            f"w{MOST_VISITS - 1}@host came; from here on only visits that say something are recorded"
            " to watch",
            f"w{MOST_VISITS - 1}@host left to watch",
        ]
        assert len(on.ear.lines) == 2 * MOST_VISITS
        on.ear.lines.clear()
        alice = await on.terminal()
        await alice.hear_until(Asked)
        bob = await on.terminal("bob@host", take=True)
        await bob.hear_until(Asked)
        await bob.say(Said(answer=Answer(question=1, choice="run")))
        await bob.say(Said(answer=Answer(question=1, choice="run")))
        await arrives(on, "bob@host says run")
        await bob.leave()
        await alice.leave()
        await gone(on)

    assert play(scene, home / "run").lines == [
        "bob@host took-over from alice@host to drive",
        "bob@host says run",
        "bob@host says run",
        "bob@host left to drive",
    ]


def test_a_growing_journal_is_told_and_the_last_word_always_comes(home: Path) -> None:
    async def scene(on: Stage) -> None:
        alice = await on.terminal()
        await alice.hear_until(Asked)
        for length in range(1, 5001):
            on.control.grew(length)
            if length % 500 == 0:
                await asyncio.sleep(0.005)
        heads = 0
        while True:
            head = await alice.hear_until(Head)
            heads += 1
            if head.length == 5000:
                break
        assert heads < 50  # told soon, but not for every line
        await alice.leave()

    play(scene, home / "run")


def test_a_terminal_that_never_reads_holds_up_nobody(home: Path) -> None:
    async def scene(on: Stage) -> None:
        deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(str(on.path))
        deaf.sendall(messages.encode(Hello(who="deaf@host", mode="drive")))
        await asyncio.sleep(0.1)
        big = Question(number=1, step="a", asks="start", choices=("run",), words="x" * 30_000)
        started = asyncio.get_running_loop().time()
        for _ in range(300):
            on.control.asked(big)
            await asyncio.sleep(0)
        assert asyncio.get_running_loop().time() - started < 20
        watcher = await on.terminal("wendy@host", "watch")
        await watcher.hear_until(Welcome)
        on.control.grew(7)
        while (await watcher.hear_until(Head)).length != 7:
            pass
        deaf.close()
        await watcher.leave()

    play(scene, home / "run")


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b'{"v":1}\n',
        b'{"v":2,"say":{"type":"hello","who":"a","mode":"drive"}}\n',
        b'{"v":1,"say":{"type":"hello","who":"a\\u001b[2J","mode":"drive"}}\n',
        b'{"v":1,"say":{"type":"hello","who":"","mode":"drive"}}\n',
        b'{"v":1,"say":{"type":"hello","who":"a","mode":"rule"}}\n',
        b'{"v":1,"say":{"type":"command","what":"kill"}}\n',
        b"\xff\xfe\n",
        b"x" * (messages.LIMIT_BYTES + 100) + b"\n",
    ],
)
def test_what_is_no_hello_is_sent_away(home: Path, line: bytes) -> None:
    async def scene(on: Stage) -> None:
        reader, writer = await asyncio.open_unix_connection(str(on.path))
        terminal = Terminal(reader, writer)
        writer.write(line)
        away = await terminal.hear_until(Away)
        assert away.code == "format"
        await terminal.leave()

    assert play(scene, home / "run").lines == []


def test_rubbish_from_who_drives_is_answered_and_the_session_stays(home: Path) -> None:
    async def scene(on: Stage) -> None:
        on.control.asked(QUESTION)
        alice = await on.terminal()
        await alice.hear_until(Asked)
        alice.writer.write(b'{"v":1,"say":{"type":"answer","answer":{"question":1,"choice":"rule"}}}\n')
        assert "Invalid enum value 'rule'" in (await alice.hear_until(Told)).words
        await alice.say(Said(answer=Answer(question=1, choice="run")))
        await asyncio.sleep(0.05)
        await alice.leave()

    assert "alice@host says run" in play(scene, home / "run").lines


HELLO = messages.encode(Hello(who="mallory@host", mode="watch"))
COMMAND = messages.encode(Command(what="stop"))


@pytest.mark.parametrize(
    "error",
    [
        RunbookError("no"),
        TextRefused("no", reasons=()),
        NotPermitted("no", verdict=None),
        EvidenceDamaged("no"),
        StorageError("no"),
        LockBusy("no"),
        UnavailableError("no", hint="look at git"),
    ],
)
def test_whatever_refuses_what_was_said_is_told_and_the_session_stays(
    home: Path, error: RunbookError
) -> None:
    async def scene(on: Stage) -> None:
        on.ear.refuses = error
        alice = await on.terminal()
        await alice.say(Said(answer=Answer(question=1, choice="run")))
        assert (await alice.hear_until(Told)).words == "no" + (f" ({error.hint})" if error.hint else "")
        await alice.say(Command(what="interrupt"))
        await arrives(on, "alice@host commands interrupt")
        await alice.leave()

    play(scene, home / "run")


@pytest.mark.parametrize("words", ["n" * 500_000, "\U0001f600" * 500_000, '"' * 500_000])
def test_an_error_of_any_length_can_be_told(home: Path, words: str) -> None:
    async def scene(on: Stage) -> None:
        on.ear.refuses = InputError(words, hint=words)
        alice = await on.terminal()
        await alice.say(Said(answer=Answer(question=1, choice="run")))
        told = (await alice.hear_until(Told)).words
        assert words.startswith(told.removesuffix(" …"))
        await on.control.over(sealed=False, failure=Failure(code="storage", message=words, hint=words))
        assert not (await alice.hear_until(Over)).sealed
        await alice.leave()

    play(scene, home / "run")


def test_a_question_too_long_to_be_sent_takes_nobodys_seat(home: Path) -> None:
    async def scene(on: Stage) -> None:
        on.control.asked(msgspec.structs.replace(QUESTION, words="x" * messages.LIMIT_BYTES))
        alice = await on.terminal()
        assert "longer than 61440 bytes" in (await alice.hear_until(Told)).words
        on.control.asked(QUESTION)
        assert (await alice.hear_until(Asked)).question == QUESTION
        await alice.leave()

    play(scene, home / "run")


def test_a_message_without_an_end_is_answered_once_and_its_rest_is_no_message(home: Path) -> None:
    """100 MB in one line; behind what was read of it, a command would be a line of its own."""

    async def scene(on: Stage) -> None:
        def shout() -> bytes:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
                one.connect(str(on.path))
                one.sendall(messages.encode(Hello(who="mallory@host", mode="drive")))
                with contextlib.suppress(ConnectionError):
                    for _ in range(100):
                        one.sendall(b"x" * (1 << 20))
                    one.sendall(b"\n" + COMMAND)
                heard = b""
                with contextlib.suppress(ConnectionError):
                    while more := one.recv(1 << 16):
                        heard += more
                return heard

        heard = (await asyncio.to_thread(shout)).splitlines()
        assert messages.from_supervisor(heard[-1]) == Away(code="format", words="a message above 61440 bytes")
        bob = await on.terminal("bob@host")  # the seat is free
        await bob.hear_until(Asked)
        await bob.leave()

    assert not [line for line in play(scene, home / "run").lines if "commands" in line]


_RUBBISH = [
    b"\0" * 1000,
    b"\xff\xfe\n" * 1000,
    b"x\n" * 60_000,
    b"[" * 60_000 + b"\n",
    b'{"v":1,"say":' + b'{"a":' * 10_000 + b"}" * 10_000 + b"}\n",
    b'{"v":1,"say":{"type":"hello","who":"\\ud800","mode":"watch"}}\n',
    b'{"v":1' + b"0" * 5000 + b',"say":{"type":"command","what":"kill"}}\n',
    b'{"v":1,"say":{"type":"answer","answer":{"question":1e999,"choice":"run"}}}\n',
    b'{"v":1,"say":{"type":"confirm","principal":"\\u0000","signature":"!"}}\n',
]


def test_rubbish_of_any_kind_and_visits_cut_short_anywhere_end_nobodys_session(home: Path) -> None:
    async def scene(on: Stage) -> None:
        faults: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        alice = await on.terminal()
        await alice.hear_until(Asked)
        visits = [HELLO + COMMAND]
        cut = [visit[:at] for visit in visits for at in range(len(visit))]
        for said in [*cut, *_RUBBISH, *(HELLO + rubbish for rubbish in _RUBBISH)]:
            _, writer = await asyncio.open_unix_connection(str(on.path))
            writer.write(said)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()
        await alice.say(Said(answer=Answer(question=1, choice="run")))
        await arrives(on, "alice@host says run")
        on.control.asked(QUESTION)
        assert (await alice.hear_until(Asked)).question == QUESTION
        await alice.leave()
        gc.collect()  # an error that nobody took is told when its task is collected
        assert not faults, faults

    assert "mallory@host commands stop" not in play(scene, home / "run").lines


def test_who_talks_without_end_leaves_everybody_else_their_turn(home: Path) -> None:
    async def scene(on: Stage) -> None:
        loud = await on.terminal("loud@host")
        await loud.hear_until(Asked)
        loud.writer.write(messages.encode(Said(answer=Answer(question=1, choice="run"))) * 900)
        alice = await on.terminal(mode="watch")
        await alice.hear_until(Welcome)
        assert on.ear.lines.count("loud@host says run") < 450  # it came in while the other one talked
        async with asyncio.timeout(20):
            while on.ear.lines.count("loud@host says run") < 900:
                await asyncio.sleep(0.01)
        await alice.leave()
        await loud.leave()

    play(scene, home / "run")


def crowd(path: Path, many: int, says: bytes = b"") -> list[socket.socket]:
    """Not in the loop's thread: a connect waits until there is room to be let in."""
    came = []
    for _ in range(many):
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.connect(str(path))
        with contextlib.suppress(ConnectionError):  # sent away before a word was said
            one.sendall(says)
        came.append(one)
    return came


def test_a_crowd_is_sent_away_and_takes_no_files_from_the_run(home: Path) -> None:
    async def scene(on: Stage) -> None:
        alice = await on.terminal()
        await alice.hear_until(Asked)
        before = len(os.listdir("/dev/fd"))
        came = await asyncio.to_thread(crowd, on.path, 500, HELLO)
        told = await asyncio.to_thread(lambda: [one.recv(1000) for one in came[-100:]])
        try:
            assert {messages.from_supervisor(line.rstrip(b"\n")) for line in told} == {
                Away(code="unavailable", words="64 terminals are connected to this run: close one of them")
            }
            ours = len(os.listdir("/dev/fd")) - before - len(came)
            assert ours <= MOST_CONNECTIONS + 10
            await alice.say(Command(what="interrupt"))
            await arrives(on, "alice@host commands interrupt")
        finally:
            for one in came:
                one.close()
        await alice.leave()

    play(scene, home / "run")


def test_who_says_nothing_gives_way_to_who_comes_to_drive(home: Path) -> None:
    async def scene(on: Stage) -> None:
        before = len(os.listdir("/dev/fd"))
        came = await asyncio.to_thread(crowd, on.path, 300)
        try:
            began = time.monotonic()
            while True:  # let in within two seconds of the crowd's coming, and at once after half of one
                alice = await on.terminal()
                if await alice.hear() == Welcome(execution="x", mode="drive"):
                    break
                await alice.leave()
                await asyncio.sleep(0.05)
            assert time.monotonic() - began < 2
            first = await asyncio.to_thread(came[0].recv, 1000)
            assert messages.from_supervisor(first.rstrip(b"\n")) == Away(
                code="unavailable",
                words="this terminal said nothing, and others wait to be let in: come again",
            )
            assert len(os.listdir("/dev/fd")) - before - len(came) <= MOST_CONNECTIONS + 10
            await alice.leave()
        finally:
            for one in came:
                one.close()

    play(scene, home / "run")


def test_a_step_takes_nobodys_place(home: Path) -> None:
    """Who may not talk to the run is sent away before anybody gives way."""
    out = home / "out"

    async def scene(on: Stage) -> None:
        came = await asyncio.to_thread(crowd, on.path, MOST_CONNECTIONS)
        await asyncio.sleep(SILENT_SECONDS)  # from now on each of them would give way
        words = (sys.executable, "-c", _CHILD, "child", str(on.path), str(out))
        env = {**os.environ, "RUNBOOK_KERNEL": "abc"}
        child = await asyncio.create_subprocess_exec(*words, env=env)
        await child.wait()
        try:
            for one in came:
                one.setblocking(False)
                with pytest.raises(BlockingIOError):  # still there, and nothing was said to it
                    one.recv(1000)
        finally:
            for one in came:
                one.close()

    play(scene, home / "run", marks=["RUNBOOK_KERNEL=abc"])
    away = messages.from_supervisor(out.read_bytes().rstrip(b"\n"))
    assert isinstance(away, Away)
    assert away.code == "refused"


def test_the_end_is_told_to_everybody(home: Path) -> None:
    async def whole() -> None:
        async with stage(home / "run") as on:
            alice = await on.terminal()
            await alice.hear_until(Asked)
            on.control.grew(12)
            await on.control.over(sealed=True, failure=None)
            heard = [await alice.hear()]
            while not isinstance(heard[-1], Over):
                heard.append(await alice.hear())
            assert heard[-2:] == [Head(length=12), Over(sealed=True)]
            await alice.leave()

    asyncio.run(whole())


def test_who_still_waits_for_an_answer_at_the_end_hears_of_the_end_and_of_nothing_else(home: Path) -> None:
    async def scene(on: Stage) -> None:
        on.ear.looks_into = asyncio.Event()
        other = await on.terminal("carol@host", "command")
        await other.hear_until(Welcome)
        await other.say(Confirm(principal="carol@example.com", signature=""))
        on.control.grew(12)
        await on.control.over(sealed=True, failure=None)
        assert await other.hear() == Over(sealed=True)
        await other.leave()

    play(scene, home / "run")


def test_too_long_a_message_is_not_sent() -> None:
    with pytest.raises(FormatError, match="longer than 61440 bytes"):
        messages.encode(Told(words="x" * messages.LIMIT_BYTES))


_CHILD = textwrap.dedent(
    """
    import os, socket, sys
    kind, path = sys.argv[1:3]
    if kind == "daemon":
        if os.fork():
            os._exit(0)
        os.setsid()
        if os.fork():
            os._exit(0)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
    try:
        s.sendall(b'{"v":1,"say":{"type":"hello","who":"step","mode":"drive","take":true}}\\n')
    except BrokenPipeError:
        pass  # sent away before a word was said
    with open(sys.argv[3], "wb") as out:
        out.write(s.makefile("rb").readline())
    """
)

_SUPERVISOR = textwrap.dedent(
    """
    import asyncio, os, subprocess, sys
    from pathlib import Path
    from runbook.execution.control import MOST_CONNECTIONS, MOST_VISITS, SILENT_SECONDS, Control
    from runbook.execution import family
    class Ear:
        def answered(self, answer, *, by): raise SystemExit("answered")
        def commanded(self, command, *, by): raise SystemExit("commanded")
        def visited(self, *, by, mode, what): raise SystemExit("visited")
    async def main():
        family.become_subreaper()
        control = Control(Ear(), execution="x", own=os.getpid(), marks=["RUNBOOK_KERNEL=abc"])
        await control.open(Path(sys.argv[1]))
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", sys.argv[2], *sys.argv[3:])
        await child.wait()
        for _ in range(1200):
            await asyncio.sleep(0.05)
            if Path(sys.argv[-1]).exists() and Path(sys.argv[-1]).stat().st_size: break
        family.reap_orphans(but=frozenset())
        ps = ["ps", "--ppid", str(os.getpid()), "-o", "stat="]
        print("zombies:", subprocess.run(ps, capture_output=True, text=True).stdout.count("Z"))
    asyncio.run(main())
    """
)


@pytest.mark.parametrize("kind", ["child", "daemon"])
def test_what_a_step_starts_cannot_answer_its_own_question(home: Path, kind: str) -> None:
    """Argument 2 of `family.require_stranger`, for a plain child and for one that has daemonised."""
    out = home / "out"
    done = subprocess.run(
        [sys.executable, "-c", _SUPERVISOR, str(home / "run/s"), _CHILD, kind, str(home / "run/s"), str(out)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )

    assert done.returncode == 0, done.stderr
    away = messages.from_supervisor(out.read_bytes().rstrip(b"\n"))
    assert away == Away(
        code="refused", words="a step, and what it started, can't talk to the run that it belongs to"
    )
    assert "zombies: 0" in done.stdout


def test_a_process_that_carries_the_kernels_mark_is_refused(home: Path) -> None:
    """Argument 4 of `family.require_stranger`: a stray of an earlier supervisor's kernel."""
    out = home / "out"

    async def scene(on: Stage) -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _CHILD,
            "child",
            str(on.path),
            str(out),
            env={**os.environ, "RUNBOOK_KERNEL": "abc"},
        )
        await child.wait()

    play(scene, home / "run", marks=["RUNBOOK_KERNEL=abc"])
    away = messages.from_supervisor(out.read_bytes().rstrip(b"\n"))
    assert isinstance(away, Away)
    assert away.code == "refused"


async def _visits_at_the_end(path: Path, chance: random.Random) -> None:
    """A run that ends in the very moment in which terminals come in."""
    control = Control(Ear(), execution="x", own=1 << 30)
    await control.open(path)

    def visit(waits: float) -> None:
        time.sleep(waits)
        with socket.socket(socket.AF_UNIX) as one, contextlib.suppress(OSError):
            one.settimeout(4)  # longer than the end may take
            one.connect(str(path))
            time.sleep(waits / 2)
            one.sendall(messages.encode(Hello(who="alice@host", mode="watch")))
            while one.recv(4096):
                pass

    visits = [threading.Thread(target=visit, args=(chance.uniform(0, 0.004),)) for _ in range(3)]
    for each in visits:
        each.start()
    await asyncio.sleep(chance.uniform(0, 0.005))
    await asyncio.wait_for(control.over(sealed=True, failure=None), 3)
    for each in visits:
        await asyncio.to_thread(each.join)
    # Who came in after the end is told so by a task of its own; one that the loop never came to is left to
    # the garbage collector, which complains. A supervisor's process ends instead.
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others, timeout=5)
    await asyncio.sleep(0.01)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_ends_also_while_terminals_come_in(tmp_path: Path) -> None:
    chance = random.Random(7)
    for number in range(30):
        asyncio.run(_visits_at_the_end(tmp_path / f"s{number}", chance))
    gc.collect()  # a connection that was accepted after the end complains here, not in another test
