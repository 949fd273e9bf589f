"""The server's hook `pre-receive`: nothing reaches a protected branch that policy says nobody may run there.

1. Only updates of protected branches are judged: those in git's `runbook.protect` (several), else `main` and
   `master`. Others are for drafts.
2. Judged by the policy, signers, revocations and withdrawals of the branch **before** the push: a push cannot
   bring the policy that lets it in. The very first push of a branch has none, and is let through, aloud.
3. Every runbook that the push adds or changes, or whose included files it changes, in every environment that
   its header or the policy names; below the runbook folders as they were, and as they will be. Each by the
   innermost workspace around it that there was before: a repository may hold several, at its root and in
   folders.
4. What cannot be read refuses the push, and so does the end of a `runbook.toml`, which would end this hook
   too, and a new one among the runbooks of another workspace, which would take them out of its hands.
"""

import posixpath
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from runbook.approval.trust import load_or_refusal
from runbook.approval.trusted import Trust
from runbook.decoding import decode_toml
from runbook.errors import CommandFailed, FormatError, TrustError
from runbook.execution import earlier
from runbook.hooks.finding import Found, Tell, say
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


def main(argv: Sequence[str], around: Surroundings, tell: Tell) -> int:
    """Reads git's lines from standard input. Returns 1 to refuse the push, else 0. Raises FormatError."""
    found: list[Found] = []
    protected = _protected(around)
    for line in sys.stdin.read().split("\n"):
        if line:
            update = _update(line)
            if update.ref in protected:  # 1
                found += findings(update, around)
    return say(found, tell)


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
        words = "new here, so there is no policy yet to judge it by"
        return [Found(path=update.ref, message=words, refuses=False)]
    before, after = _places(update.old, around), _places(update.new, around)
    changed = tuple(_changed(update, around)) if before else ()
    found: list[Found] = []
    for place in sorted(before):
        if place not in after:  # 4
            words = "would be gone, and no runbook could be judged from then on"
            found.append(Found(path=place + MARK, message=words))
            continue
        workspace = _workspace(place, update, around)
        mine = [each for each in changed if _innermost(each[0], before) == place]  # 3
        trust = load_or_refusal(workspace, env=around.env, below=place)  # 2
        texts = {path: blob for path, blob in mine if _is_text(path.removeprefix(place), workspace)}
        for path, blob in texts.items():
            found += _judged(workspace, trust, _opened(path, blob, place, update, around), place)
        left = [each for each in _files(place, update, around) if each[0] not in texts]
        left = [each for each in left if _innermost(each[0], before) == place]
        for opened in _with_other_files(left, place, workspace, update, around):
            found += _judged(workspace, trust, opened, place)
        found += _inside(place, after - before, before, workspace)
    return found


def _places(commit: str, around: Surroundings) -> frozenset[str]:
    """Where a commit has workspaces: the folders of every `runbook.toml`, each with a final slash."""
    said = staged.ask(around.cwd, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, env=around.env)
    names = said.decode("utf-8", "surrogateescape").split("\0")
    return frozenset(name.removesuffix(MARK) for name in names if f"/{name}".endswith(f"/{MARK}"))


def _innermost(path: str, places: Collection[str]) -> str | None:
    return max((place for place in places if path.startswith(place)), key=len, default=None)


def _workspace(place: str, update: Update, around: Surroundings) -> Workspace:
    """The workspace as the branch had it before, with the runbook folders that it will have, too."""
    settings = msgspec.structs.replace(
        resolve(_written(update.old, place, around), around), trust=f"ref:{update.ref}"
    )
    folders = (*settings.runbooks, *_written(update.new, place, around).runbooks)  # 3
    settings = msgspec.structs.replace(settings, runbooks=tuple(dict.fromkeys(folders)))
    return Workspace(root=Path(around.cwd), loose=False, settings=settings)


def _written(commit: str, place: str, around: Surroundings) -> WorkspaceFile:
    data = staged.ask(around.cwd, "cat-file", "blob", f"{commit}:{place}{MARK}", env=around.env)
    return decode_toml(data, WorkspaceFile, name=place + MARK)


def _is_text(path: str, workspace: Workspace) -> bool:
    return path.endswith(".py") and _is_below(path, workspace)


def _is_below(path: str, workspace: Workspace) -> bool:
    folders = [posixpath.normpath(folder) for folder in workspace.settings.runbooks]
    return any(folder == "." or path.startswith(f"{folder}/") for folder in folders)


def _inside(
    place: str, fresh: Collection[str], before: Collection[str], workspace: Workspace
) -> Iterator[Found]:
    """New workspaces among the runbooks of this one."""
    for each in sorted(fresh):
        if _innermost(each, before) == place and _is_below(each.removeprefix(place), workspace):  # 4
            words = f"would take runbooks out of the hands of the workspace {place or '.'}"
            yield Found(path=each + MARK, message=words, mend="put the workspace elsewhere")


def _changed(update: Update, around: Surroundings) -> Iterator[tuple[str, str]]:
    """Path and object of each file that is new or another one now; no object: a link or a submodule."""
    words = ("diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", update.old, update.new)
    fields = staged.ask(around.cwd, *words, env=around.env).decode("utf-8", "surrogateescape").split("\0")
    for facts, path in zip(fields[::2], fields[1::2], strict=False):
        _, mode, _, blob, status = facts.split(" ")
        if status != "D":
            yield path, blob if mode in ("100644", "100755") else ""


def _opened(path: str, blob: str, place: str, update: Update, around: Surroundings) -> Opened | str:
    """The text, and the files that it brings along, as the push has them; the path of what is no text."""
    if not blob:
        return path
    (data,) = staged.blobs_of(around.cwd, [blob], env=around.env)
    reading = read(data)
    named = None if reading.runbook is None else reading.runbook.header.includes
    tree = (
        None
        if named is None
        else earlier.at_commit(around.cwd, f"{update.new}:{place}", named, env=around.env)
    )
    return Opened(path=path.removeprefix(place), data=data, reading=reading, includes=tree)


def _files(place: str, update: Update, around: Surroundings) -> Iterator[tuple[str, str]]:
    """Path and object of each file below a folder, as the push has them."""
    words = ("ls-tree", "-r", "-z", "--full-tree", update.new, "--", place or ".")
    said = staged.ask(around.cwd, *words, env=around.env).decode("utf-8", "surrogateescape")
    for row in filter(None, said.split("\0")):
        facts, _, path = row.partition("\t")
        mode, _, blob = facts.split(" ")
        if mode in ("100644", "100755"):
            yield path, blob


def _with_other_files(
    files: Sequence[tuple[str, str]], place: str, workspace: Workspace, update: Update, around: Surroundings
) -> Iterator[Opened]:
    """Texts that stay as they are, while the files that they bring along do not."""
    texts = [each for each in files if _is_text(each[0].removeprefix(place), workspace)]
    contents = staged.blobs_of(around.cwd, [blob for _, blob in texts], env=around.env)
    for (path, blob), data in zip(texts, contents, strict=True):
        runbook = read(data).runbook if b"includes" in data else None
        if runbook is None or runbook.header.includes is None:
            continue
        named = runbook.header.includes
        was = earlier.at_commit(around.cwd, f"{update.old}:{place}", named, env=around.env)
        opened = _opened(path, blob, place, update, around)
        assert isinstance(opened, Opened)
        will = opened.includes
        if was is None or will is None or (was.digest, was.reasons) != (will.digest, will.reasons):
            yield opened


def _judged(
    workspace: Workspace, trust: Trust | TrustError, opened: Opened | str, place: str
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
                path=place + path,
                message=words,
                mend=reason.hint or f"`runbook review {path} --env {verdict.environment}`",
            )
