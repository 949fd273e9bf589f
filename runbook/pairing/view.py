"""What is seen of one pair in one round: both sides read and parsed, the base, and any doubt about them."""

from collections.abc import Mapping

import msgspec

from runbook.pairing.flow import Base, is_alike
from runbook.pairing.notebooks import Notebook
from runbook.pairing.observe import (
    NOTEBOOK_LIMIT_BYTES,
    TEXT_LIMIT_BYTES,
    Side,
    could_be_unfinished,
    observe,
    parse_notebook,
    suspicion,
)
from runbook.pairing.places import Pair
from runbook.pairing.recalled import recalled
from runbook.pairing.session import Session
from runbook.pairing.state import Record
from runbook.pairing.table import Seen
from runbook.pairing.texts import Text, Unreadable, read_text
from runbook.system import clock

_POLL_SECONDS = 0.05


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was observed about one pair in one round."""

    pair: Pair
    record: Record | None
    text: Side
    notebook: Side
    read_text: Text | Unreadable | None
    read_notebook: Notebook | Unreadable | None
    base: Base | None
    before: tuple[bytes | None, bytes | None]
    last: Notebook | None = None  # the notebook that was seen last, in step or not
    doubt: str | None = None
    is_being_written: bool = False  # the doubt is that another program still writes
    recalled: Mapping[str, str] | None = None  # who made outputs, where versions were asked and tell


def sides_of(session: Session, pair: Pair) -> tuple[Side, Side]:
    place = session.place
    return (
        observe(place, pair.name, limit_bytes=TEXT_LIMIT_BYTES),
        observe(place, pair.notebook_name, limit_bytes=NOTEBOOK_LIMIT_BYTES),
    )


def view_of(session: Session, pair: Pair, record: Record | None, sides: tuple[Side, Side]) -> View:
    """Read both sides, waiting a little for one that somebody may still be writing."""
    before = _before(session, record, sides)
    waited = 0.0
    while True:
        text, notebook = sides
        view = View(
            pair=pair,
            record=record,
            text=text,
            notebook=notebook,
            read_text=None if text.data is None else read_text(text.data),
            read_notebook=None if notebook.data is None else parse_notebook(notebook.data),
            base=None,
            before=before,
        )
        base = _base(view)
        view = msgspec.structs.replace(view, base=base, last=_last(session, view, base))
        doubt, unfinished = _doubt(view)
        writing = _being_written(view)
        view = msgspec.structs.replace(view, doubt=writing or doubt, is_being_written=writing is not None)
        young = any(side.age_seconds < session.options.patience_seconds for side in unfinished)
        if not (young or writing) or waited >= session.options.patience_seconds:
            return _with_recalled(session, view)
        clock.sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS
        sides = sides_of(session, pair)


def _with_recalled(session: Session, view: View) -> View:
    """With what the versions tell of outputs, where the record cannot: there is none, or the notebook was
    away (we may have made another one), and may be the one that stands there now."""
    record = view.record
    if record is not None and not (record.was_away and view.notebook.digest != record.notebook):
        return view
    if not isinstance(view.read_notebook, Notebook):
        return view
    found = recalled(session, view.pair.name, view.read_notebook)
    return msgspec.structs.replace(view, recalled=found)


def _doubt(view: View) -> tuple[str | None, list[Side]]:
    """Why a side is not believed, and the sides that somebody may still be writing."""
    doubt: str | None = None
    unfinished: list[Side] = []
    base = view.base.text if view.base else None
    for side, read, before in (
        (view.text, view.read_text, view.before[0]),
        (view.notebook, view.read_notebook, view.before[1]),
    ):
        if side.data is None or read is None:
            continue
        found = suspicion(side.data, read, base, before)
        if found is not None or could_be_unfinished(side.data, before):
            unfinished.append(side)
        name = view.pair.name if side is view.text else view.pair.notebook_name
        doubt = doubt or (f"{name}: {found}" if found else None)
    return doubt, unfinished


def _being_written(view: View) -> str | None:
    """The side that is not as it was in step, and that another program has open for writing, in words. Half a
    text reads like a whole one in which cells were deleted, and their outputs would go."""
    known = (view.record.base_text, view.record.base_notebook) if view.record else (None, None)
    names = (view.pair.name, view.pair.notebook_name)
    for side, name, digest in zip((view.text, view.notebook), names, known, strict=True):
        if side.is_being_written and side.digest != digest:
            return f"{name}: another program is still writing it"
    return None


def _stored(session: Session, name: str | None, sides: tuple[Side, ...]) -> bytes | None:
    for side in sides:
        if name is not None and side.digest == name:
            return side.data
    return None if name is None else session.stored(name)


def _before(
    session: Session, record: Record | None, sides: tuple[Side, Side]
) -> tuple[bytes | None, bytes | None]:
    """The bytes of both sides when they were last in step: what a half-written file is told by."""
    if record is None:
        return (None, None)
    return (_stored(session, record.base_text, sides), _stored(session, record.base_notebook, sides))


def _base(view: View) -> Base | None:
    """Both sides when last in step; None when nobody knows (any more)."""
    record, (text_data, notebook_data) = view.record, view.before
    if record is None or text_data is None:
        return None
    text = view.read_text if view.text.digest == record.base_text else read_text(text_data)
    if not isinstance(text, Text):
        return None
    if notebook_data is None:
        return Base(text=text, notebook=None)
    same = view.notebook.digest == record.base_notebook
    notebook = view.read_notebook if same else parse_notebook(notebook_data)
    return Base(text=text, notebook=notebook if isinstance(notebook, Notebook) else None)


def _last(session: Session, view: View, base: Base | None) -> Notebook | None:
    """The notebook as it was seen last: what its outputs are compared with, since a person goes on running
    and editing cells also while the pair is not in step. The base's where that one is gone, or unreadable."""
    record = view.record
    if record is not None and record.notebook != record.base_notebook:
        if record.notebook == view.notebook.digest:
            found = view.read_notebook
        else:
            data = _stored(session, record.notebook, ())
            found = None if data is None else parse_notebook(data)
        if isinstance(found, Notebook):
            return found
    return base.notebook if base else None


def is_no_runbook(view: View) -> bool:
    if view.notebook.is_there or not isinstance(view.read_text, Text):
        return False
    if view.record is not None and view.record.is_runbook:
        return False
    text = view.read_text
    return text.header.first < 0 and not any(cell.body > cell.start for cell in text.cells)


def seen(view: View) -> tuple[Seen, Seen, bool]:
    """Both sides in the words of the table, and whether they say the same."""
    text, notebook = view.read_text, view.read_notebook
    record = view.record
    alike = isinstance(text, Text) and isinstance(notebook, Notebook) and is_alike(text, notebook)
    text_seen = Seen.MISSING
    if text is not None:
        text_seen = Seen.UNREADABLE if isinstance(text, Unreadable) else Seen.CHANGED
        if isinstance(text, Text) and record is not None and view.text.digest == record.base_text:
            text_seen = Seen.SAME
    notebook_seen = Seen.MISSING
    if notebook is not None:
        notebook_seen = Seen.UNREADABLE if isinstance(notebook, Unreadable) else Seen.CHANGED
        if (
            isinstance(notebook, Notebook)
            and record is not None
            and view.notebook.digest == record.base_notebook
        ):
            notebook_seen = Seen.SAME
        elif isinstance(notebook, Notebook) and view.base and is_alike(view.base.text, notebook):
            notebook_seen = Seen.OUTPUTS
    return text_seen, notebook_seen, alike
