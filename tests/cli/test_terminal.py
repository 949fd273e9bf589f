"""The terminal's side of a run: what it shows is inert, what it sends is one of the choices."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import msgspec
import pytest

from runbook.cli import terminal
from runbook.cli.terminal import Terminal
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.execution.questions import Answer, Question

ATTENDED = Question(
    number=1, step="look", asks="start", choices=("run", "go", "skip", "note", "stop"), words="Run look?"
)
DANGER = Question(
    number=2,
    step="restart",
    asks="danger",
    choices=("run", "go", "skip", "stop"),
    words="restart is dangerous.",
    typed="restart",
)


class Screen:
    """A terminal on two pipes: `types` is what the person types, `out` what they see."""

    def __init__(self, folder: Path) -> None:
        read, self._write = os.pipe()
        self.wake, self._waker = os.pipe()
        self.out = io.StringIO()
        self.source: TextIO = os.fdopen(read, "r", buffering=1)
        self.terminal = Terminal(
            sources={"look": "sh('ls')"}, blobs=Blobs(folder), out=self.out, source=self.source
        )

    def types(self, *lines: str) -> None:
        # A terminal gives one line a read; a pipe would give them all at once.
        self._lines = list(lines)

    def ask(self, question: Question) -> Answer | None:
        for line in self._lines:
            self.enter(line)
        return self.terminal.ask(question, self.wake)

    def enter(self, line: str) -> None:
        os.write(self._write, f"{line}\n".encode())

    def wakes(self) -> None:
        os.write(self._waker, b"x")

    def once_shown(self, words: str, act: Callable[[], None]) -> None:
        """Do this once, at the moment these words reach the screen."""
        write = self.out.write

        def seen(text: str) -> int:
            if words in text:
                self.out.write = write  # type: ignore[method-assign]  # this stream is the test's own
                act()
            return write(text)

        self.out.write = seen  # type: ignore[method-assign]  # this stream is the test's own

    def slept_again(self) -> None:
        os.read(self.wake, 1)

    def hang_up(self) -> None:
        os.close(self._write)
        self._write = -1

    def close(self) -> None:
        self.source.close()
        for descriptor in (self._write, self._waker, self.wake):
            if descriptor >= 0:
                os.close(descriptor)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    made = Screen(tmp_path)
    yield made
    made.close()


def event(kind: str, **payload: object) -> Event:
    return Event(seq=1, prev="0" * 64, t="2026-11-21T00:00:00.000Z", m=1, kind=kind, payload=payload)


@pytest.mark.parametrize(
    ("typed", "choice", "words"),
    [
        ("r", "run", ""),
        ("run", "run", ""),
        ("g", "go", ""),
        ("q enough", "stop", "enough"),
        ("s late", "skip", "late"),
    ],
)
def test_a_letter_or_a_word_is_one_of_the_choices(
    screen: Screen, typed: str, choice: str, words: str
) -> None:
    screen.types(typed)

    answer = screen.ask(ATTENDED)

    assert answer == Answer(question=1, choice=choice, words=words)  # type: ignore[arg-type]  # a choice, by the table


def test_what_is_no_choice_is_asked_again(screen: Screen) -> None:
    screen.types("yes")
    screen.wakes()

    screen.terminal.ask(ATTENDED, screen.wake)

    assert "[r] run it" in screen.out.getvalue()


def test_a_dangerous_step_runs_when_its_name_was_typed(screen: Screen) -> None:
    screen.types("restart")

    assert screen.ask(DANGER) == Answer(question=2, choice="run", words="restart")
    assert "[restart] run it" in screen.out.getvalue()
    assert "[r] run it" not in screen.out.getvalue()


def test_a_question_that_is_over_is_left_without_an_answer(screen: Screen) -> None:
    screen.types()
    screen.wakes()

    assert screen.ask(ATTENDED) is None


def test_a_question_that_still_stands_is_not_printed_twice(screen: Screen) -> None:
    screen.types()
    screen.wakes()
    assert screen.ask(ATTENDED) is None
    before = screen.out.getvalue()

    assert screen.ask(ATTENDED) is None

    assert screen.out.getvalue() == before


def test_a_choice_that_waits_for_its_words_still_does_after_news(screen: Screen) -> None:
    screen.types("s")
    screen.once_shown("why is it skipped?", screen.wakes)
    assert screen.ask(ATTENDED) is None
    screen.slept_again()
    before = screen.out.getvalue()

    screen.types("put back; it is known")

    assert screen.ask(ATTENDED) == Answer(question=1, choice="skip", words="put back; it is known")
    assert screen.out.getvalue() == before


def test_news_that_are_shown_meanwhile_are_followed_by_the_same_prompt(screen: Screen) -> None:
    screen.types("s")
    screen.once_shown("why is it skipped?", screen.wakes)
    assert screen.ask(ATTENDED) is None
    screen.slept_again()
    screen.terminal.told("bob watches")

    screen.types("late")

    assert screen.ask(ATTENDED) == Answer(question=1, choice="skip", words="late")
    assert screen.out.getvalue().endswith("! bob watches\n? Run look?\n  why is it skipped? ")


def test_words_that_were_not_given_bring_the_menu_back(screen: Screen) -> None:
    def then() -> None:
        screen.once_shown("it needs words", screen.wakes)
        screen.enter("")

    screen.types("s")
    screen.once_shown("why is it skipped?", then)

    assert screen.ask(ATTENDED) is None
    menu = screen.out.getvalue().split("\n", 2)[2].split("  why")[0]
    assert "[s] skip it" in menu
    assert screen.out.getvalue().endswith("  it needs words\n" + menu)


def test_a_terminal_that_hangs_up_answers_nothing(screen: Screen) -> None:
    screen.types()
    screen.hang_up()

    with pytest.raises(EOFError):
        screen.ask(ATTENDED)


def test_the_source_is_shown_before_the_question(screen: Screen) -> None:
    screen.types("r")
    screen.ask(ATTENDED)

    assert screen.out.getvalue().index("sh('ls')") < screen.out.getvalue().index("Run look?")


def test_output_reaches_the_screen_without_anything_to_obey(screen: Screen) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202eabc\n"
    content = {"name": "stdout", "text": hostile}

    screen.terminal.show(event("message", type="stream", content=content, step="look"))

    shown = screen.out.getvalue()
    assert not any(character in shown for character in "\x1b\x07\x9b\r\u202e")
    assert "\\u{1B}]0;owned\\u{7}" in shown


def test_every_end_of_a_step_is_one_line(screen: Screen) -> None:
    screen.terminal.show(event("step-started", step="look", attempt=2))
    screen.terminal.show(
        event("step-ended", step="look", state="failed", ms=1500, reason="", error="ValueError")
    )

    assert "> look (attempt 2)\n" in screen.out.getvalue()
    assert "!! look failed in 1.50 s" in screen.out.getvalue()


class Window(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("patience_ns", "bell"), [(-1, "\a"), (10**18, "")])
def test_a_question_that_was_waited_for_rings_and_any_stands_in_the_title_until_it_is_answered_or_left(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience_ns: int, bell: str
) -> None:
    monkeypatch.setattr(terminal, "_PATIENCE_NS", patience_ns)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    window = Window()
    seat = Terminal(sources={}, blobs=Blobs(tmp_path), out=window, source=screen.source)
    screen.enter("r")
    seat.ask(ATTENDED, screen.wake)
    answered = window.getvalue()

    assert answered.startswith(f"{bell}? Run look?")
    assert answered.count("\a") == len(bell) + 2
    assert "\x1b]2;? look\a" in answered
    assert answered.endswith("\x1b]2;\a")
    seat.leave()
    assert window.getvalue() == answered  # nothing of ours stands there any more

    screen.wakes()
    seat.ask(msgspec.structs.replace(ATTENDED, number=2), screen.wake)
    seat.leave()
    assert window.getvalue().endswith("\x1b]2;\a")
