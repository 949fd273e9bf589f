"""Decoding: the one way from a file's bytes to a frozen value; unknown keys refused, errors name the line.

Never coerces ("1" is not 1) and never drops a key. Only TOML and JSON come in here; YAML of headers has
its own strict loader, `text/strict_yaml`.
"""

import copy
import difflib
import functools
import json
import re
import tomllib
from collections import Counter
from collections.abc import Hashable, Iterator
from typing import TypeVar, cast

import msgspec

from runbook.canonical import canonical_json
from runbook.errors import ConfigError, FormatError, InputError

T = TypeVar("T")

_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_PART = re.compile(r"\.([^.\[\]]+)|\[([0-9]+|\.\.\.)\]")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>[^`]*)`")
_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_NAMES = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_TABLE = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_NAMES})[ \t]*\]")
_SETTING = re.compile(rf"[ \t]*({_NAMES})[ \t]*=")


def decode_toml(data: bytes, kind: type[T], *, name: str, limit_bytes: int = 1 << 20) -> T:
    """Read TOML into `kind` (a frozen msgspec Struct). Raises ConfigError naming file, line and key."""
    text = _text(data, name, limit_bytes, ConfigError)
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
        raise ConfigError(f"not TOML: {error}", subject=name, line=line) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not TOML: {error}", subject=name) from error
    return _convert(plain, kind, tuple(_toml_places(text)), name, ConfigError)


def _require_whole(plain: object) -> None:
    """Raise ValueError for half a character, which JSON can spell and which is no text."""
    try:
        json.dumps(plain, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair, which is no text") from error


def decode_json(data: bytes, kind: type[T], *, name: str, limit_bytes: int = 64 << 20) -> T:
    """Read JSON into `kind`; duplicate keys and NaN are refused. Raises FormatError naming file and key."""
    text = _text(data, name, limit_bytes, FormatError)
    try:
        plain = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        if _HALF.search(text):
            _require_whole(plain)
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg}", subject=name, line=error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON: {error}", subject=name) from error
    return _convert(plain, kind, (), name, FormatError)


def decode_canonical(data: bytes, *, name: str, line: int | None = None) -> dict[str, object]:
    """Read one object of canonical JSON: its bytes must be the one spelling that `canonical_json` gives it.

    So there are no duplicate keys, floats or second spellings to look for. Raises FormatError.
    """
    try:
        plain = json.loads(data)
        if isinstance(plain, dict) and canonical_json(plain) == data:
            return plain
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg}", subject=name, line=line) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"not canonical JSON: {error}", subject=name, line=line) from error
    raise FormatError("not canonical JSON: an object in its one spelling", subject=name, line=line)


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r} twice")
    return found


def _no_constant(word: str) -> object:
    raise ValueError(f"the number {word}")


def _text(data: bytes, name: str, limit_bytes: int, error: type[InputError]) -> str:
    if len(data) > limit_bytes:
        raise error(f"larger than {limit_bytes} bytes", subject=name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise error(f"not UTF-8 (byte {problem.start})", subject=name) from problem


Place = tuple[int, tuple[str, ...]]
"""A line of a TOML text, and the key that is written on it."""


def _convert(
    plain: object, kind: type[T], places: tuple[Place, ...], name: str, error: type[InputError]
) -> T:
    _require_strict(cast(Hashable, kind))
    try:
        return msgspec.convert(plain, kind, strict=True)
    except msgspec.ValidationError as problem:
        message = str(problem)
        written = _PATH.search(message)
        parts = _parts(plain, kind, message, written["path"]) if written else ()
        unknown = _UNKNOWN.search(message)
        if parts == ("version",) and "Invalid enum value" in message and isinstance(plain, dict):
            raise error(
                f"version {plain['version']} is not one that this release reads",
                subject=name,
                line=_line(places, parts),
                hint="it was written for another release: use that, or say `version = 1` and mend the rest",
            ) from problem
        if unknown is None:
            shown = message[: written.start()] if written else message
            where = f" (at {_spelled(parts)})" if parts else ""
            raise error(f"{shown}{where}", subject=name, line=_line(places, parts)) from problem
        field = unknown["field"]
        close = difflib.get_close_matches(field, sorted(_fields(kind)), 1)
        hint = f"did you mean {close[0]}?" if close else None
        where = f" in {_spelled(parts)}" if parts else ""
        line = _line(places, (*parts, field))
        raise error(f"unknown key {field!r}{where}", subject=name, line=line, hint=hint) from problem


def _parts(plain: object, kind: object, message: str, path: str) -> tuple[str, ...]:
    """The keys and positions of msgspec's `path`; where it says `[...]` for any key of a mapping, which."""
    parts: list[str] = []
    for key, position in _PART.findall(path):
        part = key or position
        if part == "...":
            part = next(
                (name for name in _names(plain, parts) if _says(plain, parts, name, kind, message)), part
            )
        parts.append(part)
    return tuple(parts)


def _names(plain: object, parts: list[str]) -> tuple[str, ...]:
    node = _node(plain, parts)
    return tuple(node) if isinstance(node, dict) else ()


def _node(plain: object, parts: list[str]) -> object:
    for part in parts:
        if isinstance(plain, dict):
            plain = plain.get(part)
        elif isinstance(plain, list) and part.isdigit() and int(part) < len(plain):
            plain = plain[int(part)]
    return plain


def _says(plain: object, parts: list[str], name: str, kind: object, message: str) -> bool:
    """Whether the same is wrong when `name` is the only key of the mapping at `parts`."""
    alone = copy.deepcopy(plain)
    node = _node(alone, parts)
    assert isinstance(node, dict)
    for other in [key for key in node if key != name]:
        del node[other]
    try:
        msgspec.convert(alone, kind, strict=True)
    except msgspec.ValidationError as problem:
        return str(problem) == message
    return False


def _spelled(parts: tuple[str, ...]) -> str:
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in parts).lstrip(".")


@functools.cache
def _require_strict(kind: Hashable) -> None:
    """A value that would drop unknown keys in silence is a mistake of ours, found at its first use."""
    for struct in _structs(kind):
        if not struct.__struct_config__.forbid_unknown_fields:
            raise TypeError(f"{struct.__name__} must forbid unknown fields to be decoded")


def _structs(kind: object, seen: frozenset[object] = frozenset()) -> Iterator[type[msgspec.Struct]]:
    """`kind` and every Struct inside it."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind not in seen:
            yield kind
            for field in msgspec.structs.fields(kind):
                yield from _structs(field.type, seen | {kind})
    else:
        for inner in getattr(kind, "__args__", ()):
            yield from _structs(inner, seen)


def _fields(kind: object) -> set[str]:
    """Every key that `kind` or a value inside it knows: what a typing mistake is compared with."""
    return {field.encode_name for struct in _structs(kind) for field in msgspec.structs.fields(struct)}


def _toml_places(text: str) -> Iterator[Place]:
    """The line of each table and setting; positions in arrays of tables are counted from 0."""
    counts: Counter[tuple[str, ...]] = Counter()
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _TABLE.match(line):
            names = tuple(name.strip("\"'") for name in re.findall(_NAME, header[2]))
            counts[names] += header[1] == "[["
            path: list[str] = []
            for depth, name in enumerate(names, 1):
                path.append(name)
                if count := counts[names[:depth]]:
                    path.append(str(count - 1))
            table = tuple(path)
            yield number, table
        elif setting := _SETTING.match(line):
            yield number, table + tuple(name.strip("\"'") for name in re.findall(_NAME, setting[1]))


def _line(places: tuple[Place, ...], parts: tuple[str, ...]) -> int | None:
    """The line of the key at `parts`, or of the nearest one around it; None when it cannot be told."""
    for length in range(len(parts), 0, -1):
        lines = [number for number, path in places if path == parts[:length]]
        if lines:
            return lines[0] if len(lines) == 1 else None
    return None
