"""The store: bytes by digest, names with history, on any backend.

What is put can be got until retention lets go of it; what is got has the digest that was asked for, or
StoreDamaged is raised. Several processes may use one store at once; nothing here needs a lock of its own.
"""

import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from runbook.canonical import hex_digest
from runbook.errors import LockBusy, NotFoundError, StoreDamaged
from runbook.instants import stamp
from runbook.store import history as histories
from runbook.store.backend import Backend
from runbook.store.folder import Folder, nobody
from runbook.store.history import Entry, History
from runbook.store.keys import name_key, object_key, require_hex
from runbook.system.turns import Wait

_PACK_FROM_BYTES = 4096
_GZIP = 31  # zlib's word for "with gzip's header", so that zcat reads it
_SWAP_TRIES = 200
_UNPACKED_LIMIT_BYTES = 2 << 30


def open_store(folder: Path, *, tell: Callable[[str], None] = nobody, wait: Wait | None = None) -> "Store":
    """The store in a local folder, made when it is missing. `tell` hears, in words, of what was damaged and
    is set aside; `wait`: how other writers are waited for. Raises StorageError, StoreDamaged."""
    return Store(Folder(folder, tell=tell, wait=wait), tell=tell)


class Store:
    """See the module. Digests are spelled `sha256:<hex>` on both sides."""

    def __init__(self, backend: Backend, *, tell: Callable[[str], None] = nobody) -> None:
        self.backend = backend
        self._tell = tell

    def put(self, data: bytes, *, durable: bool = True) -> str:
        """Keep `data` and return its digest. Damaged bytes that stand in its place are healed."""
        digits = hex_digest(data)
        packed = _packed(data)
        key = object_key(digits, packed=packed is not None)
        kept = data if packed is None else packed
        if not self.backend.put(key, kept, durable=durable) and not self._is_whole(digits):
            self.backend.heal(key, kept)
        return f"sha256:{digits}"

    def get(self, digest: str) -> bytes:
        """The bytes with this digest. Raises NotFoundError; StoreDamaged when they are not what was put."""
        digits = require_hex(digest)
        try:
            data = self.backend.get(object_key(digits, packed=False))
        except NotFoundError:
            try:
                data = _unpacked(self.backend.get(object_key(digits, packed=True)), digits)
            except NotFoundError:
                raise NotFoundError(
                    "this version is not in the store (any more)",
                    subject=f"sha256:{digits}",
                    hint="versions go by age and size; `runbook versions NAME` lists what is there",
                ) from None
        if hex_digest(data) != digits:
            raise StoreDamaged("these bytes are not what was put", subject=f"sha256:{digits}")
        return data

    def holds(self, digest: str) -> bool:
        """Whether these bytes are kept (as far as names tell: `get` looks inside)."""
        try:
            return bool(self._key_of(require_hex(digest)))
        except NotFoundError:
            return False

    def ensure_durable(self, digests: Collection[str], names: Collection[str] = ()) -> None:
        """Make objects and histories put without syncs survive a power cut. Raises NotFoundError."""
        keys = [self._key_of(require_hex(each)) for each in digests]
        self.backend.ensure_durable([*keys, *(name_key(name) for name in names)])

    def _key_of(self, digits: str) -> str:
        both = (object_key(digits, packed=False), object_key(digits, packed=True))
        found = next((item.key for item in self.backend.list(both[0]) if item.key in both), None)
        if found is None:
            raise NotFoundError("this version is not in the store (any more)", subject=f"sha256:{digits}")
        return found

    def record(
        self, name: str, fresh: Sequence[tuple[str, int, str]], *, now: datetime, durable: bool = True
    ) -> tuple[Entry, ...]:
        """Add versions (digest, size in bytes, label) to a name's history; returns those that were added.

        A version equal to the newest one whose label begins with the same word is left out. A history that
        cannot be read is set aside as an object, named in the new one, and reported by the check-up.
        """
        key = name_key(name)
        plain = [(require_hex(digest), size_bytes, label) for digest, size_bytes, label in fresh]
        for _ in range(_SWAP_TRIES):
            before = self.backend.read_ref(key)
            known = self._head(key, name, before)
            after = histories.appended(known, plain, stamp=stamp(now))
            if after == known:
                return ()
            data = histories.encode(after)
            if halves := histories.split(after, len(data)):
                older = self.put(histories.encode(halves[0])).removeprefix("sha256:")
                after = msgspec.structs.replace(halves[1], older=older)
                data = histories.encode(after)
            if self.backend.swap_ref(key, before, data, durable=durable):
                return tuple(entry for entry in after.entries if entry.number > known.last)
        raise LockBusy("too many writers add versions to one name", subject=name, hint="try again")

    def history(self, name: str) -> tuple[Entry, ...]:
        """All versions of a name, oldest first; empty for a name nobody recorded. Raises StoreDamaged."""
        key = name_key(name)
        before = self.backend.read_ref(key)
        return () if before is None else self.entries_of(histories.decode(before, key=key))

    def entries_of(self, history: History) -> tuple[Entry, ...]:
        """The entries of a history, those that were moved into objects included."""
        return tuple(entry for _, part in reversed(self.chain_of(history)) for entry in part.entries)

    def chain_of(self, history: History) -> list[tuple[str | None, History]]:
        """A history and the objects (hex) that hold its older parts, newest first. Raises StoreDamaged."""
        chain: list[tuple[str | None, History]] = [(None, history)]
        while (older := chain[-1][1].older) is not None:
            chain.append((older, histories.decode(self.get(older), key=older)))
        return chain

    def names(self) -> Iterator[str]:
        """Every name with a history, sorted by key; those that cannot be read are left to the check-up."""
        for key, data in self.refs():
            try:
                yield histories.decode(data, key=key).name
            except StoreDamaged:
                continue

    def refs(self) -> Iterator[tuple[str, bytes]]:
        """Every name's key and the bytes of its history."""
        for item in self.backend.list("names/"):
            data = self.backend.read_ref(item.key)
            if data is not None:
                yield item.key, data

    def _head(self, key: str, name: str, before: bytes | None) -> History:
        if before is None:
            return History(name=name)
        try:
            return histories.decode(before, key=key)
        except StoreDamaged:
            aside = self.put(before)
            self._tell(f"the versions of {name} could not be read: they are set aside as {aside}")
            return History(name=name, aside=aside.removeprefix("sha256:"))

    def _is_whole(self, digits: str) -> bool:
        try:
            self.get(digits)
        except (StoreDamaged, NotFoundError):
            return False
        return True


def _packed(data: bytes) -> bytes | None:
    """`data` packed when that saves an eighth; the same bytes for the same data."""
    if len(data) < _PACK_FROM_BYTES:
        return None
    packer = zlib.compressobj(level=1, wbits=_GZIP)
    packed = packer.compress(data) + packer.flush()
    return packed if len(packed) * 8 <= len(data) * 7 else None


def _unpacked(data: bytes, digits: str) -> bytes:
    try:
        opener = zlib.decompressobj(wbits=_GZIP)
        plain = opener.decompress(data, _UNPACKED_LIMIT_BYTES)
    except zlib.error as error:
        raise StoreDamaged(
            f"packed bytes that cannot be opened: {error}", subject=f"sha256:{digits}"
        ) from error
    if not opener.eof:
        raise StoreDamaged("packed bytes that are cut off", subject=f"sha256:{digits}")
    return plain
