"""The agent that steps see: a real ssh-agent behind it, real ssh-add and ssh-keygen before it."""

import asyncio
import contextlib
import os
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from runbook.errors import UnavailableError
from runbook.execution import agent as agents
from runbook.execution.agent import AgentProxy
from runbook.execution.agent_requests import LIMIT_BYTES
from tests.evidence.builders import plan_of
from tests.execution.ssh import agent
from tests.execution.test_agent_requests import login, s, sign
from tests.keys import Key

FAILURE = s(b"\x05")


class Served:
    """A proxy in a loop of its own, and what it told."""

    def __init__(self, upstream: Path, place: Path) -> None:
        self.place = place
        self.told: list[dict[str, object]] = []
        self._upstream = upstream
        self._opened = Event()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    async def _serve(self) -> None:
        proxy = AgentProxy(str(self._upstream), lambda **told: self.told.append(told))
        await proxy.open(self.place)
        self._opened.set()
        await self._ended.wait()
        await proxy.close()

    def __enter__(self) -> "Served":
        self._thread.start()
        assert self._opened.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._loop.close()

    def call(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        env = {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": str(self.place), "HOME": str(self.place.parent)}
        return subprocess.run(
            argv, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )

    def says(self, *pieces: bytes) -> bytes:
        """The proxy's answer to these bytes, or nothing when it hangs up."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.place))
            line.settimeout(10)
            answer = b""
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    line.sendall(piece)
                while len(answer) < 4 or len(answer) < 4 + int.from_bytes(answer[:4], "big"):
                    piece = line.recv(65536)
                    if not piece:
                        break
                    answer += piece
            return answer


@pytest.fixture
def served(home: Path, alice: Key) -> Iterator[Served]:
    with agent(home, alice) as upstream, Served(upstream, home / "proxy") as proxy:
        yield proxy


def test_1_the_socket_is_this_users_alone(served: Served) -> None:
    assert stat.S_IMODE(served.place.stat().st_mode) == 0o600


def test_the_keys_are_listed(served: Served, alice: Key) -> None:
    said = served.call("ssh-add", "-L")
    assert said.returncode == 0
    assert alice.words[1] in said.stdout


def test_2_nothing_is_signed_by_ssh_keygen(served: Served, alice: Key, tmp_path: Path) -> None:
    """What an approval is made of: OpenSSH's own program, the public key, the agent."""
    statement = tmp_path / "statement"
    statement.write_text("runbook approval v1\n")
    for namespace in ("approval.v1@signed-runbook", "git", "file"):
        said = served.call(
            "ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(alice.public), str(statement)
        )
        assert said.returncode != 0
        assert not Path(f"{statement}.sig").exists()
    assert [told["what"] for told in served.told] == ["refused"] * 3
    assert served.told[0]["reason"] == "signing files, commits or approvals (SSHSIG) is not for steps"


@pytest.mark.parametrize("words", [["-D"], ["-x"], ["-d", "{public}"], ["{private}"]])
def test_2_keys_are_neither_added_nor_taken_away_nor_locked(
    served: Served, alice: Key, words: list[str]
) -> None:
    argv = [word.format(public=alice.public, private=alice.path) for word in words]
    served.call("ssh-add", *argv)
    assert alice.words[1] in served.call("ssh-add", "-L").stdout
    assert all(told["what"] == "refused" for told in served.told)


def test_3_messages_are_bounded(served: Served) -> None:
    assert served.says((LIMIT_BYTES + 1).to_bytes(4, "big"), b"x" * 10) == b""
    assert served.says(b"\0\0\0\0") == b""
    large = sign(b"x" * (LIMIT_BYTES - 1000))
    assert served.says(s(large)) == FAILURE


def test_3_and_so_are_visitors(served: Served) -> None:
    lines = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    try:
        for line in lines:
            line.connect(str(served.place))
            line.settimeout(10)
        answers = []
        for line in lines:
            try:
                line.sendall(s(bytes([11])))
                answers.append(line.recv(1))
            except (BrokenPipeError, ConnectionResetError):
                answers.append(b"")
        assert answers.count(b"") == 8
    finally:
        for line in lines:
            line.close()
    assert served.call("ssh-add", "-L").returncode == 0, "and when they have left, others come in"


def scripted(
    place: Path, answer: Callable[[bytes], bytes]
) -> tuple[Thread, list[list[bytes]], socket.socket]:
    """An agent that answers what it is told to; the messages of each connection to it."""
    ear = socket.socket(socket.AF_UNIX)
    ear.bind(str(place))
    ear.listen()
    met: list[list[bytes]] = []

    def serve(line: socket.socket, heard: list[bytes]) -> None:
        with line, line.makefile("rb") as reader:
            while size := reader.read(4):
                message = reader.read(int.from_bytes(size, "big"))
                heard.append(message)
                line.sendall(answer(message))

    def listen() -> None:
        while True:
            try:
                line, _ = ear.accept()
            except OSError:
                return
            met.append([])
            Thread(target=serve, args=(line, met[-1]), daemon=True).start()

    thread = Thread(target=listen, daemon=True)
    thread.start()
    return thread, met, ear


def test_2_what_is_refused_never_reaches_the_agent(home: Path) -> None:
    _, met, ear = scripted(home / "up", lambda message: s(bytes([14]) + s(b"signature")))
    with Served(home / "up", home / "proxy") as served:
        assert served.says(s(sign(b"SSHSIG" + b"x" * 50))) == FAILURE
        assert served.says(s(bytes([19]))) == FAILURE
        assert served.says(s(sign(login()))) != FAILURE
    ear.close()
    assert met == [[sign(login())]]


def test_4_each_visitor_has_a_connection_of_its_own(home: Path) -> None:
    """A key that is bound to one host's session must not be usable in another one's."""
    _, met, ear = scripted(home / "up", lambda message: s(bytes([14]) + s(b"signature")))
    with Served(home / "up", home / "proxy") as served:
        served.says(s(sign(login(user=b"one"))))
        served.says(s(sign(login(user=b"two"))))
    ear.close()
    assert met == [[sign(login(user=b"one"))], [sign(login(user=b"two"))]]


def test_5_an_answer_of_another_kind_is_a_failure(home: Path) -> None:
    _, _, ear = scripted(home / "up", lambda message: s(bytes([12]) + b"\0\0\0\0"))
    with Served(home / "up", home / "proxy") as served:
        assert served.says(s(sign(login()))) == FAILURE
        assert served.says(s(bytes([11]))) == s(bytes([12]) + b"\0\0\0\0")
    ear.close()
    assert [told["what"] for told in served.told] == ["closed"]


def test_6_what_was_signed_is_told_and_counted(home: Path) -> None:
    _, _, ear = scripted(home / "up", lambda message: s(bytes([14]) + s(b"signature")))
    with Served(home / "up", home / "proxy") as served:
        served.says(s(sign(login())))
        for _ in range(60):
            served.says(s(sign(b"no login")))
    ear.close()
    assert served.told[0] == {"what": "signed", "key": served.told[0]["key"], "user": "deploy"}
    assert str(served.told[0]["key"]).startswith("SHA256:")
    assert len(served.told) == 52
    assert served.told[-1] == {"what": "closed", "signed": 1, "refused": 60}


def test_an_agent_that_goes_while_the_run_goes_on_is_a_refusal(home: Path, alice: Key) -> None:
    with agent(home, alice) as upstream, Served(upstream, home / "proxy") as served:
        upstream.unlink()
        assert served.says(s(bytes([11]))) == FAILURE
    assert served.told[0] == {"what": "refused", "reason": "your SSH agent is gone"}


WANTS = plan_of((), agent=True)


def test_without_an_agent_nothing_starts(home: Path, alice: Key) -> None:
    with pytest.raises(UnavailableError, match="none is running here") as none:
        agents.require(WANTS, {})
    assert none.value.hint is not None
    assert "`eval $(ssh-agent)`, `ssh-add`" in none.value.hint
    with pytest.raises(UnavailableError, match="does not answer"):
        agents.require(WANTS, {"SSH_AUTH_SOCK": str(home / "nobody")})
    with agent(home) as empty, pytest.raises(UnavailableError, match="has no keys, or is locked") as keyless:
        agents.require(WANTS, {"SSH_AUTH_SOCK": str(empty)})
    assert keyless.value.hint == "load one: `ssh-add`"
    with agent(home, alice) as place:
        agents.require(WANTS, {"SSH_AUTH_SOCK": str(place)})
    agents.require(plan_of((), agent=False), {})
