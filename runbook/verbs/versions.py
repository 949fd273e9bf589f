"""`versions`: what is kept of a pair, both sides, oldest first."""

from runbook.pairing.history import Tell, Version
from runbook.pairing.history import versions as kept
from runbook.store.folder import nobody
from runbook.verbs.sync import pair_named, place_of
from runbook.workspace import Surroundings, Workspace


def versions(
    workspace: Workspace, name: str, *, around: Surroundings, tell: Tell = nobody
) -> tuple[str, tuple[Version, ...]]:
    """The text's path and its versions; `tell` hears of what had to be mended. Raises NotFoundError."""
    pair = pair_named(workspace, name, around=around, tell=tell)
    return pair.name, kept(place_of(workspace, around), pair.name, tell=tell)
