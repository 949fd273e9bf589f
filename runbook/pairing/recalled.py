"""What the versions still know of outputs when the state knows nothing: which source made them. Reads only.

The state may go at any moment, the store does not: each notebook that a sync read or wrote is kept there.
"""

from collections.abc import Iterator, Mapping, Sequence

from runbook.errors import DamagedError, InputError
from runbook.pairing.notebooks import Notebook
from runbook.pairing.observe import parse_notebook
from runbook.pairing.outputs import recalled_makers
from runbook.pairing.session import Session
from runbook.store.history import Entry

_MOST_BYTES = 256 << 20  # a second or two of reading, once; older versions are left out


def recalled(session: Session, name: str, notebook: Notebook) -> Mapping[str, str] | None:
    """By cell id, the makers of outputs that the notebook itself does not tell, as `foreign_makers`: a cell
    that is not in it is told by the notebook. None where there are no versions to ask."""
    if not any(cell.plain.get("outputs") for cell in notebook.cells):
        return {}
    if not session.place.store.is_dir():
        return None
    try:
        kept = [each for each in session.store.history(name) if each.label.startswith("notebook ")]
    except (InputError, DamagedError):
        return None
    return recalled_makers(notebook, _seen(session, kept)) if kept else None


def _seen(session: Session, kept: Sequence[Entry]) -> Iterator[tuple[Notebook, bool]]:
    """The kept versions of the notebook, oldest first, and whether each was written by a sync. One that is
    damaged or gone is left out: the next one of ours says what it said."""
    left = _MOST_BYTES
    first = len(kept)
    while first > 0 and left >= kept[first - 1].size_bytes:
        first -= 1
        left -= kept[first].size_bytes
    for each in kept[first:]:
        try:
            found = parse_notebook(session.store.get(each.digest))
        except (InputError, DamagedError):
            continue
        if isinstance(found, Notebook):
            yield found, each.label == "notebook written"
