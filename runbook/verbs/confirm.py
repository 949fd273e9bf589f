"""`confirm`: a second person's signed word that a step may run. Asks nobody, prints nothing."""

from pathlib import Path

import msgspec

from runbook.approval import signing
from runbook.approval import trust as trusting
from runbook.approval.confirmation import Confirmation, confirmation_bytes
from runbook.approval.signers import CONFIRMATION_NAMESPACE
from runbook.approval.sshsig import armored, unarmored
from runbook.canonical import hex_digest
from runbook.errors import InputError, SignerError
from runbook.evidence.derive import account_of
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlannedStep, PlanRecord
from runbook.evidence.plan_file import read_evidence, read_plan
from runbook.evidence.planned_text import planned_sources
from runbook.execution import session
from runbook.system import files
from runbook.workspace import Surroundings, Workspace

_SIGNATURE_LIMIT_BYTES = 1 << 16
_START_LIMIT_BYTES = 1 << 20


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for a confirmation: the plan, the step with its source, and the attempt."""

    plan: PlanRecord
    step: PlannedStep
    source: str
    attempt: int


def waiting(folder: ExecutionFolder) -> Waiting:
    """The step of the run that waits for a second person. Raises InputError: none does; EvidenceDamaged."""
    plan = read_plan(folder)
    standing = account_of(folder, plan).standing
    asked = standing.waiting
    if asked is None or asked.asks != "second" or not folder.is_alive():
        raise InputError("no step of this run waits for a confirmation", subject=folder.id)
    sources = planned_sources(folder, plan)
    step, source = next(
        (step, source) for step, source in zip(plan.steps, sources, strict=True) if step.name == asked.step
    )
    now = standing.step(step.name)
    return Waiting(plan=plan, step=step, source=source, attempt=1 + (len(now.attempts) if now else 0))


def statement(folder: ExecutionFolder, found: Waiting, principal: str) -> bytes:
    """The bytes that the person signs."""
    start = read_evidence(folder, "start.txt", limit_bytes=_START_LIMIT_BYTES)
    return confirmation_bytes(
        Confirmation(
            workspace=found.plan.workspace or "",
            execution=folder.id,
            start=hex_digest(start),
            step=found.step.name,
            attempt=found.attempt,
            source=found.step.source,
            principal=principal,
        )
    )


def principal_of(workspace: Workspace, key: signing.SigningKey, *, around: Surroundings) -> str:
    """Whose key it is. Raises SignerError when it is nobody's, TrustError."""
    fingerprint = signing.fingerprint(key, env=around.env)
    trust = trusting.load(workspace, env=around.env)
    for signer in trust.signers:
        if signer.fingerprint == fingerprint:
            return signer.principal
    raise SignerError(f"the key {fingerprint} is not enrolled")


def require_asked(workspace: Workspace, found: Waiting, principal: str, *, around: Surroundings) -> None:
    """Whether the groups as they are here now hold this person: said before they read and sign. What counts
    is for the supervisor to say. Raises SignerError, TrustError."""
    policy = trusting.load(workspace, env=around.env).policy
    for group in found.plan.confirm_by:
        if policy is not None and principal not in policy.groups.get(group, (principal,)):
            raise SignerError(f"{principal} is not in {group}", hint=f"ask somebody of {group}")


def sign(data: bytes, key: signing.SigningKey, *, around: Surroundings, terminal: bool) -> str:
    """The signature as `ssh-keygen -Y sign` writes it. Raises what `signing.sign` does."""
    text = signing.sign(data, key, env=around.env, terminal=terminal, namespace=CONFIRMATION_NAMESPACE)
    return armored(text)


def give(folder: ExecutionFolder, principal: str, armor: str, *, around: Surroundings) -> None:
    """Give the run a signature. Raises RefusedError with the supervisor's reason when it does not count,
    NotFoundError when nobody runs it, UnavailableError when nobody knows whether it counts, SignatureRefused
    for what is no signature."""
    who = f"{around.login}@{around.host}"
    session.confirm(folder.path, who=who, principal=principal, signature=unarmored(armor))


def read_signature(path: Path) -> str:
    """An armored signature from a file. Raises NotFoundError, FormatError."""
    return files.read(path, limit_bytes=_SIGNATURE_LIMIT_BYTES).decode("ascii", "replace")
