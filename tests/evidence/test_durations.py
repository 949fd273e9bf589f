"""Whether a step can have taken what the record says: each test is about one numbered step."""

from datetime import timedelta

import pytest

from runbook.evidence.durations import SLACK_MS, Durations
from runbook.evidence.events import Event, moment
from tests.evidence.builders import BEGAN

SECOND = 1_000_000_000


class Clocks:
    """A step's events, at seconds of the monotonic clock and of the wall's."""

    def __init__(self) -> None:
        self.durations = Durations()
        self._seq = 0

    def tell(self, kind: str, m: float, wall: float | None = None, **payload: object) -> None:
        t = moment(BEGAN + timedelta(seconds=m if wall is None else wall))
        if kind == "message":
            payload["date"] = t.replace("Z", "000+00:00")
        event = Event(seq=self._seq, prev="", t=t, m=round(m * SECOND), kind=kind, payload=payload)
        self._seq += 1
        self.durations.feed(event)

    def ended(self, m: float, ms: object, wall: float | None = None) -> list[str]:
        self.tell("step-ended", m, wall, step="health", ms=ms, message="r1")
        return [words for _, words in self.durations.problems]


@pytest.fixture
def clocks() -> Clocks:
    made = Clocks()
    made.tell("step-started", 10, step="health")
    return made


def heard(clocks: Clocks, m: float, wall: float, kind: str = "runbook_reply") -> None:
    clocks.tell("message", m, wall, step="health", type=kind, parent="r1")


def test_what_lies_between_the_events_is_as_long_as_a_step_takes(clocks: Clocks) -> None:
    heard(clocks, 10.5, 10.5, "status")
    heard(clocks, 12, 12)
    assert clocks.ended(12.25, 2250) == []


@pytest.mark.parametrize("ms", [-1, "long", True])
def test_1_nothing_takes_less_than_no_time(clocks: Clocks, ms: object) -> None:
    assert clocks.ended(12, ms) == [f"the {ms!r} ms of 'health' is no time that anything takes"]


def test_1_what_nobody_knows_is_no_contradiction(clocks: Clocks) -> None:
    assert clocks.ended(12, None) == []


def test_2_a_millisecond_more_than_lies_between_is_too_long(clocks: Clocks) -> None:
    words = "the 2001 ms of 'health' is more than the 2000 that lie between its start and its end"
    assert clocks.ended(12, 2001) == [words]


@pytest.mark.parametrize(("m", "wall"), [(12, 3612), (3612, 12), (1, 3612)])
def test_2_a_run_that_was_taken_up_may_go_by_the_longer_clock(clocks: Clocks, m: int, wall: int) -> None:
    clocks.tell("opened", m, wall)
    assert clocks.ended(m, 3_602_000, wall) == []


def test_2_a_run_that_was_taken_up_takes_no_longer_than_both_clocks(clocks: Clocks) -> None:
    clocks.tell("opened", 11)
    most = 2000 + SLACK_MS
    words = f"the {most + 1} ms of 'health' is more than the {most} that lie between its start and its end"
    assert clocks.ended(12, most + 1) == [words]


def test_3_a_step_takes_what_both_clocks_say(clocks: Clocks) -> None:
    heard(clocks, 11, 11, "status")
    heard(clocks, 611, 611)
    words = "the 594999 ms of 'health' is less than the 600000 from the kernel's first word to its reply"
    assert clocks.ended(612, 594_999) == [words]


@pytest.mark.parametrize(("m", "wall"), [(12, 611), (611, 12)])
def test_3_one_clock_alone_can_be_wrong(clocks: Clocks, m: int, wall: int) -> None:
    heard(clocks, 11, 11, "status")
    heard(clocks, m, wall)
    assert clocks.ended(612, 1000) == []


def test_3_times_that_are_none_are_no_contradiction(clocks: Clocks) -> None:
    for m in (11, 611):
        event = {"step": "health", "type": "runbook_reply", "parent": "r1", "date": "9999-99-99"}
        clocks.durations.feed(
            Event(seq=1, prev="", t=moment(BEGAN), m=m * SECOND, kind="message", payload=event)
        )
    assert clocks.ended(612, 1000) == []
