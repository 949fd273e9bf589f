"""Retention: which versions may go. By age, then by size; never the newest of a name's kind, never what is
pinned. Objects that no history names go too, once they are older than any writer could be at work.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from runbook.errors import NotFoundError, StoreDamaged
from runbook.instants import parse_stamp
from runbook.store import history as histories
from runbook.store.history import Entry, History
from runbook.store.keys import object_of
from runbook.store.store import Store


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`age` of a version, `size_bytes` of all that is kept, and the `grace` a new object has before a
    history must name it."""

    age: timedelta = timedelta(days=30)
    size_bytes: int = 500 << 20
    grace: timedelta = timedelta(hours=1)


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What one sweep let go."""

    versions: int
    objects: int
    size_bytes: int


def sweep(store: Store, limits: Limits, *, now: datetime, pinned: Iterable[str]) -> Swept:
    """Let old versions go. `pinned` are digests that stay whatever their age.

    Several sweeps and writers at once are safe: a history is swapped only as it was read, and an object goes
    only if nobody put it again meanwhile. A damaged history keeps every object (nothing can be told from it).
    """
    known, damaged = _read(store)
    stays = {digest.removeprefix("sha256:") for digest in pinned}
    sizes = {
        digits: item.size_bytes for item in store.backend.list("objects/") if (digits := object_of(item.key))
    }
    kept = choose(
        {key: store.entries_of(history) for key, (_, history) in known.items()},
        limits,
        now=now,
        pinned=stays,
        sizes=sizes,
    )
    gone = 0
    for key, (before, history) in known.items():
        entries = store.entries_of(history)
        left = kept[key]
        if left == entries:
            stays |= _named(store, history)
            continue
        after = _shortened(store, history, left)
        if store.backend.swap_ref(key, before, histories.encode(after)):
            gone += len(entries) - len(left)
            stays |= _named(store, after)
        else:
            stays |= _named(store, history)  # somebody added a version: next time
    objects, freed = (0, 0) if damaged else _delete(store, stays, now - limits.grace)
    return Swept(versions=gone, objects=objects, size_bytes=freed)


def choose(
    names: dict[str, tuple[Entry, ...]],
    limits: Limits,
    *,
    now: datetime,
    pinned: set[str],
    sizes: dict[str, int],
) -> dict[str, tuple[Entry, ...]]:
    """Which entries stay, per name. Pure. The oldest go first, over all names."""
    safe: set[tuple[str, int]] = set()
    for name, entries in names.items():
        newest = {entry.label.split(" ", 1)[0]: entry for entry in entries}
        safe |= {(name, entry.number) for entry in newest.values()}
        safe |= {(name, entry.number) for entry in entries if entry.digest in pinned}
    oldest = (now - limits.age).timestamp()
    young = [
        (since, name, entry)
        for name, entries in names.items()
        for since, entry in zip(_since(entries, now.timestamp()), entries, strict=True)
        if (name, entry.number) not in safe and since >= oldest
    ]
    held = pinned | {
        entry.digest for name, entries in names.items() for entry in entries if (name, entry.number) in safe
    }
    room = limits.size_bytes - sum(sizes.get(digest, 0) for digest in held)
    stay = set(safe)
    for _, name, entry in sorted(young, key=lambda found: (-found[0], found[1], -found[2].number)):
        need = 0 if entry.digest in held else sizes.get(entry.digest, entry.size_bytes)
        if need > room:
            break
        room -= need
        held.add(entry.digest)
        stay.add((name, entry.number))
    return {name: tuple(e for e in entries if (name, e.number) in stay) for name, entries in names.items()}


def _since(entries: tuple[Entry, ...], now: float) -> Iterator[float]:
    """When each version was kept: not before the ones in front of it, whatever the clock said meanwhile."""
    latest = float("-inf")
    for entry in entries:
        own = parse_stamp(entry.stamp).timestamp()
        yield max(own, latest)
        latest = max(own, latest) if own <= now else latest


def _read(store: Store) -> tuple[dict[str, tuple[bytes, History]], bool]:
    known: dict[str, tuple[bytes, History]] = {}
    damaged = False
    for key, data in store.refs():
        try:
            history = histories.decode(data, key=key)
            store.entries_of(history)
        except (StoreDamaged, NotFoundError):
            damaged = True
        else:
            known[key] = (data, history)
    return known, damaged


def _shortened(store: Store, history: History, left: tuple[Entry, ...]) -> History:
    """The same history with fewer entries; what is still too much for a ref is moved into objects again."""
    whole = msgspec.structs.replace(history, entries=left, older=None)
    while halves := histories.split(whole, len(histories.encode(whole))):
        older = store.put(histories.encode(halves[0])).removeprefix("sha256:")
        whole = msgspec.structs.replace(halves[1], older=older)
    return whole


def _named(store: Store, history: History) -> set[str]:
    """Every object that a history needs: its versions, its older parts, what was set aside."""
    needed: set[str] = set()
    for digits, part in store.chain_of(history):
        needed |= {entry.digest for entry in part.entries}
        needed |= {each for each in (digits, part.aside) if each}
    return needed


def _delete(store: Store, stays: set[str], before: datetime) -> tuple[int, int]:
    count = freed = 0
    for item in list(store.backend.list("objects/")):
        digits = object_of(item.key)
        if digits is None or digits in stays or item.since > before:
            continue
        if store.backend.delete(item.key, unless_since=before):
            count += 1
            freed += item.size_bytes
    return count, freed
