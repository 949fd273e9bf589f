"""One after the other: a lock that is waited for, for a while and aloud.

Whoever holds it writes into its file who they are, so that those behind them can say for whom they wait. That
is said, never believed: the lock alone counts. Never waits for ever: its holder may have been stopped.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from runbook.errors import LockBusy, NotFoundError
from runbook.instants import stamp
from runbook.system import clock, files

_LINE_BYTES = 200
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.001, 0.05  # between two tries


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """How to wait for one's turn. `tell` hears for whom, after `quiet_seconds` behind one and the same
    holder; after `most_seconds` it is given up, and at once when `is_over` says so."""

    tell: Callable[[str], None] = lambda _: None
    is_over: Callable[[], bool] = lambda: False
    quiet_seconds: float = 1.5
    most_seconds: float = 20.0


class Turns:
    """The lock `path`, a file for locking only."""

    def __init__(self, path: Path, wait: Wait | None = None) -> None:
        self._path = path
        self._wait = wait or Wait()
        self._given_up = ""

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Hold it, as `files.locked`, once those before us are done. A signal's handler runs meanwhile, so
        Ctrl-C ends it. Raises LockBusy, naming the holder, when they do not end, and at once when we gave up
        on that very one before; StorageError."""
        with contextlib.ExitStack() as held:
            descriptor = self._waited(held)
            line = f"{os.getpid()} {os.uname().nodename[:64]} {stamp(clock.now())} {clock.monotonic_ns()}"
            with contextlib.suppress(OSError):  # a full disk: it is then not known who we are
                os.pwrite(descriptor, f"{line:<{_LINE_BYTES - 1}}\n".encode("ascii", "replace"), 0)
            yield

    def _waited(self, held: contextlib.ExitStack) -> int:
        before, since, is_said, pause = "", clock.monotonic_ns(), False, _SHORTEST_SECONDS
        while True:
            try:
                return held.enter_context(files.locked(self._path))
            except LockBusy as error:
                holder = _holder(self._path)
                if holder != before:
                    before, since, is_said = holder, clock.monotonic_ns(), False
                seconds = (clock.monotonic_ns() - since) / 1e9
                is_known = holder != "" and holder == self._given_up
                if is_known or seconds >= self._wait.most_seconds or self._wait.is_over():
                    self._given_up = holder
                    raise LockBusy(_words(holder), subject=str(self._path), hint=_hint(holder)) from error
                if seconds >= self._wait.quiet_seconds and not is_said:
                    self._wait.tell(f"waiting: {_words(holder)}; {_hint(holder)}")
                    is_said = True
            clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_SECONDS)


def _holder(path: Path) -> str:
    try:
        return b"".join(files.chunks(path)).decode("ascii", "replace")[:_LINE_BYTES].strip()
    except NotFoundError:  # somebody took the whole folder away
        return ""


def _words(holder: str) -> str:
    match holder.split(" "):
        case [pid, host, since, _]:
            return f"process {pid} on {host} is at work here since {since}"
        case _:
            return "another process is at work here"


def _hint(holder: str) -> str:
    pid = holder.partition(" ")[0]
    if not pid.isdigit():
        return "try again when it has ended; nothing is lost"
    return f"if it was stopped, `kill -CONT {pid}` lets it go on and `kill -9 {pid}` ends it; nothing is lost"
