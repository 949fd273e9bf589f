"""Launching: from a written plan to a running supervisor, and a session with it. The terminal's side.

The supervisor is a process and a session of its own, so nothing that happens to this terminal reaches it.
What it needs is handed over through a pipe, never on its command line or in its environment.
"""

from pathlib import Path

import msgspec

from runbook.execution.session import Session
from runbook.workspace import Surroundings, Workspace


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is looked after. `linger_seconds`: how long a kernel outlives its supervisor's death."""

    linger_seconds: int = 3600
    journal_limit_bytes: int = 256 << 20


def start(
    execution: Path, *, workspace: Workspace, around: Surroundings, ways: Ways | None = None
) -> Session:
    """Start the supervisor for the plan in `execution` and return a driving session once it is ready.

    Ready means: decided again, not spent before, evidence begun, socket open. Raises what the supervisor said
    when it is not: RefusedError, StorageError, KernelError, LockBusy, …; never leaves a process behind then.
    """
    raise NotImplementedError
