"""Rendering: what strangers wrote is inert, tables fit their screen, JSON is one ASCII line."""

import contextlib
import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.cli import folding, show
from runbook.errors import InputError, ParameterError

ROWS = [("runbooks/web/restart.py", "重启 the web tier", "scratch, not prod", "-", "alice@example.com")]
HEADS = ("runbook", "title", "may run in", "last run", "owner")


def screen(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """As if standard output were a terminal of this width."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))


def test_columns_stand_under_their_heads(capsys: pytest.CaptureFixture[str]) -> None:
    show.table([("a", "bb", "c"), ("aaaa", "b", "")], heads=("x", "y", "z"))

    assert capsys.readouterr().out == "x     y   z\na     bb  c\naaaa  b\n"


def test_a_letter_that_takes_two_columns_is_counted_as_two(capsys: pytest.CaptureFixture[str]) -> None:
    show.table([("重启", "x"), ("e\u0301a", "x"), ("abcd", "x")])

    assert capsys.readouterr().out == "重启  x\ne\u0301a    x\nabcd  x\n"


def test_a_row_that_is_too_wide_for_its_terminal_becomes_a_paragraph(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen(monkeypatch, 60)
    show.table(ROWS, heads=HEADS)

    assert capsys.readouterr().out == (
        "runbooks/web/restart.py\n"
        "    title: 重启 the web tier   may run in: scratch, not prod\n"
        "    owner: alice@example.com\n"
    )


def test_a_row_that_fits_stays_a_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen(monkeypatch, 200)
    show.table(ROWS, heads=HEADS)

    assert capsys.readouterr().out.count("\n") == 2


TITLE = "Restart the web tier of the customer-facing cluster  [scratch]  NOT APPROVED"


def test_a_heading_that_is_too_long_for_its_terminal_is_broken_between_two_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    show.painted(TITLE, "bold")
    assert capsys.readouterr().out == f"{TITLE}\n", "a pipe has no edge"
    screen(monkeypatch, 40)
    show.painted(TITLE, "bold")

    assert capsys.readouterr().out == (
        "Restart the web tier of the\n    customer-facing cluster  [scratch]\n    NOT APPROVED\n"
    )


def test_rows_are_broken_between_two_words_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen(monkeypatch, 40)
    show.table([("about", "Rolling restart, one host at a time, with a check")])
    show.table([("x.py", TITLE, "-")], heads=("runbook", "title", "owner"))

    assert capsys.readouterr().out == (
        "about  Rolling restart, one host at a\n    time, with a check\n"
        "x.py\n    title: Restart the web tier of the\n        customer-facing cluster\n"
        "        [scratch]  NOT APPROVED\n"
    )


def test_what_is_to_be_copied_is_not_torn() -> None:
    command = "`runbook run 20261121T125818Z-long-69445f`"
    assert folding.folded(f"next: {command}", 44, goes_on="  ") == f"next:\n  {command}"
    assert folding.folded(f"next: {command}", 40, goes_on="  ") == f"next: {command}", (
        "the terminal breaks it"
    )


@given(st.text(alphabet="ab `é重", max_size=60), st.integers(8, 30))
def test_what_is_broken_loses_no_word_and_keeps_within_its_terminal(line: str, columns: int) -> None:
    lines = folding.folded(line, columns, goes_on="  ").split("\n")

    assert "".join(lines).replace(" ", "") == line.replace(" ", "")
    assert all(each.startswith("  ") for each in lines[1:])
    if "`" not in line and all(folding.cells(word) + 2 <= columns for word in line.split(" ")):
        assert all(folding.cells(each) <= columns for each in lines[1:])


def test_no_rows_are_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show.table([], heads=HEADS)

    assert capsys.readouterr().out == ""


@given(st.lists(st.lists(st.text(max_size=30), min_size=3, max_size=3), max_size=5))
def test_a_table_is_one_inert_line_for_each_row(rows: list[list[str]]) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        show.table(rows, heads=("a", "b", "c"))
    lines = out.getvalue().split("\n")

    assert len(lines) == (len(rows) + 2 if rows else 1)
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for line in lines for letter in line)


def test_colours_need_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    assert show.paint("x", "red") == "x"
    screen(monkeypatch, 80)
    monkeypatch.setenv("TERM", "xterm")
    assert show.paint("x", "red") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("TERM", "dumb")
    assert show.paint("x", "red") == "x"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert show.paint("x", "red") == "x"


def test_json_is_one_line_that_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show.json({"x": "\x1b[2J\n\u202e\x9b"})

    out = capsys.readouterr().out
    assert out == '{"x": "\\u001b[2J\\n\\u202e\\u009b"}\n'


def test_an_error_says_what_where_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    show.error(InputError("is wrong", subject="x\x1b.py", line=3, hint="mend it"), json=False)

    assert capsys.readouterr().err == "error: x\\u{1B}.py:3: is wrong\n  next: mend it\n"


def test_an_error_in_json_has_its_parts_apart(capsys: pytest.CaptureFixture[str]) -> None:
    show.error(ParameterError(["a: no", "b: no"], subject="x.py", hint="-p a=1"), json=True)

    said = capsys.readouterr()
    assert said.out == (
        '{"schema": 1, "error": {"code": "parameters", "message": "a: no; b: no", "subject": "x.py", '
        '"line": null, "hint": "-p a=1"}}\n'
    )
    assert said.err == "error: x.py: 2 problems with the values\n  - a: no\n  - b: no\n  next: -p a=1\n"
