"""`init`: what it would do is said first, nothing is overwritten, and a second time nothing is left to do."""

import subprocess
from pathlib import Path

import pytest

from runbook.approval import trust
from runbook.errors import ConfigError, ExistsError, FormatError, InputError, NotFoundError
from runbook.verbs import init
from runbook.verbs.listing import listing
from runbook.workspace import Surroundings, find
from tests.keys import Key
from tests.verbs.desk import NOW, Desk


def person(key: Key) -> init.Person:
    return init.Person(principal=key.principal, public_key=key.public.read_bytes())


def test_the_example_of_a_new_workspace_may_run_in_scratch_and_not_in_prod(
    tmp_path: Path, around: Surroundings, alice: Key
) -> None:
    root = tmp_path / "ws"
    init.carry_out(root, init.plan(root, profile="solo", people=(person(alice),)))

    (row,) = listing(find(root, around), around=around, now=NOW)
    assert (row.path, row.owner) == ("runbooks/look_at_this_machine.py", alice.principal)
    assert [(each.environment, each.permitted) for each in row.verdicts] == [
        ("scratch", True),
        ("prod", False),
    ]


def test_a_second_time_nothing_is_left_to_do(tmp_path: Path, alice: Key) -> None:
    root = tmp_path / "ws"
    init.carry_out(root, init.plan(root, profile="solo", people=(person(alice),)))

    assert init.plan(root, profile="team", people=(person(alice),)) == ()


def test_planning_writes_nothing(tmp_path: Path) -> None:
    init.plan(tmp_path, profile="solo", people=())

    assert list(tmp_path.iterdir()) == []


def test_the_team_profile_needs_two_people_in_prod(team: Desk) -> None:
    loaded = trust.load(team.workspace, env=team.around.env)

    assert loaded.policy is not None
    needed = {rule.environments[0]: rule.approvals for rule in loaded.policy.rules}
    assert needed == {"scratch": 0, "staging": 1, "prod": 2}
    assert {key.principal for key in loaded.signers} == {"alice@example.com", "bob@example.com"}


def test_a_third_person_is_added_to_those_who_are_there(desk: Desk, carol: Key) -> None:
    (action,) = init.plan(desk.root, profile="solo", people=(person(carol),))
    before = (desk.root / ".runbook/allowed_signers").read_text()
    init.carry_out(desk.root, (action,))

    assert action.append
    assert action.what == "enrol carol@example.com"
    after = (desk.root / ".runbook/allowed_signers").read_text()
    assert after.startswith(before)
    assert "carol@example.com" in after


def test_a_public_key_that_is_not_there_says_how_to_make_one(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="no such file") as nobody:
        init.people(("you@example.com",), ("none.pub",), root=desk.root, around=desk.around)

    assert nobody.value.hint == "name the public half of a key of yours; `ssh-keygen -t ed25519` makes one"


def test_settings_of_pre_commit_are_written_only_where_it_looks_for_them(desk: Desk) -> None:
    subprocess.run(("git", "init", "-q", str(desk.root)), check=True)
    inner = desk.root / "ops"

    assert not init.is_inner(desk.root, around=desk.around)
    assert init.is_inner(inner, around=desk.around)  # not there yet
    planned = {
        each: {a.path for a in init.plan(inner, profile="solo", people=(), inner=each)}
        for each in (True, False)
    }
    assert planned[False] - planned[True] == {".pre-commit-config.yaml"}


def test_files_that_are_there_keep_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log")
    (tmp_path / ".pre-commit-config.yaml").write_text("repos: []\n")
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "mine.py").write_text("# %%\nprint(1)\n")

    init.carry_out(tmp_path, init.plan(tmp_path, profile="solo", people=()))

    assert (tmp_path / ".gitignore").read_text().startswith("*.log\nexecutions/*\n")
    assert (tmp_path / ".pre-commit-config.yaml").read_text() == "repos: []\n"
    assert [path.name for path in (tmp_path / "runbooks").iterdir()] == ["mine.py"]


def test_the_folders_of_the_settings_that_are_there_are_used(tmp_path: Path) -> None:
    (tmp_path / "runbook.toml").write_text('version = 1\nrunbooks = ["ops"]\nexecutions = "runs"\n')

    init.carry_out(tmp_path, init.plan(tmp_path, profile="solo", people=()))

    assert (tmp_path / "ops/look_at_this_machine.py").is_file()
    assert (tmp_path / "runs/README.md").is_file()
    assert not (tmp_path / "runbooks").exists()
    assert "runs/*" in (tmp_path / ".gitignore").read_text()
    assert "ops/**/*.py text eol=lf" in (tmp_path / ".gitattributes").read_text()


def test_settings_that_cannot_be_understood_stop_it(tmp_path: Path) -> None:
    (tmp_path / "runbook.toml").write_text("version = 1\nrunbok = 3\n")

    with pytest.raises(ConfigError, match=r"runbook\.toml:2"):
        init.plan(tmp_path, profile="solo", people=())
    assert [path.name for path in tmp_path.iterdir()] == ["runbook.toml"]


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    actions = init.plan(tmp_path, profile="solo", people=())
    (tmp_path / "runbook.toml").write_text("version = 1 # mine\n")

    with pytest.raises(ExistsError, match="never overwritten"):
        init.carry_out(tmp_path, actions)
    assert (tmp_path / "runbook.toml").read_text() == "version = 1 # mine\n"


def test_a_file_that_is_no_text_is_not_added_to(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"\xff\xfe*.log\n")

    with pytest.raises(FormatError, match="not UTF-8, so nothing is added to it"):
        init.plan(tmp_path, profile="solo", people=())


def test_an_unknown_profile_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such profile: 'big'") as caught:
        init.plan(tmp_path, profile="big", people=())
    assert caught.value.hint == "there are: solo, team"


def test_a_private_key_is_refused_and_its_public_half_named(around: Surroundings, alice: Key) -> None:
    with pytest.raises(InputError, match="a private key is never enrolled") as caught:
        init.people((alice.principal,), (str(alice.path),), root=around.cwd.parent, around=around)
    assert caught.value.hint == f"give its public half: {alice.path}.pub"


def test_a_name_alone_takes_the_key_that_git_signs_with(
    tmp_path: Path, home: Path, around: Surroundings, alice: Key
) -> None:
    (home / ".gitconfig").write_text(f"[user]\n\tsigningkey = {alice.public}\n")

    (found,) = init.people((alice.principal,), (), root=tmp_path, around=around)

    assert found == person(alice)


def test_a_key_alone_takes_git_s_address(tmp_path: Path, around: Surroundings, alice: Key) -> None:
    (found,) = init.people((), (str(alice.public),), root=tmp_path, around=around)

    assert found.principal == "test@example.com"


def test_a_name_without_any_key_says_what_to_give(tmp_path: Path, around: Surroundings) -> None:
    with pytest.raises(InputError, match=r"--key FILE\.pub is missing, and git's user.signingkey is not set"):
        init.people(("alice@example.com",), (), root=tmp_path, around=around)


def test_names_and_keys_must_pair_up(tmp_path: Path, around: Surroundings, alice: Key) -> None:
    with pytest.raises(InputError, match="2 --principal and 1 --key do not pair up"):
        init.people(("a@example.com", "b@example.com"), (str(alice.public),), root=tmp_path, around=around)


def test_nobody_is_a_fine_answer(tmp_path: Path, around: Surroundings) -> None:
    assert init.people((), (), root=tmp_path, around=around) == ()
