"""The plan: a runbook's exact bytes plus the values and the environment it will run with (DESIGN §7.1).

Pure. A `Plan` needs a `Permission`, which only `approval/decision` makes and which cannot be written down: so
whoever holds a plan has had it decided in this very process. The kernel runs nothing but a `Plan`.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from runbook.approval.decision import SCRATCH, Permission
from runbook.errors import FormatError, RefusedError, UsageError
from runbook.evidence.plan import (
    LIFE,
    PLAN_SCHEMA,
    GivenApproval,
    PlannedStep,
    PlanRecord,
)
from runbook.evidence.planned import (
    Manner,
    Selection,
    is_guarded,
    planned_approval,
    planned_steps,
    planned_value,
)
from runbook.evidence.proposal import ProposalRecord
from runbook.execution.brought import planned_files
from runbook.instants import parse_stamp, stamp
from runbook.text.includes import Tree
from runbook.text.injection import inject
from runbook.text.runbook import Runbook, Step
from runbook.text.values import Value, values_digest


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: where, and how."""

    environment: str
    unattended: bool = False
    dry_run: bool = False
    selection: Selection = Selection()
    expired_reason: str | None = None
    life: timedelta = LIFE


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known around a plan: claims of this machine, kept as evidence."""

    id: str
    workspace: str | None  # its urn, from the policy
    commit: str | None
    clean: bool | None
    operator: str
    host: str
    interpreter: str
    variables: tuple[str, ...]
    versions: dict[str, str]
    created: datetime
    proposal: str | None = None  # sha256: of `proposal.json`
    given: tuple[GivenApproval, ...] = ()


class Plan:
    """What will run, permitted in this process. Can't be made without the permission, nor for other bytes.

    `record` is what is written down of it; `steps` what runs, in the order of the text, with the given values
    in place; `trust` the trust files that the decision was made from, by their names below `.runbook/`;
    `includes` the files that come along, as they were decided on.
    """

    __slots__ = ("includes", "permission", "record", "source", "steps", "trust", "values")

    def __init__(
        self,
        permission: Permission,
        record: PlanRecord,
        *,
        steps: tuple[Step, ...],
        values: tuple[Value, ...],
        trust: tuple[tuple[str, bytes], ...],
    ) -> None:
        if not isinstance(permission, Permission):
            raise TypeError("a plan needs a Permission, and only approval/decision makes one")
        self.permission = permission
        self.record = record
        self.source = permission.request.data
        self.includes = permission.request.includes or Tree(files=())
        self.steps = steps
        self.values = values
        self.trust = trust

    @property
    def runbook(self) -> Runbook:
        return self.permission.runbook

    def step(self, name: str) -> Step:
        """The step of this name. Raises KeyError: whoever asks took the name from the plan."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def planned(self, name: str) -> PlannedStep:
        """What the record says of the step of this name. Raises KeyError."""
        for step in self.record.steps:
            if step.name == name:
                return step
        raise KeyError(name)


def make_plan(
    permission: Permission,
    *,
    values: tuple[Value, ...],
    trust: tuple[tuple[str, bytes], ...],
    terms: Terms,
    facts: Facts,
) -> Plan:
    """Work out what will run, be asked, or be skipped, step by step.

    Raises RefusedError for manual steps that nobody would do; UsageError for a selection that does not go
    with the rest; NotFoundError for a step that was selected.
    """
    runbook = permission.runbook
    selection = terms.selection
    if selection.said and terms.unattended and terms.environment != SCRATCH:
        raise UsageError(
            "--only, --from, --to and --tags do not go with --unattended outside scratch",
            hint="what was approved for unattended runs is the whole runbook",
        )
    steps = inject(runbook.steps, values)
    manner = Manner(
        unattended=terms.unattended,
        dry_run=terms.dry_run,
        selection=selection,
        names={value.name: value.value for value in values if not value.secret}
        | {"environment": terms.environment},
    )
    record = _record(
        permission, values, terms, facts, planned_steps(steps, manner, path=permission.request.path)
    )
    _require_confirmers(record)
    return Plan(permission, record, steps=steps, values=values, trust=trust)


def _require_confirmers(record: PlanRecord) -> None:
    """Raise RefusedError for an unattended run with a step that a second person must confirm."""
    waiting = [step.name for step in record.steps if step.will == "run" and is_guarded(step)]
    if record.confirm_by and record.kind == "unattended" and waiting:
        raise RefusedError(
            f"somebody of {record.confirm_by[0]} must confirm {', '.join(waiting)} during the run",
            hint="run it with a person: an approval cannot answer for this",
        )


def _record(
    permission: Permission,
    values: tuple[Value, ...],
    terms: Terms,
    facts: Facts,
    steps: tuple[PlannedStep, ...],
) -> PlanRecord:
    runbook, verdict = permission.runbook, permission.verdict
    requirements = verdict.requirements
    return PlanRecord(
        schema=PLAN_SCHEMA,
        id=facts.id,
        runbook=permission.request.path,
        title=runbook.title,
        text=runbook.text,
        steps_digest=runbook.steps_digest,
        environment=terms.environment,
        kind="unattended" if terms.unattended else "interactive",
        dry_run=terms.dry_run,
        selection=terms.selection.said,
        approved=verdict.approved,
        expired_reason=permission.reason,
        trust=verdict.trust,
        counted=tuple(planned_approval(one) for one in verdict.counted),
        values=tuple(planned_value(one) for one in values),
        values_digest=values_digest(values),
        steps=steps,
        workspace=facts.workspace,
        commit=facts.commit,
        clean=facts.clean,
        operator=facts.operator,
        host=facts.host,
        interpreter=facts.interpreter,
        variables=facts.variables,
        agent=runbook.header.agent,
        confirm_by=() if requirements is None else tuple(each.words for each in requirements.confirm_by),
        includes=planned_files(permission.request.includes),
        versions=facts.versions,
        created=stamp(facts.created),
        expires=stamp(facts.created + terms.life),
        proposal=facts.proposal,
        given=facts.given,
    )


def require_its_time(
    record: PlanRecord | ProposalRecord, what: Literal["plan", "proposal"], *, life: timedelta, now: datetime
) -> None:
    """Raise RefusedError for a plan or proposal that has expired, or could not have been written as it says
    by now: a clock that was set back must not make it live longer. Raises FormatError for a time that is
    none. `life`: the longest that one is given."""
    again = {"plan": "plan it again", "proposal": "propose it again"}[what]
    try:
        created, expires = parse_stamp(record.created), parse_stamp(record.expires)
    except ValueError as error:
        raise FormatError(f"not a time: {error}", subject=f"{record.id}/{what}.json") from error
    if now >= expires:
        raise RefusedError(f"this {what} has expired at {record.expires}", subject=record.id, hint=again)
    if created > now or expires - created > life:
        raise RefusedError(
            f"this {what} says it was made at {record.created} and lives until {record.expires},"
            " and none does",
            subject=record.id,
            hint=f"{again}; look at the clocks of both machines if it was made on another",
        )
