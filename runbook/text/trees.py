"""Syntax trees of code cells: how `parameters`, `lint` and `normal` look at code without running it. Pure.

Magics are blanked where they stand, as IPython would take them out; Python's own warnings about the code are
kept away (they are the author's business, and would appear once per reading).
"""

import ast
import warnings

from runbook.text.syntax import parts, without_magics


def tree_of(source: str) -> ast.Module | None:
    """The tree of a code cell, magics as `pass`; None for cell magics and what this Python can't parse."""
    try:
        return _quiet(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    try:
        return None if source.lstrip().startswith("%%") else _quiet(without_magics(source, parts(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def expression(source: str) -> ast.expr | None:
    """The tree of one expression; None for what is none."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _quiet(source: str) -> ast.Module:
    with warnings.catch_warnings(action="ignore"):
        return ast.parse(source)
