"""What git is about to commit: the bytes in its index, in two processes for any number of files.

Reads the index of the commit that is being made (`GIT_INDEX_FILE` of a hook), never the working tree, and no
filter runs. Writes nothing, stages nothing.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from runbook.errors import CommandFailed, FormatError
from runbook.system import git, processes


def top(folder: Path, *, env: Mapping[str, str]) -> Path:
    """The work tree's root, where the paths of an index begin. Raises FormatError outside of one."""
    try:
        said = _ask(folder, "rev-parse", "--show-toplevel", env=env)
    except CommandFailed as error:
        raise FormatError(
            "not inside a git work tree", subject=str(folder), hint="hooks are for git repositories"
        ) from error
    return Path(said.decode("utf-8", "surrogateescape").removesuffix("\n"))


def names(root: Path, *, env: Mapping[str, str]) -> tuple[str, ...]:
    """The paths that the next commit adds or changes, below `root`, the work tree's own."""
    words = ("diff", "--cached", "--name-only", "-z", "--no-ext-diff", "--no-renames", "--diff-filter=ACMT")
    return tuple(name for name in _text(_ask(root, *words, env=env)).split("\0") if name)


def contents(root: Path, paths: Collection[str], *, env: Mapping[str, str]) -> dict[str, bytes]:
    """The bytes that the index holds of each of `paths`; those it does not hold are left out, and so are
    links and files in the middle of a merge."""
    if not paths:
        return {}
    listed = _text(_ask(root, "ls-files", "-s", "-z", "--", *sorted(paths), env=env))
    blobs: dict[str, str] = {}
    for row in listed.split("\0"):
        facts, _, path = row.partition("\t")
        fields = facts.split(" ")
        if len(fields) == 3 and fields[0] in ("100644", "100755") and fields[2] == "0":
            blobs[path] = fields[1]
    return dict(zip(blobs, blobs_of(root, list(blobs.values()), env=env), strict=True))


def blobs_of(root: Path, blobs: list[str], *, env: Mapping[str, str]) -> list[bytes]:
    """The bytes of these objects, in this order."""
    if not blobs:
        return []
    wanted = "".join(f"{blob}\n" for blob in blobs).encode("ascii")
    said = processes.require(
        [*git.COMMAND, "cat-file", "--batch"],
        stdin=wanted,
        env=_environment(env),
        cwd=root,
        timeout_seconds=120,
    )
    found, at = [], 0
    for blob in blobs:
        end = said.index(b"\n", at)
        head = said[at:end].split(b" ")
        if len(head) != 3 or head[1] != b"blob":
            raise FormatError("git does not have this object", subject=blob)
        size = int(head[2])
        found.append(said[end + 1 : end + 1 + size])
        at = end + 1 + size + 1
    return found


def ask(root: Path, *words: str, env: Mapping[str, str]) -> bytes:
    """One reading git command that sees what a hook of git's sees: the index being committed, and the objects
    that a push has not made part of the repository yet. Raises CommandFailed, ToolMissing."""
    return _ask(root, *words, env=env)


def _ask(root: Path, *words: str, env: Mapping[str, str]) -> bytes:
    return processes.require([*git.COMMAND, *words], env=_environment(env), cwd=root, timeout_seconds=60)


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    objects = {"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"}
    kept = {name: env[name] for name in objects if name in env}
    return {**git.clean_environment(env, keep_index=True), **kept}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
