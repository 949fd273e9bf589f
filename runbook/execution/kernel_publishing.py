"""Publishing, in the kernel's process: every message is kept before it is sent, every stream is bounded.

Loaded from its file by `bootstrap`, before `kernel_inside` which uses it. Changed of ipykernel, and why:

1. every published message is spooled first and carries its number (`metadata.runbook.spool`);
2. a forked child's output reaches the parent by a Unix socket, not by a network port;
3. closing standard output closes nothing: it would silence the steps after it;
4. long output is cut into messages of a bounded size, and waits while it is too far ahead of the supervisor;
5. what child processes write to the output they inherited is decoded whole, and published before the step
   ends;
6. text that is no Unicode is published like any other.

7. secrets are masked in all of it, before it is kept (`kernel_masking`).
"""

import codecs
import fcntl
import json
import os
import select
import sys
import termios
import threading
import time
from typing import Any

from ipykernel.iostream import MASTER, IOPubThread, OutStream
from jupyter_client.jsonutil import json_clean, json_default
from jupyter_client.session import DELIM
from zmq.constants import SocketType
from zmq.eventloop.zmqstream import ZMQStream
from zmq.sugar.context import Context

_LARGEST_TEXT = 1 << 20  # characters in one stream message
_STALLED_SECONDS = 10.0
_PIPE_BYTES = 1 << 16
_FRAMES = 6  # of the shortest message: delimiter, signature, header, parent, metadata, content

PACKER = f"{__name__}.packed"
"""`packed`, as the session's configuration wants it."""


def packed(value: Any) -> bytes:
    """A part of a message, in ASCII: names of files that are no UTF-8 come as lone surrogates, which have a
    spelling in JSON's ASCII form only. jupyter_client's own packer loses the whole message (6)."""
    try:
        return json.dumps(value, default=json_default, allow_nan=False).encode("ascii")
    except (TypeError, ValueError):
        return json.dumps(json_clean(value), default=json_default, allow_nan=False).encode("ascii")


_inside: Any = None
"""The `Inside` of this process: the classes below are made by ipykernel, which passes nothing on."""


class Inside:
    """What the parts of one kernel share."""

    def __init__(self, folder: str, settings: dict[str, Any], writer: Any, watch: Any) -> None:
        self.folder = folder
        self.settings = settings
        self.writer = writer
        self.watch = watch
        self.pid = os.getpid()
        self.streams: list[Any] = []
        self.thread: Any = None
        self.masking: Any = settings.get("masking")
        self.throttle = Throttle(self)

    @property
    def is_fork(self) -> bool:
        return os.getpid() != self.pid


def begin(folder: str, settings: dict[str, Any], writer: Any, watch: Any) -> Inside:
    """Say once, before anything is published, what the kernel of this process works with."""
    global _inside
    inside = Inside(folder, settings, writer, watch)
    _inside = inside
    return inside


class SpoolingThread(IOPubThread):  # type: ignore[misc] # ipykernel has no types here
    """Publishes, and keeps what it publishes (1, 7). Talks to forks over a Unix socket (2)."""

    _waits = False  # for a quiet output

    def send_multipart(self, *args: Any, **kwargs: Any) -> None:
        """As ipykernel's, but at once in the publishing thread itself. Put back into its queue, a stream
        would be kept only after `flush` had returned, and a crash could come in between."""
        if threading.current_thread() is self.thread:
            self._really_send(*args, **kwargs)
        else:
            super().send_multipart(*args, **kwargs)

    def _really_send(self, msg: list[Any], *args: Any, **kwargs: Any) -> None:
        if self._check_mp_mode() == MASTER:
            if _inside.is_fork:
                return  # no way to the parent: what a fork inherited of ZeroMQ must not be touched
            if DELIM not in msg or len(msg) - msg.index(DELIM) < _FRAMES:
                return  # code of a step made it: no message, and an error here would hold up those behind it
            if _inside.masking is not None:
                for masked, counts in _inside.masking.through(msg, self.session):
                    self._send_now(self._spooled(masked, counts), *args, **kwargs)
                self._look_again()
                return
            msg = self._spooled(msg)
        self._send_now(msg, *args, **kwargs)

    def _send_now(self, msg: list[Any], *args: Any, **kwargs: Any) -> None:
        # Without a copy ZeroMQ keeps Python's bytes until a thread of pyzmq's gets its turn: when a step is
        # busy printing that is late, and all it printed stays in memory.
        super()._really_send(msg, *args, **{**kwargs, "copy": True})

    def _look_again(self) -> None:
        """Where an output holds something back (7): let it out once nothing more has come for a while."""
        if _inside.masking.waits and not self._waits:
            self._waits = True
            self.io_loop.call_later(_inside.masking.quiet_seconds, self._let_out)

    def _let_out(self) -> None:
        self._waits = False
        for masked, counts in _inside.masking.let_out(self.session, older_than=_inside.masking.quiet_seconds):
            self._send_now(self._spooled(masked, counts))
        self._look_again()

    def _spooled(self, msg: list[Any], masked: Any = None) -> list[Any]:
        start = msg.index(DELIM) + 2  # behind the delimiter stands the signature
        header, parent, metadata, content, *buffers = msg[start:]
        number, _kept = _inside.writer.append([header, parent, metadata, content, *buffers])
        # The reader learns the number from the message; a number that could not be kept is used up, too.
        told = {"spool": number, "masked": masked} if masked else {"spool": number}
        marked = {**_object(bytes(metadata)), "runbook": told}
        signed = [header, parent, json.dumps(marked).encode(), content]
        return [*msg[: start - 1], self.session.sign(signed), *signed, *buffers]

    def settle(self, seconds: float) -> None:
        """Wait until what was handed over so far is kept, or for that long: a step may hold the thread up."""
        done = threading.Event()
        self.schedule(done.set)
        done.wait(seconds)

    def stop(self) -> None:
        """As ipykernel's, but what was handed over while the thread was ending is published all the same."""
        super().stop()
        while self._events:
            self._events.popleft()()
        if _inside.masking is not None:
            for masked, counts in _inside.masking.let_out(self.session):
                self._send_now(self._spooled(masked, counts))

    def _setup_pipe_in(self) -> None:
        self._pipe_uuid = os.urandom(16)
        pipe_in = self.socket.context.socket(SocketType.PULL)
        pipe_in.linger = 0
        pipe_in.bind(f"ipc://{_inside.folder}/fork")
        self._pipe_in = ZMQStream(pipe_in, self.io_loop)
        self._pipe_in.on_recv(self._handle_pipe_msg)

    def _setup_pipe_out(self) -> tuple[Any, Any]:
        context = Context()  # a new one: the inherited context is the parent's
        pipe_out = context.socket(SocketType.PUSH)
        pipe_out.linger = 3000
        pipe_out.connect(f"ipc://{_inside.folder}/fork")
        return context, pipe_out


def _object(part: bytes) -> dict[str, Any]:
    """A message's metadata; nothing for what is no object, which only code of a step can have made."""
    if part == b"{}":
        return {}
    try:
        found = json.loads(part)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class Output(OutStream):  # type: ignore[misc] # ipykernel has no types here
    """Standard output or error of the steps (3, 4, 5)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._ahead = 0
        self._draining = False
        self._flushing = False
        super().__init__(*args, **kwargs)
        _inside.streams.append(self)

    def write(self, string: Any) -> int:
        if not isinstance(string, str) or len(string) < _LARGEST_TEXT:
            self._write(string)
        else:
            for start in range(0, len(string), _LARGEST_TEXT):
                self._write(string[start : start + _LARGEST_TEXT])
        return len(string)

    def _write(self, string: Any) -> None:
        super().write(string)
        self._ahead += len(string)
        if self._ahead >= _LARGEST_TEXT and not _inside.is_fork and not self._is_service_thread():
            self.flush()
            _inside.throttle.wait()

    def flush(self) -> None:
        """As ipykernel's, but nothing to publish costs no round trip to the publishing thread. The order of
        the two questions matters: a buffer is taken away only after `_flushing` was set."""
        if self._buffers or self._flushing or _inside.is_fork:
            super().flush()

    def _flush(self) -> None:
        self._flushing = True
        try:
            self._ahead = 0
            super()._flush()
        finally:
            self._flushing = False

    def _is_service_thread(self) -> bool:
        """Threads of the kernel itself: if one of them waited, nothing would be published or answered."""
        return threading.current_thread().name in ("IOPub", "Control", "Shell channel")

    def close(self) -> None:
        """Nothing: a step that closes its output must not silence the steps after it."""
        self.flush()

    def _watch_pipe_fd(self) -> None:
        """Publish what child processes write to the descriptor they inherited."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        poll = select.poll()
        poll.register(self._fid, select.POLLIN | select.POLLHUP)
        while self._should_watch:
            try:
                poll.poll()
                self._draining = True  # before reading: `drain` must not see an empty pipe too early
                data = os.read(self._fid, _PIPE_BYTES)
                self.write(decoder.decode(data, final=not data))
            except (OSError, ValueError):
                return
            finally:
                self._draining = False
            if not data:
                return

    def drain(self, until: float) -> None:
        """Wait until what is in the pipe has been taken over, or until the monotonic time `until`."""
        if self._fid is None or not self.watch_fd_thread.is_alive():
            return
        while time.monotonic() < until:
            waiting = int.from_bytes(fcntl.ioctl(self._fid, termios.FIONREAD, b"\0" * 4), sys.byteorder)
            if not waiting and not self._draining:
                return
            time.sleep(0.001)


class Throttle:
    """Holds a printing thread while the spool is too far ahead of what the supervisor has released (4).

    Ends as soon as there is room, no supervisor, or no progress; a supervisor that stopped releasing is
    waited for once, not at every line.
    """

    def __init__(self, inside: Inside) -> None:
        self._writer = inside.writer
        self._watch = inside.watch
        self._limit = inside.settings["backlog_bytes"]
        self._stalled_at: int | None = None

    def wait(self) -> None:
        best = self._writer.backlog()
        if not self._limit or best <= self._limit:
            self._stalled_at = None
            return
        if self._stalled_at is not None and best >= self._stalled_at:
            return
        since = time.monotonic()
        while best > self._limit:
            if time.monotonic() - since >= _STALLED_SECONDS or not self._watch.is_held():
                self._stalled_at = best
                return
            time.sleep(0.02)
            now = self._writer.backlog()
            if now < best:
                best, since = now, time.monotonic()
        self._stalled_at = None
