"""Where the trust files come from: the working tree, a git ref, a folder; read whole or refused by name."""

import os
import subprocess
from pathlib import Path

import pytest

from runbook.approval import trust
from runbook.approval.trusted import assemble
from runbook.errors import TrustError
from runbook.workspace import Surroundings, Workspace, find
from tests.approval.made import KEYS, POLICY, WORKSPACE, signer_lines, trust_files

ENV = {"PATH": os.environ["PATH"]}


def workspace(root: Path, *, trust: str = "worktree") -> Workspace:
    """A workspace whose machine chose this place for its trust."""
    (root / "runbook.toml").write_text("version = 1\n")
    config = root.parent / "machine.toml"
    config.write_text(f'trust = "{trust}"\n')
    around = Surroundings(
        cwd=root,
        env={},
        machine_config=config,
        user_config=root.parent / "none.toml",
        state_folder=root.parent / "state",
        login="bob",
        host="here",
    )
    return find(root, around)


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    write(folder / ".runbook", trust_files())
    return folder


def git(root: Path, *words: str) -> str:
    env = os.environ | {
        "GIT_AUTHOR_DATE": "2026-11-21T00:00:00Z",
        "GIT_COMMITTER_DATE": "2026-11-21T00:00:00Z",
    }
    done = subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True, env=env)
    return done.stdout.strip()


def commit(root: Path, branch: str = "main") -> str:
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", branch)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "trust")
    return git(root, "rev-parse", "HEAD")


def load(space: Workspace) -> trust.Trust:
    return trust.load(space, env=os.environ)


def refusal(space: Workspace) -> TrustError:
    with pytest.raises(TrustError) as caught:
        load(space)
    return caught.value


# -- the working tree


def test_the_working_tree_is_read_and_says_that_it_is_unpinned(root: Path) -> None:
    found = load(workspace(root))

    assert (found.described, found.pinned) == ("worktree (UNPINNED)", False)
    assert found.workspace == WORKSPACE
    assert {signer.principal for signer in found.signers} == set(KEYS)
    assert dict(found.files) == trust_files()


def test_a_folder_without_trust_files_trusts_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()

    found = load(workspace(folder))

    assert found == trust.Trust.none()
    assert (found.policy, found.signers, found.described) == (None, (), "none")


@pytest.mark.parametrize("name", ["policy.toml", "allowed_signers", "revoked"])
def test_a_missing_file_refuses(root: Path, name: str) -> None:
    (root / ".runbook" / name).unlink()

    error = refusal(workspace(root))

    assert error.message == "cannot read the trust files from worktree (UNPINNED): no such file or folder"
    assert error.subject == f".runbook/{name}"
    assert error.hint == "policy.toml, allowed_signers and revoked must be there and readable"


def test_an_empty_trust_folder_is_not_the_same_as_none(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    (folder / ".runbook").mkdir(parents=True)

    assert "no such file or folder" in refusal(workspace(folder)).message


def test_a_link_instead_of_a_file_refuses(root: Path) -> None:
    outside = root.parent / "outside"
    (root / ".runbook/allowed_signers").rename(outside)
    (root / ".runbook/allowed_signers").symlink_to(outside)

    assert "'allowed_signers' is a link" in refusal(workspace(root)).message


def test_a_linked_trust_folder_refuses(root: Path) -> None:
    (root / ".runbook").rename(root.parent / "elsewhere")
    (root / ".runbook").symlink_to(root.parent / "elsewhere")

    assert "'.runbook' is a link" in refusal(workspace(root)).message


def test_a_dangling_trust_folder_is_not_taken_for_none(root: Path) -> None:
    (root / ".runbook").rename(root.parent / "elsewhere")
    (root / ".runbook").symlink_to(root.parent / "gone")

    refusal(workspace(root))


def test_a_linked_folder_of_withdrawals_refuses(root: Path) -> None:
    (root.parent / "empty").mkdir()
    (root / ".runbook/withdrawn").symlink_to(root.parent / "empty")

    error = refusal(workspace(root))

    assert "is a link" in error.message
    assert error.subject == "withdrawn"


def test_a_folder_in_place_of_a_file_refuses(root: Path) -> None:
    (root / ".runbook/policy.toml").unlink()
    (root / ".runbook/policy.toml").mkdir()

    assert "Is a directory" in refusal(workspace(root)).message


def test_a_pipe_in_place_of_a_file_neither_waits_nor_passes(root: Path) -> None:
    (root / ".runbook/revoked").unlink()
    os.mkfifo(root / ".runbook/revoked")

    assert "not a regular file" in refusal(workspace(root)).message


def test_a_file_above_the_limit_refuses(root: Path) -> None:
    (root / ".runbook/revoked").write_bytes(b"#" * (trust.LIMIT_BYTES + 1))

    assert "larger than" in refusal(workspace(root)).message


def test_strange_files_among_the_withdrawals_refuse_but_for_hidden_ones(root: Path) -> None:
    folder = root / ".runbook/withdrawn"
    folder.mkdir()
    (folder / ".DS_Store").write_bytes(b"\0")
    assert load(workspace(root)).withdrawn == ()

    (folder / "notes.md").write_text("hello")

    assert refusal(workspace(root)).subject == "withdrawn/notes.md"


def test_a_broken_file_is_named_with_its_line(root: Path) -> None:
    (root / ".runbook/policy.toml").write_text(POLICY.replace("approvals = 1", "aprovals = 1"))

    error = refusal(workspace(root))

    assert str(error) == "policy.toml:14: unknown key 'aprovals' in rules[1]"
    assert error.hint == "did you mean approvals?"


def test_the_refusal_can_be_had_as_a_value(root: Path) -> None:
    (root / ".runbook/revoked").unlink()

    assert isinstance(trust.load_or_refusal(workspace(root), env=ENV), TrustError)
    assert assemble(trust_files(), described="x", pinned=True).policy is not None


# -- a folder of the machine


def test_a_folder_of_the_machine_wins_over_the_working_tree(root: Path, tmp_path: Path) -> None:
    machine = tmp_path / "etc"
    write(machine, trust_files(policy=POLICY.replace("approvals = 1", "approvals = 2").encode()))

    found = load(workspace(root, trust=f"dir:{machine}"))

    assert (found.described, found.pinned) == (f"dir:{machine}", True)
    assert found.policy is not None
    assert found.policy.rules[1].approvals == 2


def test_a_machine_s_trust_holds_in_a_folder_that_has_none_of_its_own(tmp_path: Path) -> None:
    """Else deleting `.runbook/` would lead out of the machine's policy."""
    bare = tmp_path / "bare"
    bare.mkdir()
    machine = tmp_path / "etc"
    write(machine, trust_files())

    assert load(workspace(bare, trust=f"dir:{machine}")).workspace == WORKSPACE


def test_a_missing_folder_of_the_machine_refuses_although_the_working_tree_has_one(
    root: Path, tmp_path: Path
) -> None:
    error = refusal(workspace(root, trust=f"dir:{tmp_path / 'nowhere'}"))

    assert f"cannot read the trust files from dir:{tmp_path / 'nowhere'}" in error.message


# -- a git ref


def test_a_ref_is_read_at_its_commit_whatever_the_working_tree_says(root: Path) -> None:
    number = commit(root)
    (root / ".runbook/policy.toml").write_text("version = 1\n")
    (root / ".runbook/withdrawn").mkdir()
    (root / ".runbook/withdrawn/junk").write_text("junk")

    found = load(workspace(root, trust="ref:main"))

    assert (found.described, found.pinned) == (f"ref:main at {number}", True)
    assert dict(found.files) == trust_files()


def test_a_workspace_below_the_repository_s_top_is_found_in_the_commit(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top / "ops" / ".runbook", trust_files())
    write(top / ".runbook", trust_files(revoked=b"broken"))
    commit(top)

    assert load(workspace(top / "ops", trust="ref:main")).workspace == WORKSPACE


def test_a_tag_that_a_fetch_brought_along_does_not_win_over_the_branch(root: Path) -> None:
    good = commit(root)
    git(root, "update-ref", "refs/remotes/origin/main", good)
    (root / ".runbook/allowed_signers").write_text("# nobody\n")
    git(root, "commit", "-q", "-a", "-m", "evil")
    git(root, "tag", "origin/main")
    assert git(root, "rev-parse", "origin/main") != good  # git's own short name picks the tag

    found = load(workspace(root, trust="ref:origin/main"))

    assert found.described == f"ref:origin/main at {good}"


def test_a_local_branch_that_looks_like_the_remote_one_is_refused(root: Path) -> None:
    good = commit(root)
    git(root, "update-ref", "refs/remotes/origin/main", good)
    git(root, "branch", "origin/main")

    error = refusal(workspace(root, trust="ref:origin/main"))

    assert "names two branches here" in error.message
    assert error.hint == "fetch it, or write it in full: ref:refs/remotes/origin/main"
    found = load(workspace(root, trust="ref:refs/remotes/origin/main"))
    assert found.described == f"ref:refs/remotes/origin/main at {good}"


def test_a_replaced_object_is_not_believed(root: Path) -> None:
    commit(root)
    blob = git(root, "rev-parse", "HEAD:.runbook/policy.toml")
    (root / "other").write_text("version = 1\n")
    other = git(root, "hash-object", "-w", "other")
    git(root, "replace", blob, other)
    assert git(root, "cat-file", "blob", blob) == "version = 1"

    assert load(workspace(root, trust="ref:main")).workspace == WORKSPACE


def test_a_link_in_the_commit_refuses(root: Path) -> None:
    (root / ".runbook/revoked").unlink()
    (root / ".runbook/revoked").symlink_to("/dev/null")
    commit(root)

    assert "is a link or a submodule" in refusal(workspace(root, trust="ref:main")).message


def test_a_file_above_the_limit_in_the_commit_refuses(root: Path) -> None:
    (root / ".runbook/revoked").write_bytes(b"#" * (trust.LIMIT_BYTES + 1))
    commit(root)

    assert "larger than" in refusal(workspace(root, trust="ref:main")).message


def test_more_withdrawals_than_anybody_makes_refuse(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_MOST_WITHDRAWALS", 1)
    write(root / ".runbook", {"withdrawn/a": b"", "withdrawn/b": b""})

    assert refusal(workspace(root)).message == "more than 1 files"


def test_stored_trust_files_are_missed_by_name(root: Path) -> None:
    files = trust_files()
    del files["revoked"]
    with pytest.raises(TrustError) as caught:
        assemble(files, described="stored", pinned=True)

    assert (caught.value.message, caught.value.subject) == ("this trust file is missing", "revoked")


def test_a_commit_without_trust_files_refuses(root: Path) -> None:
    write(root, {"README.md": b"x"})
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "README.md")
    git(root, "commit", "-q", "-m", "x")

    assert "no such file in commit" in refusal(workspace(root, trust="ref:main")).message


@pytest.mark.parametrize("ref", ["nowhere", "origin/main", "--all", "HEAD~0", "main:.runbook"])
def test_a_ref_that_names_no_branch_refuses(root: Path, ref: str) -> None:
    commit(root)

    assert f"trust = 'ref:{ref}' names no branch here" in refusal(workspace(root, trust=f"ref:{ref}")).message


def test_a_ref_outside_a_repository_refuses(root: Path) -> None:
    error = refusal(workspace(root, trust="ref:main"))

    assert error.message == "trust = 'ref:main' needs a git repository around the workspace"


@pytest.mark.parametrize("words", ["dir:relative/folder", "ref:", "http://example.com", "", "worktree:x"])
def test_words_that_name_no_place_refuse(root: Path, words: str) -> None:
    space = workspace(root)
    settings = type(space.settings)(
        **{name: getattr(space.settings, name) for name in space.settings.__struct_fields__}
        | {"trust": words}
    )
    with pytest.raises(TrustError) as caught:
        trust.load(Workspace(root=root, loose=False, settings=settings), env=ENV)

    assert caught.value.message == f"trust = {words!r} names no place"
    assert caught.value.hint == 'it is "worktree", "ref:origin/main" or "dir:/etc/runbook"'


def test_signer_lines_written_to_disk_are_the_ones_read(root: Path) -> None:
    (root / ".runbook/allowed_signers").write_text("# the team\n" + signer_lines())

    assert [signer.line for signer in load(workspace(root)).signers] == [2, 3, 4, 5]
