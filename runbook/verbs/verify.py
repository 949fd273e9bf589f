"""`verify`: verdicts on runbooks (may they run?) and on executions (is the record whole?)."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from runbook.approval.decision import Verdict
from runbook.approval.trust import load_or_refusal
from runbook.errors import NotFoundError, TrustError
from runbook.evidence.folder import ExecutionFolder, executions_below
from runbook.evidence.verification import ExecutionVerdict, verify_execution
from runbook.evidence.whereabouts import Note, repeated, whereabouts
from runbook.verbs import names
from runbook.verbs.listing import environments_of, verdicts, with_includes
from runbook.workspace import Surroundings, Workspace


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at. No names: every runbook; `everything`: every execution too."""

    names: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()  # none: those that the text or the policy names
    unattended: bool = False
    everything: bool = False


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One execution's verdict, and what is to be known beside it."""

    verdict: ExecutionVerdict
    notes: tuple[Note, ...]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    runbooks: tuple[Verdict, ...]
    executions: tuple[Judged, ...]


def verify(workspace: Workspace, asked: Asked, *, around: Surroundings, now: datetime) -> Answer:
    """Judge them all; one that is refused or damaged does not hide the next.

    Raises NotFoundError outside of any workspace when nothing lies there: a job that was started in the wrong
    folder must not look as if all were well.
    """
    paths, folders = _named(workspace, asked, around)
    if workspace.loose and not paths and not folders:
        raise NotFoundError(
            "nothing to verify: this folder is in no workspace, and no runbook lies in it",
            subject=str(workspace.root),
            hint="cd to the workspace, where `runbook.toml` is, or name a runbook or an execution's folder",
        )
    return Answer(
        runbooks=_runbooks(workspace, paths, asked, around=around, now=now),
        executions=_executions(workspace, folders, around),
    )


def _executions(
    workspace: Workspace, folders: Sequence[ExecutionFolder], around: Surroundings
) -> tuple[Judged, ...]:
    if not folders:
        return ()
    trust = load_or_refusal(workspace, env=around.env)
    urn = None if isinstance(trust, TrustError) else trust.workspace
    twice = repeated(folders)
    return tuple(
        Judged(
            verdict=verify_execution(folder),
            notes=(
                *whereabouts(folder, executions=workspace.executions, workspace=urn),
                *((Note(code="twice", message="it lies here more than once"),) if folder.id in twice else ()),
            ),
        )
        for folder in folders
    )


def _named(
    workspace: Workspace, asked: Asked, around: Surroundings
) -> tuple[Sequence[str], Sequence[ExecutionFolder]]:
    paths: list[str] = []
    folders: list[ExecutionFolder] = []
    for name in asked.names:
        execution = names.execution_named(workspace, name, cwd=around.cwd, preferred=names.has_begun)
        if execution is None:
            paths.append(names.find_runbook(workspace, name, cwd=around.cwd))
        else:
            folders.append(execution)
    if not asked.names or asked.everything:
        paths = list(dict.fromkeys([*paths, *names.runbooks(workspace)]))
    if asked.everything:
        folders = list(executions_below(workspace.executions))
    return paths, folders


def _runbooks(
    workspace: Workspace, paths: Sequence[str], asked: Asked, *, around: Surroundings, now: datetime
) -> tuple[Verdict, ...]:
    if not paths:
        return ()
    trust = load_or_refusal(workspace, env=around.env)
    found: list[Verdict] = []
    for opened in names.open_each(workspace, paths):
        opened = with_includes(opened, workspace=workspace, around=around)
        where = asked.environments or environments_of(
            opened.reading.runbook, trust, path=opened.path, default=workspace.settings.default_environment
        )
        found += verdicts(
            opened, trust, workspace=workspace, environments=where, unattended=asked.unattended, now=now
        )
    return tuple(found)
