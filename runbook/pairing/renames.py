"""Renames: a text that vanished and stands elsewhere, edited meanwhile or not, takes its pair along.

Only where `lineage` knows which one it was; a target that is taken, and sides renamed apart, are reported.
"""

import contextlib
import os
from collections.abc import Collection, Sequence

import msgspec

from runbook.errors import NotFoundError, RunbookError, StoreDamaged
from runbook.pairing.lineage import renamed
from runbook.pairing.observe import look
from runbook.pairing.places import Pair
from runbook.pairing.reports import PairReport, Problem
from runbook.pairing.session import Session
from runbook.pairing.state import Record
from runbook.system import files


def follow_renames(
    session: Session, pairs: Sequence[Pair], *, only: Collection[str] | None = None
) -> list[PairReport]:
    """Reports for the pairs that were renamed (under their new name); nothing for all others. Those that are
    `renamed` are still to be synced: the text may have been edited too. `pairs` are all that there are, since
    two copies of a text say nothing; with `only` no others are followed than to these names."""
    records = session.state.records
    root = session.place.root
    gone = [
        record
        for record in records.values()
        if record.is_runbook and record.text is not None and look(root / record.name) is None
    ]
    fresh = [pair for pair in pairs if pair.name not in records and look(root / pair.name) is not None]
    if not gone or not fresh or session.options.check:
        return []
    found = renamed(session, gone, fresh)
    return [
        _follow(session, record, target) for record, target in found if only is None or target.name in only
    ]


def _follow(session: Session, record: Record, target: Pair) -> PairReport:
    """The text went from `record.name` to `target.name`: take the notebook along."""
    root = session.place.root
    old, new = root / record.notebook_name, root / target.notebook_name
    is_alone = look(old) is None or old == new
    if not is_alone and look(new) is not None:
        words = f"renamed from {record.name}; {target.notebook_name} is there already, so its notebook stays"
        hint = f"move {record.notebook_name} out of the way, or in its place"
        problem = Problem(code="rename.taken", message=words, hint=hint)
        return _report(target, "orphan", words, (problem,))
    try:
        with session.state.locked():
            if not is_alone:
                files.make_folder(new.parent)
                with files.storage_errors(new):
                    os.link(old, new)  # fails when the name was taken meanwhile
                files.remove(old)
            _moved(session, record, target)
    except RunbookError as error:
        return _report(target, "blocked", str(error), (Problem(code=error.code, message=str(error)),))
    if is_alone:
        # No notebook at the old place: it went its own way, or was renamed too. The versions know it.
        return _report(target, "renamed", f"renamed from {record.name}", ())
    words = f"renamed from {record.name}; its notebook followed"
    return _report(target, "renamed", words, ())


def _moved(session: Session, record: Record, target: Pair) -> None:
    """The pair goes by another name; its history goes on under it, beginning with what it was."""
    for known, side in ((record.text, "text"), (record.notebook, "notebook")):
        with contextlib.suppress(NotFoundError, StoreDamaged):
            if known is not None:
                session.keep_version(target, session.store.get(known), f"{side} renamed from {record.name}")
    session.flush_versions()
    session.state.forget(record.name)
    session.state.keep(
        [
            msgspec.structs.replace(
                record,
                name=target.name,
                notebook_name=target.notebook_name,
                text_stamp=None,
                notebook_stamp=None,
            )
        ]
    )


def _report(pair: Pair, action: str, message: str, problems: tuple[Problem, ...]) -> PairReport:
    return PairReport(
        name=pair.name,
        notebook=pair.notebook_name,
        action=action,  # type: ignore[arg-type]  # one of Action, named above
        message=message,
        problems=problems,
    )
