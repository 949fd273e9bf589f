"""Earlier trees: included files as git's history has them, to say what differs. An edge; writes nothing.

What is found here is shown and decides nothing: a tree is taken for an earlier one only by its digest.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from runbook.errors import CommandFailed, FormatError, ToolMissing
from runbook.system import git, staged
from runbook.text import includes
from runbook.text.includes import Listed, Tree
from runbook.text.runbook import Includes
from runbook.workspace import Workspace

_COMMITS = 50
"""How far back a tree is looked for."""
_SHOWN = 5
_KINDS: dict[str, Literal["file", "link"]] = {"100644": "file", "100755": "file", "120000": "link"}
_EXECUTABLE = "100755"


def tree_of(named: Includes, *, workspace: Workspace, env: Mapping[str, str]) -> Tree | None:
    """The tree with the header's digest, from the newest commit that has it; None when there is none."""
    for commit in _commits(workspace.root, _places(named), env):
        tree = at_commit(workspace.root, commit, named, env=env)
        if tree is not None and not tree.reasons and tree.digest == named.digest:
            return tree
    return None


def at_commit(root: Path, commit: str, named: Includes, *, env: Mapping[str, str]) -> Tree | None:
    """The included files of a commit; None where git can't tell. Paths are below `root`, as in the workspace.

    In a hook that receives a push, the objects of the push are seen too.
    """
    try:
        said = staged.ask(root, "ls-tree", "-r", "-z", commit, "--", *_places(named), env=env)
        return _gathered(root, said, named, env)
    except (CommandFailed, ToolMissing, FormatError):
        return None


def in_index(root: Path, named: Includes, *, env: Mapping[str, str]) -> Tree | None:
    """The included files of the commit that is about to be made; None where git can't tell."""
    try:
        said = staged.ask(root, "ls-files", "-s", "-z", "--", *_places(named), env=env)
        return _gathered(root, said, named, env)
    except (CommandFailed, ToolMissing, FormatError):
        return None


def words(before: Tree, after: Tree) -> str:
    """What differs, in one line."""
    found = [each.words for each in includes.changes(before, after)]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def _places(named: Includes) -> tuple[str, ...]:
    """The paths to ask git for; none at all when a wildcard begins at the workspace's folder."""
    found = includes.starts(named)
    return () if "" in found else found


def _gathered(root: Path, said: bytes, named: Includes, env: Mapping[str, str]) -> Tree:
    """From rows of `MODE [KIND] OBJECT [STAGE]<TAB>PATH`, as ls-tree and ls-files -s give them."""
    modes: dict[str, str] = {}
    objects: dict[str, str] = {}
    for row in said.decode("utf-8", "surrogateescape").split("\0"):
        facts, tab, path = row.partition("\t")
        fields = facts.split(" ")
        if tab and len(fields) >= 3:
            modes[path] = fields[0]
            objects[path] = fields[2] if fields[1] in ("blob", "commit", "tree") else fields[1]
    listed = [Listed(path, _KINDS.get(mode, "other")) for path, mode in modes.items()]

    def read(path: str) -> tuple[bytes, bool]:
        (data,) = staged.blobs_of(root, [objects[path]], env=env)
        return data, modes[path] == _EXECUTABLE

    return includes.gather(named, listed, read)


def _commits(root: Path, paths: Sequence[str], env: Mapping[str, str]) -> list[str]:
    try:
        said = git.ask(root, "log", f"-n{_COMMITS}", "--format=%H", "--", *paths, env=env)
    except (CommandFailed, ToolMissing):
        return []
    return said.decode("ascii").split()
