"""Errors on their way from the supervisor to the terminal keep their words and their exit code."""

from collections.abc import Iterator

import pytest

from runbook import errors
from runbook.cli.main import EXIT_CODES
from runbook.errors import RunbookError
from runbook.execution.failures import Failure, error_of, failure_of


def tree(kind: type[RunbookError] = RunbookError) -> Iterator[type[RunbookError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from tree(below)


def exit_code(kind: type[RunbookError]) -> int | None:
    return next((code for family, code in EXIT_CODES.items() if issubclass(kind, family)), None)


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_every_error_arrives_with_its_words_and_its_exit_code(kind: type[RunbookError]) -> None:
    sent = Failure(code=kind.code, message="m", subject="s", line=3, hint="h")

    arrived = error_of(sent)

    assert exit_code(type(arrived)) == exit_code(kind)
    assert str(arrived) == "s:3: m"
    assert arrived.hint == "h"


def test_an_unknown_code_is_an_error_all_the_same() -> None:
    assert type(error_of(Failure(code="later-invention", message="m"))) is RunbookError


def test_an_error_gives_its_words() -> None:
    error = errors.StorageError("disk full", subject="/x", hint="make room")

    assert failure_of(error) == Failure(code="storage", message="disk full", subject="/x", hint="make room")
