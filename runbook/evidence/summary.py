"""Summary: what lists say of an execution, read cheaply. An edge; verifies nothing.

A sealed execution is summed up from start record and seal, an open one from plan and journal.
"""

from pathlib import Path

import msgspec

from runbook.errors import RunbookError
from runbook.evidence import proposal, seal
from runbook.evidence.events import Outcome, StepState
from runbook.evidence.folder import ExecutionFolder, executions_below
from runbook.evidence.journal import JournalReader
from runbook.evidence.plan import PlanRecord
from runbook.evidence.plan_file import read_plan
from runbook.evidence.proposal import ProposalRecord
from runbook.evidence.states import Progress, Standing
from runbook.instants import stamp


class StepSummary(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: StepState
    ms: int | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One execution in a list. `outcome` None: it is planned only, or a supervisor is at work (`alive`)."""

    id: str
    runbook: str
    title: str
    environment: str
    kind: str
    dry_run: bool
    approved: bool
    operator: str
    created: str  # when it was planned
    started: str | None  # None: never ran
    ended: str | None
    outcome: Outcome | None
    sealed: bool
    alive: bool
    steps: tuple[StepSummary, ...]
    waiting: str | None  # the question that waits for a person, in words
    running: str | None  # the step at work
    supervisor: int | None
    kernel: int | None
    problem: str | None  # why this execution can't be read whole
    proposed: bool = False  # it waits for approvals of its values, and is no plan yet


def summary(folder: ExecutionFolder) -> Summary:
    """Sum up one execution. Never raises for what is wrong in the folder: `problem` says it."""
    try:
        if proposal.is_proposed(folder):
            return _proposed(folder, proposal.read(folder)[0])
        plan = read_plan(folder)
    except RunbookError as error:
        return _unreadable(folder, error)
    found = _planned(folder, plan)
    try:
        if folder.is_sealed():
            return _with_seal(found, seal.read(folder))
        if folder.journal.exists():
            return _with_journal(found, folder, plan)
    except RunbookError as error:
        return msgspec.structs.replace(
            found, outcome="unknown", sealed=folder.is_sealed(), alive=folder.is_alive(), problem=str(error)
        )
    return msgspec.structs.replace(found, alive=folder.is_alive())


def summaries(executions: Path) -> tuple[Summary, ...]:
    """Every execution below the folder, the oldest first."""
    return tuple(summary(folder) for folder in executions_below(executions))


def _planned(folder: ExecutionFolder, plan: PlanRecord) -> Summary:
    return Summary(
        id=folder.id,
        runbook=plan.runbook,
        title=plan.title,
        environment=plan.environment,
        kind=plan.kind,
        dry_run=plan.dry_run,
        approved=plan.approved,
        operator=plan.operator,
        created=plan.created,
        started=None,
        ended=None,
        outcome=None,
        sealed=False,
        alive=False,
        steps=tuple(
            StepSummary(name=step.name, state="pending", ms=None)
            for step in plan.steps
            if step.kind != "prose"
        ),
        waiting=None,
        running=None,
        supervisor=None,
        kernel=None,
        problem=None,
    )


def _proposed(folder: ExecutionFolder, record: ProposalRecord) -> Summary:
    blank = _unreadable(folder, None)
    return msgspec.structs.replace(
        blank,
        runbook=record.runbook,
        title=record.title,
        environment=record.environment,
        kind=record.kind,
        dry_run=record.dry_run,
        operator=record.operator,
        created=record.created,
        outcome=None,
        proposed=True,
    )


def _unreadable(folder: ExecutionFolder, error: RunbookError | None) -> Summary:
    return Summary(
        id=folder.id,
        runbook="",
        title="",
        environment="",
        kind="",
        dry_run=False,
        approved=False,
        operator="",
        created="",
        started=None,
        ended=None,
        outcome="unknown",
        sealed=folder.is_sealed(),
        alive=folder.is_alive(),
        steps=(),
        waiting=None,
        running=None,
        supervisor=None,
        kernel=None,
        problem=None if error is None else str(error),
    )


def _with_seal(found: Summary, finish: seal.Finish) -> Summary:
    return msgspec.structs.replace(
        found,
        started=stamp(finish.started),
        ended=stamp(finish.ended),
        outcome=finish.outcome,
        sealed=True,
        steps=tuple(StepSummary(name=step.name, state=step.state, ms=step.ms) for step in finish.steps),
    )


def _with_journal(found: Summary, folder: ExecutionFolder, plan: PlanRecord) -> Summary:
    alive = (
        folder.is_alive()
    )  # before the journal: a supervisor that ends meanwhile has written its last word
    progress = Progress(plan.steps)
    first: str | None = None
    for event in JournalReader(folder):
        first = first or event.t
        progress.feed(event)
    standing = progress.standing(alive=alive)
    return msgspec.structs.replace(
        found,
        started=_second(first),
        ended=None if alive else _second(standing.last),
        outcome=standing.outcome,
        alive=alive,
        steps=tuple(StepSummary(name=step.name, state=step.state, ms=step.ms) for step in standing.steps),
        waiting=_waiting(standing) if alive else None,
        running=standing.running if alive else None,
        supervisor=standing.supervisor if alive else None,
        kernel=standing.kernel if alive else None,
    )


def _second(t: str | None) -> str | None:
    """The journal's stamp, to the second."""
    return f"{t[:19]}Z" if t else None


def _waiting(standing: Standing) -> str | None:
    return standing.waiting.words if standing.waiting else None
