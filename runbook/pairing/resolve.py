"""Resolving a dispute: a person says whose cells count; what loses stays in the history."""

from datetime import datetime
from typing import Literal

from runbook.canonical import digest
from runbook.errors import ChangedMeanwhile, StorageError, UsageError
from runbook.pairing.flow import Take
from runbook.pairing.observe import TEXT_LIMIT_BYTES, observe
from runbook.pairing.places import Pair, Place
from runbook.pairing.reports import PairReport
from runbook.pairing.round import sync_once
from runbook.pairing.session import Options, Session
from runbook.pairing.writing import finish, write_all
from runbook.system import swap

Answer = Literal["text", "notebook", "both", "edit"]


def resolve(
    place: Place, pair: Pair, *, take: Answer, now: datetime, edited: bytes | None = None
) -> PairReport:
    """Settle what is disputed: the text's cells, the notebook's, or the notebook's behind the text's.

    `edit`: `edited` is the whole text as a person made it out of both (the program opened it in their
    editor); it replaces the text and counts for every disputed cell. Edits that are not disputed are merged
    as always. Raises UsageError, ChangedMeanwhile, StorageError.
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


def _replace_text(session: Session, pair: Pair, edited: bytes) -> None:
    side = observe(session.place, pair.name, limit_bytes=TEXT_LIMIT_BYTES)
    if side.data is not None:
        session.keep_version(pair, side.data, "text saved")
    session.keep_version(pair, edited, "text resolved")
    session.flush_versions(ensure=[] if side.digest is None else [side.digest])
    if side.digest != digest(edited):
        swap.replace_if(side.path, edited, expected=side.digest)
