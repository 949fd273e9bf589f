"""Writing both sides of pairs so that a kill at any point loses nothing and is understood afterwards.

1. Every version that was read, and every one about to be written, is in the store and in the history, and
   what is about to be replaced survives a power cut there.
2. The intents are in the state, durable: which bytes go to which.
3. The notebook is replaced, then the text, each by compare-and-swap (`system/swap`).
4. The records of the new state; the intents are done.

Many pairs take each step together: a disk commits many small files hardly slower than one. A restart finds an
unfinished intent and tells from the contents how far it got (`finish`).
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from runbook.canonical import digest
from runbook.errors import NotFoundError, RunbookError, StorageError, StoreDamaged
from runbook.pairing.observe import NOTEBOOK_LIMIT_BYTES, TEXT_LIMIT_BYTES, Side, observe, real_path
from runbook.pairing.places import Pair
from runbook.pairing.session import Session
from runbook.pairing.state import Intent, Record
from runbook.system import files, swap

_WRITERS = 8


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """New bytes for either side of a pair (None: it stays), what both sides were read as, and what is to be
    remembered once they are written."""

    pair: Pair
    sides: tuple[Side, Side]
    text: bytes | None = None
    notebook: bytes | None = None
    record: Record

    @property
    def intent(self) -> Intent:
        text, notebook = self.sides
        new_text = text.digest if self.text is None else digest(self.text)
        new_notebook = notebook.digest if self.notebook is None else digest(self.notebook)
        done = msgspec.structs.replace(
            self.record,
            text=new_text,
            notebook=new_notebook,
            base_text=self.record.base_text or new_text,
            base_notebook=self.record.base_notebook or new_notebook,
        )
        return Intent(
            name=self.pair.name,
            text=None if self.text is None else (text.digest, new_text or ""),
            notebook=None if self.notebook is None else (notebook.digest, new_notebook or ""),
            record=done,
        )


def write_all(session: Session, writes: Sequence[Write]) -> dict[str, RunbookError]:
    """Steps 1 to 4. Returns, by pair, why a write was not (wholly) done: ChangedMeanwhile when somebody
    saved meanwhile. The side that was not yet written is then as they left it, and `finish` sorts it out."""
    replaced: set[str] = set()
    for each in writes:
        for side, data, which in zip(
            each.sides, (each.text, each.notebook), ("text", "notebook"), strict=True
        ):
            if data is None:
                continue
            if side.data is not None and side.digest is not None:
                replaced.add(side.digest)
                if not session.store.holds(side.digest):  # seen before; the store was taken away since
                    session.keep_version(each.pair, side.data, f"{which} saved")
            session.keep_version(each.pair, data, f"{which} written")
    session.flush_versions(ensure=replaced)  # step 1
    session.fault("kept")
    intents = {each.pair.name: each.intent for each in writes}
    session.state.intend(list(intents.values()))  # step 2
    session.fault("intended")
    wrong: dict[str, RunbookError] = {}
    for each, error in zip(writes, _in_turn(session, writes), strict=True):  # step 3
        if error is not None:
            wrong[each.pair.name] = error
    _sync_names(writes, wrong)
    session.fault("written")
    session.state.keep([intents[name].record for name in intents if name not in wrong])  # step 4
    return wrong


def _sync_names(writes: Sequence[Write], wrong: Mapping[str, RunbookError]) -> None:
    """Make the new names of step 3 survive a power cut, and the files that were not there before."""
    done = [each for each in writes if each.pair.name not in wrong]
    sides = [
        (side, data)
        for each in done
        for side, data in zip(each.sides, (each.text, each.notebook), strict=True)
        if data is not None
    ]
    with contextlib.suppress(NotFoundError):  # gone again: somebody deleted it meanwhile
        files.make_durable([side.path for side, _ in sides if side.digest is None])
    for folder in sorted({side.path.parent for side, _ in sides}):
        with contextlib.suppress(NotFoundError):
            files.sync_folder(folder)


def _in_turn(session: Session, writes: Sequence[Write]) -> list[RunbookError | None]:
    """Each pair's two files; several pairs side by side, because nearly all of the time is the disk's."""

    def one(each: Write) -> RunbookError | None:
        try:
            _replace_both(session, each)
        except RunbookError as error:
            return error
        return None

    if len(writes) < 3 or session.fault is not swap.no_fault:
        return [one(each) for each in writes]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_WRITERS) as pool:
        return list(pool.map(one, writes))


def _replace_both(session: Session, each: Write) -> None:
    text, notebook = each.sides
    for side, data in ((notebook, each.notebook), (text, each.text)):
        if data is not None:
            if side.digest is None:
                files.make_folder(side.path.parent)
            swap.replace_if(side.path, data, expected=side.digest, fault=session.fault, sync_folder=False)
        session.fault("between")


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
    text_at = _where(intent.text, text.digest, intent.record.text)
    notebook_at = _where(intent.notebook, notebook.digest, intent.record.notebook)
    if "other" not in (text_at, notebook_at):
        with contextlib.suppress(NotFoundError, StoreDamaged):
            if notebook_at == "old" and intent.notebook is not None:
                data = session.store.get(intent.notebook[1])
                swap.replace_if(notebook.path, data, expected=notebook.digest, fault=session.fault)
            if text_at == "old" and intent.text is not None:
                data = session.store.get(intent.text[1])
                swap.replace_if(text.path, data, expected=text.digest, fault=session.fault)
            session.state.keep([intent.record])
            return "finished what a sync had left half done"
    _set_base(session, pair, intent, (text_at, notebook_at))
    return "found edits on top of a sync that was left half done"


def _set_base(session: Session, pair: Pair, intent: Intent, found: tuple[str, str]) -> None:
    """What both sides grew from, when one was edited after the kill. The notebook is written first."""
    text_at, notebook_at = found
    record = intent.record
    known = session.state.records.get(pair.name)
    if text_at == "new" and intent.text is not None:
        session.state.keep([record])  # the text goes last: both had been written, and were edited since
    elif notebook_at == "new" and intent.notebook is not None and intent.text is None:
        session.state.keep([record])
    elif notebook_at == "new" and intent.notebook is not None and intent.text is not None and intent.text[0]:
        # The notebook already holds what the text said before: that text is what both grew from.
        base = msgspec.structs.replace(
            record, text=intent.text[0], base_text=intent.text[0], settled=False, conflict=None
        )
        session.state.keep([base])
    elif known is not None:
        session.state.keep([known])
    else:
        session.state.forget(pair.name)


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
        for left in _leftovers(path.parent):
            if left.name.startswith(f".{path.name[:100]}.runbook-"):
                _keep_leftover(session, pair, left)
                count += 1
    return count


def _leftovers(folder: Path) -> list[Path]:
    try:
        return list(files.leftovers(folder))
    except NotFoundError:
        return []
    except StorageError as error:
        if isinstance(error.__cause__, NotADirectoryError):
            return []
        raise


def _keep_leftover(session: Session, pair: Pair, left: Path) -> None:
    data = files.read(left, limit_bytes=NOTEBOOK_LIMIT_BYTES)
    if data:
        session.keep_version(pair, data, "left behind by a killed sync")
        session.flush_versions(ensure=[digest(data)])
    files.remove(left)
