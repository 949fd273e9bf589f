"""Patching a text: only the lines of changed cells are written, all others keep their very bytes. Pure.

The header is never re-emitted; line ends, BOM, the final newline, spacing and every style a person chose
stay as they are outside the edited lines.
"""

from collections.abc import Sequence

from runbook.pairing.cells import Cell
from runbook.pairing.fidelity import prefixed
from runbook.pairing.lines import matches
from runbook.pairing.markers import write_marker
from runbook.pairing.texts import Header, Text, TextCell

Line = tuple[str, str]
"""A line and its end."""


def patched(text: Text, cells: Sequence[tuple[Cell, int | None]], root: Sequence[str] | None) -> bytes:
    """The text's bytes with these cells: each with the index of the old cell that it was (None: new).

    `root` are the header's lines outside `jupyter:` when they change (None: the header stays). Raises
    ValueError, in words, for a title or option that a marker cannot say.
    """
    new_line = text.line_end
    lines = _head(text, root, new_line)
    old_order = [index for _, index in cells if index is not None]
    in_place = len(cells) == len(text.cells) and old_order == list(range(len(text.cells)))
    for place, (cell, index) in enumerate(cells):
        old = None if index is None else text.cells[index]
        fresh = _cell(text, cell, old, new_line)
        if old is not None and old.body == old.start and place > 0:
            fresh.insert(0, (write_marker(cell), new_line))  # only the very first cell can do without
        if not in_place:
            _space(lines, new_line)
        lines.extend(fresh)
    if not in_place or (cells and cells[-1][0] != text.cells[-1].cell):
        _end(text, lines, new_line)
    whole = [line + (end or new_line) for line, end in lines[:-1]]  # only the last line can do without an end
    data = "".join([*whole, *(line + end for line, end in lines[-1:])]).encode("utf-8")
    return b"\xef\xbb\xbf" + data if text.bom else data


def fresh_text(header: Sequence[str], cells: Sequence[Cell]) -> bytes:
    """A text that was not there before. `header` are its lines (without comment signs, fences included)."""
    head = [prefixed(line) for line in header]
    empty = Text(
        bom=False,
        lines=(*head, "") if head else (),
        ends=("\n",) * (len(head) + 1) if head else (),
        header=Header(end=len(head) + 1 if head else 0),
        cells=(),
        odd=(),
    )
    return patched(empty, [(cell, None) for cell in cells], None)


def _span(text: Text, start: int, end: int) -> list[Line]:
    return list(zip(text.lines[start:end], text.ends[start:end], strict=True))


def _head(text: Text, root: Sequence[str] | None, new_line: str) -> list[Line]:
    """All lines before the first cell; with new root lines each old line that stays keeps its bytes."""
    header = text.header
    if root is None:
        return _span(text, 0, header.end)
    if header.first < 0:
        fresh = [prefixed(line) for line in ("---", *root, "---", "")]
        fresh[-1] = ""
        return [*_span(text, 0, header.end), *((line, new_line) for line in fresh)]
    places = _root_places(text)
    old = list(header.root)
    lines = _span(text, 0, header.first + 1)
    at = 0
    for x, y, size in matches(old, list(root)):
        lines.extend((prefixed(line), new_line) for line in root[at:y])
        for place in places[x : x + size]:
            lines.extend(_span(text, place, place + 1))
        at = y + size
    kept = set(places)
    rest = [i for i in range(header.first + 1, header.end) if i not in kept]
    for place in rest:
        lines.extend(_span(text, place, place + 1))
    return lines


def _root_places(text: Text) -> list[int]:
    """The line of each root line; lines of `jupyter:` stand behind them, or between, and keep their order."""
    places: list[int] = []
    jupyter = list(text.header.jupyter)
    root = list(text.header.root)
    for index in range(text.header.last):
        line = text.lines[index]
        bare = line[2:] if line.startswith("# ") else line[1:] if line.startswith("#") else line
        if index == text.header.first:
            continue
        if jupyter and bare == jupyter[0] and (not root[len(places) :] or bare != root[len(places)]):
            jupyter.pop(0)
        elif len(places) < len(root) and bare == root[len(places)]:
            places.append(index)
    return places


def _cell(text: Text, cell: Cell, old: TextCell | None, new_line: str) -> list[Line]:
    if old is None:
        return [(line, new_line) for line in (write_marker(cell), *_body(cell))]
    if cell == old.cell:
        return _span(text, old.start, old.end)
    same_marker = (cell.kind, cell.meta) == (old.cell.kind, old.cell.meta)
    if old.body == old.start:
        # Without a marker it can only be code without options, before all others.
        marker = [] if same_marker and cell.source else [(write_marker(cell), new_line)]
    elif same_marker:
        marker = _span(text, old.start, old.body)
    else:
        marker = [(write_marker(cell), text.ends[old.start] or new_line)]
    tail = _span(text, old.stop, old.end)
    if cell.kind != old.cell.kind:
        return [*marker, *((line, new_line) for line in _body(cell)), *tail]
    return [*marker, *_edited(text, cell, old, new_line), *tail]


def _body(cell: Cell) -> list[str]:
    if not cell.source:
        return []
    lines = cell.source.split("\n")
    return lines if cell.kind == "code" else [prefixed(line) for line in lines]


def _edited(text: Text, cell: Cell, old: TextCell, new_line: str) -> list[Line]:
    """The body with the new source: a line whose content stays keeps the way it was written."""
    written = _span(text, old.body, old.stop)
    if old.style == "docstring":
        return _docstring(cell, written, new_line)
    fresh = _body(cell)
    if not written or not cell.source:
        return [(line, new_line) for line in fresh]
    before = old.cell.source.split("\n")
    after = cell.source.split("\n")
    lines: list[Line] = []
    at = 0
    for x, y, size in matches(before, after):
        lines.extend((line, new_line) for line in fresh[at:y])
        lines.extend(written[x : x + size])
        at = y + size
    return [(line, end or new_line) for line, end in lines]


def _docstring(cell: Cell, written: Sequence[Line], new_line: str) -> list[Line]:
    """Prose between triple quotes stays so while nothing in it could end or change the string."""
    whole = "\n".join(line for line, _ in written)
    stripped = whole.strip()
    prefix = stripped[: len(stripped) - len(stripped.lstrip("rR"))]
    quote = stripped[len(prefix) : len(prefix) + 3]
    plain = cell.source and quote not in cell.source and cell.source[-1] not in f"{quote[0]}\\\n"
    if not plain or ("\\" in cell.source and not prefix) or cell.source != cell.source.strip("\n"):
        return [(line, new_line) for line in _body(cell)]
    left = "\n" if stripped[len(prefix) + 3 :].startswith("\n") else ""
    right = "\n" if stripped[:-3].endswith("\n") else ""
    text = f"{prefix}{quote}{left}{cell.source}{right}{quote}"
    return [(line, new_line) for line in text.split("\n")]


def _space(lines: list[Line], new_line: str) -> None:
    """Before a cell that was moved or is new: the line before it ends, and one empty line stands between."""
    if not lines:
        return
    if not lines[-1][1]:
        lines[-1] = (lines[-1][0], new_line)
    if lines[-1][0].strip():
        lines.append(("", new_line))


def _end(text: Text, lines: list[Line], new_line: str) -> None:
    """The file ends as it ended before: its final newline or none, without blank lines if it had none."""
    if not lines:
        return
    if not _blank_lines(list(zip(text.lines, text.ends, strict=True))):
        while len(lines) > 1 and not lines[-1][0].strip():
            lines.pop()
    final = text.ends[-1] if text.ends else new_line
    lines[-1] = (lines[-1][0], final if lines[-1][0] else new_line)


def _blank_lines(lines: Sequence[Line]) -> int:
    count = 0
    while count < len(lines) and not lines[-1 - count][0].strip():
        count += 1
    return count
