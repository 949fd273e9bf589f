"""Installing and removing git's hooks: chained with what is there, and without a trace."""

import hashlib
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


FIRST = """\
#!/bin/sh
# Runbook's checks before a commit: pairs in step, no outputs, lint. Installed by `runbook init --git-hooks`,
# taken out again by `runbook init --no-git-hooks`. A hook that stood here before runs first.
before="$(dirname "$0")/pre-commit.before-runbook"
if [ -x "$before" ]; then
  "$before" "$@" || exit $?
fi
exec runbook hook pre-commit
"""
BODY = SCRIPT.split("\n", 2)[2]
SECOND = f"#!/bin/sh\n{BODY}"


def marked(body: str) -> str:
    """As another version with a mark writes it."""
    mark = SCRIPT.split("\n")[1].partition("sha256:")[0]
    return f"#!/bin/sh\n{mark}sha256:{hashlib.sha256(body.encode()).hexdigest()}\n{body}"


VERSIONS = [FIRST, SECOND, marked("# Other words.\nexec runbook hook pre-commit --newer\n")]


def put(repo: Repository, name: str, text: str) -> Path:
    path = repo.root / ".git/hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("script", VERSIONS)
@pytest.mark.parametrize("has_other", [False, True])
def test_a_hook_of_another_version_is_replaced_where_it_stands_and_leaves_no_trace(
    repo: Repository, script: str, has_other: bool
) -> None:
    own = "#!/bin/sh\necho mine ran\n"
    hook = put(repo, "pre-commit", own) if has_other else repo.root / ".git/hooks/pre-commit"
    before = hooks(repo)
    if has_other:
        hook.rename(hook.with_name("pre-commit.before-runbook"))
    put(repo, "pre-commit", script)

    done = install(repo.root, around=around(repo.root))
    assert (done.did, done.chained) == ("brought up to date", has_other)
    assert hook.read_text() == SCRIPT
    assert hook.stat().st_mode & 0o111
    repo.write()
    repo.git("add", ".")
    assert ("mine ran" in repo.git("commit", "-m", "one")) == has_other

    hook.write_text(script)
    done = remove(repo.root, around=around(repo.root))
    assert (done.did, done.chained) == ("removed", has_other)
    assert hooks(repo) == before


def test_an_earlier_version_that_was_moved_aside_calls_itself_no_longer(repo: Repository) -> None:
    put(repo, "pre-commit", SECOND)
    aside = put(repo, "pre-commit.before-runbook", FIRST)
    assert install(repo.root, around=around(repo.root)).did == "brought up to date"
    assert not aside.exists()
    put(repo, "pre-commit.before-runbook", FIRST)
    done = remove(repo.root, around=around(repo.root))
    assert (done.did, done.chained) == ("removed", False)
    assert hooks(repo) == {}


@pytest.mark.parametrize("script", [*VERSIONS, SCRIPT])
def test_an_edited_hook_of_any_version_is_neither_moved_aside_nor_taken_out(
    repo: Repository, script: str
) -> None:
    hook = put(repo, "pre-commit", script + "echo more\n")
    before = hooks(repo)
    for act in (install, remove):
        with pytest.raises(FormatError, match="was changed since it was installed"):
            act(repo.root, around=around(repo.root))
    assert hooks(repo) == before, hook


def test_a_hook_of_somebodys_own_that_calls_our_checks_is_theirs(repo: Repository) -> None:
    put(repo, "pre-commit", "#!/bin/sh\necho mine\nrunbook hook pre-commit\n")
    before = hooks(repo)
    assert remove(repo.root, around=around(repo.root)).did == "not there"
    assert hooks(repo) == before
    assert install(repo.root, around=around(repo.root)).chained
    remove(repo.root, around=around(repo.root))
    assert hooks(repo) == before


def test_a_hook_that_is_a_link_comes_back_as_the_link_it_was(repo: Repository) -> None:
    real = put(repo, "shared.sh", "#!/bin/sh\n")
    hook = real.with_name("pre-commit")
    hook.symlink_to("shared.sh")
    assert install(repo.root, around=around(repo.root)).chained
    assert not hook.is_symlink()
    assert remove(repo.root, around=around(repo.root)).chained
    assert hook.readlink() == Path("shared.sh")
    assert real.read_text() == "#!/bin/sh\n"


def test_a_hook_that_waits_aside_comes_back_also_where_ours_was_deleted_by_hand(repo: Repository) -> None:
    own = put(repo, "pre-commit", "#!/bin/sh\n")
    before = hooks(repo)
    install(repo.root, around=around(repo.root))
    own.unlink()
    done = remove(repo.root, around=around(repo.root))
    assert (done.did, done.chained) == ("not there", True)
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
