"""Reading the spool: what a kernel published, also after its death and while it still writes.

Never writes into a spool; `release` takes whole segments away. A torn last record is a fact to report, not
an error: the kernel was killed while it wrote, or is writing now. The format stands in `spool_writer`.
"""

import itertools
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from runbook.errors import NotFoundError
from runbook.execution.spool_writer import MAGIC, PART_HEAD, RECORD_HEAD, SEGMENT_HEAD, SUFFIX, segment_name
from runbook.system import files
from runbook.system.files import storage_errors

_CHUNK = 1 << 20


class SpoolRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One published message: `parts` are the wire's header, parent, metadata, content and buffers."""

    number: int
    parts: tuple[bytes, ...]


class SpoolEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Where reading stopped. `last`: the number of the last whole record given, or `after`. `torn`: bytes
    behind it that are not a whole record: cut off by a crash, or being written. `missing`: numbers that were
    published and are not there, as (first, last): a full disk, or segments released too early."""

    last: int
    torn: int
    missing: tuple[tuple[int, int], ...]


class SpoolReader:
    """Goes through the records of a spool once, in order, and can be asked again for newer ones.

    `after`: the number of the last record that the caller has; what is before is skipped, whole segments
    without being opened.
    """

    def __init__(self, folder: Path, *, after: int = 0) -> None:
        self._folder = folder
        self._last = after
        self._segment = 0  # the first number of the segment being read; 0 before the first
        self._offset = 0
        self._torn = 0
        self._missing: list[tuple[int, int]] = []

    def records(self) -> Iterator[SpoolRecord]:
        """The records that are there now and were not given before. Raises StorageError."""
        while True:
            if not self._segment and not self._enter(self._oldest_wanted()):
                return
            yield from self._rest_of_segment()
            following = min((first for first in segments(self._folder) if first > self._segment), default=0)
            if not following:
                return
            # Between our last read and this look the writer may have added to the segment and left it.
            yield from self._rest_of_segment()
            self._enter(following)

    def end(self) -> SpoolEnd:
        """What is known once `records` was read to its end."""
        return SpoolEnd(last=self._last, torn=self._torn, missing=tuple(self._missing))

    def _oldest_wanted(self) -> int:
        firsts = segments(self._folder)
        return max((first for first in firsts if first <= self._last + 1), default=min(firsts, default=0))

    def _enter(self, first: int) -> bool:
        self._segment, self._offset, self._torn = first, 0, 0
        return first > 0

    def _rest_of_segment(self) -> Iterator[SpoolRecord]:
        path = self._folder / segment_name(self._segment)
        try:
            with storage_errors(path):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except NotFoundError:
            return  # released meanwhile
        with os.fdopen(descriptor, "rb", buffering=_CHUNK) as file:
            if not self._offset:
                head = file.read(SEGMENT_HEAD.size)
                if head != SEGMENT_HEAD.pack(MAGIC, self._segment):
                    self._torn = os.fstat(descriptor).st_size
                    return
                self._offset = SEGMENT_HEAD.size
            file.seek(self._offset)
            while (record := _next_record(file)) is not None:
                self._offset += record[1]
                if record[0].number > self._last:
                    self._note_missing(record[0].number)
                    self._last = record[0].number
                    yield record[0]
            self._torn = max(0, os.fstat(descriptor).st_size - self._offset)

    def _note_missing(self, number: int) -> None:
        if number > self._last + 1:
            self._missing.append((self._last + 1, number - 1))


def _next_record(file: BinaryIO) -> tuple[SpoolRecord, int] | None:
    """The next whole record and its size in the file; None for nothing, and for what is not one."""
    head = file.read(RECORD_HEAD.size)
    if len(head) < RECORD_HEAD.size:
        return None
    size, crc, number = RECORD_HEAD.unpack(head)
    body = file.read(size)
    if len(body) < size or zlib.crc32(body, zlib.crc32(number.to_bytes(8, "big"))) != crc:
        return None
    parts, at = [], 0
    while at < size:
        head = body[at : at + PART_HEAD.size]
        if len(head) < PART_HEAD.size or at + PART_HEAD.size + int.from_bytes(head, "big") > size:
            return None  # what no writer of ours wrote
        at += PART_HEAD.size + int.from_bytes(head, "big")
        parts.append(body[at - int.from_bytes(head, "big") : at])
    return SpoolRecord(number=number, parts=tuple(parts)), RECORD_HEAD.size + size


def segments(folder: Path) -> tuple[int, ...]:
    """The first numbers of the segments that are there, in order. Raises StorageError."""
    with storage_errors(folder):
        try:
            names = [path.name for path in folder.iterdir()]
        except FileNotFoundError:
            return ()
    stems = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    return tuple(sorted(int(stem) for stem in stems if len(stem) == 20 and stem.isdecimal()))


def release(folder: Path, *, up_to: int) -> int:
    """Take away the segments whose every record has a number of at most `up_to`; returns how many.

    The newest segment stays always: the kernel writes to it. Raises StorageError.
    """
    firsts = segments(folder)
    done = [first for first, following in itertools.pairwise(firsts) if following <= up_to + 1]
    for first in done:
        files.remove(folder / segment_name(first))
    return len(done)
