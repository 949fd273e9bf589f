from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.evidence.events import Event
from runbook.evidence.journal import read_journal
from runbook.evidence.states import Standing, standing
from tests.evidence.builders import CELLS, Told, planned


def stands(told: Told, *, alive: bool = False) -> Standing:
    return standing(told.plan.steps, read_journal(told.folder).events, alive=alive)


def states(found: Standing) -> dict[str, str]:
    return {step.name: step.state for step in found.steps}


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_what_nothing_is_said_about_is_pending(told: Told) -> None:
    assert states(stands(told)) == {"health": "pending", "announce": "pending", "restart": "pending"}


def test_a_step_at_work_is_running_while_a_supervisor_is_there(told: Told) -> None:
    told.begin("health")
    found = stands(told, alive=True)
    assert states(found)["health"] == "running"
    assert (found.running, found.outcome) == ("health", None)


def test_a_step_without_an_end_and_without_a_supervisor_is_unknown(told: Told) -> None:
    told.run("health")
    told.begin("restart")
    found = stands(told)
    assert states(found) == {"health": "succeeded", "announce": "pending", "restart": "unknown"}
    assert (found.outcome, found.running) == ("unknown", "restart")


def test_a_supervisor_that_died_between_steps_leaves_the_outcome_unknown(told: Told) -> None:
    told.run("health")
    found = stands(told)
    assert states(found) == {"health": "succeeded", "announce": "pending", "restart": "pending"}
    assert found.outcome == "unknown"


@pytest.mark.parametrize("reply", [None, "error", "aborted", 1])
def test_succeeded_needs_the_kernels_reply(told: Told, reply: object) -> None:
    told.begin("health")
    told.end("health", "succeeded", reply=reply)
    assert states(stands(told))["health"] == "unknown"


def test_foreign_code_during_a_step_takes_its_success_away(told: Told) -> None:
    request = told.begin("health")
    told.tell("foreign", session="other", message="m", content="import os")
    told.end("health", "succeeded", parent=request)
    told.run("restart")
    assert states(stands(told)) == {"health": "unknown", "announce": "pending", "restart": "succeeded"}


@pytest.mark.parametrize("state", ["failed", "timed-out", "interrupted", "kernel-died", "unknown"])
def test_an_end_says_how_it_ended(told: Told, state: str) -> None:
    told.begin("health")
    told.end("health", state, reason="why", error="E: v")
    attempt = stands(told).steps[0].attempts[0]
    assert (attempt.state, attempt.reason, attempt.error, attempt.ms) == (state, "why", "E: v", 750)


def test_a_state_nobody_knows_is_unknown(told: Told) -> None:
    told.begin("health")
    told.end("health", "splendid")
    assert states(stands(told))["health"] == "unknown"


def test_an_end_without_a_start_says_nothing(told: Told) -> None:
    told.end("health", "succeeded")
    assert states(stands(told))["health"] == "pending"


def test_a_retry_counts_and_the_first_attempt_is_kept(told: Told) -> None:
    told.run("health", "failed")
    told.begin("health", attempt=2)
    told.end("health", "succeeded", attempt=2)
    step = stands(told).step("health")
    assert step is not None
    assert [attempt.state for attempt in step.attempts] == ["failed", "succeeded"]
    assert step.state == "succeeded"


def test_passing_over_a_failed_step_does_not_hide_that_it_failed(told: Told) -> None:
    told.run("health", "failed")
    told.tell("step-skipped", step="health", reason="operator", words="known problem")
    told.run("restart")
    told.tell("attested", step="announce", by="alice", words="")
    told.seal("succeeded")
    found = stands(told)
    step = found.step("health")
    assert step is not None
    assert (step.state, step.why, step.words) == ("failed", "operator", "known problem")
    assert found.outcome == "failed"


def test_a_skipped_step_keeps_its_reason(told: Told) -> None:
    told.tell("step-skipped", step="health", reason="when", words="environment is prod")
    step = stands(told).step("health")
    assert step is not None
    assert (step.state, step.why, step.words) == ("skipped", "when", "environment is prod")


def test_a_manual_step_is_attested_or_declined_by_somebody(told: Told) -> None:
    told.tell("declined", step="announce", by="alice", words="no network")
    assert states(stands(told))["announce"] == "declined"
    told.tell("attested", step="announce", by="alice", words="now it works")
    step = stands(told).step("announce")
    assert step is not None
    assert (step.state, step.by, step.words) == ("attested", "alice", "now it works")


def test_a_question_waits_until_it_is_answered(told: Told) -> None:
    told.tell("question", question=1, step="restart", asks="danger", choices=["run"], words="Type its name.")
    waiting = stands(told, alive=True).waiting
    assert waiting is not None
    assert (waiting.step, waiting.asks, waiting.words) == ("restart", "danger", "Type its name.")
    told.tell("answer", question=1, choice="run", words="restart", by="alice", how="terminal")
    assert stands(told, alive=True).waiting is None


def test_processes_are_those_that_were_told(told: Told) -> None:
    assert stands(told, alive=True).supervisor == 4711
    told.kernel()
    assert stands(told, alive=True).kernel == 4712
    told.tell("kernel-ended", returncode=0, signal=None, expected=True)
    assert stands(told, alive=True).kernel is None


def all_well(told: Told) -> None:
    told.run("health")
    told.tell("attested", step="announce", by="alice", words="")
    told.run("restart")


def with_failure(told: Told) -> None:
    told.run("health", "failed")


def interrupted(told: Told) -> None:
    told.run("health", "interrupted")


def declined(told: Told) -> None:
    all_well(told)
    told.tell("declined", step="announce", by="alice", words="")


def stopped(told: Told) -> None:
    all_well(told)
    told.tell("interrupted", by="alice", how="stop", words="")


def stopped_and_taken_up(told: Told) -> None:
    told.run("health")
    told.tell("interrupted", by="alice", how="stop", words="")
    told.tell("answer", question=1, step="announce", choice="stop", words="", by="alice", how="terminal")
    told.tell("opened", supervisor=4713, version="0.1.0", by="bob")


def stopped_and_finished(told: Told) -> None:
    stopped_and_taken_up(told)
    told.tell("attested", step="announce", by="bob", words="")
    told.run("restart")


def stopped_again(told: Told) -> None:
    stopped_and_finished(told)
    told.tell("interrupted", by="bob", how="stop", words="")


def deviated(told: Told) -> None:
    all_well(told)
    told.begin("restart", attempt=2, source="print('mended')")
    told.end("restart", "succeeded", attempt=2)


@pytest.mark.parametrize(
    ("tell", "sealed", "outcome"),
    [
        (all_well, "succeeded", "succeeded"),
        (deviated, "succeeded", "deviated"),
        (with_failure, "succeeded", "failed"),
        (with_failure, "stopped", "failed"),
        (interrupted, "succeeded", "stopped"),
        (declined, "succeeded", "stopped"),
        (stopped, "succeeded", "stopped"),
        (stopped_and_taken_up, "succeeded", "stopped"),  # the rest is still to be done
        (stopped_and_finished, "succeeded", "succeeded"),
        (stopped_and_finished, "stopped", "stopped"),
        (stopped_again, "succeeded", "stopped"),
        (lambda told: None, "succeeded", "stopped"),
        (lambda told: None, "refused", "refused"),
        (lambda told: None, "failed", "failed"),
        (all_well, "failed", "failed"),
        (all_well, "unknown", "unknown"),
        (with_failure, "refused", "failed"),
        (lambda told: told.begin("health"), "succeeded", "unknown"),
    ],
)
def test_the_outcome_is_what_the_steps_came_to_and_never_better(
    told: Told, tell: Callable[[Told], object], sealed: str, outcome: str
) -> None:
    tell(told)
    told.seal(sealed)
    assert stands(told).outcome == outcome
    assert stands(told, alive=True).outcome == outcome


NAMES = st.sampled_from(["health", "announce", "restart", "nobody", ""])
EVENTS = st.builds(
    lambda kind, payload: (kind, payload),
    st.sampled_from(
        ["step-started", "step-ended", "step-skipped", "attested", "declined", "foreign", "sealed"]
    ),
    st.fixed_dictionaries(
        {"step": NAMES},
        optional={
            "state": st.sampled_from(["succeeded", "failed", "deviated", "odd"]),
            "reply": st.sampled_from(["ok", "error", None]),
            "outcome": st.sampled_from(["succeeded", "refused", "odd"]),
        },
    ),
)


@settings(max_examples=200, deadline=None)
@given(told=st.lists(EVENTS, max_size=12), alive=st.booleans())
def test_whatever_is_told_nothing_succeeds_without_a_start_a_reply_and_an_end(
    told: list[tuple[str, dict[str, object]]], alive: bool
) -> None:
    events = [
        Event(seq=place, prev="", t="", m=place, kind=kind, payload=payload)
        for place, (kind, payload) in enumerate(told)
    ]
    found = standing(planned(CELLS), events, alive=alive)
    for step in found.steps:
        mine = [event for event in events if event.text("step") == step.name]
        ends = [event for event in mine if event.kind == "step-ended" and event.text("reply") == "ok"]
        starts = [event for event in mine if event.kind == "step-started"]
        if step.state in ("succeeded", "deviated"):
            assert any(start.seq < end.seq for start in starts for end in ends)
        if step.state == "pending":
            assert not starts
    if found.outcome == "succeeded":
        assert found.sealed is not None
        assert {step.state for step in found.steps} <= {"succeeded", "skipped", "attested"}
