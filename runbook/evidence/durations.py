"""Durations: whether what the record says that a step took can be true, by the journal's clocks. Pure.

1 Nothing takes less than no time. 2 The supervisor counts `ms` from after it wrote `step-started` to before
it writes `step-ended`, on the clock of `m`: it is never more than lies between the two. Where another
supervisor took the run up in between, `ms` is of the wall clock, and too long where both clocks say so. 3 It
is too short where both clocks, `m` and the kernel's own, have more between the kernel's first word of the
step and its reply: one alone can be wrong, `m` of a reader that was behind, a wall clock that was set.
"""

from datetime import datetime
from typing import Final

from runbook.evidence.events import Event, parse_moment

SLACK_MS: Final = 5_000
"""How far two clocks may be apart without a contradiction."""
_REPLIES = frozenset({"execute_reply", "runbook_reply"})


class Durations:
    """Takes the events in their order. `problems`: line and words for each duration that can't be."""

    def __init__(self) -> None:
        self._open: Event | None = None
        self._taken_up = False  # since the step was started
        self._first: Event | None = None  # what the kernel said of it
        self._replies: dict[str, Event] = {}  # request → its reply
        self.problems: list[tuple[int, str]] = []

    def feed(self, event: Event) -> None:
        """Look at the next event."""
        match event.kind:
            case "step-started":
                self._open, self._taken_up, self._first = event, False, None
                self._replies.clear()
            case "opened":
                self._taken_up = True
            case "message" if self._open is not None and event.text("step") == self._open.text("step"):
                self._first = self._first or event
                if event.text("type") in _REPLIES:
                    self._replies[event.text("parent")] = event
            case "step-ended" if self._open is not None:
                if event.text("step") == self._open.text("step") and event.payload.get("ms") is not None:
                    self._ended(event, self._open)
                self._open = None

    def _ended(self, event: Event, began: Event) -> None:
        ms, most = event.number("ms", -1), (event.m - began.m) // 1_000_000
        if self._taken_up:
            most = max(most, _between(began.t, event.t)) + SLACK_MS
        if ms < 0:  # 1
            words = "is no time that anything takes"
        elif ms > most:  # 2
            words = f"is more than the {most} that lie between its start and its end"
        elif ms + SLACK_MS < self._least(event):  # 3
            words = f"is less than the {self._least(event)} from the kernel's first word to its reply"
        else:
            return
        name = event.text("step")
        self.problems.append((event.seq + 1, f"the {event.payload.get('ms')!r} ms of {name!r} {words}"))

    def _least(self, event: Event) -> int:
        reply = self._replies.get(event.text("message"))
        if reply is None or self._first is None:
            return 0
        said = _between(self._first.text("date"), reply.text("date"))
        return min((reply.m - self._first.m) // 1_000_000, said)


def _between(first: str, last: str) -> int:
    """Milliseconds between two times; 0 where one is none."""
    try:
        return round((_time(last) - _time(first)).total_seconds() * 1000)
    except (ValueError, TypeError, OverflowError):
        return 0


def _time(text: str) -> datetime:
    try:
        return parse_moment(text)
    except ValueError:
        return datetime.fromisoformat(text)
