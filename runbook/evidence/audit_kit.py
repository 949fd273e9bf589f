"""The kit's own records in an audit: commands and notes in one line each. Pure.

A record is what the step says of itself, and is shown as such: all of its values are inert, and one that has
not the shape of a record falls back to its keys (`audit_steps.told`).
"""

import shlex
from collections.abc import Iterable, Mapping

from runbook.evidence.events import Event
from runbook.evidence.page import Said, Words
from runbook.kit.protocol import MIME

_SHORT = 300


def is_only_kit(data: Mapping[str, object]) -> bool:
    """Whether a display is nothing but a record of the kit's, with or without its plain words."""
    return MIME in data and set(data) <= {MIME, "text/plain"}


def without_starts(events: Iterable[Event]) -> list[Event]:
    """The remarks, less the beginnings of commands whose end is among them."""
    remarks = list(events)
    ended = {event.payload.get("id") for event in remarks if event.payload.get("what") == "sh"}
    return [
        event
        for event in remarks
        if event.payload.get("what") != "sh-started" or event.payload.get("id") not in ended
    ]


def told(event: Event) -> Words | None:
    """The words for a record that this version knows; None for any other event."""
    if event.kind == "attached":
        return attached(event)
    if event.kind != "kit":
        return None
    match event.payload:
        case {"what": "note", "words": str(words)}:
            return "note: ", Said(_cut(words))
        case {"what": "sh-started", "argv": [*argv]}:
            return "began ", Said(_command(argv, event.payload)), ", and its end was not told"
        case {"what": "sh", "argv": [*argv], "ms": int(ms), "began": str(began)}:
            return (
                Said(_command(argv, event.payload)),
                f" {_end(event.payload)} after {ms // 1000}.{ms % 1000:03} s; began ",
                Said(_cut(began)),
                _sizes(event.payload),
            )
    return None


def attached(event: Event) -> Words:
    """A file that was kept. Name and path are the step's word, size and digest are not."""
    name, path = Said(_cut(event.text("name"))), Said(_cut(event.text("path")))
    blob = Said(f"blobs/{event.text('sha256')}")
    return name, f", {event.number('bytes')} bytes, kept as ", blob, ", from ", path


def _command(argv: list[object], payload: Mapping[str, object]) -> str:
    is_line = payload.get("shell") is True and len(argv) == 1
    return _cut(str(argv[0]) if is_line else shlex.join(map(str, argv)))


def _end(payload: Mapping[str, object]) -> str:
    if payload.get("dry_run") is True:
        return "was not run (dry run)"
    if payload.get("timed_out") is True:
        return "was ended by its time limit"
    if payload.get("interrupted") is True:
        return "was interrupted"
    code = payload.get("code")
    words = f"ended with {code}" if isinstance(code, int) else "ended"
    return f"{words}: the way to the host failed" if payload.get("transport") is True else words


def _sizes(payload: Mapping[str, object]) -> str:
    sizes = []
    for name in ("stdout", "stderr"):
        stream = payload.get(name)
        size = stream.get("bytes") if isinstance(stream, Mapping) else None
        if isinstance(size, int):
            sizes.append(f"; {name} {size} bytes")
    return "".join(sizes)


def _cut(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[:_SHORT]} … {len(text) - _SHORT} characters more"
