"""What is said at a narrow terminal: broken between words and nowhere else; data and pastes not at all."""

import contextlib
import fcntl
import io
import os
import re
import struct
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from runbook.cli import show
from runbook.errors import InputError
from tests.program import Seat, inside, program

COLUMNS = 40
SAID = [
    ["list"],
    ["show", "nope"],
    ["show", "look_at_this_machine"],
    ["verify", "--env", "prod"],
    ["run", "look_at_this_machine", "--env", "prod", "--unattended"],
    ["run", "look_at_this_machine", "-p", "nope=1", "-p", "neither=2"],
    ["doctor"],
    ["--wrong"],
    ["show", "--wrong"],
    ["versions", "look_at_this_machine"],
    ["init", "."],
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("narrow")
    assert inside(folder, "init", ".", "--yes").code == 0
    return folder


@pytest.mark.parametrize("words", SAID, ids=" ".join)
def test_no_word_is_broken_at_a_narrow_terminal(workspace: Path, words: list[str]) -> None:
    seat = Seat(workspace, *words, columns=COLUMNS)
    code = seat.leaves()
    piped = program(workspace, *words)

    assert code == piped.code
    shown = seat.screen.split("\n")
    whole = [re.sub("`[^`]*`", lambda found: found[0].replace(" ", "_"), line) for line in shown]
    broken = [line for line in whole if " " in line[COLUMNS:]]  # one word that no line holds may reach over
    assert not broken
    # A table becomes paragraphs; everything else is the same words in the same order.
    if words[0] not in ("list", "doctor", "show"):
        assert "".join(seat.screen.split()) == "".join((piped.out + piped.err).split())


@pytest.mark.parametrize("words", [["list", "--json"], ["show", "nope", "--json"], ["config", "--json"]])
def test_json_is_one_line_at_any_terminal(workspace: Path, words: list[str]) -> None:
    seat = Seat(workspace, *words, columns=COLUMNS)
    seat.leaves()

    assert seat.screen.split("\n")[0] + "\n" == program(workspace, *words).out


@contextlib.contextmanager
def terminal(*, columns: int) -> Iterator[tuple[TextIO, int]]:
    """A terminal of this width to write to, and the descriptor of the side that shows it."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w", buffering=1) as stream:
        yield stream, ours
    os.close(ours)


def test_errors_fit_the_terminal_that_shows_them_not_the_one_that_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    problem = InputError(
        "something is not as it should be here", subject="x", hint="`runbook show x` and look"
    )
    with terminal(columns=COLUMNS) as (stream, ours):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(sys, "stdout", io.StringIO())  # `runbook … > file`
        show.error(problem, json=False)
        monkeypatch.undo()
        said = b""
        while b"and look" not in said:  # a terminal hands it on line by line
            said += os.read(ours, 9999)
        shown = said.decode().replace("\r\n", "\n").rstrip("\n")

    assert shown == (
        "error: x: something is not as it should\n    be here\n  next: `runbook show x` and look"
    )


def test_what_is_pasted_or_is_data_is_never_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    line = "20261121T125818Z-long-69445f: waiting, step restart the web tier, prod"
    show.paste(line)
    show.block(f"+{line}\n-{line}")
    show.json({"line": line})

    assert capsys.readouterr().out == f'{line}\n+{line}\n-{line}\n{{"line": "{line}"}}\n'


def test_the_rest_of_a_line_that_others_wrote_is_no_line_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    show.quoted("   12 | ", "# a comment that goes on and on,   13 | print()")
    assert capsys.readouterr().out == "   12 | # a comment that goes on and on,   13 | print()\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    show.quoted("   12 | ", "# a comment that goes on and on,   13 | print()")
    show.quoted("  ", "+ added words that are too long, and + not two lines", "green")

    assert capsys.readouterr().out == (
        "   12 | # a comment that goes on and on,\n      :    13 | print()\n"
        "  + added words that are too long, and +\n  :  not two lines\n"
    )


def test_the_rest_of_a_name_with_a_line_feed_stays_behind_its_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    show.say("a\nname with a line feed and more than one line holds: next: run it")

    assert capsys.readouterr().out == (
        "a\n    | name with a line feed and more\n    | than one line holds: next: run it\n"
    )
