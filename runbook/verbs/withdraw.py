"""`withdraw`: an approver takes an approval back: signed, lasting, two files in `.runbook/withdrawn/`."""

from datetime import datetime

import msgspec

from runbook.approval import signing
from runbook.approval.sshsig import armored
from runbook.approval.statement import approval_id, statement_of
from runbook.approval.trust import load
from runbook.approval.withdrawal import WITHDRAWAL_NAMESPACE, Withdrawal, file_names, withdrawal_bytes
from runbook.errors import ExistsError, NotFoundError, SignerError, TrustError
from runbook.system import files
from runbook.verbs import names
from runbook.verbs.show import require_runbook
from runbook.workspace import Surroundings, Workspace


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What will be signed: one withdrawal for each approval of the present text by this person."""

    path: str
    text: str
    principal: str
    withdrawals: tuple[Withdrawal, ...]
    key: signing.SigningKey


def prepare(
    workspace: Workspace, name: str, *, key: str | None, around: Surroundings, now: datetime
) -> Draft:
    """Find what the owner of the key approved. Raises SignerError, TrustError, NotFoundError (nothing)."""
    opened = names.open_runbook(workspace, name, cwd=around.cwd)
    runbook = require_runbook(opened)
    trust = load(workspace, env=around.env)
    if trust.workspace is None:
        raise TrustError(
            "there is no policy here", subject=str(workspace.root), hint="`runbook init` makes one"
        )
    chosen = signing.find_key(key, workspace, around)
    fingerprint = signing.fingerprint(chosen, env=around.env)
    signer = next((each for each in trust.signers if each.fingerprint == fingerprint), None)
    if signer is None:
        raise SignerError(
            f"the key {fingerprint} is not enrolled, so nothing of it counts", subject=opened.path
        )
    done = {each.approval for each in trust.withdrawn}
    withdrawals = []
    for entry in runbook.header.approvals:
        approval = approval_id(statement_of(entry, workspace=trust.workspace, path=opened.path))
        if entry.principal == signer.principal and entry.text == runbook.text and approval not in done:
            withdrawals.append(
                Withdrawal(
                    workspace=trust.workspace,
                    approval=approval,
                    principal=signer.principal,
                    issued=now.replace(microsecond=0),
                )
            )
    if not withdrawals:
        raise NotFoundError(
            f"{signer.principal} has no approval of this text to take back", subject=opened.path
        )
    return Draft(
        path=opened.path,
        text=runbook.text,
        principal=signer.principal,
        withdrawals=tuple(withdrawals),
        key=chosen,
    )


def carry_out(workspace: Workspace, draft: Draft, *, around: Surroundings, terminal: bool) -> str:
    """Sign and write; returns the folder the files are in. Never overwrites one."""
    for withdrawal in draft.withdrawals:
        data = withdrawal_bytes(withdrawal)
        signature = signing.sign(
            data, draft.key, env=around.env, terminal=terminal, namespace=WITHDRAWAL_NAMESPACE
        )
        statement, seal = (workspace.trust_folder / name for name in file_names(withdrawal))
        files.make_folder(statement.parent)
        # One of two files alone refuses the trust files. So the statement waits under a hidden name, which
        # counts once the signature is there (`trust.load`): whenever this is killed, all of it holds or none.
        waiting = statement.with_name(f".{statement.name}")
        if seal.exists():
            raise ExistsError("was withdrawn meanwhile", subject=workspace.relative(seal))
        files.replace(waiting, data)
        files.create(seal, armored(signature).encode("ascii"))
        files.create(statement, data)
        files.remove(waiting)
    return workspace.relative(statement.parent)
