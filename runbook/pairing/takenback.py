"""A notebook's edit that takes the text's newest edit back: what JupyterLab's *Overwrite* does. Reads only.

JupyterLab saves the whole notebook as it was opened, so a cell that the text changed meanwhile stands there
as it was before. That is an edit like any other, and flows; but nobody may have meant it, so it is said.
"""

from collections import Counter

from runbook.errors import NotFoundError, StoreDamaged
from runbook.pairing.cells import Cell
from runbook.pairing.session import Session
from runbook.pairing.texts import Text, read_text
from runbook.store.history import Entry


def taken_back(session: Session, name: str, now: Text, *, digest: str | None, after: Text) -> int | None:
    """The version of the text that stands there (`now`, with its digest), when `after`, which the notebook is
    about to make of it, takes back what a person last saved in the text; else None."""
    try:
        texts = [each for each in session.store.history(name) if each.label.split(" ")[0] == "text"]
        here = next((each for each in reversed(texts) if f"sha256:{each.digest}" == digest), None)
        edited = next((i for i, each in reversed(list(enumerate(texts))) if each.label == "text saved"), 0)
        if here is None or edited == 0:
            return None
        before, saved = _text(session, texts[edited - 1]), _text(session, texts[edited])
    except (NotFoundError, StoreDamaged):
        return None
    if before is None or saved is None:
        return None
    return here.number if is_taken_back(before, saved, now, after) else None


def is_taken_back(before: Text, saved: Text, now: Text, after: Text) -> bool:
    """Whether a cell that the edit from `before` to `saved` replaced or removed comes back, or one that it
    only added goes, with the step from `now` to `after`. Pure."""
    was, became = _cells(before), _cells(saved)
    removed, added = was - became, became - was
    here, there = _cells(now), _cells(after)
    if removed:
        return bool(removed & (there - here))
    return bool(added & (here - there)) and there.total() < here.total()


def _cells(text: Text) -> Counter[Cell]:
    return Counter(own.cell for own in text.cells)


def _text(session: Session, entry: Entry) -> Text | None:
    found = read_text(session.store.get(entry.digest))
    return found if isinstance(found, Text) else None
