"""What a runbook brings along: its included files, from the workspace or from a plan's folder. An edge.

The same judge looks at both (`text/includes`), so a plan that is read back is believed in nothing.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import msgspec

from runbook.errors import EvidenceDamaged, RefusedError
from runbook.evidence import included
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlannedFile, PlanRecord
from runbook.execution import earlier
from runbook.system import files
from runbook.text import includes, reader
from runbook.text.includes import Listed, Tree
from runbook.text.runbook import Runbook
from runbook.workspace import Workspace

_KEY = b"includes:"


def from_workspace(data: bytes, *, workspace: Workspace, env: Mapping[str, str]) -> Tree | None:
    """The files that the runbook in `data` includes, as they lie in the workspace; None when it includes none
    or can't be read. Where they are not those of its digest, git's history is asked which ones differ.

    Raises StorageError.
    """
    runbook = _including(data)
    if runbook is None:
        return None
    named = runbook.header.includes
    assert named is not None
    tree = included.read_tree(workspace.root, named, apart=(workspace.settings.executions,))
    if tree.reasons or named.digest in (None, tree.digest):
        return tree
    before = earlier.tree_of(named, workspace=workspace, env=env)
    if before is None:
        return tree
    return msgspec.structs.replace(tree, differs=earlier.words(before, tree))


def from_plan(data: bytes, folder: ExecutionFolder, record: PlanRecord) -> Tree | None:
    """The files in a plan's folder, looked at again as if they came from the workspace.

    Raises RefusedError for a folder in which a file is missing, added or edited, or was not named.
    """
    runbook = _including(data)
    if runbook is None and not record.includes and not folder.includes.exists():
        return None
    try:
        kept = included.read_kept(folder, record.includes)
    except EvidenceDamaged as error:
        raise RefusedError(
            f"{error.subject} {error.message}", subject=folder.id, hint="plan it again"
        ) from error
    if runbook is None or runbook.header.includes is None:
        return None  # planning again says that there is nothing to bring along
    files = {each.path: (each.data, each.executable) for each in kept.files}
    return includes.gather(
        runbook.header.includes, [Listed(path, "file") for path in files], files.__getitem__
    )


def lay_out(folder: ExecutionFolder, tree: Tree) -> None:
    """Put the files into `work/` at their places, for programs that are called there.

    1 `work/` must be empty: what somebody puts there between plan and run was reviewed by nobody, and a
    step's `make` or `./deploy.sh` would find it. 2 The bytes are those that were decided on in this process,
    not what lies in `includes/` by now. What could not be put there whole is taken away again.

    Raises RefusedError, StorageError.
    """
    with files.storage_errors(folder.work):
        strange = next(iter(sorted(folder.work.iterdir())), None)  # 1
    if strange is not None:
        raise RefusedError(
            f"work/{ascii(strange.name)[1:-1]} was put there after it was planned",
            subject=folder.id,
            hint="plan it again",
        )
    try:
        included.lay_out(folder, tree)  # 2
    except BaseException:
        files.remove_folder(folder.work)
        files.make_new_folder(folder.work)
        raise


def importable(folder: ExecutionFolder, record: PlanRecord) -> tuple[Path, ...]:
    """Where steps find included modules: beside the runbook, as in plain Python, then from the workspace."""
    if not record.includes:
        return ()
    beside = folder.includes / PurePosixPath(record.runbook).parent
    return (beside, folder.includes) if beside != folder.includes else (beside,)


def planned_files(tree: Tree | None) -> tuple[PlannedFile, ...]:
    """How a plan writes them down."""
    if tree is None:
        return ()
    return tuple(
        PlannedFile(path=each.path, executable=each.executable, sha256=each.sha256) for each in tree.files
    )


def _including(data: bytes) -> Runbook | None:
    """The runbook, if it includes anything: most don't, and are not read a second time for that."""
    runbook = reader.read(data).runbook if _KEY in data else None
    return runbook if runbook is not None and runbook.header.includes is not None else None
