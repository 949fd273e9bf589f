"""Counting: whether one approval is authentic, and whether it fits what is asked (DESIGN §5.3, steps 6 and
7).

Pure. Says for each entry either what it is worth or the first reason why it is worth nothing. An entry that
does not count is never an error: anybody may write anything into a header, and it must not stop other
approvals.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from runbook.approval import sshsig
from runbook.approval.policy import Requirements, spoken
from runbook.approval.signers import Signer
from runbook.approval.statement import NAMESPACE, Statement, approval_id, statement_bytes, statement_of
from runbook.approval.trusted import Trust
from runbook.approval.verdict import Counted, NotCounted
from runbook.errors import FormatError, SignatureRefused
from runbook.instants import stamp
from runbook.text.runbook import Entry

EXPIRED: Final = "approval.expired"


class Authentic(msgspec.Struct, frozen=True, kw_only=True):
    """An entry whose signature is by the enrolled key of the very person it names."""

    entry: Entry
    statement: Statement
    signer: Signer

    def counted(self) -> Counted:
        """The same as the verdict shows it."""
        return Counted(
            principal=self.signer.principal,
            approval=approval_id(self.statement),
            fingerprint=self.signer.fingerprint,
            environments=self.entry.environments,
            allows=self.entry.allows,
            parameters=self.entry.parameters,
            issued=self.entry.issued,
            expires=self.entry.expires,
        )


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an approval is held against. `values` is the digest of the exact values, None when unknown."""

    text: str
    environment: str
    unattended: bool
    values: str | None
    requirements: Requirements
    now: datetime


def authenticate(entry: Entry, *, trust: Trust, workspace: str, path: str) -> Authentic | NotCounted:
    """Step 6: grammar, known key, profile, signature over the entry's own statement."""

    def not_counted(code: str, message: str) -> NotCounted:
        return NotCounted(principal=entry.principal, code=code, message=message)

    if entry.role != "approver":
        return not_counted(
            "approval.breakglass", "break-glass approvals are read, but do not count yet: ask for an approval"
        )
    try:
        statement = statement_of(entry, workspace=workspace, path=path)
        evidence = sshsig.verify(entry.signature, statement_bytes(statement), namespace=NAMESPACE)
    except FormatError as error:
        return not_counted("approval.grammar", error.message)
    except SignatureRefused as error:
        if error.problem == "signature.invalid":
            return not_counted(
                "approval.signature",
                "the signature does not fit: the entry was changed after signing, or the file was moved, "
                "renamed or copied here. Approve it anew",
            )
        return not_counted(error.problem, error.message)
    signer = trust.signer(evidence.key.blob)
    if signer is None:
        return not_counted(
            "approval.unknown-key",
            f"signed with {evidence.fingerprint}, which is not enrolled in allowed_signers",
        )
    if signer.principal != entry.principal:
        return not_counted(
            "approval.principal", f"says {entry.principal}, but {signer.principal}'s key signed it"
        )
    if NAMESPACE not in signer.namespaces:
        return not_counted(
            "approval.namespace",
            f"{evidence.fingerprint} is not enrolled for approvals: its line in allowed_signers lacks "
            f"{NAMESPACE}",
        )
    return Authentic(entry=entry, statement=statement, signer=signer)


def misfits(found: Authentic, asked: Asked, trust: Trust) -> tuple[NotCounted, ...]:
    """Step 7: all that keeps an authentic approval from counting; the weightiest first, expiry last."""
    problems = (*_of_the_entry(found.entry, asked), *_of_the_person(found, asked, trust))
    late = () if asked.now < found.entry.expires else (_expired(found.entry),)
    return tuple(
        NotCounted(principal=found.entry.principal, code=code, message=message)
        for code, message in (*problems, *late)
    )


def _expired(entry: Entry) -> tuple[str, str]:
    return EXPIRED, f"expired at {stamp(entry.expires)}: ask for a new approval"


def _of_the_entry(entry: Entry, asked: Asked) -> Iterator[tuple[str, str]]:
    if entry.text != asked.text:
        yield (
            "approval.stale",
            f"approves another text ({entry.text[:19]}…): the runbook was changed after "
            f"{stamp(entry.issued)}. Ask for a review of what it says now",
        )
    if asked.environment not in entry.environments:
        yield "approval.environment", f"is for {', '.join(entry.environments)}, not for {asked.environment}"
    if asked.unattended and entry.allows != "unattended":
        yield (
            "approval.kind",
            "permits interactive runs only: ask for an approval that allows unattended ones",
        )
    if entry.parameters is None:
        if asked.requirements.exact_parameters:
            yield (
                "approval.parameters",
                "approves any values, and the policy asks for approvals of exact ones",
            )
    elif asked.values is None or entry.parameters != f"exact:{asked.values}":
        which = "other values than these" if asked.values else "exact values, and none were given"
        yield "approval.parameters", f"approves {which}"
    if asked.now < entry.issued:
        yield (
            "approval.not-yet",
            f"was issued at {stamp(entry.issued)}, which is in the future: look at this machine's clock",
        )
    most = asked.requirements.max_age
    if most is not None and entry.expires - entry.issued > most:
        yield (
            "approval.life",
            f"lives longer than the {spoken(most)} that the policy grants in {asked.environment}",
        )


def _of_the_person(found: Authentic, asked: Asked, trust: Trust) -> Iterator[tuple[str, str]]:
    signer = found.signer
    yield from taken_away(found, trust)
    if not signer.is_valid(asked.now):
        yield "approval.key-time", f"the key {signer.fingerprint} is not valid at this time (allowed_signers)"
    if signer.key.is_rsa and not asked.requirements.rsa:
        yield (
            "approval.rsa",
            "is signed with an RSA key, which the policy does not accept ([keys] rsa = true would)",
        )


def taken_away(found: Authentic, trust: Trust) -> Iterator[tuple[str, str]]:
    """Why an authentic approval is none any more, whatever is asked: its key is revoked, it was withdrawn."""
    signer = found.signer
    if signer.fingerprint in trust.revoked:
        yield "approval.revoked", f"the key {signer.fingerprint} is revoked, whenever it signed"
    if any(
        each.approval == approval_id(found.statement) and each.principal == signer.principal
        for each in trust.withdrawn
    ):
        yield "approval.withdrawn", f"{signer.principal} took it back"


def can_approve(signer: Signer, *, trust: Trust, rsa: bool, now: datetime) -> bool:
    """Whether an approval signed with this key today could count at all."""
    return (
        NAMESPACE in signer.namespaces
        and signer.is_valid(now)
        and signer.fingerprint not in trust.revoked
        and not signer.key.is_fido
        and (rsa or not signer.key.is_rsa)
    )
