"""One child process of a step: both outputs read together, its whole session ended with it.

What a child started and left running on purpose (`nohup server &`) may hold its outputs open: when the child
itself has ended and nothing has come for a moment, we stop listening and say so (`held`).
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from runbook.kit.capture import Capture

_CHUNK_BYTES = 1 << 16
_GRACE_SECONDS = 3.0  # less than a run waits for an interrupted step
_HELD_SECONDS = 0.5
_LOOK_SECONDS = 0.1


class Child:
    """A started command. `code` is its return code once `end` was called (negative: a signal)."""

    def __init__(self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str], data: bytes | None) -> None:
        """Start it. Raises OSError."""
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=env,
            bufsize=0,
            start_new_session=True,
        )
        self._rest = memoryview(data or b"")
        self._selector = selectors.DefaultSelector()
        self.pid = self._process.pid
        self.held = False

    @property
    def code(self) -> int:
        return 0 if self._process.returncode is None else self._process.returncode

    def attend(self, out: Capture, err: Capture, *, timeout_seconds: float | None) -> bool:
        """Read until it has ended and has nothing more to say; False when the time was up before."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._register(out, err)
        silent_since = time.monotonic()
        while self._selector.get_map():
            now = time.monotonic()
            has_ended = self._process.poll() is not None
            if deadline is not None and now >= deadline and not has_ended:
                return False
            if self._serve(_LOOK_SECONDS if deadline is None else max(0, min(_LOOK_SECONDS, deadline - now))):
                silent_since = time.monotonic()
            elif has_ended and time.monotonic() - silent_since > _HELD_SECONDS:
                self.held = True
                return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
            return True
        return False

    def end(self) -> None:
        """End what is left of it: ask its session, wait, kill; what it still says meanwhile is read. A child
        that ended by itself keeps what it left running."""
        try:
            if self._process.poll() is None:
                self._signal(signal.SIGTERM)
                self._wait(_GRACE_SECONDS)
                self._signal(signal.SIGKILL)  # what ignored the first, its leader gone or not
                self._wait(1)
        except KeyboardInterrupt:  # a second one: no more patience
            self._signal(signal.SIGKILL)
            raise
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            self._selector.close()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _wait(self, seconds: float) -> None:
        """Read on until it has ended and its pipes are empty, or the time is up."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            has_ended = self._process.poll() is not None
            has_moved = bool(self._selector.get_map()) and self._serve(0 if has_ended else _LOOK_SECONDS)
            if has_ended and not has_moved:
                return
            if not self._selector.get_map():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_LOOK_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _register(self, out: Capture, err: Capture) -> None:
        for pipe, capture in ((self._process.stdout, out), (self._process.stderr, err)):
            if pipe is not None:
                self._selector.register(pipe, selectors.EVENT_READ, capture)
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)
            self._selector.register(self._process.stdin, selectors.EVENT_WRITE, None)

    def _serve(self, wait_seconds: float) -> bool:
        """Move what can be moved within the time; whether anything was."""
        events = self._selector.select(wait_seconds)
        for key, _ in events:
            if key.data is None:
                self._feed()
                continue
            data = os.read(key.fd, _CHUNK_BYTES)
            if data:
                key.data.take(data)
            else:
                self._selector.unregister(key.fileobj)
        return bool(events)

    def _feed(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        try:
            if self._rest:
                self._rest = self._rest[os.write(pipe.fileno(), self._rest[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not want to read on, which is its right
            self._rest = memoryview(b"")
        if not self._rest:
            self._selector.unregister(pipe)
            pipe.close()


def started(pid: int) -> str | None:
    """The start time of a living process, as text that no other process with this pid ever has. Linux only;
    None elsewhere, and for one that is gone."""
    try:
        # proc(5): the name stands in parentheses and may hold anything; field 3 is the state, 22 the start.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    except OSError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    return f"{boot}-{int(fields[19])}"
