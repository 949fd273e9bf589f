"""Deriving: record and audit of an execution from its folder, and the seal that closes it. An edge.

Record and audit follow from plan, text and journal and from nothing else: the same folder and renderer give
the same bytes. Nothing is overwritten: what is there already must be what would be written.
"""

from datetime import datetime

import msgspec

from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.seal import Finish


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """Record (`record.ipynb`) and audit (`audit.md`), as bytes."""

    record: bytes
    audit: bytes


def derived(folder: ExecutionFolder) -> Derived:
    """Render record and audit, also of an execution that never ended (then with `unknown` steps).

    Writes nothing. Raises EvidenceDamaged when journal, plan, text or blobs do not check.
    """
    raise NotImplementedError


def conclude(folder: ExecutionFolder, *, now: datetime) -> Finish:
    """Write record, audit and seal. The journal's last event is `sealed`, and its writer is closed.

    Also finishes what a crash cut short between those. Raises EvidenceDamaged, ExistsError (sealed already),
    StorageError.
    """
    raise NotImplementedError
