"""Percent cells: from lines to cells, cell for cell what jupytext makes of the same lines. Pure.

Both readers must begin a cell at the same lines, or prose for one is code for the other. So every line that
jupytext could take for a marker either is one for us too, or the text is refused:
1. a marker at column 1 begins a cell, here and there;
2. any other line that jupytext's expressions match (indented, `# In[1]:`, `# <codecell>`) is refused;
3. a marker that stands where jupytext sees the inside of a triple-quoted string is refused;
4. a marker that stands where jupytext sees the inside of a fenced block of prose is refused.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from runbook.text.fenced import Fenced
from runbook.text.marker import Kind, Marker, is_marker, is_marker_elsewhere, read_marker
from runbook.text.quoting import Quoting
from runbook.text.reasons import Reason, reason
from runbook.text.runbook import Cell
from runbook.text.syntax import examine

_QUOTED = re.compile(r"[rR]?(\"\"\"|''')(.*)\1", re.DOTALL)


def read_cells(lines: Sequence[str], start: int) -> tuple[tuple[Cell, ...], list[Reason]]:
    """The cells of `lines[start:]`, and every reason against them. Never raises.

    The caller keeps Python's warnings away (invalid escapes are the code's business, at its own time).
    """
    reasons: list[Reason] = []
    begins = []
    for index in range(start, len(lines)):
        line = lines[index]
        if "#" not in line or not ("%%" in line or "In[" in line or "<codecell>" in line):
            continue
        if is_marker(line):
            begins.append(index)
        elif is_marker_elsewhere(line):
            found = "jupytext begins a new cell at this line, wherever it stands"
            hint = "begin cells with `# %%` at column 1; elsewhere put another word behind the `#`"
            reasons.append(reason("cell.marker", index + 1, found, hint))
    cells: list[Cell] = []
    first = begins[0] if begins else len(lines)
    if first > start:
        cells.append(_unmarked(lines, start, first, reasons))
    fenced = Fenced(lines)
    for begin, end in pairwise([*begins, len(lines)]):
        cells.append(_cell(fenced, begin, end, reasons))
    return tuple(cells), reasons


def _unmarked(lines: Sequence[str], start: int, end: int, reasons: list[Reason]) -> Cell:
    """What stands before the first marker: a code cell, for jupytext too, be it empty."""
    blank = not any(line.strip() for line in lines[start:end])
    what = "blank lines" if blank else "lines"
    found = f"{what} before the first `# %%`: jupytext makes a code cell of them"
    hint = "delete them, or run `runbook fmt`" if blank else "put `# %%` above them, or run `runbook fmt`"
    reasons.append(reason("cell.unmarked", start + 1, found, hint))
    stop = _stop(lines, start, end)
    return _code(lines, Marker("code", "", ()), (start, start, stop, end), reasons)


def _cell(fenced: Fenced, begin: int, end: int, reasons: list[Reason]) -> Cell:
    lines = fenced.lines
    marker, problems = read_marker(lines[begin], begin + 1)
    reasons.extend(problems)
    stop = max(_stop(lines, begin, end), begin + 1)
    spans = (begin, begin + 1, stop, end)
    if marker.kind == "code":
        return _code(lines, marker, spans, reasons)
    return _prose(fenced, marker, spans, reasons)


def _stop(lines: Sequence[str], begin: int, end: int) -> int:
    """Where the cell's content stops: jupytext leaves one empty line out before a marker, or two blank ones
    behind a line that is not blank."""
    if (
        end - begin >= 3
        and lines[end - 3].strip()
        and not lines[end - 2].strip()
        and not lines[end - 1].strip()
    ):
        return end - 2
    if end > begin and not lines[end - 1]:
        return end - 1
    return end


Spans = tuple[int, int, int, int]
"""Indices of lines: the marker (or the first line), the content's first, behind its last, the next marker."""


def _code(lines: Sequence[str], marker: Marker, spans: Spans, reasons: list[Reason]) -> Cell:
    begin, start, stop, _ = spans
    content = lines[start:stop]
    source = "\n".join(content)
    _require_split(lines, spans, source, reasons)
    magics, problems = examine(source, start + 1)
    reasons.extend(problems)
    return Cell(
        kind="code",
        title=marker.title,
        options=marker.options,
        source=source,
        line=begin + 1,
        source_line=start + 1,
        end_line=stop,
        magics=magics,
    )


def _require_split(lines: Sequence[str], spans: Spans, source: str, reasons: list[Reason]) -> None:
    """Rule 3: jupytext begins the next cell only where it sees no open triple quote."""
    end = spans[3]
    if end >= len(lines) or ('"""' not in source and "'''" not in source):
        return
    quoting = Quoting()
    for line in lines[spans[0] : end]:
        quoting.read(line)
    if quoting.is_open:
        found = "for jupytext this marker stands inside a string, and begins no cell"
        hint = "close the string before it; if it is closed, write it without quotes inside quotes"
        reasons.append(reason("cell.marker", end + 1, found, hint))


def _prose(fenced: Fenced, marker: Marker, spans: Spans, reasons: list[Reason]) -> Cell:
    lines = fenced.lines
    begin, start, stop, end = spans
    content = lines[start:stop]
    text = "\n".join(content)
    quoted = _QUOTED.fullmatch(text.strip()) if '"""' in text or "'''" in text else None
    if quoted is not None:
        source = _quoted(quoted, spans, reasons)
    else:
        source = "\n".join(_uncommented(content, start, reasons))
        opening = fenced.open_at(begin, end) if end < len(lines) else None
        if opening is not None:  # rule 4
            found = "for jupytext this marker stands inside a fenced block of prose, and begins no cell"
            hint = f"close the block of line {opening + 1} before it"
            reasons.append(reason("cell.marker", end + 1, found, hint))
    _require_split(lines, spans, text, reasons)
    kind: Kind = marker.kind
    return Cell(
        kind=kind,
        title=marker.title,
        options=marker.options,
        source=source,
        line=begin + 1,
        source_line=start + 1,
        end_line=stop,
    )


def _quoted(quoted: re.Match[str], spans: Spans, reasons: list[Reason]) -> str:
    """Prose between triple quotes, as jupytext takes it out of them."""
    quotes, content = quoted[1], quoted[2]
    if quotes in content or content.endswith((quotes[0], "\\")):
        found = "triple quotes inside triple-quoted prose: where it ends depends on the reader"
        reasons.append(reason("cell.prose", spans[1] + 1, found, "write prose in lines that begin with `# `"))
    found = "prose between triple quotes"
    hint = "write it in lines that begin with `# `, or run `runbook fmt`"
    reasons.append(reason("cell.prose-spelling", spans[1] + 1, found, hint))
    content = content.removeprefix("\n").removesuffix("\n")
    return "\n".join(content.split("\n")[:-1] if content.endswith("\n") else [content])


def _uncommented(content: Sequence[str], start: int, reasons: list[Reason]) -> Iterator[str]:
    for index, line in enumerate(content, start + 1):
        if line.startswith("# "):
            yield line[2:]
        elif line == "#":
            yield ""
        elif line.startswith("#"):
            found = "a line in prose that does not start with `# `"
            reasons.append(reason("cell.prose-spelling", index, found, "write a blank after the `#`"))
            yield line[1:]
        elif not line.strip():
            found = "an empty line in prose without its `#`"
            reasons.append(reason("cell.prose-spelling", index, found, "write `#` there"))
            yield line
        else:
            found = "a line in prose that is not commented out: it looks like code, and is never run"
            reasons.append(
                reason("cell.prose", index, found, "write `# ` in front, or `# %%` above it to run it")
            )
            yield line
        if "\t" in line:
            reasons.append(reason("cell.tabs", index, "a tab in prose", "write blanks"))
