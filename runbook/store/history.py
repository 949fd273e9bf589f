"""A name's history: a line of JSON per version, oldest first. Pure: bytes in, values out.

The first line names the format, the name, and where older lines were moved once there were many. A ref is
read and written whole, so it stays small: `split` moves the older half into an object.
"""

import json
from collections.abc import Sequence

import msgspec

from runbook.canonical import canonical_json
from runbook.errors import StorageError, StoreDamaged

FORMAT = 1
SPLIT_BYTES = 64 * 1024


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One version: `number` counts from 1, never used twice; `digest` is hex; `label` says whose it is."""

    number: int
    digest: str
    size_bytes: int
    stamp: str
    label: str


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What one ref holds. `older` and `aside` are objects (hex): lines moved away, and damaged bytes that
    were set aside when the history was begun anew."""

    name: str
    entries: tuple[Entry, ...] = ()
    older: str | None = None
    aside: str | None = None
    last: int = 0  # the highest number ever given out


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: int
    name: str
    older: str | None
    aside: str | None
    last: int


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Entry)


def encode(history: History) -> bytes:
    head = {
        "format": FORMAT,
        "name": history.name,
        "older": history.older,
        "aside": history.aside,
        "last": history.last,
    }
    # A name may hold surrogates (a file name that is not UTF-8), which msgspec's encoder refuses.
    return canonical_json(head) + b"\n" + _ENCODER.encode_lines(history.entries)


def decode(data: bytes, *, key: str) -> History:
    """Read a ref back. Raises StoreDamaged for what `encode` did not write, StorageError for a newer one."""
    try:
        head_line, _, rest = data.partition(b"\n")
        if data[-1:] != b"\n":
            raise ValueError("its last line is cut off")
        first = json.loads(head_line)
        number = first.get("format") if isinstance(first, dict) else None
        if isinstance(number, int) and number > FORMAT:
            raise StorageError(
                f"this history has format {number}, this program knows {FORMAT}",
                subject=key,
                hint="update runbook; nothing was changed",
            )
        head = msgspec.convert(first, _Head)
        entries = tuple(_DECODER.decode_lines(rest))
        if len(entries) != rest.count(b"\n"):
            raise ValueError("not one version in each line")
    except (ValueError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StoreDamaged(f"a history that cannot be read: {error}", subject=key) from error
    numbers = [entry.number for entry in entries]
    if numbers != sorted(set(numbers)) or (numbers and numbers[-1] > head.last):
        raise StoreDamaged("a history whose numbers do not grow", subject=key)
    return History(name=head.name, entries=entries, older=head.older, aside=head.aside, last=head.last)


def appended(history: History, fresh: Sequence[tuple[str, int, str]], *, stamp: str) -> History:
    """With new versions (digest, size, label) behind; one that equals the newest of its label is left out."""
    entries = list(history.entries)
    number = history.last
    newest = {entry.label.split(" ", 1)[0]: entry.digest for entry in entries}
    for digest, size_bytes, label in fresh:
        group = label.split(" ", 1)[0]
        if newest.get(group) == digest:
            continue
        newest[group] = digest
        number += 1
        entries.append(Entry(number=number, digest=digest, size_bytes=size_bytes, stamp=stamp, label=label))
    return msgspec.structs.replace(history, entries=tuple(entries), last=number)


def split(history: History, size_bytes: int) -> tuple[History, History] | None:
    """(the older half, the rest) once the ref got large (`size_bytes`, as `encode` spells it); None before.
    The caller keeps the older half as an object and names it in the rest."""
    if size_bytes <= SPLIT_BYTES or len(history.entries) < 4:
        return None
    middle = len(history.entries) // 2
    older = msgspec.structs.replace(
        history, entries=history.entries[:middle], last=history.entries[middle - 1].number
    )
    return older, msgspec.structs.replace(history, entries=history.entries[middle:])
