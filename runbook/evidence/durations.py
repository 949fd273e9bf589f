"""Durations: whether what the record says that a step took can be true, by the journal's clocks. Pure.

Clocks are set, machines sleep and are started anew, supervisors die: an honest run must not be called a lie.
1 Nothing takes less than no time. 2 The supervisor counts `ms` from after it wrote `step-started` to before
it writes `step-ended`, on the clock of `m`: it is never more than lies between the two. 3 It is too short
where both clocks, `m` and the kernel's own, have more between the kernel's first word of the step and its
reply. One alone can be wrong, `m` of a reader that was behind, a wall clock that was set: so both must have
held together from line to line, and the reply's line must not be behind the reply. 4 Where another
supervisor took the run up in between, `ms` is what lies between `step-started` and the kernel's reply by the
wall clock, wherever that stood: exactly that, and never less than nothing. Of one whose kernel was killed
without a reply nothing is asked. 5 The journal begins after its start record, on the same clock; not where
the supervisor died between the two: the machine may have been started anew.
"""

from datetime import datetime
from typing import Final

from runbook.evidence.events import Event, parse_moment

SLACK_MS: Final = 5_000
"""How far two clocks may be apart without a contradiction."""
_STEADY_MS: Final = 1_000
_ROUNDING_MS: Final = 1
_SPOOLED = "runbook_reply"
_REPLIES = frozenset({"execute_reply", _SPOOLED})


class Durations:
    """Takes the events in their order. `problems`: line and words for each duration that can't be. `began`:
    the start record's monotonic time, when it is known."""

    def __init__(self, began: int | None = None) -> None:
        self._began = began
        self._open: Event | None = None
        self._taken_up = False  # since the step was started
        self._steady = True  # whether wall clock and `m` held together since
        self._first: Event | None = None  # what the kernel said of it
        self._replies: dict[str, Event] = {}  # request → its last reply
        self._spooled: dict[str, list[str]] = {}  # request → the dates of its replies in the spool
        self.problems: list[tuple[int, str]] = []

    def feed(self, event: Event) -> None:
        """Look at the next event."""
        if event.seq == 0 and event.payload.get("taken_up") is not True and event.m < (self._began or 0):  # 5
            self.problems.append((1, "is of a time before the start record's, by the monotonic clock"))
        if self._open is not None and self._steady:
            self._steady = abs(_between(self._open.t, event.t) - _passed(self._open, event)) <= _STEADY_MS
        match event.kind:
            case "step-started":
                self._open, self._taken_up, self._steady, self._first = event, False, True, None
                self._replies.clear()
                self._spooled.clear()
            case "opened":
                self._taken_up = True
            case "message" if self._open is not None:
                self._heard(event, self._open)
            case "step-ended" if self._open is not None:
                if event.text("step") == self._open.text("step") and event.payload.get("ms") is not None:
                    self._ended(event, self._open)
                self._open = None

    def _heard(self, event: Event, began: Event) -> None:
        if event.text("type") == _SPOOLED:
            self._spooled.setdefault(event.text("parent"), []).append(event.text("date"))
        if event.text("step") == began.text("step"):
            self._first = self._first or event
            if event.text("type") in _REPLIES:
                self._replies[event.text("parent")] = event

    def _ended(self, event: Event, began: Event) -> None:
        ms = event.number("ms", -1)
        if ms < 0:  # 1
            words = "is no time that anything takes"
        elif self._taken_up:  # 4
            due = [max(0, _between(began.t, date)) for date in self._dates(event)]
            if not due or any(abs(each - ms) <= _ROUNDING_MS for each in due):
                return
            words = f"is not the {due[-1]} from its start to the kernel's reply"
        elif ms > _passed(began, event):  # 2
            words = f"is more than the {_passed(began, event)} that lie between its start and its end"
        elif ms + SLACK_MS < self._least(event, began):  # 3
            words = f"is less than the {self._least(event, began)} from the kernel's first word to its reply"
        else:
            return
        name = event.text("step")
        self.problems.append((event.seq + 1, f"the {event.payload.get('ms')!r} ms of {name!r} {words}"))

    def _dates(self, event: Event) -> list[str]:
        return [date for date in self._spooled.get(event.text("message"), ()) if _is_time(date)]

    def _least(self, event: Event, began: Event) -> int:
        reply = self._replies.get(event.text("message"))
        if reply is None or self._first is None or not self._steady:
            return 0
        if abs(_between(reply.text("date"), reply.t)) > _STEADY_MS:
            return 0
        said = _between(self._first.text("date"), reply.text("date"))
        return min(_passed(self._first, reply), said, _between(began.t, reply.text("date")))


def _passed(first: Event, last: Event) -> int:
    return (last.m - first.m) // 1_000_000


def _between(first: str, last: str) -> int:
    """Milliseconds between two times; 0 where one is none."""
    try:
        return round((_time(last) - _time(first)).total_seconds() * 1000)
    except (ValueError, TypeError, OverflowError):
        return 0


def _is_time(text: str) -> bool:
    try:
        return _time(text).tzinfo is not None
    except ValueError:
        return False


def _time(text: str) -> datetime:
    try:
        return parse_moment(text)
    except ValueError:
        return datetime.fromisoformat(text)
