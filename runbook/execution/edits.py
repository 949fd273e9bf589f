"""Edits: the sources that people wrote in the place of steps, each for one attempt. Pure."""

from collections.abc import Iterable, Mapping

from runbook.canonical import hex_digest
from runbook.execution.actions import Edit


class Edits:
    """What waits to run so, and what ran so last. `planned`: the sha256 (hex) of each step's own source."""

    def __init__(self, planned: Mapping[str, str]) -> None:
        self._planned = planned
        self._waiting: dict[str, Edit] = {}
        self._last: set[str] = set()  # steps whose last attempt was an edited one

    def put(self, step: str, edit: Edit) -> bool:
        """The step's next attempt runs `edit`; False: that is the planned source, and it is as before."""
        self.drop(step)
        if hex_digest(edit.source.encode("utf-8")) == self._planned[step]:
            return False
        self._waiting[step] = edit
        return True

    def drop(self, step: str) -> None:
        """The step runs as planned after all, or not."""
        self._waiting.pop(step, None)

    def take(self, step: str) -> Edit | None:
        """What the attempt that begins now runs in the place of the planned source; it counts once."""
        edit = self._waiting.pop(step, None)
        (self._last.discard if edit is None else self._last.add)(step)
        return edit

    def ran_last(self, steps: Iterable[str]) -> None:
        """The steps whose last attempt was an edited one, in a run that is taken up."""
        self._last = set(steps)

    def waits(self, step: str) -> bool:
        """Whether an edit waits for the step's next attempt."""
        return step in self._waiting

    def was_edited(self, step: str) -> bool:
        """Whether the step's last attempt ran an edited source."""
        return step in self._last
