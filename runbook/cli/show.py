"""Rendering: from values to text on a terminal. Only this module prints, beside the terminal's dialogue.

Everything that comes from files, people or kernels passes `inert` first, so that no name, value or output
reaches the terminal as control characters (DESIGN §9).
"""

import json as json_module
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from runbook.cli.folding import FEWEST_COLUMNS, USUAL_COLUMNS, broken, cells, folded
from runbook.errors import NotPermitted, ParameterError, RunbookError, TextRefused
from runbook.evidence import inert

_COLOURS = {"green": "32", "red": "31", "yellow": "33", "bold": "1", "dim": "2", "cyan": "36"}
_BAR = "    | "  # before the rest of a text with a line feed in it


def say(text: str = "") -> None:
    """One line to standard output, with an empty one above it where `text` begins with a line feed. On a
    terminal that is too narrow for it, it is broken between two words."""
    sys.stdout.write(_fitted(_lines(text), sys.stdout) + "\n")


def warn(text: str) -> None:
    """The same to standard error."""
    sys.stderr.write(_fitted(_lines(text), sys.stderr) + "\n")


def paste(text: str) -> None:
    """One line to be copied from the terminal into something else: never broken by us."""
    sys.stdout.write(inert.line(text) + "\n")


def block(text: str) -> None:
    """A text of several lines, as it is but for control characters: a difference, a signature."""
    sys.stdout.write(inert.block(text) + "\n")


def quoted(lead: str, text: str, colour: str | None = None) -> None:
    """A line that others wrote, behind `lead`: source, a difference, what is signed. What is too long for
    the terminal goes on behind a bar below, so that the rest is no line of its own."""
    columns = _columns(sys.stdout)
    mark = f"{' ' * lead.rfind('|')}: " if "|" in lead else f"{lead}: "
    rows = (
        broken(lead + line, goes_on=mark, columns=columns, at_words=True) for line in _lines(text).split("\n")
    )
    shown = "\n".join(row.rstrip() for row in rows)
    sys.stdout.write((shown if colour is None else paint(shown, colour)) + "\n")


def _lines(text: str) -> str:
    """`text` made inert. What stands behind a line feed is moved to the right: the name of a file may hold
    one, and must not look like a line of ours."""
    above = len(text) - len(text.lstrip("\n"))
    return "\n" * above + inert.block(text[above:]).replace("\n", f"\n{_BAR}")


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
    """The same as `say`, in a colour."""
    sys.stdout.write(paint(_fitted(_lines(text), sys.stdout), colour) + "\n")


def fitted(text: str, stream: TextIO) -> str:
    """`text` made inert, as it fits the terminal that `stream` is: for words behind which somebody types."""
    return _fitted(inert.line(text), stream)


def _fitted(text: str, stream: TextIO) -> str:
    columns = _columns(stream)
    if columns is None:
        return text
    return "\n".join(folded(line, columns, goes_on=_below(line, columns)) for line in text.split("\n"))


def _below(line: str, columns: int) -> str:
    """What stands before the rest of a line: behind its bar, or a little to the right of where it began."""
    if line.startswith(_BAR):
        return _BAR
    leading = len(line) - len(line.lstrip(" "))
    return " " * min(leading + 4, columns // 2)


def _columns(stream: TextIO) -> int | None:
    """How wide the terminal is; None for what is none. COLUMNS comes first, as with other programs."""
    if not stream.isatty():
        return None
    try:
        columns = int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return max(columns if columns > 0 else USUAL_COLUMNS, FEWEST_COLUMNS)


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
    widths = [max(cells(row[column]) for row in shown) for column in range(len(shown[0]))]
    columns = _columns(sys.stdout)
    if heads and columns is not None and sum(widths) + 2 * (len(widths) - 1) > columns:
        _paragraphs(shown[1:], heads, columns)
        return
    for number, row in enumerate(shown):
        padded = [cell + " " * (size - cells(cell)) for cell, size in zip(row[:-1], widths[:-1], strict=True)]
        line = _fitted("  ".join([*padded, row[-1]]).rstrip(), sys.stdout)
        sys.stdout.write((paint(line, "dim") if heads and number == 0 else line) + "\n")


def _paragraphs(rows: Sequence[Sequence[str]], heads: Sequence[str], columns: int) -> None:
    """The first cell on a line of its own, the others below it, as many on a line as fit."""
    for first, *others in rows:
        sys.stdout.write(f"{_fitted(first, sys.stdout)}\n")
        line = ""
        for head, cell in zip(heads[1:], others, strict=True):
            if cell in ("", "-"):
                continue
            part = f"{head}: {cell}" if head else cell
            if line and cells(line) + 3 + cells(part) > columns:
                sys.stdout.write(f"{_fitted(line, sys.stdout)}\n")
                line = ""
            line = f"{line}   {part}" if line else f"    {part}"
        if line:
            sys.stdout.write(f"{_fitted(line, sys.stdout)}\n")
