"""`deviations`: which steps of a run ran as somebody edited them, and a patch of that. Writes nothing."""

from runbook.evidence.derive import told
from runbook.evidence.deviations import Deviation, deviations_of
from runbook.evidence.deviations import patch as patched
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.planned_text import read_text
from runbook.system import files

_LIMIT_BYTES = 1 << 20


def deviations(folder: ExecutionFolder) -> tuple[Deviation, ...]:
    """Every edited attempt of this run, in the order of the text. Raises EvidenceDamaged."""
    what = told(folder)
    return deviations_of(what.account, what.sources)


def patch(folder: ExecutionFolder) -> str:
    """What to change in the reviewed text, so that it says what was run last; empty for a run without edits.

    Paths are as in the workspace. Raises EvidenceDamaged.
    """
    what = told(folder)
    found = deviations_of(what.account, what.sources)
    crlf = b"\r\n" in files.read(folder.runbook, limit_bytes=_LIMIT_BYTES)
    return patched(found, read_text(folder), path=what.account.plan.runbook, crlf=crlf)
