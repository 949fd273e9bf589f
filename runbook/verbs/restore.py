"""`restore`: an old version as the new working file; what stood there is a version itself from then on."""

from datetime import datetime

from runbook.errors import UsageError
from runbook.pairing.history import Tell
from runbook.pairing.history import restore as put_back
from runbook.pairing.reports import PairReport
from runbook.pairing.session import Options
from runbook.pairing.sync import sync_pair
from runbook.store.folder import nobody
from runbook.verbs.sync import pair_named, place_of
from runbook.workspace import Surroundings, Workspace


def split_version(name: str) -> tuple[str, int | None]:
    """`x@3` → `x`, 3; without a number None. Raises UsageError for a version that is no number."""
    stem, at, number = name.rpartition("@")
    if not at:
        return name, None
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise UsageError(
            f"{number!r} is no version", subject=name, hint=f"`runbook versions {stem}` lists them"
        )
    return stem, int(number)


def restore(
    workspace: Workspace, name: str, *, around: Surroundings, now: datetime, tell: Tell = nobody
) -> tuple[str, PairReport]:
    """Put it back and sync, as after any other edit; returns the file's path and what the sync came to.
    `tell` hears of what had to be mended."""
    stem, number = split_version(name)
    if number is None:
        raise UsageError(
            "which version?", subject=name, hint=f"`runbook versions {name}`, then {name}@NUMBER"
        )
    place = place_of(workspace, around)
    pair = pair_named(workspace, stem, around=around, tell=tell)
    path = put_back(place, pair, number, now=now, tell=tell)
    report = sync_pair(place, pair, now=now, options=Options(accept=True, tell=tell))
    return workspace.relative(path), report
