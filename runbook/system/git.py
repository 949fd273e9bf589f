"""git, as a source of facts: never changes a repository, never runs a program that its configuration names.

Called from inside hooks too, where git sets GIT_DIR and GIT_INDEX_FILE for its own purposes: a call about
another repository must not inherit them.

Two tricks of a repository's content never lead elsewhere:
1. a folder of the work tree that looks like a bare repository (`HEAD`, `objects/`, `refs/`, all committed) is
   not taken for one, or a change under review could bring the branches that trust is read from;
2. replaced objects (`refs/replace/`) are not followed: what is asked for is what is read.
"""

from collections.abc import Mapping
from pathlib import Path

from runbook.errors import CommandFailed, ToolMissing
from runbook.system import processes

# GIT_INDEX_FILE is kept on request only: a hook of `git commit -a` must read the index being committed.
_KEPT = frozenset(
    {
        "GIT_EXEC_PATH",
        "GIT_SSL_CAINFO",
        "GIT_SSL_NO_VERIFY",
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
    }
)

# Each of these would be a program that a repository's own configuration names: a watcher of files, hooks,
# the verifier of signed commits, and the transport that fetches what a partial clone lacks.
_NO_PROGRAMS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "log.showSignature=false",
    "protocol.allow=never",
)
_NO_TRICKS = ("safe.bareRepository=explicit",)  # 1; known to git from 2.38 on

COMMAND = (
    "git",
    "--no-pager",
    "--no-replace-objects",  # 2
    "--literal-pathspecs",
    *(word for setting in (*_NO_PROGRAMS, *_NO_TRICKS) for word in ("-c", setting)),
)
"""How every call of git begins."""


def clean_environment(env: Mapping[str, str], *, keep_index: bool = False) -> dict[str, str]:
    """`env` without the GIT_* words that would point git elsewhere or make it call something."""
    kept = _KEPT | {"GIT_INDEX_FILE", "GIT_DIR", "GIT_WORK_TREE"} if keep_index else _KEPT
    cleaned = {key: value for key, value in env.items() if not key.startswith("GIT_") or key in kept}
    cleaned["GIT_OPTIONAL_LOCKS"] = "0"
    cleaned["GIT_TERMINAL_PROMPT"] = "0"
    cleaned["GIT_NO_LAZY_FETCH"] = "1"
    return cleaned


def ask(root: Path, *words: str, env: Mapping[str, str], timeout_seconds: float = 30) -> bytes:
    """The output of one reading git command in `root`. Raises CommandFailed, ToolMissing.

    Ask only for what runs no filter and no textconv: `status` and `diff` of files do.
    """
    argv = [*COMMAND, *_explicitly(root, env), *words]
    return processes.require(argv, cwd=root, env=clean_environment(env), timeout_seconds=timeout_seconds)


def _explicitly(root: Path, env: Mapping[str, str]) -> tuple[str, ...]:
    """A hook of a bare repository is started in it, and git says so in GIT_DIR: its word, not the files'."""
    said = env.get("GIT_DIR")
    return ("--git-dir=.",) if said and (root / said).resolve() == root.resolve() else ()


def repository_root(folder: Path, *, env: Mapping[str, str]) -> Path | None:
    """The top of the work tree around `folder`, or None outside one or without git."""
    return _path(folder, env, "rev-parse", "--show-toplevel")


def common_folder(folder: Path, *, env: Mapping[str, str]) -> Path | None:
    """git's own folder, the one that all work trees of the repository share; None outside one."""
    return _path(folder, env, "rev-parse", "--path-format=absolute", "--git-common-dir")


def head_commit(folder: Path, *, env: Mapping[str, str]) -> str | None:
    """The commit that is checked out, as hex digits; None where there is none."""
    try:
        return ask(folder, "rev-parse", "--verify", "HEAD", env=env).decode("ascii").strip() or None
    except (CommandFailed, ToolMissing):
        return None


def is_clean(folder: Path, path: str, *, env: Mapping[str, str]) -> bool | None:
    """Whether the bytes of the file at `path` (below `folder`) are those of HEAD; False when HEAD has none.

    None outside a repository, before its first commit, or without git. Bytes are compared without
    filters: a clean filter is a program, and what it would say is not what runs.
    """
    if head_commit(folder, env=env) is None:
        return None
    try:
        kept = ask(folder, "rev-parse", "--verify", "--end-of-options", f"HEAD:./{path}", env=env)
        return ask(folder, "hash-object", "--no-filters", "--", path, env=env) == kept
    except CommandFailed:
        return False
    except ToolMissing:
        return None


def setting(folder: Path, key: str, *, env: Mapping[str, str]) -> str | None:
    """One value of git's configuration (`user.signingkey`); None when it is not set."""
    try:
        return ask(folder, "config", "--get", key, env=env).decode("utf-8", "replace").strip() or None
    except (CommandFailed, ToolMissing):
        return None


def _path(folder: Path, env: Mapping[str, str], *words: str) -> Path | None:
    try:
        said = ask(folder, *words, env=env).decode("utf-8", "surrogateescape").removesuffix("\n")
    except (CommandFailed, ToolMissing):
        return None
    return Path(said) if said else None
