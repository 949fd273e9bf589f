"""`resolve`: a person says whose version of what is disputed counts; the other stays in the history."""

import contextlib
import tempfile
from datetime import datetime
from pathlib import Path

from runbook.errors import DeclinedError, NotFoundError, UsageError
from runbook.pairing.observe import NOTEBOOK_LIMIT_BYTES, TEXT_LIMIT_BYTES
from runbook.pairing.places import Pair, Place
from runbook.pairing.reports import PairReport
from runbook.pairing.resolve import Answer, Edited
from runbook.pairing.resolve import resolve as settle
from runbook.pairing.session import Options
from runbook.pairing.state import State
from runbook.pairing.sync import sync_pair
from runbook.system import files
from runbook.verbs.editor import open_in_editor
from runbook.verbs.sync import pair_named, place_of
from runbook.workspace import Surroundings, Workspace


def resolve(
    workspace: Workspace, name: str, *, take: Answer | None, around: Surroundings, now: datetime
) -> PairReport:
    """Settle it. `edit` opens a copy of the text and the conflict copy in the person's editor; what they save
    counts. Where nothing is disputed it is a sync. Raises UsageError for a text that is no runbook, and,
    without an answer, one that says what is disputed; DeclinedError when they save nothing."""
    place = place_of(workspace, around)
    pair = pair_named(workspace, name, around=around)
    if take is None:
        raise _asked(place, pair, now)
    edited = _edited(place, pair, around) if take == "edit" else None
    return settle(place, pair, take=take, now=now, edited=edited)


def _asked(place: Place, pair: Pair, now: datetime) -> UsageError:
    """What there is to settle, and the words for it. Writes nothing."""
    report = sync_pair(place, pair, now=now, options=Options(check=True))
    if report.action != "conflict":
        words = f"nothing is disputed here ({report.message})"
        return UsageError(words, subject=pair.name, hint=f"`runbook sync {pair.name}`")
    shown = f"; both versions are in {report.conflict}" if _is_there(place, report.conflict) else ""
    return UsageError(
        f"whose version counts? {report.message}{shown}",
        subject=pair.name,
        hint=f"`runbook resolve {pair.name} --take text` (or: notebook, both, edit); what loses stays in "
        f"`runbook versions {pair.name}`",
    )


def _is_there(place: Place, name: str | None) -> bool:
    return name is not None and (place.root / name).exists()


def _edited(place: Place, pair: Pair, around: Surroundings) -> Edited:
    if not (around.env.get("VISUAL") or around.env.get("EDITOR")):
        raise UsageError(
            "neither VISUAL nor EDITOR is set", subject=pair.name, hint="or: `--take text|notebook|both`"
        )
    record = State(place.state).records.get(pair.name)
    text = files.read(place.root / pair.name, limit_bytes=TEXT_LIMIT_BYTES)
    notebook: bytes | None = None
    with contextlib.suppress(NotFoundError):
        notebook = files.read(place.root / pair.notebook_name, limit_bytes=NOTEBOOK_LIMIT_BYTES)
    with tempfile.TemporaryDirectory(prefix="runbook-resolve-") as folder:
        copy = Path(folder) / Path(pair.name).name
        files.create(copy, text, mode=0o600, durable=False)
        conflict = record.conflict if record is not None else None
        beside = (place.root / conflict,) if conflict is not None and _is_there(place, conflict) else ()
        open_in_editor(copy, env=around.env, subject=pair.name, beside=beside)
        edited = files.read(copy, limit_bytes=TEXT_LIMIT_BYTES)
    if edited == text:
        raise DeclinedError(
            "nothing was changed in the editor",
            subject=pair.name,
            hint="to keep the text as it is: `--take text`",
        )
    return Edited(text=edited, seen=(text, notebook))
