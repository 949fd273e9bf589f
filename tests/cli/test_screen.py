"""The screen of a run: what a step prints never stands at the left edge, whatever it is, in what pieces."""

import fcntl
import io
import os
import pty
import re
import struct
import termios
from collections.abc import Callable, Iterator
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.cli.folding import broken
from runbook.cli.screen import Screen

COLUMNS = 40
OUTPUT = st.text(alphabet="ab \t\n\r\x1b[2Jé漢🚀ok?>", max_size=120)


def seen(written: str, columns: int = COLUMNS) -> list[str]:
    """The lines that a terminal of so many columns shows: it breaks lines at its edge, and at no other place.

    A model of a terminal for what `Screen` writes: text, line ends, carriage returns, tabs.
    """
    lines: list[dict[int, str]] = []
    line: dict[int, str] = {}
    column = 0
    for character in written:
        if character == "\n":
            lines.append(line)
            line, column = {}, 0
        elif character == "\r":
            column = 0
        elif character == "\t":
            column = min(column // 8 * 8 + 8, columns)
        else:
            wide = 2 if character in "漢🚀" else 1
            if column + wide > columns:
                lines.append(line)
                line, column = {}, 0
            line[column] = character
            column += wide
    lines.append(line)
    return ["".join(each.get(at, " ") for at in range(max(each, default=-1) + 1)) for each in lines]


class Pty:
    """A terminal of COLUMNS columns; what was written to it is `written`."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        state = termios.tcgetattr(slave)
        state[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, state)
        self.out: TextIO = os.fdopen(slave, "w", encoding="utf-8", newline="")

    @property
    def written(self) -> str:
        self.out.write("\0")
        self.out.flush()
        read = b""
        while not read.endswith(b"\0"):
            read += os.read(self._master, 1 << 16)
        return read[:-1].decode("utf-8")

    def close(self) -> None:
        self.out.close()
        os.close(self._master)


@pytest.fixture
def terminal() -> Iterator[Pty]:
    made = Pty()
    yield made
    made.close()


def test_a_step_can_not_print_a_line_of_ours(terminal: Pty) -> None:
    screen = Screen(terminal.out)
    screen.line("> restart", "bold")
    screen.output("ok restart succeeded in 0.01 s\n? Run drop?\n")
    screen.line("!! restart failed in 0.02 s", "red")

    assert seen(terminal.written) == [
        "> restart",
        "  | ok restart succeeded in 0.01 s",
        "  | ? Run drop?",
        "!! restart failed in 0.02 s",
        "",
    ]


def test_a_line_without_an_end_goes_on_where_it_stands(terminal: Pty) -> None:
    screen = Screen(terminal.out)
    for piece in ("wait", "ing ", ".", ".", "\n", "\n", "done\n"):
        screen.output(piece)

    assert seen(terminal.written) == ["  | waiting ..", "  |", "  | done", ""]


def test_a_line_that_one_of_ours_broke_off_goes_on_behind_a_bar(terminal: Pty) -> None:
    screen = Screen(terminal.out)
    screen.output("ok restart")
    screen.line("! interrupt by alice", "yellow")
    screen.output("ok restart succeeded\n")

    assert seen(terminal.written) == [
        "  | ok restart",
        "! interrupt by alice",
        "  | ok restart succeeded",
        "",
    ]


def test_a_line_goes_on_behind_its_bar_also_when_enter_was_pressed_meanwhile(terminal: Pty) -> None:
    screen = Screen(terminal.out)
    screen.output("press Enter")
    terminal.out.write("\n")  # the echo of the key
    screen.output("ok restart succeeded\n")

    assert seen(terminal.written) == ["  | press Enter", "  | press Enterok restart succeeded", ""]


def test_a_line_too_long_for_the_terminal_goes_on_behind_a_mark(terminal: Pty) -> None:
    screen = Screen(terminal.out)
    screen.output("x" * 36 + "ok restart succeeded\n")

    assert seen(terminal.written) == ["  | " + "x" * 36, "  : ok restart succeeded", ""]


def test_a_long_line_in_pieces_is_broken_at_the_same_places(terminal: Pty) -> None:
    screen = Screen(terminal.out)
    for piece in ("x" * 30, "y" * 30, "z" * 30, "\n"):
        screen.output(piece)

    shown = seen(terminal.written)
    assert shown == ["  | " + "x" * 30 + "y" * 6, "  : " + "y" * 24 + "z" * 12, "  : " + "z" * 18, ""]


def test_words_of_others_in_a_line_of_ours_stay_behind_a_mark(terminal: Pty) -> None:
    screen = Screen(terminal.out)
    screen.line("   note: done\nok restart succeeded " + "y" * 40, "cyan")

    first, *others, last = seen(terminal.written)
    assert first == "   note: done"
    assert len(others) == 3
    assert all(line.startswith("    | ") for line in others)
    assert last == ""


def test_output_after_a_prompt_begins_a_line_of_its_own(terminal: Pty) -> None:
    screen = Screen(terminal.out)
    screen.prompt("  > ")
    screen.output("ok\n")

    assert seen(terminal.written) == ["  > ", "  | ok", ""]
    assert not screen.at_prompt


def test_nothing_is_broken_on_the_way_into_a_file() -> None:
    out = io.StringIO()
    screen = Screen(out)
    screen.output("x" * 100)
    screen.output("y" * 100 + "\nnext")
    screen.line("> step", "bold")

    assert out.getvalue() == f"  | {'x' * 100}{'y' * 100}\n  | next\n> step\n"


@given(pieces=st.lists(st.tuples(st.sampled_from(["output", "line", "enter"]), OUTPUT), max_size=8))
def test_only_our_own_lines_begin_at_the_left_edge(pieces: list[tuple[str, str]]) -> None:
    terminal = Pty()
    try:
        screen = Screen(terminal.out)
        for kind, text in pieces:
            if kind == "output":
                screen.output(text)
            elif kind == "line":
                screen.line("! ours", "yellow")
            else:
                terminal.out.write("\n")
        shown = seen(terminal.written)
    finally:
        terminal.close()

    assert all(re.match(r"  [|:]( |$)|! ours$|$", line) for line in shown), shown


@given(
    line=OUTPUT.map(lambda text: re.sub(r"[\n\r\x1b]", "", text)),
    columns=st.integers(24, 60),
    at_words=st.booleans(),
)
def test_breaking_a_line_loses_nothing(line: str, columns: int, at_words: bool) -> None:
    pieces = broken(line, goes_on="  : ", columns=columns, at_words=at_words).split("\n")

    assert "".join([pieces[0], *(piece.removeprefix("  : ") for piece in pieces[1:])]) == line
    assert all(len(shown) <= columns for shown in seen("\n".join(pieces), columns))


@pytest.mark.parametrize("make", [lambda: "x" * (1 << 20), lambda: "é" * (1 << 20)])
def test_a_very_long_line_is_broken_too(make: Callable[[], str]) -> None:
    assert broken(make(), goes_on="  : ", columns=COLUMNS).count("\n") > 20_000


def test_a_menu_is_broken_between_its_choices(terminal: Pty) -> None:
    parts = ["[r] run it", "[g] run on, to the next question", "[s] skip it", "[q] stop here"]
    folded = Screen(terminal.out).choices(parts)

    assert all(len(line) <= COLUMNS and line.startswith("  [") for line in folded.split("\n"))
    assert folded.count("\n") > 0
    assert re.split(r"\s{2,}", folded.strip()) == parts
    assert Screen(io.StringIO()).choices(parts) == "  " + "  ".join(parts)


def test_a_choice_that_no_line_holds_goes_on_behind_a_mark(terminal: Pty) -> None:
    name = "n" * (COLUMNS + 5)
    folded = Screen(terminal.out).choices([f"[{name}] run it", "[q] stop here"])

    assert folded.split("\n")[1].startswith("    | ")
    assert folded.split("\n")[-1] == "  [q] stop here"


@pytest.mark.parametrize("dash", ["-", "\u2013"])
def test_a_long_line_of_ours_is_broken_behind_a_word(terminal: Pty, dash: str) -> None:
    Screen(terminal.out).line(f"# The balancer {dash} it needs at least one of them to answer.", "")
    Screen(terminal.out).line(" " * 36 + "x" * 40, "")

    assert seen(terminal.written) == [
        f"# The balancer {dash} it needs at least one ",
        "    | of them to answer.",
        " " * 36 + "xxxx",
        "    | " + "x" * 34,
        "    | xx",
        "",
    ]
