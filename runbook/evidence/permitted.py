"""Permitted: whether a run was permitted when it began, decided again from what is kept with it. Pure.

An auditor needs nothing else: the text with its approvals, the included files, the approvals of exact values,
the values, the trust files and the time of the start record go into the same decision as they did then. It
permits nothing now.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from runbook.approval.counting import Authentic, authenticate
from runbook.approval.decision import decide
from runbook.approval.limits import requirements_of
from runbook.approval.trusted import Trust
from runbook.approval.verdict import Request, Verdict, Why
from runbook.errors import EvidenceDamaged, FormatError
from runbook.evidence import proposal
from runbook.evidence.folder import parse_id
from runbook.evidence.plan import LIFE, CountedApproval, PlanRecord
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

    A run that undoes another ran under that one's permission (`decision.require_recovery`). When that one
    began is not kept here: it was after the time in its name, while its plan lived (and its proposal, where
    exact values are approved), and before this run. So 1 and 2 must have held at some moment in there, for
    the plan's approvals together. A clock that was set back can make this run the earlier one: then that says
    nothing.
    """
    requirements = requirements_of(request, trust)
    if isinstance(requirements, Why):
        yield f"could not have been permitted: {requirements.message}"
        return
    undone = next((said.removeprefix("--of ") for said in plan.selection if said.startswith("--of ")), None)
    if undone is None:
        yield from _decided(plan, decide(request, trust, now=began))
    else:
        entries = (*runbook.header.approvals, *request.entries)
        bounds = frozenset(_bounds(entries, trust, path=plan.runbook))
        waits = proposal.LIFE if requirements.exact_parameters else timedelta(0)
        span = _began(_planned_at(undone), waits + LIFE, before=began)
        yield from _recovery(plan, request, trust, span=span, bounds=bounds)
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
    plan: PlanRecord,
    request: Request,
    trust: Trust,
    *,
    span: tuple[datetime, datetime],
    bounds: frozenset[datetime],
) -> Iterator[str]:
    """What is wrong at the moment of `span` that suits the plan best; nothing when one suits it."""
    first, last = span
    moments = (first, *sorted(each for each in bounds if first < each <= last))
    yield from min((tuple(_decided(plan, decide(request, trust, now=now))) for now in moments), key=len)


def _bounds(entries: Sequence[Entry], trust: Trust, *, path: str) -> Iterator[datetime]:
    """The moments from which on another decision could be made."""
    for entry in entries:
        yield from (entry.issued, entry.expires)
        found = authenticate(entry, trust=trust, workspace=trust.workspace or "", path=path)
        if isinstance(found, Authentic):
            yield from (each for each in (found.signer.valid_after, found.signer.valid_before) if each)


def _began(named: datetime, life: timedelta, *, before: datetime) -> tuple[datetime, datetime]:
    """Between which moments a run of this name can have begun: at its end a plan has expired."""
    last = named + life - timedelta(seconds=1)
    return named, min(before, last) if before >= named else last


def _planned_at(name: str) -> datetime:
    try:
        return parse_id(name).started
    except FormatError as error:
        raise EvidenceDamaged(f"undoes {name!a}, which is no execution", subject="plan.json") from error


def _differences(said: Sequence[CountedApproval], found: Sequence[CountedApproval]) -> Iterator[str]:
    for one in said:
        if one not in found:
            yield f"counts an approval by {one.principal} that did not count"
    for one in found:
        if one not in said:
            yield f"leaves out an approval by {one.principal} that counted"
