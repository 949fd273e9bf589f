"""Rendering: from values to text on a terminal. Only this module prints, beside the terminal's dialogue.

Everything that comes from files, people or kernels passes `inert` first, so that no name, value or output
reaches the terminal as control characters (DESIGN §9).
"""

import json as json_module
import os
import shutil
import sys
from collections.abc import Iterable, Sequence

from runbook.errors import NotPermitted, ParameterError, RunbookError, TextRefused
from runbook.evidence import inert

_COLOURS = {"green": "32", "red": "31", "yellow": "33", "bold": "1", "dim": "2", "cyan": "36"}


def say(text: str = "") -> None:
    """One or more lines to standard output; control characters are made visible, line ends stay."""
    sys.stdout.write(inert.block(text) + "\n")


def warn(text: str) -> None:
    """The same to standard error."""
    sys.stderr.write(inert.block(text) + "\n")


def json(value: object) -> None:
    """One line of JSON; ASCII, so that nothing in it can steer a terminal."""
    sys.stdout.write(json_module.dumps(value, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def paint(text: str, colour: str) -> str:
    """`text` in a colour, on a terminal that wants one. Only for our own words, after `inert`."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def painted(text: str, colour: str) -> None:
    """One line in a colour."""
    sys.stdout.write(paint(inert.block(text), colour) + "\n")


def width() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def error(problem: RunbookError, *, json: bool) -> None:
    """Say what is wrong, where, and what to do next; with `json` also as one object on standard output."""
    if json:
        globals()["json"](
            {
                "schema": 1,
                "error": {
                    "code": problem.code,
                    "message": problem.message,
                    "subject": problem.subject,
                    "line": problem.line,
                    "hint": problem.hint,
                },
            }
        )
    if isinstance(problem, ParameterError):
        place = f"{problem.subject}: " if problem.subject else ""
        warn(f"error: {place}{_many(len(problem.problems), 'problem')} with the values")
        _points(problem.problems)
    else:
        warn(f"error: {problem}")
    if isinstance(problem, TextRefused):
        _points(_reason(reason) for reason in problem.reasons)
    if isinstance(problem, NotPermitted):
        _points(_reason(reason) for reason in getattr(problem.verdict, "reasons", ()))
    if problem.hint:
        warn(f"  next: {problem.hint}")


def _reason(reason: object) -> str:
    line = getattr(reason, "line", None)
    place = f"line {line}: " if line is not None else ""
    hint = getattr(reason, "hint", "")
    tail = f" ({hint})" if hint else ""
    return f"{getattr(reason, 'code', '')}: {place}{getattr(reason, 'message', reason)}{tail}"


def _points(lines: Iterable[str]) -> None:
    for line in lines:
        warn(f"  - {line}")


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def many(count: int, word: str) -> str:
    """`1 step`, `2 steps`."""
    return _many(count, word)


def table(rows: Sequence[Sequence[str]], *, heads: Sequence[str] = ()) -> None:
    """Columns as wide as they need to be; the last one may run on. Nothing is printed for no rows."""
    shown = [[inert.line(cell) for cell in row] for row in rows]
    if heads and shown:
        shown.insert(0, list(heads))
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))] if shown else []
    for number, row in enumerate(shown):
        cells = [cell.ljust(size) for cell, size in zip(row[:-1], widths[:-1], strict=True)]
        line = "  ".join([*cells, row[-1]]).rstrip()
        sys.stdout.write((paint(line, "dim") if heads and number == 0 else line) + "\n")
