"""The supervisor's end of the pipe: what it is handed comes in, one line goes out, then it is closed. Decides
nothing; the other end is `launch`.
"""

import contextlib
import os
import select
import sys

import msgspec

from runbook.canonical import canonical_json
from runbook.decoding import decode_json
from runbook.errors import RunbookError
from runbook.execution.failures import failure_of
from runbook.execution.handing import HANDED_LIMIT_BYTES, Handed, Heard


def is_handed() -> bool:
    """Whether `take` would not have to wait."""
    return bool(select.select([0], [], [], 0)[0])


def take() -> Handed | None:
    """Wait for what is handed over; None when nothing comes any more. Raises FormatError."""
    data = sys.stdin.buffer.read(HANDED_LIMIT_BYTES)
    return decode_json(data, Handed, name="what was handed over") if data else None


class FirstWord:
    """The one line that the terminal waits for."""

    def __init__(self) -> None:
        self._said = False

    def ready(self) -> None:
        """Say that the run is there to be visited."""
        self._say(Heard())

    def refuse(self, error: RunbookError) -> None:
        """Say why there is no run; an error of a run that was begun is a bug, and goes to the log."""
        if self._said:
            raise error
        self._say(Heard(failure=failure_of(error)))

    def _say(self, heard: Heard) -> None:
        self._said = True
        with contextlib.suppress(OSError):  # the terminal is gone: the run is not
            sys.stdout.buffer.write(canonical_json(msgspec.to_builtins(heard)) + b"\n")
            sys.stdout.buffer.flush()
        _close_pipes()


def _close_pipes() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
