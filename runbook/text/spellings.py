"""Spellings: how each type without parts is written as text, in one way only; and the rules for text itself.

Pure. `docs/reference/parameters.md` has the table. Everything else is Unfit: no blanks, no underscores, no
digits but ASCII's, no second word for true.
"""

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from runbook.text.characters import problem_in_value

MAX_CHARACTERS = 64 * 1024
"""The longest text of one value. What is longer belongs into a file, given as a Path."""
MAX_DIGITS = 1000
SHOWN = 40

_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
_DURATION = re.compile(
    r"(?P<sign>-?)(?:(?P<weeks>[0-9]{1,6})w)?(?:(?P<days>[0-9]{1,9})d)?(?:(?P<hours>[0-9]{1,9})h)?"
    r"(?:(?P<minutes>[0-9]{1,9})m)?(?:(?P<seconds>[0-9]{1,12})(?:\.(?P<fraction>[0-9]{1,6}))?s)?"
)
LIKE = {
    "int": "a whole number like 30 or -5, without blanks, underscores or leading zeros",
    "float": "a finite number like 1.5, 30 or 2e-3",
    "bool": "true or false",
    "None": "null",
    "date": "a date like 2026-11-21",
    "datetime": "an instant like 2026-11-21T00:07:07Z or 2026-11-21T00:07:07+01:00",
    "timedelta": "a duration like 90s, 1h30m or 2d",
    "Path": "a path",
    "str": "text",
    "Text": "text",
    "Any": "text, a number, true, false, null, a list or an object",
}


class Unfit(ValueError):
    """A value that does not fit; the message says why, without the parameter's name."""


def shown(value: object) -> str:
    """A short, harmless spelling of what somebody gave: escapes visible, never more than a few words."""
    if isinstance(value, str) and len(value) > SHOWN:
        return f"{value[:SHOWN]!r}… ({len(value)} characters)"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, str | int | float | None):
        return repr(value)[: 2 * SHOWN]
    return f"a {type(value).__name__}"


def require_text(value: str, *, strict: bool) -> None:
    """The rules for text; `strict` is plain `str`: one line, and no option in disguise."""
    if len(value) > MAX_CHARACTERS:
        raise Unfit(f"is longer than {MAX_CHARACTERS} characters ({len(value)})")
    found = problem_in_value(value if strict else value.replace("\n", " ").replace("\t", " "))
    if found is not None:
        more = (
            "; declare it as Text to allow line breaks and tabs" if strict and set(value) & {*"\n\t"} else ""
        )
        raise Unfit(f"{shown(value)} has {found}{more}")
    if strict and value.startswith("-"):
        # An argument that begins with "-" becomes an option of the command it is passed to.
        raise Unfit(f"{shown(value)} begins with '-'; declare it as Text to allow that")


def _text(raw: str, base: Path) -> str:
    require_text(raw, strict=True)
    return raw


def _any_text(raw: str, base: Path) -> str:
    require_text(raw, strict=False)
    return raw


def _spelled(raw: str, pattern: re.Pattern[str], name: str) -> str:
    if not pattern.fullmatch(raw):
        raise Unfit(f"{shown(raw)} is not {name}: give {LIKE[name]}")
    return raw


def _int(raw: str, base: Path) -> int:
    if len(_spelled(raw, _WHOLE, "int")) > MAX_DIGITS:
        raise Unfit(f"has more than {MAX_DIGITS} digits")
    return int(raw)


def _float(raw: str, base: Path) -> float:
    value = float(_spelled(raw, _FLOAT, "float"))
    if not math.isfinite(value):
        raise Unfit(f"{shown(raw)} is too large for a float")
    return value


def exact_float(raw: int) -> float:
    try:
        value = float(raw)
    except OverflowError as error:
        raise Unfit(f"{shown(raw)} is too large for a float") from error
    if int(value) != raw:
        raise Unfit(f"{shown(raw)} can't be held exactly by a float")
    return value


def _bool(raw: str, base: Path) -> bool:
    if raw not in ("true", "false"):
        raise Unfit(f"{shown(raw)} is not bool: give {LIKE['bool']}")
    return raw == "true"


def _none(raw: str, base: Path) -> None:
    if raw != "null":
        raise Unfit(f"{shown(raw)} is not None: give {LIKE['None']}")


def _date(raw: str, base: Path) -> date:
    _spelled(raw, _DATE, "date")
    try:
        return date.fromisoformat(raw)
    except ValueError as error:
        raise Unfit(f"{shown(raw)} is no day: {error}") from error


def _datetime(raw: str, base: Path) -> datetime:
    _spelled(raw, _DATETIME, "datetime")
    try:
        return datetime.fromisoformat(raw)
    except ValueError as error:
        raise Unfit(f"{shown(raw)} is no instant: {error}") from error


def _timedelta(raw: str, base: Path) -> timedelta:
    match = _DURATION.fullmatch(raw)
    parts = {key: value for key, value in match.groupdict().items() if value} if match else {}
    sign, fraction = parts.pop("sign", ""), parts.pop("fraction", "")
    if not parts:
        raise Unfit(f"{shown(raw)} is not timedelta: give {LIKE['timedelta']}")
    whole = {key: int(value) for key, value in parts.items()}
    try:
        value = timedelta(**whole, microseconds=int(fraction.ljust(6, "0") or "0"))
    except OverflowError as error:
        raise Unfit(f"{shown(raw)} is too long a duration") from error
    return -value if sign else value


def _path(raw: str, base: Path) -> Path:
    require_text(raw, strict=False)
    if set(raw) & {*"\n\t"}:
        raise Unfit(f"{shown(raw)} has a line break or a tab, which no path here may")
    if not raw:
        raise Unfit("is an empty path")
    if raw.startswith("~"):
        raise Unfit(f"{shown(raw)} begins with '~', which only a shell understands: write the folder out")
    return base / raw


FROM_TEXT: dict[str, Callable[[str, Path], object]] = {
    "str": _text,
    "Text": _any_text,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "None": _none,
    "date": _date,
    "datetime": _datetime,
    "timedelta": _timedelta,
    "Path": _path,
}
