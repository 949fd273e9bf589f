"""Whether the terminal shows what is typed: off while a step asks for a password. An edge.

The line's end is shown all the same, so that what is printed next begins at the left edge.
"""

import contextlib
import termios
from typing import TextIO


class Echo:
    """The echo of one terminal; of anything else there is none to turn off."""

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._saved: list[int | list[bytes | int]] | None = None

    def off(self) -> None:
        """Show nothing of what is typed, until `on`."""
        if self._saved is not None or not self._source.isatty():
            return
        was = termios.tcgetattr(self._source)
        hidden = list(was)
        hidden[3] = (was[3] & ~termios.ECHO) | termios.ECHONL
        termios.tcsetattr(self._source, termios.TCSADRAIN, hidden)
        self._saved = was

    def on(self) -> None:
        """As it was before. What was typed unseen and not read is forgotten: it answers no other question."""
        if self._saved is None:
            return
        saved, self._saved = self._saved, None
        with contextlib.suppress(termios.error):  # a terminal that is gone
            termios.tcsetattr(self._source, termios.TCSAFLUSH, saved)
