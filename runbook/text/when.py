"""The `when` of a step (DESIGN §4.3): a small expression over parameters, checked and then evaluated. Pure.

Evaluated from the syntax tree, never by `eval`: names of parameters that are not secret and `environment`,
literals, comparisons, `and`, `or`, `not`, `in`. No calls, attributes, subscripts, arithmetic or formatting,
so that nothing but a comparison can happen. The answer is true or false, never "something that counts as
true".
"""

import ast
import operator
from collections.abc import Callable, Collection, Iterator, Mapping

from runbook.errors import ParameterError

ENVIRONMENT = "environment"
MAX_CHARACTERS = 400
_MAX_NODES = 100

_COMPARISONS: dict[type[ast.cmpop], Callable[[object, object], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,  # type: ignore[dict-item]  # what can't be ordered raises, and that is said
    ast.LtE: operator.le,  # type: ignore[dict-item]  # as above
    ast.Gt: operator.gt,  # type: ignore[dict-item]  # as above
    ast.GtE: operator.ge,  # type: ignore[dict-item]  # as above
    ast.In: lambda one, many: operator.contains(many, one),  # type: ignore[arg-type]  # as above
    ast.NotIn: lambda one, many: not operator.contains(many, one),  # type: ignore[arg-type]  # as above
}
_ALLOWED = (
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.Compare,
    *_COMPARISONS,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.Set,
)


class _Unfit(ValueError):
    pass


def check(expression: str, known: Collection[str]) -> str | None:
    """What is wrong with `expression`, or None. `known` are the parameters it may name (the secret ones left
    out); `environment` is known always. Never raises, and evaluates nothing."""
    try:
        tree = _tree(expression)
    except _Unfit as problem:
        return str(problem)
    for name in _names(tree):
        if name != ENVIRONMENT and name not in known:
            return f"{name!r} is neither a parameter that is not secret nor `{ENVIRONMENT}`"
    return None


def evaluate(expression: str, names: Mapping[str, object]) -> bool:
    """The answer, with `names` as the values of parameters and of `environment`.

    Raises ParameterError when the expression is not allowed, names something unknown, compares what can't be
    compared, or its answer is neither True nor False.
    """
    try:
        value = _value(_tree(expression), names)
        return _truth(value)
    except _Unfit as problem:
        raise ParameterError([f"when={expression!r}: {problem}"]) from problem


def _tree(expression: str) -> ast.expr:
    if len(expression) > MAX_CHARACTERS:
        raise _Unfit(f"longer than {MAX_CHARACTERS} characters")
    if not (expression.isascii() and expression.isprintable()):
        raise _Unfit("it holds characters outside printable ASCII")
    if "\\" in expression:
        raise _Unfit("it holds a backslash")
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _Unfit("it is not an expression") from error
    nodes = list(ast.walk(tree))
    if len(nodes) > _MAX_NODES:
        raise _Unfit("it is too long to be understood")
    for node in nodes:
        if not isinstance(node, _ALLOWED):
            raise _Unfit(
                f"it holds `{ast.unparse(node) or type(node).__name__}`; only parameters, literals, "
                "comparisons, and, or, not, in are allowed"
            )
        if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | bool | None):
            raise _Unfit(f"it holds the literal {node.value!r}; only texts, numbers, True, False, None")
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            _require_number(node.operand)
    return tree


def _require_number(node: ast.expr) -> None:
    value = node.value if isinstance(node, ast.Constant) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Unfit("a minus stands before something that is not a number")


def _names(tree: ast.expr) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def _value(node: ast.expr, names: Mapping[str, object]) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise _Unfit(f"{node.id!r} has no value")
        return names[node.id]
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [_value(item, names) for item in node.elts]
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, names)
        if isinstance(node.op, ast.Not):
            return not _truth(inner)
        if isinstance(inner, int | float):
            return -inner
    if isinstance(node, ast.BoolOp):
        # Every operand is looked at up to the one that decides, as in Python.
        decides = isinstance(node.op, ast.Or)
        return next((decides for item in node.values if _truth(_value(item, names)) is decides), not decides)
    if isinstance(node, ast.Compare):
        return _compared(node, names)
    raise _Unfit("it is not an expression that can be evaluated")


def _compared(node: ast.Compare, names: Mapping[str, object]) -> bool:
    left = _value(node.left, names)
    for kind, item in zip(node.ops, node.comparators, strict=True):
        right = _value(item, names)
        try:
            holds = bool(_COMPARISONS[type(kind)](left, right))
        except TypeError as error:
            raise _Unfit(f"`{ast.unparse(node)}` compares what can't be compared: {error}") from error
        if not holds:
            return False
        left = right
    return True


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _Unfit(f"{value!r} is neither True nor False: compare it with something")
