"""The attempt that a dead supervisor left open: what it came to, and how long it may go on.

The kernel says how it ended; nobody else. A limit of time that the text gives it holds over the death.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec

from runbook.evidence.events import StepState, parse_moment
from runbook.execution import deviating, forcing, kernel_tree
from runbook.execution.contact import Contact
from runbook.execution.kernel_values import Reply
from runbook.execution.past import Open
from runbook.execution.taking_up import TakenUp
from runbook.system import clock

_CTRL_C = "KeyboardInterrupt"
_LOOK_SECONDS = 0.5


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to it since it was taken up. `cut_short`: a person interrupted it; `timed_out`: its time
    was up; `killed_ns`: when, by the monotonic clock, its kernel was killed for that."""

    cut_short: bool = False
    timed_out: bool = False
    killed_ns: int | None = None


UNTOUCHED = Handled()


class LeftRunning:
    """An attempt in a kernel that lives, until that answers: then the attempt is over."""

    def __init__(self, taken: TakenUp, still_open: Open, contact: Contact) -> None:
        self._taken = taken
        self._open = still_open
        self._contact = contact
        self.handled = UNTOUCHED

    @property
    def _since(self) -> kernel_tree.Moment:
        return kernel_tree.moment_of(self._open.m)

    @property
    def is_over(self) -> bool:
        return self._contact.connecting.done()

    async def wait(self, broken: "asyncio.Future[Any]") -> None:
        """Until it is over, or evidence is `broken`. Once its time is up it is ended, as it would have been
        by the supervisor that began it."""
        connecting, rest = self._contact.connecting, self._rest_seconds()
        while not connecting.done() and not broken.done():
            await asyncio.wait({connecting, broken}, timeout=rest, return_when=asyncio.FIRST_COMPLETED)
            if connecting.done() or broken.done():
                return
            rest = _LOOK_SECONDS
            if self._is_at_work():
                self.handled = msgspec.structs.replace(self.handled, timed_out=True)
                if await forcing.end_by_force(self._contact.process, connecting, since=self._since):
                    self.handled = msgspec.structs.replace(self.handled, killed_ns=clock.monotonic_ns())
                rest = None

    def interrupt(self, *, kill: bool) -> None:
        """A person wants it to end; with `kill` what it started is killed, too."""
        self.handled = msgspec.structs.replace(self.handled, cut_short=True)
        since = self._since
        self._contact.process.interrupt(since=since)
        if kill:
            self._contact.process.kill_tree(since=since)

    def _rest_seconds(self) -> float | None:
        """What is left of its time; None without a limit. The journal's `m` is of our own clock: the machine
        was not started anew, or its kernel would not be alive."""
        if self._open.limit_seconds is None:
            return None
        spent = max(0, clock.monotonic_ns() - self._open.m) / 1e9
        return max(0.0, self._open.limit_seconds - spent)

    def _is_at_work(self) -> bool:
        """Whether the kernel has begun it, and not replied: one that is only slow to be reached is not killed
        for a step that has ended."""
        client = self._contact.client
        if client is None or self._taken.reply is not None:
            return False
        client.catch_up()
        wanted = self._taken.open_requests
        return bool(wanted) and not any(client.outcome(each) for each in wanted)


def end_of(
    still_open: Open, reply: Reply | None, *, doubt: str | None, handled: Handled = UNTOUCHED
) -> tuple[StepState, str]:
    """What the attempt came to, and why; `reply` None: nobody knows, but for a kernel that was killed for it.

    `doubt`: why what happened can't be said to be the step's own. `handled`: what was done to it since; that
    a person had interrupted it before stands in the journal, and is not forgotten with the supervisor that
    was told. Nor is its limit: what an interrupt ended behind it was ended for it.
    """
    if reply is None:
        if handled.killed_ns is not None:
            return "timed-out", forcing.did_not_return(still_open.limit_seconds)
        return "unknown", "its supervisor died, and the kernel left no word of how it ended"
    was_interrupted = reply.error is not None and reply.error.name == _CTRL_C
    by_hand = handled.cut_short or still_open.interrupted or (still_open.stopped and was_interrupted)
    is_late = was_interrupted and not by_hand and _is_late(still_open, reply)
    state: StepState = reply.state
    reason = reply.reason
    if handled.timed_out or is_late:
        state, reason = "timed-out", forcing.returned(still_open.limit_seconds)
    elif by_hand and state in ("succeeded", "failed"):
        state, reason = "interrupted", "interrupted by a person"
    if state == "succeeded" and doubt is not None:
        state, reason = "unknown", doubt
    return deviating.state_of(state, is_edited=still_open.edited), reason


def milliseconds(still_open: Open, reply: Reply | None, *, handled: Handled = UNTOUCHED) -> int | None:
    """How long the attempt took by the wall clock, from what two processes said; None when not known."""
    if reply is None and handled.killed_ns is not None:
        return max(0, handled.killed_ns - still_open.m) // 1_000_000
    if reply is None or reply.ended is None:
        return None
    ended = datetime.fromisoformat(reply.ended).astimezone(UTC)
    return max(0, round((ended - parse_moment(still_open.t)).total_seconds() * 1000))


def _is_late(still_open: Open, reply: Reply) -> bool:
    ms = milliseconds(still_open, reply)
    return still_open.limit_seconds is not None and ms is not None and ms >= still_open.limit_seconds * 1000
