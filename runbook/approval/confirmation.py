"""Confirmations: a second person's signed word that one step of one run may begin (DESIGN §5.2).

Pure. It is about one attempt of one step, in one execution that was started once: the same signature says
nothing about another. It adds to the approvals of the text and never stands in for one.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from runbook.approval import sshsig
from runbook.approval.policy import Quota
from runbook.approval.signers import CONFIRMATION_NAMESPACE
from runbook.approval.statement import is_principal
from runbook.approval.trusted import Trust
from runbook.errors import SignerError

FIRST_LINE: Final = "runbook confirmation v1"


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """What is confirmed. `start` is the sha256 (hex) of the execution's start.txt, `source` that of the
    step's source; `attempt` counts from 1."""

    workspace: str
    execution: str
    start: str
    step: str
    attempt: int
    source: str
    principal: str


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence that somebody who may has confirmed. Only `require_confirmation` makes it."""

    principal: str
    fingerprint: str


def confirmation_bytes(one: Confirmation) -> bytes:
    """The exact bytes that are signed, under `CONFIRMATION_NAMESPACE`: each line once, LF, final newline."""
    return (
        f"{FIRST_LINE}\nworkspace: {one.workspace}\nexecution: {one.execution}\nstart: sha256:{one.start}\n"
        f"step: {one.step}\nattempt: {one.attempt}\nsource: sha256:{one.source}\nprincipal: {one.principal}\n"
    ).encode()


def require_confirmation(
    one: Confirmation,
    signature: str,
    *,
    trust: Trust,
    quotas: Iterable[Quota],
    operator: str | None,
    now: datetime,
) -> Confirmed:
    """Check that `signature` (canonical base64) is a confirmation by somebody who may give it.

    1 It is over these very bytes, under its own namespace. 2 The key is enrolled, for the person who is
    named. 3 It is enrolled for confirmations, valid now, not revoked, of a kind that the policy takes. 4 The
    person is in every group that the rules name. 5 It is another person than the one whose principal is known
    to drive (`operator`; None: nobody said).

    Raises SignatureRefused (1) and SignerError (2 to 5), saying what to do.
    """
    if not is_principal(one.principal):
        raise SignerError(f"{one.principal[:80]!r} is no principal")
    evidence = sshsig.verify(signature, confirmation_bytes(one), namespace=CONFIRMATION_NAMESPACE)  # 1
    signer = trust.signer(evidence.key.blob)
    if signer is None or signer.principal != one.principal:  # 2
        raise SignerError(
            f"the key {evidence.fingerprint} is not enrolled for {one.principal}",
            hint="`runbook init --principal NAME --key FILE.pub` enrols a key; the change wants a review",
        )
    rsa = trust.policy is not None and trust.policy.rsa
    if CONFIRMATION_NAMESPACE not in signer.namespaces:  # 3
        raise SignerError(
            f"the key of {one.principal} is not enrolled for confirmations",
            hint=f"its line in allowed_signers lacks {CONFIRMATION_NAMESPACE}",
        )
    if not signer.is_valid(now) or signer.fingerprint in trust.revoked or (signer.key.is_rsa and not rsa):
        raise SignerError(f"the key {signer.fingerprint} of {one.principal} is revoked or does not count now")
    lacking = [quota.words for quota in quotas if quota.people is None or one.principal not in quota.people]
    if lacking:  # 4
        raise SignerError(f"{one.principal} is not in {lacking[0]}", hint=f"ask somebody of {lacking[0]}")
    if operator == one.principal:  # 5
        raise SignerError(f"{one.principal} drives this run", hint="somebody else must confirm it")
    return Confirmed(principal=signer.principal, fingerprint=signer.fingerprint)
