"""One question to a person: yes, no, neither, and nobody there any more."""

import io

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
