"""Fences: where the header stands in the lines of a text, told as jupytext tells it. Pure.

jupytext takes for a header what follows a shebang and a coding line at most, begins with a fence, has `#`
in front of every line, and ends with a fence. Anything above it, a blank line inside it, and the header is a
cell of comments. Both readers must agree on that, or one of them obeys a header that the other does not see.
"""

import re
from collections.abc import Sequence

import msgspec

from runbook.text.reasons import Reason, reason

FENCE = "# ---"
_IS_FENCE = re.compile(r"---\s*")
# jupytext looks for a coding line with this expression; Python's own (PEP 263) is alike.
_CODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)")
_MARKER = re.compile(r"\s*#\s*%%")
_ROOT_KEY = re.compile(r"# ?(?:runbook|approvals|jupyter)\s*:")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Indices of lines, from 0. `opening` and `closing` are the fences, None without a header.

    `skipped`: how many lines above belong to no cell (shebang, coding line). `end`: the first line of the
    cells; behind the header jupytext leaves one empty line out.
    """

    skipped: int
    opening: int | None
    closing: int | None
    end: int


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What stands between the fences without its `# ` and without the approvals: `lines`, and the index in
    the file of each; `opening` is the index of the fence above, `cut` that of the block taken out."""

    lines: tuple[str, ...]
    numbers: tuple[int, ...]
    opening: int
    cut: int | None = None

    def number(self, index: int) -> int:
        """The 1-based line of the file for one of `lines`; the fence's for one that does not exist."""
        return self.numbers[index] + 1 if index < len(self.numbers) else self.opening + 1


def uncommented(line: str) -> str:
    """A header line without its `# `, or without its `#`."""
    if line.startswith("# "):
        return line[2:]
    return line[1:] if line.startswith("#") else line


def locate(lines: Sequence[str]) -> tuple[Place, list[Reason]]:
    """The header's place, and what is wrong with the place itself. Never raises."""
    reasons: list[Reason] = []
    skipped = _skipped(lines, reasons)
    opening = _opening(lines, skipped, reasons)
    if opening is None:
        reasons.append(_no_header(lines, skipped))
        return Place(skipped=skipped, opening=None, closing=None, end=skipped), reasons
    closing = None
    for index in range(opening + 1, len(lines)):
        if not lines[index].startswith("#"):
            break
        if _IS_FENCE.fullmatch(uncommented(lines[index])):
            closing = index
            break
    else:
        index = len(lines)
    if closing is None:
        found = f"the header that starts here is not closed before line {index + 1}: jupytext sees no header"
        hint = f"end it with `{FENCE}`, and write `#` for an empty line inside it"
        reasons.append(reason("header.fence", opening + 1, found, hint))
        return Place(skipped=skipped, opening=None, closing=None, end=skipped), reasons
    for fence in (opening, closing):
        if lines[fence].rstrip(" ") != FENCE:
            found = "a fence that is not spelled `# ---`"
            reasons.append(reason("header.fence", fence + 1, found, f"write `{FENCE}`"))
    if skipped:
        found = "a shebang or coding line stands above the header"
        hint = "delete it: a runbook is read as UTF-8 and is not run by the shell; or run `runbook fmt`"
        reasons.append(reason("header.place", 1, found, hint))
    end = closing + 1
    if end < len(lines) and not uncommented(lines[end]).strip():
        end += 1
    return Place(skipped=skipped, opening=opening, closing=closing, end=end), reasons


def _skipped(lines: Sequence[str], reasons: list[Reason]) -> int:
    """How many lines jupytext takes for a shebang and a coding line."""
    if not lines:
        return 0
    shebang = lines[0].startswith("#!")
    # jupytext looks at the second line behind a shebang, an empty comment or a fence only.
    bare = uncommented(lines[0]) if lines[0].startswith("#") else None
    second = shebang or (bare is not None and (not bare.strip() or _IS_FENCE.fullmatch(bare) is not None))
    for index, line in enumerate(lines[: 2 if second else 1]):
        coding = _CODING.match(line)
        if coding is None:
            continue
        if coding[1] != "utf-8" or _MARKER.match(line) or index != shebang:
            found = f"the line reads as a declaration of the encoding {coding[1]!r}"
            hint = "delete or reword it: a runbook is UTF-8, and no other program should read it otherwise"
            reasons.append(reason("text.encoding", index + 1, found, hint))
        return index + 1
    return 1 if shebang else 0


def _opening(lines: Sequence[str], skipped: int, reasons: list[Reason]) -> int | None:
    index = skipped
    while index < len(lines) and lines[index].startswith("#") and not uncommented(lines[index]).strip():
        index += 1
    if index >= len(lines) or not lines[index].startswith("#"):
        return None
    if not _IS_FENCE.fullmatch(uncommented(lines[index])):
        return None
    if index > skipped:
        found = "empty comment lines stand above the header's fence: jupytext takes them for a part of it"
        reasons.append(reason("header.fence", skipped + 1, found, "delete them"))
    return index


def _no_header(lines: Sequence[str], start: int) -> Reason:
    """No header at the top: say whether one stands further down, above the first marker."""
    misplaced = misplaced_header(lines, start)
    if misplaced is not None:
        found = (
            f"the header on line {misplaced + 1} is not at the top of the file: for jupytext it is a cell of "
            "comments, and so it is here; its title, environments and approvals do not count"
        )
        hint = "move what stands above it below it, or run `runbook fmt`"
        return reason("header.place", misplaced + 1, found, hint)
    found = "there is no header; the text runs in scratch only"
    return reason("header.missing", 1, found, "run `runbook fmt`, which writes one")


def misplaced_header(lines: Sequence[str], start: int = 0) -> int | None:
    """The index of the opening fence of a header that stands below the top and above the first marker."""
    for index in range(start, len(lines) - 1):
        if _MARKER.match(lines[index]):
            return None
        if (
            lines[index].startswith("#")
            and _IS_FENCE.fullmatch(uncommented(lines[index]))
            and _ROOT_KEY.match(lines[index + 1])
        ):
            return index
    return None
