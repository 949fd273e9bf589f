"""Summary: what lists say of an execution, read cheaply. An edge; verifies nothing.

A sealed execution is summed up from its seal, an open one from plan and journal.
"""

from pathlib import Path

import msgspec

from runbook.evidence.events import Outcome, StepState
from runbook.evidence.folder import ExecutionFolder


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


def summary(folder: ExecutionFolder) -> Summary:
    """Sum up one execution. Never raises for what is wrong in the folder: `problem` says it."""
    raise NotImplementedError


def summaries(executions: Path) -> tuple[Summary, ...]:
    """Every execution below the folder, the oldest first."""
    raise NotImplementedError
