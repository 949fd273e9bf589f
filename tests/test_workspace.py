"""The workspace is found by its mark, and a lower level of settings can only tighten a higher one."""

from pathlib import Path

import pytest

from runbook.errors import ConfigError
from runbook.workspace import Surroundings, find, load


def around(tmp_path: Path, **env: str) -> Surroundings:
    return Surroundings(
        cwd=tmp_path,
        env=env,
        machine_config=tmp_path / "machine.toml",
        user_config=tmp_path / "user.toml",
        state_folder=tmp_path / "state",
        login="ann",
        host="box",
    )


def made(tmp_path: Path, text: str = "version = 1\n") -> Path:
    root = tmp_path / "ws"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "runbook.toml").write_text(text)
    return root


def test_the_nearest_folder_with_the_mark_is_the_workspace(tmp_path: Path) -> None:
    root = made(tmp_path)

    found = find(root / "deep" / "er", around(tmp_path))

    assert found.root == root
    assert not found.loose


def test_without_a_mark_the_folder_itself_is_a_loose_workspace(tmp_path: Path) -> None:
    found = find(tmp_path, around(tmp_path))

    assert found.root == tmp_path
    assert found.loose
    assert found.settings.default_environment == "scratch"


def test_an_unknown_key_is_refused_with_its_line_and_the_closest_known_one(tmp_path: Path) -> None:
    root = made(tmp_path, 'version = 1\nexecution = "x"\n')

    with pytest.raises(ConfigError) as caught:
        load(root, around(tmp_path))

    assert "unknown key 'execution'" in caught.value.message
    assert caught.value.line == 2
    assert caught.value.hint == "did you mean executions?"


@pytest.mark.parametrize("folder", ["/etc", "../elsewhere", ""])
def test_folders_must_lie_below_the_workspace(tmp_path: Path, folder: str) -> None:
    root = made(tmp_path, f'version = 1\nexecutions = "{folder}"\n')

    with pytest.raises(ConfigError, match="must be a folder below the workspace"):
        load(root, around(tmp_path))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('executions = ".git/hooks"', "'.git/hooks' must not lie in a hidden folder"),
        ('executions = ".runbook/withdrawn"', "'.runbook/withdrawn' must not lie in a hidden folder"),
        ('executions = "runbooks"', "runbooks ('runbooks') and executions ('runbooks') overlap"),
        (
            'runbooks = ["ops"]\nexecutions = "ops/done"',
            "runbooks ('ops') and executions ('ops/done') overlap",
        ),
        ('runbooks = ["executions/x"]', "runbooks ('executions/x') and executions ('executions') overlap"),
    ],
)
def test_evidence_has_a_folder_of_its_own(tmp_path: Path, lines: str, words: str) -> None:
    root = made(tmp_path, f"version = 1\n{lines}\n")

    with pytest.raises(ConfigError) as caught:
        load(root, around(tmp_path))

    assert caught.value.message == words


def test_the_workspace_file_cannot_say_what_a_run_may_touch(tmp_path: Path) -> None:
    root = made(tmp_path, 'version = 1\ntrust = "worktree"\n')

    with pytest.raises(ConfigError, match="unknown key 'trust'"):
        load(root, around(tmp_path))


def test_what_is_said_comes_from_where_it_is_said_also_where_it_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "user.toml").write_text('trust = "worktree"\n')
    root = made(tmp_path, 'version = 1\nrunbooks = ["runbooks"]\ndefault_environment = "scratch"\n')

    origins = load(root, around(tmp_path)).settings.origins

    assert {name: origins[name] for name in ("runbooks", "executions", "pairs", "default_environment")} == {
        "runbooks": "runbook.toml",
        "executions": "default",
        "pairs": "default",
        "default_environment": "runbook.toml",
    }
    assert origins["trust"] == str(tmp_path / "user.toml")


def test_a_person_may_narrow_what_the_machine_allows(tmp_path: Path) -> None:
    (tmp_path / "machine.toml").write_text('environments = ["prod", "staging"]\n')
    (tmp_path / "user.toml").write_text('environments = ["staging"]\n')

    settings = load(made(tmp_path), around(tmp_path)).settings

    assert settings.environments == ("staging",)
    assert settings.origins["environments"] == str(tmp_path / "user.toml")


@pytest.mark.parametrize(
    ("machine", "user"),
    [
        ('environments = ["prod"]', 'environments = ["prod", "scratch"]'),
        ("variables = []", 'variables = ["TOKEN"]'),
        ('trust = "dir:/etc/runbook"', 'trust = "worktree"'),
        ('interpreter = "/usr/bin/python3"', 'interpreter = "/tmp/python"'),
    ],
)
def test_a_person_cannot_loosen_what_the_machine_says(tmp_path: Path, machine: str, user: str) -> None:
    (tmp_path / "machine.toml").write_text(machine + "\n")
    (tmp_path / "user.toml").write_text(user + "\n")

    with pytest.raises(ConfigError, match="would loosen what the machine says"):
        load(made(tmp_path), around(tmp_path))


def test_the_signing_key_is_the_persons_own_to_choose(tmp_path: Path) -> None:
    (tmp_path / "machine.toml").write_text('signing_key = "/etc/key"\n')
    (tmp_path / "user.toml").write_text('signing_key = "~/.ssh/me"\n')
    root = made(tmp_path)

    assert load(root, around(tmp_path)).settings.signing_key == "~/.ssh/me"
    said = load(root, around(tmp_path, RUNBOOK_SIGNING_KEY="/run/key")).settings
    assert (said.signing_key, said.origins["signing_key"]) == ("/run/key", "RUNBOOK_SIGNING_KEY")
