"""`history` and `status`: the executions there were, and the runs that live. Verifies nothing."""

import msgspec

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
        each
        for each in summaries(workspace.executions)
        if each.alive or (each.started is not None and not each.sealed)
    )
