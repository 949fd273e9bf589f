"""jupytext as converter and second opinion: the strict reader's notebook is jupytext's, cell for cell."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import jupytext
import msgspec
import nbformat
import pytest
from hypothesis import HealthCheck, given, settings

from runbook.errors import FormatError, TextRefused
from runbook.text.notebook import from_markdown, from_notebook, second_opinion, to_markdown, to_notebook
from runbook.text.notebook_cells import notebook_cells, notebook_of
from runbook.text.reader import read
from runbook.text.runbook import Runbook
from tests.text.percent_texts import HEADER, percent_texts

EXAMPLES = sorted((Path(__file__).parents[2] / "runbooks").glob("*.py"))


def runbook_of(text: str) -> Runbook:
    reading = read(text.encode("utf-8"))
    assert reading.runbook is not None, reading.reasons
    return reading.runbook


def jupytexts(canonical: str) -> dict[str, object]:
    """What jupytext makes of a text, as plain values without the random ids."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fmt = {"extension": ".py", "format_name": "percent", "comment_magics": False}
        notebook = jupytext.reads(canonical, fmt=fmt)
    found: dict[str, object] = json.loads(json.dumps(notebook))
    return without_ids(found)


def without_ids(notebook: dict[str, object]) -> dict[str, object]:
    cells = notebook["cells"]
    assert isinstance(cells, list)
    return {**notebook, "cells": [{k: v for k, v in cell.items() if k != "id"} for cell in cells]}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_the_same_notebook_for_jupytext(path: Path) -> None:
    runbook = runbook_of(path.read_text("utf-8"))
    assert second_opinion(runbook) == ()
    assert without_ids(notebook_of(runbook)) == jupytexts(runbook.canonical)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(percent_texts(normal=True))
def test_a_normal_text_is_the_same_notebook_for_jupytext(text: str) -> None:
    reading = read(text.encode("utf-8"))
    if reading.runbook is not None:
        assert without_ids(notebook_of(reading.runbook)) == jupytexts(reading.runbook.canonical)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(percent_texts())
def test_jupytext_agrees_with_every_text_that_is_accepted(text: str) -> None:
    reading = read(text.encode("utf-8"))
    if reading.runbook is not None:
        assert second_opinion(reading.runbook) == ()


def test_a_comment_stays_a_comment_for_both() -> None:
    runbook = runbook_of(f"{HEADER}\n\n# %%\n# rm victim\n# !touch pwned\n# %run x.py\n")
    cells = to_notebook(runbook)["cells"]
    assert isinstance(cells, list)
    assert cells[1]["source"] == "# rm victim\n# !touch pwned\n# %run x.py"


def test_comments_stay_comments_whatever_the_header_says() -> None:
    text = HEADER.replace("comment_magics: false", "comment_magics: true") + "\n\n# %%\n# !touch pwned\n"
    assert second_opinion(runbook_of(text)) == ()


def with_canonical(text: str, other: str) -> Runbook:
    """A runbook whose text is another one: what a reader that was deceived would hold."""
    return msgspec.structs.replace(runbook_of(text), canonical=other)


@pytest.mark.parametrize(
    ("seen", "there", "line", "words"),
    [
        ("# %%\nx = 1\n", "# %%\nx = 2\n", 1, "jupytext reads the line 'x = 1' as 'x = 2'"),
        ("# %%\nx = 1\n", "# %%\nx = 1\ny = 2\n", 1, "jupytext reads more or fewer lines in this cell"),
        (
            "# %%\nx = 1\n",
            "# %% [markdown]\n# x = 1\n",
            1,
            "jupytext reads prose in a cell that is code here",
        ),
        (
            "# %%\nx = 1\n",
            '# %% active="py"\nx = 1\n',
            1,
            "jupytext reads raw text in a cell that is code here",
        ),
        ("# %%\nx = 1\n", '# %% name="a"\nx = 1\n', 1, "jupytext reads name as '\"a\"'"),
        ("# %%\nx = 1\n", "# %% T\nx = 1\n", 1, "jupytext reads title as '\"T\"'"),
        ("# %%\nx = 1\n", '# %% run_control={"a": 1}\nx = 1\n', 1, "jupytext reads the option run_control"),
        ("# %%\nx = 1\n", "# %%\nx = 1\n# %%\n", 1, "jupytext reads 2 cells where this reader sees 1"),
        ("# %%\nx = 1\n# %%\n", "# %%\nx = 1\n", 3, "jupytext reads 1 cells where this reader sees 2"),
        (
            "# %%\nx = 1\n",
            "# ---\n# jupyter:\n#   jupytext:\n#     text_representation:\n#       extension: .py\n"
            "#       format_name: light\n# ---\n\n# %%\nx = 1\n\ny = 1\n",
            1,
            "jupytext reads",
        ),
        (
            "# %%\nx = 1\n",
            "# ---\n# jupyter:\n#   a: [\n# ---\n# %%\nx = 1\n",
            None,
            "jupytext can't read this text",
        ),
        ("# %%\nx = 1\n", "# -*- coding: latin-1 -*-\n# %%\nx = 1\n", None, "jupytext can't read this text"),
    ],
)
def test_a_difference_of_cells_refuses(seen: str, there: str, line: int | None, words: str) -> None:
    reasons = second_opinion(with_canonical(seen, there))
    assert reasons
    assert reasons[0].code == "jupytext.reading"
    assert reasons[0].degree == "refused"
    assert reasons[0].message.startswith(words)
    assert reasons[0].line == line
    with pytest.raises(TextRefused, match="jupytext"):
        to_notebook(with_canonical(seen, there))


def test_a_notebook_is_valid_and_its_ids_are_stable() -> None:
    runbook = runbook_of(f"{HEADER}\n\n# %%\nx = 1\n\n# %%\nx = 1\n\n# %% [markdown]\n# Words.\n")
    notebook = to_notebook(runbook)
    nbformat.validate(nbformat.from_dict(notebook))
    cells = notebook["cells"]
    assert isinstance(cells, list)
    ids = [cell["id"] for cell in cells]
    assert len(set(ids)) == 4
    assert ids[2] == f"{ids[1]}-2"
    more = runbook_of(f"{HEADER}\n\n# %%\ny = 1\n\n# %%\nx = 1\n\n# %%\nx = 1\n\n# %% [markdown]\n# Words.\n")
    again = to_notebook(more)["cells"]
    assert isinstance(again, list)
    assert [cell["id"] for cell in again][2:] == ids[1:]


def test_the_cells_alone_are_those_of_the_notebook() -> None:
    runbook = runbook_of(f'{HEADER}\n\n# %% Do name="do"\nx = 1\n\n# %% [markdown]\n# Words.\n')
    assert notebook_cells([step.cell for step in runbook.steps]) == [
        {
            "id": notebook_cells([runbook.steps[0].cell])[0]["id"],
            "cell_type": "code",
            "metadata": {"name": "do", "title": "Do"},
            "source": "x = 1",
            "execution_count": None,
            "outputs": [],
        },
        {
            "id": notebook_cells([runbook.steps[1].cell])[0]["id"],
            "cell_type": "markdown",
            "metadata": {},
            "source": "Words.",
        },
    ]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(percent_texts(normal=True))
def test_a_normal_text_comes_back_from_its_notebook_byte_for_byte(text: str) -> None:
    runbook = read(text.encode("utf-8")).runbook
    if runbook is None or not runbook.is_normal or "\n\n\n\n" in text.replace("\n\n\n\ny = 2", ""):
        return  # more blank lines between cells than jupytext notes
    data = json.dumps(notebook_of(runbook)).encode()
    assert from_notebook(data, name="x.ipynb") == runbook.canonical


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_approval_survives_the_way_through_a_notebook(path: Path) -> None:
    runbook = runbook_of(path.read_text("utf-8"))
    data = nbformat.writes(nbformat.from_dict(to_notebook(runbook))).encode()
    assert from_notebook(data, name="x.ipynb") == runbook.canonical


def notebook(*cells: dict[str, object], **metadata: object) -> bytes:
    filled = [{"metadata": {}, **cell} for cell in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": filled}).encode()


def test_a_notebook_of_jupyter_becomes_a_text_in_normal_form() -> None:
    data = notebook(
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Words."]},
        {
            "cell_type": "code",
            "source": "x = 1\r\nprint(x)\n",
            "metadata": {
                "tags": ["parameters"],
                "collapsed": True,
                "execution": {"iopub": "now"},
                "slideshow": {"slide_type": "slide"},
            },
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}],
            "execution_count": 3,
        },
        kernelspec={"name": "conda-env-x", "display_name": "X", "language": "python"},
    )
    text = from_notebook(data, name="x.ipynb")
    assert text.startswith("# ---\n# jupyter:\n#   jupytext:\n#     comment_magics: false\n")
    assert text.endswith(
        '# ---\n\n# %% [markdown]\n# # Title\n#\n# Words.\n\n# %% tags=["parameters"]\nx = 1\nprint(x)\n'
    )
    assert "stdout" not in text


def test_an_old_notebook_is_brought_up_first() -> None:
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {
                "metadata": {},
                "cells": [{"cell_type": "code", "language": "python", "input": "x = 1", "outputs": []}],
            }
        ],
    }
    assert from_notebook(json.dumps(old).encode(), name="x.ipynb").endswith("# %%\nx = 1\n")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "Expected `object`"),
        (b"{}", "not a notebook of nbformat 4"),
        (b'{"nbformat": 5}', "not a notebook of nbformat 4 (5)"),
        (b'{"nbformat": 4}', "cell 1 is of a kind that text can't carry (None)"),
        (notebook({"cell_type": "code", "source": 1}), "cell 1 is not as nbformat says"),
        (
            notebook({"cell_type": "heading", "source": ""}),
            "cell 1 is of a kind that text can't carry ('heading')",
        ),
        (
            notebook({"cell_type": "markdown", "source": "x", "attachments": {"a.png": {}}}),
            "cell 1 has attachments, which text can't carry",
        ),
        (notebook({"cell_type": "code", "source": "x\n# %%\ny"}), "cell 1 would read back otherwise"),
        (
            notebook({"cell_type": "code", "source": "x\n# In[3]:\ny"}),
            "ambiguous: jupytext begins a new cell",
        ),
        (
            notebook({"cell_type": "code", "source": "x = '''"}, {"cell_type": "code", "source": "1"}),
            "ambiguous: for jupytext this marker stands inside a string",
        ),
        (notebook({"cell_type": "code", "source": "x = 1\ry = 2"}), "a carriage return"),
        (
            notebook({"cell_type": "code", "source": "x", "metadata": {"title": "a b=1"}}),
            "cell 1 would read back",
        ),
        (notebook({"cell_type": "code", "source": "x", "metadata": {"a b": 1}}), "cell 1 would read back"),
        (notebook(kernelspec={"language": "R"}), "a notebook in 'R'; runbooks are in Python"),
    ],
)
def test_what_text_can_not_carry_is_refused_by_name(data: bytes, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        from_notebook(data, name="x.ipynb")
    assert words in caught.value.message
    assert caught.value.subject == "x.ipynb"


@settings(max_examples=150, deadline=None)
@given(percent_texts())
def test_every_notebook_comes_back_with_the_same_cells_or_is_refused(text: str) -> None:
    made = jupytexts(text)
    try:
        back = from_notebook(json.dumps(made).encode(), name="x.ipynb")
    except FormatError:
        return
    again = jupytexts(back)
    for before, after in zip(cells_of(made), cells_of(again), strict=True):
        assert before == after


def cells_of(notebook: dict[str, object]) -> list[tuple[str, str]]:
    cells = notebook["cells"]
    assert isinstance(cells, list)
    return [
        (cell["cell_type"], cell["source"].rstrip("\n"))
        for cell in cells
        if not (cell["cell_type"] == "raw" and cell["source"].startswith("---"))
    ]


def test_markdown_goes_both_ways() -> None:
    runbook = runbook_of(f'{HEADER}\n\n# %% [markdown]\n# Words.\n\n# %% name="do"\nx = 1\n')
    markdown = to_markdown(runbook)
    assert "```python" in markdown
    assert from_markdown(markdown, name="x.md") == runbook.canonical


def test_a_run_needs_neither_jupytext_nor_nbformat() -> None:
    source = (
        "import sys, runbook.text.notebook_cells, runbook.text.values, runbook.text.injection\n"
        "import runbook.text.notebook_text, runbook.text.normal, runbook.text.lint\n"
        "assert not {'jupytext', 'nbformat', 'nbclient', 'nbconvert'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True)
