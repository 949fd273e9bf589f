"""`wait_until` and `retry`: patience with a limit. They run what they are given and decide nothing else.

Both say what they wait for, so that a step which takes long does not look stuck, and how it ended is recorded
where that is not plain: as a note. They sleep between attempts in this very thread; an interrupt ends them.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from runbook.kit.commands import CommandError
from runbook.kit.remarks import note
from runbook.kit.surroundings import shortened

T = TypeVar("T")
_NOT_YET = (CommandError, OSError)
_WORDS = 200


def wait_until(
    probe: Callable[[], T], *, timeout: float, every: float = 1.0, what: str = "the condition"
) -> T:
    """Call `probe` every so many seconds until it answers something true, and return that.

    A probe that raises CommandError or OSError (no connection, no file) is taken as "not yet"; any other
    exception is its author's mistake and comes through at once. It is asked once more at the end of the time,
    at least once in all. Raises TimeoutError (an OSError) with the last answer or error, ValueError for times
    that are none. A probe that hangs is not ended: give `sh` a timeout of its own.
    """
    _require_times(timeout=timeout, every=every)
    began = time.monotonic()
    tries = 0
    while True:
        tries += 1
        try:
            answer = probe()
            if answer:
                if tries > 1:
                    note(f"{what}: after {time.monotonic() - began:.1f} s, attempt {tries}")
                return answer
            last = f"answered {answer!r}"
        except _NOT_YET as error:
            last = f"{type(error).__name__}: {error}"
        left = began + timeout - time.monotonic()
        if left <= 0:
            raise TimeoutError(
                f"{what}: not within {timeout:g} seconds ({tries} attempts);"
                f" the last {shortened(last, _WORDS)}"
            )
        time.sleep(min(every, left))


def retry(
    call: Callable[[], T],
    *,
    times: int = 3,
    every: float = 1.0,
    on: type[Exception] | tuple[type[Exception], ...] = _NOT_YET,
) -> T:
    """Call `call` until it raises none of `on`, at most so many times, and return what it returns.

    Each failure but the last is noted; the last comes through as it is. Only for what is safe to do twice:
    an attempt that failed may have taken effect. Raises ValueError for numbers that are none.
    """
    if times < 1:
        raise ValueError(f"times is {times}: at least 1")
    _require_times(every=every)
    for attempt in range(1, times):
        try:
            return call()
        except on as error:
            note(f"attempt {attempt} of {times}: {type(error).__name__}: {shortened(str(error), _WORDS)}")
            time.sleep(every)
    return call()


def _require_times(**seconds: float) -> None:
    for name, value in seconds.items():
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} is {value}: a number of seconds, and not for ever")
