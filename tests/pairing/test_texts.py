"""Texts: split exactly as jupytext splits them, and exact about which line belongs to what."""

import json
import random
import warnings
from typing import Any

import jupytext  # the reference; the package itself meets it in one module only
import pytest

from runbook.pairing.texts import Text, Unreadable, read_text
from tests.pairing.builders import BODY, HEADER, TEXT, TEXT_CELLS, TEXT_HEADERS

_STYLE = ("lines_to_next_cell", "cell_marker")
_LINES = """\
# %%|# %%|# %%|# %% [markdown]|# %% [markdown]|# %% [raw]|#%%|# %% |# %% Title|# %% Title name="a"|# %% [md]
  # %% x|# %%%% sub|# In[3]:|# <codecell>|# %% tags=["a"] timeout=3|# %% {"a": 1}|# %% a='b'|# %% x=1 y
#  %% foo|# %%time|%%time|#%%time|x = 1|||   |def f():|    return 2|# text|#text|# # text|#|'''|\"\"\"|
x = '''a|b''' + '|\"\"\"doc\"\"\"
r'''raw'''|# ```|# ~~~|```|# # %% in|s = "\\""|a = 'it''s'|# don't \"\"\"|y = "# '''"
# +|# # +|!ls|# !ls|# ---|# %% T .c|# %% Load .env file|# %% Load .env|%matplotlib inline|# %% a=1 a=2
# %% t k=[1,|# %% when="a == 'b c=d'"|# ````|# <<<<<<<|x = \"\"\"a\"\"\" # b|'|"|f'''{x}'''|\\"""
_HEADS = [
    *TEXT_HEADERS.values(),
    "#\n" + HEADER,
    HEADER.rstrip("\n") + "\n",
    HEADER + "\n",
    "# ---\n#title: a\n# ---\n",
]


def _wanted(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fmt = {"extension": ".py", "format_name": "percent", "comment_magics": False}
        notebook = jupytext.reads(text, fmt)
    return [
        (cell.cell_type, cell.source, {k: v for k, v in cell.metadata.items() if k not in _STYLE})
        for cell in notebook.cells
    ]


def _got(text: Text) -> list[tuple[str, str, dict[str, Any]]]:
    front: list[tuple[str, str, dict[str, Any]]] = []
    if text.header.source is not None:
        front.append(("raw", text.header.source, {}))
    return [
        *front,
        *(
            (each.cell.kind, each.exact, {key: json.loads(value) for key, value in each.cell.meta})
            for each in text.cells
        ),
    ]


def test_a_large_random_corpus_is_split_as_jupytext_splits_it() -> None:
    chance = random.Random(20261121)
    lines = [line for row in _LINES.split("\n") for line in row.split("|")]
    read = 0
    for _ in range(3000):
        body = "\n".join(chance.choice(lines) for _ in range(chance.randint(0, 14)))
        text = chance.choice(_HEADS) + body + chance.choice(["", "\n", "\n\n"])
        found = read_text(text.encode())
        if isinstance(found, Unreadable):
            continue
        read += 1
        try:
            wanted = _wanted(text)
        except ValueError:
            continue  # a date in the header: jupytext itself gives up
        assert _got(found) == wanted, text
    assert read > 1800


@pytest.mark.parametrize("head", TEXT_HEADERS)
@pytest.mark.parametrize("style", TEXT_CELLS)
def test_every_hand_written_style_is_read_as_jupytext_reads_it(head: str, style: str) -> None:
    text = TEXT_HEADERS[head] + "# %%\nbefore = 1\n\n" + TEXT_CELLS[style] + "\n\n# %%\nafter = 1\n"
    found = read_text(text.encode())

    assert isinstance(found, Text)
    assert _got(found) == _wanted(text)


def test_lines_are_given_to_one_cell_each() -> None:
    found = read_text(TEXT.encode())
    assert isinstance(found, Text)

    starts = [found.header.end, *(cell.end for cell in found.cells)]
    assert [cell.start for cell in found.cells] == starts[:-1]
    assert starts[-1] == len(found.lines)
    assert all(cell.start <= cell.body <= cell.stop <= cell.end for cell in found.cells)


def test_a_byte_order_mark_and_carriage_returns_are_the_file_s_not_the_cells() -> None:
    plain = read_text(TEXT.encode())
    windows = read_text(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert isinstance(plain, Text)
    assert isinstance(windows, Text)

    assert [each.cell for each in windows.cells] == [each.cell for each in plain.cells]
    assert windows.header.root == plain.header.root
    assert (windows.bom, windows.line_end) == (True, "\r\n")
    assert windows.canonical == TEXT


@pytest.mark.parametrize(
    ("data", "kind", "code", "line"),
    [
        (b"# %%\nx = '\xff'\n", "damaged", "text.encoding", 2),
        (b"# -*- coding: latin-1 -*-\n# %%\n", "refused", "text.encoding", 1),
        ("# %%\nx = 'a\u2028b'\n".encode(), "refused", "text.line-end", 2),
        (b"# %%\n\x0c\n", "refused", "text.line-end", 2),
        (b"# %%\nx = 1\ry = 2\n", "refused", "text.line-end", 2),
        (b"# %%\n<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> b\n", "markers", "text.conflict-markers", 2),
        (b"# ---\n# <<<<<<< HEAD\n# ---\n", "markers", "text.conflict-markers", 2),
        (b'# %% active="ipynb"\n', "refused", "cell.option", 1),
        (b'# %%\n\n# %% language="sql"\n', "refused", "cell.option", 3),
        (b'# %% tags=["active-py"]\n', "refused", "cell.option", 1),
        (b"# %% a=1 b\n", "refused", "cell.option", 1),
        (b"# %% a=1 a=2\n", "refused", "cell.option", 1),
        (b"# %%\n# # + x\n", "refused", "cell.escape", 1),
    ],
)
def test_what_cannot_be_believed_is_named_with_its_line(data: bytes, kind: str, code: str, line: int) -> None:
    found = read_text(data)

    assert isinstance(found, Unreadable)
    assert (found.kind, found.problem.code, found.problem.line) == (kind, code, line)
    assert found.problem.message


def test_a_rule_of_equal_signs_is_no_conflict() -> None:
    assert isinstance(read_text(b"# %% [markdown]\n# Title\n# =======\n"), Text)


def test_the_front_matter_is_what_stands_outside_jupyter() -> None:
    found = read_text(TEXT.encode())
    assert isinstance(found, Text)

    assert found.header.source == "---\nrunbook:\n  title: Restart\n  owner: sre@example.com\n---"
    assert found.header.jupyter[0] == "jupyter:"
    assert read_text(BODY.encode()).header.source is None  # type: ignore[union-attr]  # it is read


def test_splitting_500_cells_is_quick() -> None:
    import time

    text = (HEADER + BODY * 170).encode()
    best = min(_timed(lambda: read_text(text), time.process_time) for _ in range(5))
    assert best < 0.05  # about 5 ms on an idle machine


def _timed(work: Any, clock: Any) -> float:
    start = clock()
    work()
    return float(clock() - start)


def test_jupytext_is_asked_about_odd_texts_only() -> None:
    import subprocess
    import sys

    script = """
import sys
from runbook.pairing.opinion import other_reading
from runbook.pairing.texts import read_text
print(other_reading(read_text(sys.stdin.buffer.read())), "jupytext" in sys.modules)
"""

    def said(text: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script], input=text.encode(), capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    assert said(TEXT) == "None False"
    assert said(TEXT.replace("# %% tags", "#%% tags")) == "None True"


def test_a_text_that_jupytext_reads_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from runbook.pairing.opinion import other_reading
    from runbook.text import notebook

    found = read_text(b"# %%\nx = 1\n\n#%%\ny = 2\n")
    assert isinstance(found, Text)
    assert other_reading(found) is None
    cells = notebook.jupytext_cells(found.canonical)
    assert cells is not None
    for theirs, words in (
        (None, "jupytext cannot read this text"),
        ([cells[0], {**cells[1], "source": "other"}], "jupytext reads this cell otherwise"),
        (cells[:1], "jupytext reads this cell otherwise"),
        ([*cells, cells[0]], "jupytext reads 3 cells where 2 are meant"),
    ):
        monkeypatch.setattr(notebook, "jupytext_cells", lambda canonical, theirs=theirs: theirs)
        problem = other_reading(found)
        assert problem is not None
        assert problem.code == "cell.odd"
        assert words in problem.message
