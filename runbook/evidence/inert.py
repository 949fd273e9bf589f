"""Inert text: what strangers wrote, with nothing left in it that a terminal or a reader obeys. Pure.

For outputs, names, values, messages: everything that is shown and was not written by us. Characters that
move the cursor, hide, reorder or imitate are spelled `\\u{1B}`: control characters, carriage returns, bidi
controls, invisible letters, unusual spaces, line and paragraph separators, private use, surrogates,
noncharacters. The ranges stand here and depend on no Python's tables. Colour codes (SGR: `ESC [ … m`) only
paint; they are left out, so that a traceback can be read.

This is for eyes. The exact characters are in the journal.
"""

import re

import msgspec

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")

# One class for `re`, in the order of the code points. Tab and line feed are decided by the functions below.
_HIDDEN_RANGES = (
    (0x00, 0x08),  # control
    (0x0B, 0x1F),
    (0x7F, 0x9F),  # delete and C1: some terminals obey U+009B like ESC [
    (0xA0, 0xA0),  # no-break space
    (0xAD, 0xAD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x115F, 0x1160),  # Hangul fillers
    (0x1680, 0x1680),  # Ogham space
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian selectors
    (0x2000, 0x200F),  # spaces, zero width, marks
    (0x2028, 0x202F),  # separators, bidi embeddings, narrow space
    (0x205F, 0x206F),  # spaces, joiners, isolates, deprecated controls
    (0x2800, 0x2800),  # Braille blank
    (0x3000, 0x3000),  # ideographic space
    (0x3164, 0x3164),  # Hangul filler
    (0xD800, 0xF8FF),  # surrogates, private use
    (0xFDD0, 0xFDEF),  # noncharacters
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),  # half-width Hangul filler
    (0xFFF0, 0xFFFC),  # unassigned ignorables, annotations, object replacement
    (0xFFFE, 0xFFFF),
    (0x16FE4, 0x16FE4),  # Khitan filler
    (0x1BCA0, 0x1BCA3),  # shorthand controls
    (0x1D173, 0x1D17A),  # musical controls
    *((plane + 0xFFFE, plane + 0xFFFF) for plane in range(0x10000, 0xE0000, 0x10000)),
    (0xE0000, 0x10FFFF),  # tags, more variation selectors, private planes
)
_HIDDEN_CLASS = "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in _HIDDEN_RANGES)
# U+FE0F behind a symbol only asks for its colourful shape.
_HIDDEN = re.compile(f"(?<=[\u203c-\u3299\U0001f000-\U0001faff])\ufe0f|([{_HIDDEN_CLASS}])")
_HIDDEN_IN_LINE = re.compile(f"[\t\n{_HIDDEN_CLASS}]")


def spelled(character: str) -> str:
    """How a character that is not shown is written: `\\u{1B}`."""
    return f"\\u{{{ord(character):X}}}"


def block(text: str) -> str:
    """`text` over several lines: line feeds and tabs stay, everything that would be obeyed is spelled."""
    text = _COLOUR.sub("", text)
    return _HIDDEN.sub(lambda match: spelled(match[1]) if match[1] else match[0], text)


def line(text: str) -> str:
    """`text` on one line: line feeds and tabs are spelled too."""
    return _HIDDEN_IN_LINE.sub(lambda match: spelled(match[0]), _COLOUR.sub("", text))


def is_inert(text: str) -> bool:
    """Whether `text` is one line of characters that are all shown as they are."""
    return _HIDDEN_IN_LINE.search(text) is None


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """A long text for people: its beginning, its end, and how much was left out between them."""

    head: str
    tail: str
    lines_left_out: int
    characters_left_out: int


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a text is shown: lines and characters, of the beginning and of the end."""

    head_lines: int
    tail_lines: int
    head_characters: int
    tail_characters: int


def cut(text: str, room: Room) -> Cut:
    """Cut `text` to `room`. What fits is not cut: `tail` is empty and nothing was left out."""
    lines = text.count("\n") + 1
    if (
        lines <= room.head_lines + room.tail_lines
        and len(text) <= room.head_characters + room.tail_characters
    ):
        return Cut(head=text, tail="", lines_left_out=0, characters_left_out=0)
    head = _first_lines(text[: room.head_characters], room.head_lines)
    rest = text[len(head) :]
    start = max(0, len(rest) - room.tail_characters)
    tail = _last_lines(rest[start:], room.tail_lines)
    left_out = rest[: len(rest) - len(tail)]
    return Cut(
        head=head,
        tail=tail,
        lines_left_out=left_out.count("\n"),
        characters_left_out=len(left_out),
    )


def _first_lines(text: str, count: int) -> str:
    end = -1
    for _ in range(count):
        end = text.find("\n", end + 1)
        if end < 0:
            return text
    return text[: end + 1]


def _last_lines(text: str, count: int) -> str:
    start = len(text.rstrip("\n"))
    for _ in range(count):
        start = text.rfind("\n", 0, start)
        if start < 0:
            return text
    return text[start + 1 :]
