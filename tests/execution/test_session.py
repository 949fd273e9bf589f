"""What a terminal does when the supervisor is stuck, breaks off, or ends. The supervisor is played."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from runbook.errors import RefusedError, UnavailableError
from runbook.evidence.folder import ExecutionFolder
from runbook.execution import lease, messages, session
from runbook.execution.messages import FromSupervisor, Over, Told, Welcome

WELCOME = Welcome(execution="x", mode="command")


@contextlib.contextmanager
def supervisor(folder: Path, *says: FromSupervisor, stays: bool = True) -> Iterator[Path]:
    """Somebody who holds the lease of an execution, and says this to whoever comes."""
    execution = folder / "20261121T001205Z-x-7f3a9c"
    execution.mkdir(parents=True)
    path = folder / "s"
    may_go = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            for message in says:
                connection.sendall(messages.encode(message))
            if stays:
                may_go.wait(60)
            else:
                while len(connection.recv(1 << 16)) == 0:
                    pass

    with socket.socket(socket.AF_UNIX) as listener, lease.hold(ExecutionFolder(execution)) as held:
        listener.bind(str(path))
        listener.listen()
        held.write(lease.Lease(supervisor=os.getpid(), socket=str(path)))
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield execution
        finally:
            may_go.set()
            thread.join(60)


def confirm(execution: Path) -> None:
    session.confirm(execution, who="bob@host", principal="bob@example.com", signature="", seconds=0.2)


def test_a_supervisor_that_is_stuck_leaves_nobody_hanging(home: Path) -> None:
    with supervisor(home, WELCOME) as execution, pytest.raises(UnavailableError) as caught:
        confirm(execution)
    assert caught.value.message == "the supervisor did not say that it heard: not within 0.2 seconds"
    assert caught.value.hint == "`runbook status` says whether it still runs and waits; if so, say it again"


def test_a_connection_that_breaks_is_not_taken_for_the_runs_end(home: Path) -> None:
    with supervisor(home, WELCOME, stays=False) as execution, pytest.raises(UnavailableError) as caught:
        confirm(execution)
    assert caught.value.message == "the supervisor did not say that it heard: the connection broke"


def test_a_run_that_ends_before_it_heard_says_so(home: Path) -> None:
    with supervisor(home, WELCOME, Over(sealed=True)) as execution, pytest.raises(RefusedError) as caught:
        confirm(execution)
    assert caught.value.message == "the run ended before it heard this"
    assert caught.value.hint == f"`runbook show {execution.name}` says how"


def test_a_supervisor_that_lets_nobody_in_leaves_nobody_hanging(home: Path) -> None:
    """It stands still, and so many have called already that the system lets the next one wait."""
    execution = home / "20261121T001205Z-x-7f3a9c"
    execution.mkdir(parents=True)
    with (
        contextlib.ExitStack() as callers,
        socket.socket(socket.AF_UNIX) as listener,
        lease.hold(ExecutionFolder(execution)) as held,
    ):
        listener.bind(str(home / "s"))
        listener.listen(0)
        held.write(lease.Lease(supervisor=os.getpid(), socket=str(home / "s")))
        for said in ("let in by the system, and never answered", "not even let in"):
            with pytest.raises(UnavailableError, match="the supervisor does not answer") as caught:
                confirm(execution)
            assert caught.value.hint is not None, said
            caller = callers.enter_context(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(str(home / "s"))


@pytest.mark.parametrize("words", ["heard", "bob@example.com is not in sre (ask somebody of sre)"])
def test_what_the_supervisor_says_is_what_counts(home: Path, words: str) -> None:
    refused: Sequence[str] = ()
    with supervisor(home, WELCOME, Told(words=words)) as execution:
        try:
            confirm(execution)
        except RefusedError as error:
            refused = (error.message,)
    assert refused == (() if words == "heard" else (words,))
