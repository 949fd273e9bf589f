"""Fenced blocks of prose: where jupytext believes that one is open, and begins no cell. Pure.

A block opens with ``` or ~~~ and closes with as many of the same or more. jupytext takes a fence for an
opening one only if a closing one follows, be it cells later; so that is looked for in the whole text.
"""

import re
from collections.abc import Iterator, Sequence

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")

Fence = tuple[str, int]
"""The character and how often it stands there."""


class Fenced:
    """Answers for one text; the questions come in the order of its lines, so that nothing is sought twice."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.closing: dict[Fence, tuple[Iterator[tuple[int, Fence]], int]] = {}
        self._closers: list[tuple[int, Fence]] | None = None

    def open_at(self, begin: int, end: int) -> int | None:
        """The index of the fence that is still open behind the prose `lines[begin:end]`; None for none."""
        if not any("```" in line or "~~~" in line for line in self.lines[begin:end]):
            return None
        at = begin
        while at < end:
            opening = _opening(self.lines[at])
            at += 1
            if opening is None:
                continue
            closing = self._closing(opening, at)
            if closing is None:
                continue
            if closing >= end:
                return at - 1
            at = closing + 1
        return None

    def _closing(self, opening: Fence, start: int) -> int | None:
        """The first line from `start` on that closes the fence."""
        if self._closers is None:
            self._closers = list(_closers(self.lines))
        rest, found = self.closing.get(opening) or (iter(self._closers), -1)
        while found < start:
            matching = (at for at, fence in rest if fence[0] == opening[0] and fence[1] >= opening[1])
            found = next(matching, len(self.lines))
        self.closing[opening] = rest, found
        return found if found < len(self.lines) else None


def _closers(lines: Sequence[str]) -> Iterator[tuple[int, Fence]]:
    for index, line in enumerate(lines):
        if "```" in line or "~~~" in line:
            match = _FENCE.fullmatch(_bare(line))
            if match is not None and not match[2].strip():
                yield index, (match[1][0], len(match[1]))


def _opening(line: str) -> Fence | None:
    match = _FENCE.fullmatch(_bare(line))
    if match is None or (match[1][0] == "`" and "`" in match[2]):
        return None
    return match[1][0], len(match[1])


def _bare(line: str) -> str:
    return line[2:] if line.startswith("# ") else line.removeprefix("#")
