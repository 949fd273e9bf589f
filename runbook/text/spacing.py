"""Spacing: how many blank lines jupytext expects between two cells. Pure.

A notebook notes the number (`lines_to_next_cell`) only where a text differs from it. Without that note,
whoever saves the notebook with jupytext respaces a text that was signed.
"""

from collections.abc import Sequence

from runbook.text.quoting import Quoting

_BEGINS = ("def ", "async ", "class ")


def expected_blank_lines(cell: Sequence[str], after: Sequence[str]) -> int:
    """The blank lines that jupytext would write between a cell and the lines after it.

    `cell` are the lines as they stand in the file, the marker not among them; `after` is everything that
    follows, the next marker first.
    """
    if not after:
        return 1
    if not cell:
        return 0
    if _ends_in_definition(cell):
        return 2 if _has_code(after) else 1
    if cell[-1].strip() and not cell[-1].startswith("#") and _begins_with_definition(after):
        return 2
    return 1


def _ends_in_definition(cell: Sequence[str]) -> bool:
    """Whether the last line at the left edge begins a function or class; text in quotes does not count."""
    quoting = Quoting()
    outside = []
    for line in cell:
        if not quoting.is_open:
            outside.append(line)
        quoting.read(line)
    below = "x"
    for line in reversed(outside):
        if not line.strip():
            if not below.strip():
                return False  # two blank lines stand there already
        elif not line.startswith(("#", " ", ")")):
            return line.startswith(_BEGINS)
        below = line
    return False


def _begins_with_definition(after: Sequence[str]) -> bool:
    quoting = Quoting()
    above = "x"
    for line in after:
        was_open = quoting.is_open
        quoting.read(line)
        if not was_open:
            if not line.strip():
                if not above.strip():
                    return False
            elif line.startswith(_BEGINS):
                return True
            elif not line.startswith(("#", "@", " ", ")")):
                return False
        above = line
    return False


def _has_code(after: Sequence[str]) -> bool:
    above = "x"
    for line in after:
        stripped = line.strip()
        if not stripped and not above.strip():
            return False
        if stripped and not stripped.startswith("#"):
            return True
        above = line
    return False
