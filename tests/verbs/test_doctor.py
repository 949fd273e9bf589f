"""`doctor`: one thing that is wrong hides no other, and each says what to do."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runbook.pairing.places import place
from runbook.store.store import open_store
from runbook.verbs.doctor import Check, examine
from runbook.workspace import Surroundings
from tests.keys import Key
from tests.verbs.desk import Desk, surroundings


def checks(around: Surroundings) -> dict[str, Check]:
    return {check.name: check for check in examine(around)}


def test_a_set_up_machine_is_well(desk: Desk) -> None:
    found = checks(desk.around)

    assert [check.name for check in found.values() if check.state == "wrong"] == []
    assert found["trust"].words == "worktree (UNPINNED): 2 rules, 2 people"
    assert sys.executable in found["kernel"].words


def test_it_leaves_nothing_behind(desk: Desk) -> None:
    before = sorted(desk.root.rglob("*"))
    examine(desk.around)

    assert sorted(desk.root.rglob("*")) == before


def test_a_folder_without_anything_is_no_fault(tmp_path: Path, home: Path) -> None:
    found = checks(surroundings(tmp_path, home, dict(os.environ)))

    assert found["workspace"].state == "missing"
    assert found["workspace"].next == "`runbook init` makes one"
    assert found["git"].next == "`git init`"
    assert "trust" not in found


def test_missing_programs_are_named_with_what_to_install(desk: Desk) -> None:
    found = checks(desk.with_env(PATH="/nowhere"))

    assert found["ssh-keygen"].state == "wrong"
    assert found["ssh-keygen"].next == "install OpenSSH's client (Debian: openssh-client)"
    assert (found["git"].state, found["git"].next) == ("missing", "install git")
    assert found["kernel"].state == "well"


@pytest.mark.parametrize(
    ("interpreter", "words"),
    [
        ("/nowhere/python", "/nowhere/python is not installed"),
        ("/bin/false", "/bin/false (`interpreter` in"),
        ("/bin/true", "has no ipykernel, or is no Python"),
    ],
)
def test_an_interpreter_that_cannot_run_steps_is_named_with_its_setting(
    desk: Desk, interpreter: str, words: str
) -> None:
    desk.around.user_config.parent.mkdir(parents=True)
    desk.around.user_config.write_text(f'interpreter = "{interpreter}"\n')

    kernel = checks(desk.around)["kernel"]

    assert kernel.state == "wrong"
    assert words in kernel.words
    assert str(desk.around.user_config) in kernel.words
    assert kernel.next


def test_settings_that_cannot_be_read_hide_nothing_else(desk: Desk) -> None:
    desk.around.user_config.parent.mkdir(parents=True)
    desk.around.user_config.write_text("nonsense = 3\n")

    found = checks(desk.around)

    assert found["settings"].state == "wrong"
    assert "unknown key 'nonsense'; nothing runs here until that is mended" in found["settings"].words
    assert found["ssh-keygen"].state == "well"


def test_trust_files_that_cannot_be_read_are_wrong(desk: Desk) -> None:
    (desk.root / ".runbook/policy.toml").write_text("version = 9\n")

    assert checks(desk.around)["trust"].state == "wrong"


def test_a_workspace_in_which_nobody_can_approve_says_how(desk: Desk) -> None:
    (desk.root / ".runbook/allowed_signers").write_text("")

    trust = checks(desk.around)["trust"]

    assert trust.words.endswith("nobody can approve")
    assert trust.next == "`runbook init --principal NAME --key FILE.pub` enrols somebody"


def test_executions_that_cannot_be_written_are_wrong(desk: Desk) -> None:
    for path in (desk.root / "executions").iterdir():
        path.unlink()
    (desk.root / "executions").rmdir()
    (desk.root / "executions").write_text("a file stands where the folder must be\n")

    found = checks(desk.around)["executions"]

    assert found.state == "wrong"


def test_the_key_to_sign_with_is_named(desk: Desk, alice: Key) -> None:
    found = checks(desk.with_env(RUNBOOK_SIGNING_KEY=str(alice.path)))["signing key"]

    assert found.words == f"{alice.path} (`review` signs with it)"


def test_a_git_that_takes_folders_of_a_change_for_a_repository_is_wrong(desk: Desk, tmp_path: Path) -> None:
    old = tmp_path / "bin/git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.37.9\n")
    old.chmod(0o755)

    found = checks(desk.with_env(PATH=f"{old.parent}:{os.environ['PATH']}"))["git"]

    assert found.state == "wrong"
    assert found.words.startswith("git version 2.37.9: a change could bring a folder")
    assert found.next.startswith("install git 2.38 or newer")


def test_damaged_versions_are_named(desk: Desk) -> None:
    found = place(desk.root, env=desk.around.env)
    store = open_store(found.store)
    kept = store.put(b"one")
    store.record("runbooks/x.py", [(kept, 3, "text saved")], now=datetime(2026, 11, 21, tzinfo=UTC))
    assert checks(desk.around)["versions"].words == "1 of 1 names, all whole"

    digits = kept.removeprefix("sha256:")
    path = found.store / f"objects/{digits[:2]}/{digits}"
    path.chmod(0o644)
    path.write_bytes(b"two")
    (found.store / "format").write_bytes(b"")
    wrong = [(each.state, each.words) for each in examine(desk.around) if each.name == "versions"]

    assert [state for state, _ in wrong] == ["missing", "wrong", "wrong"]
    assert "format.damaged-1" in wrong[0][1]
    assert wrong[1][1] == f"objects/{digits[:2]}/{digits}: these bytes are not what was put"
    assert wrong[2][1].startswith("runbooks/x.py@1: its bytes")
