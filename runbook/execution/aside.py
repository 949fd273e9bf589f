"""Aside: slow reading beside the event loop, in a thread, one at a time and with a limit. An edge.

Trust files can lie in a git repository on a disk that hangs. Whoever waits for them there must not hold up a
run's output, its Ctrl-C and everybody else who looks. Nothing of the run's state is touched in the thread.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from runbook.errors import UnavailableError

SECONDS = 60
T = TypeVar("T")


class Aside:
    """The one thread of its kind, and who collects (`reap`) ended children that nobody waits for."""

    def __init__(self, reap: Callable[[], None]) -> None:
        self.is_busy = False
        """While it works, also when nobody waits for it any more."""
        self._reap = reap

    def reap(self) -> None:
        """Collect them, at the latest when the thread has ended: one of them may be its git until then, and
        what that ended with would be lost to it, and taken for success."""
        if not self.is_busy:
            self._reap()

    async def do(self, work: Callable[[], T], *, seconds: float = SECONDS) -> T:
        """What `work` returns or raises. Raises UnavailableError when it takes longer, or when the one before
        is still at it: a thread can't be ended, so there is never more than one."""
        if self.is_busy:
            raise UnavailableError(
                "what somebody else said is still being looked into", hint="say it again in a minute"
            )
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(give: Callable[[], None]) -> None:
            self.is_busy = False
            self.reap()
            if not done.done():  # else nobody waits any more
                give()

        def tell(give: Callable[[], None]) -> None:
            with contextlib.suppress(RuntimeError):  # the run has ended, and its loop with it
                loop.call_soon_threadsafe(settle, give)

        def through() -> None:
            try:
                found = work()
            except Exception as error:  # noqa: BLE001  # whatever it is belongs to who waits for it
                problem = error
                tell(lambda: done.set_exception(problem))
            else:
                tell(lambda: done.set_result(found))

        self.is_busy = True
        try:
            # A daemon: a disk that never answers must not keep the supervisor from ending.
            threading.Thread(target=through, name="aside", daemon=True).start()
        except RuntimeError as error:
            self.is_busy = False
            raise UnavailableError("the system gives the supervisor no thread") from error
        try:
            async with asyncio.timeout(seconds):
                return await done
        except TimeoutError as error:
            raise UnavailableError(
                f"the policy could not be read within {seconds:g} seconds",
                hint="look at the disk and at git here, then say it again",
            ) from error
