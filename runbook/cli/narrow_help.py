"""Help at a narrow terminal: typer leaves ten columns for its words there, behind thirty for the options.

Below 60 columns the words stand below an option that is wide; above, and in the reference, nothing changes.
"""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from runbook.cli.folding import cells

_NARROW = 60
_FIRST_COLUMN = 10
_CONTEXT: Any = TyperGroup.context_class  # typer's click is its own, and has no public name
_FORMATTER: Any = _CONTEXT.formatter_class


class _Formatter(_FORMATTER):  # type: ignore[misc]  # see _CONTEXT
    """Typer's own, with a first column that fits."""

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        if self.width < _NARROW:
            col_max = _FIRST_COLUMN
            rows = [(_broken(first, self.width - 2), second) for first, second in rows]
        super().write_dl(rows, col_max=col_max, col_spacing=col_spacing)


class Context(_CONTEXT):  # type: ignore[misc]  # see _CONTEXT
    """Typer's own, with this help."""

    formatter_class = _Formatter


def _broken(option: str, columns: int) -> str:
    """An option with its choices, in lines of at most `columns`: broken behind a blank or a bar."""
    lines = [""]
    for piece in option.replace(" ", " \0").replace("|", "|\0").split("\0"):
        if lines[-1] and cells(lines[-1] + piece.rstrip()) > columns:
            lines.append("    ")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)
