"""Begun: whether name, proposal, plan and start record of a run tell of one beginning. Pure.

Each is written by the program from the one before, at a time of its own; what does not fit was written by
somebody else.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath

from runbook.errors import EvidenceDamaged
from runbook.evidence import proposal as proposals
from runbook.evidence import start as starting
from runbook.evidence.folder import new_id, parse_id
from runbook.evidence.plan import LIFE, PlanRecord
from runbook.evidence.proposal import ProposalRecord
from runbook.evidence.start import Start
from runbook.instants import parse_stamp

_PROPOSED = (
    "id", "runbook", "title", "text", "environment", "kind", "dry_run", "selection", "values",
    "values_digest",
)  # fmt: skip
"""What a plan takes over from its proposal."""


def recheck_plan(plan: PlanRecord, proposal: ProposalRecord | None) -> Iterator[tuple[str, str]]:
    """What a plan, and the proposal that it came of, can't say: file and words.

    1 The execution's name says when the first of the two was made, and of which runbook. 2 Neither lives
    longer than its kind. 3 The plan is of what was proposed, and was made while that lived. 4 It names the
    version that made it: by that is known what else can be asked. Raises EvidenceDamaged for a time that is
    none.
    """
    first, file = (plan, "plan.json") if proposal is None else (proposal, "proposal.json")
    made, until = _span(first, file)
    name = parse_id(plan.id)
    if name.started != made:  # 1
        yield file, f"says that it was made at {first.created}, and the execution's name says another time"
    if name.slug != new_id(made, PurePosixPath(plan.runbook).stem, "0000").slug:  # 1
        yield file, "the execution's name is of another runbook"
    if not made < until <= made + (LIFE if proposal is None else proposals.LIFE):  # 2
        yield file, f"says that it lives from {first.created} until {first.expires}, and none does"
    if not plan.versions.get("runbook"):  # 4
        yield "plan.json", "does not say which version made it"
    if proposal is None:
        return
    planned, expires = _span(plan, "plan.json")
    if not planned < expires <= planned + LIFE:  # 2
        yield "plan.json", f"says that it lives from {plan.created} until {plan.expires}, and none does"
    if not made <= planned < until:  # 3
        yield "plan.json", "was planned before it was proposed, or after that had expired"
    for key in _PROPOSED:
        if getattr(plan, key) != getattr(proposal, key):  # 3
            yield "plan.json", f"its {key!r} is not what was proposed"


def recheck_start(plan: PlanRecord, said: Start, *, plan_digest: str) -> Iterator[str]:
    """What a start record can't say: 1 it says what the plan says; 2 the run began while that lived. Raises
    EvidenceDamaged for a time that is none."""
    due = starting.start_of(
        plan, plan_digest=plan_digest, trust=said.trust, now=said.started, monotonic=said.monotonic
    )
    for key in Start.__struct_fields__:
        if getattr(due, key) != getattr(said, key):  # 1
            yield f"its {key!r} is not what plan.json says"
    made, until = _span(plan, "plan.json")
    if not made <= said.started < until:  # 2
        yield "it began before it was planned, or after that had expired"


def _span(one: PlanRecord | ProposalRecord, file: str) -> tuple[datetime, datetime]:
    try:
        return parse_stamp(one.created), parse_stamp(one.expires)
    except ValueError as error:
        raise EvidenceDamaged(f"not a time: {error}", subject=file) from error
