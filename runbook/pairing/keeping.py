"""Keeping the store within its limits: old versions go, once a day, and never one that a pair needs."""

from datetime import datetime, timedelta
from pathlib import Path

from runbook.errors import NotFoundError, RunbookError
from runbook.instants import parse_stamp, stamp
from runbook.pairing.session import Session
from runbook.pairing.state import pinned
from runbook.store import checkup, retention
from runbook.store.folder import Folder
from runbook.store.retention import Limits, Swept
from runbook.system import files

_EVERY = timedelta(days=1)
_LITTER_AGE = timedelta(hours=1)


def keep_within(session: Session, limits: Limits | None = None) -> Swept:
    """Let old versions of the store go, and remove what killed writers left in it. Never the newest version
    of a side, nor what the state of any work tree needs. Raises StorageError, StoreDamaged."""
    needed = pinned(session.place.state.parent)
    swept = retention.sweep(session.store, limits or Limits(), now=session.now, pinned=needed)
    if isinstance(session.store.backend, Folder):
        list(checkup.tidy(session.store.backend, before=session.now - _LITTER_AGE))
    return swept


def keep_within_daily(session: Session) -> Swept | None:
    """`keep_within`, if the last time was a day ago; None otherwise, and when the store is damaged or does
    not answer: that is the check-up's to say, and no reason to fail a sync. Where the last time is longer ago
    than versions live, the clock may be wrong, and all of them would go at once: it must still say so a day
    later."""
    mark = session.place.store / "swept"
    try:
        last = _last(mark)
        if last is not None and timedelta(0) <= session.now - last < _EVERY:
            return None
        files.replace(mark, f"{stamp(session.now)}\n".encode("ascii"))
        if last is not None and session.now - last > Limits().age:
            return None
        return keep_within(session)
    except RunbookError:
        return None


def _last(mark: Path) -> datetime | None:
    try:
        return parse_stamp(files.read(mark, limit_bytes=99).decode("ascii", "replace").strip())
    except (NotFoundError, ValueError):
        return None
