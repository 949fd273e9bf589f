"""Installing and removing git's hooks: chained with what is there, and without a trace."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.errors import ConfigError, ExistsError, FormatError
from runbook.verbs.githooks import SCRIPT, install, remove
from runbook.workspace import Surroundings
from tests.hooks.repository import Repository

ROOT = Path(__file__).resolve().parents[2]


def around(root: Path) -> Surroundings:
    nowhere = Path("/nowhere")
    return Surroundings(
        cwd=root,
        env=dict(os.environ),
        machine_config=nowhere,
        user_config=nowhere,
        state_folder=nowhere,
        login="me",
        host="here",
    )


def hooks(repo: Repository) -> dict[str, tuple[bytes, int]]:
    folder = repo.root / ".git/hooks"
    return {
        path.name: (path.read_bytes(), path.stat().st_mode)
        for path in sorted(folder.iterdir())
        if not path.name.endswith(".sample")
    }


def test_the_script_in_the_repository_is_the_one_that_is_installed() -> None:
    assert (ROOT / "hooks/pre-commit").read_text() == SCRIPT
    assert os.access(ROOT / "hooks/pre-commit", os.X_OK)
    assert os.access(ROOT / "hooks/pre-receive", os.X_OK)


def test_installed_and_removed_without_a_trace(repo: Repository) -> None:
    before = hooks(repo)
    done = install(repo.root, around=around(repo.root))
    assert (done.did, done.chained) == ("installed", False)
    assert install(repo.root, around=around(repo.root)).did == "there already"
    repo.write(more="\n# %%\nexit()\n")
    repo.git("add", ".")
    repo.git("commit", "-qm", "one", code=1)
    assert remove(repo.root, around=around(repo.root)).did == "removed"
    assert remove(repo.root, around=around(repo.root)).did == "not there"

    assert hooks(repo) == before
    repo.git("commit", "-qm", "one")


def test_who_commits_without_the_program_on_the_path_is_told_so_and_commits_nothing(repo: Repository) -> None:
    install(repo.root, around=around(repo.root))
    bare = repo.root.parent / "bare"
    bare.mkdir()
    for tool in ("git", "sh", "dirname"):
        found = shutil.which(tool)
        assert found is not None
        (bare / tool).symlink_to(found)
    words = (
        "git",
        "-c",
        "user.name=me",
        "-c",
        "user.email=me@example.com",
        "commit",
        "--allow-empty",
        "-qm",
        "x",
    )

    done = subprocess.run(words, cwd=repo.root, env={"PATH": str(bare)}, capture_output=True, text=True)

    assert done.returncode == 1
    assert "runbook is not on the PATH: nothing was checked, so nothing is committed\n  next:" in done.stderr
    assert "`git commit --no-verify` goes past this" in done.stderr


def test_a_hook_that_is_there_runs_first_and_comes_back(repo: Repository) -> None:
    own = repo.root / ".git/hooks/pre-commit"
    own.parent.mkdir(exist_ok=True)
    own.write_text("#!/bin/sh\necho mine ran\ntest ! -e stop\n")
    own.chmod(0o750)
    before = hooks(repo)
    assert install(repo.root, around=around(repo.root)).chained
    repo.write()
    repo.git("add", ".")
    assert "mine ran" in repo.git("commit", "-m", "one")
    (repo.root / "stop").touch()
    repo.write(more="\n")
    repo.git("commit", "-qam", "two", code=1)
    remove(repo.root, around=around(repo.root))

    assert hooks(repo) == before


def test_what_stands_aside_is_never_overwritten(repo: Repository) -> None:
    folder = repo.root / ".git/hooks"
    folder.mkdir(exist_ok=True)
    (folder / "pre-commit").write_text("#!/bin/sh\n")
    (folder / "pre-commit.before-runbook").write_text("#!/bin/sh\n# somebody's\n")
    before = hooks(repo)
    with pytest.raises(ExistsError, match="never overwritten"):
        install(repo.root, around=around(repo.root))

    assert hooks(repo) == before


def test_an_edited_hook_is_left_to_its_editor(repo: Repository) -> None:
    install(repo.root, around=around(repo.root))
    hook = repo.root / ".git/hooks/pre-commit"
    hook.write_text(hook.read_text() + "echo more\n")
    with pytest.raises(FormatError, match="was changed since it was installed"):
        remove(repo.root, around=around(repo.root))


def test_a_shared_folder_of_hooks_is_left_alone(repo: Repository, tmp_path: Path) -> None:
    repo.git("config", "core.hooksPath", str(tmp_path / "shared"))
    with pytest.raises(ConfigError, match="other repositories may use too"):
        install(repo.root, around=around(repo.root))


def test_outside_a_repository_nothing_is_installed(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("outside")
    with pytest.raises(FormatError, match="not inside a git repository"):
        install(folder, around=around(folder))


def test_init_installs_and_removes_the_hook(repo: Repository) -> None:
    own = repo.root / ".git/hooks/pre-commit"
    own.parent.mkdir(exist_ok=True)
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    said = repo.call("runbook", "init", ".", "--git-hooks", "--yes")
    assert "/.git/hooks/pre-commit: installed; the one that stood there runs first\n" in said
    assert own.read_text() == SCRIPT
    said = repo.call("runbook", "init", ".", "--no-git-hooks", "--yes")
    assert "/.git/hooks/pre-commit: removed; the one before it is back\n" in said
    assert own.read_text() == "#!/bin/sh\n"
