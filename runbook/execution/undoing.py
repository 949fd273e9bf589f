"""Undoing: a run of its own that takes back what another run did, in reverse order. An edge.

A sealed journal is never gone on with, so undoing has its own plan, evidence and seal; they name the run that
they undo. It runs under that run's permission: declarations, `setup` and the steps that undo, nothing else.
"""

import secrets
from datetime import datetime
from pathlib import Path

from runbook import __version__
from runbook.errors import InputError, NotFoundError
from runbook.evidence import folder as folders
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import JournalReader
from runbook.evidence.planned import Selection
from runbook.execution.order import undoing
from runbook.execution.past import Gatherer
from runbook.execution.plan import Facts, Plan, Terms, make_plan
from runbook.execution.plan_folder import load_begun_with_trust, read_record
from runbook.workspace import Surroundings, Workspace


def undoing_steps(folder: ExecutionFolder) -> tuple[str, ...]:
    """The steps that undo what ran there and was not undone, the latest first. Raises EvidenceDamaged."""
    record, _ = read_record(folder)
    gatherer = Gatherer(record.steps)
    for event in JournalReader(folder):
        gatherer.feed(event)
    return undoing(record.steps, gatherer.past().ran)


def plan_undo(folder: ExecutionFolder, *, workspace: Workspace, around: Surroundings, now: datetime) -> Plan:
    """Plan the run that undoes what the sealed run in `folder` did. Writes nothing.

    Raises InputError when that run is not over, NotFoundError when nothing of it can be undone, and what
    `plan_folder.load_begun` does.
    """
    if folder.is_alive():
        raise InputError(
            "this run lives", subject=folder.id, hint=f"`runbook attach {folder.id}` and answer undo"
        )
    if not folder.is_sealed():
        raise InputError(
            "this run has no end yet",
            subject=folder.id,
            hint=f"`runbook resume {folder.id}` and answer undo, or add --seal and undo it then",
        )
    names = undoing_steps(folder)
    if not names or read_record(folder)[0].dry_run:
        raise NotFoundError("nothing that ran there can be undone", subject=folder.id)
    done, then = load_begun_with_trust(folder.path, workspace=workspace, around=around, now=now)
    record = done.record
    identity = folders.new_id(now, Path(record.runbook).stem, secrets.token_hex(2))
    facts = Facts(
        id=identity.text,
        workspace=record.workspace,
        commit=record.commit,
        clean=record.clean,
        operator=around.login,
        host=around.host,
        interpreter=record.interpreter,
        variables=record.variables,
        versions={**record.versions, "runbook": __version__},
        created=now,
        given=record.given,
    )
    terms = Terms(
        environment=record.environment,
        selection=Selection(undo=names, of=folder.id),
        expired_reason=record.expired_reason,
    )
    return make_plan(done.permission, values=done.values, trust=then.files, terms=terms, facts=facts)
