"""The guard: asks again, before each step that could change something, whether it may still run. An edge.

A run can wait for hours at a question. Meanwhile its approval may expire or be withdrawn, a key be
revoked, or its environment be taken from this machine; then it holds before the next step that does not
merely look (DESIGN §7.2). What undoes and what checks always runs. The text is the execution's own copy;
approvals that were given since then are taken from the workspace.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec

from runbook.approval import trust as trusting
from runbook.approval.decision import Permission, Request, Verdict, decide
from runbook.errors import NotPermitted, RefusedError, RunbookError
from runbook.system import files
from runbook.text.reader import read
from runbook.text.runbook import Entry, Runbook, Step
from runbook.workspace import Surroundings, Workspace, resolve

_LIMIT_BYTES = 1 << 20

Guard = Callable[[Step], RunbookError | None]
"""Why a step may not run now; None when it may."""


def guard_of(
    permission: Permission, *, workspace: Workspace, around: Surroundings, now: Callable[[], datetime]
) -> Guard:
    """The guard of a run under `permission`.

    1 A permission that covers recovery only keeps everything else from running, until the decision of this
    moment permits it. 2 A run that needed approvals is decided again, with the trust files as they are now,
    before each step that does more than look or undo. 3 A run that needed none is not asked again, 4 unless
    the configuration files, as they are now, keep its environment from this machine. 5 Files that can't be
    read or contradict each other keep everything from running.
    """
    known = permission.request

    def refusal(step: Step) -> RunbookError | None:
        if permission.looks_or_undoes(step):
            return None
        try:
            environments = resolve(None, around).environments  # only the machine and the person limit them
        except RunbookError as error:
            words = f"what this machine runs can't be read now: {error}"
            return RefusedError(words, subject=known.path, hint=error.hint)  # 5
        kept_off = environments is not None and known.environment not in environments  # 4
        needs_none = permission.scope == "everything" and not permission.verdict.approved  # 3
        if needs_none and not kept_off:
            return None
        request = msgspec.structs.replace(
            known,
            machine_environments=environments,
            entries=(*known.entries, *given_since(permission.runbook, known, workspace=workspace)),
        )
        verdict = decide(request, trusting.load_or_refusal(workspace, env=around.env), now=now())  # 1, 2
        if verdict.permitted or (verdict.answer == "needs-reason" and permission.reason is not None):
            return None
        first = verdict.reasons[0]
        words = "; ".join((first.message, *lapsed(verdict, since=permission.verdict)))
        return NotPermitted(words, verdict=verdict, subject=known.path, hint=first.hint)

    return refusal


def lapsed(verdict: Verdict, *, since: Verdict) -> tuple[str, ...]:
    """Whose approvals counted in the verdict `since` and count no more, and why: who took which back, what
    expired when. Never names one that did not count then either."""
    counted = {one.principal for one in since.counted}
    return tuple(
        f"that of {one.principal} counts no more: {one.message}"
        for one in verdict.not_counted
        if one.principal in counted and one not in since.not_counted
    )


def given_since(runbook: Runbook, request: Request, *, workspace: Workspace) -> tuple[Entry, ...]:
    """Approvals of the very same text that stand in the workspace's file now and not in the copy that runs.

    They are claims as any others: the decision checks them. A file that is gone, changed or unreadable gives
    none.
    """
    try:
        data = files.read_inside(workspace.root, request.path, limit_bytes=_LIMIT_BYTES)
    except RunbookError:
        return ()
    if data == request.data:
        return ()
    now = read(data).runbook
    if now is None or now.text != runbook.text:
        return ()
    known = (*runbook.header.approvals, *request.entries)
    return tuple(entry for entry in now.header.approvals if entry not in known)
