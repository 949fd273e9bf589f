"""Decoding: the one way from a file's bytes to a frozen value; unknown keys refused, errors name the line.

Never coerces ("1" is not 1) and never drops a key. Only TOML and JSON come in here; YAML of headers has
its own strict loader in `text/header`.
"""

import difflib
import json
import re
import tomllib
from typing import TypeVar

import msgspec

from runbook.errors import ConfigError, FormatError, InputError

T = TypeVar("T")

_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>[^`]*)`")


def decode_toml(data: bytes, kind: type[T], *, name: str, limit_bytes: int = 1 << 20) -> T:
    """Read TOML into `kind` (a frozen msgspec Struct). Raises ConfigError naming file, line and key."""
    text = _text(data, name, limit_bytes, ConfigError)
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise ConfigError(f"not TOML: {error}", subject=name, line=int(line[1]) if line else None) from error
    return _convert(plain, kind, text, name, ConfigError)


def decode_json(data: bytes, kind: type[T], *, name: str, limit_bytes: int = 64 << 20) -> T:
    """Read JSON into `kind`; duplicate keys and NaN are refused. Raises FormatError naming file and line."""
    text = _text(data, name, limit_bytes, FormatError)
    try:
        plain = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg}", subject=name, line=error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON: {error}", subject=name) from error
    return _convert(plain, kind, text, name, FormatError)


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} twice")
        found[key] = value
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


def _convert(plain: object, kind: type[T], text: str, name: str, error: type[InputError]) -> T:
    try:
        return msgspec.convert(plain, kind, strict=True)
    except msgspec.ValidationError as problem:
        message = str(problem)
        place = _PATH.search(message)
        path = place["path"] if place else ""
        unknown = _UNKNOWN.search(message)
        if unknown is None:
            shown = message[: place.start()] if place else message
            where = f" (at {path.lstrip('.')})" if path else ""
            raise error(f"{shown}{where}", subject=name, line=_line(text, path)) from problem
        field = unknown["field"]
        known = sorted(_fields(kind))
        close = difflib.get_close_matches(field, known, 1)
        hint = f"did you mean {close[0]}?" if close else None
        where = f" in {path.lstrip('.')}" if path else ""
        raise error(
            f"unknown key {field!r}{where}", subject=name, line=_line(text, f"{path}.{field}"), hint=hint
        ) from problem


def _fields(kind: object, seen: frozenset[object] = frozenset()) -> set[str]:
    """Every key that `kind` or a value inside it knows: what a typing mistake is compared with."""
    if kind in seen:
        return set()
    seen = seen | {kind}
    names: set[str] = set()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            names.add(field.encode_name)
            names |= _fields(field.type, seen)
    else:
        for inner in getattr(kind, "__args__", ()):
            names |= _fields(inner, seen)
    return names


def _line(text: str, path: str) -> int | None:
    """The first line on which the last named key of `path` is written; None when it cannot be told."""
    words = [word for word in re.split(r"[.\[\]]+", path) if word and word != "..." and not word.isdigit()]
    if not words:
        return None
    last = re.escape(words[-1])
    written = re.search(rf'^[ \t]*(?:\[+\s*(?:[^\]\n]*\.)?)?"?{last}"?\s*(?:=|:|\]|\.)', text, re.MULTILINE)
    return text.count("\n", 0, written.start()) + 1 if written else None
