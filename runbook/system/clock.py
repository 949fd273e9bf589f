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


def since_boot_seconds() -> float:
    """Seconds since this machine started, its sleep included: the scale on which Linux stamps the start of a
    process. Elsewhere, where processes are stamped with wall time, that."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time()


def sleep(seconds: float) -> None:
    """Wait. For loops that have a limit of their own."""
    time.sleep(seconds)
