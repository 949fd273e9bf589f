"""Characters: which ones a text may hold (DESIGN §4.2), decided by ranges fixed in the source.

Pure. Asks no table of the running Python, no locale, no environment. What is refused could make a reader see
something else than what runs: controls, bidirectional controls, zero-width and invisible letters, unusual
blanks, line and paragraph separators, private use, variation selectors, tags, and whatever Unicode 14 had not
assigned. Tabs are judged elsewhere (`text/syntax`), as only strings of code may hold them.
"""

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

from runbook.text.unicode14 import refused_ranges

EMOJI_SELECTOR = "\ufe0f"
_KEYCAP = "\u20e3"
_PLAIN = bytes([0x09, 0x0A, *range(0x20, 0x7F)])

# Where the symbols stand that U+FE0F turns from text into a picture: blocks, not a list of emoji, because in
# prose a selector behind a symbol that ignores it is harmless too.
_EMOJI_BLOCKS = (
    (0xA9, 0xA9),
    (0xAE, 0xAE),
    (0x203C, 0x203C),
    (0x2049, 0x2049),
    (0x2122, 0x2122),
    (0x2139, 0x2139),
    (0x2190, 0x21FF),
    (0x2300, 0x23FF),
    (0x24C2, 0x24C2),
    (0x25A0, 0x27BF),
    (0x2934, 0x2935),
    (0x2B00, 0x2BFF),
    (0x3030, 0x3030),
    (0x303D, 0x303D),
    (0x3297, 0x3297),
    (0x3299, 0x3299),
    (0x1F000, 0x1FAFF),
)

# What to call a refused character, first match wins. The last words are for everything else.
_KINDS = (
    ((0x00, 0x1F), "a control character"),
    ((0x7F, 0x9F), "a control character"),
    ((0x61C, 0x61C), "a character that turns the direction of the text"),
    ((0x200E, 0x200F), "a character that turns the direction of the text"),
    ((0x202A, 0x202E), "a character that turns the direction of the text"),
    ((0x2066, 0x2069), "a character that turns the direction of the text"),
    ((0x2028, 0x2029), "a line or paragraph separator: some programs start a new line there, others do not"),
    ((0xA0, 0xA0), "a blank that is not the usual one"),
    ((0x1680, 0x1680), "a blank that is not the usual one"),
    ((0x2000, 0x200A), "a blank that is not the usual one"),
    ((0x202F, 0x202F), "a blank that is not the usual one"),
    ((0x205F, 0x205F), "a blank that is not the usual one"),
    ((0x3000, 0x3000), "a blank that is not the usual one"),
    ((0xFE00, 0xFE0F), "a variation selector"),
    ((0xE0100, 0xE01EF), "a variation selector"),
    ((0xD800, 0xDFFF), "half of a surrogate pair"),
    ((0xE000, 0xF8FF), "a private use character"),
    ((0xF0000, 0x10FFFF), "a private use character"),
)


@cache
def _starts_and_ends() -> tuple[list[int], list[int]]:
    ranges = refused_ranges()
    return [first for first, _ in ranges], [last for _, last in ranges]


def is_allowed(character: str) -> bool:
    """Whether a text may hold this character (anywhere; line end and tab included)."""
    point = ord(character)
    if point < 0x7F:
        return point >= 0x20 or character in "\n\t"
    starts, ends = _starts_and_ends()
    at = bisect_right(starts, point) - 1
    return at < 0 or point > ends[at]


def refused_in(text: str) -> frozenset[str]:
    """The characters of `text` that are refused. Linear, and next to nothing for plain ASCII."""
    if text.isascii():
        left = text.encode("ascii").translate(None, _PLAIN)
        return frozenset(left.decode("ascii"))
    return frozenset(character for character in set(text) if not is_allowed(character))


def name(character: str) -> str:
    """How a message calls a refused character: what it is and its number, never the character itself."""
    point = ord(character)
    kind = next(
        (words for (first, last), words in _KINDS if first <= point <= last),
        "an invisible character, or one that Unicode 14 does not know",
    )
    return f"{kind} (U+{point:04X})"


def refused_at(line: str, *, prose: bool) -> Iterator[tuple[int, str]]:
    """Column (from 1) and character of each refused one in `line`.

    In prose, U+FE0F directly behind a symbol (or inside a keycap) is not refused.
    """
    for at, character in enumerate(line):
        if not is_allowed(character) and not (prose and _is_emoji_selector(line, at)):
            yield at + 1, character


def _is_emoji_selector(line: str, at: int) -> bool:
    if line[at] != EMOJI_SELECTOR or at == 0:
        return False
    before = line[at - 1]
    if before in "0123456789#*":
        return line[at + 1 : at + 2] == _KEYCAP
    return any(first <= ord(before) <= last for first, last in _EMOJI_BLOCKS)


def problem_in_value(text: str) -> str | None:
    """The first refused character of a value, named; line ends and tabs count as control characters.

    What a text may not hold, a value that is written into it may not hold either (DESIGN §4.4).
    """
    bad = refused_in(text) | (set(text) & {"\n", "\t"})
    return next((name(character) for character in text if character in bad), None)
