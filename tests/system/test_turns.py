"""A lock that is waited for: in turn, aloud, and not for ever."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.errors import LockBusy
from runbook.system import files
from runbook.system.turns import Turns, Wait

HOLDER = """
import sys, time
from pathlib import Path
from runbook.system.turns import Turns
with Turns(Path(sys.argv[1])).taken():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def holder(lock: Path) -> Iterator["subprocess.Popen[str]"]:
    argv = [sys.executable, "-c", HOLDER, str(lock)]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.communicate()


def test_who_waits_says_for_whom_and_goes_on_when_they_end(
    lock: Path, holder: "subprocess.Popen[str]"
) -> None:
    said: list[str] = []

    def heard(words: str) -> None:
        said.append(words)
        holder.kill()

    with Turns(lock, Wait(tell=heard, quiet_seconds=0.0, most_seconds=60)).taken():
        assert files.is_locked(lock)
    (words,) = said
    assert words.startswith(
        f"waiting: process {holder.pid} on {os.uname().nodename} is at work here since 20"
    )
    assert words.endswith(
        f"; if it was stopped, `kill -CONT {holder.pid}` lets it go on and `kill -9 {holder.pid}` ends it; "
        "nothing is lost"
    )


def test_a_stopped_holder_is_waited_for_only_for_a_while_and_once(
    lock: Path, holder: "subprocess.Popen[str]"
) -> None:
    holder.send_signal(signal.SIGSTOP)
    said: list[str] = []
    turns = Turns(lock, Wait(tell=said.append, quiet_seconds=0.1, most_seconds=0.2))
    for _ in range(2):
        words = f"process {holder.pid} on .* is at work here since"
        with pytest.raises(LockBusy, match=words) as caught, turns.taken():
            pytest.fail("two hold it")
        assert caught.value.subject == str(lock)
        assert caught.value.hint is not None
        assert f"kill -9 {holder.pid}" in caught.value.hint
    assert len(said) == 1  # the second time it is known, and not waited for
    holder.kill()
    holder.wait()
    with turns.taken():
        assert files.is_locked(lock)


def test_another_holder_is_waited_for_anew(lock: Path, holder: "subprocess.Popen[str]") -> None:
    turns = Turns(lock, Wait(most_seconds=0.0))
    with pytest.raises(LockBusy), turns.taken():
        pass
    before = lock.read_bytes()
    holder.kill()
    holder.wait()
    assert lock.read_bytes() == before  # what the dead one wrote counts for nothing
    with Turns(lock).taken():
        assert lock.read_bytes() != before
        said: list[str] = []
        second = Turns(lock, Wait(tell=said.append, quiet_seconds=0.0, most_seconds=0.1))
        with pytest.raises(LockBusy, match=f"process {os.getpid()} on"), second.taken():
            pytest.fail("two hold it")
        assert len(said) == 1


def test_who_ends_waits_no_longer(lock: Path, holder: "subprocess.Popen[str]") -> None:
    asked: list[bool] = []

    def is_over() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(LockBusy), Turns(lock, Wait(is_over=is_over, most_seconds=60)).taken():
        pass
    assert len(asked) == 3


def test_a_holder_that_cannot_say_who_it_is_is_named_as_such(lock: Path) -> None:
    turns, words = Turns(lock, Wait(most_seconds=0.0)), "another process is at work here"
    with files.locked(lock), pytest.raises(LockBusy, match=words) as caught, turns.taken():
        pytest.fail("two hold it")
    assert caught.value.hint == "try again when it has ended; nothing is lost"
