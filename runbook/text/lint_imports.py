"""Findings about imports: a file of the workspace that does not come along, and is imported. Pure.

Steps find the standard library, what is installed beside the interpreter, and what `includes:` names. Plain
Python would find the files beside the runbook too, so the mistake is easily made, and seen only in a run.
"""

import ast
from collections.abc import Iterator, Mapping

from runbook.text.includes import Tree


def undeclared(node: ast.AST, neighbours: Mapping[str, str]) -> Iterator[str]:
    """What to say of an import in a step. `neighbours`: names of modules that do not come along, and where
    they are."""
    if isinstance(node, ast.ImportFrom) and node.level:
        name = "." * node.level + (node.module or "")
        yield f"a step is no module of a package: {name} can't be imported"
        return
    for name in _names(node):
        path = neighbours.get(name.partition(".")[0])
        if path is not None:
            yield f"{name} is {path}, which does not come along"


def undeclared_inside(tree: Tree, neighbours: Mapping[str, str]) -> Iterator[str]:
    """What to say of the imports in included Python files; one that can't be parsed says nothing."""
    for file in tree.files:
        if not file.path.endswith(".py"):
            continue
        try:
            nodes = ast.walk(ast.parse(file.data))
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in nodes:
            for name in _names(node):
                path = neighbours.get(name.partition(".")[0])
                if path is not None:
                    line = getattr(node, "lineno", 1)
                    yield f"{file.path}:{line}: {name} is {path}, which does not come along"


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module or ""
    elif isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
