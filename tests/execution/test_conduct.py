"""How a run goes on, without a kernel: every choice at every question, and what it leads to."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.errors import InputError
from runbook.evidence.events import Event, StepState
from runbook.evidence.plan import PlannedStep
from runbook.execution.actions import Ask, Attest, End, Note, Run, Settle, Skip
from runbook.execution.conduct import Conduct
from runbook.execution.leeway import Leeway
from runbook.execution.past import Gatherer
from runbook.execution.questions import Answer, Choice, Question


def step(
    name: str,
    *tags: str,
    kind: str = "code",
    undoes: str | None = None,
    checks: str | None = None,
    retries: int = 0,
    skip: str = "",
) -> PlannedStep:
    will = "skip" if skip or undoes else "show" if kind == "prose" else "ask" if kind == "manual" else "run"
    return PlannedStep(
        index=0,
        name=name,
        kind=kind,  # type: ignore[arg-type]  # a test names it in short
        title=name,
        tags=tags,
        timeout_seconds=None,
        retries=retries,
        when=None,
        undoes=undoes,
        checks=checks,
        source="0" * 64,
        line=1,
        will=will,  # type: ignore[arg-type]
        why=skip or ("undo" if undoes else ""),
    )


Says = Callable[[Question], tuple[Choice, str] | Choice]


def play(
    steps: Iterable[PlannedStep],
    *,
    says: Says | None = None,
    ends: Callable[[str, int], StepState] = lambda name, attempt: "succeeded",
    approved: bool = True,
) -> tuple[list[str], Conduct]:
    """Conduct the steps to the end; returns one line per action."""
    conduct = Conduct(list(steps), Leeway(unattended=says is None, approved=approved), by="op@host")
    lines: list[str] = []
    for _ in range(200):
        match conduct.next():
            case Run(step=name, attempt=attempt, by=by):
                state = ends(name, attempt)
                lines.append(f"run {name} {attempt} {by} {state}")
                conduct.ended(name, state)
            case Ask(question=question):
                lines.append(f"ask {question.asks} {question.step}")
                assert says is not None, "an unattended run asked"
                said = says(question)
                choice, words = (said, "") if isinstance(said, str) else said
                conduct.answered(Answer(question=question.number, choice=choice, words=words), by="al@host")
            case Settle(question=question, choice=choice, how=how):
                lines.append(f"settle {question.asks} {question.step} {choice} {how}")
            case Skip(step=name, reason=reason, words=words):
                lines.append(f"skip {name} {reason} {words}".rstrip())
            case Attest(step=name, done=done, by=by, words=words):
                lines.append(f"attest {name} {done} {by} {words}".rstrip())
            case Note(step=name, words=words):
                lines.append(f"note {name} {words}")
            case End(reason=reason):
                lines.append(f"end {reason}")
                return lines, conduct
    raise AssertionError(f"never ended: {lines}")


def script(*answers: tuple[Choice, str] | Choice) -> Says:
    rest = iter(answers)
    return lambda question: next(rest)


def test_an_unattended_run_runs_all_and_asks_nothing() -> None:
    lines, conduct = play([step("intro", kind="prose"), step("a"), step("b")])

    assert lines == ["run a 1 op@host succeeded", "run b 1 op@host succeeded", "end done"]
    assert conduct.states == {"a": "succeeded", "b": "succeeded"}


def test_an_interactive_run_asks_before_each_step_but_not_for_declarations() -> None:
    steps = [
        step("values", "parameters"),
        step("injected-parameters", "injected-parameters"),
        step("a"),
        step("b"),
    ]

    lines, _ = play(steps, says=script("run", "run"))

    assert [line for line in lines if line.startswith("ask")] == ["ask start a", "ask start b"]
    assert "run a 1 al@host succeeded" in lines


def test_go_runs_to_the_next_question_that_must_be_asked() -> None:
    lines, _ = play([step("a"), step("b"), step("c", "confirm"), step("d")], says=script("go", "go"))

    assert [line for line in lines if line.startswith("ask")] == ["ask start a", "ask confirm c"]


def test_run_at_a_question_makes_the_next_step_ask_again() -> None:
    lines, _ = play([step("a"), step("b", "confirm"), step("c")], says=script("go", "run", "run"))

    assert [line for line in lines if line.startswith("ask")] == [
        "ask start a",
        "ask confirm b",
        "ask start c",
    ]


def test_skip_needs_a_reason_and_writes_it_down() -> None:
    lines, conduct = play([step("a"), step("b")], says=script(("skip", "done by hand"), "run"))

    assert lines[1] == "skip a operator done by hand"
    assert conduct.states == {"a": "skipped", "b": "succeeded"}
    with pytest.raises(InputError, match="'skip' needs a reason in words"):
        play([step("a")], says=script("skip"))


def test_danger_wants_the_name_of_the_step_typed() -> None:
    with pytest.raises(InputError, match="the name that was typed is not the step's") as refused:
        play([step("wipe", "danger")], says=script(("run", "wpie")))
    assert refused.value.hint == "type wipe to run it"

    lines, _ = play([step("wipe", "danger")], says=script(("run", " wipe ")))
    assert lines[:2] == ["ask danger wipe", "run wipe 1 al@host succeeded"]


def test_danger_wants_its_name_typed_again_for_a_retry() -> None:
    def ends(name: str, attempt: int) -> StepState:
        return "failed" if attempt == 1 else "succeeded"

    with pytest.raises(InputError, match="the name that was typed"):
        play([step("wipe", "danger")], says=script(("run", "wipe"), "retry"), ends=ends)
    lines, _ = play([step("wipe", "danger")], says=script(("run", "wipe"), ("retry", "wipe")), ends=ends)
    assert lines[-2:] == ["run wipe 2 al@host succeeded", "end done"]


def test_an_approval_answers_confirm_and_danger_of_an_unattended_run() -> None:
    lines, _ = play([step("a", "confirm"), step("b", "danger")])

    assert lines[0] == "settle confirm a run approval"
    assert lines[2] == "settle danger b run approval"
    unapproved, _ = play([step("a", "confirm")], approved=False)
    assert unapproved[0] == "settle confirm a run default"


def test_a_failure_ends_an_unattended_run_and_leaves_the_rest_pending() -> None:
    lines, conduct = play(
        [step("a"), step("b"), step("c")], ends=lambda n, _: "failed" if n == "b" else "succeeded"
    )

    assert lines[-1] == "end failed"
    assert conduct.states == {"a": "succeeded", "b": "failed", "c": "pending"}


@pytest.mark.parametrize("state", ["failed", "timed-out", "interrupted", "unknown"])
def test_every_bad_end_opens_the_menu(state: StepState) -> None:
    lines, _ = play(
        [step("a"), step("b")], says=script("go", ("continue", "it is fine"), "run"), ends=_once("a", state)
    )

    assert lines[:3] == ["ask start a", f"run a 1 al@host {state}", "ask failed a"]
    assert "run b 1 al@host succeeded" in lines


def test_after_a_failure_going_on_by_itself_has_ended() -> None:
    lines, _ = play(
        [step("a"), step("b"), step("c")], says=script("go", "retry", "run", "run"), ends=_once("a", "failed")
    )

    assert [line for line in lines if line.startswith("ask")] == [
        "ask start a",
        "ask failed a",
        "ask start b",
        "ask start c",
    ]


def test_a_dead_kernel_is_asked_about_and_the_next_is_set_up_first() -> None:
    steps = [step("base", "setup"), step("a"), step("b")]
    conduct = Conduct(steps, Leeway(unattended=False, approved=True), by="op")
    for name in ("base", "a"):
        say(conduct, "run")
        conduct.next()
        conduct.ended(name, "succeeded" if name == "base" else "kernel-died")
    conduct.kernel_gone()
    assert conduct.next() == Run(step="base", attempt=2, by="op@host")
    conduct.ended("base", "succeeded")
    question = asked(conduct)
    words = "a: kernel-died. What comes next runs in a new kernel. What now?"
    assert (question.asks, question.step, question.words) == ("failed", "a", words)


@pytest.mark.parametrize("choice", ["check", "undo"])
def test_what_is_asked_for_at_a_question_during_which_the_kernel_went_comes_behind_the_set_up(
    choice: Choice,
) -> None:
    steps = [step("base", "setup"), step("a"), step("look", checks="a"), step("back", undoes="a")]
    conduct = Conduct(steps, Leeway(unattended=False, approved=True), by="op")
    for name in ("base", "a"):
        say(conduct, "run")
        conduct.next()
        conduct.ended(name, "succeeded" if name == "base" else "failed")
    assert asked(conduct).step == "a"
    conduct.kernel_gone()
    say(conduct, choice)
    assert conduct.next() == Run(step="base", attempt=2, by="op@host")
    conduct.ended("base", "succeeded")
    say(conduct, choice)
    found = conduct.next()
    assert isinstance(found, Run)
    assert found.step == {"check": "look", "undo": "back"}[choice]


def test_only_idempotent_steps_are_repeated_without_a_person() -> None:
    def ends(name: str, attempt: int) -> StepState:
        return "succeeded" if attempt == 3 else "failed"

    lines, _ = play([step("a", "idempotent", retries=2)], ends=ends)
    assert lines == [
        "run a 1 op@host failed",
        "run a 2 text failed",
        "run a 3 text succeeded",
        "end done",
    ]
    assert play([step("a", "idempotent", retries=1)], ends=ends)[0][-1] == "end failed"
    assert play([step("a", retries=2)], ends=ends)[0] == ["run a 1 op@host failed", "end failed"]


def test_what_a_person_interrupted_is_not_repeated() -> None:
    lines, _ = play([step("a", "idempotent", retries=2)], ends=lambda n, _: "interrupted")

    assert lines == ["run a 1 op@host interrupted", "end failed"]


def test_undoing_steps_never_run_by_position() -> None:
    lines, conduct = play([step("a"), step("back", undoes="a"), step("b")])

    assert "run back" not in " ".join(lines)
    assert lines[-2:] == ["skip back undo", "end done"]
    assert conduct.states["back"] == "skipped"


def test_undo_is_offered_for_what_ran_the_latest_first() -> None:
    offered: list[tuple[str, ...]] = []

    def says(question: Question) -> tuple[Choice, str] | Choice:
        offered.append(question.undo)
        if question.step in ("a", "b"):
            return "run"
        return "undo" if question.undo else "stop"

    steps = [step("a"), step("b"), step("c"), step("back-a", undoes="a"), step("back-b", undoes="b")]
    lines, _ = play(steps, says=says)

    assert offered == [(), ("back-a",), ("back-b", "back-a"), ("back-a",), ()]
    assert [line for line in lines if line.startswith("run back")] == [
        "run back-b 1 al@host succeeded",
        "run back-a 1 al@host succeeded",
    ]


def test_undo_is_not_a_choice_when_nothing_ran() -> None:
    with pytest.raises(InputError, match="'undo' is no answer here") as refused:
        play([step("a"), step("back", undoes="a")], says=script("undo"))
    assert refused.value.hint == "say run, go, skip, note, stop"


def test_a_failed_step_can_be_undone_and_the_menu_comes_back() -> None:
    lines, _ = play(
        [step("a"), step("back", undoes="a")], says=script("run", "undo", "stop"), ends=_once("a", "failed")
    )

    assert lines == [
        "ask start a",
        "run a 1 al@host failed",
        "ask failed a",
        "run back 1 al@host succeeded",
        "ask failed a",
        "end stopped",
    ]


def test_an_undo_that_fails_opens_its_own_menu_then_the_first_one() -> None:
    lines, _ = play(
        [step("a"), step("back", undoes="a")],
        says=script("run", "undo", ("continue", "by hand"), "stop"),
        ends=lambda n, _: "failed",
    )

    assert [line for line in lines if line.startswith("ask")] == [
        "ask start a",
        "ask failed a",
        "ask failed back",
        "ask failed a",
    ]


def test_a_dangerous_undo_asks_for_its_name_and_can_be_given_up() -> None:
    steps = [step("a"), step("back", "danger", undoes="a"), step("b")]
    lines, conduct = play(steps, says=script("run", "undo", ("skip", "not now"), "run"))

    assert lines == [
        "ask start a",
        "run a 1 al@host succeeded",
        "ask start b",
        "ask danger back",
        "ask start b",
        "run b 1 al@host succeeded",
        "skip back undo",
        "end done",
    ]
    assert conduct.states["back"] == "skipped"


def test_a_check_runs_right_after_its_step_wherever_it_stands() -> None:
    lines, _ = play([step("a"), step("b"), step("is-up", "read-only", checks="a")], says=script("run", "run"))

    assert [line for line in lines if line.startswith("run")] == [
        "run a 1 al@host succeeded",
        "run is-up 1 al@host succeeded",
        "run b 1 al@host succeeded",
    ]


def test_a_check_has_nothing_to_say_when_its_step_was_skipped() -> None:
    lines, _ = play([step("a"), step("is-up", checks="a"), step("b")], says=script(("skip", "later"), "run"))

    assert "skip is-up checks a did not succeed in this run" in lines


def test_a_check_is_offered_after_a_failure_and_does_not_run_twice() -> None:
    lines, _ = play(
        [step("a"), step("is-up", checks="a"), step("b")],
        says=script("run", "check", ("continue", "it works"), "run"),
        ends=_once("a", "timed-out"),
    )

    assert lines == [
        "ask start a",
        "run a 1 al@host timed-out",
        "ask failed a",
        "run is-up 1 al@host succeeded",
        "ask failed a",
        "ask start b",
        "run b 1 al@host succeeded",
        "end done",
    ]


def test_a_check_of_an_undo_runs_after_the_undo() -> None:
    steps = [step("a"), step("back", undoes="a"), step("is-back", checks="back"), step("b")]

    lines, _ = play(steps, says=script("run", "undo", "run"))
    assert lines[3:5] == ["run back 1 al@host succeeded", "run is-back 1 al@host succeeded"]

    without, _ = play(steps)
    assert without[-3:] == ["skip back undo", "skip is-back checks", "end done"]


def test_a_manual_step_is_attested_or_declined_with_words() -> None:
    steps = [step("tell", "manual", kind="manual"), step("b")]

    lines, conduct = play(steps, says=script(("done", "told #ops"), "run"))
    assert lines[:2] == ["ask manual tell", "attest tell True al@host told #ops"]
    assert conduct.states["tell"] == "attested"

    lines, conduct = play(steps, says=script(("decline", "nobody there"), "stop"))
    assert lines == [
        "ask manual tell",
        "attest tell False al@host nobody there",
        "ask failed tell",
        "end stopped",
    ]
    assert conduct.states["tell"] == "declined"


def test_a_declined_step_can_be_asked_for_again() -> None:
    lines, conduct = play(
        [step("tell", "manual", kind="manual")], says=script(("decline", "busy"), "retry", ("done", "told"))
    )

    assert [line for line in lines if line.startswith("ask")] == [
        "ask manual tell",
        "ask failed tell",
        "ask manual tell",
    ]
    assert conduct.states == {"tell": "attested"}


def test_a_note_is_written_and_the_question_comes_again() -> None:
    lines, _ = play([step("a")], says=script(("note", "looks odd"), "run"))

    assert lines == [
        "ask start a",
        "note a looks odd",
        "ask start a",
        "run a 1 al@host succeeded",
        "end done",
    ]


def test_what_the_plan_skips_is_skipped_with_its_reason() -> None:
    lines, _ = play([step("a", skip="when"), step("b", skip="frozen"), step("c", skip="dry-run")])

    assert lines == ["skip a when", "skip b frozen", "skip c dry-run", "end done"]


def test_stop_between_steps_leaves_the_open_question_unanswered() -> None:
    conduct = Conduct([step("a")], Leeway(unattended=False, approved=True), by="op")
    asked = conduct.next()
    assert isinstance(asked, Ask)

    left = conduct.stop()

    assert left == asked.question
    assert conduct.next() == End(reason="stopped")
    assert conduct.states == {"a": "pending"}


def test_an_answer_to_an_old_question_is_not_taken() -> None:
    conduct = Conduct([step("a")], Leeway(unattended=False, approved=True), by="op")
    conduct.next()

    with pytest.raises(InputError, match="this question is not open any more"):
        conduct.answered(Answer(question=7, choice="run"), by="al")
    conduct.answered(Answer(question=1, choice="run"), by="al")
    with pytest.raises(InputError, match="this question is not open any more"):
        conduct.answered(Answer(question=1, choice="run"), by="al")


def test_undo_may_only_name_what_is_offered() -> None:
    conduct = Conduct(
        [step("a"), step("b"), step("back", undoes="a")], Leeway(unattended=False, approved=True), by="op"
    )
    conduct.next()
    conduct.answered(Answer(question=1, choice="run"), by="al")
    conduct.next()
    conduct.ended("a", "succeeded")
    conduct.next()

    with pytest.raises(InputError, match="'b' is not offered here"):
        conduct.answered(Answer(question=2, choice="undo", step="b"), by="al")


def _once(name: str, state: StepState) -> Callable[[str, int], StepState]:
    return lambda step, attempt: state if step == name and attempt == 1 else "succeeded"


_STATES: tuple[StepState, ...] = ("succeeded", "failed", "timed-out", "interrupted", "unknown")


@given(st.data())
def test_whatever_is_answered_no_step_runs_unasked_and_every_run_ends(data: st.DataObject) -> None:
    tags = st.sampled_from([(), ("confirm",), ("danger",), ("idempotent",)])
    steps = [step(f"s{n}", *data.draw(tags), retries=data.draw(st.integers(0, 2))) for n in range(4)]
    steps += [step("back", undoes="s1"), step("sure", checks="s2"), step("tell", "manual", kind="manual")]
    allowed: list[str] = []
    asked = 0

    def says(question: Question) -> tuple[Choice, str] | Choice:
        nonlocal asked
        asked += 1
        choice = "stop" if asked > 40 else data.draw(st.sampled_from(question.choices))
        if choice in ("run", "retry"):
            allowed.append(question.step)
        if choice == "go":
            allowed.extend(name.name for name in steps if not {"confirm", "danger"} & set(name.tags))
            allowed.append(question.step)
        if choice == "undo":
            allowed.append(question.undo[0])
        return choice, question.typed or "because"

    lines, conduct = play(steps, says=says, ends=lambda n, a: data.draw(st.sampled_from(_STATES)))

    for line in lines:
        word, name, *rest = line.split()
        if word == "run" and name != "sure" and rest[1] != "text":
            assert name in allowed
        if word == "run" and rest[1] == "text":
            assert "idempotent" in next(one.tags for one in steps if one.name == name)
    for name, state in conduct.states.items():
        if state == "succeeded":
            assert any(line.startswith(f"run {name} ") and line.endswith(" succeeded") for line in lines)


def asked(conduct: Conduct) -> Question:
    action = conduct.next()
    assert isinstance(action, Ask)
    return action.question


def say(conduct: Conduct, choice: Choice) -> None:
    question = conduct.open_question or asked(conduct)
    conduct.answered(Answer(question=question.number, choice=choice, words="words"), by="op@host")


def test_a_step_that_has_run_is_not_left_out_while_a_second_person_is_waited_for() -> None:
    """It would be called skipped, and asked about again."""
    leeway = Leeway(unattended=False, approved=True, seconded={"a": "a waits for somebody of sre."})
    conduct = Conduct([step("a", "confirm"), step("b")], leeway, by="op@host")
    say(conduct, "run")
    assert "skip" in asked(conduct).choices  # nothing of it has run yet
    conduct.confirmed()
    assert isinstance(conduct.next(), Run)
    conduct.ended("a", "failed")
    say(conduct, "retry")
    second = asked(conduct)

    assert (second.asks, second.choices) == ("second", ("continue", "note", "stop"))
    say(conduct, "continue")
    assert (asked(conduct).step, conduct.states["a"]) == ("b", "failed")


def test_edited_setup_steps_are_asked_about_in_their_order_after_a_cold_resume() -> None:
    steps = [step("one", "setup"), step("two", "setup"), step("three")]
    gatherer = Gatherer(steps)
    for number, name in enumerate(("one", "two")):
        for kind, told in (
            ("step-started", {"step": name, "attempt": 1, "deviation": {"text": "1"}}),
            ("step-ended", {"step": name, "attempt": 1, "state": "deviated"}),
        ):
            gatherer.feed(Event(seq=number, prev="", t="", m=0, kind=kind, payload=told))
    conduct = Conduct(steps, Leeway(unattended=False, approved=True), by="op@host")
    conduct.take_up(gatherer.past(), renewed=True)

    found = []
    for _ in range(3):
        question = asked(conduct)
        found.append(f"{question.asks} {question.step}")
        if question.asks == "failed":
            say(conduct, "continue")
    assert found == ["failed one", "failed two", "start three"]
