"""Lines: from bytes to the canonical text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.text.lines import LIMIT_BYTES, canonical_text, lines_of, sight, spelling


def told(data: bytes) -> list[tuple[str, int | None]]:
    return [(reason.code, reason.line) for reason in canonical_text(data)[1]]


def test_lf_and_crlf_are_the_same_text() -> None:
    assert canonical_text(b"a\r\nb\r\n") == ("a\nb\n", [])
    assert canonical_text(b"a\nb\n") == ("a\nb\n", [])


def test_a_mixture_names_the_first_line_that_differs() -> None:
    assert told(b"a\r\nb\r\nc\n") == [("text.line-ends", 3)]
    assert told(b"a\nb\nc\r\n") == [("text.line-ends", 3)]


def test_a_lone_carriage_return_names_its_line() -> None:
    assert told(b"a\nb\rc\n") == [("text.line-ends", 2)]
    assert told(b"a\r\nb\rc\r\n") == [("text.line-ends", 2)]
    assert told(b"a\r") == [("text.line-ends", 1)]


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert canonical_text(b"\xef\xbb\xbfa\n")[0] == "a\n"
    assert told(b"\xef\xbb\xbfa\n") == [("text.bom", 1)]


def test_bytes_that_are_no_utf_8_name_their_line() -> None:
    assert canonical_text(b"a\nb\n\xff\n")[0] is None
    assert told(b"a\nb\n\xff\n") == [("text.encoding", 3)]
    assert told(b"\xed\xa0\x80") == [("text.encoding", 1)]


def test_what_is_too_large_is_not_looked_at() -> None:
    assert canonical_text(b"\xff" * (LIMIT_BYTES + 1))[0] is None
    assert told(b"\xff" * (LIMIT_BYTES + 1)) == [("text.size", None)]
    assert told(b"x" * LIMIT_BYTES) == []


@pytest.mark.parametrize("separator", "\v\f\x1c\x1d\x1e\x85\u2028\u2029")
def test_nothing_but_lf_ends_a_line(separator: str) -> None:
    assert lines_of(f"a{separator}b\n") == [f"a{separator}b"]


@pytest.mark.parametrize(
    ("text", "lines"), [("", []), ("\n", [""]), ("a", ["a"]), ("a\n\n", ["a", ""]), ("a\nb", ["a", "b"])]
)
def test_lines(text: str, lines: list[str]) -> None:
    assert lines_of(text) == lines


@given(st.text("ab \n\t", max_size=30))
def test_lines_put_together_are_the_text(text: str) -> None:
    joined = "".join(f"{line}\n" for line in lines_of(text))
    assert joined in (text, f"{text}\n")


def spelled(text: str) -> list[tuple[str, int | None]]:
    return [(reason.code, reason.line) for reason in spelling(text, lines_of(text))]


def test_spellings_name_their_lines() -> None:
    assert spelled("a\nb\n") == []
    assert spelled("a\nb") == [("text.final-newline", 2)]
    assert spelled("a\n\n") == [("text.final-newline", 2)]
    assert spelled("a \nb\nc\t\n") == [("text.trailing-blanks", 1), ("text.trailing-blanks", 3)]
    assert spelled("a\ne\u0301\n") == [("text.nfc", 2)]


def test_composition_is_asked_of_characters_of_unicode_14_only() -> None:
    # U+1E08F was assigned by Unicode 15: what its composition is, no table of 14 knows.
    assert spelled("e\u0301 \U0001e08f\n") == []


def test_what_leaves_the_screen_is_told_by_code_and_prose() -> None:
    long = "x" * 201
    found = sight(f"{long}\n{long}\n", [long, long], [range(1, 2)])
    assert [(reason.code, reason.line) for reason in found] == [("text.line-length", 2)]
    assert found[0].message == "the line has 201 columns; in code 200 are the limit"


def test_a_hidden_character_is_named_with_its_column_and_never_printed() -> None:
    (reason,) = sight("ab\u202ec\n", ["ab\u202ec"], [])
    assert reason.message == "column 3 holds a character that turns the direction of the text (U+202E)"
