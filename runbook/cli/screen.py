"""The screen of a run: our own lines begin at its left edge, what a step prints never does.

A step prints what it likes, also `ok restart succeeded` and `? Run restart?`. Who reads the screen must see
at a glance which words are the run's. So
1. every line of a step's output stands behind a bar, also the rest of a line that one of ours broke off;
2. lines that the terminal would break at its right edge are broken here, and go on behind a mark: what the
   terminal breaks by itself goes on at the left edge; a question's choices are broken between two of them;
3. the rest of a line that stands open is written together with what stands already: the person may have
   pressed Enter meanwhile, and the cursor be at the left edge;
4. a line of ours that holds words of others (a command, a note, a reason) goes on behind a mark;
5. all of it is inert: nothing in it moves the cursor.
Into a pipe or a file nothing is broken: lines have no edge there.
"""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from runbook.cli import show
from runbook.cli.folding import FEWEST_COLUMNS, USUAL_COLUMNS, broken
from runbook.evidence import inert

_BAR = "  |"
_BROKEN = "  : "  # before the rest of a line of output that was too long for the terminal
_MARGIN = "    | "  # before what goes on below a line of ours


class Screen:
    """Writes to `out`, and knows what stands on the line where the cursor is."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._standing = ""  # what is on the cursor's line; "" at the left edge
        self.at_prompt = False
        self._titled = False

    @property
    def is_terminal(self) -> bool:
        return self._out.isatty()

    def line(self, text: str, colour: str, *, lead: str = "") -> None:
        """A line of ours. `lead`: characters for the terminal alone, as the bell."""
        self._leave_line()
        columns = self._columns()
        shown = "\n".join(
            broken(f"{_MARGIN}{line}" if number else line, goes_on=_MARGIN, columns=columns, at_words=True)
            for number, line in enumerate(inert.block(text).split("\n"))
        )
        self._put(lead + (show.paint(shown, colour) if self._out is sys.stdout else shown) + "\n")

    def output(self, text: str) -> None:
        """What a step printed; a line that it did not end goes on with the next output."""
        text = inert.block(text)
        if not text:
            return
        if self.at_prompt:
            self._leave_line()
        columns = self._columns()
        lines = text.split("\n")
        shown = [self._standing + lines[0]] if self._standing else [_behind_bar(lines[0])]
        shown += [_behind_bar(line) for line in lines[1:]]
        if not lines[-1] and len(lines) > 1:
            shown[-1] = ""
        whole = "\n".join(broken(line, goes_on=_BROKEN, columns=columns) for line in shown)
        if columns is None:
            self._put(whole[len(self._standing) :])
            self._standing = _BAR if shown[-1] else ""  # that one stands open is all that matters there
        else:
            self._put(("\r" if self._standing else "") + whole)
            self._standing = whole.rpartition("\n")[2]

    def prompt(self, text: str) -> None:
        """Words of ours behind which the person types; "" when they stand there already."""
        if not text:
            return
        self._leave_line()
        self._put(text)
        self._standing = text.rpartition("\n")[2]
        self.at_prompt = True

    def choices(self, parts: Sequence[str]) -> str:
        """The parts in lines as wide as the terminal is now; none is torn in two where a line holds it."""
        columns = self._columns()
        lines = [""]
        for part in parts:
            if columns is not None and lines[-1] and len(f"{lines[-1]}  {part}") > columns:
                lines.append("")
            lines[-1] += f"  {part}"
        return "\n".join(broken(line, goes_on=_MARGIN, columns=columns) for line in lines)

    def typed(self) -> None:
        """The person ended the prompt's line."""
        self._standing = ""
        self.at_prompt = False

    def title(self, title: str) -> None:
        """Set the terminal's title (OSC 2), so that a question is seen from elsewhere; "" clears ours."""
        if not title and not self._titled:
            return
        if self.is_terminal and os.environ.get("TERM") not in (None, "dumb", "linux"):
            self._put(f"\x1b]2;{inert.line(title)}\a")
            self._titled = bool(title)

    def _leave_line(self) -> None:
        if self._standing:
            self._put("\n")
        self._standing = ""
        self.at_prompt = False

    def _columns(self) -> int | None:
        """How wide the terminal is now; None when `out` is none. `COLUMNS` may lie, so it is not asked."""
        if not self.is_terminal:
            return None
        try:
            columns = os.get_terminal_size(self._out.fileno()).columns
        except OSError:
            columns = 0
        return max(columns or USUAL_COLUMNS, FEWEST_COLUMNS)

    def _put(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _behind_bar(line: str) -> str:
    return f"{_BAR} {line}" if line else _BAR
