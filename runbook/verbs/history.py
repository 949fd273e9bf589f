"""`history` and `status`: the executions there were, and the runs that live. Verifies nothing."""

from pathlib import Path

import msgspec

from runbook.errors import RunbookError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan_file import PLAN_LIMIT_BYTES, read_evidence
from runbook.evidence.summary import Summary, summaries
from runbook.workspace import Surroundings, Workspace


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which executions are wanted; empty: all."""

    runbook: str | None = None
    environment: str | None = None
    outcome: str | None = None
    most: int | None = None


def history(workspace: Workspace, wanted: Filter, *, around: Surroundings) -> tuple[Summary, ...]:
    """The executions that fit, the newest first."""
    path = None if wanted.runbook is None else _path(workspace, wanted.runbook, around)
    found = [
        each
        for each in reversed(summaries(workspace.executions))
        if (path is None or each.runbook == path)
        and (wanted.environment is None or each.environment == wanted.environment)
        and (wanted.outcome is None or each.outcome == wanted.outcome)
    ]
    return tuple(found if wanted.most is None else found[: wanted.most])


def _path(workspace: Workspace, name: str, around: Surroundings) -> str:
    from runbook.verbs import names  # loads the reader of texts, which `status` does not need

    return names.find_runbook(workspace, name, cwd=around.cwd)


def living(workspace: Workspace) -> tuple[Summary, ...]:
    """The runs whose supervisor lives, and those whose supervisor died without an end: somebody must look."""
    return tuple(
        _with_processes(workspace, each)
        for each in summaries(workspace.executions)
        if each.alive or (each.started is not None and not each.sealed)
    )


def _with_processes(workspace: Workspace, each: Summary) -> Summary:
    """With the process numbers that the supervisor wrote down for the living: the journal tells of a kernel
    only once it has answered, and the first question may come before."""
    if not each.alive or each.kernel is not None:
        return each
    from runbook.execution import lease  # here: `status` is light while nothing runs

    try:
        held = lease.read(ExecutionFolder(execution_path(workspace, each.id)))
    except RunbookError:  # it has ended meanwhile
        return each
    return msgspec.structs.replace(each, supervisor=held.supervisor, kernel=held.kernel)


def require_ours(workspace: Workspace, identity: str, *, around: Surroundings) -> None:
    """Raise RunbookError when this user has not begun this run here, so that nobody here can go on with it: a
    copy of its folder, or a run of somebody else."""
    from runbook.execution import registry  # here: `status` is light while nothing has died

    folder = ExecutionFolder(execution_path(workspace, identity))
    plan = read_evidence(folder, "plan.json", limit_bytes=PLAN_LIMIT_BYTES)
    registry.require_begun_here(around.state_folder, folder, plan)


def execution_path(workspace: Workspace, identity: str) -> Path:
    """Where the execution of this id lies: in the folder of its month."""
    return workspace.executions / f"{identity[:4]}-{identity[4:6]}" / identity
