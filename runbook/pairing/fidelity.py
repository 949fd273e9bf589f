"""What percent text can say of a notebook's cell: exactly, all but what the notebook alone carries, or not
at all: then it is refused by name, with the cell and the reason. Pure.

Carried in the notebook only, and left as it is there until the cell is edited in the text: blank lines at the
very end of a cell, carriage returns, attachments, outputs, metadata outside `cells.FLOWING`. Refused: what
would become another cell, another line, or nothing.
"""

import json
import re
from collections.abc import Mapping

from runbook.pairing.cells import FLOWING, Cell, Kind, meta_of
from runbook.pairing.markers import could_mark, hiding_tag, is_marker
from runbook.pairing.reports import Problem
from runbook.pairing.texts import CONFLICT, ESCAPED_START, LINE_ENDS, Unreadable, read_text, trimmed
from runbook.text.quoting import Quoting

_SURROGATE = re.compile("[\ud800-\udfff]")


def prefixed(line: str) -> str:
    """A line of prose as the text holds it."""
    return f"# {line}" if line else "#"


def carried(source: str) -> str:
    """The source as the text can hold it. Never fails: what cannot be held at all is `problem`'s to say."""
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    return trimmed(source)


def problem(cell: Cell, number: int) -> Problem | None:
    """Why the text cannot hold this cell (`number` counts from 1); None when it can."""
    words = _problem(cell)
    return None if words is None else Problem(code=words[0], cell=number, message=words[1], hint=words[2])


def _problem(cell: Cell) -> tuple[str, str, str] | None:
    source = cell.source
    if strange := LINE_ENDS.search(source):
        words = f"U+{ord(strange[0]):04X} is a line end for some programs and not for others"
        return ("cell.line-end", words, "write it as an escape such as \\u2028")
    if any(_SURROGATE.search(part) for part in (source, *(value for _, value in cell.meta))):
        return ("cell.surrogate", "half a character, which UTF-8 cannot hold", "take it out")
    if "\x00" in source:
        return ("cell.null", "a null character", "take it out")
    tags = dict(cell.meta).get("tags", "")
    if "active-" in tags and (hidden := hiding_tag(json.loads(tags))):
        return ("cell.option", hidden, "take the tag out")
    return _line_problem(cell)


def _line_problem(cell: Cell) -> tuple[str, str, str] | None:
    is_code = cell.kind == "code"
    quoting = Quoting()
    risky = False
    quotes = '"""' in cell.source or "'''" in cell.source
    for line in cell.source.split("\n"):
        written = line if is_code else prefixed(line)
        if CONFLICT.fullmatch(written):
            return ("cell.conflict-markers", "an unresolved conflict of git stands here", "resolve it")
        if is_code and line[:1] == "#" and not quoting.is_open and ESCAPED_START.match(line):
            return (
                "cell.escape",
                f"jupytext would drop a comment sign of {line[:40]!r}",
                "write it another way",
            )
        if could_mark(line) and is_marker(written):
            if is_code and not quoting.is_open:
                return (
                    "cell.splits",
                    f"the line {line[:40]!r} would begin a new cell",
                    "write it another way",
                )
            risky = True
        if quotes and is_code:
            quoting.read(line)
    if quoting.is_open:
        return ("cell.open-string", f"a {quoting.triple} string is open at the end of the cell", "close it")
    return _read_back(cell) if risky else None


def _read_back(cell: Cell) -> tuple[str, str, str] | None:
    """A marker inside a string or fence: does the reader see one cell?"""
    kind = "" if cell.kind == "code" else f" [{cell.kind}]"
    lines = cell.source.split("\n")
    body = lines if cell.kind == "code" else [prefixed(line) for line in lines]
    again = read_text("\n".join([f"# %%{kind}", *body, "", "# %%", ""]).encode("utf-8"))
    cells = () if isinstance(again, Unreadable) else again.cells
    if len(cells) == 2:
        first = cells[0]
        if first.cell.source == cell.source:
            return None
    return ("cell.splits", "a line of it would begin a new cell", "write it another way, or indent the fence")


def flowing(metadata: Mapping[str, object]) -> dict[str, object]:
    """The metadata that may flow into the text."""
    return {key: value for key, value in metadata.items() if key in FLOWING}


def cell_of(kind: Kind, source: str, metadata: Mapping[str, object]) -> Cell:
    """A notebook's cell as it is compared. Raises ValueError for metadata that JSON cannot say."""
    return Cell(kind=kind, meta=meta_of(flowing(metadata)), source=carried(source))
