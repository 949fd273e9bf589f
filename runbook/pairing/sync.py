"""Sync: observe both sides, decide by content, write with compare-and-swap.

Never lets a time stamp decide, never writes a side whose content need not change, never raises for the
state of one pair: that is a report.
"""

import contextlib
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from runbook.errors import ChangedMeanwhile, RunbookError
from runbook.pairing.keeping import keep_within_daily
from runbook.pairing.observe import look, may_be_there
from runbook.pairing.places import Pair, Place
from runbook.pairing.renames import follow_renames
from runbook.pairing.reports import PairReport, Problem
from runbook.pairing.round import sync_once
from runbook.pairing.session import Options, Session
from runbook.pairing.state import Record
from runbook.pairing.writing import Write, finish, keep_leftovers, write_all
from runbook.system import clock, files
from runbook.system.swap import Fault, no_fault

_TRIES = 8
_TOGETHER = 50


def sync_pair(
    place: Place, pair: Pair, *, now: datetime, options: Options | None = None, fault: Fault = no_fault
) -> PairReport:
    """Bring one pair in step. Finishes first what a killed sync left half done for it."""
    session = Session(place, now=now, options=options, fault=fault)
    session.mend()
    return _synced(session, pair)


def sync_named(
    place: Place, pairs: Sequence[Pair], among: Sequence[Pair], *, now: datetime, options: Options
) -> tuple[PairReport, ...]:
    """Bring these pairs in step, and no others. `among` are all that there are: one of `pairs` that is new
    may be one that went by another name, and takes its notebook along."""
    session = Session(place, now=now, options=options)
    session.mend()
    renamed = follow_renames(session, among, only=[pair.name for pair in pairs])
    moved = {report.name: report for report in renamed.reports}
    return tuple(
        moved[pair.name]
        if pair.name in moved and not moved[pair.name].is_settled
        else _as_moved(moved.get(pair.name), _synced(session, pair))
        for pair in pairs
    )


def _synced(session: Session, pair: Pair) -> PairReport:
    found = _collisions(session, [pair, *_known_pairs(session)]).get(pair)
    return found or sync_in(session, pair) or _no_runbook(pair)


def sync_all(
    place: Place,
    pairs: Sequence[Pair],
    *,
    now: datetime,
    options: Options | None = None,
    fault: Fault = no_fault,
) -> tuple[PairReport, ...]:
    """Bring all pairs in step, those known from before included; follow renames; finish what was left half
    done. One bad pair never stops the rest. Texts that are no runbooks have no report."""
    session = Session(place, now=now, options=options, fault=fault)
    return tuple(sync_in_session(session, pairs))


def sync_in_session(
    session: Session, pairs: Sequence[Pair], *, without: Collection[str] = ()
) -> list[PairReport]:
    """`sync_all` for a daemon that keeps its session; the pairs named in `without` are left alone."""
    session.mend()
    if not session.options.check:
        for name in sorted(session.state.intents):
            record = session.state.intents[name].record
            _finish(session, Pair(name=name, notebook_name=record.notebook_name))
    renamed = follow_renames(session, pairs)
    moved = {report.name: report for report in renamed.reports}
    without = {*without, *renamed.waiting}
    settled = {name: report for name, report in moved.items() if not report.is_settled}
    named = {pair.name for pair in pairs}
    everyone = [*pairs, *(pair for pair in _known_pairs(session) if pair.name not in named)]
    settled |= {pair.name: report for pair, report in _collisions(session, everyone).items()}
    busy: list[Pair] = []
    for pair in everyone:
        if pair.name in settled or pair.name in without or is_nothing(session, pair):
            continue
        if _is_still(session, pair):
            if session.state.records[pair.name].is_runbook:
                settled[pair.name] = _unchanged(pair)
        else:
            busy.append(pair)
    for start in range(0, len(busy), _TOGETHER):
        for report in _batch(session, busy[start : start + _TOGETHER]):
            settled[report.name] = _as_moved(moved.get(report.name), report)
    if busy and not session.options.check:
        keep_within_daily(session)
    return [settled[pair.name] for pair in everyone if pair.name in settled]


def is_nothing(session: Session, pair: Pair) -> bool:
    """Whether there is nothing under these names, and nothing is remembered: it went by another name."""
    if pair.name in session.state.records or pair.name in session.state.intents:
        return False
    root = session.place.root
    return not may_be_there(root / pair.name) and not may_be_there(root / pair.notebook_name)


def sync_in(session: Session, pair: Pair) -> PairReport | None:
    """One pair in an open session; None for a text that is no runbook."""
    return next(iter(_batch(session, [pair])), None)


def _batch(session: Session, pairs: Sequence[Pair]) -> list[PairReport]:
    """Some pairs together, under the lock: read all, write all, and again those that somebody saved
    meanwhile. What goes wrong with one pair is its report."""
    lock = contextlib.nullcontext() if session.options.check else session.state.locked()
    reports: dict[str, PairReport] = {}
    notes: dict[str, str] = {}
    with lock:
        left = list(pairs)
        for attempt in range(_TRIES):
            left = _attempt(session, left, reports, notes)
            if not left:
                break
            clock.sleep(0.005 * 2**attempt)
        for pair in left:
            _finish(session, pair)
    return [_noted(reports[pair.name], notes.get(pair.name)) for pair in pairs if pair.name in reports]


def _attempt(
    session: Session, pairs: Sequence[Pair], reports: dict[str, PairReport], notes: dict[str, str]
) -> list[Pair]:
    """One round for these pairs; returns those to be tried again, their reports saying why."""
    writes: list[Write] = []
    for pair in pairs:
        reports.pop(pair.name, None)
        try:
            with files.storage_errors(session.place.root / pair.name):
                note = _tidied(session, pair)
                found = sync_once(session, pair)
        except RunbookError as error:
            reports[pair.name] = _blocked(pair, error)
            continue
        if note is not None:
            notes[pair.name] = note
        if found.report is not None:
            reports[pair.name] = found.report
        if found.write is not None:
            writes.append(found.write)
    if session.options.check:
        return []
    wrong = _written(session, pairs, writes)
    for pair in pairs:
        if pair.name in wrong:
            reports[pair.name] = _blocked(pair, wrong[pair.name])
    return [pair for pair in pairs if isinstance(wrong.get(pair.name), ChangedMeanwhile)]


def _written(session: Session, pairs: Sequence[Pair], writes: Sequence[Write]) -> Mapping[str, RunbookError]:
    """Versions, then files, then records. Where that fails (the disk is full) for all of them: what was not
    kept as a version must not be remembered as seen, or it would never be kept."""
    try:
        with files.storage_errors(session.place.root):
            wrong = write_all(session, writes) if writes else {}
            session.flush_versions()
            session.flush_records()
    except RunbookError as error:
        session.forget_records()
        return {pair.name: error for pair in pairs}
    return wrong


def _tidied(session: Session, pair: Pair) -> str | None:
    if session.options.check:
        return None
    if pair.name in session.state.intents:
        return finish(session, pair)
    if pair.name not in session.state.records:
        keep_leftovers(session, pair)
    return None


def _finish(session: Session, pair: Pair) -> None:
    with contextlib.suppress(RunbookError), session.state.locked():
        finish(session, pair)


def _blocked(pair: Pair, error: RunbookError) -> PairReport:
    hint = "wait for the other writer, then sync again" if isinstance(error, ChangedMeanwhile) else error.hint
    return _report(pair, "blocked", str(error), Problem(code=error.code, message=str(error), hint=hint))


def _as_moved(moved: PairReport | None, report: PairReport) -> PairReport:
    """One report for a pair that was renamed and then synced: what was done, and how it came here."""
    if moved is None or (report.action == "unchanged" and not report.notes):
        return moved or report
    return msgspec.structs.replace(report, notes=(*report.notes, moved.message))


def _noted(report: PairReport, note: str | None) -> PairReport:
    if note is None:
        return report
    if report.action == "unchanged":
        return msgspec.structs.replace(report, action="recorded", message=note)
    return msgspec.structs.replace(report, notes=(*report.notes, note))


def _is_still(session: Session, pair: Pair) -> bool:
    """The quick look: both stamps are those of a settled record, old enough to be trusted."""
    record = session.state.records.get(pair.name)
    if record is None or not record.settled or record.text_stamp is None:
        return False
    if record.notebook_name != pair.notebook_name or pair.name in session.state.intents:
        return False
    root = session.place.root
    if look(root / pair.name) != record.text_stamp:
        return False
    return look(root / pair.notebook_name) == record.notebook_stamp and (
        record.notebook_stamp is not None or record.notebook is None
    )


def _known_pairs(session: Session) -> list[Pair]:
    return [_pair_of(record) for _, record in sorted(session.state.records.items())]


def _pair_of(record: Record) -> Pair:
    return Pair(name=record.name, notebook_name=record.notebook_name)


def _collisions(session: Session, pairs: Sequence[Pair]) -> dict[Pair, PairReport]:
    """Pairs that stand in each other's way. A name under which nothing stands any more is in nobody's."""
    found = _colliding(pairs)
    if not found:
        return {}
    root = session.place.root
    return _colliding(
        [pair for pair in pairs if may_be_there(root / pair.name) or may_be_there(root / pair.notebook_name)]
    )


def _colliding(pairs: Sequence[Pair]) -> dict[Pair, PairReport]:
    """Pairs whose names are one name on a file system that folds case or normalises Unicode, and names that
    are not UTF-8: none of them is synced."""
    texts: Counter[str] = Counter()
    notebooks: Counter[str] = Counter()
    for pair in set(pairs):
        texts[_folded(pair.name)] += 1
        notebooks[_folded(pair.notebook_name)] += 1
    found: dict[Pair, PairReport] = {}
    for pair in pairs:
        if not _is_utf8(pair.name) or not _is_utf8(pair.notebook_name):
            words = "its name is not UTF-8"
            found[pair] = _refused(pair, "name.encoding", words, "rename it")
        elif texts[_folded(pair.name)] > 1:
            words = "another text has the same name, but for upper case or the Unicode form"
            found[pair] = _refused(pair, "name.collision", words, "rename one of them")
        elif notebooks[_folded(pair.notebook_name)] > 1:
            words = f"another text has the same notebook, {pair.notebook_name}"
            hint = "rename one of the texts, or put {folder} into `pairs` of runbook.toml"
            found[pair] = _refused(pair, "name.collision", words, hint)
    return found


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def _is_utf8(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def _refused(pair: Pair, code: str, message: str, hint: str) -> PairReport:
    return _report(pair, "refused", message, Problem(code=code, message=message, hint=hint))


def _report(pair: Pair, action: str, message: str, problem: Problem) -> PairReport:
    return PairReport(
        name=pair.name,
        notebook=pair.notebook_name,
        action=action,  # type: ignore[arg-type]  # one of Action, named above
        message=message,
        problems=(problem,),
    )


def _unchanged(pair: Pair) -> PairReport:
    return PairReport(name=pair.name, notebook=pair.notebook_name, action="unchanged", message="in step")


def _no_runbook(pair: Pair) -> PairReport:
    words = "this text is no runbook: it has neither a header nor a `# %%`"
    return _refused(pair, "text.no-runbook", words, "begin its first cell with `# %%`")
