"""A proposed plan as it is written down: `proposal.json`, in the folder of an execution that may come of it.

Where policy wants approvals of a plan's exact values (`parameters = "exact"`), nothing may be planned before
they are given; this is what they are given to. A light edge. It is a question and no plan: it
gives no permission, nothing runs from it, and whoever reads it believes none of it.
"""

from datetime import timedelta
from typing import Final, Literal

import msgspec

from runbook.canonical import digest
from runbook.decoding import decode_json
from runbook.errors import EvidenceDamaged, FormatError, NotFoundError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlannedValue
from runbook.system import files

PROPOSAL_SCHEMA: Final = 1
LIMIT_BYTES: Final = 4 << 20
LIFE: Final = timedelta(days=7)
"""How long a proposal may wait. Its approvals have an end of their own."""


class ProposalRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody wants to run, with which values. `values_digest` is what an approval of them names."""

    schema: int
    id: str  # the execution folder's name
    runbook: str  # path below the workspace
    title: str
    text: str  # sha256:
    environment: str
    kind: Literal["interactive", "unattended"]
    dry_run: bool
    selection: tuple[str, ...]
    values: tuple[PlannedValue, ...]
    values_digest: str  # sha256:
    operator: str  # who proposed it, a claim
    host: str
    created: str
    expires: str

    @property
    def exact(self) -> str:
        """What the statement of an approval of these values says under `parameters`."""
        return f"exact:{self.values_digest}"


def is_proposed(folder: ExecutionFolder) -> bool:
    """Whether there is a proposal here and no plan yet."""
    return folder.proposal.exists() and not folder.plan.exists()


def read(folder: ExecutionFolder) -> tuple[ProposalRecord, bytes]:
    """The proposal, and its bytes. Raises FormatError, NotFoundError."""
    try:
        data = files.read_inside(folder.path, "proposal.json", limit_bytes=LIMIT_BYTES)
    except NotFoundError as error:
        raise NotFoundError("there is no proposed plan in this folder", subject=folder.id) from error
    record = decode_json(data, ProposalRecord, name=f"{folder.id}/proposal.json", limit_bytes=LIMIT_BYTES)
    if record.schema != PROPOSAL_SCHEMA:
        raise FormatError(f"proposal.json has schema {record.schema}, this version knows {PROPOSAL_SCHEMA}")
    return record, data


def read_kept(folder: ExecutionFolder, said: str) -> ProposalRecord:
    """The proposal that a plan came of, which names it by `said`, its digest. Raises EvidenceDamaged."""
    try:
        record, data = read(folder)
    except (FormatError, NotFoundError) as error:
        raise EvidenceDamaged(error.message, subject="proposal.json", line=error.line) from error
    if digest(data) != said:
        raise EvidenceDamaged("is not the one that the plan names", subject="proposal.json")
    return record
