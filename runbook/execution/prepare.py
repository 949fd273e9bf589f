"""Preparing: from a runbook's bytes and what a person wants to a `Plan`. For `plan`, `run`, the supervisor.

The order is that of DESIGN §5.3: read, trust, decide; then values, then the plan. Nothing is executed or
written here; `plan_folder.write` makes the execution's folder.
"""

import secrets
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from runbook import __version__
from runbook.approval import trust as trusting
from runbook.approval.decision import Permission, Request, decide, require_permission
from runbook.approval.trusted import Trust
from runbook.errors import InputError, NotPermitted, RefusedError, TextRefused, TrustError
from runbook.evidence import folder as folders
from runbook.evidence import given as giving
from runbook.evidence.plan import GivenApproval
from runbook.execution import brought
from runbook.execution.plan import Facts, Plan, Terms, make_plan
from runbook.system import git
from runbook.text.runbook import Entry, Runbook
from runbook.text.values import Given, Value, resolve, values_digest
from runbook.workspace import Surroundings, Workspace

PASSED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TERM", "TMPDIR")
"""The variables that every kernel gets, beside `LC_*` and what the reviewed header names (DESIGN §7.2)."""


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """The proposal that a plan comes of: its execution, the digest of `proposal.json`, and the approvals that
    were given to it."""

    id: str
    proposal: str
    entries: tuple[Entry, ...]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants to run: the bytes as read once, their path below the workspace, terms, values."""

    path: str
    data: bytes
    terms: Terms
    given: Sequence[Given] = ()
    proposed: Proposed | None = None


def prepare(wanted: Wanted, *, workspace: Workspace, around: Surroundings, now: datetime) -> Plan:
    """Decide and plan; nothing is executed or written. `now` is wall time, read once by the caller.

    Raises TextRefused, TrustError, NotPermitted, RefusedError (what this version does not run),
    ParameterError (all problems at once), UsageError (a selection that does not go with the rest),
    NotFoundError (a step that was selected).
    """
    _require_sayable(wanted.path)
    trust = trusting.load_or_refusal(workspace, env=around.env)
    values: tuple[Value, ...] = ()
    tree = brought.from_workspace(wanted.data, workspace=workspace, env=around.env)
    request = msgspec.structs.replace(_request(wanted, workspace, values=None), includes=tree)
    # Without the values first: whoever may not run it is told so before being asked for parameters.
    runbook = _read(request, trust, now=now)
    values = resolve(runbook.parameters, wanted.given, base=around.cwd)
    request = msgspec.structs.replace(request, values=values_digest(values))
    permission = _permit(request, trust, now=now, reason=wanted.terms.expired_reason)
    assert isinstance(trust, Trust)  # a TrustError has refused
    facts = Facts(
        id=_identity(wanted, now),
        workspace=trust.workspace,
        commit=git.head_commit(workspace.root, env=around.env),
        clean=git.is_clean(workspace.root, wanted.path, env=around.env),
        operator=around.login,
        host=around.host,
        interpreter=interpreter(workspace),
        variables=variables(permission.runbook, workspace),
        versions={"runbook": __version__},
        created=now,
        proposal=None if wanted.proposed is None else wanted.proposed.proposal,
        given=_given(wanted, trust),
    )
    return make_plan(permission, values=values, trust=trust.files, terms=wanted.terms, facts=facts)


def _require_sayable(path: str) -> None:
    """Where nobody approves, any name of a file would do; but the evidence is to say it in one line."""
    if not path.isprintable():
        raise InputError(
            "the name of a runbook must be one printable line: it stands in the record",
            subject=ascii(path)[1:-1],
            hint="rename the file",
        )


def _identity(wanted: Wanted, now: datetime) -> str:
    if wanted.proposed is not None:
        return wanted.proposed.id
    return folders.new_id(now, Path(wanted.path).stem, secrets.token_hex(2)).text


def _given(wanted: Wanted, trust: Trust) -> tuple[GivenApproval, ...]:
    """The approvals of the proposal, as the plan names them."""
    if wanted.proposed is None or trust.workspace is None:
        return ()
    found = [
        giving.of_entry(entry, workspace=trust.workspace, path=wanted.path)
        for entry in wanted.proposed.entries
    ]
    return tuple(sorted(found, key=lambda one: one.approval))


def _permit(request: Request, trust: Trust | TrustError, *, now: datetime, reason: str | None) -> Permission:
    """Decide as DESIGN §5.3 says, and have what nobody approved read by jupytext as well (§4.2).

    Raises NotPermitted, TextRefused, UsageError (the reason).
    """
    permission = require_permission(request, trust, now=now, reason=reason)
    if not permission.verdict.approved:
        # What was signed has been agreed on when it was signed; here nobody has asked yet.
        from runbook.text import notebook  # imports jupytext, which takes longer than all the rest

        differences = notebook.second_opinion(permission.runbook)
        if differences:
            raise TextRefused(
                f"jupytext reads this text differently: {differences[0].message}",
                reasons=differences,
                subject=request.path,
                line=differences[0].line,
                hint=differences[0].hint,
            )
    return permission


def interpreter(workspace: Workspace) -> str:
    """The Python that kernels run: the machine's setting, else the one that runs us."""
    return workspace.settings.interpreter or sys.executable


def variables(runbook: Runbook, workspace: Workspace) -> tuple[str, ...]:
    """The names beside the fixed ones that pass to the kernel. Raises RefusedError for one that may not."""
    allowed = workspace.settings.variables
    shut_out = [name for name in runbook.header.env if allowed is not None and name not in allowed]
    if shut_out:
        raise RefusedError(
            f"the runbook wants the variable {shut_out[0]}, which this machine does not pass",
            hint=f"see `variables` in {workspace.settings.origins.get('variables', 'the configuration')}",
        )
    return runbook.header.env


def passed_environment(env: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """The kernel's whole environment: the short list, `LC_*`, and the names that the header lists."""
    wanted = {*PASSED, *names}
    return {key: value for key, value in env.items() if key in wanted or key.startswith("LC_")}


def _request(wanted: Wanted, workspace: Workspace, *, values: str | None) -> Request:
    return Request(
        data=wanted.data,
        path=wanted.path,
        environment=wanted.terms.environment,
        unattended=wanted.terms.unattended,
        values=values,
        machine_environments=workspace.settings.environments,
        entries=() if wanted.proposed is None else wanted.proposed.entries,
    )


def _read(request: Request, trust: Trust | TrustError, *, now: datetime) -> Runbook:
    """The text, when it can be read at all: its parameters are needed before the values can be decided on."""
    verdict = decide(request, trust, now=now)
    if verdict.runbook is None:
        first = verdict.reasons[0]
        raise NotPermitted(
            first.message,
            verdict=verdict,
            subject=f"{request.path}:{first.line}" if first.line else request.path,
            hint=first.hint,
        )
    return verdict.runbook
