"""The past of a run, told by its journal, and a conduct that goes on from there. No kernel."""

from typing import Any

from runbook.evidence.events import Event
from runbook.execution.actions import Ask, End, Run
from runbook.execution.conduct import Conduct
from runbook.execution.leeway import Leeway
from runbook.execution.past import Gatherer, Past
from runbook.execution.questions import Answer
from tests.execution.test_conduct import step

STEPS = (
    step("values", "parameters"),
    step("base", "setup"),
    step("one"),
    step("two"),
    step("is-two", "read-only", checks="two"),
    step("three"),
    step("back", undoes="one"),
)


def past(*told: tuple[str, dict[str, Any]]) -> Past:
    gatherer = Gatherer(STEPS)
    for seq, (kind, payload) in enumerate(told):
        gatherer.feed(
            Event(seq=seq, prev="", t="2026-11-21T00:07:07.123Z", m=seq, kind=kind, payload=payload)
        )
    return gatherer.past()


def ran(name: str, state: str = "succeeded", attempt: int = 1) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("step-started", {"step": name, "attempt": attempt}),
        ("step-ended", {"step": name, "attempt": attempt, "state": state}),
    ]


def message(name: str | None, parent: str, spooled: int, kind: str = "stream") -> tuple[str, dict[str, Any]]:
    return "message", {"step": name, "parent": parent, "spooled": spooled, "type": kind}


def went_on(found: Past, *, renewed: bool = False) -> Conduct:
    conduct = Conduct(STEPS, Leeway(unattended=False, approved=False), by="bob")
    conduct.take_up(found, renewed=renewed)
    return conduct


def asked(conduct: Conduct) -> str:
    action = conduct.next()
    assert isinstance(action, Ask), action
    return f"{action.question.asks} {action.question.step}"


def answer(conduct: Conduct, choice: Any, words: str = "") -> None:
    question = conduct.open_question
    assert question is not None
    conduct.answered(Answer(question=question.number, choice=choice, words=words), by="bob")


DONE = [*ran("values"), *ran("base"), *ran("one")]


def test_it_goes_on_behind_what_was_done() -> None:
    conduct = went_on(past(*DONE, ("question", {"question": 4, "step": "two"})))

    assert asked(conduct) == "start two"
    assert conduct.open_question is not None
    assert conduct.open_question.number == 5
    assert conduct.open_question.undo == ("back",)


def test_a_new_kernel_gets_declarations_and_setup_again_and_nothing_else() -> None:
    conduct = went_on(past(*DONE), renewed=True)
    for name in ("values", "base"):
        assert conduct.next() == Run(step=name, attempt=2, by="bob")
        conduct.ended(name, "succeeded")
    assert asked(conduct) == "start two"


def test_setup_that_fails_the_second_time_is_asked_about() -> None:
    conduct = went_on(past(*DONE), renewed=True)
    for name in ("values", "base"):
        conduct.next()
        conduct.ended(name, "succeeded" if name == "values" else "failed")
    assert asked(conduct) == "failed base"


def test_a_kernel_that_was_set_up_in_part_gets_the_rest_and_nothing_that_was_done_is_asked_about() -> None:
    """The supervisor died twice: the second time while a new kernel was set up."""
    gone = ("kernel-ended", {"number": 1})
    told = [*DONE, *ran("two"), gone, ("step-started", {"step": "values", "attempt": 2})]
    conduct = went_on(past(*told))
    conduct.recovered("values", "succeeded")
    assert conduct.next() == Run(step="base", attempt=2, by="bob")
    conduct.ended("base", "succeeded")
    assert conduct.next() == Run(step="is-two", attempt=1, by="bob")
    conduct.ended("is-two", "succeeded")
    assert asked(conduct) == "start three"


def test_set_up_that_ended_in_a_kernel_that_is_gone_runs_again_in_the_next() -> None:
    conduct = went_on(past(*ran("values"), ("step-started", {"step": "base", "attempt": 1})), renewed=True)
    conduct.recovered("base", "succeeded")
    runs = []
    while isinstance(action := conduct.next(), Run):
        runs.append((action.step, action.attempt))
        conduct.ended(action.step, "succeeded")
    assert runs == [("values", 2), ("base", 2)]
    assert isinstance(action, Ask)
    assert action.question.step == "one"


def test_no_set_up_runs_behind_one_that_failed() -> None:
    conduct = went_on(past(*DONE), renewed=True)
    conduct.next()
    conduct.ended("values", "failed")
    assert asked(conduct) == "failed values"
    answer(conduct, "retry")
    assert conduct.next() == Run(step="values", attempt=3, by="bob")
    conduct.ended("values", "succeeded")
    assert conduct.next() == Run(step="base", attempt=2, by="bob")


def test_set_up_whose_end_is_not_known_is_asked_about_before_what_builds_on_it() -> None:
    told = [*DONE, ("kernel-ended", {"number": 1}), ("step-started", {"step": "values", "attempt": 2})]
    conduct = went_on(past(*told))
    conduct.recovered("values", "unknown")
    assert asked(conduct) == "failed values"
    answer(conduct, "continue", "it is harmless")
    assert conduct.next() == Run(step="base", attempt=2, by="bob")
    conduct.ended("base", "succeeded")
    assert asked(conduct) == "start two"


def test_an_unknown_step_is_checked_then_asked_about_and_never_repeated() -> None:
    found = past(*DONE, ("step-started", {"step": "two", "attempt": 1}))
    assert found.open is not None
    conduct = went_on(found, renewed=True)
    conduct.recovered("two", "unknown")
    names = []
    while isinstance(action := conduct.next(), Run):
        names.append(action.step)
        conduct.ended(action.step, "succeeded")
    assert names == ["values", "base", "is-two"]
    assert isinstance(action, Ask)
    assert (action.question.asks, action.question.step) == ("failed", "two")
    answer(conduct, "continue", "it is there")
    assert asked(conduct) == "start three"


def test_a_step_that_ended_meanwhile_is_passed() -> None:
    conduct = went_on(past(*DONE, ("step-started", {"step": "two", "attempt": 1})))
    conduct.recovered("two", "succeeded")
    action = conduct.next()
    assert action == Run(step="is-two", attempt=1, by="bob")


def test_what_was_skipped_passed_over_or_undone_stays_so() -> None:
    told = [
        *DONE,
        *ran("two", "failed"),
        ("answer", {"step": "two", "choice": "continue"}),
        ("step-skipped", {"step": "is-two", "reason": "checks"}),
        ("step-skipped", {"step": "three", "reason": "operator"}),
        *ran("back"),
    ]
    found = past(*told)
    assert (found.unresolved, found.continued, found.ran[-1]) == ((), frozenset({"two"}), "back")
    assert "one" not in found.ran
    conduct = went_on(found)
    rest = conduct.next()
    while not isinstance(rest, End):
        rest = conduct.next()
    assert rest.reason == "done"


def test_a_failure_that_nobody_answered_is_asked_about_again() -> None:
    assert asked(went_on(past(*DONE, *ran("two", "failed")))) == "failed two"


def test_manual_steps_are_remembered() -> None:
    found = past(*DONE, ("attested", {"step": "two"}), ("declined", {"step": "three"}))
    assert (found.states["two"], found.unresolved) == ("attested", ("three",))


def test_requests_and_spool_numbers_are_those_of_the_newest_kernel() -> None:
    found = past(
        ("kernel-started", {"pid": 7, "session": "s1"}),
        *DONE,
        message("one", "r1", 5),
        ("kernel-ended", {"number": 1}),
        ("kernel-started", {"pid": 8, "session": "s2"}),
        ("step-started", {"step": "two", "attempt": 1}),
        message(None, "info", 1),
        message("two", "r2", 2),
        message("one", "r1", 3),
        message("two", "r2", 4, "runbook_reply"),
    )
    assert (found.spooled, found.ended, found.sessions) == (4, 1, frozenset({"s1", "s2"}))
    assert found.requests == {"r1": "one", "r2": "two"}
    assert found.open is not None
    assert found.open.requests == {"r2"}
    assert found.open.reply is not None


def test_late_output_of_an_earlier_attempt_is_not_the_open_ones() -> None:
    found = past(
        ("step-started", {"step": "two", "attempt": 1}),
        message("two", "r1", 1),
        ("step-ended", {"step": "two", "attempt": 1, "state": "failed"}),
        ("step-started", {"step": "two", "attempt": 2}),
        message("two", "r1", 2),
    )
    assert found.open is not None
    assert (found.open.attempt, found.open.requests) == (2, frozenset())


def test_a_held_step_was_never_begun() -> None:
    conduct = went_on(past(*DONE))
    asked(conduct)
    answer(conduct, "go")
    run = conduct.next()
    assert isinstance(run, Run)
    held = conduct.hold(run, "Expired.")
    assert isinstance(held, Ask)
    assert (held.question.asks, held.question.words) == (
        "held",
        "Expired. two may not run as things stand. What now?",
    )
    assert conduct.states["two"] == "pending"
    answer(conduct, "run")
    assert conduct.next() == Run(step="two", attempt=1, by="bob")


def test_a_held_step_ends_an_unattended_run() -> None:
    conduct = Conduct(STEPS, Leeway(unattended=True, approved=True), by="bob")
    run = conduct.next()
    assert isinstance(run, Run)
    assert conduct.hold(run, "Expired.") == End(reason="stopped")
    assert conduct.next() == End(reason="stopped")


def test_a_step_that_asks_is_answered_while_it_runs() -> None:
    conduct = went_on(past(*DONE))
    asked(conduct)
    answer(conduct, "run")
    assert isinstance(conduct.next(), Run)
    ask = conduct.ask_input("two", "Which host? ")
    assert ask.question.words == "two asks: Which host?"
    answer(conduct, "say", "web1")
    assert conduct.open_question is None
    conduct.ask_input("two", "Still there? ")
    assert conduct.withdraw() is not None
    assert conduct.withdraw() is None
    conduct.ended("two", "succeeded")
    assert conduct.next() == Run(step="is-two", attempt=1, by="bob")
