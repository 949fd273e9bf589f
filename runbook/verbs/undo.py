"""`undo`: a run that takes back what an earlier run did. Asks nobody, prints nothing."""

from datetime import datetime

from runbook.evidence.folder import ExecutionFolder
from runbook.execution import undoing
from runbook.execution.plan import Plan
from runbook.workspace import Surroundings, Workspace


def make_plan(workspace: Workspace, folder: ExecutionFolder, *, around: Surroundings, now: datetime) -> Plan:
    """Plan it; `verbs.run.write_plan` and `start` do the rest. See `execution.undoing` for what it raises."""
    return undoing.plan_undo(folder, workspace=workspace, around=around, now=now)
