"""Cells: where they begin and end, and that jupytext makes the same of every text that is accepted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.text.percent import read_cells
from runbook.text.quoting import Quoting
from runbook.text.reader import read
from runbook.text.runbook import Cell
from tests.text.builders import HEADER, long_text
from tests.text.twin import jupytext_cells, our_cells


def cells_of(text: str) -> tuple[Cell, ...]:
    cells, reasons = read_cells(text.split("\n")[:-1], 0)
    assert [r for r in reasons if r.degree == "refused"] == []
    return cells


def sources(text: str) -> list[str]:
    return [cell.source for cell in cells_of(text)]


def test_lines_of_a_cell_are_counted_from_the_file() -> None:
    first, second, third = cells_of("x = 1\n\n# %% [markdown]\n# a\n# b\n\n# %%\ny = 2\n")
    assert (first.line, first.source_line, first.end_line) == (1, 1, 1)
    assert (second.line, second.source_line, second.end_line) == (3, 4, 5)
    assert (third.line, third.source_line, third.end_line) == (7, 8, 8)


def test_empty_lines_before_a_marker_belong_to_no_cell() -> None:
    assert sources("# %%\nx\n\n# %%\ny\n") == ["x", "y"]
    assert sources("# %%\nx\n\n\n# %%\ny\n\n\n") == ["x", "y"]
    assert sources("# %%\nx\n\n\n\n# %%\ny\n") == ["x\n\n", "y"]
    assert sources("# %%\n\n\n# %%\n") == ["", ""]
    assert sources("# %%\n\n\n\n# %%\n") == ["\n", ""]


def test_prose_loses_its_hashes_and_nothing_else() -> None:
    assert sources("# %% [markdown]\n# # Title\n#\n#   indented\n# - item\n") == [
        "# Title\n\n  indented\n- item"
    ]


def test_quoted_prose_is_taken_out_of_its_quotes() -> None:
    assert sources('# %% [markdown]\n"""\na\n\nb\n"""\n') == ["a\n\nb"]
    assert sources("# %% [markdown]\nr'''a'''\n") == ["a"]
    assert sources('# %% [markdown]\n"""\na\n\n"""\n') == ["a"]


def test_every_stray_marker_is_told_with_its_line() -> None:
    _, reasons = read_cells(["# %%", "if x:", "    # %%", "    pass", "# In[1]:", "# <codecell>"], 0)
    assert [(reason.code, reason.line) for reason in reasons] == [
        ("cell.marker", 3),
        ("cell.marker", 5),
        ("cell.marker", 6),
    ]
    assert reasons[0].message == "jupytext begins a new cell at this line, wherever it stands"


def test_a_marker_where_jupytext_sees_a_string_is_told() -> None:
    _, reasons = read_cells(["# %%", 'x = "\\\\" + """a"""', "# %%", "y = 1"], 0)
    assert [(reason.code, reason.line) for reason in reasons] == [("cell.marker", 3)]
    assert reasons[0].message == "for jupytext this marker stands inside a string, and begins no cell"


def test_a_marker_behind_an_open_fence_is_told_with_the_fence() -> None:
    lines = ["# %% [markdown]", "# ```", "", "# %%", "x = 1", "", "# %% [markdown]", "# ```"]
    _, reasons = read_cells(lines, 0)
    assert [(reason.code, reason.line) for reason in reasons if reason.code == "cell.marker"] == [
        ("cell.marker", 4)
    ]
    assert reasons[-1].hint == "close the block of line 2 before it"


@pytest.mark.parametrize(
    ("lines", "is_open"),
    [
        (['x = """'], True),
        (['x = """a"""'], False),
        (['x = """', "'''", '"""'], False),
        (["# '''"], False),
        (["x = 1  # '''"], False),
        (['x = \'# """\''], False),
        (['x = "\\""" + "a'], True),
        (['x = """"a'], True),
        (['x = "\\\\" + """a"""'], True),
    ],
)
def test_quotes_are_counted_as_jupytext_counts_them(lines: list[str], is_open: bool) -> None:
    from jupytext.stringparser import StringParser

    ours, theirs = Quoting(), StringParser("python")
    for line in lines:
        ours.read(line)
        theirs.read_line(line)
    assert ours.is_open is bool(theirs.is_quoted()) is is_open


@given(st.lists(st.text("\"'#\\ax ", max_size=12), max_size=4))
@settings(max_examples=200)
def test_quotes_are_counted_as_jupytext_counts_them_on_any_lines(lines: list[str]) -> None:
    from jupytext.stringparser import StringParser

    ours, theirs = Quoting(), StringParser("python")
    for line in lines:
        ours.read(line)
        theirs.read_line(line)
        assert ours.is_open is bool(theirs.is_quoted())


HEADS = [
    "",
    HEADER,
    "# ---\n# jupyter:\n#   kernelspec:\n#     display_name: P\n#     name: python3\n# ---\n",
    "#!/usr/bin/env python\n",
    "# -*- coding: utf-8 -*-\n",
    '"""What it is."""\n',
]
LINES = [
    *("# %%", "# %%", "# %% Title", "# %% [markdown]", "# %% [markdown]", "# %% [raw]", "#%%", "# %%% sub"),
    *(
        "# %% Title [markdown]",
        "# %% [markdown] Title",
        "# %%bash",
        '# %% name="a"',
        "# %% tags=['x']",
        "# %% [md]",
    ),
    *(
        "",
        "",
        "",
        "  ",
        "x = 1",
        "def f():",
        "    return 1",
        "if x:",
        "    pass",
        '"""',
        "'''",
        '"""doc"""',
        'r"""',
    ),
    *(
        'x = """',
        'x = "a"""',
        '"""a',
        'b"""',
        '\'"""\'',
        '"\\\\" + """a"""',
        "# '''",
        "#x",
        "# prose",
        "#",
        "# # H",
    ),
    *(
        "```",
        "# ```",
        "# ~~~",
        "# ```python",
        "# ````",
        "    # %%",
        "# In[3]:",
        "# <codecell>",
        "s = '# %%'",
        "## + a",
    ),
    *(
        "%time",
        "!ls",
        "# !ls",
        "# rm x",
        "x = !ls",
        "foo?",
        "...",
        ">>> x",
        "\tx",
        "class A: pass",
        "# region",
        "# +",
    ),
    *(
        "# ---",
        "# jupyter:",
        "%%bash",
        "# é",
        "@d",
        "f(",
        ")",
        "x = 1 \\",
        "# - item",
        "#- x",
        "x = '''a",
        "b''' + 1",
    ),
]
texts = st.builds(
    lambda head, lines, end: head + "\n".join(lines) + end,
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(LINES), max_size=14),
    st.sampled_from(["", "\n", "\n\n", "\n\n\n"]),
)


@given(texts)
@settings(max_examples=200, deadline=None)
def test_jupytext_makes_the_same_cells_of_whatever_is_accepted(text: str) -> None:
    runbook = read(text.encode()).runbook
    if runbook is not None:
        assert our_cells(runbook) == jupytext_cells(runbook)


code_bodies = st.lists(
    st.sampled_from(["x = 1", "", "def f():\n    return 1", "# note", '"""a\nb"""', "y = (\n1)"])
)
prose_bodies = st.lists(st.sampled_from(["# text", "#", "# # Heading", "# - item", "# ```\n# code\n# ```"]))
cells = st.one_of(
    st.builds(lambda lines: "\n".join(["# %%", *lines]), code_bodies),
    st.builds(lambda lines: "\n".join(["# %% [markdown]", *lines]), prose_bodies),
)


@given(st.lists(cells, max_size=6), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_well_made_texts_are_accepted_and_read_alike(parts: list[str], blank: int) -> None:
    text = HEADER + "\n" + ("\n" * blank).join(f"{part}\n" for part in parts)
    reading = read(text.encode())
    assert reading.runbook is not None
    assert our_cells(reading.runbook) == jupytext_cells(reading.runbook)


def test_a_long_text_is_read_alike() -> None:
    runbook = read(long_text(30).encode()).runbook
    assert runbook is not None
    assert our_cells(runbook) == jupytext_cells(runbook)
    assert runbook.is_normal
