"""A real ssh-agent, and a real sshd on this machine for the user who runs the tests."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keys import Key


def sshd_program() -> str | None:
    return shutil.which(
        "sshd", path=f"/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:{os.environ.get('PATH', '')}"
    )


@contextlib.contextmanager
def agent(folder: Path, *keys: Key) -> Iterator[Path]:
    """An ssh-agent of the test's own that holds these keys; its socket."""
    place = folder / "agent"
    child = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
    try:
        _until(lambda: _listens(place))
        for key in keys:
            subprocess.run(
                ["ssh-add", "-q", str(key.path)],
                env={**os.environ, "SSH_AUTH_SOCK": str(place)},
                check=True,
                stdin=subprocess.DEVNULL,
            )
        yield place
    finally:
        child.terminate()
        child.wait()


@contextlib.contextmanager
def sshd(folder: Path, *, lets_in: Key, host_key: Key) -> Iterator[list[str]]:
    """An sshd on a free port of 127.0.0.1; gives the words that log in there by agent alone.

    Skips the test where none is installed, or the machine lets none run.
    """
    program = sshd_program()
    if program is None:
        pytest.skip("sshd is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "authorized_keys").write_text(lets_in.public.read_text())
    kind, blob = host_key.words
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {blob}\n")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key.path}\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    with contextlib.suppress(
        OSError
    ):  # privilege separation wants it; only root can make it, only root needs it
        Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        argv = [program, "-D", "-e", "-f", str(folder / "sshd_config")]
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _until(lambda: _answers(port) or child.poll() is not None)
            if child.poll() is not None:
                pytest.skip(f"no sshd can run here: {(folder / 'log').read_text().strip()}")
            yield [
                *("ssh", "-F", "none", "-p", str(port), "-o", f"UserKnownHostsFile={folder}/known_hosts"),
                *("-o", "BatchMode=yes", "-o", "IdentityFile=none", "-o", "StrictHostKeyChecking=yes"),
                f"{pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1",
            ]
        finally:
            child.terminate()
            child.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _listens(place: Path) -> bool:
    """Whether somebody listens at this socket: it is there a moment before."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(place))
        except OSError:
            return False
    return True


def _until(condition: object, *, seconds: float = 20) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
