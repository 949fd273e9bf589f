"""Ctrl-C as something to be asked about, instead of an exception that can strike between any two lines.

Only where Python lets us: in the main thread. Elsewhere nothing is ever pressed.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType

_PRESSED = b"c"  # no number of a signal, which is what the system's handler writes


class CtrlC:
    """While entered, Ctrl-C makes this readable (`select`) and raises nothing."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._before: object = None
        self._woken = -1
        self._is_main = threading.current_thread() is threading.main_thread()

    def fileno(self) -> int:
        return self._read

    def take(self) -> int:
        """How often it was pressed since the last call."""
        try:
            return os.read(self._read, 1024).count(_PRESSED)
        except BlockingIOError:
            return 0

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Inside, Ctrl-C means what it meant before."""
        self._restore()
        try:
            yield
        finally:
            self._catch()

    def __enter__(self) -> "CtrlC":
        if self._is_main:
            # Python runs our handler between two of its own steps: a signal that comes right before a wait
            # would be handled behind it. This is written by the system's handler, and ends the wait.
            self._woken = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._catch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        if self._is_main:
            signal.set_wakeup_fd(self._woken)
        os.close(self._read)
        os.close(self._write)

    def _catch(self) -> None:
        if self._is_main:
            self._before = signal.signal(signal.SIGINT, self._pressed)

    def _restore(self) -> None:
        if self._is_main:
            signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]  # what signal() gave us

    def _pressed(self, number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, _PRESSED)
