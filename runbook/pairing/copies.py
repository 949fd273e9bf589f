"""Conflict copies on the disk: written once per dispute, taken away when it ends.

A copy that somebody wrote remarks into is never taken away. Each one is a version, too.
"""

import contextlib

from runbook.canonical import digest
from runbook.errors import ExistsError, NotFoundError, StoreDamaged
from runbook.pairing.conflicts import copy_name, copy_text, dispute_hash
from runbook.pairing.flow import Flow
from runbook.pairing.observe import TEXT_LIMIT_BYTES
from runbook.pairing.session import Session
from runbook.pairing.view import View
from runbook.system import files


def conflict_copy(session: Session, view: View, found: Flow) -> str:
    """Write the copy, once per dispute; an older one of this pair that nobody edited makes room."""
    pair = view.pair
    name = copy_name(pair.name, found, now=session.now)
    known = view.record.conflict if view.record else None
    if known is not None:
        same = known.endswith(f"-{dispute_hash(found)}.txt")
        if same and (session.place.root / known).exists():
            return known
        _remove_copy(session, known)
    if not session.options.check:
        data = copy_text(pair.name, pair.notebook_name, found)
        session.keep_version(pair, data, "conflict copy")
        with contextlib.suppress(ExistsError):  # made a moment ago, by a sync that got no further
            files.create(session.place.root / name, data)
    return name


def settle_conflict(session: Session, view: View) -> tuple[str, ...]:
    """The dispute is over: its copy goes. What to say of it."""
    known = view.record.conflict if view.record else None
    if known is None or session.options.check:
        return ()
    _remove_copy(session, known)
    return (f"no longer disputed: {known}",)


def _remove_copy(session: Session, name: str) -> None:
    """Take a copy away that is still as we wrote it; one with remarks in it stays."""
    path = session.place.root / name
    try:
        data = files.read(path, limit_bytes=TEXT_LIMIT_BYTES)
        session.store.get(digest(data))
    except (NotFoundError, StoreDamaged):
        return
    if not session.options.check:
        files.remove(path)
