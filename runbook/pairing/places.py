"""Where pairs live: the two paths of each, and the folders of state and store. Reads folders, writes nothing.

State and store stand in git's own folder, the common one of all work trees, where `git clean -fdX` does not
reach; without git in `.runbook/` of the workspace. The state is per work tree, the store is shared.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from runbook.canonical import hex_digest
from runbook.errors import ConfigError, FormatError
from runbook.system import files, git

BESIDE = "{folder}/{name}.ipynb"
"""The workspace's default: the notebook stands beside its text."""

_IGNORED_FOLDERS = frozenset({"__pycache__", "node_modules", "executions"})
# Backups, locks and temporary files of editors and tools, ours included (pairs.md §8.3).
_IGNORED_NAMES = re.compile(
    r"\..*|#.*#|.*~|4913|.*___jb_(?:tmp|old|bak)___|.*_tmp_jupytext_.*|.*\.sw[a-z]|.*\.conflict-.*", re.DOTALL
)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A workspace's root (absolute, resolved), its state of pairs and its store."""

    root: Path
    state: Path
    store: Path


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One pair. `name` is the text's path below the root, with `/`; `notebook_name` the notebook's."""

    name: str
    notebook_name: str


def place(root: Path, *, env: Mapping[str, str]) -> Place:
    """The folders for `root`; makes none of them. Asks git (`git.common_folder`) once."""
    root = root.resolve()
    common = git.common_folder(root, env=env) if _may_have_git(root) else None
    if common is None:
        return Place(root=root, state=root / ".runbook/state", store=root / ".runbook/store")
    own = hex_digest(os.fsencode(root))[:16]
    return Place(root=root, state=common / "runbook" / f"state-{own}", store=common / "runbook/store")


def _may_have_git(root: Path) -> bool:
    """Spares a process where no folder above has a `.git`; git itself gives the answer where one has."""
    with files.storage_errors(root):
        return any((folder / ".git").exists() for folder in (root, *root.parents))


def pair_of(root: Path, name: str, *, template: str | None) -> Pair:
    """The pair of one text, by the workspace's `pairs` template (None: beside the text).

    Raises FormatError for a path that is no text below the root, ConfigError for a template that loses the
    name or leaves the root.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.suffix != ".py":
        raise FormatError("not a text below the workspace", subject=name, hint="name a .py file in it")
    template = template or BESIDE
    if "{name}" not in template or not template.endswith(".ipynb"):
        raise ConfigError(
            f"pairs = {template!r} does not give each text a notebook of its own",
            subject="runbook.toml",
            hint='write something like pairs = "notebooks/{name}.ipynb"',
        )
    folder = path.parent.as_posix()
    found = PurePosixPath(template.replace("{folder}", folder).replace("{name}", path.stem))
    if found.is_absolute() or ".." in found.parts:
        raise ConfigError("pairs leads out of the workspace", subject="runbook.toml")
    if "{folder}" not in template and folder not in (".", "runbooks") and "/" in folder:
        # Texts of one name in two folders must not share a notebook.
        deeper = PurePosixPath(*path.parent.parts[1:])
        found = found.parent / deeper / found.name
    return Pair(name=path.as_posix(), notebook_name=found.as_posix())


def find_pairs(root: Path, *, folders: Sequence[str], template: str | None) -> tuple[Pair, ...]:
    """Every text below `folders`, sorted; hidden folders, temporary and backup names are left out.

    A text need not be a runbook: `sync` looks inside. Links are not followed into other folders.
    """
    found: set[str] = set()
    for folder in folders:
        top = root / folder
        with files.storage_errors(top):
            is_there = top.is_dir()
        if is_there:
            found.update(_texts(root, str(top)))
    return tuple(pair_of(root, name, template=template) for name in sorted(found))


def _texts(root: Path, top: str) -> Iterator[str]:
    cut = len(str(root)) + 1
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        with files.storage_errors(folder), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    if not _IGNORED_NAMES.fullmatch(entry.name) and not entry.is_dir():
                        yield entry.path[cut:]
                elif entry.is_dir(follow_symlinks=False) and not is_ignored(entry.name):
                    waiting.append(entry.path)


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is never looked at."""
    return name in _IGNORED_FOLDERS or bool(_IGNORED_NAMES.fullmatch(name))
