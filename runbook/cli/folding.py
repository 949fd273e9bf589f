"""Lines that are too long for their terminal, broken by us: it would break words, and go on at its left edge,
where our own lines begin. Pure.

Two ways. What we say is folded between words, as one reads it, and what is there to be copied stays whole.
What others wrote (output, source, a difference) goes on behind a mark wherever it is broken: nothing in it
may look like a line of ours. A pipe or a file has no edge; nothing comes here for one.
"""

import re
import unicodedata

FEWEST_COLUMNS = 24
USUAL_COLUMNS = 80

_WORD = re.compile(r" *(?:`[^`]*`|[^ `]|`)+")  # with the blanks before it


def folded(line: str, columns: int, *, goes_on: str) -> str:
    """`line`, broken at blanks so that it keeps within `columns`; each rest stands behind `goes_on`.

    Words between backticks stay together, as they are there to be copied; so does a word that no line holds:
    the terminal breaks that one, and gives it back whole.
    """
    lines = [""]
    for piece in _WORD.findall(line):
        word = piece.lstrip(" ")
        fits = cells(lines[-1]) + cells(piece) <= columns
        if fits or not lines[-1] or cells(goes_on) + cells(word) > columns:
            lines[-1] += piece
        else:
            lines.append(goes_on + word)
    return "\n".join(lines)


def cells(text: str) -> int:
    """How many columns of a terminal a text takes: East Asian letters take two, accents none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def broken(line: str, *, goes_on: str, columns: int | None, at_words: bool = False) -> str:
    """`line`, broken so that nothing reaches beyond `columns`; each rest stands behind `goes_on`.

    `columns=None` breaks nothing. `at_words` breaks behind a blank where one is in the line's second half;
    what a step printed is broken at the edge, as it may still go on there.
    """
    is_plain = line.isascii() and "\t" not in line
    if columns is None or (is_plain and len(line) <= columns):
        return line
    if is_plain and not at_words:
        room = columns - len(goes_on)
        rest = (line[at : at + room] for at in range(columns, len(line), room))
        return f"\n{goes_on}".join([line[:columns], *rest])
    pieces = []
    start = column = number = 0
    while number < len(line):
        after = _after(line[number], column)
        if after <= columns:
            column = after
            number += 1
            continue
        number = _behind_a_word(line, start, number) if at_words else number
        pieces.append(line[start:number])
        start, column = number, len(goes_on)
    pieces.append(line[start:])
    return f"\n{goes_on}".join(pieces)


def _behind_a_word(line: str, start: int, end: int) -> int:
    """Where to break `line[start:end]`: behind its last blank, or at `end` where that would leave little."""
    cut = line.rfind(" ", start, end) + 1
    is_late = cut - start > (end - start) // 2 and not line[start:cut].isspace()
    return cut if is_late and line[end] != " " else end


def _after(character: str, column: int) -> int:
    """The column behind a character. In doubt too many: a line is then broken early, and by us."""
    if character == "\t":
        return column // 8 * 8 + 8
    if character.isascii():
        return column + 1
    wide = character >= "\U0001f000" or unicodedata.east_asian_width(character) in "WF"
    return column + (2 if wide else 1)
