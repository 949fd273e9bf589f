"""One question to a person: yes, no, neither, and nobody there any more."""

import io
import os
import sys
import termios

import pexpect
import pytest

from runbook.cli import asking
from runbook.errors import DeclinedError


def types(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.mark.parametrize(
    ("typed", "agreed"),
    [("y\n", True), ("YES\n", True), (" y \n", True), ("\n", False), ("n\n", False), ("No\n", False)],
)
def test_only_yes_is_yes(monkeypatch: pytest.MonkeyPatch, typed: str, agreed: bool) -> None:
    types(monkeypatch, typed)

    assert asking.is_agreed("Do it?") is agreed


def test_what_is_neither_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, "perhaps\nyse\ny\n")

    assert asking.is_agreed("Do it?")
    assert capsys.readouterr().out == "Do it? [y/N]: " * 3


def test_nobody_there_is_a_no_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "")

    with pytest.raises(DeclinedError, match="nobody answered, so nothing was done"):
        asking.is_agreed("Do it?")


def test_a_question_shows_nothing_that_steers_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, "x\n")

    assert asking.line("\x1b[2Jname:") == "x"
    assert capsys.readouterr().out == "\\u{1B}[2Jname: "


MISSES_THE_WAIT = """
import os, signal, sys, threading, time
from pathlib import Path
from runbook.cli import asking

def press():
    # A signal that this thread takes does not end the wait of the other one: as one that came just before.
    looks = 0
    while looks < 20:
        state = Path(f"/proc/self/task/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[0]
        looks = looks + 1 if state == "S" else 0
        time.sleep(0.005)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

threading.Thread(target=press, daemon=True).start()
try:
    getattr(asking, sys.argv[1])("Word?")
except KeyboardInterrupt:
    print("heard")
"""


@pytest.mark.parametrize("asks", ["line", "unseen"])
def test_ctrl_c_at_a_question_is_heard_also_when_it_comes_right_before_the_wait(asks: str) -> None:
    child = pexpect.spawn(sys.executable, ["-c", MISSES_THE_WAIT, asks], encoding="utf-8", timeout=20)
    try:
        child.expect_exact("Word? ")
        child.expect_exact("heard")
    finally:
        child.close(force=True)


def test_what_is_typed_unseen_is_not_shown_and_the_terminal_shows_again() -> None:
    code = "from runbook.cli import asking; print(len(asking.unseen('Word?')))"
    child = pexpect.spawn(sys.executable, ["-c", code], encoding="utf-8", timeout=60, env=dict(os.environ))
    before = termios.tcgetattr(child.child_fd)
    child.expect_exact("Word? ")
    child.sendline(" s3cr3t ")
    child.expect_exact("8")
    assert child.before is not None
    assert "s3cr3t" not in child.before
    child.expect(pexpect.EOF)
    assert termios.tcgetattr(child.child_fd) == before
    child.close()
