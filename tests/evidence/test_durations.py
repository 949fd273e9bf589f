"""Whether a step can have taken what the record says: each test is about one numbered step."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.evidence.durations import Durations
from runbook.evidence.events import Event, moment
from tests.evidence.builders import BEGAN

SECOND = 1_000_000_000


class Clocks:
    """A step's events, at seconds of the monotonic clock and of the wall's."""

    def __init__(self, began: int = 0) -> None:
        self.durations = Durations(began * SECOND)
        self._seq = 0

    def tell(self, kind: str, m: float, wall: float | None = None, **payload: object) -> None:
        t = moment(BEGAN + timedelta(seconds=m if wall is None else wall))
        event = Event(seq=self._seq, prev="", t=t, m=round(m * SECOND), kind=kind, payload=payload)
        self._seq += 1
        self.durations.feed(event)

    def heard(self, m: float, wall: float, kind: str = "runbook_reply", *, said: float | None = None) -> None:
        """The kernel said something at the wall clock's `said`, and it was written down at `wall`."""
        date = moment(BEGAN + timedelta(seconds=wall if said is None else said)).replace("Z", "000+00:00")
        self.tell("message", m, wall, step="health", type=kind, parent="r1", date=date)

    def ended(self, m: float, ms: object, wall: float | None = None) -> list[str]:
        self.tell("step-ended", m, wall, step="health", ms=ms, message="r1")
        return [words for _, words in self.durations.problems]


@pytest.fixture
def clocks() -> Clocks:
    made = Clocks()
    made.tell("step-started", 10, step="health")
    return made


def test_what_lies_between_the_events_is_as_long_as_a_step_takes(clocks: Clocks) -> None:
    clocks.heard(10.5, 10.5, "status")
    clocks.heard(12, 12)
    assert clocks.ended(12.25, 2250) == []


@pytest.mark.parametrize("ms", [-1, "long", True])
def test_1_nothing_takes_less_than_no_time(clocks: Clocks, ms: object) -> None:
    assert clocks.ended(12, ms) == [f"the {ms!r} ms of 'health' is no time that anything takes"]


def test_1_what_nobody_knows_is_no_contradiction(clocks: Clocks) -> None:
    assert clocks.ended(12, None) == []


def test_2_a_millisecond_more_than_lies_between_is_too_long(clocks: Clocks) -> None:
    words = "the 2001 ms of 'health' is more than the 2000 that lie between its start and its end"
    assert clocks.ended(12, 2001) == [words]


def test_3_a_step_takes_what_both_clocks_say(clocks: Clocks) -> None:
    clocks.heard(11, 11, "status")
    clocks.heard(611, 611)
    words = "the 594999 ms of 'health' is less than the 600000 from the kernel's first word to its reply"
    assert clocks.ended(612, 594_999) == [words]


@pytest.mark.parametrize(("m", "wall"), [(12, 611), (611, 12)])
def test_3_one_clock_alone_can_be_wrong(clocks: Clocks, m: int, wall: int) -> None:
    clocks.heard(11, 11, "status")
    clocks.heard(m, wall)
    assert clocks.ended(612, 1000) == []


def test_3_times_that_are_none_are_no_contradiction(clocks: Clocks) -> None:
    for m in (11, 611):
        event = {"step": "health", "type": "runbook_reply", "parent": "r1", "date": "9999-99-99"}
        clocks.durations.feed(
            Event(seq=1, prev="", t=moment(BEGAN), m=m * SECOND, kind="message", payload=event)
        )
    assert clocks.ended(612, 1000) == []


def test_3_a_clock_that_was_set_while_the_reader_was_behind_is_no_contradiction(clocks: Clocks) -> None:
    clocks.heard(11, 11, "status")
    clocks.heard(611, 1211)
    assert clocks.ended(612, 1000, 1212) == []


def test_3_a_reply_that_was_read_long_after_it_came_is_no_contradiction(clocks: Clocks) -> None:
    clocks.heard(11, 11, "status")
    clocks.heard(611, 611, said=311)
    assert clocks.ended(612, 1000) == []


@pytest.mark.parametrize("m", [1, 11, 4000])
@pytest.mark.parametrize("said", [9, 12, 3612])
def test_4_a_run_that_was_taken_up_goes_by_the_kernels_reply(clocks: Clocks, m: int, said: int) -> None:
    clocks.tell("opened", m, 20, taken_up=True)
    clocks.heard(m, 20, said=said)
    assert clocks.ended(m, max(0, said - 10) * 1000, 20) == []


def test_4_a_run_that_was_taken_up_took_nothing_else_than_that(clocks: Clocks) -> None:
    clocks.tell("opened", 11)
    clocks.heard(12, 12)
    words = "the 2002 ms of 'health' is not the 2000 from its start to the kernel's reply"
    assert clocks.ended(13, 2002) == [words]


def test_4_a_reply_whose_time_is_hidden_is_no_contradiction(clocks: Clocks) -> None:
    clocks.tell("opened", 11)
    clocks.tell("message", 12, step="health", type="runbook_reply", parent="r1", date="***")
    assert clocks.ended(13, 2002) == []


@pytest.mark.parametrize(("more", "found"), [({}, 1), ({"taken_up": True}, 0)])
def test_5_a_journal_begins_after_its_start_record(more: dict[str, bool], found: int) -> None:
    clocks = Clocks(began=10)
    clocks.tell("opened", 9.9, None, **more)
    words = "is of a time before the start record's, by the monotonic clock"
    assert clocks.durations.problems == [(1, words)] * found


class World:
    """A machine with its clocks, a supervisor that may die, a kernel that goes on: they write a journal as
    the program does, and lie nowhere."""

    def __init__(self) -> None:
        self.clocks = Clocks(began=100)
        self.m, self.wall = 100.0, 10_000.0
        self.alive, self.taken_up = True, False
        self.waiting: list[tuple[str, float]] = []  # what the kernel said and nobody has written down
        self.sent: tuple[float, float] | None = None  # `m` and wall clock
        self.replied: tuple[float, float] | None = None
        self.tell("opened")

    def tell(self, kind: str, **payload: object) -> None:
        self.clocks.tell(kind, self.m, self.wall, **payload)

    def do(self, what: str, amount: int) -> None:
        match what:
            case "pass":
                self.m, self.wall = self.m + amount, self.wall + amount
            case "sleep":  # the monotonic clock stands still
                self.wall += amount
            case "set":
                self.wall += amount - 1800
                if self.alive:
                    self.tell("note")
            case "die":
                self.alive = False
            case "boot":
                self.alive, self.m = False, float(amount)
                self.finish(died=True)
            case "say":
                self.waiting.append(("status", self.wall))
            case "read":
                self.read()
            case "reply" if self.sent is not None and self.replied is None:
                self.replied = self.m, self.wall
                self.waiting.append(("runbook_reply", self.wall))

    def begin(self) -> None:
        self.take_up()
        self.taken_up = False
        self.tell("step-started", step="health", attempt=1)
        self.sent, self.replied = (self.m, self.wall), None
        self.waiting = [("status", self.wall)]

    def take_up(self) -> None:
        if not self.alive:
            self.tell("opened", taken_up=True)
            self.alive = self.taken_up = True

    def read(self) -> None:
        if self.sent is None:
            return
        self.take_up()
        for kind, said in self.waiting:
            self.clocks.heard(self.m, self.wall, kind, said=said)
        self.waiting = []

    def finish(self, *, died: bool = False) -> None:
        """The end of the step is written, by whoever is there; `died`: its kernel says nothing any more."""
        if self.sent is None:
            return
        if not died:
            self.do("reply", 0)
        self.read()
        ms: int | None = None
        if self.replied is not None:
            clock = 1 if self.taken_up else 0
            ms = max(0, round((self.replied[clock] - self.sent[clock]) * 1000))
        self.clocks.ended(self.m, ms, self.wall)
        self.sent = None


DEEDS = ("pass", "sleep", "set", "set", "die", "boot", "say", "read", "reply")
STEPS = st.lists(st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 3600)), max_size=8), max_size=4)


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_no_honest_run_is_called_a_lie_whatever_its_clocks_do(steps: list[list[tuple[str, int]]]) -> None:
    world = World()
    for deeds in steps:
        world.begin()
        for what, amount in deeds:
            world.do(what, amount)
        world.finish()
    assert world.clocks.durations.problems == []
