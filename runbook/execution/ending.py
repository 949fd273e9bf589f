"""Ending a run: the last event, then record, audit and seal. What could not be written is said."""

import copy

from runbook.errors import EvidenceDamaged, ExistsError, RunbookError, StorageError
from runbook.evidence import derive
from runbook.evidence.events import Event, Outcome
from runbook.evidence.folder import ExecutionFolder
from runbook.execution.actions import EndReason
from runbook.execution.chronicle import Chronicle
from runbook.system import clock


def conclude(
    folder: ExecutionFolder, chronicle: Chronicle, *, ended: EndReason, failure: RunbookError | None
) -> RunbookError | None:
    """Say what can't be true, write the `sealed` event, close the journal, derive record and audit, seal.

    Returns what kept us from it, if something did: then the execution is not sealed, and what there is stays.
    """
    chronicle.settle_all()
    for line, words in chronicle.story.problems:
        chronicle.tell("note", step=None, by="runbook", words=f"line {line} can't be true: {words}")
    chronicle.tell("sealed", outcome=_outcome(chronicle, ended, failure), steps=_states(chronicle))
    chronicle.boundary()
    chronicle.close()
    if chronicle.broken.done():
        return chronicle.broken.result()
    try:
        derive.conclude(folder, now=clock.now())
    except ExistsError:  # only we seal, and we did not yet
        return EvidenceDamaged("a seal was put there before the run had ended", subject=folder.finish.name)
    except RunbookError as error:
        return error
    except OSError as error:
        return StorageError(str(error), subject=str(folder.path))
    return None


def _outcome(chronicle: Chronicle, ended: EndReason, failure: RunbookError | None) -> Outcome:
    """What the run came to, as `evidence/states` says it of the events with a seal behind them."""
    claimed = "failed" if failure is not None or ended == "kernel-died" else "succeeded"
    progress = copy.deepcopy(chronicle.progress)
    progress.feed(Event(seq=0, prev="", t="", m=0, kind="sealed", payload={"outcome": claimed}))
    return progress.standing(alive=False).outcome or "unknown"


def _states(chronicle: Chronicle) -> dict[str, str]:
    return {step.name: step.state for step in chronicle.progress.standing(alive=True).steps}
