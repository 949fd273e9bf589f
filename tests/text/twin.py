"""The other reader: what jupytext itself makes of a text, for tests that compare."""

import warnings

import jupytext

from runbook.text.fences import locate
from runbook.text.lines import lines_of
from runbook.text.runbook import Runbook

Cells = list[tuple[str, str]]
PERCENT = {"extension": ".py", "format_name": "percent", "comment_magics": False}


def our_cells(runbook: Runbook) -> Cells:
    return [(step.cell.kind, step.cell.source) for step in runbook.steps]


def jupytext_cells(runbook: Runbook) -> Cells:
    """Kind and source of each cell, the raw cell that holds the header left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = jupytext.reads(runbook.canonical, fmt=dict(PERCENT))
    cells = [(cell.cell_type, cell.source) for cell in notebook.cells]
    place, _ = locate(lines_of(runbook.canonical))
    if place.opening is not None and cells and cells[0][0] == "raw" and cells[0][1].startswith("---"):
        return cells[1:]
    return cells


def jupytext_marker(line: str) -> tuple[str, str, dict[str, object]]:
    """Kind, title and metadata that jupytext reads from a marker line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = jupytext.reads(f"{line}\n# x\n\n# %%\n", fmt=dict(PERCENT))
    cell = notebook.cells[0]
    metadata = dict(cell.metadata)
    for key in ("lines_to_next_cell", "cell_depth", "region_name"):
        metadata.pop(key, None)
    return cell.cell_type, metadata.pop("title", ""), metadata
