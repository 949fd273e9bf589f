"""Referred: the blobs that a journal's events name, so that one that is gone or changed is noticed though
nobody shows it. Reads each of them once, moved payloads twice: they name blobs too. An edge, writes nothing.
"""

from collections.abc import Iterator, Mapping

from runbook.errors import EvidenceDamaged
from runbook.evidence.blobs import Blobs, is_name
from runbook.evidence.events import Event
from runbook.evidence.journal import whole_payload


class Referred:
    """Takes the events in their order; `damaged` says what is wrong with each blob that can't be had."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._seen: set[str] = set()
        self.damaged: list[EvidenceDamaged] = []

    def feed(self, event: Event) -> None:
        """Look at what the next event names. Raises EvidenceDamaged for a moved payload that is none."""
        moved = event.payload.get("blob")
        if isinstance(moved, str) and not self._look(moved):
            return
        for name in _names(whole_payload(event, self._blobs)):
            self._look(name)
        if event.kind == "attached":
            self._look(event.text("sha256"))

    def _look(self, name: str) -> bool:
        if name not in self._seen:
            self._seen.add(name)
            try:
                self._blobs.get(name)
            except EvidenceDamaged as error:
                self.damaged.append(error)
                return False
        return True


def _names(value: object) -> Iterator[str]:
    """Every blob that is named in a payload: marked forms, and the buffers of a message."""
    if isinstance(value, Mapping):
        name, buffers = value.get("$blob"), value.get("buffers")
        if isinstance(name, str):
            yield name
        if isinstance(buffers, list):
            yield from (buffer for buffer in buffers if isinstance(buffer, str) and is_name(buffer))
        for inner in value.values():
            yield from _names(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _names(inner)
