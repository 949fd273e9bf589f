"""jupytext's opinion, asked where a text is odd: a spelling for which `pairing/texts` does not vouch alone.

Texts in the normal form are never odd, and are not read twice: a differential test over a large corpus holds
that both readers agree there. jupytext takes up to a second to load, and then three milliseconds a text.
"""

import json

from runbook.pairing.cells import plain_of
from runbook.pairing.reports import Problem
from runbook.pairing.texts import Text

_STYLE = ("lines_to_next_cell", "cell_marker")
_HINT = "write the cell's marker as `# %%`; `runbook lint` says more"


def other_reading(text: Text) -> Problem | None:
    """How jupytext reads an odd text otherwise; None when it does not, and for texts that are not odd."""
    if not text.odd:
        return None
    from runbook.text.notebook import jupytext_cells

    theirs = jupytext_cells(text.canonical)
    first = text.odd[0]
    if theirs is None:
        words = f"jupytext cannot read this text ({first.message})"
        return Problem(code="cell.odd", cell=first.cell, line=first.line, message=words, hint=_HINT)
    if text.header.source is not None:
        theirs = theirs[1:]
    for number, cell in enumerate(text.cells):
        mine = (cell.cell.kind, cell.exact, plain_of(cell.cell.meta))
        if number >= len(theirs) or mine != _said(theirs[number]):
            words = f"jupytext reads this cell otherwise ({first.message})"
            return Problem(code="cell.odd", cell=number + 1, line=cell.start + 1, message=words, hint=_HINT)
    if len(theirs) != len(text.cells):
        words = f"jupytext reads {len(theirs)} cells where {len(text.cells)} are meant ({first.message})"
        return Problem(code="cell.odd", line=first.line, message=words, hint=_HINT)
    return None


def _said(cell: dict[str, object]) -> tuple[object, object, dict[str, object]]:
    metadata = cell["metadata"]
    plain = (
        {key: value for key, value in metadata.items() if key not in _STYLE}
        if isinstance(metadata, dict)
        else {}
    )
    return cell["cell_type"], cell["source"], json.loads(json.dumps(plain))
