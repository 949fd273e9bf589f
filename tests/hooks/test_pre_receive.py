"""The server's hook: real pushes to a real bare repository."""

from pathlib import Path

import pytest

from tests.hooks.repository import Repository
from tests.keys import Key
from tests.program import made_workspace, program

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pushed(repo: Repository, tmp_path: Path, alice: Key) -> Repository:
    """A workspace whose first, unapproved state is on the server's main; the server then has the hook."""
    root = made_workspace(tmp_path / "ws", alice)
    made = Repository(root)
    repo.call("git", "init", "-q", "--bare", str(tmp_path / "server.git"))
    made.git("init", "-q")
    made.git("add", ".")
    made.git("commit", "-qm", "one")
    made.git("remote", "add", "origin", str(tmp_path / "server.git"))
    made.git("push", "-q", "origin", "main")
    hook = tmp_path / "server.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes((ROOT / "hooks/pre-receive").read_bytes())
    hook.chmod(0o755)
    return made


def text_of(repo: Repository) -> Path:
    (found,) = (repo.root / "runbooks").glob("*.py")
    return found


def change(repo: Repository, more: str = '\n# %% More name="more"\nprint("more")\n') -> None:
    text = text_of(repo)
    text.write_text(text.read_text() + more)


def sign(repo: Repository, key: Key) -> None:
    name = text_of(repo).stem
    digest = program(repo.root, "show", name, "--json").json["text"]
    said = program(repo.root, "review", name, "--env", "prod", "--key", str(key.path), "--text", digest)
    assert said.code == 0, said.err


def test_an_unapproved_change_stays_out_of_a_protected_branch(pushed: Repository) -> None:
    change(pushed)
    pushed.git("commit", "-qam", "two")
    said = pushed.git("push", "origin", "main", code=1)

    assert f"runbooks/{text_of(pushed).name}: refused in prod: " in said
    assert "pre-receive hook declined" in said
    pushed.git("push", "-q", "origin", "main:draft")


def test_an_approved_change_comes_in(pushed: Repository, alice: Key) -> None:
    change(pushed)
    sign(pushed, alice)
    pushed.git("commit", "-qam", "two")
    pushed.git("push", "-q", "origin", "main")


def test_a_stale_approval_does_not_let_a_change_in(pushed: Repository, alice: Key) -> None:
    change(pushed)
    sign(pushed, alice)
    change(pushed, "\n# %%\nprint('after the review')\n")
    pushed.git("commit", "-qam", "two")

    assert "refused in prod: " in pushed.git("push", "origin", "main", code=1)


def test_a_push_cannot_bring_the_policy_that_lets_it_in(pushed: Repository) -> None:
    policy = pushed.root / ".runbook/policy.toml"
    policy.write_text(policy.read_text().replace("approvals = 1", "approvals = 0"))
    change(pushed)
    pushed.git("commit", "-qam", "two")

    assert "refused in prod: " in pushed.git("push", "origin", "main", code=1)


def test_a_push_cannot_bring_the_signer_who_approves_it(pushed: Repository, bob: Key) -> None:
    program(pushed.root, "init", ".", "--principal", bob.principal, "--key", str(bob.public), "--yes")
    change(pushed)
    sign(pushed, bob)
    pushed.git("add", ".")
    pushed.git("commit", "-qm", "two")

    assert "refused in prod: " in pushed.git("push", "origin", "main", code=1)


def test_a_link_in_place_of_a_runbook_stays_out(pushed: Repository) -> None:
    (pushed.root / "runbooks/link.py").symlink_to(text_of(pushed).name)
    pushed.git("add", ".")
    pushed.git("commit", "-qm", "two")

    assert "runbooks/link.py: is a link or a submodule" in pushed.git("push", "origin", "main", code=1)


def test_other_files_and_deletions_are_none_of_its_business(pushed: Repository) -> None:
    (pushed.root / "notes.py").write_text("exit()\n")
    text_of(pushed).unlink()
    pushed.git("add", ".")
    pushed.git("commit", "-qm", "two")
    pushed.git("push", "-q", "origin", "main")


def test_the_protected_branches_can_be_named(pushed: Repository) -> None:
    server = pushed.root.parent / "server.git"
    pushed.git("push", "-q", "origin", "main:stable")
    pushed.call("git", "config", "--add", "runbook.protect", "stable", folder=server)
    change(pushed)
    pushed.git("commit", "-qam", "two")

    assert "refused in prod: " in pushed.git("push", "origin", "main:stable", code=1)
    pushed.git("push", "-q", "origin", "main")


def test_a_push_cannot_move_the_folders_away_from_the_judge(pushed: Repository) -> None:
    toml = pushed.root / "runbook.toml"
    toml.write_text(toml.read_text().replace('runbooks = ["runbooks"]', 'runbooks = ["elsewhere"]'))
    (pushed.root / "elsewhere").mkdir()
    (pushed.root / "elsewhere/new.py").write_bytes(text_of(pushed).read_bytes())
    change(pushed)
    pushed.git("add", ".")
    pushed.git("commit", "-qm", "two")
    said = pushed.git("push", "origin", "main", code=1)

    assert "elsewhere/new.py: refused in prod: " in said
    assert f"runbooks/{text_of(pushed).name}: refused in prod: " in said


def test_a_push_cannot_take_away_what_says_that_there_are_runbooks(pushed: Repository) -> None:
    (pushed.root / "runbook.toml").unlink()
    pushed.git("commit", "-qam", "two")

    assert "runbook.toml: would be gone" in pushed.git("push", "origin", "main", code=1)


def test_replaced_objects_do_not_stand_for_what_is_pushed(pushed: Repository, alice: Key) -> None:
    """git itself would show the server the approved text under the name of the other."""
    change(pushed)
    sign(pushed, alice)
    approved = pushed.git("hash-object", "-w", f"runbooks/{text_of(pushed).name}").strip()
    change(pushed, "\n# %%\nprint('after the review')\n")
    pushed.git("commit", "-qam", "two")
    evil = pushed.git("rev-parse", f"HEAD:runbooks/{text_of(pushed).name}").strip()
    pushed.git("replace", evil, approved)
    pushed.git("push", "-q", "origin", f"refs/replace/{evil}")

    assert "refused in prod: " in pushed.git("push", "origin", "main", code=1)


def below(repo: Repository, folder: str, tmp_path: Path, key: Key) -> Path:
    """A second workspace in a folder of the repository, on the server's main already."""
    hook = tmp_path / "server.git/hooks/pre-receive"
    waiting = hook.rename(hook.with_name("waiting"))
    made = made_workspace(repo.root / folder, key)
    repo.git("add", ".")
    repo.git("commit", "-qm", "a second workspace")
    repo.git("push", "-q", "origin", "main")
    waiting.rename(hook)
    return made


def test_a_workspace_in_a_folder_is_judged_by_its_own_policy(
    pushed: Repository, tmp_path: Path, alice: Key, bob: Key
) -> None:
    inner = Repository(below(pushed, "teams/db", tmp_path, bob))
    change(inner)
    pushed.git("commit", "-qam", "two")
    said = pushed.git("push", "origin", "main", code=1)
    assert f"teams/db/runbooks/{text_of(inner).name}: refused in prod: " in said

    sign(inner, bob)
    pushed.git("commit", "-qam", "three")
    pushed.git("push", "-q", "origin", "main")

    change(pushed)
    change(inner, "\n# %%\nprint('after the review')\n")
    pushed.git("commit", "-qam", "four")
    said = pushed.git("push", "origin", "main", code=1)
    assert f" teams/db/runbooks/{text_of(inner).name}: refused in prod: " in f" {said}".replace("\n", " ")
    assert said.count("refused in prod: ") == 2, said
    sign(pushed, alice)
    sign(inner, bob)
    pushed.git("commit", "-qam", "five")
    pushed.git("push", "-q", "origin", "main")


def test_files_that_a_runbook_in_a_folder_brings_along_are_found_there(
    pushed: Repository, tmp_path: Path, bob: Key
) -> None:
    inner = Repository(below(pushed, "teams/db", tmp_path, bob))
    (inner.root / "lib").mkdir()
    (inner.root / "lib/tool.py").write_text("x = 1\n")
    text = text_of(inner)
    text.write_text(
        text.read_text().replace("# runbook:\n", "# runbook:\n#   includes:\n#     paths: [lib/tool.py]\n", 1)
    )
    said = program(inner.root, "fmt", "--includes", text.name)
    assert said.code == 0, said.err
    sign(inner, bob)
    pushed.git("add", ".")
    pushed.git("commit", "-qm", "two")
    pushed.git("push", "-q", "origin", "main")


def test_the_end_of_a_workspace_in_a_folder_is_refused(pushed: Repository, tmp_path: Path, bob: Key) -> None:
    inner = below(pushed, "teams/db", tmp_path, bob)
    (inner / "runbook.toml").unlink()
    pushed.git("commit", "-qam", "two")

    assert "teams/db/runbook.toml: would be gone" in pushed.git("push", "origin", "main", code=1)


def test_a_push_cannot_bring_a_workspace_that_takes_runbooks_over(pushed: Repository, bob: Key) -> None:
    made_workspace(pushed.root / "runbooks/mine", bob)
    pushed.git("add", ".")
    pushed.git("commit", "-qm", "two")
    said = pushed.git("push", "origin", "main", code=1)

    assert "runbooks/mine/runbook.toml: would take runbooks out of the hands of the workspace ." in said


def test_a_workspace_beside_the_runbooks_may_come(pushed: Repository, bob: Key) -> None:
    made_workspace(pushed.root / "teams/db", bob)
    pushed.git("add", ".")
    pushed.git("commit", "-qm", "two")
    pushed.git("push", "-q", "origin", "main")


def test_runbooks_beside_the_settings_are_judged_too(pushed: Repository) -> None:
    """`runbooks = ["."]`: every text below the workspace."""
    toml = pushed.root / "runbook.toml"
    toml.write_text(toml.read_text().replace('runbooks = ["runbooks"]', 'runbooks = ["."]'))
    (pushed.root / "new.py").write_bytes(text_of(pushed).read_bytes())
    pushed.git("add", ".")
    pushed.git("commit", "-qm", "two")

    assert "new.py: refused in prod: " in pushed.git("push", "origin", "main", code=1)
