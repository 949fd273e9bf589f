"""The ranges of characters, made again from Unicode 14, and each kind of trick by name."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.text.characters import is_allowed, name, problem_in_value, refused_at, refused_in
from runbook.text.unicode14 import INVISIBLE, refused_ranges


@pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="needs a Python that carries Unicode 14")
def test_the_ranges_are_those_of_unicode_14() -> None:
    invisible = {point for first, last in INVISIBLE for point in range(first, last + 1)}
    ours = {point for first, last in refused_ranges() for point in range(first, last + 1)}
    theirs = {
        point
        for point in range(0x7F, 0x110000)
        if unicodedata.category(chr(point))[0] in "CZ" or point in invisible
    }
    assert ours == theirs


def test_the_ranges_are_sorted_and_apart() -> None:
    ranges = refused_ranges()
    assert all(first <= last for first, last in ranges)
    assert all(ranges[i][1] + 1 < ranges[i + 1][0] for i in range(len(ranges) - 1))
    assert ranges[0][0] == 0x7F
    assert ranges[-1][1] == sys.maxunicode


@pytest.mark.parametrize(
    "point",
    [
        *(0x00, 0x01, 0x08, 0x0B, 0x0C, 0x0D, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F, 0x7F, 0x85, 0x9B),
        *(0xA0, 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x1680, 0x17B4, 0x180B, 0x180E, 0x180F),
        *(0x2000, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x202F, 0x205F),
        *(0x2060, 0x2064, 0x2066, 0x2069, 0x206F, 0x2800, 0x3000, 0x3164, 0xD800, 0xDFFF, 0xE000, 0xF8FF),
        *(0xFDD0, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF9, 0xFFFB, 0xFFFC, 0xFFFE, 0xFFFF, 0x1D159, 0x1D173),
        *(0xE0001, 0xE0020, 0xE007F, 0xE0100, 0xE01EF, 0xF0000, 0x10FFFF),
        0x1FAE8,  # assigned by Unicode 15
    ],
)
def test_a_character_that_hides_or_turns_is_refused(point: int) -> None:
    assert not is_allowed(chr(point))
    assert refused_in(f"a{chr(point)}b") == {chr(point)}
    assert f"U+{point:04X}" in name(chr(point))


@pytest.mark.parametrize(
    "text", ["plain\tASCII ~\n", "größer", "Ελλάδα", "漢字", "⚠", "😀", "→ €", "e\u0301"]
)
def test_ordinary_text_of_any_script_is_allowed(text: str) -> None:
    assert refused_in(text) == frozenset()


@pytest.mark.parametrize("line", ["⚠\ufe0f careful", "1\ufe0f\u20e3 first", "✔\ufe0f", "\U0001f5a5\ufe0f"])
def test_an_emoji_selector_behind_a_symbol_is_allowed_in_prose_only(line: str) -> None:
    assert list(refused_at(line, prose=True)) == []
    assert [character for _, character in refused_at(line, prose=False)] == ["\ufe0f"]


@pytest.mark.parametrize("line", ["os\ufe0f", "\ufe0f", "1\ufe0f", " \ufe0f", "⚠\ufe0f\ufe0f", "⚠\ufe0e"])
def test_a_selector_behind_anything_else_is_refused_in_prose_too(line: str) -> None:
    assert len(list(refused_at(line, prose=True))) == 1


def test_a_value_may_hold_no_line_end_and_nothing_that_a_text_may_not() -> None:
    assert problem_in_value("web1 größer") is None
    assert problem_in_value("a\nb") == "a control character (U+000A)"
    assert problem_in_value("a\u202eb") == "a character that turns the direction of the text (U+202E)"


@given(st.text(max_size=50))
def test_the_fast_answer_and_the_slow_one_agree(text: str) -> None:
    assert refused_in(text) == {character for character in text if not is_allowed(character)}
    assert {c for _, c in refused_at(text, prose=False)} == refused_in(text)
