"""`statement`: the exact bytes that an approval signs, for an auditor with nothing but `ssh-keygen`."""

import msgspec

from runbook.approval.sshsig import armored
from runbook.approval.statement import approval_id, statement_bytes, statement_of
from runbook.approval.trust import load
from runbook.errors import NotFoundError, TrustError
from runbook.verbs import names
from runbook.verbs.show import require_runbook
from runbook.workspace import Surroundings, Workspace


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """One approval of a header: what was signed, and the signature in OpenSSH's armor."""

    principal: str
    approval: str
    statement: bytes
    armor: str


def statements(
    workspace: Workspace, name: str, *, principal: str | None, around: Surroundings
) -> tuple[Signed, ...]:
    """The statements of a runbook's approvals, as they stand in its header; of one person when named.

    Verifies nothing. Raises NotFoundError when there is none, TrustError without a policy (the workspace's
    name is part of what is signed).
    """
    opened = names.open_runbook(workspace, name, cwd=around.cwd)
    runbook = require_runbook(opened)
    urn = load(workspace, env=around.env).workspace
    if urn is None:
        raise TrustError(
            "there is no policy here", subject=str(workspace.root), hint="`runbook init` makes one"
        )
    found = []
    for entry in runbook.header.approvals:
        if principal is None or entry.principal == principal:
            statement = statement_of(entry, workspace=urn, path=opened.path)
            found.append(
                Signed(
                    principal=entry.principal,
                    approval=approval_id(statement),
                    statement=statement_bytes(statement),
                    armor=armored(entry.signature),
                )
            )
    if not found:
        whose = f" by {principal}" if principal else ""
        raise NotFoundError(
            f"there is no approval{whose} in it", subject=opened.path, hint="`runbook review` makes one"
        )
    return tuple(found)
