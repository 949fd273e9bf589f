"""One output of a command: handed on as it comes, and kept within a limit.

Kept whole up to `KEPT_BYTES`; beyond that only the head and the tail, with the size and the digest of all.
"""

import codecs
import hashlib
from collections import deque
from collections.abc import Callable
from typing import Any

from runbook.kit.surroundings import masks

KEPT_BYTES = 64 << 20
EDGE_BYTES = 4 << 10


class Capture:
    """Takes the bytes of one pipe. `show` gets them as text, decoded as UTF-8 across chunks, what is not
    UTF-8 replaced."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show = show
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._digest = hashlib.sha256()
        self._chunks: list[bytes] | None = []
        self._head = b""
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self.size = 0

    def take(self, data: bytes) -> None:
        self.size += len(data)
        self._digest.update(data)
        if len(self._head) < EDGE_BYTES:
            self._head += data[: EDGE_BYTES - len(self._head)]
        self._keep_tail(data)
        if self._chunks is not None:
            self._chunks.append(data)
            if self.size > KEPT_BYTES:
                self._chunks = None
        text = self._decoder.decode(data)
        if text:
            self._show(text)

    def finish(self) -> None:
        text = self._decoder.decode(b"", final=True)
        if text:
            self._show(text)

    def whole(self) -> bytes | None:
        """All of it, or None when it was more than is kept."""
        return None if self._chunks is None else b"".join(self._chunks)

    def tail(self) -> str:
        tail = b"".join(self._tail)[-EDGE_BYTES:]
        return _shown(tail.decode("utf-8", "replace"), cut_before=len(tail) < self.size)

    def record(self) -> dict[str, Any]:
        """Size, digest and both ends, for the supervisor. The tail begins where the head ends, or later."""
        rest = self.size - len(self._head)
        tail = b"".join(self._tail)[-min(EDGE_BYTES, rest) :] if rest else b""
        return {
            "bytes": self.size,
            "sha256": self._digest.hexdigest(),
            "head": _shown(self._head.decode("utf-8", "replace"), cut_after=bool(rest)),
            "tail": _shown(tail.decode("utf-8", "replace"), cut_before=bool(rest)),
        }

    def _keep_tail(self, data: bytes) -> None:
        self._tail.append(data[-EDGE_BYTES:])
        self._tail_size += len(self._tail[-1])
        while self._tail_size - len(self._tail[0]) >= EDGE_BYTES:
            self._tail_size -= len(self._tail.popleft())


def _shown(text: str, *, cut_before: bool = False, cut_after: bool = False) -> str:
    """A piece of the output as it may be told: a secret that the cut goes through is known only here."""
    known = masks()
    return text if known is None else known.mask_piece(text, cut_before=cut_before, cut_after=cut_after)
