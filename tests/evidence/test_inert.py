import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.evidence import inert

HOSTILE = {
    "colour and title": "\x1b[31m\x1b]0;owned\x07",
    "8-bit escape": "\x9b2J",
    "carriage return": "passed\rfailed",
    "backspace": "no\b\byes",
    "bidi": "a\u202eb\u2066c",
    "zero width": "a\u200bb\u200dc\ufeff",
    "separators": "a\u2028b\u2029c\x0bd\x0ce\x85f",
    "invisible": "a\u3164b\u115fc\u00add\u034f",
    "spaces": "a\u00a0b\u3000c\u2003d",
    "selectors and tags": "a\ufe0fb\U000e0041c\U000e0100",
    "private and none": "a\ue000b\uffffc\U0010ffffd\ufdd0",
    "surrogate": "a\ud800b",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_moves_hides_or_reorders_is_spelled(text: str) -> None:
    shown = inert.block(text)
    assert inert.is_inert(shown)
    assert shown.isprintable()
    assert "\\u{" in shown


def test_spelled_characters_say_which_they_are() -> None:
    assert inert.block("50%\r100%\x1b[2J") == "50%\\u{D}100%\\u{1B}[2J"


def test_colours_are_left_out_so_that_a_traceback_can_be_read() -> None:
    assert inert.block("\x1b[0;31mNameError\x1b[0m: name 'x'") == "NameError: name 'x'"


def test_a_colour_hidden_in_a_colour_does_not_come_back_to_life() -> None:
    assert "\x1b" not in inert.block("\x1b\x1b[0m[31mred")


def test_lines_and_tabs_stay_in_a_block_and_not_in_a_line() -> None:
    assert inert.block("a\tb\nc") == "a\tb\nc"
    assert inert.line("a\tb\nc") == "a\\u{9}b\\u{A}c"


def test_ordinary_text_of_any_language_stays() -> None:
    text = "Größe 大丈夫 नमस्ते مرحبا 🎉 ✔\ufe0f → ½ e\u0301"
    assert inert.block(text) == text


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_no_text_at_all_leaves_a_control_character(text: str) -> None:
    for shown in (inert.block(text).replace("\n", "").replace("\t", ""), inert.line(text)):
        assert not any(
            unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")
            for character in shown
            if character not in VISIBLE_FORMAT
        )


VISIBLE_FORMAT = frozenset(
    # Format characters that are seen: Arabic and Kaithi number signs, Egyptian joiners.
    map(
        chr,
        [*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)],
    )
)


def test_every_format_character_there_is_is_spelled_or_seen() -> None:
    silent = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")
        and chr(code) not in VISIBLE_FORMAT
        and inert.is_inert(chr(code))
    ]
    assert silent == []


ROOM = inert.Room(head_lines=3, tail_lines=2, head_characters=50, tail_characters=30)


def test_what_fits_is_not_cut() -> None:
    text = "a\nb\nc\nd\ne"
    assert inert.cut(text, ROOM) == inert.Cut(head=text, tail="", lines_left_out=0, characters_left_out=0)


def test_a_long_text_keeps_beginning_and_end_and_counts_the_rest() -> None:
    text = "".join(f"{number}\n" for number in range(100))
    shown = inert.cut(text, ROOM)
    assert (shown.head, shown.tail) == ("0\n1\n2\n", "98\n99\n")
    assert shown.lines_left_out == 95


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab\n", max_size=300))
def test_a_cut_leaves_out_exactly_what_it_counts(text: str) -> None:
    shown = inert.cut(text, ROOM)
    assert text.startswith(shown.head)
    assert text.endswith(shown.tail)
    left_out = len(text) - len(shown.head) - len(shown.tail)
    assert left_out == shown.characters_left_out
    if left_out:
        assert text[len(shown.head) : len(text) - len(shown.tail)].count("\n") == shown.lines_left_out
    assert len(shown.head) <= 50 or not left_out
    assert len(shown.tail) <= 30
