"""Declarations: the parameters of a text, read from the step tagged `parameters` (DESIGN §4.4).

Pure, and never executed to be read: `ast` for the statements, our own scanner for the help behind them.
Papermill's regular expressions miss `None | str`, `Literal[…]` and every default with `=` in it, and take
`'a#b'` for the default `'a` with the help `b'`; a syntax tree does not.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from runbook.text.conversion import require
from runbook.text.literals import NotLiteral, SecretCall, evaluate, literal
from runbook.text.reasons import Reason, ordered, reason
from runbook.text.runbook import Cell, Parameter
from runbook.text.secret import HOW, parse_source
from runbook.text.spellings import Unfit, shown
from runbook.text.steps import INJECTED
from runbook.text.trees import tree_of
from runbook.text.types import Plain, Type, TypeProblem, of_value, parse, spell

TAG = "parameters"
MAX_HELP = 200

_HINTS = {
    "parameters.derived": "write a literal, and compute from it in a later step: given values are set behind "
    "this step, so a derived one would keep its old value",
    "parameters.default": "make default and annotation agree, or declare it as Text if any text may be given",
    "parameters.injected": "delete the step: a run that gives values leaves it out and writes its own",
    "parameters.name": "choose an ASCII name that does not begin with an underscore",
    "parameters.statement": "move it into a step of its own, behind the parameters",
    "parameters.twice": "keep one declaration of each name",
    "parameters.type": "annotate it with one of the types in docs/reference/parameters.md",
}


def declared(cells: Sequence[Cell]) -> tuple[tuple[Parameter, ...], tuple[Reason, ...]]:
    """The parameters that `cells` declare, in their order, and every reason against a declaration.

    Never raises. A cell that does not parse declares nothing, and of two declaring cells the second (the
    reader refuses such texts as `cell.syntax` and `step.tags`). The reasons here keep a text from being
    approved; in `scratch` it runs, and what can't be given says so.
    """
    reasons = [
        _reason("parameters.injected", cell.line, "a step that an earlier run injected")
        for cell in cells
        if _tagged(cell, INJECTED)
    ]
    declaration = next((cell for cell in cells if _tagged(cell, TAG) and cell.kind == "code"), None)
    if declaration is None:
        return (), ordered(reasons)
    names: dict[str, str] = {}
    for cell in cells[: cells.index(declaration)]:
        if cell.kind == "code" and "import" in cell.source:
            tree = tree_of(cell.source)
            for node in tree.body if tree else ():
                if isinstance(node, ast.Import | ast.ImportFrom):
                    names.update(_imported(node))
    scanner = _Scanner(declaration, names)
    scanner.scan()
    return tuple(scanner.found.values()), ordered(reasons + scanner.reasons)


def _tagged(cell: Cell, tag: str) -> bool:
    tags = dict(cell.options).get("tags", ())
    return isinstance(tags, tuple) and tag in tags


def _reason(code: str, line: int, message: str) -> Reason:
    return reason(code, line, message, _HINTS[code])


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Each name that an import binds, with its full name."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}"
        elif alias.asname:
            yield alias.asname, alias.name
        else:
            top = alias.name.partition(".")[0]
            yield top, top


class _Scanner:
    """Walks the statements of the declaring step once, in order, as the kernel would."""

    def __init__(self, cell: Cell, names: Mapping[str, str]) -> None:
        self.cell = cell
        self.names = dict(names)
        self.lines = cell.source.split("\n")
        self.found: dict[str, Parameter] = {}
        self.reasons: list[Reason] = []

    def scan(self) -> None:
        tree = tree_of(self.cell.source)
        for node in tree.body if tree else ():
            try:
                self._statement(node)
            except RecursionError:
                self._object("parameters.statement", node, "a statement nested too deep to read")

    def _object(self, code: str, node: ast.stmt, message: str) -> None:
        self.reasons.append(_reason(code, self._line(node), message))

    def _line(self, node: ast.stmt) -> int:
        return self.cell.source_line + node.lineno - 1

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.simple:
            self._annotated(node, node.target.id)
        elif (
            isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        ):
            self._plain(node, node.targets[0].id)
        elif not (isinstance(node, ast.Expr) and _is_text(node.value)):
            what = "a magic or `pass`" if isinstance(node, ast.Pass) else "a statement that declares nothing"
            self._object("parameters.statement", node, what)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, full in _imported(node):
            if name == "*":
                # It could bind any name, a parameter's or a type's among them.
                self._object("parameters.statement", node, "an import of everything a module has")
            elif name in self.found:
                self._object("parameters.twice", node, f"the import binds the parameter {name} again")
            self.names[name] = full

    def _annotated(self, node: ast.AnnAssign, name: str) -> None:
        try:
            kind: Type | None = parse(node.annotation, self.names)
        except TypeProblem as problem:
            self._object("parameters.type", node, f"{name}: {problem}")
            kind = None
        self._declare(node, name, kind, node.value)

    def _plain(self, node: ast.Assign, name: str) -> None:
        try:
            value = evaluate(node.value, self.names)
            told = "Secret" if isinstance(value, SecretCall) else of_value(value)
        except NotLiteral:
            told = None
        if told == "":
            self._object("parameters.type", node, f"{name}: its default tells no type of parameters")
        self._declare(node, name, parse(told) if told else None, node.value)

    def _declare(self, node: ast.stmt, name: str, kind: Type | None, default: ast.expr | None) -> None:
        if not name.isascii() or name.startswith("_"):
            self._object("parameters.name", node, f"{shown(name)} is not a parameter's name")
            return
        if name in self.found:
            self._object("parameters.twice", node, f"{name} is declared a second time")
        parameter = Parameter(
            name=name,
            type_text=spell(kind) if kind else "",
            default_source=None,
            help=self._help(node),
            line=self._line(node),
            secret=kind == Plain("Secret"),
            derived=kind is None and default is None,
        )
        # The later declaration takes the earlier one's place in the order, as it does in the kernel.
        self.found.pop(name, None)
        self.found[name] = parameter if default is None else self._defaulted(node, parameter, kind, default)
        # A parameter called `date` is no type any more.
        self.names[name] = f"parameter {name}"

    def _defaulted(
        self, node: ast.stmt, parameter: Parameter, kind: Type | None, default: ast.expr
    ) -> Parameter:
        written = self._written(default)
        try:
            value = evaluate(default, self.names)
        except NotLiteral as problem:
            self._object("parameters.derived", node, f"the default of {parameter.name} is {problem}")
            return msgspec.structs.replace(parameter, default_source=written, derived=True)
        if isinstance(value, SecretCall) or parameter.secret:
            return self._secret(node, parameter, value)
        try:
            if kind is not None:
                require(value, kind)
        except Unfit as problem:
            self._object("parameters.default", node, f"the default of {parameter.name}: {problem}")
        readable = _readable(written, value)
        return msgspec.structs.replace(
            parameter, default_source=readable or written, derived=readable is None
        )

    def _written(self, node: ast.expr) -> str:
        """The source of an expression. `ast.get_source_segment` splits the whole cell for each one."""
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        if last >= len(self.lines):
            return ast.unparse(node)  # as in `_help`: a lone CR, which the reader refuses
        lines = [line.encode("utf-8") for line in self.lines[first : last + 1]]
        lines[-1] = lines[-1][: node.end_col_offset]
        lines[0] = lines[0][node.col_offset :]
        return b"\n".join(lines).decode("utf-8", "replace")

    def _secret(self, node: ast.stmt, parameter: Parameter, value: object) -> Parameter:
        """Whatever the annotation says, what `secret(…)` gives is a secret and is treated as one."""
        fits = parameter.secret and isinstance(value, SecretCall) and parse_source(value)
        if not fits:
            self._object(
                "parameters.default",
                node,
                f"a secret is declared as `{parameter.name}: Secret = secret(…)` with {HOW}",
            )
        written = f"secret({str(value)!r})" if isinstance(value, SecretCall) else None
        return msgspec.structs.replace(parameter, type_text="Secret", secret=True, default_source=written)

    def _help(self, node: ast.stmt) -> str:
        """The comment behind a statement: after its end come only `;`, a backslash or a comment."""
        if node.end_lineno is None or node.end_lineno > len(self.lines):
            return ""  # Python counts a lone CR as a line end, we don't; the reader refuses it anyway
        line = self.lines[node.end_lineno - 1].encode("utf-8")
        rest = line[node.end_col_offset :].decode("utf-8", "replace").strip(" \t;")
        return rest.lstrip("#").strip()[:MAX_HELP] if rest.startswith("#") else ""


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _readable(written: str, value: object) -> str | None:
    """The default as written, or our own literal where the written one needs an import's alias to be read.

    None for a value that has no literal (bytes, a named time zone).
    """
    try:
        mine = literal(value)
    except TypeError:
        return None
    try:
        return written if literal(evaluate(written)) == mine else mine
    except (NotLiteral, TypeError):
        return mine
