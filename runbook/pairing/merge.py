"""The three-way merge: by cell (identity, then content; moves recognised), then by line in a cell. Pure.

Near-linear in the number of cells. A clean merge holds every change of both sides; what cannot be merged is
disputed: that cell stays as it is on each side, its base stays the old one, and all else goes on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from runbook.pairing.align import Side, align
from runbook.pairing.cells import FLOWING, Cell, Meta
from runbook.pairing.lines import merge_text


class NotebookSide(msgspec.Struct, frozen=True, kw_only=True):
    """The notebook's cells: `cells` with the flowing metadata only, `metas` with all of it, and ids."""

    cells: tuple[Cell, ...]
    metas: tuple[Mapping[str, str], ...]
    ids: tuple[str | None, ...]


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the result. `text` and `notebook` are what each side shall hold (None: not there), `base`
    what both are next compared with; the indexes say which cell of either side it was."""

    text: Cell | None
    notebook: Cell | None
    base: Cell | None
    text_index: int | None
    notebook_index: int | None
    disputed: bool = False


class MovedApart(msgspec.Struct, frozen=True):
    """Both sides moved cells, to different places: nobody can say which order is meant."""


def seen_meta(metas: Mapping[str, str], known: Meta) -> Meta:
    """The notebook's metadata as far as it flows: the words of the text, and those that its cell carries."""
    keys = {key for key, _ in known}
    return tuple(sorted((key, value) for key, value in metas.items() if key in FLOWING or key in keys))


def merge(
    base: Side | None, text: tuple[Cell, ...], notebook: NotebookSide
) -> tuple[Merged, ...] | MovedApart:
    """Merge the cells of both sides. Without a base only equal cells agree, all others are disputed."""
    if base is None:
        return _without_base(text, notebook)
    to_text = align(base, Side(cells=text))
    to_notebook = align(base, Side(cells=notebook.cells, ids=notebook.ids))
    slots = _slots(base.cells, text, notebook, to_text, to_notebook)
    text_order = _order(len(text), to_text, slots, is_text=True)
    notebook_order = _order(len(notebook.cells), to_notebook, slots, is_text=False)
    order = _merged_order(text_order, notebook_order, len(base.cells))
    return MovedApart() if order is None else tuple(slots[key] for key in order if key in slots)


Key = tuple[str, int]
"""A slot: ("base", i), or a cell that is new on one side: ("text", i) or ("notebook", j)."""


def _slots(
    base: Sequence[Cell],
    text: Sequence[Cell],
    notebook: NotebookSide,
    to_text: Sequence[int | None],
    to_notebook: Sequence[int | None],
) -> dict[Key, Merged]:
    slots: dict[Key, Merged] = {}
    for i, cell in enumerate(base):
        slot = _slot(cell, text, notebook, to_text[i], to_notebook[i])
        if slot is not None:
            slots["base", i] = slot
    for i in sorted(set(range(len(text))) - {j for j in to_text if j is not None}):
        slots["text", i] = Merged(
            text=text[i], notebook=text[i], base=text[i], text_index=i, notebook_index=None
        )
    for j in sorted(set(range(len(notebook.cells))) - {j for j in to_notebook if j is not None}):
        cell = notebook.cells[j]
        slots["notebook", j] = Merged(text=cell, notebook=cell, base=cell, text_index=None, notebook_index=j)
    _unify(slots, text, notebook, to_text, to_notebook)
    return slots


def _slot(
    base: Cell, text: Sequence[Cell], notebook: NotebookSide, i: int | None, j: int | None
) -> Merged | None:
    """What became of one cell of the base; None when it is gone for good."""
    mine = None if i is None else text[i]
    theirs = None if j is None else _seen(notebook, j, base.meta)
    if mine is None or theirs is None:
        left = mine or theirs
        if left is None or left == base:
            return None
        return Merged(text=mine, notebook=theirs, base=base, text_index=i, notebook_index=j, disputed=True)
    merged = merge_cell(base, mine, theirs)
    if merged is None:
        return Merged(text=mine, notebook=theirs, base=base, text_index=i, notebook_index=j, disputed=True)
    return Merged(text=merged, notebook=merged, base=merged, text_index=i, notebook_index=j)


def _seen(notebook: NotebookSide, j: int, known: Meta) -> Cell:
    cell = notebook.cells[j]
    meta = seen_meta(notebook.metas[j], known)
    return cell if meta == cell.meta else msgspec.structs.replace(cell, meta=meta)


def merge_cell(base: Cell, mine: Cell, theirs: Cell) -> Cell | None:
    """One cell with both sides' changes; None when they dispute it."""
    if theirs in (base, mine):
        return mine
    if mine == base:
        return theirs
    if base.kind != mine.kind != theirs.kind != base.kind:
        return None
    kind = mine.kind if mine.kind != base.kind else theirs.kind
    source = merge_text(base.source, mine.source, theirs.source)
    meta = merge_meta(dict(base.meta), dict(mine.meta), dict(theirs.meta))
    if source is None or meta is None:
        return None
    return Cell(kind=kind, meta=meta, source=source)


def merge_meta(base: Mapping[str, str], mine: Mapping[str, str], theirs: Mapping[str, str]) -> Meta | None:
    """Title and options, key by key; None when one key was changed to two different values."""
    merged: list[tuple[str, str]] = []
    for key in sorted({*base, *mine, *theirs}):
        old, left, right = base.get(key), mine.get(key), theirs.get(key)
        if left != right and old not in (left, right):
            return None
        value = right if left == old else left
        if value is not None:
            merged.append((key, value))
    return tuple(merged)


def _unify(
    slots: dict[Key, Merged],
    text: Sequence[Cell],
    notebook: NotebookSide,
    to_text: Sequence[int | None],
    to_notebook: Sequence[int | None],
) -> None:
    """The same new cell at the same place on both sides is one cell: it keeps the text's slot."""
    gaps_text = _gaps(len(text), to_text)
    gaps_notebook = _gaps(len(notebook.cells), to_notebook)
    for anchor, mine in gaps_text.items():
        places: dict[tuple[str, str], list[int]] = defaultdict(list)
        for j in reversed(gaps_notebook.get(anchor, [])):
            places[notebook.cells[j].kind, notebook.cells[j].source].append(j)
        last = -1
        for i in mine:
            queue = places.get((text[i].kind, text[i].source), [])
            while queue and queue[-1] <= last:
                queue.pop()
            if not queue:
                continue
            j = queue[-1]
            meta = merge_meta({}, dict(text[i].meta), dict(seen_meta(notebook.metas[j], text[i].meta)))
            if meta is None:
                continue
            last = queue.pop()
            cell = msgspec.structs.replace(text[i], meta=meta)
            one = Merged(text=cell, notebook=cell, base=cell, text_index=i, notebook_index=j)
            slots["text", i] = one
            slots["notebook", j] = one


def _gaps(count: int, to_side: Sequence[int | None]) -> dict[int, list[int]]:
    """New cells of a side by the base cell before them (-1: none)."""
    origin = {j: i for i, j in enumerate(to_side) if j is not None}
    gaps: dict[int, list[int]] = defaultdict(list)
    anchor = -1
    for j in range(count):
        if j in origin:
            anchor = origin[j]
        else:
            gaps[anchor].append(j)
    return gaps


def _order(
    count: int, to_side: Sequence[int | None], slots: Mapping[Key, Merged], *, is_text: bool
) -> list[Key]:
    """The slots of one side in its own order, cells that are gone left out."""
    origin = {j: i for i, j in enumerate(to_side) if j is not None}
    order: list[Key] = []
    for j in range(count):
        if j in origin:
            if ("base", origin[j]) in slots:
                order.append(("base", origin[j]))
            continue
        slot = slots["text" if is_text else "notebook", j]
        both = slot.text_index is not None and slot.notebook_index is not None
        order.append(("text", slot.text_index) if both and slot.text_index is not None else _own(j, is_text))
    return order


def _own(index: int, is_text: bool) -> Key:
    return ("text" if is_text else "notebook", index)


def _merged_order(text: list[Key], notebook: list[Key], count: int) -> list[Key] | None:
    """One order for both: the order of the side that moved cells, the other's new cells behind the cell
    that they follow there. None when both moved cells, apart."""
    shared = set(text) & set(notebook)
    mine = [key for key in text if key in shared]
    theirs = [key for key in notebook if key in shared]
    still = sorted((key for key in shared if key[0] == "base"), key=lambda key: key[1])
    if mine == theirs or [key for key in theirs if key[0] == "base"] == still:
        return _placed(text, notebook, after_own=True)
    if [key for key in mine if key[0] == "base"] == still:
        return _placed(notebook, text, after_own=False)
    return None


def _placed(skeleton: list[Key], other: list[Key], *, after_own: bool) -> list[Key]:
    """`skeleton` with the cells that only `other` has. Where both have new cells the text's come first."""
    here = set(skeleton)
    known = here & set(other)
    behind: dict[Key | None, list[Key]] = defaultdict(list)
    anchor: Key | None = None
    for key in other:
        if key in here:
            anchor = key
        else:
            behind[anchor].append(key)
    order: list[Key] = []
    waiting: list[Key] = list(behind.get(None, ()))
    for key in skeleton:
        if waiting and (not after_own or key in known):
            order.extend(waiting)
            waiting = []
        order.append(key)
        waiting.extend(behind.get(key, ()))
    return [*order, *waiting]


def _without_base(text: tuple[Cell, ...], notebook: NotebookSide) -> tuple[Merged, ...]:
    """Two sides that nobody saw in step: equal cells agree, the rest is disputed, in both orders."""
    found = align(Side(cells=text), Side(cells=notebook.cells))
    merged: list[Merged] = []
    origin = {j: i for i, j in enumerate(found) if j is not None}
    waiting = iter(range(len(notebook.cells)))
    placed: set[int] = set()

    def alone(j: int) -> None:
        merged.append(
            Merged(
                text=None,
                notebook=notebook.cells[j],
                base=None,
                text_index=None,
                notebook_index=j,
                disputed=True,
            )
        )

    for i, cell in enumerate(text):
        j = found[i]
        if j is None:
            merged.append(
                Merged(text=cell, notebook=None, base=None, text_index=i, notebook_index=None, disputed=True)
            )
            continue
        if j not in placed:
            for k in waiting:
                placed.add(k)
                if k == j:
                    break
                if k not in origin:
                    alone(k)
        theirs = _seen(notebook, j, cell.meta)
        merged.append(
            Merged(
                text=cell, notebook=theirs, base=None, text_index=i, notebook_index=j, disputed=cell != theirs
            )
        )
    for k in waiting:
        if k not in origin:
            alone(k)
    return tuple(merged)
