"""Editing a step at a question: the person's editor on a private copy. Says not whether it may run."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from runbook.errors import FormatError
from runbook.system import files
from runbook.text.edited import LIMIT_BYTES, difference, with_source
from runbook.text.runbook import Runbook
from runbook.verbs.editor import open_in_editor

_READ_BYTES = 1 << 20


class Editing:
    """What was written in the place of reviewed steps during one visit, so that it can be written further."""

    def __init__(self, runbook: Runbook | None, env: Mapping[str, str]) -> None:
        self._runbook = runbook
        self._env = env
        self._drafts: dict[str, str] = {}

    def write(self, step: str) -> str | None:
        """Open the step's code as it was left last, or as it was reviewed; what they made of it.

        None when nothing differs from what was reviewed. What the reader refuses is kept for the next time.
        Raises RunbookError: no editor, one that ended badly, a text that can't run in the step's place.
        """
        reviewed = self._reviewed(step)
        written = self._edit(step, self._drafts.get(step, reviewed))
        before = self._drafts.pop(step, reviewed)
        if written == reviewed and before == reviewed:
            return None
        self._drafts[step] = written
        if self._runbook is not None and written != reviewed:
            with_source(self._runbook, step, written)
        return written

    def changes(self, step: str, source: str) -> str:
        """What differs from the reviewed source, line by line."""
        return difference(self._reviewed(step), source)

    def ran(self, step: str, source: str) -> bool:
        """Take note of an edited source that ran; whether it is news here."""
        is_news = self._drafts.get(step) != source
        self._drafts[step] = source
        return is_news

    def _reviewed(self, step: str) -> str:
        found = None if self._runbook is None else self._runbook.step(step)
        return "" if found is None else found.cell.source

    def _edit(self, step: str, source: str) -> str:
        with tempfile.TemporaryDirectory(prefix="runbook-edit-") as folder:  # nobody else's to read or write
            path = Path(folder) / f"{step}.py"
            files.create(path, f"{source}\n".encode(), mode=0o600, durable=False)
            open_in_editor(path, env=self._env, subject=step)
            data = files.read(path, limit_bytes=max(_READ_BYTES, LIMIT_BYTES))
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("what the editor wrote is not UTF-8", subject=step) from error
        return text.replace("\r\n", "\n").rstrip("\n")
