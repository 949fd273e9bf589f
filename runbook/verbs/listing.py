"""`list` and `find`: the runbooks there are, with where they may run and how they last went."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from runbook.approval.decision import Request, Verdict, decide
from runbook.approval.trust import load_or_refusal
from runbook.approval.trusted import Trust
from runbook.approval.verdict import Why
from runbook.errors import RunbookError, TrustError
from runbook.evidence import summary
from runbook.execution import brought
from runbook.text.runbook import Runbook
from runbook.verbs import names
from runbook.workspace import Surroundings, Workspace


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One runbook. `last` is the summary of its latest execution; `verdicts` one per environment."""

    path: str
    title: str
    owner: str | None
    text: str | None
    verdicts: tuple[Verdict, ...]
    last: summary.Summary | None


def environments_of(
    runbook: Runbook | None, trust: Trust | TrustError, *, path: str, default: str
) -> tuple[str, ...]:
    """Where a runbook could be asked to run: what its header names, else what the policy has rules for."""
    if runbook is not None and runbook.header.environments:
        return runbook.header.environments
    if isinstance(trust, Trust) and trust.policy is not None:
        from runbook.approval.policy import matches

        named = [
            environment
            for rule in trust.policy.rules
            if any(matches(pattern, path) for pattern in rule.paths)
            for environment in rule.environments
        ]
        return tuple(dict.fromkeys(named)) or (default,)
    return (default,)


def with_includes(opened: names.Opened, *, workspace: Workspace, around: Surroundings) -> names.Opened:
    """The runbook with the files that it brings along, as they lie in the workspace."""
    if opened.unread is not None:
        return opened
    tree = brought.from_workspace(opened.data, workspace=workspace, env=around.env)
    return opened if tree is None else msgspec.structs.replace(opened, includes=tree)


def verdicts(
    opened: names.Opened,
    trust: Trust | TrustError,
    *,
    workspace: Workspace,
    environments: tuple[str, ...],
    unattended: bool,
    now: datetime,
) -> tuple[Verdict, ...]:
    """The policy's answer for each environment; `opened` is one of `with_includes`. What could not be read is
    refused everywhere."""
    requests = [
        Request(
            data=opened.data,
            path=opened.path,
            environment=environment,
            unattended=unattended,
            machine_environments=workspace.settings.environments,
            includes=opened.includes,
        )
        for environment in environments
    ]
    if opened.unread is not None:
        return tuple(_refusal(request, opened.unread, trust) for request in requests)
    return tuple(decide(request, trust, now=now) for request in requests)


def _refusal(request: Request, error: RunbookError, trust: Trust | TrustError) -> Verdict:
    return Verdict(
        path=request.path,
        text=None,
        environment=request.environment,
        unattended=request.unattended,
        answer="refused",
        approved=False,
        trust="unreadable" if isinstance(trust, TrustError) else trust.described,
        pinned=not isinstance(trust, TrustError) and trust.pinned,
        counted=(),
        not_counted=(),
        reasons=(Why(code="unread", message=error.message, line=None, hint=error.hint),),
        missing=(),
        requirements=None,
        runbook=None,
    )


def listing(workspace: Workspace, *, around: Surroundings, now: datetime) -> tuple[Listed, ...]:
    """Every runbook of the workspace. A refused one is listed too: its verdict says why."""
    trust = load_or_refusal(workspace, env=around.env)
    last = last_runs(workspace)
    return tuple(
        _listed(workspace, opened, trust=trust, last=last, around=around, now=now)
        for opened in names.open_each(workspace, names.runbooks(workspace))
    )


def last_runs(workspace: Workspace) -> Mapping[str, summary.Summary]:
    """The latest execution of each runbook. What was only planned did not run."""
    found = summary.summaries(workspace.executions)
    return {each.runbook: each for each in found if each.started is not None}


def _listed(
    workspace: Workspace,
    opened: names.Opened,
    *,
    trust: Trust | TrustError,
    last: Mapping[str, summary.Summary],
    around: Surroundings,
    now: datetime,
) -> Listed:
    opened = with_includes(opened, workspace=workspace, around=around)
    path, runbook = opened.path, opened.reading.runbook
    where = environments_of(runbook, trust, path=path, default=workspace.settings.default_environment)
    return Listed(
        path=path,
        title=opened.title,
        owner=runbook.header.owner if runbook else None,
        text=runbook.text if runbook else None,
        verdicts=verdicts(opened, trust, workspace=workspace, environments=where, unattended=False, now=now),
        last=last.get(path),
    )


class Found(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    line: int
    text: str


def find(workspace: Workspace, words: tuple[str, ...]) -> tuple[Found, ...]:
    """The lines that hold any of the words, of the runbooks that hold all of them; case does not matter. What
    could not be read may hold them: it is named, with line 0."""
    wanted = [word.lower() for word in words]
    found: list[Found] = []
    for opened in names.open_each(workspace, names.runbooks(workspace)):
        path = opened.path
        if opened.unread is not None:
            found.append(Found(path=path, line=0, text=f"not read: {opened.unread.message}"))
            continue
        text = opened.data.decode("utf-8", "replace")
        whole = f"{path}\n{text}".lower()
        if all(word in whole for word in wanted):
            found += _lines(path, text, wanted)
    return tuple(found)


def _lines(path: str, text: str, wanted: list[str]) -> list[Found]:
    lines = [
        Found(path=path, line=number, text=line.strip())
        for number, line in enumerate(text.split("\n"), 1)
        if any(word in line.lower() for word in wanted)
    ]
    return lines or [Found(path=path, line=1, text="(its path)")]
