"""Which key signs: the one that somebody named, and no other."""

import subprocess
from pathlib import Path

import pytest

from runbook.approval.signing import SigningKey, find_key, fingerprint
from runbook.errors import (
    InputError,
    NotFoundError,
    SignerError,
    UsageError,
)
from runbook.workspace import Surroundings, Workspace, find
from tests.approval.keyring import copied, key_at, signed
from tests.keys import Key

# -- which key


def around(env: dict[str, str], cwd: Path) -> Surroundings:
    return Surroundings(
        cwd=cwd,
        env=env,
        machine_config=cwd / "none.toml",
        user_config=cwd / "none.toml",
        state_folder=cwd / "state",
        login="bob",
        host="here",
    )


def chosen(said: str | None, env: dict[str, str], cwd: Path) -> SigningKey:
    here = around(env, cwd)
    return find_key(said, _workspace(here), here)


def _workspace(here: Surroundings) -> Workspace:
    return find(here.cwd, here)


def git_config(cwd: Path, value: str) -> None:
    subprocess.run(["git", "init", "-q"], cwd=cwd, check=True)
    subprocess.run(["git", "config", "user.signingkey", value], cwd=cwd, check=True)


def test_the_key_that_was_said_wins_over_the_environment_and_git(
    alice: Key, bob: Key, carol: Key, env: dict[str, str], tmp_path: Path
) -> None:
    git_config(tmp_path, str(carol.public))
    with_variable = env | {"RUNBOOK_SIGNING_KEY": str(bob.path)}

    said = chosen(str(alice.path), with_variable, tmp_path)
    by_variable = chosen(None, with_variable, tmp_path)
    by_git = chosen(None, env, tmp_path)

    assert (said.path, said.origin) == (alice.path, "--key")
    assert (by_variable.path, by_variable.origin) == (bob.path, "RUNBOOK_SIGNING_KEY")
    assert (by_git.path, by_git.origin) == (carol.public, "git's user.signingkey")


@pytest.mark.parametrize("prefix", ["key::", ""])
def test_git_s_literal_key_is_understood(bob: Key, env: dict[str, str], tmp_path: Path, prefix: str) -> None:
    git_config(tmp_path, prefix + " ".join(bob.words))

    key = chosen(None, env, tmp_path)

    assert key.literal == " ".join(bob.words)
    assert fingerprint(key, env=env) == fingerprint(key_at(bob.path), env=env)


def test_a_relative_path_is_the_caller_s_and_a_tilde_the_environment_s(
    bob: Key, env: dict[str, str], tmp_path: Path
) -> None:
    copied(bob, tmp_path)
    copied(bob, Path(env["HOME"]))

    assert chosen("key", env, tmp_path).path == tmp_path / "key"
    assert chosen("~/key", env, tmp_path).path == Path(env["HOME"]) / "key"


def test_no_key_is_looked_for_where_nobody_said(bob: Key, env: dict[str, str], tmp_path: Path) -> None:
    usual = Path(env["HOME"]) / ".ssh"
    usual.mkdir()
    (usual / "id_ed25519").write_bytes(bob.path.read_bytes())

    with pytest.raises(UsageError) as caught:
        chosen(None, env, tmp_path)

    assert caught.value.message == "no key to sign with"
    assert caught.value.hint == "say --key FILE, set RUNBOOK_SIGNING_KEY, or set git's user.signingkey"


def test_a_key_that_is_not_there_is_said(env: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        chosen("~/.ssh/nope", env, tmp_path)

    assert (caught.value.message, caught.value.subject) == ("no such key file", "~/.ssh/nope")


def test_a_gpg_key_of_git_is_said(env: dict[str, str], tmp_path: Path) -> None:
    git_config(tmp_path, "0xDEADBEEFCAFE")

    with pytest.raises(InputError) as caught:
        chosen(None, env, tmp_path)

    assert (
        caught.value.message == "git's user.signingkey is '0xDEADBEEFCAFE', which is no file with an SSH key"
    )
    assert caught.value.hint == "say --key FILE; a GPG key cannot approve"


def test_programs_named_by_a_repository_are_never_run(bob: Key, env: dict[str, str], tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {ran}\n")
    evil.chmod(0o700)
    git_config(tmp_path, str(bob.path))
    for name in (
        "gpg.program",
        "gpg.ssh.program",
        "gpg.ssh.defaultKeyCommand",
        "core.fsmonitor",
        "core.pager",
    ):
        subprocess.run(["git", "config", name, str(evil)], cwd=tmp_path, check=True)
    subprocess.run(["git", "config", "gpg.format", "ssh"], cwd=tmp_path, check=True)

    signed(chosen(None, env, tmp_path), env)

    assert not ran.exists()


def test_a_literal_that_is_no_key_is_said(env: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no public key"):
        chosen("key::nonsense", env, tmp_path)
    with pytest.raises(SignerError, match="the key is not base64"):
        fingerprint(SigningKey(origin="x", literal="ssh-ed25519 nonsense!"), env=env)
