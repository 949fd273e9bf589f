"""The planned text: an execution's `runbook.py`, and the sources that its plan says will run. An edge.

Reads it as it lies there. Gives no permission and decides nothing.
"""

from collections.abc import Sequence
from pathlib import Path

from runbook import __version__
from runbook.canonical import hex_digest
from runbook.errors import EvidenceDamaged, ParameterError, RunbookError
from runbook.evidence import planned as planning
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlannedValue, PlanRecord
from runbook.evidence.plan_file import read_evidence
from runbook.evidence.planned import Manner, planned_value, selection_from
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


def require_values(runbook: Runbook, plan: PlanRecord) -> tuple[Value, ...]:
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
    if tuple(planned_value(one) for one in values) != plan.values:  # 3
        raise EvidenceDamaged("its values are not what the text makes of them", subject="plan.json")
    return values


def require_steps(runbook: Runbook, plan: PlanRecord, values: Sequence[Value]) -> None:
    """Plan the steps again, as the text, the values and what was said make them: what will run, be asked or
    be skipped, and why. Of a plan by another version, whose rules may have been others, nothing is asked.
    Raises EvidenceDamaged."""
    if plan.versions.get("runbook") != __version__:
        return
    manner = Manner(
        unattended=plan.kind == "unattended",
        dry_run=plan.dry_run,
        selection=selection_from(plan.selection, name="plan.json"),
        names={one.name: one.value for one in values if not one.secret} | {"environment": plan.environment},
    )
    try:
        due = planning.planned_steps(planned_steps(runbook, plan), manner)
    except RunbookError as error:
        raise EvidenceDamaged(
            f"it could not have been planned: {error.message}", subject="plan.json"
        ) from error
    if due != plan.steps:
        raise EvidenceDamaged("its steps are not what comes of planning them", subject="plan.json")


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
        said = (planned.name, planned.title, planned.kind, planned.tags, planned.source)
        source = hex_digest(step.cell.source.encode("utf-8"))
        if said != (step.name, step.title, step.kind, step.tags, source):
            raise EvidenceDamaged(
                f"step {planned.name!r} of the plan is not what the text says", subject="plan.json"
            )
    return tuple(step.cell.source for step in steps)
