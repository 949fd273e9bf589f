"""`resume`: going on with a run whose supervisor died, or sealing what there is of it. Asks nobody."""

from collections.abc import Mapping

from runbook.errors import LockBusy, NotFoundError
from runbook.evidence.folder import ExecutionFolder
from runbook.execution import launch
from runbook.execution.session import Session
from runbook.text.secret import Hidden
from runbook.workspace import Surroundings, Workspace


def resume(
    workspace: Workspace,
    folder: ExecutionFolder,
    *,
    around: Surroundings,
    fetched: Mapping[str, Hidden] | None = None,
) -> Session:
    """Take the run up: with its kernel where that lives, else with a new one. `fetched`: its secrets, fetched
    again.

    Raises ExistsError when it is sealed, LockBusy when it lives, NotFoundError when it was never begun,
    RefusedError and its kind for what may not go on.
    """
    require_left(folder)
    ahead = launch.ahead(around, fetched)
    return launch.start(folder.path, workspace=workspace, around=around, task="resume", ahead=ahead)


def seal(workspace: Workspace, folder: ExecutionFolder, *, around: Surroundings) -> None:
    """End the run where it was left: bring back what its kernel said, end that kernel, seal.

    Raises as `resume` does, but asks for no permission: nothing is run.
    """
    require_left(folder)
    launch.seal(folder.path, workspace=workspace, around=around)


def require_left(folder: ExecutionFolder) -> None:
    """Raise LockBusy for a run that lives, NotFoundError for one that was never begun."""
    if folder.is_alive():
        raise LockBusy(
            "this run lives: there is nothing to resume",
            subject=folder.id,
            hint=f"`runbook attach {folder.id}` goes to it",
        )
    if not folder.is_sealed() and not folder.start.exists():
        raise NotFoundError(
            "this plan was never begun", subject=folder.id, hint=f"`runbook run {folder.id}` runs it"
        )
