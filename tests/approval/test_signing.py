"""Signing through the real ssh-keygen: key files, agents, and every way in which it cannot work."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.approval import signing, sshsig
from runbook.approval.signing import SigningKey, fingerprint, sign
from runbook.approval.statement import NAMESPACE
from runbook.approval.withdrawal import WITHDRAWAL_NAMESPACE
from runbook.errors import (
    InputError,
    RunbookError,
    SignatureRefused,
    SignerError,
    ToolMissing,
    UnavailableError,
)
from tests.approval.keyring import STATEMENT, copied, key_at, signed
from tests.keys import Key, KeyKind, make_key


@pytest.fixture
def agent(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A real ssh-agent on a socket of the test's own; ended by its process id."""
    socket = tmp_path_factory.mktemp("a") / "s"
    done = subprocess.run(
        ["ssh-agent", "-a", str(socket)], env=env, capture_output=True, text=True, check=True
    )
    found = re.search(r"SSH_AGENT_PID=(\d+)", done.stdout)
    assert found
    try:
        yield env | {"SSH_AUTH_SOCK": str(socket)}
    finally:
        os.kill(int(found[1]), signal.SIGTERM)


def failure(key: SigningKey, env: dict[str, str]) -> RunbookError:
    with pytest.raises(RunbookError) as caught:
        signed(key, env)
    return caught.value


def test_a_key_file_signs_and_the_signature_is_the_key_s(bob: Key, env: dict[str, str]) -> None:
    text = signed(key_at(bob.path), env)

    evidence = sshsig.verify(text, STATEMENT, namespace=NAMESPACE)
    assert evidence.key.words == " ".join(bob.words)
    assert evidence.fingerprint == fingerprint(key_at(bob.path), env=env)


def test_a_private_file_alone_is_enough(bob: Key, env: dict[str, str], tmp_path: Path) -> None:
    path = copied(bob, tmp_path)

    assert signed(key_at(path), env)
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_another_purpose_is_another_namespace(bob: Key, env: dict[str, str]) -> None:
    text = sign(STATEMENT, key_at(bob.path), env=env, terminal=False, namespace=WITHDRAWAL_NAMESPACE)

    assert sshsig.verify(text, STATEMENT, namespace=WITHDRAWAL_NAMESPACE).namespace == WITHDRAWAL_NAMESPACE


def test_nothing_is_left_behind(
    bob: Key, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    signed(key_at(bob.path), env)
    failure(key_at(bob.path.with_name("gone.pub")), env)

    assert list(tmp_path.iterdir()) == []


# -- agents


@pytest.mark.parametrize("kind", [KeyKind.ED25519, KeyKind.ECDSA_P384, KeyKind.RSA_3072])
def test_an_agent_signs_with_the_private_file_moved_away(
    kind: KeyKind, agent: dict[str, str], tmp_path: Path
) -> None:
    key = make_key(tmp_path, "bob@example.com", kind)
    subprocess.run(["ssh-add", "-q", str(key.path)], env=agent, check=True)
    key.path.unlink()

    by_file = signed(key_at(key.public), agent)
    by_words = signed(SigningKey(origin="git's user.signingkey", literal=" ".join(key.words)), agent)

    for text in (by_file, by_words):
        assert sshsig.verify(text, STATEMENT, namespace=NAMESPACE).key.words == " ".join(key.words)


def test_an_agent_unlocks_a_locked_key(agent: dict[str, str], tmp_path: Path) -> None:
    key = make_key(tmp_path, "bob@example.com", KeyKind.ED25519, passphrase="secret")
    ask = tmp_path / "ask"
    ask.write_text("#!/bin/sh\necho secret\n")
    ask.chmod(0o700)
    asking = agent | {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
    subprocess.run(["ssh-add", "-q", str(key.path)], env=asking, check=True, stdin=subprocess.DEVNULL)

    assert signed(key_at(key.path), agent)


def test_an_agent_without_the_key_is_said(bob: Key, agent: dict[str, str]) -> None:
    error = failure(SigningKey(origin="--key", literal=" ".join(bob.words)), agent)

    assert isinstance(error, UnavailableError)
    assert error.message == "the private half is neither beside the public key nor in a running agent"
    assert error.hint == "`ssh-add` it, or name the private file"


def test_no_agent_at_all_is_said_the_same_way(bob: Key, env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bob.pub").write_bytes(bob.public.read_bytes())
    for around in (env, env | {"SSH_AUTH_SOCK": str(tmp_path / "nobody")}):
        error = failure(key_at(tmp_path / "bob.pub"), around)
        assert isinstance(error, UnavailableError)
        assert "in a running agent" in error.message


# -- what cannot work


def test_a_locked_key_without_a_terminal_fails_at_once(env: dict[str, str], tmp_path: Path) -> None:
    key = make_key(tmp_path, "bob@example.com", KeyKind.ED25519, passphrase="secret")
    asked = tmp_path / "asked"
    ask = tmp_path / "ask"
    ask.write_text(f"#!/bin/sh\ntouch {asked}\necho secret\n")
    ask.chmod(0o700)

    error = failure(key_at(key.path), env | {"SSH_ASKPASS": str(ask), "DISPLAY": ":0"})

    assert isinstance(error, UnavailableError)
    assert error.message == "the key is locked, and there is no terminal to ask for its passphrase"
    assert error.hint == "unlock it in an agent first: `ssh-add`"
    assert error.subject == str(key.path)
    assert not asked.exists()


def at_a_terminal(key: Key, env: dict[str, str], typed: bytes) -> str:
    """Sign in a process of its own that has a terminal, at which somebody types."""
    program = (
        "import fcntl, os, sys, termios\nfrom pathlib import Path\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "from runbook.approval.signing import SigningKey, sign\n"
        "from runbook.errors import RunbookError\n"
        "try:\n"
        "    said = sign(b'x', SigningKey(origin='--key', path=Path(sys.argv[1])), env=dict(os.environ), "
        "terminal=True)\n"
        "except RunbookError as error:\n"
        "    said = f'{type(error).__name__}: {error.message}'\n"
        "Path(sys.argv[2]).write_text(said)\n"
    )
    answer = key.path.with_name("answer")
    terminal, line = pty.openpty()
    argv = [sys.executable, "-c", program, str(key.path), str(answer)]
    with subprocess.Popen(
        argv, stdin=line, stdout=line, stderr=line, env=env, start_new_session=True
    ) as child:
        os.close(line)
        said = b""
        while b"passphrase" not in said:
            said += os.read(terminal, 4096)
        os.write(terminal, typed)
        assert child.wait(30) == 0
    os.close(terminal)
    return answer.read_text()


def test_a_person_at_a_terminal_is_asked_for_the_passphrase(env: dict[str, str], tmp_path: Path) -> None:
    key = make_key(tmp_path, "bob@example.com", KeyKind.ED25519, passphrase="secret")

    text = at_a_terminal(key, env, b"secret\n")

    assert sshsig.verify(text, b"x", namespace=NAMESPACE).key.words == " ".join(key.words)


def test_a_wrong_passphrase_is_said(env: dict[str, str], tmp_path: Path) -> None:
    key = make_key(tmp_path, "bob@example.com", KeyKind.ED25519, passphrase="secret")

    assert at_a_terminal(key, env, b"wrong\n") == "InputError: the passphrase was not right"


def test_a_private_key_that_others_can_read_is_not_used(
    bob: Key, env: dict[str, str], tmp_path: Path
) -> None:
    path = copied(bob, tmp_path)
    path.chmod(0o644)

    error = failure(key_at(path), env)

    assert isinstance(error, InputError)
    assert error.message == "others can read this private key, so it is not used"
    assert error.hint == f"chmod 600 {path}"


def test_a_file_that_is_no_key_is_said(env: dict[str, str], tmp_path: Path) -> None:
    for name, data in (("junk", b"junk\n"), ("empty", b""), ("junk.pub", b"junk\n")):
        path = tmp_path / name
        path.write_bytes(data)
        path.chmod(0o600)
        error = failure(key_at(path), env)
        assert isinstance(error, InputError | SignerError)
        assert "key" in error.message
        assert error.hint


def test_a_missing_ssh_keygen_is_said(bob: Key, env: dict[str, str], tmp_path: Path) -> None:
    error = failure(key_at(bob.path), env | {"PATH": str(tmp_path)})

    assert isinstance(error, ToolMissing)
    assert error.message == "ssh-keygen is not installed"
    assert error.hint == "install ssh-keygen and try again"


@pytest.mark.parametrize(
    ("kind", "problem"), [(KeyKind.ECDSA_P521, "key.curve"), (KeyKind.RSA_2048, "key.weak")]
)
def test_a_key_outside_the_profile_makes_no_approval(
    kind: KeyKind, problem: str, env: dict[str, str], tmp_path: Path
) -> None:
    error = failure(key_at(make_key(tmp_path, "bob@example.com", kind).path), env)

    assert isinstance(error, SignatureRefused)
    assert error.problem == problem


def test_a_pub_file_that_belongs_to_another_key_is_noticed(
    bob: Key, alice: Key, env: dict[str, str], tmp_path: Path
) -> None:
    path = copied(bob, tmp_path)
    public = path.with_name("key.pub")
    public.write_bytes(alice.public.read_bytes())

    error = failure(key_at(public), env)

    assert isinstance(error, InputError)
    assert error.message == "the private file and the .pub beside it do not belong together"
    assert error.hint == f"`ssh-keygen -y -f {path}` prints the right one"


def test_a_program_that_answers_with_another_key_s_signature_is_not_believed(
    bob: Key, alice: Key, env: dict[str, str], tmp_path: Path
) -> None:
    """A wrapper called ssh-keygen that signs with whatever it likes."""
    fake = tmp_path / "ssh-keygen"
    fake.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *sign*) for last; do :; done; exec {_real()} -Y sign -n {NAMESPACE} '
        f'-f {alice.path} "$last";; *) exec {_real()} "$@";; esac\n'
    )
    fake.chmod(0o700)

    error = failure(key_at(bob.path), env | {"PATH": f"{tmp_path}:{env['PATH']}"})

    assert isinstance(error, SignerError)
    assert "signed, not the chosen key" in error.message


def _real() -> str:
    done = subprocess.run(["which", "ssh-keygen"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ("frobnication failed", UnavailableError, "ssh-keygen did not sign: frobnication failed"),
        ("Load key /agent/k: Permission denied", InputError, "this user may not read the key"),
        (
            "Couldn't sign /agent/k: odd",
            UnavailableError,
            "ssh-keygen did not sign: Couldn't sign the key: odd",
        ),
        (
            "Couldn't sign message: agent refused operation",
            UnavailableError,
            "the private half is neither beside the public key nor in a running agent",
        ),
    ],
)
def test_what_ssh_keygen_says_is_put_in_our_words_or_passed_on(
    words: str, kind: type[RunbookError], message: str
) -> None:
    error = signing._explained(words.encode(), key_at(Path("/agent/k")), terminal=False)

    assert isinstance(error, kind)
    assert error.message == message
