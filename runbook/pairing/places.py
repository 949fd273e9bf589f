"""Where pairs live: the two paths of each, and the folders of state and store. Reads folders, writes nothing.

State and store stand in git's own folder, the common one of all work trees, where `git clean -fdX` does not
reach; without git in `.runbook/` of the workspace. The state is per work tree, the store is shared.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec


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
    raise NotImplementedError


def pair_of(root: Path, name: str, *, template: str | None) -> Pair:
    """The pair of one text or notebook, by the workspace's `pairs` template (None: beside the text).

    Raises FormatError for a path outside the root, ConfigError for a template that loses the name.
    """
    raise NotImplementedError


def find_pairs(root: Path, *, folders: Sequence[str], template: str | None) -> tuple[Pair, ...]:
    """Every text below `folders`, sorted; hidden folders, temporary and backup names are left out."""
    raise NotImplementedError
