"""Real repositories: facts about them, and that no program they name is run."""

import os
import subprocess
from pathlib import Path

import pytest

from runbook.errors import CommandFailed
from runbook.system import git


def do(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository with blanks"
    folder.mkdir()
    do(folder, "init", "-q")
    (folder / "sub").mkdir()
    (folder / "sub" / "x.py").write_bytes(b"1\n")
    do(folder, "add", ".")
    do(folder, "commit", "-qm", "first")
    return folder


def env() -> dict[str, str]:
    return dict(os.environ)


def test_the_root_is_found_from_a_folder_inside(repository: Path) -> None:
    assert git.repository_root(repository / "sub", env=env()) == repository
    assert git.repository_root(repository.parent, env=env()) is None


def test_work_trees_share_one_folder(repository: Path, tmp_path: Path) -> None:
    do(repository, "worktree", "add", "-q", str(tmp_path / "other"))

    assert git.common_folder(tmp_path / "other", env=env()) == repository / ".git"
    assert git.common_folder(repository / "sub", env=env()) == repository / ".git"
    assert git.common_folder(tmp_path, env=env()) is None


def test_the_commit_is_known_once_there_is_one(repository: Path, tmp_path: Path) -> None:
    assert git.head_commit(repository, env=env()) == do(repository, "rev-parse", "HEAD")

    fresh = tmp_path / "fresh"
    fresh.mkdir()
    do(fresh, "init", "-q")
    assert git.head_commit(fresh, env=env()) is None
    assert git.is_clean(fresh, "x.py", env=env()) is None


def test_without_git_there_are_no_facts(repository: Path) -> None:
    nowhere = {"PATH": "/nonexistent"}

    assert git.repository_root(repository, env=nowhere) is None
    assert git.head_commit(repository, env=nowhere) is None
    assert git.is_clean(repository, "sub/x.py", env=nowhere) is None
    assert git.setting(repository, "user.name", env=nowhere) is None


def test_clean_means_the_bytes_of_head(repository: Path, tmp_path: Path) -> None:
    path = repository / "sub" / "x.py"
    assert git.is_clean(repository, "sub/x.py", env=env()) is True
    assert git.is_clean(repository / "sub", "x.py", env=env()) is True

    path.write_bytes(b"2\n")
    assert git.is_clean(repository, "sub/x.py", env=env()) is False
    do(repository, "add", "sub/x.py")
    assert git.is_clean(repository, "sub/x.py", env=env()) is False  # staged is not committed
    (repository / "new.py").write_bytes(b"")
    assert git.is_clean(repository, "new.py", env=env()) is False
    path.unlink()
    assert git.is_clean(repository, "sub/x.py", env=env()) is False
    assert git.is_clean(tmp_path, "x.py", env=env()) is None


def test_a_name_that_looks_like_an_option_is_a_name(repository: Path) -> None:
    (repository / "--stdin").write_bytes(b"x\n")
    do(repository, "add", "--", "--stdin")
    do(repository, "commit", "-qm", "odd name")

    assert git.is_clean(repository, "--stdin", env=env()) is True


def test_no_program_that_the_repository_names_is_run(repository: Path, tmp_path: Path) -> None:
    """A clean filter, a file watcher and hooks: each would run on questions that git itself answers so."""
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{tmp_path}/pwned'\ncat\n")
    trap.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "post-checkout"):
        (hooks / name).write_bytes(trap.read_bytes())
        (hooks / name).chmod(0o755)
    (repository / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    for key, value in {
        "filter.evil.clean": str(trap),
        "filter.evil.smudge": str(trap),
        "diff.evil.textconv": str(trap),
        "diff.external": str(trap),
        "core.fsmonitor": str(trap),
        "core.hooksPath": str(hooks),
        "core.pager": str(trap),
        "core.sshCommand": str(trap),
    }.items():
        do(repository, "config", key, value)
    (repository / "sub" / "x.py").write_bytes(b"changed\n")

    assert git.is_clean(repository, "sub/x.py", env=env()) is False
    assert git.head_commit(repository, env=env())
    assert git.repository_root(repository, env=env()) == repository
    assert git.setting(repository, "core.pager", env=env()) == str(trap)
    assert git.ask(repository, "show", "HEAD:sub/x.py", env=env()) == b"1\n"
    assert not (tmp_path / "pwned").exists()


def test_a_question_never_fetches(repository: Path, tmp_path: Path) -> None:
    """An object that a partial clone lacks would be fetched through a command the configuration names."""
    trap = tmp_path / "transport.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{tmp_path}/pwned'\nexit 1\n")
    trap.chmod(0o755)
    blob = do(repository, "rev-parse", "HEAD:sub/x.py")
    for key, value in {
        "remote.origin.url": f"ext::{trap}",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
        "protocol.ext.allow": "always",
    }.items():
        do(repository, "config", key, value)
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()

    with pytest.raises(CommandFailed):
        git.ask(repository, "cat-file", "blob", blob, env=env())
    assert not (tmp_path / "pwned").exists()


def test_inside_a_hook_another_repository_is_still_itself(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    do(other, "init", "-q")
    inherited = {**env(), "GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other), "GIT_INDEX_FILE": "x"}

    assert git.repository_root(repository, env=inherited) == repository


def test_the_environment_loses_what_would_point_git_elsewhere() -> None:
    given = {
        "PATH": "/bin",
        "GIT_DIR": "d",
        "GIT_INDEX_FILE": "i",
        "GIT_SSH_COMMAND": "s",
        "GIT_EXTERNAL_DIFF": "e",
        "GIT_CONFIG_GLOBAL": "g",
        "GIT_CONFIG_COUNT": "1",
    }

    cleaned = git.clean_environment(given)
    assert cleaned == {
        "PATH": "/bin",
        "GIT_CONFIG_GLOBAL": "g",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
    }
    kept = git.clean_environment(given, keep_index=True)
    assert (kept["GIT_DIR"], kept["GIT_INDEX_FILE"]) == ("d", "i")
    assert "GIT_SSH_COMMAND" not in kept


def test_a_setting_is_read_or_none(repository: Path) -> None:
    do(repository, "config", "user.signingkey", "/keys/id_ed25519.pub")

    assert git.setting(repository, "user.signingkey", env=env()) == "/keys/id_ed25519.pub"
    assert git.setting(repository, "user.nothing", env=env()) is None


def test_a_failing_question_says_what_git_said(repository: Path) -> None:
    with pytest.raises(CommandFailed, match="git ended with 128: fatal:"):
        git.ask(repository, "rev-parse", "--verify", "no-such-branch", env=env())
