"""What a backend promises: a handful of verbs on keys and bytes, small enough for a folder and for S3.

Every backend passes `tests/conformance/test_store.py`. Keys are those of `store/keys`; a backend checks
them on the way in and leaves out of its lists what is not a key. All verbs raise StorageError when the
outside does not answer, and NotFoundError where it is said; nothing else gets out.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Protocol

import msgspec

REF_LIMIT_BYTES = 256 * 1024
"""A ref is small: it is read and written whole."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a list, the size of its bytes, and when they were last put or refreshed."""

    key: str
    size_bytes: int
    since: datetime


class Backend(Protocol):
    """Objects never change once they are there; refs change by compare-and-swap only.

    Several processes may use one backend at once: of two that put the same key one makes it, of two that
    swap the same ref one wins. A reader sees bytes whole or not at all.
    """

    def put(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        """Keep `data` under `key` if nothing is there; whether it was this call that made it.

        What is there already counts as put now (`Item.since`). `durable=False` may be lost in a power
        cut, never in a kill.
        """
        ...

    def get(self, key: str) -> bytes:
        """The bytes under `key`. Raises NotFoundError."""
        ...

    def list(self, prefix: str) -> Iterator[Item]:
        """All objects and refs whose key begins with `prefix`, sorted by key."""
        ...

    def delete(self, key: str, *, unless_since: datetime | None = None) -> bool:
        """Take an object away, unless it was put (again) after `unless_since`; whether it was taken."""
        ...

    def read_ref(self, key: str) -> bytes | None:
        """The value of a ref, or None."""
        ...

    def swap_ref(
        self, key: str, expected: bytes | None, value: bytes | None, *, durable: bool = True
    ) -> bool:
        """Set a ref from `expected` to `value` (None: not there) and say whether it was as expected."""
        ...

    def ensure_durable(self, keys: Collection[str]) -> None:
        """Make up for `durable=False`, for many keys at once. Raises NotFoundError."""
        ...

    def heal(self, key: str, data: bytes) -> None:
        """Put `data` in place of damaged bytes under `key`."""
        ...
