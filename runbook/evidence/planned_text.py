"""The planned text: the plan in an execution's folder, and the sources that it says will run. An edge.

Reads `plan.json` and `runbook.py` as they lie there. Gives no permission and decides nothing.
"""

from pathlib import Path

from runbook.canonical import hex_digest
from runbook.decoding import decode_json
from runbook.errors import EvidenceDamaged, FormatError, NotFoundError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PLAN_SCHEMA, PlannedValue, PlanRecord
from runbook.system import files
from runbook.text.injection import inject
from runbook.text.reader import read
from runbook.text.runbook import Runbook, Step
from runbook.text.values import DEFAULT, Given, Value, resolve

PLAN_LIMIT_BYTES = 16 << 20
TEXT_LIMIT_BYTES = 1 << 20


def read_plan(folder: ExecutionFolder) -> PlanRecord:
    """The plan of an execution. Raises EvidenceDamaged when it is missing or no plan of this version."""
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


def read_text(folder: ExecutionFolder) -> Runbook:
    """`runbook.py` as the strict reader understands it. Raises EvidenceDamaged when it is refused."""
    reading = read(read_evidence(folder, "runbook.py", limit_bytes=TEXT_LIMIT_BYTES))
    if reading.runbook is None:
        first = reading.refusals[0]
        raise EvidenceDamaged(
            f"the reader refuses it: {first.message}", subject="runbook.py", line=first.line
        )
    return reading.runbook


def planned_steps(runbook: Runbook, plan: PlanRecord) -> tuple[Step, ...]:
    """The steps of the text with the plan's values written in. Raises EvidenceDamaged."""
    try:
        return inject(runbook.steps, [_value(value) for value in plan.values])
    except ValueError as error:
        raise EvidenceDamaged(
            f"its values can't be written as a step: {error}", subject="plan.json"
        ) from error


def _value(value: PlannedValue) -> Value:
    return Value(
        name=value.name,
        type_text=value.type_text,
        value=None,  # what is written is the literal
        literal=value.literal,
        origin=value.origin,
        secret=value.literal is None,
    )


def given_values(runbook: Runbook, plan: PlanRecord) -> tuple[Value, ...]:
    """The plan's values, converted again to what the text declares. Raises ParameterError."""
    given = [
        Given(name=value.name, raw=value.literal, origin=value.origin, form="literal")
        for value in plan.values
        if value.origin != DEFAULT
    ]
    return resolve(runbook.parameters, given, base=Path("/"))


def planned_sources(folder: ExecutionFolder, plan: PlanRecord) -> tuple[str, ...]:
    """The exact source of each of the plan's steps, read from the text and checked against the plan.

    Raises EvidenceDamaged naming the step that differs.
    """
    steps = planned_steps(read_text(folder), plan)
    if len(steps) != len(plan.steps):
        raise EvidenceDamaged(
            f"the text has {len(steps)} steps with its values, the plan {len(plan.steps)}",
            subject="plan.json",
        )
    for step, planned in zip(steps, plan.steps, strict=True):
        if step.name != planned.name or hex_digest(step.cell.source.encode("utf-8")) != planned.source:
            raise EvidenceDamaged(
                f"step {planned.name!r} of the plan is not what the text says", subject="plan.json"
            )
    return tuple(step.cell.source for step in steps)
