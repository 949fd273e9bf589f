"""Whether name, proposal, plan and start record tell of one beginning: a test for each numbered step."""

import msgspec
import pytest

from runbook.evidence import start
from runbook.evidence.begun import recheck_plan, recheck_start
from runbook.evidence.plan import PlanRecord
from runbook.evidence.proposal import ProposalRecord
from runbook.instants import parse_stamp
from tests.evidence.builders import CELLS, DIGEST, plan_of

NAME_SAYS = "says that it was made at 2026-11-21T00:12:06Z, and the execution's name says another time"


def proposed(plan: PlanRecord, **changes: object) -> ProposalRecord:
    """The proposal that this plan came of; `changes` replace its fields."""
    record = ProposalRecord(
        schema=1,
        id=plan.id,
        runbook=plan.runbook,
        title=plan.title,
        text=plan.text,
        environment=plan.environment,
        kind=plan.kind,
        dry_run=plan.dry_run,
        selection=plan.selection,
        values=plan.values,
        values_digest=plan.values_digest,
        operator="carol",
        host="elsewhere",
        created="2026-11-21T00:12:05Z",
        expires="2026-11-28T00:12:05Z",
    )
    return msgspec.structs.replace(record, **changes)


@pytest.fixture
def plan() -> PlanRecord:
    return plan_of(CELLS)


@pytest.fixture
def later() -> PlanRecord:
    """A plan that came of a proposal, days after it."""
    return plan_of(CELLS, created="2026-11-25T00:00:00Z", expires="2026-11-26T00:00:00Z")


def test_a_plan_and_one_that_was_proposed_before_have_nothing_wrong(
    plan: PlanRecord, later: PlanRecord
) -> None:
    assert list(recheck_plan(plan, None)) == []
    assert list(recheck_plan(later, proposed(later))) == []


def test_1_the_name_says_when_it_was_planned(plan: PlanRecord) -> None:
    plan = msgspec.structs.replace(plan, created="2026-11-21T00:12:06Z")
    assert list(recheck_plan(plan, None)) == [("plan.json", NAME_SAYS)]


def test_1_the_name_says_when_it_was_proposed(later: PlanRecord) -> None:
    proposal = proposed(later, created="2026-11-21T00:12:06Z")
    assert list(recheck_plan(later, proposal)) == [("proposal.json", NAME_SAYS)]


def test_1_the_name_says_of_which_runbook(plan: PlanRecord) -> None:
    plan = msgspec.structs.replace(plan, runbook="runbooks/web/drain.py")
    assert list(recheck_plan(plan, None)) == [("plan.json", "the execution's name is of another runbook")]


@pytest.mark.parametrize("expires", ["2026-11-22T00:12:06Z", "2026-11-21T00:12:05Z", "2026-11-20T00:12:05Z"])
def test_2_no_plan_lives_longer_than_plans_do(plan: PlanRecord, expires: str) -> None:
    words = f"says that it lives from 2026-11-21T00:12:05Z until {expires}, and none does"
    assert list(recheck_plan(msgspec.structs.replace(plan, expires=expires), None)) == [("plan.json", words)]


def test_2_no_proposal_lives_longer_than_proposals_do_nor_the_plan_of_one(later: PlanRecord) -> None:
    words = "says that it lives from 2026-11-21T00:12:05Z until 2026-11-28T00:12:06Z, and none does"
    proposal = proposed(later, expires="2026-11-28T00:12:06Z")
    assert list(recheck_plan(later, proposal)) == [("proposal.json", words)]
    words = "says that it lives from 2026-11-25T00:00:00Z until 2026-11-27T00:00:00Z, and none does"
    later = msgspec.structs.replace(later, expires="2026-11-27T00:00:00Z")
    assert list(recheck_plan(later, proposed(later))) == [("plan.json", words)]


@pytest.mark.parametrize("day", ["2026-11-20", "2026-11-29"])
def test_3_it_was_planned_while_the_proposal_lived(later: PlanRecord, day: str) -> None:
    later = msgspec.structs.replace(later, created=f"{day}T00:00:00Z", expires=f"{day}T12:00:00Z")
    words = "was planned before it was proposed, or after that had expired"
    assert list(recheck_plan(later, proposed(later))) == [("plan.json", words)]


@pytest.mark.parametrize(
    "change", [{"environment": "staging"}, {"values_digest": DIGEST}, {"selection": ("--only health",)}]
)
def test_3_what_was_planned_is_what_was_proposed(later: PlanRecord, change: dict[str, object]) -> None:
    (key,) = change
    words = f"its {key!r} is not what was proposed"
    assert list(recheck_plan(later, proposed(later, **change))) == [("plan.json", words)]


def test_4_a_plan_says_which_version_made_it(plan: PlanRecord) -> None:
    plan = msgspec.structs.replace(plan, versions={"python": "3.11.9"})
    assert list(recheck_plan(plan, None)) == [("plan.json", "does not say which version made it")]


def test_a_start_says_what_the_plan_says_and_lies_in_its_time(plan: PlanRecord) -> None:
    def said(started: str, **changes: object) -> list[str]:
        one = start.start_of(plan, plan_digest=DIGEST, trust=(), now=parse_stamp(started), monotonic=1)
        one = msgspec.structs.replace(one, **changes)
        return list(recheck_start(plan, one, plan_digest=DIGEST))

    assert said("2026-11-21T00:12:05Z") == said("2026-11-22T00:12:04Z") == []
    assert said("2026-11-21T00:12:05Z", host="elsewhere", dry_run=True) == [  # 1
        "its 'dry_run' is not what plan.json says",
        "its 'host' is not what plan.json says",
    ]
    for started in ("2026-11-21T00:12:04Z", "2026-11-22T00:12:05Z"):  # 2
        assert said(started) == ["it began before it was planned, or after that had expired"]
