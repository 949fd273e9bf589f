"""Reading the plan of an execution, and any other one file of its evidence. An edge, and a light one.

Lists read hundreds of plans, so nothing here loads the reader of texts. Gives no permission.
"""

from typing import Final

from runbook.decoding import decode_json
from runbook.errors import EvidenceDamaged, FormatError, NotFoundError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PLAN_SCHEMA, PlanRecord
from runbook.system import files

PLAN_LIMIT_BYTES: Final = 16 << 20


def read_plan(folder: ExecutionFolder) -> PlanRecord:
    """The plan of an execution. Raises EvidenceDamaged when it is missing or no plan of this version,
    NotFoundError where it is only proposed."""
    if folder.proposal.exists() and not folder.plan.exists():
        raise NotFoundError(
            "this is only proposed: nothing has run", subject=folder.id, hint=f"`runbook review {folder.id}`"
        )
    return parse_plan(read_evidence(folder, "plan.json", limit_bytes=PLAN_LIMIT_BYTES))


def parse_plan(data: bytes) -> PlanRecord:
    """Read `plan.json`. Raises EvidenceDamaged."""
    try:
        plan = decode_json(data, PlanRecord, name="plan.json", limit_bytes=PLAN_LIMIT_BYTES)
    except FormatError as error:
        raise EvidenceDamaged(error.message, subject="plan.json", line=error.line) from error
    if plan.schema != PLAN_SCHEMA:
        raise EvidenceDamaged(
            f"a plan of schema {plan.schema}; this version reads {PLAN_SCHEMA}", subject="plan.json"
        )
    names = [step.name for step in plan.steps]
    if len(set(names)) != len(names) or [step.index for step in plan.steps] != list(range(len(names))):
        raise EvidenceDamaged("its steps are not numbered, or not named, one by one", subject="plan.json")
    return plan


def read_evidence(folder: ExecutionFolder, name: str, *, limit_bytes: int) -> bytes:
    """One file of the evidence. Raises EvidenceDamaged when it is missing, a link, or too large."""
    try:
        return files.read_inside(folder.path, name, limit_bytes=limit_bytes)
    except NotFoundError as error:
        raise EvidenceDamaged("is missing", subject=name) from error
    except FormatError as error:
        raise EvidenceDamaged(error.message, subject=name) from error
