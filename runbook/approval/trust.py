"""Trust: fetches the trust files from the place that the machine or the person chose (DESIGN §5.2).

The edge of this room that reads. Three places behind one small interface: the working tree (every verdict
then says UNPINNED: the change under review could have changed them), a git ref, a folder of the machine.
Checks nothing itself: `trusted.assemble` does. Never writes, never fetches from a remote.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from runbook.approval.trusted import REQUIRED, WITHDRAWN, Trust, assemble
from runbook.errors import CommandFailed, FormatError, NotFoundError, RunbookError, TrustError
from runbook.system import files, git
from runbook.workspace import MARK, TRUST_FOLDER, Workspace

__all__ = ["Source", "Trust", "load", "load_or_refusal", "source_of"]

LIMIT_BYTES = 1 << 20
_MOST_WITHDRAWALS = 10_000


class Source(Protocol):
    """A place that holds trust files, by their names below `.runbook/`. Raises our errors only."""

    @property
    def described(self) -> str:
        """What verdicts say of it."""

    @property
    def pinned(self) -> bool:
        """Whether it is out of reach of the change that is judged."""

    def read(self, name: str) -> bytes:
        """The file's bytes; NotFoundError when there is none."""

    def names(self, folder: str) -> tuple[str, ...]:
        """The plain names inside a folder; empty when it is missing."""


def load(workspace: Workspace, *, env: Mapping[str, str], below: str = "") -> Trust:
    """The trust that the settings choose; `Trust.none()` for a working tree without `.runbook/`.
    `below`: where in a branch's tree the workspace stands, in a repository without a working tree (`sub/`).

    Raises TrustError naming the file that is missing, unreadable or wrong.
    """
    if workspace.settings.trust == "worktree" and not os.path.lexists(workspace.trust_folder):
        return Trust.none()
    source = source_of(workspace, env=env, below=below)
    try:
        found = {name: source.read(name) for name in REQUIRED}
        inside = _withdrawals(source.names(WITHDRAWN))
        if len(inside) > _MOST_WITHDRAWALS:
            raise TrustError(f"more than {_MOST_WITHDRAWALS} files", subject=WITHDRAWN)
        found |= {f"{WITHDRAWN}/{name}": source.read(f"{WITHDRAWN}/{at}") for name, at in inside.items()}
    except TrustError:
        raise
    except RunbookError as error:
        raise TrustError(
            f"cannot read the trust files from {source.described}: {error.message}",
            subject=error.subject,
            hint=error.hint or "policy.toml, allowed_signers and revoked must be there and readable",
        ) from error
    trust = assemble(found, described=source.described, pinned=source.pinned)
    return trust if _is_anchored(workspace) else msgspec.structs.replace(trust, anchored=False)


def _is_anchored(workspace: Workspace) -> bool:
    """A branch and a working tree have their policy beside the runbooks. A folder of the machine does not:
    where its paths begin, `runbook.toml` tells, which a change can bring. So there must be exactly one."""
    if not workspace.settings.trust.startswith("dir:"):
        return True
    return not workspace.loose and not any(os.path.lexists(above / MARK) for above in workspace.root.parents)


def _withdrawals(names: Sequence[str]) -> dict[str, str]:
    """The files of withdrawals, each with the name it stands under. Hidden ones are somebody else's, but for
    the statement of a withdrawal that was killed between its two files."""
    inside = {name: name for name in names if not name.startswith(".")}
    for name in names:
        statement = name.removeprefix(".")
        if name != statement and f"{statement.removesuffix('.txt')}.sig" in inside:
            inside.setdefault(statement, name)
    return inside


def load_or_refusal(workspace: Workspace, *, env: Mapping[str, str], below: str = "") -> Trust | TrustError:
    """As `load`, with the refusal as a value: `decide` turns it into a verdict for each runbook."""
    try:
        return load(workspace, env=env, below=below)
    except TrustError as error:
        return error


def source_of(workspace: Workspace, *, env: Mapping[str, str], below: str = "") -> Source:
    """The place that `settings.trust` names. Raises TrustError for words that name none."""
    kind, _, rest = workspace.settings.trust.partition(":")
    if kind == "worktree" and not rest:
        return _Worktree(workspace.root)
    if kind == "dir" and Path(rest).is_absolute():
        return _Folder(Path(rest))
    if kind == "ref" and rest:
        return _Ref(workspace.root, rest, env, below=below)
    raise TrustError(
        f"trust = {workspace.settings.trust!r} names no place",
        hint='it is "worktree", "ref:origin/main" or "dir:/etc/runbook"',
    )


class _Worktree:
    """`.runbook/` beside the runbooks, no link followed: a link could lead to files that nobody reviews."""

    described = "worktree (UNPINNED)"
    pinned = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes:
        return files.read_inside(self._root, f"{TRUST_FOLDER}/{name}", limit_bytes=LIMIT_BYTES)

    def names(self, folder: str) -> tuple[str, ...]:
        path = self._root / TRUST_FOLDER / folder
        if path.is_symlink():
            raise FormatError(
                "is a link", subject=folder, hint="trust files are reached through real folders"
            )
        return _listed(path)


class _Folder:
    """A folder of the machine, which its administrator may well fill with links."""

    pinned = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.described = f"dir:{folder}"

    def read(self, name: str) -> bytes:
        return files.read(self._folder / name, limit_bytes=LIMIT_BYTES)

    def names(self, folder: str) -> tuple[str, ...]:
        return _listed(self._folder / folder)


class _Ref:
    """`.runbook/` of one commit, named by a branch that is known here; the objects are read as they are."""

    pinned = True

    def __init__(self, root: Path, ref: str, env: Mapping[str, str], *, below: str) -> None:
        self._root, self._env = root, env
        try:
            prefix = self._ask("rev-parse", "--show-prefix").decode("utf-8").removesuffix("\n") + below
            self._commit = self._resolve(ref)
            listed = self._ask(
                "ls-tree", "-r", "-z", "--full-tree", self._commit, "--", prefix + TRUST_FOLDER
            )
        except (CommandFailed, UnicodeDecodeError) as error:
            raise TrustError(
                f"trust = 'ref:{ref}' needs a git repository around the workspace", hint=str(error)[:300]
            ) from error
        self.described = f"ref:{ref} at {self._commit}"
        self._blobs: dict[str, str] = {}
        start = f"{prefix}{TRUST_FOLDER}/"
        for row in listed.decode("utf-8", "surrogateescape").split("\0"):
            facts, _, path = row.partition("\t")
            if facts:
                mode, _, blob = facts.split(" ")
                self._blobs[path.removeprefix(start)] = blob if mode in ("100644", "100755") else ""

    def read(self, name: str) -> bytes:
        blob = self._blobs.get(name)
        if blob is None:
            raise NotFoundError(f"no such file in commit {self._commit[:12]}", subject=name)
        if not blob:
            raise FormatError("is a link or a submodule, not a file", subject=name)
        if int(self._ask("cat-file", "-s", blob)) > LIMIT_BYTES:
            raise FormatError(f"larger than {LIMIT_BYTES} bytes", subject=name)
        return self._ask("cat-file", "blob", blob)

    def names(self, folder: str) -> tuple[str, ...]:
        inside = f"{folder}/"
        return tuple(sorted(name.removeprefix(inside) for name in self._blobs if name.startswith(inside)))

    def _resolve(self, ref: str) -> str:
        """The commit of a branch. git's own short names are not used: a tag called `origin/main`, which a
        fetch brings along, would win over the remote's branch."""
        names = (ref,) if ref.startswith("refs/") else (f"refs/remotes/{ref}", f"refs/heads/{ref}")
        found = []
        for name in names:
            try:
                said = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
            except CommandFailed:
                continue
            found.append(said.decode("ascii").strip())
        if len(found) != 1:
            words = "two branches" if found else "no branch"
            raise TrustError(
                f"trust = 'ref:{ref}' names {words} here",
                hint="fetch it, or write it in full: ref:refs/remotes/origin/main",
            )
        return found[0]

    def _ask(self, *words: str) -> bytes:
        return git.ask(self._root, *words, env=self._env)


def _listed(folder: Path) -> tuple[str, ...]:
    try:
        with files.storage_errors(folder):
            return tuple(sorted(path.name for path in folder.iterdir()))
    except NotFoundError:
        return ()
