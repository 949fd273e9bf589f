"""The plan as it is written down: `plan.json`, the first page of the evidence (DESIGN §7.1).

Pure data: what will run, where, with which values, on whose approvals. Made by `execution/plan`, read by
whoever shows or checks an execution. Reading one gives no permission: that is decided again from the bytes.
"""

from datetime import timedelta
from typing import Final, Literal

import msgspec

PLAN_SCHEMA = 1
LIFE: Final = timedelta(hours=24)
"""How long a plan may wait to be run."""


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step as it will run. `source` is the sha256 (hex) of its exact source; prose is in the list too."""

    index: int  # position among the cells that run, the injected one included
    name: str
    kind: Literal["prose", "code", "manual"]
    title: str
    tags: tuple[str, ...]
    timeout_seconds: int | None
    retries: int
    when: str | None
    undoes: str | None
    checks: str | None
    source: str
    line: int | None  # None for the injected step
    will: Literal["run", "skip", "ask", "show"]
    why: str  # why it is skipped or asked, else empty


class PlannedValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One parameter. `literal` is the Python literal that is injected; None for a secret."""

    name: str
    type_text: str
    literal: str | None
    origin: str  # "default", "command line", "file params.yaml", "environment", "prompt"
    source: str | None = None  # where a secret is fetched from when the run begins: "env:TOKEN"


class PlannedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file that comes along (`includes:`). `path` is below the workspace, `sha256` hex."""

    path: str
    executable: bool
    sha256: str


class CountedApproval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    principal: str
    approval: str  # sha256: of its statement
    fingerprint: str  # SHA256:… of the key, as ssh-keygen prints it
    issued: str
    expires: str


class GivenApproval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One approval of this plan's exact values, a file of `approvals/` named by its statement's digest."""

    approval: str  # sha256: of its statement
    file: str  # sha256: of the file's bytes


class PlanRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: int
    id: str  # the execution folder's name
    runbook: str  # path below the workspace
    title: str
    text: str  # sha256:
    steps_digest: str  # sha256:
    environment: str
    kind: Literal["interactive", "unattended"]
    dry_run: bool
    selection: tuple[str, ...]  # as said: "--only health"; empty: everything
    approved: bool  # False: no approval was needed, and the run is titled NOT APPROVED
    expired_reason: str | None  # the typed reason of a run under expired = "reason"
    trust: str  # "worktree (UNPINNED)", "ref:origin/main at <commit>", "dir:/etc/runbook", "none"
    counted: tuple[CountedApproval, ...]
    values: tuple[PlannedValue, ...]
    values_digest: str  # sha256: of the exact values
    steps: tuple[PlannedStep, ...]
    workspace: str | None  # the workspace's urn
    commit: str | None
    clean: bool | None
    operator: str  # the login, a claim
    host: str
    interpreter: str
    variables: tuple[str, ...]  # names of the environment variables that pass
    agent: bool = False  # whether steps may log in with the operator's SSH agent
    confirm_by: tuple[str, ...] = ()  # the groups whose people must confirm `confirm` and `danger` steps
    includes: tuple[PlannedFile, ...] = ()  # sorted by path; the bytes are in `includes/`
    versions: dict[str, str]
    created: str
    expires: str
    proposal: str | None = None  # sha256: of proposal.json, when it was proposed before
    given: tuple[GivenApproval, ...] = ()  # sorted by approval; the files are in `approvals/`
