"""Git's hooks, for people without pre-commit: put in behind what is there, and taken out without a trace.

Touches two files of the repository's own hooks folder only: `pre-commit` and `pre-commit.before-runbook`.
Never changes git's configuration; a hooks folder that the user shares between repositories is left alone.
"""

import contextlib
import os
from pathlib import Path
from typing import Literal

import msgspec

from runbook.canonical import digest
from runbook.errors import CommandFailed, ConfigError, ExistsError, FormatError, NotFoundError
from runbook.system import files, git
from runbook.workspace import Surroundings

_LIMIT_BYTES = 1 << 20

_MARK = "# A git hook of runbook's. Below this line: "
_BODY = """\
# Runbook's checks before a commit: pairs in step, no outputs, lint. Installed by `runbook init --git-hooks`,
# taken out again by `runbook init --no-git-hooks`. A hook that stood here before runs first.
before="$(dirname "$0")/pre-commit.before-runbook"
if [ -x "$before" ]; then
  "$before" "$@" || exit $?
fi
command -v runbook >/dev/null || {
  echo "$0: runbook is not on the PATH: nothing was checked, so nothing is committed" >&2
  echo "  next: put it there; \\`git commit --no-verify\\` goes past this" >&2
  exit 1
}
exec runbook hook pre-commit
"""
SCRIPT = f"#!/bin/sh\n{_MARK}{digest(_BODY.encode())}\n{_BODY}"

_EARLIER = frozenset(
    {
        "sha256:505ba616e385f63549dccf262e73635a594aa091b8e4f6ba780e7cfb1a1301d0",
        "sha256:11be4db830b83e697d413aaa4106c9ccb4ad1aa356fa7a47f3268801844efa84",
    }
)
"""The scripts that were installed before there was a mark."""
_FIRST_WORDS = "# Runbook's checks before a commit:"
"""What those began with."""


class Hooked(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to the hook at `path`. `chained`: another hook runs before ours, or is back."""

    path: str
    did: Literal["installed", "there already", "brought up to date", "removed", "not there"]
    chained: bool = False


def install(root: Path, *, around: Surroundings) -> Hooked:
    """Put the hook in; one that stands there is moved aside and runs first, an earlier one of ours is
    replaced. Safe to repeat.

    Raises FormatError outside a repository and for a hook of ours that was edited, ConfigError for a shared
    hooks folder, ExistsError when something stands where the other hook would be moved to.
    """
    hook, aside = _paths(root, around)
    there = _read(hook)
    is_ours = there is not None and _is_ours(there, hook)
    files.make_folder(hook.parent)
    _leave_out_ours(aside)
    if there == SCRIPT.encode():
        return Hooked(path=str(hook), did="there already", chained=aside.exists())
    if is_ours:
        files.replace(hook, SCRIPT.encode())
        return Hooked(path=str(hook), did="brought up to date", chained=aside.exists())
    if there is not None:
        with files.storage_errors(aside):
            # Fails where something stands: that may be somebody's only copy. A link stays the link it is.
            os.link(hook, aside, follow_symlinks=False)
        files.remove(hook)
    try:
        files.create(hook, SCRIPT.encode(), mode=0o777)
    except ExistsError:
        if there is not None:
            files.remove(aside)
        raise
    return Hooked(path=str(hook), did="installed", chained=aside.exists())


def remove(root: Path, *, around: Surroundings) -> Hooked:
    """Take our hook out, of whatever version, and put back the one that stood there. Raises FormatError when
    ours was edited."""
    hook, aside = _paths(root, around)
    there = _read(hook)
    if there is not None and not _is_ours(there, hook):
        return Hooked(path=str(hook), did="not there")
    _leave_out_ours(aside)
    files.remove(hook)
    chained = aside.is_symlink() or aside.exists()
    if chained:
        with files.storage_errors(hook):
            os.link(aside, hook, follow_symlinks=False)
        files.remove(aside)
    return Hooked(path=str(hook), did="removed" if there is not None else "not there", chained=chained)


def _is_ours(data: bytes, hook: Path) -> bool:
    """Whether a hook is one that some version of ours wrote. Raises FormatError when it was edited since."""
    if digest(data) in _EARLIER:
        return True
    lines = data.decode("utf-8", "replace").split("\n")
    marks = [line for line in lines if line.startswith(_MARK)]
    if marks == lines[1:2] and digest(data.split(b"\n", 2)[-1]) == marks[0].removeprefix(_MARK):
        return True
    if marks or any(line.startswith(_FIRST_WORDS) for line in lines):
        raise FormatError(
            "this hook was changed since it was installed",
            subject=str(hook),
            hint="take its lines out by hand, or the whole file away",
        )
    return False


def _leave_out_ours(aside: Path) -> None:
    """An earlier version moved its own predecessor aside, where it calls itself without end."""
    there = _read(aside)
    if there is not None and _is_ours(there, aside):
        files.remove(aside)


def _paths(root: Path, around: Surroundings) -> tuple[Path, Path]:
    for scope in ("--local", "--global", "--system"):  # by scope: our own calls set it to nothing
        try:
            said = git.ask(root, "config", scope, "--get", "core.hooksPath", env=around.env)
        except CommandFailed:
            continue
        raise ConfigError(
            "git's core.hooksPath names a folder of hooks that other repositories may use too",
            subject=said.decode("utf-8", "replace").strip(),
            hint="put `runbook hook pre-commit` into its pre-commit hook yourself",
        )
    common = git.common_folder(root, env=around.env)
    if common is None:
        raise FormatError("not inside a git repository", subject=str(root), hint="`git init`")
    return common / "hooks/pre-commit", common / "hooks/pre-commit.before-runbook"


def _read(path: Path) -> bytes | None:
    with contextlib.suppress(NotFoundError):
        return files.read(path, limit_bytes=_LIMIT_BYTES)
    return None
