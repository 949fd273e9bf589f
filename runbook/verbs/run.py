"""`run` and `plan`: from a name and values to a plan, from a plan to a run. Asks nobody, prints nothing."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from runbook.approval.decision import decide
from runbook.approval.trust import load_or_refusal
from runbook.approval.verdict import Request
from runbook.errors import NotPermitted, ParameterError, UsageError
from runbook.evidence.folder import ExecutionFolder
from runbook.execution import launch, plan_folder, proposing
from runbook.execution.plan import Plan, Terms
from runbook.execution.prepare import Wanted, prepare
from runbook.execution.proposing import Proposal
from runbook.execution.session import Session
from runbook.system import files
from runbook.text import sources
from runbook.text.runbook import Parameter, Runbook
from runbook.text.secret import Hidden
from runbook.text.values import Given, resolve
from runbook.verbs import names
from runbook.verbs.listing import with_includes
from runbook.verbs.show import require_runbook
from runbook.workspace import Surroundings, Workspace

_EXACT = "approval.parameters"  # such an approval may count once the values are known


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """Where values come from, as the command line says it. The later one of two wins."""

    arguments: Sequence[str] = ()
    files: Sequence[str] = ()
    from_environment: bool = False


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A runbook that was read, and the values that were given so far. `missing` still needs one each."""

    opened: names.Opened
    given: tuple[Given, ...]
    missing: tuple[Parameter, ...]


def gather(workspace: Workspace, name: str, values: Values, *, around: Surroundings) -> Ready:
    """Read the runbook and collect values: environment, then files, then the command line.

    Raises TextRefused, NotFoundError, ParameterError, FormatError.
    """
    opened = names.open_runbook(workspace, name, cwd=around.cwd)
    runbook = require_runbook(opened)
    given: list[Given] = []
    if values.from_environment:
        given += sources.from_environment(runbook.parameters, around.env)
    for file in values.files:
        data = files.read(around.cwd / file, limit_bytes=sources.MAX_FILE_BYTES)
        given += sources.from_file(data, name=file)
    try:
        given += sources.from_arguments(values.arguments)
    except ParameterError as error:
        given += sources.from_arguments([each for each in values.arguments if "=" in each])
        problems = (*error.problems, *_problems(runbook, given, around))
        raise ParameterError(problems, subject=opened.path, hint=error.hint) from error
    known = {each.name for each in given}
    missing = tuple(
        each
        for each in runbook.parameters
        if each.default_source is None and not each.derived and each.name not in known
    )
    return Ready(opened=opened, given=tuple(given), missing=missing)


def _problems(runbook: Runbook, given: Sequence[Given], around: Surroundings) -> tuple[str, ...]:
    """What else is wrong with the values: all problems are told at once."""
    try:
        resolve(runbook.parameters, given, base=around.cwd)
    except ParameterError as error:
        return error.problems
    return ()


def require_chance(
    workspace: Workspace,
    ready: Ready,
    terms: Terms,
    *,
    around: Surroundings,
    now: datetime,
    proposes: bool = False,
) -> None:
    """Raise NotPermitted when no values could make this run permitted: nobody is asked for values in vain.
    `proposes`: approvals of the values may follow."""
    trust = load_or_refusal(workspace, env=around.env)
    request = Request(
        data=ready.opened.data,
        path=ready.opened.path,
        environment=terms.environment,
        unattended=terms.unattended,
        machine_environments=workspace.settings.environments,
        includes=with_includes(ready.opened, workspace=workspace, around=around).includes,
    )
    verdict = decide(request, trust, now=now)
    if proposes and proposing.can_propose(verdict):
        return
    if verdict.answer == "refused" and all(each.code != _EXACT for each in verdict.not_counted):
        first = verdict.reasons[0]
        raise NotPermitted(first.message, verdict=verdict, subject=ready.opened.path, hint=first.hint)


def environment(workspace: Workspace, said: str | None, *, unattended: bool) -> str:
    """Where it runs. Raises UsageError: nobody is there to see a default, so unattended runs must say it."""
    if said is None and unattended:
        raise UsageError(
            "an unattended run must say where it runs",
            hint=f"add --env {workspace.settings.default_environment}, or the environment you mean",
        )
    return said or workspace.settings.default_environment


def make_plan(
    workspace: Workspace, ready: Ready, terms: Terms, *, around: Surroundings, now: datetime
) -> Plan:
    """Decide and plan; see `execution.prepare` for what it raises. Writes nothing."""
    wanted = Wanted(path=ready.opened.path, data=ready.opened.data, terms=terms, given=ready.given)
    return prepare(wanted, workspace=workspace, around=around, now=now)


def propose(
    ready: Ready, terms: Terms, *, refusal: NotPermitted, around: Surroundings, now: datetime
) -> Proposal:
    """What was just refused as a proposal, when it lacks nothing but approvals of its exact values; else the
    refusal again. Writes nothing."""
    wanted = Wanted(path=ready.opened.path, data=ready.opened.data, terms=terms, given=ready.given)
    return proposing.propose(wanted, refusal, random=secrets.token_hex(2), around=around, now=now)


def write_proposal(workspace: Workspace, proposal: Proposal) -> Path:
    """Write the proposal into a new execution folder and return it."""
    files.make_folder(workspace.executions)
    return proposing.write(proposal, workspace.executions)


def promote(workspace: Workspace, folder: ExecutionFolder, *, around: Surroundings, now: datetime) -> Plan:
    """Make the plan of a proposal in its folder, once enough people have approved its values."""
    return proposing.promote(folder, workspace=workspace, around=around, now=now)


def write_plan(workspace: Workspace, plan: Plan, *, around: Surroundings) -> Path:
    """Write the plan into a new execution folder and return it."""
    files.make_folder(workspace.executions)
    return plan_folder.write(plan, workspace.executions, state=around.state_folder)


def start(
    workspace: Workspace,
    execution: Path,
    *,
    around: Surroundings,
    ahead: launch.Ahead,
    fetched: Mapping[str, Hidden] | None = None,
) -> Session:
    """Start the supervisor of a written plan. `fetched`: its secrets (`execution.fetching`). See
    `execution.launch.start` for what it raises."""
    ahead.secrets = fetched or {}
    return launch.start(execution, workspace=workspace, around=around, ahead=ahead)
