"""What one round of syncing works with: the place, its state and store, the wishes of the caller.

Made once per process or daemon; knows no pair.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from runbook.pairing.outputs import Outputs
from runbook.pairing.places import Pair, Place
from runbook.pairing.state import State
from runbook.store.store import Store, open_store
from runbook.system.swap import Fault, no_fault


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`accept`: what looks half-written or suddenly tiny is meant so. `check`: say what would be done, write
    nothing. `patience_seconds`: how long a file that looks half-written is waited for."""

    outputs: Outputs = "drop"
    accept: bool = False
    check: bool = False
    patience_seconds: float = 2.0


class Session:
    """One opened place. The store is opened when the first version is kept."""

    def __init__(
        self, place: Place, *, now: datetime, options: Options | None = None, fault: Fault = no_fault
    ) -> None:
        self.place = place
        self.now = now
        self.options = options or Options()
        self.fault = fault
        self.state = State(place.state)
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        if self._store is None:
            self._store = open_store(self.place.store)
        return self._store

    def keep_versions(self, pair: Pair, versions: Sequence[tuple[bytes, str]]) -> None:
        """Keep bytes with their labels ("text saved") in the pair's history. Whole after a kill; `ensure`
        makes what is about to be replaced survive a power cut."""
        fresh = [(self.store.put(data, durable=False), len(data), label) for data, label in versions]
        if fresh:
            self.store.record(pair.name, fresh, now=self.now)
