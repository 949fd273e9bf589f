"""Quoting: where jupytext believes that a triple-quoted string is open. Pure.

jupytext does not parse Python: it looks for quotes with a small machine of its own, which is sometimes wrong,
and begins no cell where that machine sees a string. To agree with it, this module counts as it counts; what
Python itself sees there is the concern of `text/syntax`.
"""

import re

_QUOTE_OR_COMMENT = re.compile(r"[\"'#]")


class Quoting:
    """Reads the lines of one cell in turn, its marker first; `is_open` is about the line that comes next."""

    def __init__(self) -> None:
        self.triple: str | None = None

    @property
    def is_open(self) -> bool:
        return self.triple is not None

    def read(self, line: str) -> None:
        if self.triple is None and line.lstrip().startswith("#"):
            return
        single: str | None = None
        last_triple = -1
        for match in _QUOTE_OR_COMMENT.finditer(line):
            at, character = match.start(), match[0]
            if character == "#":
                if single is None and self.triple is None:
                    break
                continue
            if line[at - 1 : at] == "\\":
                continue
            if single == character:
                single = None
                continue
            if single is not None:
                continue
            if at >= 2 and line[at - 2 : at + 1] == 3 * character and at >= last_triple + 3:
                if self.triple == character:
                    self.triple = None
                    last_triple = at
                elif self.triple is None:
                    self.triple = character
                    last_triple = at
                continue
            if self.triple is None:
                single = character
