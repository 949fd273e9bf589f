"""What one round of syncing works with: the place, its state and store, the wishes of the caller.

Made once per process or daemon; knows no pair.
"""

from collections.abc import Callable, Collection
from datetime import datetime

import msgspec

from runbook.errors import NotFoundError, StoreDamaged
from runbook.pairing.outputs import Outputs
from runbook.pairing.places import Pair, Place
from runbook.pairing.state import Record, State
from runbook.store.folder import nobody
from runbook.store.store import Store, open_store
from runbook.system.swap import Fault, no_fault
from runbook.system.turns import Wait


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`accept`: what looks half-written or suddenly tiny is meant so. `check`: say what would be done, write
    nothing. `patience_seconds`: how long a file that looks half-written is waited for. `tell` hears of what
    concerns no pair alone: damaged parts of state and store. `wait`: how others who are at work here are
    waited for."""

    outputs: Outputs = "drop"
    accept: bool = False
    check: bool = False
    patience_seconds: float = 2.0
    tell: Callable[[str], None] = nobody
    wait: Wait = Wait()


class Session:
    """One opened place. The store is opened when the first version is kept."""

    def __init__(
        self, place: Place, *, now: datetime, options: Options | None = None, fault: Fault = no_fault
    ) -> None:
        self.place = place
        self.now = now
        self.options = options or Options()
        self.fault = fault
        self.state = State(place.state, wait=self.options.wait)
        self._store: Store | None = None
        self._versions: dict[str, list[tuple[str, int, str]]] = {}
        self._records: list[Record] = []

    @property
    def store(self) -> Store:
        if self._store is None:
            self._store = open_store(self.place.store, tell=self.options.tell, wait=self.options.wait)
        return self._store

    def mend(self) -> None:
        """See to it that damage of the state is said and set aside."""
        words = None if self.options.check else self.state.mend()
        if words is not None:
            self.options.tell(words)

    def stored(self, digest: str) -> bytes | None:
        """A version's bytes; None, aloud, when they are damaged or gone: nobody knows what was in step."""
        try:
            return self.store.get(digest)
        except (NotFoundError, StoreDamaged) as error:
            self.options.tell(str(error))
            return None

    def keep_version(self, pair: Pair, data: bytes, label: str) -> str:
        """Put bytes into the store, and remember to add them to the pair's history; returns their digest."""
        digest = self.store.put(data, durable=False)
        self._versions.setdefault(pair.name, []).append((digest, len(data), label))
        return digest

    def flush_versions(self, *, ensure: Collection[str] = ()) -> None:
        """Write the histories of all versions kept since the last time, and make them, and the objects in
        `ensure`, survive a power cut."""
        kept, self._versions = self._versions, {}
        for name, fresh in kept.items():
            self.store.record(name, fresh, now=self.now, durable=False)
        if kept or ensure:
            self.store.ensure_durable(ensure, kept)

    def remember(self, record: Record) -> None:
        """Keep a record at the end of this round."""
        self._records.append(record)

    def flush_records(self) -> None:
        """Write the records that were remembered."""
        records, self._records = self._records, []
        self.state.keep(records)

    def forget_records(self) -> None:
        """Drop the records that were remembered: what they say was not done."""
        self._records = []
