"""Declarations: the parameters of a text, read from the step tagged `parameters` (DESIGN §4.4).

Pure, and never executed to be read: `ast` for the statements, our own scanner for the help behind them.
"""

from collections.abc import Sequence

from runbook.text.reasons import Reason
from runbook.text.runbook import Cell, Parameter

TAG = "parameters"


def declared(cells: Sequence[Cell]) -> tuple[tuple[Parameter, ...], tuple[Reason, ...]]:
    """The parameters that `cells` declare, in their order, and every reason against a declaration.

    Never raises. A cell that does not parse declares nothing (the reader says `cell.syntax` itself).
    """
    raise NotImplementedError
