"""Resolving a dispute: a person says whose cells count; what loses stays in the history."""

from datetime import datetime
from typing import Literal

import msgspec

from runbook.errors import ChangedMeanwhile, StorageError, UsageError
from runbook.pairing.flow import Take, notebook_root, side_of
from runbook.pairing.notebooks import Notebook
from runbook.pairing.observe import parse_notebook
from runbook.pairing.places import Pair, Place
from runbook.pairing.reports import PairReport
from runbook.pairing.round import sync_once
from runbook.pairing.session import Options, Session
from runbook.pairing.view import sides_of
from runbook.pairing.writing import finish, write_all
from runbook.system import swap

Answer = Literal["text", "notebook", "both", "edit"]


class Edited(msgspec.Struct, frozen=True, kw_only=True):
    """The whole `text` as a person made it out of both sides, and the bytes of both (`seen`) when they began;
    None: that side was not there."""

    text: bytes
    seen: tuple[bytes | None, bytes | None]


def resolve(
    place: Place, pair: Pair, *, take: Answer, now: datetime, edited: Edited | None = None
) -> PairReport:
    """Settle what is disputed: the text's cells, the notebook's, or the notebook's behind the text's.

    `edit`: what they made of both in their editor replaces the text and counts for every disputed cell. Who
    edits takes time: where either side was saved meanwhile, they have not seen it, and their text is kept as
    a version alone (ChangedMeanwhile). Edits that are not disputed are merged as always. Raises UsageError,
    ChangedMeanwhile, StorageError.
    """
    if (take == "edit") != (edited is not None):
        raise UsageError("the answer `edit` goes with the edited text, and no other does")
    session = Session(place, now=now, options=Options(accept=True))
    side: Take = "text" if take == "edit" else take
    with session.state.locked():
        finish(session, pair)
        if edited is not None:
            _replace_text(session, pair, edited)
        for _ in range(5):
            found = sync_once(session, pair, take=side)
            if found.report is None:
                raise UsageError("there is nothing to resolve here", subject=pair.name)
            wrong = write_all(session, [found.write]) if found.write is not None else {}
            session.flush_versions()
            session.flush_records()
            if not wrong:
                return found.report
            finish(session, pair)
            if not isinstance(wrong[pair.name], ChangedMeanwhile):
                raise wrong[pair.name]
    raise StorageError("the files do not stop changing", subject=pair.name, hint="wait for the other writer")


def _replace_text(session: Session, pair: Pair, edited: Edited) -> None:
    text, notebook = sides_of(session, pair)
    for side, label in ((text, "text saved"), (notebook, "notebook saved")):
        if side.data is not None:
            session.keep_version(pair, side.data, label)
    kept = session.keep_version(pair, edited.text, "text resolved")
    session.flush_versions(ensure=[kept, *([] if text.digest is None else [text.digest])])
    name = pair.name if text.data != edited.seen[0] else pair.notebook_name
    if name == pair.name or not _says_the_same(notebook.data, edited.seen[1]):
        number = next(
            e.number for e in reversed(session.store.history(pair.name)) if f"sha256:{e.digest}" == kept
        )
        raise ChangedMeanwhile(
            f"it was saved by somebody else while you edited; your text is version {number}",
            subject=name,
            hint=f"see what yours is missing: `runbook diff {pair.name}@{number} {pair.name}`; resolve again",
        )
    if text.digest != kept:
        swap.replace_if(text.path, edited.text, expected=text.digest)


def _says_the_same(notebook: bytes | None, before: bytes | None) -> bool:
    """Whether a notebook has the cells it had; its outputs may be others."""
    if notebook is None or before is None or notebook == before:
        return notebook == before
    now, then = parse_notebook(notebook), parse_notebook(before)
    if not isinstance(now, Notebook) or not isinstance(then, Notebook):
        return False
    return side_of(now) == side_of(then) and notebook_root(now) == notebook_root(then)
