"""The clock: the only module that reads it.

Wall time is for stamps, always UTC and aware; monotonic time for every duration, limit and wait.
Front ends read it once and pass `now` down.
"""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Wall time, UTC, to the microsecond. A claim of this machine, never a proof."""
    return datetime.now(UTC)


def monotonic_ns() -> int:
    """Nanoseconds that only grow while this machine is up."""
    return time.monotonic_ns()


def sleep(seconds: float) -> None:
    """Wait. For loops that have a limit of their own."""
    time.sleep(seconds)
