"""A backend in memory: the second implementation of the promises, for tests and for trying things out.

Keeps the same rules as the folder, threads included; forgets everything with the process.
"""

import threading
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from runbook.errors import NotFoundError
from runbook.store.backend import REF_LIMIT_BYTES, Item
from runbook.store.keys import require_key
from runbook.system import clock


class Memory:
    """See `store/backend`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[bytes, datetime]] = {}
        self._refs: dict[str, tuple[bytes, datetime]] = {}

    def put(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        with self._lock:
            there = self._objects.get(require_key(key))
            self._objects[key] = (there[0] if there else bytes(data), clock.now())
            return there is None

    def get(self, key: str) -> bytes:
        with self._lock:
            there = self._objects.get(require_key(key))
        if there is None:
            raise NotFoundError("no such object", subject=key)
        return there[0]

    def list(self, prefix: str) -> Iterator[Item]:
        with self._lock:
            both = {**self._objects, **self._refs}
        for key in sorted(both):
            if key.startswith(prefix):
                data, since = both[key]
                yield Item(key=key, size_bytes=len(data), since=since)

    def delete(self, key: str, *, unless_since: datetime | None = None) -> bool:
        with self._lock:
            there = self._objects.get(require_key(key))
            if there is None or (unless_since is not None and there[1] > unless_since):
                return False
            del self._objects[key]
            return True

    def read_ref(self, key: str) -> bytes | None:
        with self._lock:
            there = self._refs.get(require_key(key))
        return there[0] if there else None

    def swap_ref(
        self, key: str, expected: bytes | None, value: bytes | None, *, durable: bool = True
    ) -> bool:
        if value is not None and len(value) > REF_LIMIT_BYTES:
            raise ValueError(f"a ref of {len(value)} bytes")
        with self._lock:
            there = self._refs.get(require_key(key))
            if (there[0] if there else None) != expected:
                return False
            if value is None:
                self._refs.pop(key, None)
            else:
                self._refs[key] = (bytes(value), clock.now())
            return True

    def ensure_durable(self, keys: Collection[str]) -> None:
        for key in keys:
            if self.read_ref(key) is None:
                self.get(key)

    def heal(self, key: str, data: bytes) -> None:
        with self._lock:
            self._objects[require_key(key)] = (bytes(data), clock.now())

    def damage(self, key: str, data: bytes) -> None:
        """For tests: other bytes under a key, as a bad disk would leave them."""
        with self._lock:
            self._objects[require_key(key)] = (bytes(data), clock.now() - timedelta(days=400))
