"""Whether a run was permitted, asked again of its evidence: each test is about one numbered step."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from runbook.approval.decision import Request, require_permission
from runbook.approval.trusted import Trust
from runbook.evidence.permitted import asked, recheck
from runbook.evidence.plan import PlanRecord
from runbook.evidence.planned import Selection
from runbook.execution.plan import Facts, Terms, make_plan
from runbook.text.includes import Tree
from runbook.text.reader import require
from runbook.text.runbook import Entry
from runbook.text.values import values_digest
from tests.approval.made import (
    ALICE,
    BOB,
    KEYS,
    NOW,
    PATH,
    WORKSPACE,
    approved,
    policy_of,
    rule,
    signed,
    trust,
)
from tests.approval.test_decision import fingerprint
from tests.approval.test_recovery import STEPS

LATE = NOW + timedelta(days=31)
UNDO = Selection(undo=("back",), of="20261121T001205Z-restart-7f3a9c")


def plan(
    *entries: Entry, now: datetime = NOW, reason: str | None = None, selection: Selection = UNDO
) -> PlanRecord:
    """A plan as the program makes it, decided on with these approvals."""
    request = Request(data=approved(entries, STEPS), path=PATH, environment="prod", values=values_digest(()))
    permission = require_permission(request, trust(), now=now, reason=reason)
    facts = Facts(
        id="20261121T120000Z-restart-000000",
        workspace=WORKSPACE,
        commit=None,
        clean=None,
        operator="alice",
        host="runner1",
        interpreter="/usr/bin/python3",
        variables=(),
        versions={},
        created=now,
    )
    terms = Terms(environment="prod", expired_reason=reason, selection=selection)
    return make_plan(permission, values=(), trust=trust().files, terms=terms, facts=facts).record


def found(
    record: PlanRecord, *entries: Entry, believed: Trust | None = None, began: datetime = NOW
) -> list[str]:
    """What is found in a run of `record` whose text holds these approvals."""
    data = approved(entries, STEPS)
    request = asked(record, data, entries=(), includes=Tree(files=()))
    runbook = require(data, name=PATH)
    return list(recheck(record, runbook, request, trust=believed or trust(), began=began))


BOBS, ALICES = signed(STEPS), signed(STEPS, principal=ALICE)
WHOLE = plan(BOBS, selection=Selection())
UNDONE = plan(BOBS)


def test_a_run_that_was_permitted_is_found_so() -> None:
    assert found(WHOLE, BOBS) == []
    both = plan(BOBS, ALICES, selection=Selection())
    assert found(both, BOBS, ALICES) == found(both, ALICES, BOBS) == []


def test_a_run_with_a_reason_is_found_so_only_where_the_approval_had_expired() -> None:
    late = plan(BOBS, now=LATE, reason="pager 4711", selection=Selection())
    assert found(late, BOBS, began=LATE) == []
    assert "was not permitted so when it began: no approval of it had expired" in found(late, BOBS)


def test_1_an_approval_whose_signature_does_not_fit_permitted_nothing() -> None:
    forged = msgspec.structs.replace(BOBS, expires=BOBS.expires + timedelta(days=1))
    first, second = found(WHOLE, forged)
    assert first.startswith("was not permitted so when it began: needs one more approval")
    assert second == f"counts an approval by {BOB} that did not count"


def test_1_an_approval_that_had_expired_permitted_nothing() -> None:
    first, _ = found(WHOLE, BOBS, began=LATE)
    assert first == "was not permitted so when it began: the text is unchanged, but its approval has expired"


def test_2_the_approvals_that_counted_are_those_of_the_plan() -> None:
    assert found(WHOLE, BOBS, ALICES) == [f"leaves out an approval by {ALICE} that counted"]
    other = msgspec.structs.replace(WHOLE.counted[0], fingerprint="SHA256:" + "A" * 43)
    bent = msgspec.structs.replace(WHOLE, counted=(other,))
    assert f"counts an approval by {BOB} that did not count" in found(bent, BOBS)


@pytest.mark.parametrize(
    ("key", "value"), [("approved", False), ("workspace", None), ("confirm_by", ("sre",))]
)
def test_3_what_the_policy_says_is_what_the_plan_says(key: str, value: object) -> None:
    bent = msgspec.structs.replace(WHOLE, **{key: value})
    assert found(bent, BOBS) == [f"its {key!r} is not what the policy kept with the run says"]


def test_an_undo_may_stand_on_an_approval_that_has_expired_since() -> None:
    assert found(UNDONE, BOBS, began=LATE) == []


@pytest.mark.parametrize("where", ["nowhere", "another text", "revoked", "staging"])
def test_an_undo_stands_on_authentic_approvals_of_this_very_text(where: str) -> None:
    entries: dict[str, tuple[Entry, ...]] = {
        "nowhere": (),
        "another text": (signed(STEPS + "\n"),),
        "revoked": (BOBS,),
        "staging": (signed(STEPS, environments=("staging",)),),
    }
    revoked = f"{fingerprint(KEYS[BOB])}\n".encode() if where == "revoked" else b""
    first, *said = found(UNDONE, *entries[where], believed=trust(revoked=revoked))
    assert first.startswith("was not permitted so when it began: ")
    assert said == [f"counts an approval by {BOB} that did not count"]


def test_an_undo_needs_as_many_as_the_kept_policy_asked_for() -> None:
    two = policy_of(rule(paths=["runbooks/**"], environments=["prod"], approvals=2))
    (said,) = found(UNDONE, BOBS, believed=two)
    assert said.startswith("was not permitted so when it began: needs one more approval")


HOURS = timedelta(hours=1)
THEN = datetime(2026, 11, 21, 0, 12, 5, tzinfo=UTC)  # when what UNDO undoes was planned


@pytest.mark.parametrize("hours", [1, 5])
def test_an_undo_counts_what_was_issued_between_the_plan_and_the_run(hours: int) -> None:
    late = signed(STEPS, issued=THEN + hours * HOURS)
    assert found(plan(late), late) == []


def test_an_undo_stands_on_no_approval_that_came_after_it() -> None:
    late = signed(STEPS, issued=NOW + HOURS)
    first, second = found(plan(late, now=NOW + HOURS), late, began=NOW)
    assert "was issued at" in first or first.startswith("was not permitted so when it began: ")
    assert second == f"counts an approval by {BOB} that did not count"


def test_an_undo_stands_on_no_approval_that_had_expired_before_the_run_was_planned() -> None:
    old = signed(STEPS, expires=THEN)
    first, second = found(plan(old, now=THEN - HOURS), old)
    assert first == "was not permitted so when it began: the text is unchanged, but its approval has expired"
    assert second == f"counts an approval by {BOB} that did not count"
    assert found(plan(old, now=THEN - HOURS, reason="pager 4711"), old) != []


def test_an_undo_stands_on_approvals_that_lived_together() -> None:
    one, other = signed(STEPS, expires=THEN + HOURS), signed(STEPS, principal=ALICE, issued=THEN + HOURS)
    counted = (*plan(one, now=THEN).counted, *plan(other).counted)
    both = msgspec.structs.replace(UNDONE, counted=counted)
    assert found(both, one, other) == [f"counts an approval by {ALICE} that did not count"]


@pytest.mark.parametrize(("hours", "exact", "lies"), [(23, False, 0), (24, False, 2), (24, True, 0)])
def test_an_undo_stands_on_no_approval_that_came_after_the_plan_had_expired(
    hours: int, exact: bool, lies: int
) -> None:
    """Nobody could have begun the run with it that this one undoes."""
    given: dict[str, Any] = {"parameters": f"exact:{values_digest(())}"} if exact else {}
    wanted = {"parameters": "exact"} if exact else {}
    late = signed(STEPS, issued=THEN + hours * HOURS, **given)
    believed = policy_of(rule(paths=["runbooks/**"], environments=["prod"], approvals=1, **wanted))
    said = found(plan(late, now=THEN + 30 * HOURS), late, believed=believed, began=THEN + 48 * HOURS)
    assert len(said) == lies


def test_an_undo_is_not_called_a_lie_where_the_clock_was_set_back() -> None:
    assert found(UNDONE, BOBS, began=THEN - HOURS) == []
