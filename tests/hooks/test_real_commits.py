"""The hooks as git and pre-commit call them: real commits, partly staged files, `commit -a`, work trees."""

import json
import os
from pathlib import Path

import pexpect
import pytest

from tests.hooks.repository import Repository

ROOT = Path(__file__).resolve().parents[2]
MORE = '\n# %% More name="more" tags=["read-only"]\nsh("uptime")\n'
IDS = ("runbook-sync", "runbook-no-outputs", "runbook-lint")


def with_pre_commit(repo: Repository) -> None:
    """This repository's hooks, as another repository uses them; `system` needs nothing from a network."""
    hooks = "".join(f"      - id: {name}\n" for name in IDS)
    source = repo.root.parent / "hooks-repo"
    source.mkdir()
    (source / ".pre-commit-hooks.yaml").write_bytes((ROOT / ".pre-commit-hooks.yaml").read_bytes())
    repo.call("git", "init", "-q", folder=source)
    repo.call("git", "add", ".", folder=source)
    repo.call("git", "commit", "-qm", "hooks", folder=source)
    revision = repo.call("git", "rev-parse", "HEAD", folder=source).strip()
    (repo.root / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {source}\n    rev: {revision}\n    hooks:\n{hooks}"
    )
    repo.git("add", ".pre-commit-config.yaml")


def first_commit(repo: Repository) -> None:
    repo.write()
    repo.sync()
    repo.git("add", ".")
    repo.git("commit", "-qm", "one")


def test_pre_commit_run_finds_what_the_hooks_find(repo: Repository) -> None:
    with_pre_commit(repo)
    first_commit(repo)
    assert repo.pre_commit("run", "--all-files").count("Passed") + 1 >= 2
    repo.write(more="\n# %%\nexit()\n")
    repo.git("add", ".")

    said = repo.pre_commit("run", code=1)
    assert "runbook lint" in said
    assert "Failed" in said


def test_pre_commit_try_repo_works_without_a_network(repo: Repository) -> None:
    with_pre_commit(repo)
    first_commit(repo)
    source = repo.root.parent / "hooks-repo"
    said = repo.pre_commit("try-repo", str(source), "runbook-sync", "--all-files")

    assert "Passed" in said


def test_a_partially_staged_text_is_judged_as_staged(repo: Repository) -> None:
    with_pre_commit(repo)
    first_commit(repo)
    repo.pre_commit("install")
    repo.write(more=MORE)
    repo.git("add", ".")
    repo.write(more=MORE + "\n# %%\nexit()\n")
    repo.git("commit", "-qm", "two")

    assert "exit()" in repo.text.read_text(), "what was not staged is still there"
    assert "exit()" not in repo.git("show", "HEAD:runbooks/x.py")


def test_a_partially_staged_text_with_a_finding_is_refused(repo: Repository) -> None:
    with_pre_commit(repo)
    first_commit(repo)
    repo.pre_commit("install")
    repo.write(more="\n# %%\nexit()\n")
    repo.git("add", ".")
    repo.write()
    said = repo.git("commit", "-qm", "two", code=1)

    assert "runbook lint" in said
    assert "exit()" not in repo.text.read_text()


@pytest.mark.parametrize("way", ["pre-commit", "git hooks"])
def test_commit_all_is_judged_by_the_index_of_that_commit(repo: Repository, way: str) -> None:
    if way == "pre-commit":
        with_pre_commit(repo)
        first_commit(repo)
        repo.pre_commit("install")
    else:
        first_commit(repo)
        repo.call("python3", "-c", "pass")
        install(repo)
    repo.write(more="\n# %%\nexit()\n")

    repo.git("commit", "-qam", "two", code=1)
    repo.write(more=MORE)
    repo.git("commit", "-qam", "two")
    assert "More" in repo.git("show", "HEAD:runbooks/x.py")


def install(repo: Repository) -> None:
    hook = repo.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes((ROOT / "hooks/pre-commit").read_bytes())
    hook.chmod(0o755)


def test_at_a_narrow_terminal_what_hooks_say_breaks_between_words(repo: Repository) -> None:
    first_commit(repo)
    install(repo)
    repo.write(more=MORE)
    repo.run_notebook()
    repo.git("add", "-f", ".")
    env = {**os.environ, "COLUMNS": "40", "TERM": "xterm"}
    child = pexpect.spawn(
        "git", ["commit", "-qm", "two"], cwd=str(repo.root), env=env, encoding="utf-8", timeout=60
    )
    child.expect(pexpect.EOF)
    child.close()

    lines = str(child.before).replace("\r\n", "\n").split("\n")
    assert child.exitstatus == 1
    assert "    mend it: `git rm --cached runbooks/x.ipynb`" in lines, "a command is kept whole"
    assert [line for line in lines if len(line) > 40 and "`" not in line] == []
    assert "nothing was committed;" in lines


def test_in_another_work_tree_its_own_files_count(repo: Repository) -> None:
    first_commit(repo)
    install(repo)
    other = repo.root.parent / "other"
    repo.git("worktree", "add", "-q", str(other))
    text = other / "runbooks/x.py"
    text.write_text(text.read_text() + "\n# %%\nexit()\n")
    repo.write(more=MORE)
    refused = repo.call("git", "commit", "-qam", "two", folder=other, code=1)
    assert "runbooks/x.py:" in refused
    text.write_text(text.read_text().replace("exit()", "x = 1"))
    repo.call("git", "commit", "-qam", "two", folder=other)
    repo.git("commit", "-qam", "two")


def test_a_commit_with_outputs_is_refused_by_gits_own_hook(repo: Repository) -> None:
    first_commit(repo)
    install(repo)
    notebook = json.loads(repo.notebook.read_text())
    notebook["cells"][-1]["execution_count"] = 7
    repo.notebook.write_text(json.dumps(notebook, indent=1))
    repo.git("add", "-f", ".")
    said = repo.git("commit", "-qm", "two", code=1)

    assert "holds outputs or run numbers of 1 cell" in said
    assert "`git commit --no-verify` goes past these checks" in said
