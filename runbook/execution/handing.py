"""What a terminal hands to the supervisor that it starts, and the one line that comes back. Pure values."""

from typing import Literal

import msgspec

from runbook.evidence.limits import Limits
from runbook.execution.failures import Failure

HANDED_LIMIT_BYTES = 1 << 20

Task = Literal["begin", "resume", "seal"]


class Ways(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a run is looked after. `linger_seconds`: how long a kernel outlives its supervisor's death;
    `kernel_seconds`: how long it may take to answer for the first time."""

    linger_seconds: int = 3600
    kernel_seconds: int = 60
    limits: Limits = Limits()


class Handed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes through the pipe. The environment comes as the process's own. `task`: begin a planned run, go
    on with one that was begun, or only bring back what there is of it and seal it."""

    execution: str
    who: str
    root: str
    loose: bool
    cwd: str
    machine_config: str
    user_config: str
    state_folder: str
    login: str
    host: str
    ways: Ways
    task: Task = "begin"
    secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Handed({self.execution!r}, {self.task!r})"


class Heard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes back: `failure` says why there is no run, or else it is there to be visited."""

    failure: Failure | None = None
