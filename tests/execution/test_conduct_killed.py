"""Runs whose supervisor and kernel die at any moment, again and again, with any answers of any people.

Only what the journal and the kernel have survives; what the next supervisor then does is held against what
people were promised, told by the journal alone. No kernel, no clock: thousands of lives in seconds.
"""

import random
from typing import Any

import pytest

from runbook.evidence.consent import Consent
from runbook.evidence.continuity import Continuity
from runbook.evidence.events import Event, StepState
from runbook.evidence.plan import PlannedStep
from runbook.evidence.states import standing
from runbook.execution.actions import Action, Ask, Attest, End, Note, Run, Settle, Skip
from runbook.execution.conduct import Conduct
from runbook.execution.leeway import Leeway
from runbook.execution.past import DONE_WELL, Gatherer
from runbook.execution.questions import WORDED, Answer, Question
from tests.evidence.builders import CELLS, DIGEST, plan_of
from tests.execution.test_conduct import step

BAD: tuple[StepState, ...] = ("failed", "timed-out", "interrupted", "unknown", "kernel-died")
WELL: tuple[StepState, ...] = ("succeeded",) * 6
TAGS = ("setup", "setup", "confirm", "danger", "idempotent", "read-only")
GUARDED = {"confirm", "danger"}


class Killed(Exception):
    """The supervisor is gone."""


class Request:
    """What a kernel was sent: the step, how it ends there, and whether anybody can still hear of it."""

    def __init__(self, name: str, state: StepState, *, is_heard: bool) -> None:
        self.name = name
        self.state = state
        self.is_heard = is_heard


class World:
    """What outlives a supervisor: the journal, and what happened in the kernels."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.steps = [*_steps(chance)]
        guarded = {each.name: "somebody else" for each in self.steps if GUARDED & {*each.tags}}
        self.leeway = Leeway(
            unattended=False,
            approved=True,
            deviations=chance.random() < 0.3,
            seconded=guarded if chance.random() < 0.4 else {},
        )
        asks = self.leeway.seconded or any(each.kind == "manual" for each in self.steps)
        self.unattended_first = chance.random() < 0.3 and not asks  # such plans don't begin
        self.events: list[Event] = []
        self.kernel = 1
        self.answers = False  # the kernel, and that was told
        self.set_up: set[tuple[int, str]] = set()  # in which kernel a step succeeded, or a person let it be
        self.sent: Request | None = None
        self.told_to_stop = False  # in the life of this supervisor
        self.lapsed = False  # a step could not run any more, and nobody was there to be asked
        self.kills = chance.randrange(6)

    def tell(self, kind: str, **payload: Any) -> None:
        self.may_die()
        seq = len(self.events)
        self.events.append(
            Event(seq=seq, prev="", t="2026-11-21T00:07:07.123Z", m=seq, kind=kind, payload=payload)
        )
        self.may_die()

    def may_be_stopped(self, conduct: Conduct) -> None:
        if self.chance.random() < 0.02:
            self.told_to_stop = True
            self.tell("interrupted", by="eve", how="stop")
            conduct.stop()

    def may_die(self) -> None:
        if self.kills and self.chance.random() < 0.04:
            self.kills -= 1
            raise Killed

    def answer(self, *, adopted: bool) -> None:
        """The kernel does."""
        self.answers = True
        self.tell("kernel-started", adopted=adopted)

    def end(self, name: str, attempt: int, state: StepState) -> None:
        reply = {"reply": "ok"} if state in DONE_WELL else {}
        self.tell("step-ended", step=name, attempt=attempt, state=state, **reply)

    def of(self, name: str, *kinds: str) -> list[Event]:
        return [event for event in self.events if event.kind in kinds and event.text("step") == name]

    def state(self, name: str) -> str:
        """How the step stands, as the journal says."""
        told = self.of(name, "step-started", "step-ended", "step-skipped", "attested", "declined")
        if not told:
            return "pending"
        last = told[-1]
        if last.kind == "step-skipped":
            return "skipped"
        return last.text("state") or {"step-started": "running"}.get(last.kind, last.kind)

    def was_said(self, name: str, *choices: str) -> bool:
        """Whether a person said one of these about the step since it ended."""
        ends = self.of(name, "step-ended", "declined", "attested")
        since = ends[-1].seq if ends else -1
        return any(each.text("choice") in choices and each.seq > since for each in self.of(name, "answer"))


def _steps(chance: random.Random) -> list[PlannedStep]:
    found: list[PlannedStep] = []
    for number in range(chance.randrange(2, 7)):
        name = f"s{number}"
        tags = tuple({tag for tag in TAGS if chance.random() < 0.15})
        if found and chance.random() < 0.2:
            found.append(step(name, "read-only", checks=chance.choice(found).name))
        elif found and chance.random() < 0.2:
            found.append(step(name, undoes=chance.choice(found).name))
        elif chance.random() < 0.1:
            found.append(step(name, kind="manual"))
        else:
            skip = chance.choice(("selection", "dry-run", "frozen")) if chance.random() < 0.1 else ""
            found.append(step(name, *tags, retries=2 if "idempotent" in tags else 0, skip=skip))
    plain = [each for each in found if each.checks is None and each.undoes is None]
    return [
        each for each in found if (each.checks or each.undoes or plain[0].name) in {p.name for p in plain}
    ]


def _is_set_up(planned: PlannedStep) -> bool:
    return "setup" in planned.tags


def _is_plain(planned: PlannedStep) -> bool:
    return not _is_set_up(planned) and planned.checks is None and planned.undoes is None


def live(world: World) -> str:
    """One supervisor, from its start to its death or the end of the run."""
    leeway = world.leeway
    if world.unattended_first and not world.events:
        leeway = Leeway(unattended=True, approved=True)
    conduct = Conduct(world.steps, leeway, by="bob")
    world.told_to_stop = False
    taken_up = bool(world.events)
    world.tell("opened", plan=DIGEST, **({"taken_up": True} if taken_up else {}))
    if taken_up:
        _take_up(world, conduct)
    for _ in range(500):
        action = conduct.next()
        if isinstance(action, End):
            if action.reason == "done":
                assert all(world.state(each.name) != "pending" for each in world.steps)
            return action.reason
        _carry_out(world, conduct, action)
    raise AssertionError("it never ends")


def _take_up(world: World, conduct: Conduct) -> None:
    gatherer = Gatherer(world.steps)
    for event in world.events:
        gatherer.feed(event)
    past = gatherer.past()
    gone = past.ended == world.kernel  # told so already, and nothing else was started
    renewed = gone or world.chance.random() < 0.5
    conduct.take_up(past, renewed=renewed)
    if not renewed:
        world.answer(adopted=True)
    if past.open is not None:
        sent = world.sent
        state: StepState = "unknown"
        if sent is not None and sent.name == past.open.step and (sent.is_heard or not renewed):
            state = sent.state
        if state == "succeeded" and past.open.edited:
            state = "deviated"
        world.end(past.open.step, past.open.attempt, state)
        conduct.recovered(past.open.step, state)
    world.sent = None
    if renewed:
        if not gone:
            world.tell("kernel-ended", number=world.kernel)
        world.answers = False
        world.kernel += 1


def _carry_out(world: World, conduct: Conduct, action: Action) -> None:
    match action:
        case Run() if _may_be_held(world, action) and world.chance.random() < 0.1:
            held = conduct.hold(action, "Its approval has lapsed.")
            assert isinstance(held, Ask) == conduct.is_attended
            world.lapsed = not conduct.is_attended
            if isinstance(held, Ask):
                _answer(world, conduct, held.question)
        case Run():
            _run(world, conduct, action)
        case Ask(question=question):
            assert conduct.is_attended, "nobody is there"
            _answer(world, conduct, question)
        case Settle(question=question, choice=choice, how=how):
            _ask(world, question)
            world.tell("answer", question=question.number, step=question.step, choice=choice, how=how)
        case Skip(step=name, reason=reason, words=words):
            require_not_done(world, name)
            world.tell("step-skipped", step=name, reason=reason, words=words)
        case Attest(step=name, done=done, by=by, words=words):
            world.tell("attested" if done else "declined", step=name, by=by, words=words)
        case Note(step=name):
            world.tell("note", step=name)


def _may_be_held(world: World, action: Run) -> bool:
    """As `guard` has it: what looks, sets up, checks or undoes is free, but not as somebody edited it."""
    planned = next(each for each in world.steps if each.name == action.step)
    return action.edit is not None or (_is_plain(planned) and "read-only" not in planned.tags)


def _run(world: World, conduct: Conduct, action: Run) -> None:
    require_fit(world, action)
    deviation: dict[str, Any] = {"deviation": {}} if action.edit is not None else {}
    source = (
        "e" * 64 if action.edit is not None else next(s for s in world.steps if s.name == action.step).source
    )
    if not world.answers:
        world.answer(adopted=False)
    index = next(each.index for each in world.steps if each.name == action.step)
    begun = {"step": action.step, "index": index, "attempt": action.attempt, "by": action.by}
    world.tell("step-started", source=source, **begun, **deviation)
    world.may_be_stopped(conduct)
    state = world.chance.choice((*WELL, *BAD))
    if state == "succeeded":
        world.set_up.add((world.kernel, action.step))
    world.sent = Request(action.step, state, is_heard=world.chance.random() < 0.5)
    world.may_die()
    if state == "succeeded" and action.edit is not None:
        state = "deviated"
    world.end(action.step, action.attempt, state)
    world.sent = None
    conduct.ended(action.step, state)
    if state == "kernel-died" and conduct.is_attended:
        _lose_kernel(world, conduct)


def _lose_kernel(world: World, conduct: Conduct) -> None:
    world.tell("kernel-ended", number=world.kernel)
    world.answers = False
    world.kernel += 1
    conduct.kernel_gone()


def _ask(world: World, question: Question) -> None:
    told = {"question": question.number, "step": question.step, "asks": question.asks}
    world.tell("question", choices=list(question.choices), **told)


def _answer(world: World, conduct: Conduct, question: Question) -> None:
    if question.asks != "failed":
        require_not_done(world, question.step)
    _ask(world, question)
    if world.chance.random() < 0.03:  # it dies while it idles
        _lose_kernel(world, conduct)
    world.may_be_stopped(conduct)
    if conduct.open_question is None:
        return
    if question.asks == "second" and world.chance.random() < 0.6:
        name, attempt = conduct.second()
        world.tell("confirmed", step=name, attempt=attempt)
        conduct.confirmed()
        return
    choice = world.chance.choice(
        [each for each in question.choices if each != "stop" or world.chance.random() < 0.2]
    )
    words = (question.typed or "") if choice in ("run", "go", "retry") else "why" if choice in WORDED else ""
    world.told_to_stop = world.told_to_stop or choice == "stop"
    answer = Answer(
        question=question.number, choice=choice, words=words, source="y" if choice == "edit" else None
    )
    conduct.answered(answer, by="bob")
    if choice in ("continue", "skip"):
        world.set_up.add((world.kernel, question.step))
    named = question.step
    if choice in ("undo", "check"):
        named = (question.undo if choice == "undo" else question.check)[0]
    said = {"choice": choice, "words": words.strip(), "by": "bob", "how": "terminal"}
    world.tell("answer", question=question.number, step=named, **said)


def require_not_done(world: World, name: str) -> None:
    """Nobody is asked again about what is done, and it is not left out."""
    planned = next(each for each in world.steps if each.name == name)
    if _is_plain(planned):
        assert world.state(name) not in DONE_WELL, f"{name} was done"
        assert not world.was_said(name, "continue"), f"{name} was passed over by a person"


def require_fit(world: World, action: Run) -> None:
    """Whether the step may run now, by what the journal and the kernel have."""
    planned = next(each for each in world.steps if each.name == action.step)
    assert action.attempt == len(world.of(action.step, "step-started")) + 1
    state = world.state(action.step)
    if action.step in world.leeway.seconded:
        confirmed = [each.number("attempt") for each in world.of(action.step, "confirmed")]
        assert action.attempt in confirmed, f"nobody else has confirmed attempt {action.attempt}"
        assert action.edit is None, "what was confirmed is the reviewed text"
    if _is_plain(planned):
        assert planned.will != "skip", f"{action.step} was to be left out: {planned.why}"
        require_not_done(world, action.step)
        assert state != "skipped"
        if state in BAD and not world.was_said(action.step, "retry", "edit"):
            assert "idempotent" in planned.tags
            assert state in ("failed", "timed-out")
            assert action.attempt <= 1 + planned.retries
    if _is_set_up(planned) and state in BAD:
        assert world.was_said(action.step, "retry", "edit") or "idempotent" in planned.tags
    for other in world.steps:
        if other.name in (action.step, planned.checks):
            break  # what checks a step comes right behind it, before what the text has in between
        if _is_set_up(other) and world.state(other.name) in BAD and planned.checks is planned.undoes is None:
            assert world.was_said(other.name, "continue"), (
                f"{action.step} came behind {other.name}, which failed"
            )
        if _is_set_up(other) and world.state(other.name) == "succeeded":
            ready = (world.kernel, other.name) in world.set_up
            assert ready or planned.undoes is not None, (
                f"{other.name} did not set up the kernel of {action.step}"
            )


def require_nothing_found(world: World) -> None:
    """An honest run is never called another: what verification asks of yes and of questions holds."""
    kind = "unattended" if world.unattended_first else "interactive"
    plan = plan_of(CELLS, kind=kind, steps=tuple(world.steps))
    consent, continuity = Consent(plan), Continuity(plan, plan_digest=DIGEST)
    gap = Event(seq=len(world.events), prev="", t="", m=0, kind="gap", payload={})  # no kernel speaks here
    for event in (*world.events, gap):
        consent.feed(event)
        continuity.feed(event)
    continuity.finish()
    assert consent.problems == continuity.problems == []


def require_true_outcome(world: World, reason: str) -> None:
    """A stop is one where it ended the run. What was taken up since, and finished, is what its steps say."""
    claim = {"outcome": "failed" if world.lapsed else "succeeded"}
    claimed = Event(seq=len(world.events), prev="", t="", m=0, kind="sealed", payload=claim)
    found = standing(world.steps, [*world.events, claimed], alive=False)
    states = {step.state for step in found.steps}
    assert (reason == "stopped") == (world.told_to_stop or world.lapsed), reason
    if world.lapsed or states & {"unknown", *BAD} - {"interrupted"}:
        assert found.outcome in ("failed", "unknown")
    elif world.told_to_stop or states & {"interrupted", "declined"}:
        assert found.outcome == "stopped"
    else:
        assert found.outcome in ("succeeded", "deviated"), states


@pytest.mark.parametrize("block", range(10))
def test_whenever_it_dies_nothing_is_repeated_left_out_or_run_in_a_kernel_that_is_not_set_up(
    block: int,
) -> None:
    for number in range(300):
        seed = block * 1000 + number
        world = World(random.Random(seed))
        for _ in range(10):
            try:
                require_true_outcome(world, live(world))
                require_nothing_found(world)
                break
            except Killed:
                continue
            except AssertionError as error:
                story = "\n".join(f"{event.kind} {event.payload}" for event in world.events)
                raise AssertionError(f"seed {seed}, kernel {world.kernel}: {error}\n{story}") from error
