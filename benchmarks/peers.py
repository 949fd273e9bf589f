"""The peers that run notebooks, as whole processes: papermill, and nbclient as plainly as it can be used."""

import sys
from pathlib import Path

import jupytext

from benchmarks.measure import process, program

NBCLIENT = """\
import sys

import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def notebook(text: bytes, path: Path) -> Path:
    """The same cells as a notebook, made by jupytext."""
    jupytext.write(jupytext.reads(text.decode(), fmt="py:percent"), path)
    return path


def papermill(path: Path) -> None:
    """`papermill IN OUT`, with its progress bar off: it would cost time on a pipe."""
    words = [
        program("papermill"),
        str(path),
        str(path.with_suffix(".out.ipynb")),
        "--no-progress-bar",
        "-k",
        "python3",
    ]
    process(words, folder=path.parent)


def nbclient(path: Path) -> None:
    """Read, execute, write: what every user of nbclient writes."""
    process(
        [sys.executable, "-c", NBCLIENT, str(path), str(path.with_suffix(".nb.ipynb"))], folder=path.parent
    )
