"""Permitted: whether a run was permitted when it began, decided again from what is kept with it. Pure.

An auditor needs nothing else: the text with its approvals, the included files, the approvals of exact values,
the values, the trust files and the time of the start record go into the same decision as they did then. It
permits nothing now.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from runbook.approval.counting import Authentic, authenticate, taken_away
from runbook.approval.decision import decide
from runbook.approval.limits import requirements_of
from runbook.approval.policy import Requirements
from runbook.approval.trusted import Trust
from runbook.approval.verdict import Request, Verdict, Why
from runbook.evidence.plan import CountedApproval, PlanRecord
from runbook.evidence.planned import planned_approval
from runbook.text.includes import Tree
from runbook.text.runbook import Entry, Runbook


def asked(plan: PlanRecord, data: bytes, *, entries: tuple[Entry, ...], includes: Tree) -> Request:
    """What was to be decided, for the text `data`. `entries`: the approvals of exact values."""
    return Request(
        data=data,
        path=plan.runbook,
        environment=plan.environment,
        unattended=plan.kind == "unattended",
        values=plan.values_digest,
        entries=entries,
        includes=includes,
    )


def recheck(
    plan: PlanRecord, runbook: Runbook, request: Request, *, trust: Trust, began: datetime
) -> Iterator[str]:
    """What `plan` says of the decision and the decision, made again, does not. `request`: from `asked`.

    1 It let the text run at the time of the start, or let it with the reason that stands in the plan. 2 The
    approvals that the plan counts are those that counted, and no others. 3 Whether it was approved, in which
    workspace, and who had to confirm its steps, is what policy and verdict say.

    A run that undoes another ran under that one's permission (`decision.require_recovery`), whose time is
    not kept here: of it, approvals need not have counted still, but they are authentic, of this very text and
    place, and were enough.
    """
    requirements = requirements_of(request, trust)
    if isinstance(requirements, Why):
        yield f"could not have been permitted: {requirements.message}"
        return
    if any(said.startswith("--of ") for said in plan.selection):
        entries = (*runbook.header.approvals, *request.entries)
        yield from _recovery(plan, entries, requirements, trust)
    else:
        yield from _decided(plan, decide(request, trust, now=began))
    confirm_by = tuple(each.words for each in requirements.confirm_by)  # 3
    said = (plan.approved, plan.workspace, plan.confirm_by)
    due = (requirements.asks, trust.workspace, confirm_by)
    for name, one, other in zip(("approved", "workspace", "confirm_by"), said, due, strict=True):
        if one != other:
            yield f"its {name!r} is not what the policy kept with the run says"


def _decided(plan: PlanRecord, verdict: Verdict) -> Iterator[str]:
    expired = plan.expired_reason is not None
    if verdict.answer != ("needs-reason" if expired else "permitted"):  # 1
        first = verdict.reasons[0].message if verdict.reasons else "no approval of it had expired"
        yield f"was not permitted so when it began: {first}"
    yield from _differences(plan.counted, tuple(planned_approval(one) for one in verdict.counted))  # 2


def _recovery(
    plan: PlanRecord, entries: Sequence[Entry], requirements: Requirements, trust: Trust
) -> Iterator[str]:
    found = [planned_approval(one.counted()) for one in _authentic(plan, entries, trust)]
    yield from _differences(plan.counted, [one for one in found if one in plan.counted])
    people = {one.principal for one in plan.counted}
    for quota in requirements.quotas:
        if plan.expired_reason is None and len(_of(quota.people, people)) < quota.count:
            yield f"was not permitted: {quota.count} approvals by {quota.words} were asked for"


def _of(people: frozenset[str] | None, found: set[str]) -> set[str]:
    return found if people is None else found & people


def _authentic(plan: PlanRecord, entries: Sequence[Entry], trust: Trust) -> Iterator[Authentic]:
    for entry in entries:
        found = authenticate(entry, trust=trust, workspace=trust.workspace or "", path=plan.runbook)
        if isinstance(found, Authentic) and _is_about(entry, plan) and not any(taken_away(found, trust)):
            yield found


def _is_about(entry: Entry, plan: PlanRecord) -> bool:
    return (
        entry.text == plan.text
        and plan.environment in entry.environments
        and (plan.kind == "interactive" or entry.allows == "unattended")
        and entry.parameters in (None, f"exact:{plan.values_digest}")
    )


def _differences(said: Sequence[CountedApproval], found: Sequence[CountedApproval]) -> Iterator[str]:
    for one in said:
        if one not in found:
            yield f"counts an approval by {one.principal} that did not count"
    for one in found:
        if one not in said:
            yield f"leaves out an approval by {one.principal} that counted"
