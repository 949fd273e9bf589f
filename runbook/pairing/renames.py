"""Renames: a text that vanished and stands elsewhere, edited meanwhile or not, takes its pair along.

Only where `lineage` knows which one it was; a target that is taken, and sides renamed apart, are reported.
"""

import contextlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from runbook.errors import NotFoundError, RunbookError, StorageError, StoreDamaged
from runbook.pairing.lineage import last_text, renamed
from runbook.pairing.observe import is_gone, look, may_be_there
from runbook.pairing.places import Pair
from runbook.pairing.reports import PairReport, Problem
from runbook.pairing.session import Session
from runbook.pairing.state import Record
from runbook.system import files


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of renames. `reports`: of the pairs under their new names, and of new ones that could not
    be judged. `waiting`: the old names that may be those; nothing is to be concluded from their absence."""

    reports: tuple[PairReport, ...] = ()
    waiting: frozenset[str] = frozenset()


def follow_renames(
    session: Session, pairs: Sequence[Pair], *, only: Collection[str] | None = None
) -> Followed:
    """Reports for the pairs that were renamed (under their new name); nothing for all others. Those that are
    `renamed` are still to be synced: the text may have been edited too. `pairs` are all that there are, since
    two copies of a text say nothing; with `only` no others are followed than to these names."""
    records = session.state.records
    root = session.place.root
    known = [record for record in records.values() if record.is_runbook and last_text(record) is not None]
    fresh = [pair for pair in pairs if pair.name not in records and may_be_there(root / pair.name)]
    if not known or not fresh or session.options.check:
        return Followed()
    try:
        gone = [record for record in known if is_gone(root / record.name)]
        found = renamed(session, gone, fresh) if gone else []
    except StorageError as error:
        # Taken for new ones, their notebooks would be left behind; judged without the one that cannot be
        # read, another might be taken for it.
        reports = [_blocked(pair, error) for pair in fresh if only is None or pair.name in only]
        return Followed(reports=tuple(reports), waiting=_absent(session, known))
    waiting: set[str] = set()
    reports = []
    for record, target in found:
        if only is None or target.name in only:
            report = _follow(session, record, target)
            reports.append(report)
            if report.action == "blocked":
                waiting.add(record.name)
    return Followed(reports=tuple(reports), waiting=frozenset(waiting))


def _absent(session: Session, records: Sequence[Record]) -> frozenset[str]:
    return frozenset(record.name for record in records if look(session.place.root / record.name) is None)


def _blocked(pair: Pair, error: RunbookError) -> PairReport:
    problem = Problem(code=error.code, message=str(error), hint=error.hint)
    return _report(pair, "blocked", str(error), (problem,))


def _follow(session: Session, record: Record, target: Pair) -> PairReport:
    """The text went from `record.name` to `target.name`: take the notebook along."""
    root = session.place.root
    old, new = root / record.notebook_name, root / target.notebook_name
    is_alone = old == new or not may_be_there(old)
    if not is_alone and may_be_there(new) and not _is_one_file(old, new):
        words = f"renamed from {record.name}; {target.notebook_name} is there already, so its notebook stays"
        hint = f"move {record.notebook_name} out of the way, or in its place"
        problem = Problem(code="rename.taken", message=words, hint=hint)
        return _report(target, "orphan", words, (problem,))
    try:
        with session.state.locked():
            if not is_alone:
                files.make_folder(new.parent)
                with files.storage_errors(new):
                    if not _is_one_file(old, new):
                        os.link(old, new)  # fails when the name was taken meanwhile
                files.remove(old)
            _moved(session, record, target)
    except RunbookError as error:
        return _blocked(target, error)
    if is_alone:
        # No notebook at the old place: it went its own way, or was renamed too. The versions know it.
        return _report(target, "renamed", f"renamed from {record.name}", ())
    words = f"renamed from {record.name}; its notebook followed"
    return _report(target, "renamed", words, ())


def _is_one_file(old: Path, new: Path) -> bool:
    """Whether a follower that was stopped between two steps had given the notebook its new name already."""
    try:
        return old.samefile(new)
    except OSError:
        return False


def _moved(session: Session, record: Record, target: Pair) -> None:
    """The pair goes by another name; its history goes on under it, beginning with what it was."""
    for known, side in ((last_text(record), "text"), (record.notebook, "notebook")):
        with contextlib.suppress(NotFoundError, StoreDamaged):
            if known is not None:
                session.keep_version(target, session.store.get(known), f"{side} renamed from {record.name}")
    session.flush_versions()
    session.state.follow(
        record.name,
        msgspec.structs.replace(
            record,
            name=target.name,
            notebook_name=target.notebook_name,
            text_stamp=None,
            notebook_stamp=None,
        ),
    )


def _report(pair: Pair, action: str, message: str, problems: tuple[Problem, ...]) -> PairReport:
    return PairReport(
        name=pair.name,
        notebook=pair.notebook_name,
        action=action,  # type: ignore[arg-type]  # one of Action, named above
        message=message,
        problems=problems,
    )
