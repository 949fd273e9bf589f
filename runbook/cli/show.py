"""Rendering: from values to text on a terminal. Only this module prints, beside the terminal's dialogue.

Everything that comes from files, people or kernels passes `inert` first, so that no name, value or output
reaches the terminal as control characters (DESIGN §9).
"""

import json as json_module
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence

from runbook.errors import NotPermitted, ParameterError, RunbookError, TextRefused
from runbook.evidence import inert

_COLOURS = {"green": "32", "red": "31", "yellow": "33", "bold": "1", "dim": "2", "cyan": "36"}


def say(text: str = "") -> None:
    """One line to standard output, with an empty one above it where `text` begins with a line feed."""
    sys.stdout.write(_lines(text) + "\n")


def block(text: str) -> None:
    """A text of several lines, as it is but for control characters: a difference, the source of a step."""
    sys.stdout.write(inert.block(text) + "\n")


def warn(text: str) -> None:
    """The same to standard error."""
    sys.stderr.write(_lines(text) + "\n")


def _lines(text: str) -> str:
    """`text` made inert. What stands behind a line feed is moved to the right: the name of a file may hold
    one, and must not look like a line of ours."""
    above = len(text) - len(text.lstrip("\n"))
    return "\n" * above + inert.block(text[above:]).replace("\n", "\n    | ")


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
    """One line in a colour; on a terminal that is too narrow for it broken between two words."""
    lines = (_fitted(line) for line in _lines(text).split("\n"))
    sys.stdout.write(paint("\n".join(lines), colour) + "\n")


def _fitted(line: str, *, indent: int = 4) -> str:
    return folded(line, width(), indent=indent) if sys.stdout.isatty() else line


def folded(line: str, columns: int, *, indent: int) -> str:
    """`line`, broken at blanks so that it keeps within `columns`; what goes on is moved to the right. Pure.

    Words between backticks stay together, as they are there to be copied; so does a word that no line holds:
    the terminal breaks that one, and gives it back whole.
    """
    lines = [""]
    for piece in _WORD.findall(line):
        word = piece.lstrip(" ")
        fits = _cells(lines[-1]) + _cells(piece) <= columns
        if fits or not lines[-1] or indent + _cells(word) > columns:
            lines[-1] += piece
        else:
            lines.append(" " * indent + word)
    return "\n".join(lines)


_WORD = re.compile(r" *(?:`[^`]*`|[^ `]|`)+")  # with the blanks before it


def width() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def error(problem: RunbookError, *, json: bool) -> None:
    """Say what is wrong, where, and what to do next; with `json` also as one object on standard output."""
    if json:
        globals()["json"]({"schema": 1, "error": plain_error(problem)})
    if isinstance(problem, ParameterError):
        place = f"{problem.subject}: " if problem.subject else ""
        warn(f"error: {place}{many(len(problem.problems), 'problem')} with the values")
        _points(problem.problems)
    elif isinstance(problem, NotPermitted):
        _verdict(problem)
        return
    else:
        warn(f"error: {problem}")
    if isinstance(problem, TextRefused) and len(problem.reasons) > 1:
        _points(_reason(reason) for reason in problem.reasons)
    if problem.hint:
        warn(f"  next: {problem.hint}")


def plain_error(problem: RunbookError) -> dict[str, object]:
    """An error as JSON has it."""
    fields = ("code", "message", "subject", "line", "hint")
    return {field: getattr(problem, field) for field in fields}


def _verdict(problem: NotPermitted) -> None:
    """Why the policy says no: every reason, every approval that does not count, and what to do."""
    from runbook.approval.verdict import Verdict  # here, so that light verbs stay light

    verdict = problem.verdict
    assert isinstance(verdict, Verdict)
    kind = "unattended" if verdict.unattended else "interactive"
    warn(f"error: {verdict.path}: refused in {verdict.environment}, {kind}")
    _points(_reason(reason) for reason in verdict.reasons)
    _points(f"{each.principal} does not count: {each.code}: {each.message}" for each in verdict.not_counted)
    for hint in dict.fromkeys(reason.hint for reason in verdict.reasons if reason.hint):
        warn(f"  next: {hint}")


def _reason(reason: object) -> str:
    line = getattr(reason, "line", None)
    place = f"line {line}: " if line is not None else ""
    return f"{getattr(reason, 'code', '')}: {place}{getattr(reason, 'message', reason)}"


def _points(lines: Iterable[str]) -> None:
    for line in lines:
        warn(f"  - {line}")


def many(count: int, word: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def table(rows: Sequence[Sequence[str]], *, heads: Sequence[str] = ()) -> None:
    """Columns as wide as they need to be; the last one may run on. Nothing is printed for no rows.

    With heads, and on a terminal that is too narrow for them, each row becomes a paragraph of its own:
    nothing is cut, and nothing wraps in the middle of a name. A pipe always gets one line a row.
    """
    shown = [[inert.line(cell) for cell in row] for row in rows]
    if not shown:
        return
    if heads:
        shown.insert(0, list(heads))
    widths = [max(_cells(row[column]) for row in shown) for column in range(len(shown[0]))]
    if heads and sys.stdout.isatty() and sum(widths) + 2 * (len(widths) - 1) > width():
        _paragraphs(shown[1:], heads)
        return
    for number, row in enumerate(shown):
        cells = [cell + " " * (size - _cells(cell)) for cell, size in zip(row[:-1], widths[:-1], strict=True)]
        line = "  ".join([*cells, row[-1]]).rstrip()
        indent = len(line) - len(line.lstrip(" ")) + 4
        fitted = _fitted(line, indent=indent)
        sys.stdout.write((paint(fitted, "dim") if heads and number == 0 else fitted) + "\n")


def _paragraphs(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> None:
    """The first cell on a line of its own, the others below it, as many on a line as fit."""
    for first, *others in rows:
        sys.stdout.write(f"{first}\n")
        line = ""
        for head, cell in zip(heads[1:], others, strict=True):
            if cell in ("", "-"):
                continue
            part = f"{head}: {cell}" if head else cell
            if line and _cells(line) + 3 + _cells(part) > width():
                sys.stdout.write(f"{_fitted(line, indent=8)}\n")
                line = ""
            line = f"{line}   {part}" if line else f"    {part}"
        if line:
            sys.stdout.write(f"{_fitted(line, indent=8)}\n")


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes: East Asian letters take two, accents none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )
