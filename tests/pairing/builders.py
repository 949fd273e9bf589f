"""Workspaces, texts and notebooks for the tests of pairs: real files, built in a few words."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.pairing.flow import is_alike
from runbook.pairing.notebooks import Notebook, read_notebook
from runbook.pairing.places import Pair, Place, find_pairs, pair_of, place
from runbook.pairing.reports import PairReport
from runbook.pairing.session import Options
from runbook.pairing.sync import sync_all, sync_pair
from runbook.pairing.texts import Text, read_text
from runbook.system.swap import Fault, no_fault

NOW = datetime(2026, 11, 21, 0, 12, 5, tzinfo=UTC)
HEADER = """\
# ---
# runbook:
#   title: Restart
#   owner: sre@example.com
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

"""
BODY = """\
# %% [markdown]
# # Restart the web tier
# Slowly.

# %% Is it up? name="health"
status = "up"
print(status)

# %% tags=["danger"]
restart = True
"""
TEXT = HEADER + BODY


class Bench:
    """A workspace with one pair, `x.py` and `x.ipynb`, in its folder `runbooks`."""

    def __init__(self, root: Path, text: str | bytes | None = TEXT, *, patience_seconds: float = 0.0) -> None:
        root.mkdir(parents=True, exist_ok=True)
        (root / "runbooks").mkdir(exist_ok=True)
        self.root = root
        self.place: Place = place(root, env=dict(os.environ))
        self.pair: Pair = pair_of(self.place.root, "runbooks/x.py", template=None)
        self.text = root / "runbooks/x.py"
        self.notebook = root / "runbooks/x.ipynb"
        self.patience_seconds = patience_seconds
        if text is not None:
            self.write(text)

    def write(self, text: str | bytes) -> None:
        self.text.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)

    def sync(self, *, fault: Fault = no_fault, **options: Any) -> PairReport:
        wishes = Options(**{"patience_seconds": self.patience_seconds, **options})
        return sync_pair(self.place, self.pair, now=NOW, options=wishes, fault=fault)

    def sync_all(self, *, template: str | None = None, **options: Any) -> dict[str, PairReport]:
        wishes = Options(**{"patience_seconds": self.patience_seconds, **options})
        pairs = find_pairs(self.place.root, folders=["runbooks"], template=template)
        return {report.name: report for report in sync_all(self.place, pairs, now=NOW, options=wishes)}

    def edit(self, old: str, new: str) -> None:
        """An edit of the text, as an editor saves it."""
        text = self.text.read_text(encoding="utf-8")
        assert old in text, old
        self.write(text.replace(old, new, 1))

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.notebook.read_text(encoding="utf-8"))
        return found

    def save(self, notebook: Mapping[str, Any]) -> None:
        """What Jupyter does: the same indentation, in place."""
        self.notebook.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def change(self, change: Callable[[list[dict[str, Any]]], None]) -> None:
        """An edit of the notebook's cells, the front matter left out."""
        notebook = self.json()
        cells = notebook["cells"]
        own = cells[1:] if cells and cells[0]["cell_type"] == "raw" else cells
        head = cells[: len(cells) - len(own)]
        change(own)
        notebook["cells"] = head + own
        self.save(notebook)

    def set_source(self, index: int, source: str) -> None:
        self.change(lambda cells: cells[index].update(source=source.splitlines(keepends=True)))

    def run(self, index: int, words: str = "") -> None:
        """Run one cell in Jupyter: its output names the source that made it, and the cell."""
        self.change(lambda cells: run_cell(cells[index], words))

    def sources(self) -> list[str]:
        notebook = self.json()
        return ["".join(cell["source"]) for cell in notebook["cells"] if not _is_front(cell)]

    def agrees(self) -> bool:
        """Whether both files say the same, by the room's own reading."""
        text = read_text(self.text.read_bytes())
        notebook = read_notebook(self.notebook.read_bytes())
        assert isinstance(text, Text)
        assert isinstance(notebook, Notebook)
        return is_alike(text, notebook)


def _is_front(cell: Mapping[str, Any]) -> bool:
    return bool(cell["cell_type"] == "raw" and "".join(cell["source"]).startswith("---\n"))


def run_cell(cell: dict[str, Any], words: str = "") -> None:
    made = hashlib.sha256("".join(cell["source"]).encode()).hexdigest()
    text = f"made by sha256:{made} in {cell.get('id')} {words}\n"
    cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": [text]}]
    cell["execution_count"] = (cell.get("execution_count") or 0) + 1


def code(source: str, *, cell_id: str = "c1", **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": cell_id,
        "metadata": metadata,
        "outputs": [],
        "source": source.splitlines(keepends=True) if "\r" not in source and source.isprintable() else source,
    }


def with_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    return {**code("x = 1"), "metadata": metadata}


def prose(source: str, *, kind: str = "markdown", cell_id: str = "m1", **metadata: Any) -> dict[str, Any]:
    return {"cell_type": kind, "id": cell_id, "metadata": metadata, "source": source}


def notebook(cells: Sequence[Mapping[str, Any]], *, minor: int = 5, **metadata: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": minor}


# The classes of pairs.md §2.2: one cell (or two) each, put between two plain cells.
_BASH = "%%bash\nls -l | wc\n"
NOTEBOOK_CLASSES: dict[str, list[dict[str, Any]]] = {
    "line magic": [code("%matplotlib inline")],
    "line magic with arguments": [code("%timeit -n 1 sum(range(3))")],
    "assigned magic": [code("files = !ls")],
    "percent assignment": [code("x = %env HOME")],
    "shell": [code("!ls -l")],
    "shell with variables": [code("!echo {x} $y")],
    "help": [code("print?")],
    "double help": [code("print??")],
    "help in front": [code("?print")],
    "commented magic": [code("# %matplotlib inline")],
    "commented shell": [code("# !rm -rf x")],
    "cell magic bash": [code(_BASH.rstrip())],
    "cell magic html": [code("%%html\n<b>x</b>")],
    "cell magic time": [code("%%time\nx = 1")],
    "cell magic capture": [code("%%capture out\nprint(1)")],
    "cell magic R": [code("%%R\nx <- 1")],
    "cell magic sql": [code("%%sql\nselect 1")],
    "cell magic writefile": [code("%%writefile x.txt\nhello")],
    "cell magic javascript": [code("%%javascript\nalert(1)")],
    "marker in a string": [code('x = """\n# %% not a cell\n"""')],
    "marker in a single triple string": [code("x = '''\n# %%\n'''")],
    "input marker in a string": [code('x = """\n# In[3]:\n"""')],
    "comment only": [code("# nothing here")],
    "comments only": [code("# one\n# two\n\n# three")],
    "indented comment": [code("if x:\n    # why\n    pass")],
    "double comment": [code("# # twice")],
    "escaped start": [code("# # + not a cell")],
    "start of a light cell": [code("# +\nx = 1\n# -")],
    "fence with a marker": [prose("```\n# %%\n```")],
    "fence with words": [prose("```python\n%% words\n```")],
    "tilde fence": [prose("~~~\n# %% x\n~~~")],
    "unclosed fence": [prose("```\nx")],
    "indented code": [prose("    # %% x")],
    "unicode": [code("naïve = '東京'")],
    "emoji": [prose("Done ✅ 🎉")],
    "right to left": [prose("שלום עולם")],
    "combining": [code("x = 'e\u0301'")],
    "tags": [code("x = 1", tags=["a", "b"])],
    "empty tags": [code("x = 1", tags=[])],
    "name": [code("x = 1", name="step")],
    "title": [code("x = 1", title="A title")],
    "odd title": [code("x = 1", title="a = b {c}")],
    "title with brackets": [code("x = 1", title="see [markdown] here")],
    "title of two lines": [code("x = 1", title="a\nb")],
    "empty title": [code("x = 1", title="")],
    "title that is no text": [code("x = 1", title=3)],
    "nested metadata": [code("x = 1", custom={"a": {"b": [1, 2]}})],
    "null metadata": [code("x = 1", k=None)],
    "null name": [code("x = 1", name=None)],
    "key with a space": [with_metadata({"a key": 1})],
    "key with a colon": [with_metadata({"a:b": 1})],
    "key with accents": [code("x = 1", clé=1)],
    "language": [code("select 1", language="sql")],
    "active": [code("x = 1", active="ipynb")],
    "active tag": [code("x = 1", tags=["active-py"])],
    "active tag for notebooks": [code("x = 1", tags=["keep", "active-ipynb"])],
    "frozen": [code("x = 1", run_control={"frozen": True})],
    "empty code": [code("")],
    "empty prose": [prose("")],
    "empty raw": [prose("", kind="raw")],
    "blank code": [code("   ")],
    "newline code": [code("\n")],
    "one newline at the end": [code("x = 1\n")],
    "two newlines at the end": [code("x = 1\n\n")],
    "three newlines at the end": [code("x = 1\n\n\n")],
    "four newlines at the end": [code("x = 1\n\n\n\n")],
    "blanks on the last line": [code("x = 1\n   ")],
    "newline first": [code("\nx = 1")],
    "blank lines inside": [code("x = 1\n\n\n\ny = 2")],
    "prose with newline at the end": [prose("x\n")],
    "prose with blank lines": [prose("x\n\n\ny")],
    "trailing blanks in prose": [prose("x  \ny")],
    "indented first line": [code("    x = 1")],
    "tabs": [code("if x:\n\ty = 1")],
    "carriage returns": [code("x = 1\r\ny = 2")],
    "lone carriage return": [code("x = 1\ry = 2")],
    "line separator": [code("x = 'a\u2028b'")],
    "paragraph separator": [prose("a\u2029b")],
    "next line": [code("x = 'a\u0085b'")],
    "form feed": [code("x = 1\n\x0c\ny = 2")],
    "vertical tab": [code("x = 'a\x0bb'")],
    "file separators": [code("x = 'a\x1cb\x1dc\x1ed'")],
    "null character": [code("x = 'a\x00b'")],
    "lone surrogate": [code("x = '\ud800'")],
    "marker line": [code("x = 1\n# %%\ny = 2")],
    "marker line with words": [code("x = 1\n# %% words\ny = 2")],
    "indented marker": [code("if x:\n    # %% words\n    pass")],
    "input marker": [code("# In[3]:\nx = 1")],
    "codecell marker": [code("# <codecell>\nx = 1")],
    "marker in prose": [prose("%% words")],
    "bare marker in prose": [prose("a\n%%\nb")],
    "input marker in prose": [prose("In[3]:")],
    "open string": [code('x = """open')],
    "open string in a comment": [code("# don't '''")],
    "hash bang in prose": [prose("#!x")],
    "magic in prose": [prose("%%time\nx")],
    "prose with triple quotes": [prose('"""\nx\n"""', cell_marker='"""')],
    "prose with triple quotes inside": [prose('a """ b', cell_marker='"""')],
    "headings": [prose("# One\n## Two")],
    "latex": [prose("$$\n\\frac{1}{2}\n$$")],
    "html": [prose("<b>x</b>")],
    "attachments": [
        {**prose("![x](attachment:x.png)"), "attachments": {"x.png": {"image/png": "iVBORw0KGgo="}}}
    ],
    "slideshow": [code("x = 1", slideshow={"slide_type": "slide"})],
    "editable": [code("x = 1", editable=False, deletable=False)],
    "collapsed": [code("x = 1", collapsed=True, scrolled=False)],
    "execution times": [code("x = 1", execution={"iopub.execute_input": "2026-11-21T00:00:00Z"})],
    "raw with a type": [prose("<b>", kind="raw", raw_mimetype="text/html")],
    "raw front matter later": [prose("---\na: 1\n---", kind="raw")],
    "conflict markers": [code("<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> other")],
    "rule of equal signs": [prose("Title\n=======")],
    "syntax error": [code("def (:")],
    "very long line": [code("x = '" + "a" * 5000 + "'")],
    "cell depth": [code("x = 1", cell_depth=2)],
}

# The hand-written styles of pairs.md §2.3: headers and cells, `edit` stands where the tests edit.
TEXT_HEADERS: dict[str, str] = {
    "none": "",
    "ours": HEADER,
    "jupyter only": "# ---\n# jupyter:\n#   kernelspec:\n#     display_name: P\n"
    "#     name: python3\n# ---\n\n",
    "another jupytext": "# ---\n# jupyter:\n#   jupytext:\n#     text_representation:\n"
    "#       extension: .py\n#       format_name: percent\n#       jupytext_version: 1.11.0\n# ---\n\n",
    "custom keys": "# ---\n# title: 'Yes: it is'\n# version: 1.10\n# flag: yes\n# date: 2026-01-01\n"
    "# ---\n\n",
    "comments": "# ---\n# # a remark\n# runbook:\n#   title: x  # why\n# ---\n\n",
    "interpreter": "#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\n" + HEADER,
    "licence": "# Copyright somebody\n\n",
    "docstring": '"""What this module does."""\n\n',
}
TEXT_CELLS: dict[str, str] = {
    "plain": "# %%\nx = 1\n",
    "close": "#%%\nx = 1\n",
    "trailing blank": "# %% \nx = 1\n",
    "wide": "#   %%  Title\nx = 1\n",
    "input": "# In[3]:\nx = 1\n",
    "codecell": "# <codecell>\nx = 1\n",
    "title": "# %% A title\nx = 1\n",
    "options": '# %% A title name="n1" tags=["a","b"]\nx = 1\n',
    "python list": "# %% tags=['a','b']\nx = 1\n",
    "json": '# %% {"tags": ["a"]}\nx = 1\n',
    "sub cell": "# %%%% Sub\nx = 1\n",
    "prose": "# %% [markdown]\n# Some *words*\n# here\n",
    "short prose": "# %% [md]\n# words\n",
    "tight prose": "# %% [markdown]\n#words\n#here\n",
    "blank line in prose": "# %% [markdown]\n# words\n\n# here\n",
    "bare prose": "# %% [markdown]\nwords\n",
    "docstring prose": '# %% [markdown]\n"""\nwords\n"""\n',
    "one line docstring": '# %% [markdown]\n"""words"""\n',
    "raw docstring": "# %% [markdown]\nr'''\n\\words\n'''\n",
    "raw": "# %% [raw]\n# words\n",
    "magic": "# %%\n%matplotlib inline\n!ls\n",
    "commented magic": "# %%\n# %matplotlib inline\n# !ls\n",
    "two blank lines": "# %%\ndef f():\n    return 1\n\n\n",
    "three blank lines": "# %%\nx = 1\n\n\n\n",
    "no blank line": "# %%\nx = 1",
    "empty": "# %%\n",
    "comment": "# %%\n# only words\n",
    "string with marker": '# %%\nx = """\n# %% no\n"""\n',
    "trailing blanks": "# %%\nx = 1   \n",
}
