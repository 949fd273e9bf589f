"""Sealing what is left of a run whose supervisor died, without going on with it. An edge; runs no step.

Needs no permission: nothing is started. What the kernel had published is brought back first.
"""

import asyncio
import os
from pathlib import Path

from runbook import __version__
from runbook.canonical import digest
from runbook.errors import ExistsError, NotFoundError, RefusedError
from runbook.evidence import derive
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.limits import OutputLimit
from runbook.evidence.plan import PlanRecord
from runbook.evidence.story import Story
from runbook.execution import registry, taking_up
from runbook.execution.chronicle import Chronicle
from runbook.execution.ending import conclude
from runbook.execution.left_open import end_of, milliseconds
from runbook.execution.plan_folder import plan_bytes, read_record
from runbook.execution.taking_up import TakenUp
from runbook.execution.telling import tell_step_ended
from runbook.system import clock, files

_COPIED = "a copy of a run is not sealed: `runbook verify` says what the run itself came to"


def seal_left(folder: ExecutionFolder, place: Path, *, by: str, state: Path) -> None:
    """Seal the execution. The caller holds its lease; `place` is the run's private folder, `state` the user's
    state folder.

    Raises ExistsError when it is sealed, NotFoundError when it was never begun, RefusedError for a copy,
    EvidenceDamaged when its journal does not check, StorageError when the seal can't be written.
    """
    if folder.is_sealed():
        raise ExistsError("this run has ended and is sealed", subject=folder.id)
    if not folder.start.exists():
        raise NotFoundError("this plan was never run: there is nothing to seal", subject=folder.id)
    record, data = read_record(folder)
    if record.id != folder.id:
        raise RefusedError(f"the plan in this folder is {record.id}'s", subject=folder.id, hint=_COPIED)
    registry.require_unmoved(state, folder, data)
    asyncio.run(_seal(folder, record, place, by))


async def _seal(folder: ExecutionFolder, record: PlanRecord, place: Path, by: str) -> None:
    plan = digest(plan_bytes(record))
    story = Story(record, plan_digest=plan)
    taken = taking_up.take_up(folder, record, place, story)
    if taken.past.sealed:
        finish(folder, place)
        return
    if taken.process is not None:
        taken.process.kill_tree()
        await taken.process.ended()
    chronicle = Chronicle(taking_up.journal(folder), story, OutputLimit(), grew=lambda length: None)
    chronicle.has_secrets = any(value.literal is None for value in record.values)
    chronicle.tell("opened", plan=plan, supervisor=os.getpid(), version=__version__, by=by, taken_up=True)
    _end_open(taken, chronicle)
    taking_up.tell_kernel_gone(taken, chronicle)
    chronicle.tell("interrupted", by=by, how="stop", words="sealed without going on")
    problem = conclude(folder, chronicle, ended="stopped", failure=story.damage())
    if problem is not None:
        raise problem
    _clear_away(folder, place)


def finish(folder: ExecutionFolder, place: Path) -> None:
    """Write the seal of a run that had said its last word when its supervisor died. Raises EvidenceDamaged,
    StorageError."""
    derive.conclude(folder, now=clock.now())
    _clear_away(folder, place)


def _clear_away(folder: ExecutionFolder, place: Path) -> None:
    files.remove_folder(folder.spool)  # first: what is left of it is known by what stands in the other
    files.remove_folder(place)


def _end_open(taken: TakenUp, chronicle: Chronicle) -> None:
    reply = taking_up.bring_back(taken, chronicle)
    still_open = taken.past.open
    if still_open is None:
        return
    state, reason = end_of(still_open, reply, doubt=chronicle.doubt())
    tell_step_ended(
        chronicle,
        (still_open.step, still_open.attempt),
        reply,
        state=state,
        reason=reason,
        ms=milliseconds(still_open, reply),
    )
