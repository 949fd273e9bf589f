"""Included files on disk: read from a workspace, kept in an execution's folder, read back. An edge.

Judges nothing (`text/includes` does): lists without following a link, reads part by part without following
one, and writes each file once.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from runbook.canonical import hex_digest
from runbook.errors import EvidenceDamaged, RunbookError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlannedFile
from runbook.system import files
from runbook.text import includes
from runbook.text.includes import Included, Listed, Tree
from runbook.text.runbook import Includes

_READ_ONLY, _READ_ONLY_EXECUTABLE = 0o444, 0o555


def read_tree(root: Path, named: Includes, *, apart: Sequence[str] = ()) -> Tree:
    """The included files as they lie below `root`; what is wrong with them are its `reasons`.

    `apart`: folders below `root` that are not looked into. Raises StorageError.
    """
    listed: dict[str, Listed] = {}
    for start in includes.starts(named):
        for each in _list(root, start, apart):
            listed[each.path] = each
            if len(listed) > includes.MOST_LISTED:
                break
    return includes.gather(named, tuple(listed.values()), lambda path: _read(root, path), apart=apart)


def _read(root: Path, path: str) -> tuple[bytes, bool]:
    # More than a file may have, so that the judge can say what is wrong with it.
    data, mode = files.read_inside_with_mode(root, path, limit_bytes=includes.TREE_LIMIT_BYTES)
    return data, bool(mode & stat.S_IXUSR)


def _list(root: Path, start: str, apart: Sequence[str]) -> Iterator[Listed]:
    """What `start` is: a name alone, or everything below a folder. A link on the way ends the walk there."""
    place = root
    parts = start.split("/") if start else []
    with files.storage_errors(start or root):
        for at, part in enumerate(parts, 1):
            place /= part
            try:
                mode = place.lstat().st_mode
            except (FileNotFoundError, NotADirectoryError):
                return
            if not stat.S_ISDIR(mode):
                if at == len(parts) or not stat.S_ISREG(mode):
                    yield _listed("/".join(parts) if stat.S_ISLNK(mode) else start, mode)
                return
        yield from _walk(place, start, apart)


def _walk(place: Path, path: str, apart: Sequence[str]) -> Iterator[Listed]:
    pending = [(place, path)]
    while pending:
        folder, below = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = f"{below}/{entry.name}" if below else entry.name
                mode = entry.stat(follow_symlinks=False).st_mode
                if not stat.S_ISDIR(mode):
                    yield _listed(name, mode)
                elif not includes.is_apart(entry.name, ()) and name not in apart:
                    pending.append((Path(entry.path), name))


def _listed(path: str, mode: int) -> Listed:
    return Listed(path, "link" if stat.S_ISLNK(mode) else "file" if stat.S_ISREG(mode) else "other")


def keep(folder: ExecutionFolder, tree: Tree) -> None:
    """Write the files into the execution's `includes/`, read-only. Raises ExistsError, StorageError."""
    _write(folder.includes, tree, modes=(_READ_ONLY, _READ_ONLY_EXECUTABLE))


def lay_out(folder: ExecutionFolder, tree: Tree) -> None:
    """Write the files into `work/` at their places, as a checkout would. Raises ExistsError, StorageError."""
    _write(folder.work, tree, modes=(0o666, 0o777))


def _write(root: Path, tree: Tree, *, modes: tuple[int, int]) -> None:
    written: list[Path] = []
    for each in tree.files:
        place = root / each.path
        files.make_folder(place.parent)
        files.create(place, each.data, mode=modes[each.executable], durable=False)
        written.append(place)
    if written:
        files.make_durable(written)


def read_kept(folder: ExecutionFolder, planned: Sequence[PlannedFile]) -> Tree:
    """The files in the execution's `includes/`, which must be those of the plan and no others.

    Whether one is executable is the plan's word: the bits do not survive every way a folder is carried, and
    nothing is executed from there. Raises EvidenceDamaged naming the first file that is missing, added, or
    another one.
    """
    found: list[Included] = []
    for each in planned:
        name = f"includes/{each.path}"
        try:
            data = files.read_inside(folder.path, name, limit_bytes=includes.FILE_LIMIT_BYTES)
        except RunbookError as error:
            raise EvidenceDamaged(f"can't be read: {error.message}", subject=name) from error
        if hex_digest(data) != each.sha256:
            raise EvidenceDamaged("is not the file that was planned", subject=name)
        found.append(Included(path=each.path, executable=each.executable, data=data))
    known = {each.path for each in planned}
    for listed in _everything(folder.includes):
        if listed.path not in known:
            raise EvidenceDamaged("was not planned", subject=f"includes/{listed.path}")
    return Tree(files=tuple(found))


def _everything(root: Path) -> Iterator[Listed]:
    """All names below `root` that are no folders, hidden ones too."""
    pending = [(root, "")]
    while pending:
        folder, below = pending.pop()
        if not folder.is_dir():
            continue
        with files.storage_errors(folder), os.scandir(folder) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    pending.append((Path(entry.path), f"{below}{entry.name}/"))
                else:
                    yield _listed(f"{below}{entry.name}", mode)
