"""A notebook's bytes as percent text. Pure, without nbformat or jupytext.

What is written is read back by the strict reader and compared, cell by cell; whatever would come back
otherwise is refused by its number and never silently changed. Outputs do not belong to the text.
"""

import json
import re
from collections.abc import Sequence

import msgspec

from runbook.decoding import decode_json
from runbook.errors import FormatError
from runbook.text.header import read_header
from runbook.text.jupyter_section import is_formats
from runbook.text.lines import canonical_text, lines_of
from runbook.text.marker import Kind
from runbook.text.notebook_cells import notebook_cells
from runbook.text.percent import read_cells
from runbook.text.spacing import expected_blank_lines
from runbook.text.spellings import shown
from runbook.text.writing import body_lines, header_lines, in_order, marker_line

LIMIT_BYTES = 64 << 20

# What Jupyter, its clients and papermill note for themselves: about a run or a screen, not about the step.
_NOTES = frozenset(
    {
        *("autoscroll", "collapsed", "deletable", "editable", "execution", "ExecuteTime", "hidden", "id"),
        *("jupyter", "lines_to_next_cell", "papermill", "scrolled", "slideshow", "trusted", "widgets"),
        *("colab", "colab_type", "heading_collapsed", "jp-MarkdownHeadingCollapsed", "jukit_cell_id"),
        *("nbgrader", "nteract", "outputId", "pycharm", "vscode"),
    }
)
# Where another reader would see other cells in the text.
_DISPUTED = ("cell.marker", "cell.title", "cell.option")
_LOOK = "look for a line that begins a cell (`# %%`), an open string or fence, a title with `=`"
_FRONT = re.compile(r"---\n(.*\n)?---", re.DOTALL)


class _Cell(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    source: str
    metadata: dict[str, object]


def text_of_notebook(data: bytes, *, name: str) -> str:
    """The percent text of an nbformat 4 notebook. Raises FormatError, naming cells that can't be carried."""
    notebook = decode_json(data, dict[str, object], name=name, limit_bytes=LIMIT_BYTES)
    if notebook.get("nbformat") != 4:
        raise FormatError(f"not a notebook of nbformat 4 ({shown(notebook.get('nbformat'))})", subject=name)
    language = _at(notebook, "metadata", "kernelspec", "language") or "python"
    if language != "python":
        raise FormatError(f"a notebook in {shown(language)}; runbooks are in Python", subject=name)
    cells = _cells(notebook.get("cells"), name)
    root: list[str] = []
    front = _FRONT.fullmatch(cells[0].source) if cells and cells[0].kind == "raw" else None
    blank_after_header = None
    if front is not None:
        root = (front[1] or "").split("\n")[:-1]
        blank_after_header = cells.pop(0).metadata.get("lines_to_next_cell")
    formats = _at(notebook, "metadata", "jupytext", "formats")
    header = header_lines(root, formats=formats if isinstance(formats, str) and is_formats(formats) else None)
    text = _joined(header, cells, blank_after_header)
    _require_same(text, cells, name)
    return text


def _at(found: object, *keys: str) -> object:
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _cells(found: object, name: str) -> list[_Cell]:
    cells: list[_Cell] = []
    problems: list[str] = []
    for place, each in enumerate(found if isinstance(found, list) else [None], 1):
        cell, problem = _cell(each)
        cells += [] if cell is None else [cell]
        problems += [f"cell {place} {problem}"] if problem else []
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        hint = "change the cell in the notebook, or leave it out"
        raise FormatError(f"{problems[0]}{more}", subject=name, hint=hint)
    return cells


def _cell(found: object) -> tuple[_Cell | None, str]:
    kind, source, metadata = (_at(found, key) for key in ("cell_type", "source", "metadata"))
    if kind not in ("code", "markdown", "raw"):
        return None, f"is of a kind that text can't carry ({shown(kind)})"
    if _at(found, "attachments"):
        return None, "has attachments, which text can't carry"
    lines = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines) or not isinstance(metadata, dict | None):
        return None, "is not as nbformat says"
    # One line end is one line end: a CR LF in a notebook is a Windows editor's.
    text = "".join(map(str, lines)).replace("\r\n", "\n").rstrip("\n")
    wanted: Kind = "code" if kind == "code" else "raw" if kind == "raw" else "markdown"
    return _Cell(kind=wanted, source=text, metadata=metadata or {}), ""


def _options(cell: _Cell) -> list[tuple[str, object]]:
    kept = [(key, value) for key, value in cell.metadata.items() if key not in _NOTES and key != "title"]
    return in_order([(key, value) for key, value in kept if not (key == "tags" and value == [])])


def _title(cell: _Cell) -> str:
    title = cell.metadata.get("title", "")
    return title if isinstance(title, str) else json.dumps(title)


def _joined(header: Sequence[str], cells: Sequence[_Cell], blank_after_header: object) -> str:
    """From the last cell to the first, since a cell's spacing depends on what follows."""
    lines: list[str] = []
    for cell in reversed(cells):
        body = body_lines(cell.kind, cell.source)
        block = [marker_line(cell.kind, _title(cell), _options(cell)), *body]
        if lines:
            block += [""] * _blank(cell.metadata.get("lines_to_next_cell"), body or [""], lines)
        lines = block + lines
    if lines:
        lines = [""] * _blank(blank_after_header, ["---"], lines) + lines
    return "\n".join([*header, *lines]) + "\n"


def _blank(noted: object, body: Sequence[str], after: Sequence[str]) -> int:
    if isinstance(noted, int) and not isinstance(noted, bool) and 0 <= noted <= 2:
        return noted
    return expected_blank_lines(body, after)


def _require_same(text: str, cells: Sequence[_Cell], name: str) -> None:
    canonical, reasons = canonical_text(text.encode("utf-8", "surrogatepass"))
    if canonical != text or reasons:
        raise FormatError(reasons[0].message if reasons else "its characters can't be kept", subject=name)
    lines = lines_of(text)
    _, place, _ = read_header(lines)
    read, problems = read_cells(lines, place.end)
    for problem in problems:
        if problem.code in _DISPUTED:
            raise FormatError(f"the text would be ambiguous: {problem.message}", subject=name, hint=_LOOK)
    back = notebook_cells(read)
    for number, cell in enumerate(cells, 1):
        if number > len(back):
            raise FormatError(f"cell {number} would be lost in the text", subject=name)
        found = back[number - 1]
        same = found["cell_type"] == cell.kind and found["source"] == cell.source
        metadata = {**dict(_options(cell)), **({"title": _title(cell)} if _title(cell) else {})}
        if not same or found["metadata"] != metadata:
            raise FormatError(
                f"cell {number} would read back otherwise from the text",
                subject=name,
                hint=_LOOK,
            )
    if len(back) > len(cells):
        raise FormatError("the text would have more cells than the notebook", subject=name)
