"""Which workspace and pair each staged file belongs to. Reads folders and the index, writes nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from runbook.errors import RunbookError
from runbook.pairing.places import Pair, is_ignored, pair_of
from runbook.system import staged
from runbook.verbs.sync import pairs_of
from runbook.workspace import MARK, Surroundings, Workspace, load, resolve


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """A workspace, its place in the work tree (`""` or `ops/`), and the staged files in it, by their paths in
    the workspace."""

    workspace: Workspace
    prefix: str
    names: tuple[str, ...]


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """What the next commit holds of these files. `top` is the work tree's root."""

    top: Path
    homes: tuple[Home, ...]


def staged_files(argv: Sequence[str], suffixes: tuple[str, ...], around: Surroundings) -> Staged:
    """The files named in `argv` (from the current folder), or all that are staged; those with one of these
    endings, hidden and temporary ones left out."""
    top = staged.top(around.cwd, env=around.env)
    below = around.cwd.relative_to(top).as_posix()
    prefix = "" if below == "." else f"{below}/"
    wanted = [f"{prefix}{name}" for name in argv] or staged.names(top, env=around.env)
    chosen = sorted({name for name in wanted if name.endswith(suffixes) and not _is_skipped(name)})
    by_root: dict[Path, list[str]] = {}
    roots: dict[str, Path] = {}
    for name in chosen:
        folder = name.rpartition("/")[0]
        if folder not in roots:
            roots[folder] = _root_of(top, folder)
        by_root.setdefault(roots[folder], []).append(name)
    homes = []
    for root, names in sorted(by_root.items()):
        own = "" if root == top else f"{root.relative_to(top).as_posix()}/"
        inside = tuple(name[len(own) :] for name in names)
        homes.append(Home(workspace=_workspace(root, around), prefix=own, names=inside))
    return Staged(top=top, homes=tuple(homes))


def _is_skipped(name: str) -> bool:
    return any(is_ignored(part) for part in name.split("/"))


def _root_of(top: Path, folder: str) -> Path:
    """The nearest folder with `runbook.toml` in it, else the work tree's root."""
    start = top / folder
    for candidate in (start, *start.parents):
        if (candidate / MARK).is_file():
            return candidate
        if candidate == top:
            break
    return top


def _workspace(root: Path, around: Surroundings) -> Workspace:
    """The workspace at `root`; a `runbook.toml` above the work tree's root is about other files than the
    index holds."""
    if (root / MARK).is_file():
        return load(root, around)
    return Workspace(root=root, loose=True, settings=resolve(None, around))


def is_runbook_path(workspace: Workspace, name: str) -> bool:
    """Whether a text here is one of the workspace's runbooks; without `runbook.toml` every text may be."""
    if workspace.loose:
        return True
    return any(name.startswith(f"{folder.rstrip('/')}/") for folder in workspace.settings.runbooks)


def pairs_in(home: Home) -> tuple[Pair, ...]:
    """The pairs that the staged files of one workspace are sides of."""
    found: dict[str, Pair] = {}
    template = home.workspace.settings.pairs
    notebooks = {name for name in home.names if name.endswith(".ipynb")}
    for name in home.names:
        if name.endswith(".py") and is_runbook_path(home.workspace, name):
            found[name] = pair_of(home.workspace.root, name, template=template)
    notebooks -= {pair.notebook_name for pair in found.values()}
    if notebooks:
        for pair in _all_pairs(home.workspace):
            if pair.notebook_name in notebooks:
                found.setdefault(pair.name, pair)
    return tuple(found[name] for name in sorted(found))


def _all_pairs(workspace: Workspace) -> tuple[Pair, ...]:
    try:
        return pairs_of(workspace)
    except RunbookError:
        return ()


def contents_of(found: Staged, names: Mapping[str, Sequence[str]], around: Surroundings) -> dict[str, bytes]:
    """The staged bytes of these files: by prefix, the names in that workspace; keys are paths in the work
    tree."""
    paths = [prefix + name for prefix, inside in names.items() for name in inside]
    return staged.contents(found.top, paths, env=around.env)
