"""The normal form: one spelling for every text, written without changing what any step means (`fmt`). Pure.

Only what is not normal is touched. What a machine may not decide stays, and the reader goes on naming it: an
option or root key that means nothing, a derived default, blanks or uncomposed letters inside a string.
"""

import json
import unicodedata
from collections.abc import Sequence

from runbook.errors import TextRefused
from runbook.text.entries import without_entries
from runbook.text.fences import Place, locate, misplaced_header, uncommented
from runbook.text.header import read_header
from runbook.text.jupyter_section import is_formats
from runbook.text.lines import lines_of
from runbook.text.marker import OPTIONS
from runbook.text.meaning import require_same_meaning
from runbook.text.percent import read_cells
from runbook.text.reader import read
from runbook.text.runbook import Cell, Option, Runbook
from runbook.text.syntax import parts
from runbook.text.writing import body_lines, header_lines, marker_line

_QUOTES = tuple(prefix + quotes for prefix in ("", "r", "R") for quotes in ('"""', "'''"))


def normalised(data: bytes) -> str:
    """The canonical text (LF) of `data` in normal form. Idempotent; a CR LF checkout is the same text.

    Approvals stay when nothing else changes; otherwise they are left out, since they were for another text.
    Raises TextRefused for a text that is refused, and FormatError when the meaning of a step would change:
    then nothing may be written.
    """
    before = _require(data)
    lifted, lines = _lifted(lines_of(without_entries(before.canonical)))
    text = "\n".join(_mended(lines)) + "\n"
    if text == before.body:
        return before.canonical
    after = _require(text.encode("utf-8"))
    require_same_meaning(before, after, lifted=lifted)
    return text


def _require(data: bytes) -> Runbook:
    reading = read(data)
    if reading.runbook is None:
        first = reading.refusals[0]
        raise TextRefused(first.message, reasons=reading.reasons, line=first.line, hint=first.hint)
    return reading.runbook


def _lifted(lines: list[str]) -> tuple[bool, list[str]]:
    """The lines with a header that stood below the top moved up, and whether one was."""
    place, _ = locate(lines)
    if place.opening is not None:
        return False, lines
    start = misplaced_header(lines, place.skipped)
    if start is None:
        return False, lines
    below, _ = locate(lines[start:])
    if below.opening != 0 or below.closing is None:
        return False, lines
    end = start + below.closing + 1
    above = lines[place.skipped : start]
    lines = [*lines[start:end], "", *above, *lines[end:]]
    return True, lines_of(without_entries("\n".join(lines) + "\n"))


def _mended(lines: Sequence[str]) -> list[str]:
    header, place, _ = read_header(lines)
    cells, _ = read_cells(lines, place.end)
    found = header_lines(_root(lines, place), formats=_formats(header.formats))
    # One empty line behind the header belongs to it; where no header was, one is put there.
    gap = place.end - place.closing - 1 if place.closing is not None else 1
    found += [""] * gap
    for number, cell in enumerate(cells, 1):
        following = cells[number].line - 1 if number < len(cells) else len(lines)
        found += _cell(cell, lines[cell.line - 1 : following])
    while found and not found[-1]:
        found.pop()
    return found


def _formats(formats: str | None) -> str | None:
    return formats if formats is not None and is_formats(formats) else None


def _root(lines: Sequence[str], place: Place) -> list[str]:
    """The root's lines without the `jupyter:` section, `runbook:` first."""
    if place.opening is None or place.closing is None:
        return []
    sections: list[list[str]] = [[]]
    for line in map(uncommented, lines[place.opening + 1 : place.closing]):
        if line[:1] not in ("", " ", "#", "-"):
            sections.append([])
        sections[-1].append(_settled(line))
    first, *rest = sections
    rest = [section for section in rest if not section[0].startswith("jupyter")]
    rest.sort(key=lambda section: not section[0].startswith("runbook"))
    return [line for section in [first, *rest] for line in section]


def _settled(line: str) -> str:
    return unicodedata.normalize("NFC", line).rstrip(" \t")


def _cell(cell: Cell, lines: Sequence[str]) -> list[str]:
    """One cell with its marker, its content and the blank lines that follow it."""
    unmarked = cell.line == cell.source_line
    content = list(lines) if unmarked else list(lines[1:])
    if unmarked:
        while content and not content[0].strip():
            content.pop(0)
        if not content:
            return []
    options = [(key, _value(key, value)) for key, value in cell.options]
    marker = marker_line(cell.kind, unicodedata.normalize("NFC", cell.title), options)
    if cell.kind == "code":
        return [marker, *_code("\n".join(content)).split("\n")] if content else [marker]
    return [marker, *_prose(cell, content)]


def _value(key: str, value: Option) -> object:
    if isinstance(value, tuple):
        return list(dict.fromkeys(value))
    return json.loads(value) if key not in OPTIONS and isinstance(value, str) else value


def _code(source: str) -> str:
    """Composed letters in comments, no blanks at line ends; strings and magics stay as they are."""
    if source.lstrip().startswith("%%"):
        return source
    pieces: list[str] = []
    at = 0
    for part in parts(source):
        pieces.append(_bare(source[at : part.start]))
        inside = source[part.start : part.end]
        pieces.append(_settled(inside) if part.kind == "comment" else inside)
        at = part.end
    pieces.append(_bare(source[at:]).rstrip(" \t"))
    return "".join(pieces)


def _bare(code: str) -> str:
    """Code between strings: its last line may go on, so only the blanks before a line end go."""
    *whole, last = code.split("\n")
    return "\n".join([*(line.rstrip(" \t") for line in whole), last])


def _prose(cell: Cell, content: list[str]) -> list[str]:
    blank = 0
    while content and not content[-1].strip():
        content.pop()
        blank += 1
    # More than two blank lines would be content for jupytext; prose does not end in empty lines.
    blank = blank if blank <= 2 else 1
    if "\n".join(content).lstrip().startswith(_QUOTES):
        content = body_lines(cell.kind, cell.source)
    return [*map(_prose_line, content), *[""] * blank]


def _prose_line(line: str) -> str:
    text = _settled(uncommented(line) if line.startswith("#") else line)
    return f"# {text}" if text else "#"
