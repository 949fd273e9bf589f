"""The spool's format, and its writer: every message a kernel publishes, in a file before it is sent.

Lives in the kernel's process, which may be another interpreter without this package: standard library only,
loaded from its file by `bootstrap`. Reading is `spool`.

A spool is a folder of segments `<20 digits>.spool`, named for the number of their first record. A segment is

    "runbook spool 1\\n"  the number of its first record (8 bytes)
    records:  body length (4)  crc32 of all that follows (4)  number (8)  body
    body:     for each part of the message: its length (4) and its bytes

All integers big-endian. Numbers are 1, 2, 3 …; one that is missing was published and could not be kept. A
record is written with one call and never changed; the last of a segment may be torn by a crash. It outlives
the kernel and the supervisor, not a power cut: what must survive that is the journal.
"""

import contextlib
import os
import struct
import threading
import zlib
from collections.abc import Sequence

MAGIC = b"runbook spool 1\n"
SUFFIX = ".spool"
SEGMENT_HEAD = struct.Struct(">16sQ")
RECORD_HEAD = struct.Struct(">IIQ")
PART_HEAD = struct.Struct(">I")
LARGEST_BODY = (1 << 32) - 1

_AT_ONCE = 512  # buffers per writev; POSIX promises at least 16, Linux and macOS take 1024


def segment_name(first: int) -> str:
    return f"{first:020d}{SUFFIX}"


def encode(number: int, parts: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
    """One record as the list of its pieces. Raises ValueError when it is above 4 GiB."""
    pieces: list[bytes | memoryview] = [b""]
    size, crc = 0, zlib.crc32(number.to_bytes(8, "big"))
    for part in parts:
        view = memoryview(part).cast("B") if len(part) else b""
        head = PART_HEAD.pack(len(view)) if len(view) <= LARGEST_BODY else b""
        if not head:
            raise ValueError("a part above 4 GiB")
        crc = zlib.crc32(view, zlib.crc32(head, crc))
        size += len(head) + len(view)
        pieces += (head, view)
    if size > LARGEST_BODY:
        raise ValueError("a message above 4 GiB")
    pieces[0] = RECORD_HEAD.pack(size, crc, number)
    return pieces


class SpoolWriter:
    """Appends records. Safe to call from any thread of the process that made it; does nothing in a fork."""

    def __init__(self, folder: str, *, segment_bytes: int) -> None:
        """Begin a new spool in `folder`, which must have none. Raises OSError."""
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103 - a kernel's path of modules is short
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._number = 0
        self._descriptor = -1
        self._size = 0
        self._segments: list[int] = []
        self._open(1)

    def append(self, parts: Sequence[bytes | memoryview]) -> tuple[int, bool]:
        """Keep one message; returns its number and whether it is kept.

        A disk that is full does not stop the step: the number is used up, what was half written is taken
        away again, and the reader sees that a number is missing.
        """
        if os.getpid() != self._pid:  # a fork has our descriptor and our number: it must not use them
            return 0, False
        with self._lock:
            self._number += 1
            try:
                pieces = encode(self._number, parts)
                if self._descriptor < 0 or self._size >= self._segment_bytes:
                    self._open(self._number)
                self._write(pieces)
            except (OSError, ValueError):
                self._mend()
                return self._number, False
            return self._number, True

    def backlog(self) -> int:
        """About how many bytes are kept that nobody has released (by taking whole segments away)."""
        with self._lock:
            self._segments = [first for first in self._segments if os.path.exists(self._path(first))]  # noqa: PTH110
            return max(0, len(self._segments) - 1) * self._segment_bytes + self._size

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0 and os.getpid() == self._pid:
                os.close(self._descriptor)
                self._descriptor = -1

    def _path(self, first: int) -> str:
        return f"{self._folder}/{segment_name(first)}"

    def _open(self, first: int) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(self._path(first), flags, 0o600)
        try:
            os.write(descriptor, SEGMENT_HEAD.pack(MAGIC, first))
        except OSError:
            os.close(descriptor)
            os.unlink(self._path(first))  # noqa: PTH108 - or the name is taken at the next attempt
            raise
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._size = descriptor, SEGMENT_HEAD.size
        self._segments.append(first)

    def _write(self, pieces: list[bytes | memoryview]) -> None:
        total = sum(len(piece) for piece in pieces)
        if len(pieces) > _AT_ONCE:
            pieces = [b"".join(pieces)]
        written = os.writev(self._descriptor, pieces)
        if written < total:  # a large record, or a disk filling up: go on until it fails aloud
            rest = memoryview(b"".join(pieces))[written:]
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        self._size += total

    def _mend(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
