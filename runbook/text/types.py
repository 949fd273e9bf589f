"""The type language of parameters: what an annotation says, as a frozen value (DESIGN §4.4).

Pure. Read with `ast`, never evaluated. A name counts only for what it was imported as: `Path` from another
package is not `pathlib.Path`. `spell` writes a type so that `parse` reads the same one back with no imports.
"""

import ast
import math
from collections.abc import Mapping
from typing import Literal

import msgspec

from runbook.text.trees import expression

MAX_DEPTH = 12
"""How deep types may nest. A person reads two levels; a generated bomb has thousands."""

Scalar = None | bool | int | str


class TypeProblem(ValueError):
    """An annotation outside the language; the message says which part."""


class Plain(msgspec.Struct, frozen=True):
    """A type without parts. `Any` stands only inside bare `list`, `dict`, `tuple`, `set`: any JSON value."""

    name: Literal[
        "str",
        "int",
        "float",
        "bool",
        "date",
        "datetime",
        "timedelta",
        "Path",
        "Text",
        "Secret",
        "None",
        "Any",
    ]


class Choice(msgspec.Struct, frozen=True):
    """`Literal[…]`: exactly one of these values."""

    values: tuple[Scalar, ...]


class ListOf(msgspec.Struct, frozen=True):
    item: "Type"


class SetOf(msgspec.Struct, frozen=True):
    item: "Type"


class DictOf(msgspec.Struct, frozen=True):
    """`dict[str, value]`: keys are always text, as in every file that values come from."""

    value: "Type"


class TupleOf(msgspec.Struct, frozen=True):
    """`tuple[a, b]`, or with `endless` `tuple[a, ...]` (then `items` holds one type)."""

    items: tuple["Type", ...]
    endless: bool


class Union(msgspec.Struct, frozen=True):
    """One of `members`, tried in this order."""

    members: tuple["Type", ...]


class Bounded(msgspec.Struct, frozen=True):
    """`Annotated[type, Bounds(…)]`: the numbers in `inner` keep these limits."""

    inner: "Type"
    ge: int | float | None = None
    gt: int | float | None = None
    le: int | float | None = None
    lt: int | float | None = None


Type = Plain | Choice | ListOf | SetOf | DictOf | TupleOf | Union | Bounded

_PLAIN: dict[str, Plain] = {
    "str": Plain("str"),
    "int": Plain("int"),
    "float": Plain("float"),
    "bool": Plain("bool"),
    "None": Plain("None"),
    "datetime.date": Plain("date"),
    "datetime.datetime": Plain("datetime"),
    "datetime.timedelta": Plain("timedelta"),
    "pathlib.Path": Plain("Path"),
    "typing.Text": Plain("str"),  # the typing module's old alias of str
    "runbook.kit.Text": Plain("Text"),
    "runbook.kit.Secret": Plain("Secret"),
}
_BARE: dict[str, Type] = {
    "list": ListOf(Plain("Any")),
    "set": SetOf(Plain("Any")),
    "dict": DictOf(Plain("Any")),
    "tuple": TupleOf((Plain("Any"),), endless=True),
}
_SHORT = {
    "date": "datetime.date",
    "datetime": "datetime.datetime",
    "timedelta": "datetime.timedelta",
    "timezone": "datetime.timezone",
    "UTC": "datetime.UTC",
    "Path": "pathlib.Path",
    "Text": "runbook.kit.Text",
    "Secret": "runbook.kit.Secret",
    "Bounds": "runbook.kit.Bounds",
    "secret": "runbook.kit.secret",
    "Literal": "typing.Literal",
    "Annotated": "typing.Annotated",
    "Optional": "typing.Optional",
    "Union": "typing.Union",
}
_OLD = {"typing.List": "list", "typing.Set": "set", "typing.Dict": "dict", "typing.Tuple": "tuple"}
_UNHASHABLE = (ListOf, SetOf, DictOf)


def full_name(node: ast.expr, names: Mapping[str, str]) -> str | None:
    """What a name or dotted name stands for: `dt.date` is `datetime.date` after `import datetime as dt`.

    `names` maps what was imported to its full name. A well-known short name nobody imported (`date`, `Path`)
    is taken for itself. None for anything that is not a name.
    """
    after: list[str] = []
    while isinstance(node, ast.Attribute):
        after.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    # `datetime.date` where nobody imported `datetime`: in front of a dot it is the module, alone the class.
    alone = node.id if after else _SHORT.get(node.id, node.id)
    full = ".".join([names.get(node.id, alone), *reversed(after)])
    return full.removeprefix("builtins.").replace("typing_extensions.", "typing.", 1)


def parse(annotation: str | ast.expr, names: Mapping[str, str] | None = None) -> Type:
    """The type an annotation says. Raises TypeProblem for what is not in the language."""
    if isinstance(annotation, str):
        return _quoted(annotation, names or {}, 0)
    return _parse(annotation, names or {}, 0)


def _quoted(text: str, names: Mapping[str, str], depth: int) -> Type:
    node = expression(text)
    if node is None:
        raise TypeProblem(f"{text[:60]!r} is not an annotation")
    return _parse(node, names, depth + 1)


def _parse(node: ast.expr, names: Mapping[str, str], depth: int) -> Type:
    if depth > MAX_DEPTH:
        raise TypeProblem("types nested too deep to read")
    if isinstance(node, ast.Constant):
        if node.value is None:
            return _PLAIN["None"]
        if isinstance(node.value, str):
            return _quoted(node.value, names, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([node.left, node.right], names, depth)
    if isinstance(node, ast.Subscript):
        return _subscript(node, names, depth)
    name = full_name(node, names) or "this"
    name = _OLD.get(name, name)
    found = _PLAIN.get(name) or _BARE.get(name)
    if found is None:
        raise TypeProblem(f"{name[:60]!r} is not a type of parameters")
    return found


def _union(nodes: list[ast.expr], names: Mapping[str, str], depth: int) -> Type:
    members: list[Type] = []
    for node in nodes:
        # The chain `a | b | c` nests to the left once per member: its own depth is not the type's.
        member = _parse(node, names, depth if isinstance(node, ast.Constant) else depth + 1)
        for each in member.members if isinstance(member, Union) else (member,):
            if each not in members:
                members.append(each)
    if Plain("Secret") in members:
        raise TypeProblem("Secret stands alone: `name: Secret = secret(…)`")
    return members[0] if len(members) == 1 else Union(tuple(members))


def _subscript(node: ast.Subscript, names: Mapping[str, str], depth: int) -> Type:
    name = full_name(node.value, names) or ""
    name = _OLD.get(name, name)
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "typing.Literal":
        return _choice(parts)
    if name == "typing.Annotated":
        return _bounded(parts, names, depth)
    if name == "typing.Optional" and len(parts) == 1:
        return _union([parts[0], ast.Constant(None)], names, depth)
    if name == "typing.Union" and parts:
        return _union(parts, names, depth)
    if name in _BARE:
        return _container(name, parts, names, depth)
    raise TypeProblem(f"{name or 'this'}[…] is not a type of parameters")


def _container(name: str, nodes: list[ast.expr], names: Mapping[str, str], depth: int) -> Type:
    endless = name == "tuple" and len(nodes) == 2 and _is_ellipsis(nodes[1])
    parts = tuple(_parse(node, names, depth + 1) for node in (nodes[:1] if endless else nodes))
    if any(part == Plain("Secret") for part in parts):
        raise TypeProblem("Secret stands alone: a secret inside a container would be written down")
    if name == "tuple" and parts:
        return TupleOf(parts, endless=endless)
    if name == "dict" and len(parts) == 2:
        if parts[0] not in (Plain("str"), Plain("Text")):
            raise TypeProblem("the keys of a dict are str")
        return DictOf(parts[1])
    if name == "list" and len(parts) == 1:
        return ListOf(parts[0])
    if name == "set" and len(parts) == 1:
        if isinstance(parts[0], _UNHASHABLE):
            raise TypeProblem("a set holds no lists, sets or dicts")
        return SetOf(parts[0])
    raise TypeProblem(f"{name}[…] has the wrong number of parts")


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _choice(nodes: list[ast.expr]) -> Choice:
    values: list[Scalar] = []
    for node in nodes:
        value = _number(node) if isinstance(node, ast.UnaryOp) else getattr(node, "value", ...)
        if not (isinstance(node, ast.Constant | ast.UnaryOp) and _is_scalar(value)) or _is_huge(value):
            raise TypeProblem("Literal[…] holds text, whole numbers, True, False and None")
        assert value is None or isinstance(value, bool | int | str)
        values.append(value)
    if len({(type(value), value) for value in values}) != len(values):
        raise TypeProblem("Literal[…] names a value twice")
    return Choice(tuple(values))


def _is_scalar(value: object) -> bool:
    return value is None or type(value) in (bool, int, str)


def _is_huge(value: object) -> bool:
    """More digits than Python writes in decimal: no number a person compares with."""
    return isinstance(value, int) and value.bit_length() > 3000


def _number(node: ast.expr) -> int | float | None:
    """A number as written, with its sign; None for anything else, True and False among it."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _number(node.operand)
        if inner is None:
            return None
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        assert isinstance(node.value, int | float)
        return None if _is_huge(node.value) else node.value
    return None


def _bounded(nodes: list[ast.expr], names: Mapping[str, str], depth: int) -> Type:
    if len(nodes) != 2 or not isinstance(nodes[1], ast.Call):
        raise TypeProblem("Annotated[…] is a type and one Bounds(…)")
    call = nodes[1]
    if full_name(call.func, names) != "runbook.kit.Bounds" or call.args or not call.keywords:
        raise TypeProblem("Annotated[…] understands Bounds(ge=…, gt=…, le=…, lt=…) only")
    limits: dict[str, int | float] = {}
    for keyword in call.keywords:
        limit = _number(keyword.value)
        if keyword.arg not in ("ge", "gt", "le", "lt") or limit is None or not math.isfinite(limit):
            raise TypeProblem("Bounds(…) takes ge, gt, le and lt, each a number")
        limits[keyword.arg] = limit
    inner = _parse(nodes[0], names, depth + 1)
    members = inner.members if isinstance(inner, Union) else (inner,)
    if not any(member in (Plain("int"), Plain("float")) for member in members):
        raise TypeProblem("Bounds(…) limit int and float")
    if {"ge", "gt"} <= set(limits) or {"le", "lt"} <= set(limits):
        raise TypeProblem("Bounds(…) takes one lower and one upper limit: ge or gt, le or lt")
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    if low is not None and high is not None and low > high:
        raise TypeProblem("these Bounds(…) let no number through")
    return Bounded(inner, ge=limits.get("ge"), gt=limits.get("gt"), le=limits.get("le"), lt=limits.get("lt"))


def spell(kind: Type) -> str:
    """The one spelling of a type: short names, `|` for unions, `X | None` for optional ones."""
    if isinstance(kind, Plain):
        return kind.name
    if isinstance(kind, Choice):
        return f"Literal[{', '.join(map(repr, kind.values))}]"
    if isinstance(kind, Union):
        return " | ".join(map(spell, kind.members))
    if isinstance(kind, Bounded):
        limits = ((key, getattr(kind, key)) for key in ("ge", "gt", "le", "lt"))
        written = ", ".join(f"{key}={limit!r}" for key, limit in limits if limit is not None)
        return f"Annotated[{spell(kind.inner)}, Bounds({written})]"
    for word, bare in _BARE.items():
        if kind == bare:
            return word
    if isinstance(kind, ListOf):
        return f"list[{spell(kind.item)}]"
    if isinstance(kind, SetOf):
        return f"set[{spell(kind.item)}]"
    if isinstance(kind, DictOf):
        return f"dict[str, {spell(kind.value)}]"
    return f"tuple[{', '.join(map(spell, kind.items))}{', ...' if kind.endless else ''}]"


def of_value(value: object) -> str:
    """The type text that a plain default tells: `int` for 30, `list` for `[1]`; empty when it tells none."""
    name = type(value).__name__
    if isinstance(value, str | bool | int | float | list | dict | tuple | set):
        return name
    if name in ("date", "datetime", "timedelta"):
        return name
    return "Path" if name in ("PosixPath", "WindowsPath") else ""
