"""Seconding: which steps somebody else must confirm, and whether a signature does. An edge: reads the trust.

Both the trust files that the run was begun with and those of this moment must let the person confirm: who was
enrolled since has no word in a run that is being checked by the old ones, and who was revoked since has none.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec

from runbook.approval import trust as trusting
from runbook.approval.confirmation import Confirmation, Confirmed, require_confirmation
from runbook.approval.trusted import assemble
from runbook.canonical import hex_digest
from runbook.errors import TrustError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.planned import is_guarded
from runbook.execution.messages import Confirm
from runbook.execution.plan import Plan
from runbook.system import files
from runbook.workspace import Surroundings, Workspace

_START_LIMIT_BYTES = 1 << 20

Seconder = Callable[[str, int, str, str], Confirmed]
"""Step, attempt, principal, signature: the evidence, or an error that says why it is none."""


def seconded(plan: Plan) -> dict[str, str]:
    """The steps that wait for a second person under the plan's rules, and the words that say for whom."""
    record = plan.record
    who = " and of ".join(record.confirm_by)
    return {
        step.name: f"{step.name} waits for somebody of {who} and their `runbook confirm {record.id}`."
        for step in record.steps
        if record.confirm_by and is_guarded(step)
    }


def seconder(
    plan: Plan,
    folder: ExecutionFolder,
    *,
    workspace: Workspace,
    around: Surroundings,
    now: Callable[[], datetime],
) -> Seconder:
    """What checks the signatures of this run. Reads its start record now, before any step runs."""
    start = files.read(folder.start, limit_bytes=_START_LIMIT_BYTES)
    began = assemble(dict(plan.trust), described="the run's own", pinned=True) if plan.trust else None
    requirements = plan.permission.verdict.requirements

    def confirmed(step: str, attempt: int, principal: str, signature: str) -> Confirmed:
        one = claimed(plan, start=start, step=step, attempt=attempt, principal=principal)
        trust = trusting.load_or_refusal(workspace, env=around.env)
        if isinstance(trust, TrustError):
            raise trust
        if began is None or requirements is None:
            raise TrustError("this run has no rules that name anybody")
        found = None
        for believed in (began, trust):
            found = require_confirmation(
                one,
                signature,
                trust=believed,
                quotas=requirements.confirm_by,
                operator=workspace.settings.principal,
                now=now(),
            )
        assert found is not None
        return found

    return confirmed


def claimed(plan: Plan, *, start: bytes, step: str, attempt: int, principal: str) -> Confirmation:
    """What a confirmation of this attempt says."""
    return Confirmation(
        workspace=plan.record.workspace or "",
        execution=plan.record.id,
        start=hex_digest(start),
        step=step,
        attempt=attempt,
        source=plan.planned(step).source,
        principal=principal,
    )


def told(seconder: Seconder, step: str, attempt: int, message: Confirm) -> dict[str, str | int]:
    """The payload of the event that a confirmation becomes. Raises what the seconder does for one that is
    none."""
    found = seconder(step, attempt, message.principal, message.signature)
    signed = {"signature": message.signature, **msgspec.structs.asdict(found)}
    return {"step": step, "attempt": attempt, **signed}
