"""Writing both sides of a pair so that a kill at any point loses nothing and is understood afterwards.

1. Every version that was read, and every one about to be written, is in the store.
2. What is about to be replaced survives a power cut there.
3. The intent is in the state, durable: which bytes go to which.
4. The notebook is replaced, then the text, each by compare-and-swap (`system/swap`).
5. The record of the new state; the intent is done.

A restart finds an unfinished intent and tells from the contents how far it got (`finish`).
"""

import contextlib
from pathlib import Path

import msgspec

from runbook.canonical import digest
from runbook.errors import NotFoundError, StoreDamaged
from runbook.pairing.observe import NOTEBOOK_LIMIT_BYTES, TEXT_LIMIT_BYTES, Side, observe, real_path
from runbook.pairing.places import Pair
from runbook.pairing.session import Session
from runbook.pairing.state import Intent, Record
from runbook.system import files, swap


class Writes(msgspec.Struct, frozen=True, kw_only=True):
    """What to write: new bytes for either side (None: it stays)."""

    text: bytes | None = None
    notebook: bytes | None = None


def write(session: Session, pair: Pair, sides: tuple[Side, Side], writes: Writes, record: Record) -> None:
    """Steps 1 to 5. `record` is filled with what is written. Raises ChangedMeanwhile, StorageError: then
    the side that was not yet written is as it was, and the next sync goes on from the contents."""
    text, notebook = sides
    fresh = [
        (data, label)
        for data, label in ((writes.text, "text written"), (writes.notebook, "notebook written"))
        if data is not None
    ]
    session.keep_versions(pair, fresh)  # step 1; what was read was kept when it was read
    session.fault("kept")
    for side, data in ((text, writes.text), (notebook, writes.notebook)):
        if data is not None and side.digest is not None:
            session.store.ensure_durable(side.digest)  # step 2
    new_text = text.digest if writes.text is None else digest(writes.text)
    new_notebook = notebook.digest if writes.notebook is None else digest(writes.notebook)
    done = msgspec.structs.replace(
        record,
        text=new_text,
        notebook=new_notebook,
        base_text=record.base_text or new_text,
        base_notebook=record.base_notebook or new_notebook,
    )
    intent = Intent(
        name=pair.name,
        text=None if writes.text is None else (text.digest, new_text or ""),
        notebook=None if writes.notebook is None else (notebook.digest, new_notebook or ""),
        record=done,
    )
    session.state.intend([intent])  # step 3
    session.fault("intended")
    if writes.notebook is not None:  # step 4
        files.make_folder(notebook.path.parent)
        swap.replace_if(notebook.path, writes.notebook, expected=notebook.digest, fault=session.fault)
    session.fault("between")
    if writes.text is not None:
        files.make_folder(text.path.parent)
        swap.replace_if(text.path, writes.text, expected=text.digest, fault=session.fault)
    session.fault("written")
    session.state.keep([done])  # step 5


def finish(session: Session, pair: Pair) -> str | None:
    """Finish, or give up, what was intended for a pair when its writer was killed; says what was done.

    Told from the contents alone: a side that holds neither the old nor the new bytes was edited since, and
    then nothing is written; only the base is set so that no edit counts twice.
    """
    intent = session.state.intents.get(pair.name)
    if intent is None:
        return None
    keep_leftovers(session, pair)
    text = observe(session.place, pair.name, limit_bytes=TEXT_LIMIT_BYTES)
    notebook = observe(session.place, pair.notebook_name, limit_bytes=NOTEBOOK_LIMIT_BYTES)
    record = intent.record
    text_at = _where(intent.text, text.digest, record.text)
    notebook_at = _where(intent.notebook, notebook.digest, record.notebook)
    if "other" not in (text_at, notebook_at):
        with contextlib.suppress(NotFoundError, StoreDamaged):
            if notebook_at == "old" and intent.notebook is not None:
                data = session.store.get(intent.notebook[1])
                swap.replace_if(notebook.path, data, expected=notebook.digest, fault=session.fault)
            if text_at == "old" and intent.text is not None:
                data = session.store.get(intent.text[1])
                swap.replace_if(text.path, data, expected=text.digest, fault=session.fault)
            session.state.keep([record])
            return "finished what a sync had left half done"
    known = session.state.records.get(pair.name)
    if text_at == "new" and intent.text is not None:
        session.state.keep([record])  # the text goes last: both had been written, and were edited since
    elif notebook_at == "new" and intent.notebook is not None and intent.text is not None and intent.text[0]:
        # The notebook already holds what the text said before: that text is what both grew from.
        base = msgspec.structs.replace(
            record, text=intent.text[0], base_text=intent.text[0], settled=False, conflict=None
        )
        session.state.keep([base])
    elif notebook_at == "new" and intent.text is None:
        session.state.keep([record])
    elif known is not None:
        session.state.keep([known])
    else:
        session.state.forget(pair.name)
    return "found edits on top of a sync that was left half done"


def _where(change: tuple[str | None, str] | None, now: str | None, still: str | None) -> str:
    if change is None:
        return "new" if now == still else "other"
    old, new = change
    return "new" if now == new else "old" if now == old else "other"


def keep_leftovers(session: Session, pair: Pair) -> int:
    """Put what killed writers left beside either side into the history, then remove it.

    Between two steps of a swap the bytes of a save that crossed ours may stand there alone.
    """
    count = 0
    for name in (pair.name, pair.notebook_name):
        path = real_path(session.place, name)
        if not path.parent.is_dir():
            continue
        for left in list(files.leftovers(path.parent)):
            if left.name.startswith(f".{path.name[:100]}.runbook-"):
                _keep_leftover(session, pair, left)
                count += 1
    return count


def _keep_leftover(session: Session, pair: Pair, left: Path) -> None:
    data = files.read(left, limit_bytes=NOTEBOOK_LIMIT_BYTES)
    if data:
        session.keep_versions(pair, [(data, "left behind by a killed sync")])
        session.store.ensure_durable(digest(data))
    files.remove(left)
