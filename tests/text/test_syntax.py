"""Code cells: what may not stand in them, told the same by every Python, and which lines are magics."""

import ast
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from runbook.text.syntax import MAX_BLANKS, examine, parts


def codes(source: str) -> list[tuple[str, int | None]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [(reason.code, reason.line) for reason in examine(source, 1)[1]]


def magics(source: str) -> tuple[int, ...]:
    found, reasons = examine(source, 1)
    assert reasons == ()
    return found


def stretches(source: str) -> list[tuple[str, str]]:
    return [(part.kind, source[part.start : part.end]) for part in parts(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 'a' # b", [("string", "'a'"), ("comment", "# b")]),
        ("x = '#'", [("string", "'#'")]),
        ('x = "a\\"b"', [("string", '"a\\"b"')]),
        ('x = """a\n"b" \'\'\'\n"""', [("string", '"""a\n"b" \'\'\'\n"""')]),
        ("x = 'a\\\nb'", [("string", "'a\\\nb'")]),
        ("x = 'open\ny = 1", []),
        ("x = rb'é'", [("string", "'é'")]),
        ("elif'a'", [("string", "'a'")]),
        (
            "x = f'é{a}ü'",
            [("string", "'"), ("string", "é"), ("string", "ü"), ("string", "'")],
        ),
        ("x = f'{{é}}'", [("string", "'"), ("string", "{{é}}"), ("string", "'")]),
        ("x = f'{a[\"k\"]:>{w}}é'", [("string", "'"), ("string", "é"), ("string", "'")]),
        ("x = f'{a['k']}'", [("string", "'"), ("unsure", "{a['k']}'")]),
    ],
)
def test_where_strings_and_comments_are(source: str, expected: list[tuple[str, str]]) -> None:
    assert stretches(source)[: len(expected)] == expected


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("x = 1", ()),
        ("%time x = 1", (1,)),
        ("!ls", (1,)),
        ("?len", (1,)),
        ("len?", (1,)),
        ("a.b.c??", (1,)),
        ("x = !ls -l", (1,)),
        ("x = %pwd", (1,)),
        ("a, b = !ls", (1,)),
        ("if x:\n    !ls\n    y = 1", (2,)),
        ("if x:\n    !ls", (2,)),
        ("!echo a \\\n  b\nx = 1", (1,)),
        ("!echo \"it's", (1,)),
        ("x = (7\n  % 4)", ()),
        ("x = '''\n%time\n!ls\n'''", ()),
        ("x = 7 \\\n% 4", ()),
        ("# !ls\n# %time\n# len?", ()),
        ("%%bash\necho $HOME | wc; exit 1", (1,)),
        ("\n\n%%time\nx = 1", (3,)),
        ("print('a?')", ()),
        ("x = 1 # why?", ()),
        ("x = 'é'\n%time 1", (2,)),
    ],
)
def test_magics_are_found_where_ipython_finds_them(source: str, lines: tuple[int, ...]) -> None:
    assert magics(source) == lines
    assert bool(lines) is (_rewritten(source) != source)


def _rewritten(source: str) -> str:
    return str(TransformerManager().transform_cell(source)).removesuffix("\n")


PIECES = [
    *(
        "x",
        " = ",
        "%",
        "!",
        "?",
        "%time ",
        "ls",
        "(",
        ")",
        "[",
        "]",
        "'",
        '"',
        '"""',
        "\\",
        "\n",
        "\n    ",
        " ",
        "#",
    ),
    *(
        "if x:",
        "f'",
        "{",
        "}",
        "...",
        ">>> ",
        "In [1]: ",
        "   ...: ",
        ",",
        ";",
        "/",
        "1",
        "é",
        "exit",
        "\n%",
        "\n!",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(max_examples=200, deadline=None)
def test_ipython_runs_what_is_written_wherever_no_magic_is_told(source: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, reasons = examine(source, 1)
        # Blanks on empty lines go too, inside strings as well; no normal text has them (trailing blanks).
        if found or reasons or any(not line.strip() and line for line in source.split("\n")):
            return
        seen = _rewritten(source)
        assert ast.dump(ast.parse(seen)) == ast.dump(ast.parse(source))


@given(st.text(max_size=40))
@settings(max_examples=200)
def test_any_text_is_examined_without_an_exception(source: str) -> None:
    codes(source)
    found = parts(source)
    assert all(0 <= part.start <= part.end <= len(source) for part in found)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("print(", 1),
        ("x = 1\n  y = 2", 2),
        ("x = 1\nrm -rf victim", 2),
        ("x = y? + 1", 1),
        ("%time x = 1\ny =", 2),
        ("(" * 300 + ")" * 300, 1),
        ("x = " + "-" * 100_000 + "1", 1),
        ("x = 1\0", 1),
    ],
)
def test_what_does_not_parse_is_refused_with_its_line(source: str, line: int) -> None:
    assert ("cell.syntax", line) in codes(source)


def test_an_invalid_escape_is_the_codes_own_business(recwarn: pytest.WarningsRecorder) -> None:
    assert codes("x = '\\d'") == []
    assert len(recwarn) == 0


@pytest.mark.parametrize(
    "source",
    [
        "оs = 1",
        "x = 1\n𝐞𝐯𝐚𝐥('1')",
        "x = f'{é}'",
        "x = f'{a:é^3}'",
        "x = f'{d[\"é\"]}'",
        "!echo é",
        "%%bash\necho é",
        "x = f\"{d['}'+о+'{']}\"",
        "x = f'{a['k']}' + 'é'",
        "x = 'open é",
    ],
)
def test_code_is_ascii(source: str) -> None:
    assert "cell.character" in [code for code, _ in codes(source)]


@pytest.mark.parametrize(
    "source",
    [
        "x = 'é' # ü",
        "x = f'é {a} ü'",
        "x = f\"é {d['k']} ü\"",
        'x = """é\nü"""',
        "x = f'{{é}} {a!r:>{w}}'",
        "# é\n%time 1",
    ],
)
def test_strings_and_comments_are_free(source: str) -> None:
    assert codes(source) == []


def test_a_character_in_code_is_named_and_never_printed() -> None:
    reason = examine("x = 1\nоs = 1", 10)[1][0]
    assert reason.line == 11
    assert reason.message == "'\\u043e' (U+043E) stands in code, where only ASCII may"


def test_a_nested_f_string_says_why_it_is_not_sure() -> None:
    reason = examine("x = f\"{d['}'+о+'{']}\"", 1)[1][0]
    assert "an f-string before it is nested so that its end depends on the Python version" in reason.message


def test_tabs_stand_in_strings_only() -> None:
    assert codes("x = 'a\tb'") == []
    assert codes("x = f'a\tb{x}'") == []
    assert codes("x =\t1") == [("cell.tabs", 1)]
    assert codes("x = 1 #\ta") == [("cell.tabs", 1)]
    assert codes("if x:\n\ty = 1") == [("cell.tabs", 2)]
    assert codes("x = f'{a\t}'") == [("cell.tabs", 1)]


def test_blanks_push_no_code_off_the_screen() -> None:
    wide = " " * (MAX_BLANKS + 1)
    assert codes(f"x = 1;{wide}y = 2") == [("cell.blanks", 1)]
    assert codes(f"x = 1;{wide[1:]}y = 2") == []
    assert codes(f"x = 'a{wide}b'") == []
    assert codes(f"x = 1 # a{wide}b") == []
    assert codes(f"x = 1{wide}# a") == [("cell.blanks", 1)]
    assert codes(f"x = (\n{wide}1)") == []


@pytest.mark.parametrize("source", ["exit()", "if x:\n    quit(1)", "exit", "x and exit()", "y = quit()"])
def test_exit_and_quit_are_refused(source: str) -> None:
    assert "cell.exit" in [code for code, _ in codes(source)]


@pytest.mark.parametrize(
    "source", ["import sys\nsys.exit()", "x.exit()", "exit_code = 1", "'exit()'", "# exit()"]
)
def test_other_ways_to_stop_are_fine(source: str) -> None:
    assert codes(source) == []


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('x = """\n>>> a\n"""', 2),
        ('x = """a\n... b\n"""', 2),
        ('\n\nx = """a\n...\n"""', 4),
        ('x = """\nIn [12]: a\n"""', 2),
        ('x = """\n   ....: a\n"""', 2),
        ("x = 1\n...", 2),
    ],
)
def test_lines_like_prompts_are_refused(source: str, line: int) -> None:
    assert codes(source) == [("cell.prompt", line)]


@pytest.mark.parametrize("source", ["x = ...", "def f():\n    ...", "x = 1\ny = 2\n...", "a[..., 1]"])
def test_an_ellipsis_elsewhere_is_fine(source: str) -> None:
    assert codes(source) == []


@pytest.mark.parametrize("source", ["## + x", "# # + x", "##+", "#### ++"])
def test_comments_that_jupytext_would_change_are_refused(source: str) -> None:
    assert codes(source) == [("cell.marker", 1)]


def test_one_hash_and_a_plus_stay_a_comment() -> None:
    assert codes("# + x\n#+\n# a + b") == []
