"""Markers: title, kind and options, read from the left as jupytext reads them from the right."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.text.marker import Marker, _plain, is_marker, is_marker_elsewhere, read_marker, thorough
from tests.text.twin import jupytext_marker


def told(line: str) -> list[str]:
    return [reason.code for reason in read_marker(line, 7)[1]]


@pytest.mark.parametrize("line", ["# %%", "# %% ", "# %% Title", "#%%", "#%% x", "# %%% sub", "# %%\tx"])
def test_these_lines_begin_cells(line: str) -> None:
    assert is_marker(line)
    assert not is_marker_elsewhere(line)


@pytest.mark.parametrize(
    "line",
    [
        " # %%",
        "    # %% x",
        "#  %%",
        "#\t%% x",
        "# In[1]:",
        "# In[ ]",
        "#In[12]:",
        "  # In[1]:",
        "# <codecell>",
    ],
)
def test_these_lines_begin_cells_for_jupytext_only(line: str) -> None:
    assert not is_marker(line)
    assert is_marker_elsewhere(line)


@pytest.mark.parametrize(
    "line", ["# %%x", "#%%bash", "## %%", "# % %", "x # %%", "# In[a]:", "# In[1]: x", "%%"]
)
def test_these_lines_begin_no_cell_for_anybody(line: str) -> None:
    assert not is_marker(line)
    assert not is_marker_elsewhere(line)


@pytest.mark.parametrize(
    ("line", "marker"),
    [
        ("# %%", Marker("code", "", ())),
        ("# %% [markdown]", Marker("markdown", "", ())),
        ("# %% [raw]", Marker("raw", "", ())),
        ("# %% A title, with (marks) and 2 %", Marker("code", "A title, with (marks) and 2 %", ())),
        ("# %% A title [markdown]", Marker("markdown", "A title", ())),
        ('# %% T name="a"', Marker("code", "T", (("name", "a"),))),
        (
            '# %% Is it answering? name="health" tags=["read-only", "web"] timeout=60',
            Marker(
                "code",
                "Is it answering?",
                (("name", "health"), ("tags", ("read-only", "web")), ("timeout", 60)),
            ),
        ),
        (
            '# %% [markdown] name="x" when="a == \'b\' and c >= 3"',
            Marker("markdown", "", (("name", "x"), ("when", "a == 'b' and c >= 3"))),
        ),
    ],
)
def test_a_normal_marker(line: str, marker: Marker) -> None:
    assert read_marker(line, 1) == (marker, ())


def test_another_spelling_says_which_one_is_normal() -> None:
    _, (reason,) = read_marker("#%% [markdown]  Title name='a'", 3)
    assert (reason.code, reason.line) == ("cell.spelling", 3)
    assert reason.hint == "write '# %% Title [markdown] name=\"a\"', or run `runbook fmt`"


def test_an_unknown_option_is_kept_as_json_and_told() -> None:
    marker, (reason,) = read_marker('# %% slideshow={"slide_type": "slide"}', 1)
    assert marker.options == (("slideshow", '{"slide_type": "slide"}'),)
    assert reason.code == "cell.other-option"
    assert reason.message == "the option `slideshow` means nothing here"
    assert reason.hint.startswith("delete it; known are name, tags, timeout")


def test_a_title_that_jupytext_would_take_for_options_says_so() -> None:
    _, (reason,) = read_marker("# %% Set x=now please", 1)
    assert reason.code == "cell.title"
    assert reason.message == "the title contains `x=`: jupytext takes what follows for options"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('# %% active="ipynb"', "the option `active` is refused: it turns code into comments, or comments"),
        ('# %% language="bash"', "the option `language` is refused: it turns comments into code of another"),
        ('# %% tags=["skip-execution"]', "the tag 'skip-execution' is refused: notebook clients skip such"),
        ('# %% tags=["raises-exception"]', "the tag 'raises-exception' is refused: notebook clients go on"),
        ('# %% tags=["active-py"]', "the tag 'active-py' is refused: it turns code into comments"),
        ("# %% timeout=true", "`timeout` is not a whole number of seconds"),
        ('# %% name="a" name="b"', "the option `name` stands twice"),
        ('# %% when="a x=1 #"', "the options can't be read, or not by every program in the same way"),
        ('# %% x="\\u200b"', "the option `x` holds an invisible character"),
    ],
)
def test_an_option_that_is_refused_says_why(line: str, words: str) -> None:
    reasons = read_marker(line, 1)[1]
    assert any(reason.code == "cell.option" and reason.message.startswith(words) for reason in reasons)


@pytest.mark.parametrize(
    "line", ['# %% {"a\\u202eb": 1}', "# %% T a\u202e=b c", '# %% a\u202e="x"', '# %% {"\\u202e": "\\u202e"}']
)
def test_no_reason_carries_what_it_refuses(line: str) -> None:
    for reason in read_marker(line, 1)[1]:
        assert "\u202e" not in reason.message + reason.hint
    assert any(reason.degree == "refused" for reason in read_marker(line, 1)[1]) or "\u202e" in line


def test_a_very_long_marker_is_not_looked_into() -> None:
    line = "# %% x" + "=" * 100_000
    assert told(line) == ["cell.option"]


WORDS = [
    *(
        "name=",
        "tags=",
        "when=",
        "a=",
        "x",
        "=",
        "==",
        '"',
        "'",
        "#",
        "[",
        "]",
        "{",
        "}",
        ",",
        "1",
        "true",
        "None",
    ),
    *(
        "[markdown]",
        "[raw]",
        "[md]",
        ".x",
        "%",
        "\\",
        '"a"',
        '"b"',
        "['c']",
        '["d"]',
        "--",
        "(",
        ")",
        ":",
        "1.5",
    ),
    *(" ", " ", " ", " ", "name=", '"a == 1"', "timeout=5"),
]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join))
def test_what_is_accepted_is_what_jupytext_reads(rest: str) -> None:
    line = f"# %% {rest}".rstrip()
    marker, reasons = read_marker(line, 1)
    if any(reason.degree == "refused" for reason in reasons):
        return
    kind, title, metadata = jupytext_marker(line)
    ours = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in marker.options
        if key in ("name", "tags", "timeout", "when")
    }
    ours |= {key: json.loads(str(value)) for key, value in marker.options if key not in ours}
    assert marker.kind == kind
    assert ours == json.loads(json.dumps(metadata))
    assert marker.title == title


PLAIN_WORDS = [
    *(
        "Title",
        "a",
        "b?",
        "c,",
        "[markdown]",
        "[raw]",
        "[md]",
        " ",
        "  ",
        "-",
        ".x",
        "it's",
        "(d)",
        "7",
        "é",
        "",
    ),
    *(
        'name="a"',
        'name="-"',
        'name="A"',
        'tags=["a"]',
        'tags=["a", "b"]',
        'tags=["a","b"]',
        'tags=["a", "a"]',
    ),
    *(
        'tags=["-a"]',
        'tags=["skip-execution"]',
        'tags=["active-x"]',
        "timeout=60",
        "timeout=060",
        'timeout="6"',
    ),
    *(
        "name=7",
        "retries=2",
        'undoes="a"',
        'checks="b"',
        'active="a"',
        'x="a"',
        'tags="a"',
        "tags=[]",
        "=",
        "x=",
    ),
]


@given(st.lists(st.sampled_from(PLAIN_WORDS), max_size=6).map(" ".join))
@settings(max_examples=200)
def test_the_quick_answer_is_the_thorough_one(rest: str) -> None:
    line = f"# %% {rest}"
    quick = _plain(line)
    if quick is not None:
        assert (quick, ()) == thorough(line, 1)


options = st.dictionaries(
    st.sampled_from(["name", "when", "undoes", "checks"]),
    st.text("abc =#'[]{},._-1", min_size=1, max_size=12),
    max_size=3,
)


@given(st.sampled_from(["", "Title", "A longer title"]), options)
def test_options_written_as_jupytext_writes_them_are_read_back(title: str, given_: dict[str, str]) -> None:
    line = " ".join(
        ["# %%", *([title] if title else []), *(f"{k}={json.dumps(v)}" for k, v in given_.items())]
    )
    marker, reasons = read_marker(line, 1)
    if not any(reason.degree == "refused" for reason in reasons):
        assert dict(marker.options) == given_
        assert marker.title == title
