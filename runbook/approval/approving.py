"""Approving: what a new approval says, whether its signer may give it, and where it goes in the text.

Pure: `signing` signs in between. Never decides whether something may run (`decision` does that).
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from runbook.approval.counting import can_approve
from runbook.approval.policy import spoken
from runbook.approval.signers import Signer
from runbook.approval.statement import NAMESPACE
from runbook.approval.trusted import Trust
from runbook.errors import InputError, SignerError
from runbook.text.entries import MAX_ENTRIES, with_entries
from runbook.text.runbook import Entry, Runbook

DEFAULT_LIFE = timedelta(days=90)


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer permits: where, how, with which values, for how long. Whole seconds."""

    environments: tuple[str, ...]
    allows: Literal["interactive", "unattended"] = "interactive"
    parameters: str | None = None  # "exact:sha256:<hex>", None for whatever the declarations accept
    issued: datetime
    expires: datetime


def longest_life(trust: Trust, environments: tuple[str, ...]) -> timedelta | None:
    """The longest life of an approval that counts in all these environments; None when none is set."""
    caps = () if trust.policy is None else trust.policy.max_age.items()
    lives = [life for environment, life in caps if environment in environments]
    return min(lives, default=None)


def grant(
    trust: Trust,
    *,
    environments: tuple[str, ...],
    now: datetime,
    life: timedelta | None = None,
    allows: Literal["interactive", "unattended"] = "interactive",
) -> Grant:
    """A grant that can count: from now on, for `life` or what the policy lets it live (else 90 days).

    Raises InputError for a life that the policy would not count.
    """
    most = longest_life(trust, environments)
    if life is not None and (life <= timedelta(0) or (most is not None and life > most)):
        raise InputError(
            f"an approval for {', '.join(environments)} may live {spoken(most)} at most, not {spoken(life)}"
            if most is not None
            else "an approval must live for some time",
            hint="say a shorter --expires",
        )
    issued = now.replace(microsecond=0)
    chosen = life or most or DEFAULT_LIFE
    return Grant(
        environments=tuple(sorted(set(environments))), allows=allows, issued=issued, expires=issued + chosen
    )


def eligible(fingerprint: str, trust: Trust, *, now: datetime) -> Signer:
    """Who is behind a key, and whose approval could count today. Raises SignerError saying why not."""
    signer = next((each for each in trust.signers if each.fingerprint == fingerprint), None)
    rsa = trust.policy is not None and trust.policy.rsa
    if signer is None:
        raise SignerError(
            f"the key {fingerprint} is not enrolled",
            hint="`runbook init --principal NAME --key FILE.pub` enrols it; the change wants a review",
        )
    if can_approve(signer, trust=trust, rsa=rsa, now=now):
        return signer
    if fingerprint in trust.revoked:
        words = "is revoked"
    elif NAMESPACE not in signer.namespaces:
        words = f"is not enrolled for approvals: its line in allowed_signers lacks {NAMESPACE}"
    elif signer.key.is_fido:
        words = "is a FIDO key, and these do not count yet"
    elif signer.key.is_rsa:
        words = "is RSA, which the policy does not accept ([keys] rsa = true would)"
    else:
        words = "is not valid at this time (allowed_signers)"
    raise SignerError(f"the key {fingerprint} of {signer.principal} {words}")


def draft(runbook: Runbook, principal: str, given: Grant) -> Entry:
    """The entry that is to be signed: its signature is still empty. Raises InputError for a text not
    normal.
    """
    if not runbook.is_normal:
        note = runbook.notes[0]
        raise InputError(
            f"not in normal form: {note.message}", line=note.line, hint="run `runbook fmt`, then review"
        )
    return Entry(
        role="approver",
        principal=principal,
        environments=given.environments,
        allows=given.allows,
        parameters=given.parameters,
        text=runbook.text,
        issued=given.issued,
        expires=given.expires,
        signature="",
    )


def approve(runbook: Runbook, entry: Entry) -> str:
    """The text with `entry` in its header, and with nothing else changed but what has become useless:
    approvals of another text, and what the same person said before about the same environments and values.

    Raises InputError when the header is full.
    """
    kept = [old for old in runbook.header.approvals if old.text == runbook.text and not _replaces(entry, old)]
    if len(kept) >= MAX_ENTRIES:
        raise InputError(
            f"the header holds {MAX_ENTRIES} approvals already", hint="take out the ones that have expired"
        )
    return with_entries(runbook.canonical, (*kept, entry))


def _replaces(new: Entry, old: Entry) -> bool:
    return (new.role, new.principal, new.parameters) == (old.role, old.principal, old.parameters) and set(
        old.environments
    ) <= set(new.environments)
