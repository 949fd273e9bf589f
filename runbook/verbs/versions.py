"""`versions`: what is kept of a pair, both sides, oldest first."""

from runbook.pairing.history import Version
from runbook.pairing.history import versions as kept
from runbook.verbs.sync import pair_named, place_of
from runbook.workspace import Surroundings, Workspace


def versions(workspace: Workspace, name: str, *, around: Surroundings) -> tuple[str, tuple[Version, ...]]:
    """The text's path and its versions. Raises NotFoundError."""
    pair = pair_named(workspace, name, around=around)
    return pair.name, kept(place_of(workspace, around), pair.name)
