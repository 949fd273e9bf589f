"""`statement`: the exact bytes that an approval signs, for an auditor with nothing but `ssh-keygen`."""

import msgspec

from runbook.approval.sshsig import armored
from runbook.approval.statement import approval_id, statement_bytes, statement_of
from runbook.approval.trust import load
from runbook.errors import NotFoundError, TrustError
from runbook.evidence import given, proposal
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan_file import read_plan
from runbook.evidence.planned_text import read_text
from runbook.text.runbook import Entry
from runbook.verbs import names
from runbook.verbs.show import require_runbook
from runbook.workspace import Surroundings, Workspace


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """One approval: what was signed, and the signature in OpenSSH's armor."""

    principal: str
    approval: str
    statement: bytes
    armor: str


def statements(
    workspace: Workspace, name: str, *, principal: str | None, around: Surroundings
) -> tuple[Signed, ...]:
    """The statements of a runbook's approvals, as they stand in its header; of one person when named. Of an
    execution: those of its text, and those of its very values (`approvals/`).

    Verifies nothing. Raises NotFoundError when there is none, TrustError without a policy (the workspace's
    name is part of what is signed), EvidenceDamaged for a file that is no approval.
    """
    execution = names.execution_named(workspace, name, cwd=around.cwd)
    if execution is None:
        opened = names.open_runbook(workspace, name, cwd=around.cwd)
        subject, path = opened.path, opened.path
        urn, entries = None, require_runbook(opened).header.approvals
    else:
        subject = execution.id
        urn, path, entries = _kept(execution)
    urn = urn or load(workspace, env=around.env).workspace
    if urn is None:
        raise TrustError(
            "there is no policy here", subject=str(workspace.root), hint="`runbook init` makes one"
        )
    found = tuple(
        _signed(entry, urn=urn, path=path)
        for entry in entries
        if principal is None or entry.principal == principal
    )
    if not found:
        whose = f" by {principal}" if principal else ""
        raise NotFoundError(
            f"there is no approval{whose} in it", subject=subject, hint="`runbook review` makes one"
        )
    return found


def _kept(execution: ExecutionFolder) -> tuple[str | None, str, tuple[Entry, ...]]:
    """Workspace, path and approvals, as the execution has them: what is signed names those, and not where
    the folder lies now. A proposal knows its workspace by nothing but the policy of today."""
    text = read_text(execution)
    entries = (*text.header.approvals, *(each.entry for each in given.read_all(execution)))
    if proposal.is_proposed(execution):
        return None, proposal.read(execution)[0].runbook, entries
    plan = read_plan(execution)
    return plan.workspace, plan.runbook, entries


def _signed(entry: Entry, *, urn: str, path: str) -> Signed:
    statement = statement_of(entry, workspace=urn, path=path)
    return Signed(
        principal=entry.principal,
        approval=approval_id(statement),
        statement=statement_bytes(statement),
        armor=armored(entry.signature),
    )
