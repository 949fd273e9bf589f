"""Conversion: one value to the type that was declared, strictly, or Unfit with the reason.

Pure. The table stands in `docs/reference/parameters.md`. Three ways in: `from_text` (command line,
environment, prompt), `from_plain` (decoded from a file, keeps its type), `require` (a value that is Python
already). Nothing is guessed: the declared type says how to read, and a union tries its members in order.
"""

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from runbook.decoding import decode_json
from runbook.errors import FormatError
from runbook.text.spellings import (
    FROM_TEXT,
    LIKE,
    MAX_CHARACTERS,
    SHOWN,
    Unfit,
    exact_float,
    require_text,
    shown,
)
from runbook.text.types import (
    Bounded,
    Choice,
    DictOf,
    ListOf,
    Plain,
    SetOf,
    TupleOf,
    Type,
    Union,
    spell,
)

MAX_DEPTH = 20


def from_text(raw: str, kind: Type, *, base: Path) -> object:
    """The value that a text says under `kind`. Relative paths are put below `base`. Raises Unfit."""
    if len(raw) > MAX_CHARACTERS:
        raise Unfit(f"is longer than {MAX_CHARACTERS} characters ({len(raw)})")
    if isinstance(kind, Bounded):
        return _bounded(from_text(raw, kind.inner, base=base), kind)
    if isinstance(kind, Union):
        return _first(kind, raw, lambda member: from_text(raw, member, base=base))
    if isinstance(kind, Choice):
        for value in kind.values:
            if raw == (value if isinstance(value, str) else _json_word(value)):
                return value
        raise Unfit(f"{shown(raw)} is none of {_choices(kind)}")
    if isinstance(kind, Plain):
        reader = FROM_TEXT.get(kind.name)
        if reader is None:
            raise Unfit(f"can't be given as text for {spell(kind)}")
        return reader(raw, base)
    if _nesting(raw) > MAX_DEPTH:
        raise Unfit(f"is nested more than {MAX_DEPTH} levels deep")
    try:
        plain = decode_json(raw.encode("utf-8"), object, name="value")
    except (FormatError, UnicodeEncodeError) as error:
        message = error.message if isinstance(error, FormatError) else "not UTF-8"
        raise Unfit(f"{shown(raw)} is not {spell(kind)} written as JSON ({message})") from error
    return from_plain(plain, kind, base=base)


def _nesting(text: str) -> int:
    """How deep JSON nests, told without recursion: a decoder's own limit changes from Python to Python."""
    depth = deepest = 0
    # The closing quote is optional, so that a string without an end is passed over once, not once per quote.
    for mark in re.findall(r'"(?:[^"\\]|\\.)*"?|[][{}]', text, re.DOTALL):
        if mark in ("[", "{"):
            depth += 1
            deepest = max(deepest, depth)
        elif mark in ("]", "}"):
            depth -= 1
    return deepest


def from_plain(raw: object, kind: Type, *, base: Path, depth: int = 0) -> object:
    """The value that decoded YAML, TOML or JSON says under `kind`; its type must fit. Raises Unfit.

    Text stands for what these formats have no type for: dates in JSON, durations, paths.
    """
    if isinstance(kind, Bounded):
        return _bounded(from_plain(raw, kind.inner, base=base, depth=depth), kind)
    if isinstance(kind, Union):
        return _first(kind, raw, lambda member: from_plain(raw, member, base=base, depth=depth))
    if isinstance(kind, Choice):
        return _chosen(raw, kind)
    if isinstance(kind, Plain):
        if kind.name == "Any":
            return _any(raw, depth)
        if kind.name in ("date", "datetime", "timedelta", "Path") and type(raw) is str:
            return from_text(raw, kind, base=base)
        if kind.name == "float" and type(raw) is int:
            return exact_float(raw)
        if type(raw) is float and not math.isfinite(raw):
            raise Unfit(f"{raw} is not a finite number")
        require(raw, kind)
        return raw
    if isinstance(kind, DictOf):
        pairs = _object(raw, kind)
        return {
            _key(key): _inside(f"[{key!r}]", item, kind.value, base, depth) for key, item in pairs.items()
        }
    if type(raw) is not list:
        raise Unfit(f"{shown(raw)} is not {spell(kind)}: give a list")
    return _row(raw, kind, base, depth)


def _row(raw: list[object], kind: ListOf | SetOf | TupleOf, base: Path, depth: int) -> object:
    if isinstance(kind, TupleOf):
        kinds = kind.items * len(raw) if kind.endless else kind.items
        if len(kinds) != len(raw):
            raise Unfit(f"has {len(raw)} parts where {spell(kind)} has {len(kinds)}")
        return tuple(
            _inside(f"[{place}]", item, part, base, depth)
            for place, (item, part) in enumerate(zip(raw, kinds, strict=True))
        )
    items = [_inside(f"[{place}]", item, kind.item, base, depth) for place, item in enumerate(raw)]
    if isinstance(kind, ListOf):
        return items
    try:
        distinct = set(items)
    except TypeError as error:
        raise Unfit("a set holds no lists and no objects") from error
    if len(distinct) != len(items):
        raise Unfit("names an element of the set twice")
    return distinct


def _inside(place: str, raw: object, kind: Type, base: Path, depth: int) -> object:
    try:
        return from_plain(raw, kind, base=base, depth=depth + 1)
    except Unfit as problem:
        raise Unfit(f"at {place[:SHOWN]}: {problem}") from problem


def _object(raw: object, kind: DictOf) -> dict[object, object]:
    if type(raw) is not dict:
        raise Unfit(f"{shown(raw)} is not {spell(kind)}: give an object with keys and values")
    return raw


def _key(key: object) -> str:
    if type(key) is not str:
        raise Unfit(f"the key {shown(key)} is not text")
    require_text(key, strict=False)
    return key


def _any(raw: object, depth: int) -> object:
    if depth > MAX_DEPTH:
        raise Unfit(f"is nested more than {MAX_DEPTH} levels deep")
    if type(raw) is list:
        return [_any(item, depth + 1) for item in raw]
    if type(raw) is dict:
        return {_key(key): _any(item, depth + 1) for key, item in raw.items()}
    if type(raw) is float and not math.isfinite(raw):
        raise Unfit(f"{raw} is not a finite number")
    require(raw, Plain("Any"))
    return raw


def _first(kind: Union, raw: object, convert: Callable[[Type], object]) -> object:
    problems: list[str] = []
    for member in kind.members:
        try:
            return convert(member)
        except Unfit as problem:
            problems.append(str(problem))
    # One member besides None: its own words say more than "none of these".
    others = [words for member, words in zip(kind.members, problems, strict=True) if member != Plain("None")]
    raise Unfit(others[0] if len(others) == 1 else f"{shown(raw)} is none of {spell(kind)}")


def _chosen(raw: object, kind: Choice) -> object:
    for value in kind.values:
        if type(value) is type(raw) and value == raw:
            return value
    raise Unfit(f"{shown(raw)} is none of {_choices(kind)}")


def _choices(kind: Choice) -> str:
    return ", ".join(value if isinstance(value, str) else _json_word(value) for value in kind.values)


def _json_word(value: bool | int | None) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _bounded(value: object, kind: Bounded) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    for limit, holds, words in (
        (kind.ge, kind.ge is None or value >= kind.ge, "at least"),
        (kind.gt, kind.gt is None or value > kind.gt, "more than"),
        (kind.le, kind.le is None or value <= kind.le, "at most"),
        (kind.lt, kind.lt is None or value < kind.lt, "less than"),
    ):
        if not holds:
            raise Unfit(f"must be {words} {limit} (given {shown(value)})")
    return value


def require(value: object, kind: Type) -> None:
    """Raise Unfit when a Python value is not of `kind`: defaults and our own literals come this way."""
    if isinstance(kind, Bounded):
        require(value, kind.inner)
        _bounded(value, kind)
    elif isinstance(kind, Union):
        _first(kind, value, lambda member: require(value, member))
    elif isinstance(kind, Choice):
        _chosen(value, kind)
    elif isinstance(kind, Plain):
        _require_plain(value, kind)
    else:
        _require_container(value, kind)


def _require_plain(value: object, kind: Plain) -> None:
    if isinstance(value, Path):
        fits = kind.name in ("Path", "Any")
    else:
        fits = type(value) in _PYTHON[kind.name]
    if not fits:
        name = "a value that needs no declared type" if kind.name == "Any" else kind.name
        raise Unfit(f"{shown(value)} is not {name}: give {LIKE.get(kind.name, 'a secret')}")
    if kind.name == "Any" and isinstance(value, list | tuple | set):
        for item in value:
            require(item, kind)
    elif kind.name == "Any" and isinstance(value, dict):
        for key, item in value.items():
            require(key, kind)
            require(item, kind)
    elif isinstance(value, str | Path):
        require_text(str(value), strict=type(value) is str and kind.name in ("str", "Any"))


def _require_container(value: object, kind: ListOf | SetOf | DictOf | TupleOf) -> None:
    wanted: dict[type, type] = {ListOf: list, SetOf: set, DictOf: dict, TupleOf: tuple}
    if type(value) is not wanted[type(kind)]:
        raise Unfit(f"{shown(value)} is not {spell(kind)}")
    if isinstance(kind, DictOf):
        assert isinstance(value, dict)
        for key, item in value.items():
            _key(key)
            require(item, kind.value)
    elif isinstance(kind, TupleOf):
        assert isinstance(value, tuple)
        kinds = kind.items * len(value) if kind.endless else kind.items
        if len(kinds) != len(value):
            raise Unfit(f"has {len(value)} parts where {spell(kind)} has {len(kinds)}")
        for item, part in zip(value, kinds, strict=True):
            require(item, part)
    else:
        assert isinstance(value, list | set)
        for item in value:
            require(item, kind.item)


_PYTHON: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "Text": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "None": (type(None),),
    "date": (date,),
    "datetime": (datetime,),
    "timedelta": (timedelta,),
    "Path": (),
    "Secret": (),
    "Any": (str, int, float, bool, type(None), date, datetime, timedelta, list, tuple, set, dict),
}
