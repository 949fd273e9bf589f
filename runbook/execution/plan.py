"""The plan: a runbook's exact bytes plus the values and the environment it will run with (DESIGN §7.1).

Pure. A `Plan` needs a `Permission`, which only `approval/decision` makes and which cannot be written down: so
whoever holds a plan has had it decided in this very process. The kernel runs nothing but a `Plan`.
"""

from datetime import datetime, timedelta

import msgspec

from runbook.approval.decision import Permission
from runbook.evidence.plan import PlanRecord
from runbook.text.runbook import Runbook, Step
from runbook.text.values import Value

DEFAULT_LIFE = timedelta(hours=24)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which steps were picked. Parameters and `setup` always run; empty picks everything."""

    only: tuple[str, ...] = ()
    start: str | None = None  # --from
    end: str | None = None  # --to
    tags: tuple[str, ...] = ()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: where, and how."""

    environment: str
    unattended: bool = False
    dry_run: bool = False
    selection: Selection = Selection()
    expired_reason: str | None = None
    life: timedelta = DEFAULT_LIFE


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known around a plan: claims of this machine, kept as evidence."""

    id: str
    workspace: str | None
    commit: str | None
    clean: bool | None
    operator: str
    host: str
    interpreter: str
    variables: tuple[str, ...]
    versions: dict[str, str]
    created: datetime


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What will run, permitted in this process. `record` is what is written down of it."""

    record: PlanRecord
    source: bytes  # runbook.py, byte for byte
    runbook: Runbook
    steps: tuple[Step, ...]  # in the order of the text, with the injected values in place
    values: tuple[Value, ...]
    trust: tuple[tuple[str, bytes], ...]  # the trust files the decision was made from
    permission: Permission


def make_plan(
    permission: Permission, *, runbook: Runbook, values: tuple[Value, ...], terms: Terms, facts: Facts
) -> Plan:
    """Work out what will run, be asked, or be skipped, step by step. See `prepare` for what it raises."""
    raise NotImplementedError
