"""A notebook's bytes as cells, and back, without nbformat: cells that did not change keep their very bytes.

Reads JSON of nbformat 4 (older versions are upgraded in memory, by `pairing/upgrade`, which alone imports
nbformat). Writes with the file's own indentation, escapes and final newline, and never raises the file's
minor version. Pure.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from runbook.pairing.cells import Cell, Kind, meta_of
from runbook.pairing.fidelity import cell_of
from runbook.pairing.reports import Problem
from runbook.pairing.texts import Unreadable

_BLANK = re.compile(r"[ \t\n\r]*")
_INDENT = re.compile(r"\{\r?\n([ \t]+)\"")
_DECODER = json.JSONDecoder()
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_KINDS: dict[str, Kind] = {"code": "code", "markdown": "markdown", "raw": "raw"}


class NotebookCell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell: its JSON text (`raw`), the same decoded (`plain`), and the cell as it is compared."""

    raw: str
    plain: dict[str, Any]
    cell: Cell
    metas: dict[str, str]
    id: str | None


class Notebook(msgspec.Struct, frozen=True, kw_only=True):
    """A notebook that was read. `before` and `after` are the JSON text around the list of cells, `header` is
    the first raw cell when it holds the front matter (then it is not in `cells`)."""

    before: str
    after: str
    bom: bool
    header: NotebookCell | None
    cells: tuple[NotebookCell, ...]
    metadata: dict[str, Any]
    minor: int
    indent: str | None  # None: everything on one line
    ascii: bool
    crlf: bool
    upgraded: bool = False

    @property
    def has_ids(self) -> bool:
        return self.minor >= 5


def read_notebook(data: bytes) -> Notebook | Unreadable | None:
    """Read a notebook's bytes; None for an older format that must be upgraded first. Never raises."""
    bom = data.startswith(b"\xef\xbb\xbf")
    try:
        whole = data.decode("utf-8-sig")
        parts = _parts(whole)
    except UnicodeDecodeError as error:
        return _damaged("notebook.encoding", f"not UTF-8 (byte {error.start})")
    except (ValueError, RecursionError, IndexError) as error:
        return _damaged("notebook.json", f"not the JSON of a notebook: {error}")
    top, cells, span = parts
    major, minor = top.get("nbformat"), top.get("nbformat_minor")
    if type(major) is int and 1 <= major < 4:
        return None
    if type(major) is int and major > 4:
        words = f"nbformat {major}, which this program does not know"
        return _refused("notebook.newer", words, hint="update runbook")
    metadata = top.get("metadata", {})
    if major != 4 or type(minor) is not int or cells is None or not isinstance(metadata, dict):
        return _damaged("notebook.format", "JSON, but not a notebook (nbformat, metadata, cells)")
    found, problem = _cells(whole, cells)
    if problem is not None:
        return Unreadable(problem=problem, kind="refused")
    header = found.pop(0) if found and is_header(found[0].plain) else None
    indent = _INDENT.match(whole)
    return Notebook(
        before=whole[: span[0]],
        after=whole[span[1] :],
        bom=bom,
        header=header,
        cells=tuple(found),
        metadata=metadata,
        minor=minor,
        indent=indent[1] if indent else None,
        ascii=whole.isascii() and "\\u" in whole,
        crlf="\r\n" in whole,
    )


def _damaged(code: str, message: str) -> Unreadable:
    hint = "save it again, or take an earlier version: `runbook versions NAME`"
    return Unreadable(kind="damaged", problem=Problem(code=code, message=message, hint=hint))


def _refused(code: str, message: str, *, hint: str, cell: int | None = None) -> Unreadable:
    return Unreadable(kind="refused", problem=Problem(code=code, message=message, hint=hint, cell=cell))


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _parts(text: str) -> tuple[dict[str, Any], list[tuple[dict[str, Any], int, int]] | None, tuple[int, int]]:
    """The top level's values, the cells with where each stands, and where their list's inside stands."""
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("no object at its beginning")
    at = _skip(text, at + 1)
    top: dict[str, Any] = {}
    cells: list[tuple[dict[str, Any], int, int]] | None = None
    span = (0, 0)
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise ValueError(f"a key is missing at character {at}")
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise ValueError(f"a colon is missing at character {at}")
        at = _skip(text, at + 1)
        if key in top or (key == "cells" and cells is not None):
            raise ValueError(f"the key {key!r} twice")
        if key == "cells" and text[at : at + 1] == "[":
            start = at + 1
            cells, at = _list(text, start)
            span = (start, at - 1)
        else:
            top[key], at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
            if text[at : at + 1] == "}":
                raise ValueError(f"a comma too many at character {at}")
        elif text[at : at + 1] != "}":
            raise ValueError(f"a comma is missing at character {at}")
    if text[_skip(text, at + 1) :]:
        raise ValueError(f"more behind its end at character {at + 1}")
    return top, cells, span


def _list(text: str, at: int) -> tuple[list[tuple[dict[str, Any], int, int]], int]:
    found: list[tuple[dict[str, Any], int, int]] = []
    at = _skip(text, at)
    while text[at : at + 1] != "]":
        plain, end = _DECODER.raw_decode(text, at)
        if not isinstance(plain, dict):
            raise ValueError(f"a cell that is no object at character {at}")
        found.append((plain, at, end))
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
            if text[at : at + 1] == "]":
                raise ValueError(f"a comma too many at character {at}")
        elif text[at : at + 1] != "]":
            raise ValueError(f"a comma is missing at character {at}")
    return found, at + 1


def _cells(
    text: str, parts: Sequence[tuple[dict[str, Any], int, int]]
) -> tuple[list[NotebookCell], Problem | None]:
    found: list[NotebookCell] = []
    seen: set[str] = set()
    for number, (plain, start, end) in enumerate(parts, 1):
        cell = notebook_cell(plain, text[start:end])
        if cell is None:
            words = "a cell without kind, source or metadata"
            return [], Problem(code="notebook.cell", cell=number, message=words, hint="mend it in Jupyter")
        if cell.id is not None and cell.id in seen:
            words = f"the cell id {cell.id!r} twice"
            return [], Problem(code="notebook.id", cell=number, message=words, hint="save it once in Jupyter")
        if cell.id is not None:
            seen.add(cell.id)
        found.append(cell)
    return found, None


def notebook_cell(plain: dict[str, Any], raw: str) -> NotebookCell | None:
    """One decoded cell; None when it is none of nbformat 4."""
    kind = _KINDS.get(str(plain.get("cell_type")))
    source = _joined(plain.get("source", ""))
    metadata = plain.get("metadata", {})
    outputs = plain.get("outputs", [])
    if (
        kind is None
        or not isinstance(source, str)
        or not isinstance(metadata, dict)
        or not isinstance(outputs, list)
    ):
        return None
    try:
        metas = dict(meta_of(metadata)) if metadata else {}
        cell = cell_of(kind, source, metadata)
    except ValueError:
        return None
    own_id = plain.get("id")
    return NotebookCell(
        raw=raw, plain=plain, cell=cell, metas=metas, id=own_id if isinstance(own_id, str) else None
    )


def _joined(source: object) -> object:
    """A source as one text; None for a list that holds something else."""
    if not isinstance(source, list):
        return source
    try:
        return "".join(source)
    except TypeError:
        return None


def is_header(plain: Mapping[str, Any]) -> bool:
    """Whether jupytext takes this first cell for the front matter."""
    if plain.get("cell_type") != "raw":
        return False
    source = plain.get("source", "")
    whole = "".join(source) if isinstance(source, list) else str(source)
    lines = whole.strip("\n\t ").splitlines()
    return len(lines) >= 2 and lines[0].rstrip() == lines[-1].rstrip() == "---"


def source_of(plain: Mapping[str, Any]) -> str:
    """A cell's source as one text, exactly as the notebook holds it."""
    source = plain.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def write_notebook(notebook: Notebook, cells: Sequence[str], metadata: Mapping[str, Any] | None) -> bytes:
    """The notebook's bytes with these cells (JSON texts, header included); `metadata` None leaves it alone.

    Everything around the cells keeps its bytes. Raises ValueError for what JSON or UTF-8 cannot say.
    """
    newline = "\r\n" if notebook.crlf else "\n"
    unit = notebook.indent
    if not cells:
        inside = ""
    elif unit is None:
        inside = ", ".join(cells)
    else:
        step = newline + unit * 2
        inside = step + f",{step}".join(cells) + newline + unit
    before, after = notebook.before, notebook.after
    if metadata is not None:
        before, after = _with_metadata(notebook, before, after, metadata)
    data = (before + inside + after).encode("utf-8")
    return b"\xef\xbb\xbf" + data if notebook.bom else data


def _with_metadata(
    notebook: Notebook, before: str, after: str, metadata: Mapping[str, Any]
) -> tuple[str, str]:
    """Replace the value of the top level's `metadata`, which stands before or behind the cells."""
    whole = before + after
    at = _skip(whole, _skip(whole, 0) + 1)
    while whole[at] != "}":
        key, at = _DECODER.raw_decode(whole, at)
        at = _skip(whole, _skip(whole, at) + 1)
        start = at
        # The list of cells is empty here: `before` ends inside it, `after` begins with its end.
        _, at = _DECODER.raw_decode(whole, at)
        if key == "metadata":
            fresh = dump(notebook, metadata, depth=1)
            if start < len(before):
                return before[:start] + fresh + before[at:], after
            return before, after[: start - len(before)] + fresh + after[at - len(before) :]
        at = _skip(whole, at)
        at = _skip(whole, at + 1) if whole[at] == "," else at
    return before, after


def dump(notebook: Notebook, plain: object, *, depth: int) -> str:
    """A value as this notebook spells it, to stand at `depth`. Raises ValueError, TypeError."""
    spelling = _ASCII if notebook.ascii else _UNICODE
    if notebook.indent is None:
        return spelling.leaf(plain)
    newline = "\r\n" if notebook.crlf else "\n"
    return _indented(plain, spelling, newline + notebook.indent * depth, notebook.indent)


class _Spelling(msgspec.Struct, frozen=True):
    """How texts, and other values that hold none, are written."""

    text: Callable[[str], str]
    leaf: Callable[[object], str]


_ASCII = _Spelling(json.encoder.encode_basestring_ascii, json.JSONEncoder().encode)
_UNICODE = _Spelling(json.encoder.encode_basestring, json.JSONEncoder(ensure_ascii=False).encode)


def _indented(value: object, spelling: _Spelling, here: str, unit: str) -> str:
    """As `json.dumps` with an indentation, which is three times slower because it is not in C."""
    inner = here + unit
    text = spelling.text
    if isinstance(value, dict) and value:
        parts = [f"{text(str(key))}: {_indented(each, spelling, inner, unit)}" for key, each in value.items()]
        return "{" + inner + f",{inner}".join(parts) + here + "}"
    if isinstance(value, list) and value:
        parts = [
            text(each) if isinstance(each, str) else _indented(each, spelling, inner, unit) for each in value
        ]
        return "[" + inner + f",{inner}".join(parts) + here + "]"
    return spelling.leaf(value)


def source_lines(source: str, like: Mapping[str, Any] | None) -> str | list[str]:
    """A source in the shape that the file uses: a list of lines, or one text."""
    if like is not None and isinstance(like.get("source"), str):
        return source
    return _LINES.findall(source)
