"""jupytext: converter and second opinion. The one module of the room that imports it (DESIGN §4.2).

jupytext is asked with `comment_magics=False`, whatever the header says, and without any configuration file;
header options that change what it reads show as a difference of cells, and refuse. It never decides what
runs: it is asked whether it would have read the same.
"""

import json
import warnings

import jupytext
import nbformat

from runbook.decoding import decode_json
from runbook.errors import FormatError, TextRefused
from runbook.text.marker import OPTIONS
from runbook.text.notebook_cells import notebook_of
from runbook.text.notebook_text import LIMIT_BYTES, text_of_notebook
from runbook.text.reasons import Reason, reason
from runbook.text.runbook import Runbook

_HINT = "write the cells plainly, each under its `# %%`: other tools would see another notebook in it"
# With these jupytext changes what a cell is or holds, wherever they come from.
_CHANGING = ("active", "language", "run_control", "magic_args", "cell_type", "incorrectly_encoded_metadata")
_NAMES = {"code": "code", "markdown": "prose", "raw": "raw text"}


def second_opinion(runbook: Runbook) -> tuple[Reason, ...]:
    """Every difference between the cells of `runbook` and what jupytext reads in the same text.

    Empty when both agree on kinds, titles, sources and the options that mean something. Never raises: a text
    that jupytext can't read is a difference.
    """
    try:
        theirs = _jupytext_cells(runbook.canonical)
    except Exception as error:  # noqa: BLE001  # whatever breaks in there on a hostile text, it is refused
        words = f"jupytext can't read this text: {type(error).__name__}: {str(error)[:200]!r}"
        return (reason("jupytext.reading", None, words, _HINT),)
    mine = notebook_of(runbook)["cells"]
    assert isinstance(mine, list)
    lines = [1] * (len(mine) - len(runbook.steps)) + [step.cell.line for step in runbook.steps]
    reasons = []
    for line, ours, other in zip(lines, mine, theirs, strict=False):
        difference = _difference(ours, other)
        if difference:
            reasons.append(reason("jupytext.reading", line, f"jupytext reads {difference}", _HINT))
    if len(mine) != len(theirs):
        words = f"jupytext reads {len(theirs)} cells where this reader sees {len(mine)}"
        where = lines[min(len(theirs), len(lines) - 1)] if lines else None
        reasons.append(reason("jupytext.reading", where, words, _HINT))
    return tuple(reasons)


def jupytext_cells(canonical: str) -> list[dict[str, object]] | None:
    """jupytext's own reading of a text, cell by cell (`cell_type`, `source`, `metadata`), the front matter's
    raw cell included; None when it can't read it."""
    try:
        return _jupytext_cells(canonical)
    except Exception:  # noqa: BLE001  # whatever breaks in there on a hostile text
        return None


def _jupytext_cells(canonical: str) -> list[dict[str, object]]:
    with warnings.catch_warnings(action="ignore"):
        notebook = jupytext.reads(canonical, fmt=_format())
    return [dict(cell) for cell in notebook.cells]


def _format() -> dict[str, object]:
    return {"extension": ".py", "format_name": "percent", "comment_magics": False}


def _difference(mine: dict[str, object], theirs: dict[str, object]) -> str:
    """In words what jupytext sees otherwise in one cell; empty when nothing that matters."""
    if mine["cell_type"] != theirs["cell_type"]:
        other = _NAMES.get(str(theirs["cell_type"]), "something else")
        return f"{other} in a cell that is {_NAMES[str(mine['cell_type'])]} here"
    if mine["source"] != theirs["source"]:
        pairs = zip(str(mine["source"]).split("\n"), str(theirs["source"]).split("\n"), strict=False)
        odd = next(((ours, other) for ours, other in pairs if ours != other), None)
        if odd is None:
            return "more or fewer lines in this cell"
        return f"the line {odd[0][:60]!a} as {odd[1][:60]!a}"
    ours, others = mine["metadata"], theirs["metadata"]
    assert isinstance(ours, dict)
    assert isinstance(others, dict)
    for key in ("title", *OPTIONS):
        if ours.get(key) != others.get(key):
            return f"{key} as {json.dumps(others.get(key), default=str)[:60]!a}"
    changing = [key for key in _CHANGING if key in others]
    return f"the option {changing[0]}, which changes what the cell is" if changing else ""


def to_notebook(runbook: Runbook) -> dict[str, object]:
    """The runbook as an nbformat 4.5 notebook, cell for cell what jupytext makes of it; ids are stable.

    Raises TextRefused when jupytext would make another one.
    """
    _require_agreement(runbook)
    return notebook_of(runbook)


def from_notebook(data: bytes, *, name: str) -> str:
    """The percent text (LF) of a notebook's bytes; notebooks older than nbformat 4 are brought up first.

    Outputs and what Jupyter adds by itself are left out. Raises FormatError, naming the cells, for what
    percent text can't carry: attachments, another language, a line of code that would begin a new cell.
    """
    version = decode_json(data, dict[str, object], name=name, limit_bytes=LIMIT_BYTES).get("nbformat")
    if version in (1, 2, 3):
        with warnings.catch_warnings(action="ignore"):
            data = nbformat.writes(nbformat.reads(data.decode("utf-8"), as_version=4)).encode("utf-8")
    return text_of_notebook(data, name=name)


def to_markdown(runbook: Runbook) -> str:
    """The runbook as jupytext's markdown, for reading elsewhere. Raises TextRefused as `to_notebook` does."""
    _require_agreement(runbook)
    notebook = nbformat.from_dict(notebook_of(runbook))
    with warnings.catch_warnings(action="ignore"):
        text: str = jupytext.writes(notebook, fmt="md")
    return text


def from_markdown(text: str, *, name: str) -> str:
    """The percent text of a markdown file with fenced Python, as jupytext reads it. Raises FormatError."""
    try:
        with warnings.catch_warnings(action="ignore"):
            notebook = jupytext.reads(text, fmt={"extension": ".md", "format_name": "markdown"})
    except Exception as error:  # the text is somebody's, the exception is jupytext's: any of them
        raise FormatError(f"jupytext can't read it: {str(error)[:200]!r}", subject=name) from error
    return text_of_notebook(nbformat.writes(notebook).encode("utf-8"), name=name)


def _require_agreement(runbook: Runbook) -> None:
    reasons = second_opinion(runbook)
    if reasons:
        first = reasons[0]
        raise TextRefused(first.message, reasons=reasons, line=first.line, hint=first.hint)
