"""Whether every step was let run: each test is about one numbered step, or about an honest run."""

import msgspec
import pytest

from runbook.evidence.consent import Consent
from runbook.evidence.events import Event, moment
from runbook.evidence.plan import PlannedStep
from tests.evidence.builders import BEGAN, CELLS, Cell, plan_of

CODE = (
    *CELLS,
    Cell(name="stop", source="stop()", tags=("confirm",)),
    Cell(name="look", source="look()", tags=("idempotent",)),
    Cell(name="connect", source="connect()", tags=("setup",)),
)
NOBODY = "{!r} was started, and nobody had let it run"


class Journal:
    """A journal of one run of `CODE`, told event by event; `more` replaces fields of its steps."""

    def __init__(self, kind: str = "interactive", **more: dict[str, object]) -> None:
        plan = plan_of(CODE, kind=kind)
        steps = tuple(self._bent(step, more) for step in plan.steps)
        self._consent = Consent(msgspec.structs.replace(plan, steps=steps))
        self._seq = 0
        self._number = 0
        self._attempts: dict[str, int] = {}
        self.tell("opened")

    @staticmethod
    def _bent(step: PlannedStep, more: dict[str, dict[str, object]]) -> PlannedStep:
        return msgspec.structs.replace(step, **more.get(step.name, {}))

    def tell(self, kind: str, **payload: object) -> None:
        self._consent.feed(
            Event(seq=self._seq, prev="", t=moment(BEGAN), m=self._seq, kind=kind, payload=payload)
        )
        self._seq += 1

    def say(self, step: str, choice: str, *, asks: str = "start", how: str = "terminal") -> None:
        self._number += 1
        self.tell("question", question=self._number, step=step, asks=asks)
        self.tell("answer", question=self._number, step=step, choice=choice, how=how)

    def run(self, step: str, state: str = "succeeded", *, by: str = "alice@here", **more: object) -> None:
        self._attempts[step] = self._attempts.get(step, 0) + 1
        self.tell("step-started", step=step, attempt=self._attempts[step], by=by, **more)
        self.tell("step-ended", step=step, state=state)

    def take_up(self) -> None:
        self.tell("opened", taken_up=True)

    @property
    def problems(self) -> list[str]:
        return [words for _, words in self._consent.problems]


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.mark.parametrize("step", ["restart", "stop"])
@pytest.mark.parametrize("kind", ["interactive", "unattended"])
def test_1_a_guarded_step_never_starts_without_a_yes(kind: str, step: str) -> None:
    journal = Journal(kind)
    journal.say("health", "go")
    journal.run("health")
    journal.run(step)
    assert journal.problems == [NOBODY.format(step)]


@pytest.mark.parametrize("choice", ["run", "go", "retry"])
def test_1_a_yes_lets_it_run_also_when_remarks_and_others_come_between(journal: Journal, choice: str) -> None:
    journal.say("restart", choice, asks="danger")
    journal.tell("interrupted", by="alice@here", how="interrupt")
    journal.run("connect")
    journal.say("health", "note")
    journal.run("restart")
    assert journal.problems == []


@pytest.mark.parametrize("how", ["approval", "default"])
def test_1_an_unattended_run_is_let_run_by_its_approval(how: str) -> None:
    journal = Journal("unattended")
    journal.run("health")
    journal.say("restart", "run", asks="danger", how=how)
    journal.run("restart")
    journal.run("look")
    assert journal.problems == []


@pytest.mark.parametrize("choice", ["skip", "continue", "note", "undo", "check", "stop", "say"])
def test_1_no_other_answer_is_a_yes(journal: Journal, choice: str) -> None:
    journal.say("restart", choice, asks="danger")
    journal.run("restart")
    assert journal.problems == [NOBODY.format("restart")]


def test_1_an_edit_is_a_yes_where_no_name_is_typed(journal: Journal) -> None:
    journal.say("health", "edit")
    journal.run("health", "deviated")
    journal.say("stop", "edit", asks="confirm")
    journal.run("stop", "deviated")
    journal.say("restart", "edit", asks="danger")
    journal.run("restart", "deviated")
    journal.say("restart", "edit", asks="failed")
    journal.run("restart", "deviated")
    assert journal.problems == [NOBODY.format("restart")] * 2


def test_2_nothing_starts_unasked_where_people_are_there(journal: Journal) -> None:
    journal.run("health")
    journal.say("health", "run")
    journal.run("look")
    assert journal.problems == [NOBODY.format("health"), NOBODY.format("look")]


def test_2_behind_a_go_the_next_ones_run_until_it_is_over(journal: Journal) -> None:
    journal.say("health", "go")
    journal.run("health")
    journal.say("restart", "skip", asks="danger")
    journal.run("look")
    assert journal.problems == []
    journal.say("stop", "run", asks="confirm")
    journal.run("stop")
    journal.run("look")
    assert journal.problems == [NOBODY.format("look")]


@pytest.mark.parametrize("ending", ["failed", "declined", "taken up"])
def test_2_what_ends_a_go(journal: Journal, ending: str) -> None:
    journal.say("health", "go")
    journal.run("health", "failed" if ending == "failed" else "succeeded")
    if ending == "declined":
        journal.tell("declined", step="announce")
    if ending == "taken up":
        journal.take_up()
    journal.run("look")
    assert journal.problems == [NOBODY.format("look")]


@pytest.mark.parametrize("more", [{"tags": ("setup",)}, {"checks": "stop"}, {"undoes": "stop"}])
def test_2_what_is_asked_for_together_with_others_may_start(more: dict[str, object]) -> None:
    journal = Journal(look=more)
    journal.run("look")
    assert journal.problems == []


def test_2_whoever_takes_an_unattended_run_up_is_asked() -> None:
    journal = Journal("unattended")
    journal.run("health")
    journal.take_up()
    journal.run("look")
    assert journal.problems == [NOBODY.format("look")]


def test_3_a_yes_is_for_one_attempt_and_one_supervisor(journal: Journal) -> None:
    journal.say("stop", "run", asks="confirm")
    journal.run("stop", "failed")
    journal.run("stop")
    journal.say("restart", "run", asks="danger")
    journal.take_up()
    journal.run("restart")
    assert journal.problems == [NOBODY.format("stop"), NOBODY.format("restart")]


def test_4_the_text_repeats_what_is_idempotent_as_often_as_it_says() -> None:
    journal = Journal(look={"retries": 2})
    journal.say("look", "run")
    for state in ("failed", "timed-out", "failed"):
        journal.run("look", state, by="text" if journal._attempts else "alice@here")
    assert journal.problems == []
    journal.run("look", by="text")
    assert journal.problems == [NOBODY.format("look")]


@pytest.mark.parametrize("last", ["interrupted", "kernel-died", "unknown"])
def test_4_the_text_repeats_nothing_that_ended_otherwise(last: str) -> None:
    journal = Journal(look={"retries": 2})
    journal.say("look", "run")
    journal.run("look", last)
    journal.run("look", by="text")
    assert journal.problems == [NOBODY.format("look")]


@pytest.mark.parametrize(
    ("more", "deviation"), [({"retries": 2, "tags": ()}, {}), ({"retries": 2}, {"deviation": {}}), ({}, {})]
)
def test_4_nor_what_is_not_idempotent_was_edited_or_has_no_retries(
    more: dict[str, object], deviation: dict[str, dict[str, object]]
) -> None:
    journal = Journal(look=more)
    journal.say("look", "run")
    journal.tell("step-started", step="look", attempt=1, by="alice@here", **deviation)
    journal.tell("step-ended", step="look", state="failed")
    journal.tell("step-started", step="look", attempt=2, by="text")
    assert journal.problems == [NOBODY.format("look")]
