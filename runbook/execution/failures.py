"""Failures: an error of ours on its way from one process to another, and back into an error. Pure.

What an error carries beside its words (a verdict, reasons) does not travel; whoever wants it decides again.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from runbook.errors import RunbookError


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of an error, and the `code` of its class."""

    code: str
    message: str
    subject: str | None = None
    line: int | None = None
    hint: str | None = None


def _kinds() -> Iterator[tuple[str, type[RunbookError]]]:
    """Every error's code, and the class that an error with it arrives as."""
    pending = [RunbookError]
    while pending:
        kind = pending.pop()
        yield kind.code, _plain(kind)
        pending += kind.__subclasses__()


def _plain(kind: type[Any]) -> type[RunbookError]:
    """The class, or, where it holds more than words, the next above it that does not: same exit code."""
    maker = next(above for above in kind.__mro__ if "__init__" in vars(above))
    return kind if maker is RunbookError else _plain(maker.__bases__[0])


def failure_of(error: RunbookError) -> Failure:
    """The error's words."""
    return Failure(
        code=error.code, message=error.message, subject=error.subject, line=error.line, hint=error.hint
    )


def error_of(failure: Failure) -> RunbookError:
    """An error with these words, of the kind that its code names; RunbookError for a code nobody knows."""
    kind = dict(_kinds()).get(failure.code, RunbookError)
    return kind(failure.message, subject=failure.subject, line=failure.line, hint=failure.hint)
