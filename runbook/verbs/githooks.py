"""Git's hooks, for people without pre-commit: put in behind what is there, and taken out without a trace.

Touches two files of the repository's own hooks folder only: `pre-commit` and `pre-commit.before-runbook`.
Never changes git's configuration; a hooks folder that the user shares between repositories is left alone.
"""

import contextlib
import os
from pathlib import Path
from typing import Literal

import msgspec

from runbook.errors import CommandFailed, ConfigError, ExistsError, FormatError, NotFoundError
from runbook.system import files, git
from runbook.workspace import Surroundings

_LIMIT_BYTES = 1 << 20

SCRIPT = """\
#!/bin/sh
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


class Hooked(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to the hook at `path`. `chained`: another hook runs before ours."""

    path: str
    did: Literal["installed", "there already", "removed", "not there"]
    chained: bool = False


def install(root: Path, *, around: Surroundings) -> Hooked:
    """Put the hook in; one that stands there is moved aside and runs first. Safe to repeat.

    Raises FormatError outside a repository, ConfigError for a shared hooks folder, ExistsError when something
    stands where the other hook would be moved to.
    """
    hook, aside = _paths(root, around)
    there = _read(hook)
    if there == SCRIPT.encode():
        return Hooked(path=str(hook), did="there already", chained=aside.exists())
    files.make_folder(hook.parent)
    if there is not None:
        with files.storage_errors(aside):
            os.link(hook, aside)  # fails where something stands: that may be somebody's only copy
        files.remove(hook)
    try:
        files.create(hook, SCRIPT.encode(), mode=0o777)
    except ExistsError:
        if there is not None:
            files.remove(aside)
        raise
    return Hooked(path=str(hook), did="installed", chained=there is not None)


def remove(root: Path, *, around: Surroundings) -> Hooked:
    """Take our hook out, and put back the one that stood there. Raises FormatError when ours was edited."""
    hook, aside = _paths(root, around)
    there = _read(hook)
    if there is None or b"runbook hook pre-commit" not in there:
        return Hooked(path=str(hook), did="not there")
    if there != SCRIPT.encode():
        raise FormatError(
            "this hook was changed since it was installed",
            subject=str(hook),
            hint="take its lines out by hand",
        )
    files.remove(hook)
    chained = aside.exists()
    if chained:
        with files.storage_errors(hook):
            os.link(aside, hook)
        files.remove(aside)
    return Hooked(path=str(hook), did="removed", chained=chained)


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
        raise FormatError("not inside a git repository", subject=str(root), hint="git init")
    return common / "hooks/pre-commit", common / "hooks/pre-commit.before-runbook"


def _read(path: Path) -> bytes | None:
    with contextlib.suppress(NotFoundError):
        return files.read(path, limit_bytes=_LIMIT_BYTES)
    return None
