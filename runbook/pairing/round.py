"""One round for one pair: observe, see, decide, flow, write, report. Runs under the state's lock."""

from typing import Any

import msgspec

from runbook.errors import StoreDamaged
from runbook.pairing.conflicts import what_is_disputed
from runbook.pairing.copies import conflict_copy, settle_conflict
from runbook.pairing.flow import Base, Flow, Take, Wishes, first_notebook, flow
from runbook.pairing.notebooks import Notebook
from runbook.pairing.observe import Side, parse_notebook
from runbook.pairing.opinion import other_reading
from runbook.pairing.outputs import foreign_makers
from runbook.pairing.places import Pair
from runbook.pairing.reports import Action, PairReport, Problem
from runbook.pairing.session import Session
from runbook.pairing.stale import newly_stale
from runbook.pairing.state import Record
from runbook.pairing.table import Does, decide
from runbook.pairing.takenback import taken_back
from runbook.pairing.texts import Text, Unreadable, read_text
from runbook.pairing.view import View, is_no_runbook, seen, sides_of, view_of
from runbook.pairing.writing import Write


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What one round comes to: the report (None: the text is no runbook) and what is to be written for it."""

    report: PairReport | None
    write: Write | None = None


def sync_once(session: Session, pair: Pair, *, take: Take | None = None) -> Round:
    """One round, short of writing the two files. Raises StorageError when a side cannot be read."""
    record = session.state.records.get(pair.name)
    sides = sides_of(session, pair)
    if record is not None and take is None and _is_as_known(record, sides):
        _restamp(session, record, sides)
        return Round(report=_report(pair, "unchanged", "in step") if record.is_runbook else None)
    view = view_of(session, pair, record, sides)
    if is_no_runbook(view):
        _remember(session, view, is_runbook=False)
        return Round(report=None)
    _keep_seen(session, view)
    text, notebook, alike = seen(view)
    does = decide(text, notebook, has_base=view.base is not None, alike=alike)
    if take is not None and does in (Does.NOTHING, Does.RECORD, Does.DISPUTE):
        does = Does.MERGE
    return _do(session, view, does, take)


def _is_as_known(record: Record, sides: tuple[Side, Side]) -> bool:
    text, notebook = sides
    same = (record.text, record.notebook) == (text.digest, notebook.digest)
    return same and record.settled and (not record.is_runbook or notebook.is_there)


def _restamp(session: Session, record: Record, sides: tuple[Side, Side]) -> None:
    text, notebook = sides
    fresh = msgspec.structs.replace(record, text_stamp=text.stamp, notebook_stamp=notebook.stamp)
    if fresh != record and not session.options.check:
        session.remember(fresh)


def _keep_seen(session: Session, view: View) -> None:
    """Every version that was read and is new goes to the history, whatever becomes of it."""
    if session.options.check:
        return
    record = view.record
    for side, known, label in (
        (view.text, record and record.text, "text saved"),
        (view.notebook, record and record.notebook, "notebook saved"),
    ):
        if side.data is not None and side.digest != known:
            session.keep_version(view.pair, side.data, label)


def _do(session: Session, view: View, does: Does, take: Take | None) -> Round:
    if does is Does.QUARANTINE:
        return _quarantined(session, view)
    if does in (Does.MERGE, Does.MAKE_NOTEBOOK, Does.DISPUTE) and isinstance(view.read_text, Text):
        other = other_reading(view.read_text)
        if other is not None:
            return _refused(session, view, (other,))
    if view.doubt is not None and not session.options.accept and does not in (Does.NOTHING, Does.FORGET):
        return _tiny(session, view)
    if does is Does.ORPHAN:
        return _orphan(session, view)
    if does is Does.FORGET:
        return _forgotten(session, view)
    if does is Does.RECORD and isinstance(view.read_notebook, Notebook):
        # The cells agree; the section `jupyter:` may still have something to say to the notebook.
        does = Does.MERGE if _metadata(view, view.read_notebook) is not None else does
    if does in (Does.NOTHING, Does.RECORD):
        return _recorded(session, view)
    if does is Does.MAKE_NOTEBOOK:
        return _made_notebook(session, view)
    if does is Does.MAKE_TEXT:
        return _made_text(session, view)
    return _merged(session, view, take)


def _remember(session: Session, view: View, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "name": view.pair.name,
        "notebook_name": view.pair.notebook_name,
        "text": view.text.digest,
        "notebook": view.notebook.digest,
        "base_text": view.record.base_text if view.record else None,
        "base_notebook": view.record.base_notebook if view.record else None,
        "text_stamp": view.text.stamp,
        "notebook_stamp": view.notebook.stamp,
        "conflict": view.record.conflict if view.record else None,
        "foreign": _foreign(view),
        "was_away": _is_still_away(view),
    }
    if not session.options.check:
        session.remember(Record(**{**fields, **changes}))


def _quarantined(session: Session, view: View) -> Round:
    problems = [read.problem for read in (view.read_text, view.read_notebook) if isinstance(read, Unreadable)]
    reads = [read for read in (view.read_text, view.read_notebook) if isinstance(read, Unreadable)]
    refused = all(read.kind == "refused" for read in reads)
    _remember(session, view, settled=False)
    which = view.pair.name if isinstance(view.read_text, Unreadable) else view.pair.notebook_name
    message = f"{which}: {problems[0].message}; both files stay as they are" if problems else "unreadable"
    return _round(view.pair, "refused" if refused else "quarantined", message, problems=tuple(problems))


def _tiny(session: Session, view: View) -> Round:
    _remember(session, view, settled=False)
    name = view.pair.name
    code, hint = (
        "side.tiny",
        f"if that is meant: `runbook sync {name} --accept`; if not: `runbook versions {name}`",
    )
    if view.is_being_written:
        code, hint = (
            "side.writing",
            f"sync when it has finished; if it never does: `runbook sync {name} --accept`",
        )
    problem = Problem(code=code, message=view.doubt or "", hint=hint)
    return _round(view.pair, "quarantined", f"{view.doubt}; both files stay as they are", problems=(problem,))


def _orphan(session: Session, view: View) -> Round:
    name, other = view.pair.name, view.pair.notebook_name
    _remember(session, view, settled=False)
    if view.base is None:
        words, hint = f"{other} has no text", f"make one: `runbook convert {other} {name}`"
    else:
        words = f"{name} is gone, {other} is still there"
        hint = f"remove {other} too, or bring the text back: {_way_back(session, name)}"
    return _round(view.pair, "orphan", words, problems=(Problem(code="side.gone", message=words, hint=hint),))


def _way_back(session: Session, name: str) -> str:
    try:
        kept = [each.number for each in session.store.history(name) if each.label.startswith("text ")]
    except StoreDamaged:
        kept = []
    return f"`runbook restore {name}@{kept[-1]}`" if kept else f"`runbook versions {name}`"


def _forgotten(session: Session, view: View) -> Round:
    """Both sides are gone. A dispute ends so, too."""
    notes = settle_conflict(session, view)
    if not session.options.check:
        session.state.forget(view.pair.name)
    return _round(view.pair, "recorded", "both sides are gone; their versions are kept", notes=notes)


def _recorded(session: Session, view: View) -> Round:
    notes = settle_conflict(session, view)
    changes = {"base_text": view.text.digest, "base_notebook": view.notebook.digest}
    _remember(session, view, **changes, settled=True, conflict=None)
    return _round(view.pair, "recorded", "in step", notes=notes)


def _foreign(view: View) -> dict[str, str]:
    """The makers of outputs that the notebook itself does not tell."""
    if view.recalled is not None:
        return dict(view.recalled)
    if view.record is None:
        return {}
    known = view.record.foreign
    if not isinstance(view.read_notebook, Notebook):
        return known
    return foreign_makers(view.read_notebook, view.last, known)


def _is_still_away(view: View) -> bool:
    """Whether the notebook that was seen last is not there, nor another one than we made in its place."""
    record, now = view.record, view.notebook.digest
    return now is None or (record is not None and record.was_away and now == record.notebook)


def _metadata(view: View, current: Notebook | None) -> dict[str, Any] | Problem | None:
    """The notebook's new metadata where the text's `jupyter:` section changed; None where it did not."""
    text = view.read_text
    if not isinstance(text, Text):
        return None
    before = view.base.text.header.jupyter if view.base else None
    if current is not None and before == text.header.jupyter:
        return None
    from runbook.pairing.metadata import first, metadata_of, updated

    now = metadata_of(text.header.jupyter, line=text.header.first + 1)
    if isinstance(now, Problem):
        return now
    if current is None:
        return first(now)
    if before is None:
        return None
    old = metadata_of(before, line=1)
    fresh = updated(current.metadata, {} if isinstance(old, Problem) else old, now)
    return None if fresh == current.metadata else fresh


def _made_notebook(session: Session, view: View) -> Round:
    """From its last version, so that the outputs of what did not change come back; else without any."""
    pair, text = view.pair, view.read_text
    if not isinstance(text, Text):
        return _quarantined(session, view)
    data: bytes | None = None
    foreign = view.record.foreign if view.record else {}
    kept = 0
    last = parse_notebook(view.before[1]) if view.before[1] else None
    if isinstance(last, Notebook):
        found = flow(_agreed(view.base, last), text, last, Wishes(take="text", foreign=foreign))
        if not found.problems and found.text is None:
            foreign = foreign if found.notebook is None else {}
            data = found.notebook or view.before[1]
            kept = sum(1 for cell in last.cells if cell.plain.get("outputs")) - found.dropped
    if data is None:
        metadata = _metadata(view, None)
        if isinstance(metadata, Problem):
            return _refused(session, view, (metadata,))
        data = first_notebook(text, metadata or {})
    record = Record(name=pair.name, notebook_name=pair.notebook_name, foreign=foreign, was_away=True)
    return _round(
        pair,
        "made-notebook",
        "made the notebook",
        Write(pair=pair, sides=(view.text, view.notebook), notebook=data, record=record),
        notes=settle_conflict(session, view),
        wrote_notebook=True,
        cells=len(text.cells),
        outputs_kept=kept,
    )


def _agreed(base: Base | None, last: Notebook) -> Base | None:
    return None if base is None else Base(text=base.text, notebook=last)


def _made_text(session: Session, view: View) -> Round:
    """An edit in the notebook beats the deletion of the text: it comes back with the edit in it."""
    pair, notebook = view.pair, view.read_notebook
    if view.base is None or not isinstance(notebook, Notebook):
        return _orphan(session, view)
    found = flow(view.base, view.base.text, notebook, Wishes())
    if found.problems:
        return _refused(session, view, found.problems)
    base_data = session.store.get(view.record.base_text) if view.record and view.record.base_text else b""
    data = found.text or base_data
    record = Record(name=pair.name, notebook_name=pair.notebook_name, foreign=_foreign(view))
    write = Write(pair=pair, sides=(view.text, view.notebook), text=data, record=record)
    words = "made the text again: it was deleted while the notebook was edited"
    notes = settle_conflict(session, view)
    return _round(pair, "made-text", words, write, wrote_text=True, cells=found.cells, notes=notes)


def _refused(session: Session, view: View, problems: tuple[Problem, ...]) -> Round:
    _remember(session, view, settled=False)
    first = problems[0]
    where = f"cell {first.cell}: " if first.cell else ""
    return _round(
        view.pair, "refused", f"{where}{first.message}; both files stay as they are", problems=problems
    )


def _merged(session: Session, view: View, take: Take | None) -> Round:
    text, notebook, pair = view.read_text, view.read_notebook, view.pair
    if not isinstance(text, Text) or not isinstance(notebook, Notebook):
        return _quarantined(session, view)
    metadata = _metadata(view, notebook)
    if isinstance(metadata, Problem):
        return _refused(session, view, (metadata,))
    outputs = session.options.outputs
    wishes = Wishes(take=take, outputs=outputs, foreign=_foreign(view), metadata=metadata)
    found = flow(view.base, text, notebook, wishes)
    if found.problems:
        return _refused(session, view, found.problems)
    conflict = conflict_copy(session, view, found) if found.is_disputed else None
    notes = () if found.is_disputed else settle_conflict(session, view)
    write = _write_merged(session, view, found, conflict)
    after = read_text(found.text) if found.text is not None else text
    before = view.base.text if view.base else text
    stale = newly_stale(before, after) if isinstance(after, Text) else ()
    back = None
    if found.text is not None and isinstance(after, Text) and not found.is_disputed:
        back = taken_back(session, pair.name, text, digest=view.text.digest, after=after)
    action, words = _action(found)
    problems: tuple[Problem, ...] = ()
    if found.is_disputed:
        hint = f"`runbook resolve {pair.name} --take text|notebook|both`"
        problems = (Problem(code="pair.conflict", message=words, hint=hint),)
    return _round(
        pair,
        action,
        words,
        write,
        problems=problems,
        notes=notes,
        cells=found.cells,
        outputs_kept=found.kept,
        outputs_dropped=found.dropped,
        stale=stale,
        taken_back=back,
        conflict=conflict,
        wrote_text=found.text is not None,
        wrote_notebook=found.notebook is not None,
    )


def _action(found: Flow) -> tuple[Action, str]:
    if found.is_disputed:
        what = what_is_disputed(found)
        return "conflict", f"both sides changed {what}; each side keeps its own until you resolve it"
    if found.text is not None and found.notebook is not None:
        return "merged", "both sides had changed; both changes are now on both"
    if found.text is not None:
        return "to-text", "the notebook's edit is in the text"
    if found.notebook is not None:
        return "to-notebook", "the text's edit is in the notebook"
    return "recorded", "in step"


def _write_merged(session: Session, view: View, found: Flow, conflict: str | None) -> Write | None:
    pair = view.pair
    foreign = _foreign(view) if found.notebook is None else {}  # a notebook that is written tells them itself
    record = Record(
        name=pair.name,
        notebook_name=pair.notebook_name,
        settled=not found.is_disputed,
        conflict=conflict,
        foreign=foreign,
    )
    if found.is_disputed:
        record = _disputed_record(session, view, found, record)
    if found.text is None and found.notebook is None:
        bases = {
            "base_text": record.base_text or (None if found.is_disputed else view.text.digest),
            "base_notebook": record.base_notebook or (None if found.is_disputed else view.notebook.digest),
        }
        _remember(session, view, **bases, settled=record.settled, conflict=conflict)
        return None
    sides = (view.text, view.notebook)
    return Write(pair=pair, sides=sides, text=found.text, notebook=found.notebook, record=record)


def _disputed_record(session: Session, view: View, found: Flow, record: Record) -> Record:
    """The base of a dispute: what is agreed on moves on, what is disputed keeps its old base."""
    old = view.record
    base_text = old.base_text if old else None
    if found.base_text is not None and not session.options.check:
        base_text = session.store.put(found.base_text)
    return msgspec.structs.replace(
        record, base_text=base_text, base_notebook=old.base_notebook if old else None
    )


def _round(pair: Pair, action: Action, message: str, write: Write | None = None, **fields: Any) -> Round:
    return Round(report=_report(pair, action, message, **fields), write=write)


def _report(pair: Pair, action: Action, message: str, **fields: Any) -> PairReport:
    return PairReport(name=pair.name, notebook=pair.notebook_name, action=action, message=message, **fields)
