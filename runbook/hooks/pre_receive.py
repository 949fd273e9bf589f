"""The server's hook `pre-receive`: nothing reaches a protected branch that policy says nobody may run there.

1. Only updates of protected branches are judged: those in git's `runbook.protect` (several), else `main` and
   `master`. Others are for drafts.
2. Judged by the policy, signers, revocations and withdrawals of the branch **before** the push: a push cannot
   bring the policy that lets it in. The very first push of a branch has none, and is let through, aloud.
3. Every runbook that the push adds or changes, in every environment that its header or the policy names;
   below the runbook folders as they were, and as they will be.
4. What cannot be read refuses the push, and so does the end of `runbook.toml`, which would end this hook too.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from runbook.approval.trust import load_or_refusal
from runbook.approval.trusted import Trust
from runbook.decoding import decode_toml
from runbook.errors import CommandFailed, FormatError, TrustError
from runbook.evidence import inert
from runbook.execution import earlier
from runbook.hooks.finding import Found, say
from runbook.system import clock, git, staged
from runbook.text.reader import read
from runbook.verbs.listing import environments_of, verdicts
from runbook.verbs.names import Opened
from runbook.workspace import MARK, Surroundings, Workspace, WorkspaceFile, resolve

_NONE = frozenset("0")
_PROTECTED = ("refs/heads/main", "refs/heads/master")


class Update(msgspec.Struct, frozen=True):
    """One line of what git says to the hook: the branch, before and after. githooks(5)."""

    old: str
    new: str
    ref: str


def main(argv: Sequence[str], around: Surroundings) -> int:
    """Reads git's lines from standard input. Returns 1 to refuse the push, else 0. Raises FormatError."""
    found: list[Found] = []
    protected = _protected(around)
    for line in sys.stdin.read().split("\n"):
        if line:
            update = _update(line)
            if update.ref in protected:  # 1
                found += findings(update, around)
    return say(found)


def _update(line: str) -> Update:
    fields = line.split(" ")
    if len(fields) != 3 or not all(set(field) <= set("0123456789abcdef") for field in fields[:2]):
        raise FormatError("not what git says to a pre-receive hook", subject=line[:80])
    return Update(*fields)


def _protected(around: Surroundings) -> frozenset[str]:
    try:
        said = git.ask(around.cwd, "config", "--get-all", "runbook.protect", env=around.env)
    except CommandFailed:
        return frozenset(_PROTECTED)
    names = said.decode("utf-8", "replace").split()
    return frozenset(name if name.startswith("refs/") else f"refs/heads/{name}" for name in names)


def findings(update: Update, around: Surroundings) -> list[Found]:
    """Why this update may not come in."""
    if set(update.new) <= _NONE:
        return []  # a branch is deleted: git's own settings are about that
    if set(update.old) <= _NONE:
        print(inert.block(f"{update.ref}: new here, so there is no policy yet to judge it by"))
        return []
    workspace = _workspace(update, around)
    if workspace is None:
        return []
    trust = load_or_refusal(workspace, env=around.env)  # 2
    after = _written(update.new, around)
    if after is None:  # 4
        return [Found(path=MARK, message="would be gone, and no runbook could be judged from then on")]
    workspace = _with_folders(workspace, after.runbooks)  # 3
    return [
        each
        for path, blob in _changed(workspace, update, around)
        for each in _judged(workspace, trust, _opened(path, blob, update, around), around)
    ]


def _workspace(update: Update, around: Surroundings) -> Workspace | None:
    """The workspace as the branch had it before; None when it had none."""
    written = _written(update.old, around)
    if written is None:
        return None
    settings = msgspec.structs.replace(resolve(written, around), trust=f"ref:{update.ref}")
    return Workspace(root=Path(around.cwd), loose=False, settings=settings)


def _written(commit: str, around: Surroundings) -> WorkspaceFile | None:
    try:
        data = staged.ask(around.cwd, "cat-file", "blob", f"{commit}:{MARK}", env=around.env)
    except CommandFailed:
        return None
    return decode_toml(data, WorkspaceFile, name=MARK)


def _with_folders(workspace: Workspace, folders: tuple[str, ...]) -> Workspace:
    settings = workspace.settings
    both = tuple(dict.fromkeys((*settings.runbooks, *folders)))
    return msgspec.structs.replace(workspace, settings=msgspec.structs.replace(settings, runbooks=both))


def _changed(workspace: Workspace, update: Update, around: Surroundings) -> Iterator[tuple[str, str]]:
    """Path and object of each text below the runbook folders that is new or another one now."""
    words = ("diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", update.old, update.new)
    fields = staged.ask(around.cwd, *words, env=around.env).decode("utf-8", "surrogateescape").split("\0")
    for facts, path in zip(fields[::2], fields[1::2], strict=False):
        _, mode, _, blob, status = facts.split(" ")
        below = any(path.startswith(f"{folder.rstrip('/')}/") for folder in workspace.settings.runbooks)
        if status != "D" and below and path.endswith(".py"):
            yield path, blob if mode in ("100644", "100755") else ""


def _opened(path: str, blob: str, update: Update, around: Surroundings) -> Opened | str:
    """The text, and the files that it brings along, as the push has them; the path of what is no text."""
    if not blob:
        return path
    (data,) = staged.blobs_of(around.cwd, [blob], env=around.env)
    reading = read(data)
    named = None if reading.runbook is None else reading.runbook.header.includes
    tree = None if named is None else earlier.at_commit(around.cwd, update.new, named, env=around.env)
    return Opened(path=path, data=data, reading=reading, includes=tree)


def _judged(
    workspace: Workspace, trust: Trust | TrustError, opened: Opened | str, around: Surroundings
) -> Iterator[Found]:
    if isinstance(opened, str):
        yield Found(path=opened, message="is a link or a submodule, and no text that could be reviewed")
        return
    path, runbook = opened.path, opened.reading.runbook
    where = environments_of(runbook, trust, path=path, default=workspace.settings.default_environment)  # 3
    for verdict in verdicts(
        opened, trust, workspace=workspace, environments=where, unattended=False, now=clock.now()
    ):
        if not verdict.permitted:  # 4
            reason = verdict.reasons[0]
            words = f"refused in {verdict.environment}: {reason.message}"
            yield Found(
                path=path,
                message=words,
                mend=reason.hint or f"runbook review {path} --env {verdict.environment}",
            )
