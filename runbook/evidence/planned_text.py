"""The planned text: an execution's `runbook.py`, and the sources that its plan says will run. An edge.

Reads it as it lies there. Gives no permission and decides nothing.
"""

from pathlib import Path

from runbook.canonical import hex_digest
from runbook.errors import EvidenceDamaged, ParameterError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlannedValue, PlanRecord
from runbook.evidence.plan_file import read_evidence
from runbook.text.injection import inject
from runbook.text.reader import read
from runbook.text.runbook import Runbook, Step
from runbook.text.values import DEFAULT, Given, Value, resolve, values_digest

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


def require_values(runbook: Runbook, plan: PlanRecord) -> None:
    """Convert the plan's values again to what the text declares: 1 they fit it; 2 they are those of their
    digest; 3 each is written in the plan as it is, defaults and secrets too. Raises EvidenceDamaged."""
    given = [
        Given(name=value.name, raw=value.literal or value.source, origin=value.origin, form="literal")
        for value in plan.values
        if value.origin != DEFAULT
    ]
    try:
        values = resolve(runbook.parameters, given, base=Path("/"))
    except ParameterError as error:  # 1
        raise EvidenceDamaged(
            f"its values don't fit the text: {error.message}", subject="plan.json"
        ) from error
    if values_digest(values) != plan.values_digest:  # 2
        raise EvidenceDamaged("its values are not those of its digest", subject="plan.json")
    due = tuple(
        PlannedValue(
            name=one.name,
            type_text=one.type_text,
            literal=one.literal,
            origin=one.origin,
            source=str(one.value) if one.secret else None,
        )
        for one in values
    )
    if due != plan.values:  # 3
        raise EvidenceDamaged("its values are not what the text makes of them", subject="plan.json")


def planned_sources(folder: ExecutionFolder, plan: PlanRecord) -> tuple[str, ...]:
    """The exact source of each of the plan's steps, read from the text and checked against the plan: what it
    says of each step and of the header.

    Raises EvidenceDamaged naming the step that differs.
    """
    runbook = read_text(folder)
    steps = planned_steps(runbook, plan)
    header = runbook.header
    if (plan.title, plan.variables, plan.agent) != (runbook.title, header.env, header.agent):
        raise EvidenceDamaged("its title, variables or agent are not those of the text", subject="plan.json")
    if len(steps) != len(plan.steps):
        raise EvidenceDamaged(
            f"the text has {len(steps)} steps with its values, the plan {len(plan.steps)}",
            subject="plan.json",
        )
    for step, planned in zip(steps, plan.steps, strict=True):
        if any(getattr(planned, name) != due for name, due in _said(step).items()):
            raise EvidenceDamaged(
                f"step {planned.name!r} of the plan is not what the text says", subject="plan.json"
            )
    return tuple(step.cell.source for step in steps)


def _said(step: Step) -> dict[str, object]:
    """What a plan says of a step whatever becomes of it, by the names of `PlannedStep`."""
    names = (
        "index",
        "name",
        "kind",
        "title",
        "tags",
        "timeout_seconds",
        "retries",
        "when",
        "undoes",
        "checks",
    )
    said: dict[str, object] = {name: getattr(step, name) for name in names}
    source = hex_digest(step.cell.source.encode("utf-8"))
    return {**said, "source": source, "line": step.cell.line or None}
