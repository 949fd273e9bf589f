"""A plan on disk: the execution's folder before it runs. Writes it once, reads it back believing nothing.

Folder: `executions/2026-11/20261121T001205Z-web-restart-7f3a9c`. A plan read back is decided again from its
bytes, it runs once (spent plans are remembered outside the folder) and it expires.
"""

from datetime import datetime
from pathlib import Path

from runbook.execution.plan import Plan
from runbook.workspace import Surroundings, Workspace


def write(plan: Plan, executions: Path) -> Path:
    """Make the execution's folder with the plan in it, and return its path. Nothing there is overwritten.

    Raises ExistsError, StorageError.
    """
    raise NotImplementedError


def load(execution: Path, *, workspace: Workspace, around: Surroundings, now: datetime) -> Plan:
    """Read a plan back and decide everything again. Raises as `prepare` does, and RefusedError when the plan
    was edited, copied, spent or has expired."""
    raise NotImplementedError
