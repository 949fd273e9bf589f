"""Preparing: from a runbook's bytes and what a person wants to a `Plan`. For `plan`, `run`, the supervisor.

The order is that of DESIGN §5.3: read, trust, decide; then values, then the plan. Nothing is executed or
written here; `plan_folder.write` makes the execution's folder.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from runbook.execution.plan import Plan, Terms
from runbook.text.values import Given
from runbook.workspace import Surroundings, Workspace


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants to run: the bytes as read once, their path below the workspace, terms, values."""

    path: str
    data: bytes
    terms: Terms
    given: Sequence[Given] = ()


def prepare(wanted: Wanted, *, workspace: Workspace, around: Surroundings, now: datetime) -> Plan:
    """Decide and plan; nothing is executed or written. `now` is wall time, read once by the caller.

    Raises TextRefused, TrustError, NotPermitted, RefusedError (what this version does not run),
    ParameterError (all problems at once), UsageError (a selection that does not go with the rest),
    NotFoundError (a step that was selected).
    """
    raise NotImplementedError
