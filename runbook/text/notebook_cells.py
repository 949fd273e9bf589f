"""The runbook as an nbformat 4.5 notebook, made of the strict reader's cells alone. Pure and light.

Cell for cell what jupytext makes of the same text, with `comment_magics: false`; a differential test holds
that. Imports neither jupytext nor nbformat, so that runs and pairs stay fast.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence

import yaml

from runbook.text.fences import Place, locate, uncommented
from runbook.text.lines import lines_of
from runbook.text.marker import OPTIONS
from runbook.text.runbook import Cell, Option, Runbook
from runbook.text.spacing import expected_blank_lines


def notebook_of(runbook: Runbook) -> dict[str, object]:
    """The whole notebook, as plain values that JSON writes: header, cells, metadata, stable cell ids.

    The header's root keys become the first cell (raw), as jupytext keeps them byte for byte.
    """
    lines = lines_of(runbook.canonical)
    place, _ = locate(lines)
    cells = [step.cell for step in runbook.steps]
    header = _header_cell(lines, place)
    found = [*([] if header is None else [header]), *_cells(cells, lines)]
    return {
        "cells": with_ids(found),
        "metadata": _metadata(lines, place, found),
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def notebook_cells(cells: Sequence[Cell]) -> list[dict[str, object]]:
    """The cells alone, without the notes on spacing: for a notebook that is run, not written back."""
    return with_ids([_cell(cell) for cell in cells])


def with_ids(cells: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """The cells with ids that two readings give alike: from kind and source, and for a twin its number.

    A cell keeps its id when others are put before it, so that its outputs are found again.
    """
    seen: dict[str, int] = {}
    found = []
    for cell in cells:
        content = f"{cell['cell_type']}\n{cell['source']}"
        name = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        seen[name] = seen.get(name, 0) + 1
        found.append({"id": name if seen[name] == 1 else f"{name}-{seen[name]}", **cell})
    return found


def _cells(cells: Sequence[Cell], lines: Sequence[str]) -> Iterator[dict[str, object]]:
    for place, cell in enumerate(cells, 1):
        following = cells[place].line - 1 if place < len(cells) else len(lines)
        found = _cell(cell)
        blank = following - max(cell.end_line, cell.source_line - 1)
        if blank and following >= len(lines):
            blank += 1
        elif not blank and following >= len(lines):
            blank = 1
        # jupytext looks at the cell's lines as they stand, or at one empty line where there are none.
        content = lines[cell.source_line - 1 : cell.end_line] or [""]
        if blank != expected_blank_lines(content, lines[following:]):
            found["metadata"] = {**_as_mapping(found["metadata"]), "lines_to_next_cell": blank}
        yield found


def _as_mapping(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def _cell(cell: Cell) -> dict[str, object]:
    metadata: dict[str, object] = {key: _option(key, value) for key, value in cell.options}
    if cell.title:
        metadata["title"] = cell.title
    found: dict[str, object] = {"cell_type": cell.kind, "metadata": metadata, "source": cell.source}
    if cell.kind == "code":
        found |= {"execution_count": None, "outputs": []}
    return found


def _option(key: str, value: Option) -> object:
    if isinstance(value, tuple):
        return list(value)
    # The reader keeps what means nothing to it as JSON text.
    return json.loads(value) if key not in OPTIONS and isinstance(value, str) else value


def _header_cell(lines: Sequence[str], place: Place) -> dict[str, object] | None:
    """The root keys but `jupyter`, in a raw cell, as jupytext parts them."""
    if place.opening is None or place.closing is None:
        return None
    root, _ = _parted(lines, place)
    if not root:
        return None
    blank = place.end - place.closing - 1
    metadata: dict[str, object] = {}
    if blank != expected_blank_lines(["---"], lines[place.end :]):
        metadata["lines_to_next_cell"] = blank
    return {"cell_type": "raw", "metadata": metadata, "source": "\n".join(["---", *root, "---"])}


def _parted(lines: Sequence[str], place: Place) -> tuple[list[str], list[str]]:
    """The header's lines: those of the root, and those of the `jupyter:` section."""
    root: list[str] = []
    section: list[str] = []
    inside = False
    for line in map(uncommented, lines[(place.opening or 0) + 1 : place.closing]):
        if line.startswith("jupyter") and line.removeprefix("jupyter").strip() == ":":
            inside = True
        elif line and not line[0].isspace():
            inside = False
        (section if inside else root).append(line)
    return root, section


def _metadata(lines: Sequence[str], place: Place, cells: Sequence[dict[str, object]]) -> dict[str, object]:
    section: list[str] = []
    if place.opening is not None and place.closing is not None:
        _, section = _parted(lines, place)
    if not section:
        return _without_section(lines, place, cells)
    found: dict[str, object] = yaml.safe_load("\n".join(section))["jupyter"] or {}
    jupytext = found.setdefault("jupytext", {})
    if isinstance(jupytext, dict):
        jupytext["comment_magics"] = False
        shape = jupytext.setdefault("text_representation", {})
        if isinstance(shape, dict):
            shape.setdefault("extension", ".py")
            shape.setdefault("format_name", "percent")
    return found


def _without_section(
    lines: Sequence[str], place: Place, cells: Sequence[dict[str, object]]
) -> dict[str, object]:
    """What jupytext notes of a text that says nothing about itself: write no metadata back into it."""
    keys = {key for cell in cells for key in _as_mapping(cell["metadata"])}
    jupytext: dict[str, object] = {
        "cell_metadata_filter": ",".join([*sorted(keys), "-all"]),
        "comment_magics": False,
        "notebook_metadata_filter": "-all",
        "text_representation": {"extension": ".py", "format_name": "percent"},
    }
    if cells:
        jupytext["main_language"] = "python"
    if place.skipped and lines[0].startswith("#!"):
        jupytext["executable"] = lines[0][2:]
    coding = lines[place.skipped - 1] if place.skipped else ""
    if coding and not coding.startswith("#!"):
        jupytext["encoding"] = coding
    return {"jupytext": jupytext}
