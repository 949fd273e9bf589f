"""`resume`: going on with a run whose supervisor died, or sealing what there is of it. Asks nobody."""

from runbook.errors import LockBusy, NotFoundError
from runbook.evidence.folder import ExecutionFolder
from runbook.execution import launch
from runbook.execution.session import Session
from runbook.workspace import Surroundings, Workspace


def resume(workspace: Workspace, folder: ExecutionFolder, *, around: Surroundings) -> Session:
    """Take the run up: with its kernel where that lives, else with a new one.

    Raises ExistsError when it is sealed, LockBusy when it lives, NotFoundError when it was never begun,
    RefusedError and its kind for what may not go on.
    """
    _require_left(folder)
    return launch.start(folder.path, workspace=workspace, around=around, task="resume")


def seal(workspace: Workspace, folder: ExecutionFolder, *, around: Surroundings) -> None:
    """End the run where it was left: bring back what its kernel said, end that kernel, seal.

    Raises as `resume` does, but asks for no permission: nothing is run.
    """
    _require_left(folder)
    launch.seal(folder.path, workspace=workspace, around=around)


def _require_left(folder: ExecutionFolder) -> None:
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
