"""The hooks look at included files where they are about to be: in the index, in the push."""

from pathlib import Path

import pytest

from tests.hooks.repository import Repository
from tests.hooks.test_pre_receive import pushed, sign, text_of
from tests.keys import Key
from tests.program import program

__all__ = ["pushed"]


@pytest.fixture
def including(pushed: Repository) -> Repository:
    """The runbook includes a folder, and has its digest."""
    manifest = pushed.root / "k8s/web.yaml"
    manifest.parent.mkdir()
    manifest.write_text("kind: Deployment\n")
    text = text_of(pushed)
    text.write_text(
        text.read_text().replace("# runbook:\n", "# runbook:\n#   includes:\n#     paths: [k8s]\n")
    )
    said = program(pushed.root, "fmt", text.stem, "--includes")
    assert said.code == 0, said.out
    return pushed


def commit(repo: Repository) -> None:
    repo.git("add", "-A")
    repo.git("commit", "-qm", "two", "--no-verify")


def test_what_was_approved_with_its_files_comes_in(including: Repository, alice: Key) -> None:
    sign(including, alice)
    commit(including)
    including.git("push", "-q", "origin", "main")


def test_what_was_approved_with_other_files_stays_out(including: Repository, alice: Key) -> None:
    """The folder is as it was approved in the work tree, and another one in the push."""
    sign(including, alice)
    manifest = including.root / "k8s/web.yaml"
    manifest.write_text("kind: CronJob\n")
    commit(including)
    manifest.write_text("kind: Deployment\n")
    said = including.git("push", "origin", "main", code=1)

    assert "the included files are not those of the header's digest" in said


def test_the_lint_hook_looks_at_the_index(including: Repository) -> None:
    manifest: Path = including.root / "k8s/web.yaml"
    manifest.write_text("kind: CronJob\n")
    including.git("add", "-A")
    manifest.write_text("kind: Deployment\n")
    said = including.call("runbook", "hook", "lint", f"runbooks/{text_of(including).name}", code=1)

    assert "includes.digest: the included files are not those of the header's digest" in said
    including.git("add", "-A")
    said = including.call("runbook", "hook", "lint", f"runbooks/{text_of(including).name}", code=None)
    assert "includes.digest" not in said


def in_place(including: Repository, alice: Key) -> Path:
    """The approved runbook and its files are on the server."""
    sign(including, alice)
    commit(including)
    including.git("push", "-q", "origin", "main")
    return including.root / "k8s/web.yaml"


@pytest.mark.parametrize("change", ["changed", "added", "gone", "executable"])
def test_a_push_of_an_included_file_alone_stays_out(including: Repository, alice: Key, change: str) -> None:
    manifest = in_place(including, alice)
    if change == "changed":
        manifest.write_text("kind: CronJob\n")
    elif change == "added":
        manifest.with_name("job.yaml").write_text("kind: Job\n")
    elif change == "gone":
        manifest.with_name("other.yaml").write_text("kind: Other\n")
        manifest.unlink()
    else:
        manifest.chmod(0o755)
    commit(including)
    said = including.git("push", "origin", "main", code=1)

    assert f"runbooks/{text_of(including).name}: refused in prod: the included files are not those" in said


def test_a_push_of_other_files_comes_in(including: Repository, alice: Key) -> None:
    in_place(including, alice)
    (including.root / "notes.md").write_text("# notes\n")
    commit(including)
    including.git("push", "-q", "origin", "main")
