"""What both sides become: from base, text and notebook to the bytes to write. Pure.

Every result is read back and compared with what was meant before anybody writes it: a cell that would come
back changed refuses the whole pair, by name, and both files stay as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from runbook.pairing.align import Side, align
from runbook.pairing.cells import Cell, shown
from runbook.pairing.fidelity import problem
from runbook.pairing.headers import Lines, merge_root, root_of, without_approvals
from runbook.pairing.merge import Merged, MovedApart, NotebookSide, merge, seen_meta
from runbook.pairing.notebooks import Notebook, read_notebook, source_of, write_notebook
from runbook.pairing.outputs import Outputs, Sources, new_cell, write_cells
from runbook.pairing.patch import fresh_text, patched
from runbook.pairing.reports import Problem
from runbook.pairing.splice import spliced
from runbook.pairing.texts import Text, Unreadable, read_text

Take = Literal["text", "notebook", "both"]


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides when they were last in step. `notebook` is None where its bytes are gone."""

    text: Text
    notebook: Notebook | None


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """How to flow: whose disputed cells to take (None: nobody's), what becomes of outputs, remembered makers,
    and the notebook's new metadata (None: it stays)."""

    take: Take | None = None
    outputs: Outputs = "drop"
    foreign: Mapping[str, str] = {}
    metadata: Mapping[str, object] | None = None


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What to write (None: that side stays), the text of the next base (None: the new text is it), and what
    is disputed. With `problems` nothing is to be written."""

    text: bytes | None = None
    notebook: bytes | None = None
    base_text: bytes | None = None
    disputed: tuple[Merged, ...] = ()
    header_disputed: tuple[Lines, Lines, Lines] | None = None
    moved_apart: bool = False
    problems: tuple[Problem, ...] = ()
    cells: int = 0
    kept: int = 0
    dropped: int = 0

    @property
    def is_disputed(self) -> bool:
        return bool(self.disputed) or self.header_disputed is not None or self.moved_apart


def side_of(notebook: Notebook) -> NotebookSide:
    """The notebook's cells as the merge sees them."""
    return NotebookSide(
        cells=tuple(cell.cell for cell in notebook.cells),
        metas=tuple(cell.metas for cell in notebook.cells),
        ids=tuple(cell.id for cell in notebook.cells),
    )


def notebook_root(notebook: Notebook) -> Lines:
    """The front matter in the notebook's first raw cell."""
    return () if notebook.header is None else root_of(source_of(notebook.header.plain))


def is_alike(text: Text, notebook: Notebook) -> bool:
    """Whether both sides say the same."""
    if len(text.cells) != len(notebook.cells) or text.header.root != notebook_root(notebook):
        return False
    return all(
        mine.cell == _seen(cell.cell, cell.metas, mine.cell)
        for mine, cell in zip(text.cells, notebook.cells, strict=True)
    )


def _seen(cell: Cell, metas: Mapping[str, str], known: Cell) -> Cell:
    meta = seen_meta(metas, known.meta)
    return cell if meta == cell.meta else msgspec.structs.replace(cell, meta=meta)


def flow(base: Base | None, text: Text, notebook: Notebook, wishes: Wishes) -> Flow:
    """Merge both sides and say what to write where."""
    merged = merge(_base_side(base), tuple(cell.cell for cell in text.cells), side_of(notebook))
    moved_apart = isinstance(merged, MovedApart)
    if isinstance(merged, MovedApart):
        again = merge(None, tuple(cell.cell for cell in text.cells), side_of(notebook))
        merged = () if isinstance(again, MovedApart) else again
        if wishes.take is None:
            return Flow(moved_apart=True, disputed=tuple(slot for slot in merged if slot.disputed))
        merged = _ordered(merged, wishes.take)
    disputed = tuple(slot for slot in merged if slot.disputed)
    roots = (base.text.header.root if base else (), text.header.root, notebook_root(notebook))
    root = _root(base, roots, text, notebook)
    header_disputed = roots if root is None else None
    if base is None and wishes.take is None and (disputed or root is None):
        return Flow(disputed=disputed, header_disputed=header_disputed)
    if wishes.take is not None:
        merged = _taken(merged, wishes.take)
        if root is None:
            root = roots[2] if wishes.take == "notebook" else roots[1]
        disputed, header_disputed, moved_apart = (), None, False
    text_root = roots[1] if root is None else root
    shall = _Shall(merged=merged, text_root=text_root, notebook_root=roots[2] if root is None else root)
    result = _written(base, text, notebook, wishes, shall)
    if result.problems:
        return result
    fields: dict[str, object] = {"disputed": disputed, "header_disputed": header_disputed}
    if disputed or header_disputed:
        fields["base_text"] = _base_text(base, text, merged, roots[0] if root is None else root)
    return msgspec.structs.replace(result, moved_apart=moved_apart, **fields)


class _Shall(msgspec.Struct, frozen=True, kw_only=True):
    merged: tuple[Merged, ...]
    text_root: Lines
    notebook_root: Lines


def _base_side(base: Base | None) -> Side | None:
    if base is None:
        return None
    cells = tuple(cell.cell for cell in base.text.cells)
    if base.notebook is None:
        return Side(cells=cells)
    known = base.notebook.cells
    found = align(Side(cells=cells), Side(cells=tuple(cell.cell for cell in known)))
    return Side(cells=cells, ids=tuple(None if j is None else known[j].id for j in found))


def _root(
    base: Base | None, roots: tuple[Lines, Lines, Lines], text: Text, notebook: Notebook
) -> Lines | None:
    old, mine, theirs = roots
    if mine == theirs:
        return mine
    if base is None:
        return None
    bodies_alike = without_approvals(mine) == without_approvals(theirs) and is_alike(
        msgspec.structs.replace(text, header=msgspec.structs.replace(text.header, root=())),
        msgspec.structs.replace(notebook, header=None),
    )
    return merge_root(old, mine, theirs, bodies_alike=bodies_alike)


def _ordered(merged: Sequence[Merged], take: Take) -> tuple[Merged, ...]:
    """The order of the side that is taken."""

    def place(pair: tuple[int, Merged]) -> tuple[int, int]:
        number, slot = pair
        own = slot.notebook_index if take == "notebook" else slot.text_index
        return (number if own is None else own, number)

    return tuple(slot for _, slot in sorted(enumerate(merged), key=place))


def _taken(merged: Sequence[Merged], take: Take) -> tuple[Merged, ...]:
    """The same with nothing disputed: the text's cell, the notebook's, or one behind the other."""
    taken: list[Merged] = []
    for slot in merged:
        if not slot.disputed:
            taken.append(slot)
            continue
        cell = slot.text if take == "text" or (take == "both" and slot.text is not None) else slot.notebook
        if cell is not None:
            taken.append(msgspec.structs.replace(slot, text=cell, notebook=cell, base=cell, disputed=False))
        if take == "both" and slot.text is not None and slot.notebook is not None:
            second = msgspec.structs.replace(
                slot.notebook, meta=tuple(pair for pair in slot.notebook.meta if pair[0] != "name")
            )
            taken.append(
                Merged(text=second, notebook=second, base=second, text_index=None, notebook_index=None)
            )
    return tuple(taken)


def _written(base: Base | None, text: Text, notebook: Notebook, wishes: Wishes, shall: _Shall) -> Flow:
    cells = [(slot.text, slot.text_index) for slot in shall.merged if slot.text is not None]
    problems = _unspeakable(text, cells)
    if problems:
        return Flow(problems=problems)
    try:
        new_text, changed = _new_text(text, cells, shall.text_root)
        new_notebook, kept, dropped, count = _new_notebook(text, notebook, wishes, shall)
    except ValueError as error:
        return Flow(
            problems=(Problem(code="cell.marker", message=str(error), hint="mend it in the notebook"),)
        )
    wrong = _read_back_text(new_text, [cell for cell, _ in cells], shall.text_root)
    wrong = wrong or _read_back_notebook(new_notebook, shall)
    if wrong is not None:
        return Flow(problems=(wrong,))
    return Flow(text=new_text, notebook=new_notebook, cells=changed + count, kept=kept, dropped=dropped)


def _unspeakable(text: Text, cells: Sequence[tuple[Cell, int | None]]) -> tuple[Problem, ...]:
    """Cells that would be written to the text and that it cannot hold."""
    found = (
        problem(cell, number)
        for number, (cell, index) in enumerate(cells, 1)
        if index is None or text.cells[index].cell != cell
    )
    return tuple(each for each in found if each is not None)


def _new_text(text: Text, cells: Sequence[tuple[Cell, int | None]], root: Lines) -> tuple[bytes | None, int]:
    changed = sum(index is None or text.cells[index].cell != cell for cell, index in cells)
    same_order = [index for _, index in cells] == list(range(len(text.cells)))
    if not changed and same_order and root == text.header.root:
        return None, 0
    touched = changed + _gone_or_moved([index for _, index in cells], len(text.cells))
    return patched(text, cells, None if root == text.header.root else root), touched


def _gone_or_moved(indexes: Sequence[int | None], count: int) -> int:
    """How many of `count` cells are not among `indexes`; where all are, 1 if any went to another place."""
    kept = [index for index in indexes if index is not None]
    return count - len(kept) or int(kept != sorted(kept))


def _new_notebook(
    text: Text, notebook: Notebook, wishes: Wishes, shall: _Shall
) -> tuple[bytes | None, int, int, int]:
    """(bytes, cells whose outputs stay, cells whose outputs go, cells changed)."""
    slots = [slot for slot in shall.merged if slot.notebook is not None]
    known = notebook.cells
    same = [slot.notebook_index for slot in slots] == list(range(len(known))) and all(
        slot.notebook_index is not None and slot.notebook == _known(known[slot.notebook_index], slot)
        for slot in slots
    )
    same_root = shall.notebook_root == notebook_root(notebook)
    if same and same_root and wishes.metadata is None:
        return None, 0, 0, 0
    sources = Sources(
        before=notebook,  # its outputs are as they are; who made them is told by it, or by `foreign`
        foreign=wishes.foreign,
        policy=wishes.outputs,
        exact={i: cell.exact for i, cell in enumerate(text.cells) if cell.exact != cell.cell.source},
    )
    written = write_cells(notebook, slots, sources)
    header = _header_cell(notebook, shall.notebook_root)
    data = write_notebook(notebook, [*header, *written.cells], wishes.metadata)
    touched = written.changed + _gone_or_moved([slot.notebook_index for slot in slots], len(known))
    return data, written.kept, written.dropped, touched


def _known(cell: object, slot: Merged) -> Cell | None:
    metas = getattr(cell, "metas", {})
    own: Cell | None = getattr(cell, "cell", None)
    if own is None or slot.notebook is None:
        return None
    return _seen(own, metas, slot.notebook)


def _header_cell(notebook: Notebook, root: Lines) -> list[str]:
    if not root:
        return []
    source = "\n".join(["---", *root, "---"])
    if notebook.header is None:
        taken = {cell.id for cell in notebook.cells if cell.id}
        return [new_cell(notebook, Cell(kind="raw", source=source), source, 0, taken)]
    if root == notebook_root(notebook):
        return [notebook.header.raw]
    from runbook.pairing.notebooks import dump, source_lines

    value = dump(notebook, source_lines(source, notebook.header.plain), depth=3)
    return [spliced(notebook.header.raw, {"source": value})]


def _read_back_text(data: bytes | None, cells: Sequence[Cell], root: Lines) -> Problem | None:
    if data is None:
        return None
    again = read_text(data)
    if isinstance(again, Unreadable):
        return again.problem
    if again.header.root != root:
        words = "the front matter would come back changed from the text"
        return Problem(code="header.lost", message=words, hint="mend the notebook's first cell")
    read = [cell.cell for cell in again.cells]
    for number, cell in enumerate(cells, 1):
        if number > len(read) or read[number - 1] != cell:
            words = f"the cell {shown(cell)} would come back changed from the text"
            return Problem(code="cell.lost", cell=number, message=words, hint="write it another way")
    if len(read) != len(cells):
        return Problem(code="cell.splits", cell=len(cells), message="a cell would become two", hint=None)
    return None


def _read_back_notebook(data: bytes | None, shall: _Shall) -> Problem | None:
    if data is None:
        return None
    again = read_notebook(data)
    words = "the notebook would not come back as it was meant"
    if again is None or isinstance(again, Unreadable):
        return again.problem if again is not None else Problem(code="notebook.lost", message=words)
    slots = [slot for slot in shall.merged if slot.notebook is not None]
    if len(slots) != len(again.cells) or notebook_root(again) != shall.notebook_root:
        return Problem(code="notebook.lost", message=words)
    for number, (slot, cell) in enumerate(zip(slots, again.cells, strict=True), 1):
        if _known(cell, slot) != slot.notebook:
            return Problem(code="notebook.lost", cell=number, message=words, hint="report this as a bug")
    return None


def _base_text(base: Base | None, text: Text, merged: Sequence[Merged], root: Lines) -> bytes | None:
    """A text that says the base of every cell: what is merged is agreed on, what is disputed stays open."""
    jupyter = text.header.jupyter
    header = ("---", *root, *jupyter, "---") if root or jupyter else ()
    cells = [slot.base for slot in merged if slot.base is not None]
    try:
        data = fresh_text(header, cells)
    except ValueError:
        return None
    return data if _read_back_text(data, cells, root) is None else None


def first_notebook(text: Text, metadata: Mapping[str, object]) -> bytes:
    """The notebook of a text that has none. Raises ValueError."""
    frame = '{\n "cells": [],\n "metadata": {},\n "nbformat": 4,\n "nbformat_minor": 5\n}\n'
    empty = read_notebook(frame.encode("ascii"))
    if not isinstance(empty, Notebook):
        raise ValueError("an empty notebook cannot be read")
    merged = tuple(
        Merged(text=cell.cell, notebook=cell.cell, base=cell.cell, text_index=i, notebook_index=None)
        for i, cell in enumerate(text.cells)
    )
    exact = {i: cell.exact for i, cell in enumerate(text.cells)}
    written = write_cells(empty, merged, Sources(before=None, foreign={}, exact=exact))
    header = _header_cell(empty, text.header.root)
    return write_notebook(empty, [*header, *written.cells], metadata)
