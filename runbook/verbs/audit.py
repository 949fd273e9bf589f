"""`audit`: the audit of an execution, as it lies there or rendered anew. Never overwrites evidence."""

from pathlib import Path
from typing import Literal

import msgspec

from runbook.canonical import canonical_json
from runbook.errors import ExistsError, RefusedError
from runbook.evidence.blobs import Blobs
from runbook.evidence.derive import derived, told
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import JournalReader, whole_payload
from runbook.system import files

Form = Literal["md", "html", "ipynb", "json"]


def rendered(folder: ExecutionFolder, form: Form) -> bytes:
    """The audit in this form, rendered from the journal now. Raises EvidenceDamaged."""
    if form == "html":
        from runbook.evidence.exporter import audit_html  # nbconvert, which takes longer than all the rest

        return audit_html(folder)
    if form == "json":
        return _json(folder)
    both = derived(folder)
    return both.audit if form == "md" else both.record


def _json(folder: ExecutionFolder) -> bytes:
    """Plan, standing and every event of the journal, as one canonical object: for programs."""
    what = told(folder)
    blobs = Blobs(folder.blobs)
    events = [
        {"seq": event.seq, "t": event.t, "kind": event.kind, **whole_payload(event, blobs)}
        for event in JournalReader(folder)
    ]
    made = {
        "schema": 1,
        "plan": msgspec.to_builtins(what.account.plan),
        "standing": msgspec.to_builtins(what.account.standing),
        "events": events,
    }
    return canonical_json(made) + b"\n"


def place(folder: ExecutionFolder, form: Form) -> Path:
    """Where this form lies in the execution's own folder."""
    return (
        folder.path
        / {"md": "audit.md", "html": "audit.html", "ipynb": "record.ipynb", "json": "audit.json"}[form]
    )


def write(folder: ExecutionFolder, form: Form, target: Path | None) -> Path:
    """Write it to `target`; without one, to its place in the folder when a crash left it out there.

    What is there already and says the same is fine. Raises ExistsError when it says something else, and
    RefusedError for a run whose journal has no last word: when it goes on, this could not be replaced any
    more, and the run never be sealed.
    """
    data = rendered(folder, form)
    path = target or place(folder, form)
    if target is None and not path.exists():
        _require_a_place(folder, form)
    try:
        files.create(path, data)
    except ExistsError:
        if path.read_bytes() != data:
            raise
    return path


def _require_a_place(folder: ExecutionFolder, form: Form) -> None:
    """Raise unless this form belongs into the folder, and only a crash kept it out."""
    hint = "say --output FILE"
    if folder.is_sealed():
        raise ExistsError(
            "this execution is sealed: nothing is added to its folder", subject=folder.id, hint=hint
        )
    if form in ("html", "json"):
        raise RefusedError(f"{form} is no part of the evidence", subject=folder.id, hint=hint)
    if told(folder).account.standing.sealed is None:
        raise RefusedError(
            "this run has no end yet: its audit would be another", subject=folder.id, hint=hint
        )
