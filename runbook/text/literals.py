"""Literals: values as Python source, and Python source as values, without running any of it.

Pure. `literal` writes what evaluates to exactly the same value and type in any namespace: nothing imported,
no builtin's name relied on (a parameter may be called `set`). `evaluate` reads defaults and our own literals
back from the syntax tree; what is not a literal raises NotLiteral and is never executed.
"""

import ast
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

from runbook.text.trees import expression
from runbook.text.types import full_name

MAX_DEPTH = 40


class NotLiteral(ValueError):
    """Source that would have to be run to know its value; the message says which part."""


class SecretCall(str):
    """What stands in `secret("…")`: the place a secret comes from, not the secret."""

    __slots__ = ()


def literal(value: object) -> str:
    """Python source for `value`. Raises TypeError for a type that has no literal here (subclasses too)."""
    return _literal(value, 0)


def _literal(value: object, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise TypeError(f"nested more than {MAX_DEPTH} levels deep")
    kind = type(value)
    if value is None or kind in (bool, str):
        return repr(value)
    if isinstance(value, Path):
        return f'__import__("pathlib").Path({str(value)!r})'
    if kind in _WRITERS:
        return _WRITERS[kind](value)
    inner = depth + 1
    if kind is list:
        assert isinstance(value, list)
        return f"[{', '.join(_literal(item, inner) for item in value)}]"
    if kind is tuple:
        assert isinstance(value, tuple)
        items = ", ".join(_literal(item, inner) for item in value)
        return f"({items},)" if len(value) == 1 else f"({items})"
    if kind is set:
        assert isinstance(value, set)
        # Sorted, because a set's own order changes with the hash seed; `{*()}` because `set()` is a name.
        return f"{{{', '.join(sorted(_literal(item, inner) for item in value)) or '*()'}}}"
    if kind is dict:
        assert isinstance(value, dict)
        pairs = (f"{_literal(key, inner)}: {_literal(item, inner)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    raise TypeError(f"{kind.__name__} has no literal")


def _whole(value: object) -> str:
    assert isinstance(value, int)
    # Python reads no decimal literal of more than 4300 digits; hexadecimal ones have no limit.
    return repr(value) if value.bit_length() < 10_000 else hex(value)


def _float(value: object) -> str:
    assert isinstance(value, float)
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return '__import__("math").nan'
    return '__import__("math").inf' if value > 0 else '-__import__("math").inf'


def _date(value: object) -> str:
    assert isinstance(value, date)
    return f'__import__("datetime").date({value.year}, {value.month}, {value.day})'


def _datetime(value: object) -> str:
    assert isinstance(value, datetime)
    parts = [value.year, value.month, value.day, value.hour, value.minute]
    if value.second or value.microsecond:
        parts.append(value.second)
    if value.microsecond:
        parts.append(value.microsecond)
    written = ", ".join(map(str, parts))
    if value.tzinfo is not None:
        written += f", tzinfo={_zone(value.tzinfo)}"
    if value.fold:
        written += ", fold=1"
    return f'__import__("datetime").datetime({written})'


def _zone(value: object) -> str:
    if type(value) is not timezone:
        raise TypeError(f"the time zone {value} has no literal; use an offset from UTC")
    if value is UTC:
        return '__import__("datetime").timezone.utc'
    if value.tzname(None) != timezone(value.utcoffset(None)).tzname(None):
        raise TypeError(f"the named time zone {value} has no literal; use an offset from UTC")
    return f'__import__("datetime").timezone({_delta(value.utcoffset(None))})'


def _delta(value: object) -> str:
    assert isinstance(value, timedelta)
    parts = (("days", value.days), ("seconds", value.seconds), ("microseconds", value.microseconds))
    written = ", ".join(f"{key}={part}" for key, part in parts if part)
    return f'__import__("datetime").timedelta({written})'


_WRITERS = {int: _whole, float: _float, date: _date, datetime: _datetime, timedelta: _delta}


def evaluate(source: str | ast.expr, names: Mapping[str, str] | None = None) -> object:
    """The value of a literal. `names` maps imported names to full ones, as `types.full_name` wants them.

    Understood beside Python's own literals: `date(…)`, `datetime(…)`, `timedelta(…)`, `timezone.utc`,
    `Path("…")`, `set()`, `float("inf")`, `math.inf`, `secret("…")`, each also as `__import__("module").name`.
    Raises NotLiteral for anything else, and for arguments that these refuse.
    """
    if isinstance(source, str):
        node = expression(source)
        if node is None:
            raise NotLiteral("not a Python literal")
        source = node
    return _Reader(names or {}).read(source, 0)


class _Reader:
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def read(self, node: ast.expr, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise NotLiteral(f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.UnaryOp):
            return self._signed(node, depth)
        if isinstance(node, ast.List):
            return [self.read(item, depth + 1) for item in node.elts]
        if isinstance(node, ast.Tuple):
            return tuple(self.read(item, depth + 1) for item in node.elts)
        if isinstance(node, ast.Set):
            return self._set(node, depth)
        if isinstance(node, ast.Dict):
            return self._dict(node, depth)
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        name = self._name(node)
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        raise NotLiteral("computed by the text")

    def _signed(self, node: ast.UnaryOp, depth: int) -> object:
        inner = self.read(node.operand, depth + 1)
        if isinstance(inner, int | float) and not isinstance(inner, bool):
            if isinstance(node.op, ast.USub):
                return -inner
            if isinstance(node.op, ast.UAdd):
                return inner
        raise NotLiteral("computed by the text")

    def _set(self, node: ast.Set, depth: int) -> object:
        if len(node.elts) == 1 and _is_nothing_spread(node.elts[0]):
            return set()
        items = [self.read(item, depth + 1) for item in node.elts]
        try:
            return set(items)
        except TypeError as error:
            raise NotLiteral(str(error)) from error

    def _dict(self, node: ast.Dict, depth: int) -> object:
        found: dict[object, object] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                raise NotLiteral("computed by the text")
            name = self.read(key, depth + 1)
            if isinstance(name, list | dict | set):
                raise NotLiteral(f"a {type(name).__name__} can't be a key")
            if name in found:
                raise NotLiteral(f"the key {name!r} twice")
            found[name] = self.read(value, depth + 1)
        return found

    def _call(self, node: ast.Call, depth: int) -> object:
        make = _MAKERS.get(self._name(node.func) or "")
        if make is None or any(keyword.arg is None for keyword in node.keywords):
            raise NotLiteral("computed by the text")
        args = [self.read(item, depth + 1) for item in node.args]
        named = {str(keyword.arg): self.read(keyword.value, depth + 1) for keyword in node.keywords}
        try:
            return make(*args, **named)
        except (TypeError, ValueError, OverflowError) as error:
            raise NotLiteral(f"{ast.unparse(node)[:60]}: {error}") from error

    def _name(self, node: ast.expr) -> str | None:
        """The full name, through `__import__("module")` too."""
        after: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            after.append(inner.attr)
            inner = inner.value
        module = _imported_here(inner) if after else None
        return full_name(node, self.names) if module is None else ".".join([module, *reversed(after)])


def _is_nothing_spread(node: ast.expr) -> bool:
    return isinstance(node, ast.Starred) and isinstance(node.value, ast.Tuple) and not node.value.elts


def _imported_here(node: ast.expr) -> str | None:
    """The module in `__import__("module")`, for the few that our own literals name."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__"):
        return None
    if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Constant):
        return None
    module = node.args[0].value
    return module if isinstance(module, str) and module in ("datetime", "math", "pathlib") else None


def _make_path(text: object = None) -> Path:
    if type(text) is not str:
        raise TypeError("Path takes one text")
    return Path(text)


def _make_float(text: object = None) -> float:
    if text not in ("inf", "-inf", "nan"):
        raise TypeError('only float("inf"), float("-inf") and float("nan") are literals')
    return float(str(text))


def _make_set() -> set[object]:
    return set()


def _make_secret(source: object = None) -> SecretCall:
    if type(source) is not str:
        raise TypeError("secret takes one text")
    return SecretCall(source)


_MAKERS: dict[str, Callable[..., object]] = {
    "datetime.date": date,
    "datetime.datetime": datetime,
    "datetime.timedelta": timedelta,
    "datetime.timezone": timezone,
    "pathlib.Path": _make_path,
    "float": _make_float,
    "set": _make_set,
    "runbook.kit.secret": _make_secret,
}
_CONSTANTS: dict[str | None, object] = {
    "datetime.timezone.utc": UTC,
    "datetime.UTC": UTC,
    "math.inf": math.inf,
    "math.nan": math.nan,
}


def plain(source: str) -> str:
    """A literal of ours as people read it: a path as its text, a day as `2026-11-21`, all else as it is
    written. For the screen only: nothing reads it back."""
    try:
        return _plain(evaluate(source))
    except NotLiteral:
        return source


def _plain(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_plain(key)}: {_plain(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        inner = ", ".join(_plain(item) for item in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, set):
        return f"{{{', '.join(sorted(_plain(item) for item in value))}}}" if value else "set()"
    return repr(value) if isinstance(value, str | float) else literal(value)
