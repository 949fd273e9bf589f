"""Whether the workspace's text is another one than the copy that a run goes on with. Looks; changes nothing.

A run executes the bytes of its plan, whatever is edited or merged meanwhile. Who sits at it should know.
"""

from pathlib import Path

from runbook.canonical import digest
from runbook.errors import NotFoundError, RunbookError
from runbook.evidence.plan import PlanRecord
from runbook.system import files
from runbook.text.lines import LIMIT_BYTES
from runbook.text.reader import read


class Newer:
    """Says each change of the text once. An approval that is given or taken away is no change of it."""

    def __init__(self, root: Path, record: PlanRecord) -> None:
        self._root = root
        self._record = record
        self._seen = ""

    def __call__(self) -> str | None:
        """What became of the text since it was planned; None when nothing did, or when that was said."""
        path = self._record.runbook
        try:
            data = files.read_inside(self._root, path, limit_bytes=LIMIT_BYTES)
        except NotFoundError:
            return self._once("gone", f"{path} is gone")
        except RunbookError:
            return self._once("unreadable", f"{path} can't be read now")
        now = digest(data)
        if now == self._seen:
            return None
        runbook = read(data).runbook
        if runbook is not None and runbook.text == self._record.text:
            self._seen = now
            return None
        return self._once(now, f"{path} was changed since this was planned")

    def _once(self, what: str, words: str) -> str | None:
        if what == self._seen:
            return None
        self._seen = what
        return f"{words}: this run goes on with its own copy"
