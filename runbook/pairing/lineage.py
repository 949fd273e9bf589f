"""Which new text is which one that went: by its bytes, by its notebook, by its cells. Reads, writes nothing.

Never a guess: what two texts that went, or two new ones, have in common says nothing about either, and a
text is followed only when everything that does say something names the same one.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

from runbook.canonical import digest
from runbook.errors import DamagedError, InputError, NotFoundError
from runbook.pairing.notebooks import Notebook
from runbook.pairing.observe import NOTEBOOK_LIMIT_BYTES, TEXT_LIMIT_BYTES, may_be_there, parse_notebook
from runbook.pairing.places import Pair
from runbook.pairing.session import Session
from runbook.pairing.state import Record
from runbook.pairing.texts import Text, read_text
from runbook.system import files

_Marks = Mapping[str, Counter[Hashable]]
"""By name, what a text can be told by, and how often it has it."""


def renamed(session: Session, gone: Sequence[Record], fresh: Sequence[Pair]) -> list[tuple[Record, Pair]]:
    """The texts in `gone` that stand under a name of `fresh` now, edited or not.

    1. The same bytes.
    2. The notebook went along: it left the old place, and stands at the new one with the same bytes, or with
       more than half of its cells by their ids.
    3. The same front matter, and more than half of its cells as they were.

    Raises StorageError where a disk does not answer, naming what: then nobody knows.
    """
    left, targets = {record.name: record for record in gone}, {pair.name: pair for pair in fresh}
    found: list[tuple[Record, Pair]] = []
    for marks in (_bytes_of, _notebooks_of, _cells_of):
        before, now = marks(session, left.values(), targets.values())
        for old, new in _agreed(before, now):
            found.append((left.pop(old), targets.pop(new)))
        if not left or not targets:
            break
    return found


def last_text(record: Record) -> str | None:
    """What the text said when it was last there: one that was told to be gone may come back elsewhere."""
    return record.text or record.base_text


def _agreed(before: _Marks, now: _Marks) -> list[tuple[str, str]]:
    """The names whose telling marks all lead to each other, more than half of the old one's marks being
    there. A mark tells when one old and one new name has it. Linear in the number of marks."""
    olds, news = _holders(before), _holders(now)
    leads: dict[str, set[str]] = defaultdict(set)
    back: dict[str, set[str]] = defaultdict(set)
    for mark, names in olds.items():
        others = news.get(mark, [])
        if len(names) == len(others) == 1:
            leads[names[0]].add(others[0])
            back[others[0]].add(names[0])
    found = []
    for old, targets in leads.items():
        new = next(iter(targets))
        if len(targets) == len(back[new]) == 1 and (before[old] & now[new]).total() * 2 > before[old].total():
            found.append((old, new))
    return found


def _holders(marks: _Marks) -> dict[Hashable, list[str]]:
    found: dict[Hashable, list[str]] = defaultdict(list)
    for name, own in marks.items():
        for mark in own:
            found[mark].append(name)
    return found


def _bytes_of(session: Session, gone: Iterable[Record], fresh: Iterable[Pair]) -> tuple[_Marks, _Marks]:
    before = {record.name: Counter[Hashable]([last_text(record)]) for record in gone}
    texts = ((pair.name, _read(session, pair.name, TEXT_LIMIT_BYTES)) for pair in fresh)
    return before, {name: Counter[Hashable]([digest(data)]) for name, data in texts if data is not None}


def _notebooks_of(session: Session, gone: Iterable[Record], fresh: Iterable[Pair]) -> tuple[_Marks, _Marks]:
    now: dict[str, Counter[Hashable]] = {}
    for pair in fresh:
        data = _read(session, pair.notebook_name, NOTEBOOK_LIMIT_BYTES)
        if data is not None:
            now[pair.name] = _notebook_marks(data)
    before: dict[str, Counter[Hashable]] = {}
    for record in gone if now else ():
        if not may_be_there(session.place.root / record.notebook_name):
            data = _kept(session, record.notebook)
            before[record.name] = _notebook_marks(data) if data is not None else Counter()
    return before, now


def _notebook_marks(data: bytes) -> Counter[Hashable]:
    """The ids of the cells; the bytes where it has none."""
    notebook = parse_notebook(data)
    ids = [cell.id for cell in notebook.cells if cell.id] if isinstance(notebook, Notebook) else []
    return Counter(ids or [digest(data)])


def _cells_of(session: Session, gone: Iterable[Record], fresh: Iterable[Pair]) -> tuple[_Marks, _Marks]:
    before = {record.name: _text_marks(_kept(session, last_text(record))) for record in gone}
    return before, {pair.name: _text_marks(_read(session, pair.name, TEXT_LIMIT_BYTES)) for pair in fresh}


def _text_marks(data: bytes | None) -> Counter[Hashable]:
    """Every cell that says something, together with the front matter: another title is another runbook."""
    text = None if data is None else read_text(data)
    if not isinstance(text, Text):
        return Counter()
    head = _front_matter(text.header.root)
    return Counter((head, own.cell.kind, own.cell.source) for own in text.cells if own.cell.source.strip())


def _front_matter(lines: Sequence[str]) -> tuple[str, ...]:
    """The header without its approvals: those come and go."""
    kept: list[str] = []
    inside = False
    for line in lines:
        if line[:1] not in ("", " ", "-"):
            inside = line.startswith("approvals:")
        if not inside:
            kept.append(line)
    return tuple(kept)


def _kept(session: Session, name: str | None) -> bytes | None:
    try:
        return None if name is None else session.store.get(name)
    except (NotFoundError, DamagedError):
        return None


def _read(session: Session, name: str, limit_bytes: int) -> bytes | None:
    try:
        return files.read(session.place.root / name, limit_bytes=limit_bytes)
    except InputError:  # not there, too large, no file
        return None
