"""A percent text as lines and cells: tolerant of every style a person writes, and exact about where each cell
stands, so that only changed cells are ever written. Pure.

Splits exactly as jupytext does with `comment_magics: false`. Where this module does not vouch for that, the
text is `odd`, and the caller asks jupytext before it writes anything. The strict reader (`text/reader`) may
still refuse to run such a text: to carry an edit is not to run it.
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from runbook.pairing.cells import Cell, meta_of
from runbook.pairing.markers import Marker, could_mark, is_marker, read_marker
from runbook.pairing.reports import Problem
from runbook.text.quoting import Quoting

# Line ends for some programs and not for others: where cells begin would depend on the reader.
LINE_ENDS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
CONFLICT = re.compile(r"(?:# ?)?(?:<{7}|>{7}|\|{7})(?: .*)?")
ESCAPED_START = re.compile(r"(?:# |#)+(?:#|# )\+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ENCODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)")
_RULE = re.compile(r"---\s*")
_JUPYTER = re.compile(r"jupyter\s*:\s*")

_HIDES_MARKERS = ('"""', "'''", "```", "~~~")

Style = Literal["code", "comment", "docstring"]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The front matter. `first`..`last` are its fence lines (indexes), `root` the uncommented lines outside
    `jupyter:`, `jupyter` those of it; `end` is the index of the first line behind the header."""

    first: int = -1
    last: int = -1
    end: int = 0
    root: tuple[str, ...] = ()
    jupyter: tuple[str, ...] = ()

    @property
    def source(self) -> str | None:
        """What the notebook's first raw cell holds; None when there is nothing outside `jupyter:`."""
        return "\n".join(["---", *self.root, "---"]) if self.root else None


class TextCell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell and its lines: `start` (the marker, or the first line without one), `body`, `stop` (behind
    the last line of the source that is not blank), `end` (behind the blank lines that belong to it).

    `exact` is the source as jupytext reads it; the cell's own has no blank lines at its end, because
    percent text cannot tell them from spacing.
    """

    cell: Cell
    exact: str
    start: int
    body: int
    stop: int
    end: int
    style: Style


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A text that was read. `lines` have no line ends; `ends` are they, one each."""

    bom: bool
    lines: tuple[str, ...]
    ends: tuple[str, ...]
    header: Header
    cells: tuple[TextCell, ...]
    odd: tuple[Problem, ...]

    @property
    def line_end(self) -> str:
        """The line end that new lines get: the one that most lines have."""
        return "\r\n" if sum(end == "\r\n" for end in self.ends) * 2 > len(self.ends) else "\n"

    @property
    def canonical(self) -> str:
        """The text without BOM, with LF."""
        return "".join(f"{line}\n" if end else line for line, end in zip(self.lines, self.ends, strict=True))


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A text that is not synced as it stands, and why."""

    problem: Problem
    kind: Literal["damaged", "markers", "refused"]


def read_text(data: bytes) -> Text | Unreadable:
    """Read a text's bytes. Never raises."""
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _no("damaged", "text.encoding", line, f"not UTF-8 (byte {error.start})", "save it as UTF-8")
    bom = whole.startswith("\ufeff")
    whole = whole[1:] if bom else whole
    if strange := LINE_ENDS.search(whole):
        line = whole.count("\n", 0, strange.start()) + 1
        words = f"U+{ord(strange[0]):04X} is a line end for some programs and not for others"
        return _no(
            "refused", "text.line-end", line, words, "take the character out, or write it as an escape"
        )
    lines, ends = _lines(whole)
    for number, each in enumerate(lines, 1):
        if "\r" in each:
            return _no("refused", "text.line-end", number, "a carriage return inside a line", "take it out")
        if each[:7] in _CONFLICT_STARTS and CONFLICT.fullmatch(each):
            words = "an unresolved conflict of git stands here"
            return _no("markers", "text.conflict-markers", number, words, "resolve it and save the text")
    header, problem = _header(lines)
    if problem is not None:
        return Unreadable(problem=problem, kind="refused")
    hides = any(sign in whole for sign in _HIDES_MARKERS)
    cells, odd, problem = _cells(lines, header.end, hides=hides)
    if problem is not None:
        return Unreadable(problem=problem, kind="refused")
    return Text(bom=bom, lines=tuple(lines), ends=tuple(ends), header=header, cells=cells, odd=odd)


_CONFLICT_STARTS = frozenset({"<<<<<<<", ">>>>>>>", "|||||||", "# <<<<<", "# >>>>>", "#<<<<<<", "#>>>>>>"})


def _no(
    kind: Literal["damaged", "markers", "refused"], code: str, line: int, message: str, hint: str
) -> Unreadable:
    return Unreadable(kind=kind, problem=Problem(code=code, line=line, message=message, hint=hint))


def _lines(whole: str) -> tuple[list[str], list[str]]:
    raw = whole.split("\n")
    final = raw.pop()
    ends = ["\n"] * len(raw)
    if "\r" in whole:
        for index, line in enumerate(raw):
            if line.endswith("\r"):
                raw[index], ends[index] = line[:-1], "\r\n"
    if final:
        raw.append(final)
        ends.append("")
    return raw, ends


def _uncommented(line: str) -> str:
    return line[2:] if line.startswith("# ") else line[1:] if line.startswith("#") else line


def _header(lines: Sequence[str]) -> tuple[Header, Problem | None]:
    """The front matter where jupytext finds it: behind an interpreter and an encoding line, nothing else."""
    root: list[str] = []
    jupyter: list[str] = []
    in_jupyter = False
    first = -1
    start = 0
    for index, line in enumerate(lines):
        if index == 0 and line.startswith("#!"):
            start = 1
            continue
        if (
            index == start <= 1
            and (named := _ENCODING.match(line))
            and not (index == 1 and _ENCODING.match(lines[0]))
        ):
            if named[1] != "utf-8":
                words = f"the text declares the encoding {named[1]}"
                return Header(), Problem(
                    code="text.encoding", line=index + 1, message=words, hint="use UTF-8"
                )
            start = index + 1
            continue
        if not line.startswith("#"):
            break
        bare = _uncommented(line)
        if _RULE.fullmatch(bare):
            if first < 0:
                first = index
                continue
            end = index + 1
            if end < len(lines) and not _uncommented(lines[end]).strip():
                end += 1
            header = Header(first=first, last=index, end=end, root=tuple(root), jupyter=tuple(jupyter))
            return header, None
        if first < 0 and bare.strip():
            break
        if _JUPYTER.fullmatch(bare):
            in_jupyter = True
        elif bare and not bare[0].isspace():
            in_jupyter = False
        (jupyter if in_jupyter else root).append(bare)
    return Header(end=start), None


def _cells(
    lines: Sequence[str], start: int, *, hides: bool
) -> tuple[tuple[TextCell, ...], tuple[Problem, ...], Problem | None]:
    """`hides`: something in the text could hide a marker from the reader, a string or a fence."""
    marks = [i for i, line in enumerate(lines) if could_mark(line) and i >= start and is_marker(line)]
    cells: list[TextCell] = []
    odd: list[Problem] = []
    position = start
    upcoming = 0
    while position < len(lines):
        marked = upcoming < len(marks) and marks[upcoming] == position
        marker = read_marker(lines[position]) if marked else None
        kind = marker.kind if marker else "code"
        upcoming += marked
        upcoming, why = _next_mark(lines, position, marks, upcoming, kind) if hides else (upcoming, None)
        end = marks[upcoming] if upcoming < len(marks) else len(lines)
        if marker and marker.refused:
            problem = _in_cell("cell.option", cells, position, marker.refused, "take it out")
            return (), (), problem
        if why or (marker and marker.odd):
            odd.append(_in_cell("cell.odd", cells, position, why or (marker and marker.odd) or "", None))
        found, escaped = _cell(lines, position, end, marker)
        if escaped:
            words = "jupytext would drop a comment sign of a line that begins with `# # +`"
            return (), (), _in_cell("cell.escape", cells, position, words, "write the comment another way")
        if not marked and found.cell.source:
            odd.append(_in_cell("cell.unmarked", cells, position, "code before the first marker", None))
        cells.append(found)
        position = end
    return tuple(cells), tuple(odd), None


def _in_cell(code: str, cells: Sequence[TextCell], line: int, words: str, hint: str | None) -> Problem:
    return Problem(code=code, cell=len(cells) + 1, line=line + 1, message=words, hint=hint)


def _next_mark(
    lines: Sequence[str], start: int, marks: Sequence[int], upcoming: int, kind: str
) -> tuple[int, str | None]:
    """Which of `marks` ends the cell at `start`. Marker lines inside strings and fences are passed over."""
    if upcoming >= len(marks):
        return upcoming, None
    part = lines[start : marks[upcoming]]
    fenced = kind != "code" and any("```" in line or "~~~" in line for line in part)
    if not fenced and not any('"""' in line or "'''" in line for line in part):
        return upcoming, None
    quoting = Quoting()
    fence: tuple[str, int] | None = None
    for index in range(start, len(lines)):
        line = lines[index]
        quoted = quoting.is_open
        quoting.read(line)
        if quoted:
            continue
        if kind != "code":
            bare = _uncommented(line)
            if fence is not None:
                fence = None if _closes(bare, fence) else fence
                continue
            opened = _opens(bare)
            if opened and any(_closes(_uncommented(lines[i]), opened) for i in range(index + 1, len(lines))):
                fence = opened
                continue
        if index > start and could_mark(line) and is_marker(line):
            skipped = marks.index(index, upcoming) - upcoming
            return upcoming + skipped, "a marker inside a string or fence" if skipped else None
    return len(marks), "a marker inside a string or fence"


def _opens(text: str) -> tuple[str, int] | None:
    found = _FENCE.fullmatch(text)
    if not found or (found[1][0] == "`" and "`" in found[2]):
        return None
    return found[1][0], len(found[1])


def _closes(text: str, fence: tuple[str, int]) -> bool:
    found = _FENCE.fullmatch(text)
    if not found:
        return False
    return found[1][0] == fence[0] and len(found[1]) >= fence[1] and not found[2].strip()


def _cell(lines: Sequence[str], start: int, end: int, marker: Marker | None) -> tuple[TextCell, bool]:
    """The cell between two marks, and whether jupytext would change one of its lines."""
    stop = end
    tail = lines[max(start, end - 3) : end]
    if len(tail) == 3 and tail[0].strip() and not tail[1].strip() and not tail[2].strip():
        stop = end - 2
    elif end > start and not lines[end - 1]:
        stop = end - 1
    body = start + 1 if marker else start
    stop = max(stop, body)
    kind = marker.kind if marker else "code"
    style: Style = "code"
    part = lines[body:stop]
    escaped = False
    if kind == "code":
        source = "\n".join(part)
        escaped = "+" in source and any(ESCAPED_START.match(line) for line in part if line[:1] == "#")
    else:
        docstring = docstring_content(part)
        style = "comment" if docstring is None else "docstring"
        source = "\n".join(map(_uncommented, part)) if docstring is None else docstring
    while stop > body and not lines[stop - 1].strip("# " if style == "comment" else None):
        stop -= 1
    meta = meta_of(marker.plain) if marker else ()
    cell = Cell(kind=kind, meta=meta, source=trimmed(source))
    found = TextCell(cell=cell, exact=source, start=start, body=body, stop=stop, end=end, style=style)
    return found, escaped


def trimmed(source: str) -> str:
    """A source without blank lines at its end."""
    if not source or not source[-1].isspace():
        return source
    lines = source.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return "\n".join(lines)


def docstring_content(part: Sequence[str]) -> str | None:
    """The prose of a cell that is written as one triple-quoted string; None for any other style."""
    content = "\n".join(part).strip()
    for prefix in ("", "r", "R"):
        for quote in ('"""', "'''"):
            left = prefix + quote
            if content.startswith(left) and content.endswith(quote) and len(content) >= len(left) + 3:
                inner = content[len(left) : -3]
                inner = inner.removeprefix("\n").removesuffix("\n")
                # jupytext splits into lines once more, which drops one more line end
                return inner.removesuffix("\n")
    return None
