"""What each hook finds in the index of a real repository."""

import pytest

from tests.hooks.repository import Repository

MORE = '\n# %% More name="more" tags=["read-only"]\nsh("uptime")\n'


def test_a_pair_in_step_with_an_ignored_notebook_passes(repo: Repository) -> None:
    repo.write()
    repo.sync()
    repo.git("add", ".")

    assert repo.hook("pre-commit") == ""
    assert repo.git("status", "--porcelain", "runbooks") == "A  runbooks/x.py\n"


def test_an_ignored_notebook_is_never_demanded(repo: Repository) -> None:
    repo.write()
    repo.git("add", ".")

    assert repo.hook("sync", "runbooks/x.py") == ""
    assert not repo.notebook.exists(), "a hook writes nothing"


def test_a_committed_notebook_must_say_the_same(repo: Repository) -> None:
    repo.write()
    repo.sync()
    repo.git("add", "-f", ".")
    assert repo.hook("sync") == ""
    repo.write(more=MORE)
    repo.git("add", "runbooks/x.py")

    said = repo.hook("sync", code=1)
    assert said == (
        "runbooks/x.py: as staged, it and runbooks/x.ipynb say two things\n"
        "    mend it: `runbook sync runbooks/x.py && git add runbooks/x.py runbooks/x.ipynb`\n"
    )
    repo.call("sh", "-c", said.rpartition("mend it: ")[2].strip("`\n"))
    assert repo.hook("sync") == ""


def test_what_is_staged_counts_not_what_lies_there(repo: Repository) -> None:
    repo.write()
    repo.sync()
    repo.git("add", "-f", ".")
    repo.write(more=MORE)
    repo.sync()

    assert repo.hook("sync", "runbooks/x.py", "runbooks/x.ipynb") == ""
    repo.git("add", "runbooks/x.ipynb")
    assert "say two things" in repo.hook("sync", code=1)


def test_an_edit_that_was_left_in_jupyter_is_not_forgotten(repo: Repository) -> None:
    repo.write()
    repo.sync()
    repo.edit_notebook('sh("uptime", "-p")')
    repo.git("add", ".")

    said = repo.hook("sync", code=1)
    assert said == (
        "runbooks/x.py: runbooks/x.ipynb holds edits that are not in the text\n"
        "    mend it: `runbook sync runbooks/x.py && git add runbooks/x.py`\n"
    )
    before = repo.text.read_bytes()
    repo.hook("sync", code=1)
    assert repo.text.read_bytes() == before


def test_a_dispute_stops_every_commit(repo: Repository) -> None:
    repo.write()
    repo.sync()
    repo.edit_notebook('sh("uptime", "-p")')
    repo.text.write_text(repo.text.read_text().replace('sh("uptime")', 'sh("uptime", "-s")'))
    repo.call("runbook", "sync", code=1)
    repo.git("add", ".")

    said = repo.hook("sync", code=1)
    assert "runbooks/x.py: both sides were changed, and nobody decided yet\n" in said
    assert "mend it: `runbook resolve runbooks/x.py --take text|notebook|both`\n" in said


def test_conflict_markers_do_not_get_in(repo: Repository) -> None:
    repo.write(more="\n# %%\n<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> other\n")
    repo.git("add", ".")

    assert "runbooks/x.py: as staged, it cannot be paired: " in repo.hook("sync", code=1)


def test_outputs_do_not_get_in(repo: Repository) -> None:
    repo.write()
    repo.sync()
    repo.git("add", "-f", ".")
    assert repo.hook("no-outputs") == ""
    repo.run_notebook()
    repo.git("add", "-f", ".")

    said = repo.hook("no-outputs", code=1)
    assert said.startswith("runbooks/x.ipynb: as staged, it holds outputs or run numbers of 1 cell\n")
    assert "mend it: `git rm --cached runbooks/x.ipynb`" in said
    repo.git("rm", "-q", "--cached", "runbooks/x.ipynb")
    assert repo.hook("no-outputs") == ""


def test_a_notebook_that_cannot_be_read_does_not_get_in(repo: Repository) -> None:
    repo.notebook.write_text('{"cells": [')
    repo.git("add", "-f", ".")

    assert "runbooks/x.ipynb: as staged, it is no notebook that can be read\n" in repo.hook(
        "no-outputs", code=1
    )


def test_lint_looks_at_what_is_staged(repo: Repository) -> None:
    repo.write(more="\n# %%\nexit()\n")
    repo.git("add", ".")
    repo.write()

    assert "runbooks/x.py:" in repo.hook("lint", code=1)
    repo.git("add", ".")
    assert repo.hook("lint") == ""


def test_a_workspace_around_the_repository_does_not_hide_its_texts(repo: Repository) -> None:
    (repo.root / "runbook.toml").rename(repo.root.parent / "runbook.toml")
    repo.write(more="\n# %%\nexit()\n")
    (repo.root / "steps").mkdir()
    repo.text.rename(repo.root / "steps/x.py")
    repo.git("add", "-A")

    assert "steps/x.py:" in repo.hook("lint", code=1)


def test_other_python_files_are_none_of_ours(repo: Repository) -> None:
    (repo.root / "tool.py").write_text("import os; exit()\n")
    (repo.root / "runbooks/module.py").write_text("def f():\n    return 1\n")
    repo.git("add", ".")

    assert repo.hook("sync") == ""
    assert "tool.py" not in repo.hook("lint", "tool.py")


def test_a_workspace_below_the_repository_is_found(repo: Repository) -> None:
    (repo.root / "runbook.toml").unlink()
    (repo.root / "ops/runbooks").mkdir(parents=True)
    (repo.root / "ops/runbook.toml").write_text("version = 1\n")
    repo.write()
    repo.text.rename(repo.root / "ops/runbooks/x.py")
    repo.call("runbook", "-C", "ops", "sync")
    repo.git("add", "-f", ".")
    (repo.root / "ops/runbooks/x.py").write_text((repo.root / "ops/runbooks/x.py").read_text() + MORE)
    repo.git("add", "ops/runbooks/x.py")

    said = repo.hook("sync", code=1)
    assert "ops/runbooks/x.py: as staged, it and ops/runbooks/x.ipynb say two things\n" in said
    repo.call("sh", "-c", said.rpartition("mend it: ")[2].partition("\n")[0].strip("`"))
    assert repo.hook("sync") == ""


def test_outside_a_repository_the_hook_says_so(
    repo: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("outside")
    said = repo.call("runbook", "hook", "sync", folder=folder, code=2)

    assert f"error: {folder}: not inside a git work tree" in said


def test_a_name_that_is_no_option_stays_a_name(repo: Repository) -> None:
    repo.write("-- x")
    repo.sync()
    repo.git("add", "-f", ".")
    (repo.root / "runbooks/-- x.py").write_text((repo.root / "runbooks/-- x.py").read_text() + MORE)
    repo.git("add", "runbooks/-- x.py")

    assert (
        "mend it: `runbook sync 'runbooks/-- x.py' && git add 'runbooks/-- x.py' 'runbooks/-- x.ipynb'`"
        in repo.hook("sync", code=1)
    )
