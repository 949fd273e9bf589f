"""Who descends from whom, asked of real processes."""

import os
import socket
import subprocess
import sys

import pytest

from runbook.errors import NotFoundError, RefusedError
from runbook.execution.family import Peer, ancestors, peer_of, require_stranger


def test_the_other_end_of_a_socket_is_named() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_of(one) == Peer(pid=os.getpid(), uid=os.getuid())


def test_ancestors_lead_to_the_first_process() -> None:
    assert ancestors(os.getpid())[0] == os.getppid()
    assert ancestors(1) == ()


def test_a_name_with_brackets_and_blanks_does_not_confuse() -> None:
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b') R 1 (', 0, 0, 0); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        assert ancestors(child.pid)[0] == os.getpid()
    finally:
        child.communicate(b"\n")


def test_another_user_is_refused() -> None:
    """Argument 1."""
    with pytest.raises(RefusedError, match="only the user who runs it may talk to this run"):
        require_stranger(Peer(pid=os.getpid(), uid=os.getuid() + 1), to=1 << 30)


def test_a_descendant_is_refused_and_a_stranger_is_not() -> None:
    """Argument 2."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        peer = Peer(pid=child.pid, uid=os.getuid())
        with pytest.raises(RefusedError, match="can't talk to the run that it belongs to"):
            require_stranger(peer, to=os.getpid())
        require_stranger(peer, to=1 << 30)
    finally:
        child.communicate(b"\n")


def test_a_process_that_is_gone_is_refused() -> None:
    """Argument 3."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(NotFoundError, match="no such process"):
        ancestors(child.pid)
    with pytest.raises(RefusedError, match="the process that connected is gone"):
        require_stranger(Peer(pid=child.pid, uid=os.getuid()), to=1 << 30)
