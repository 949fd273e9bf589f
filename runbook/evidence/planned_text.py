"""The planned text: an execution's `runbook.py`, and the sources that its plan says will run. An edge.

Reads it as it lies there. Gives no permission and decides nothing.
"""

from pathlib import Path

from runbook.canonical import hex_digest
from runbook.errors import EvidenceDamaged
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlannedValue, PlanRecord
from runbook.evidence.plan_file import read_evidence
from runbook.text.injection import inject
from runbook.text.reader import read
from runbook.text.runbook import Runbook, Step
from runbook.text.values import DEFAULT, Given, Value, resolve

TEXT_LIMIT_BYTES = 1 << 20


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
        Given(name=value.name, raw=value.literal or value.source, origin=value.origin, form="literal")
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
