"""Pictures of proposed plans: what was proposed, what a reviewer of its values sees, what is missing."""

from pathlib import Path

from runbook.cli import describe, show
from runbook.errors import NotPermitted
from runbook.evidence.proposal import ProposalRecord
from runbook.execution.proposing import Proposal
from runbook.text.literals import plain
from runbook.verbs.review_proposal import ValuesReview
from runbook.workspace import Workspace


def proposed(made: Proposal, workspace: Workspace, execution: Path, *, json: bool) -> None:
    """`plan` where exact values must be approved first."""
    record, where = made.record, workspace.relative(execution)
    if json:
        missing = [
            {"count": one.count, "of": one.of, "could": list(one.could)} for one in made.verdict.missing
        ]
        show.json({"schema": 1, "proposed": where, **_plain(record), "missing": missing})
        return
    _what(record)
    show.say(f"proposed: {where}, to be approved before {record.expires}; nothing can run from it yet")
    for why in made.verdict.reasons:
        show.say(f"  {why.message}")
    allow = " --allow unattended" if record.kind == "unattended" else ""
    show.say(f"next: each of them `runbook review {record.id} --env {record.environment}{allow}`,")
    show.say(f"      then `runbook run {record.id}`")


def review(found: ValuesReview) -> None:
    """Everything that is shown before the signature: the text as in any review, then the values."""
    describe.review(found.review)
    if not found.is_current:
        show.painted(f"the workspace has another text of {found.record.runbook} by now", "yellow")
    _what(found.record)
    show.say(f"proposed by {found.record.operator} on {found.record.host} (a claim), {found.record.created}")


def approved(found: ValuesReview, where: str, lacks: NotPermitted | None, *, json: bool) -> None:
    """What became of the signature."""
    record = found.record
    if json:
        reasons = [] if lacks is None else [lacks.message]
        show.json({"schema": 1, "approval": where, **_plain(record), "lacks": reasons})
        return
    show.say(f"signed: {where}, for exactly these values in {record.environment}")
    if lacks is None:
        show.say(f"next: `runbook run {record.id}`")
        return
    show.say(f"it may not run yet: {lacks.message}")


def _what(record: ProposalRecord) -> None:
    kind = "unattended" if record.kind == "unattended" else "interactive"
    dry = ", dry run" if record.dry_run else ""
    show.painted(f"{record.title}  [{record.environment}, {kind}{dry}]", "bold")
    show.table(
        [(f"  {each.name}", f"= {plain(each.literal or '')}", f"({each.origin})") for each in record.values]
    )
    if record.selection:
        show.say(f"  only: {', '.join(record.selection)}")
    show.say(f"  values: {record.exact}")


def _plain(record: ProposalRecord) -> dict[str, object]:
    return {
        "runbook": record.runbook,
        "title": record.title,
        "text": record.text,
        "environment": record.environment,
        "kind": record.kind,
        "dry_run": record.dry_run,
        "expires": record.expires,
        "parameters": [
            {"name": one.name, "type": one.type_text, "literal": one.literal, "origin": one.origin}
            for one in record.values
        ],
        "values": record.values_digest,
        "exact": record.exact,
    }
