"""Blobs: what is too large for a journal line, each a file named by the sha256 of its bytes. An edge.

A blob is made whole and durable before the event that names it, and is never overwritten: putting the same
bytes again is silent. Reading one checks it.
"""

import re
from pathlib import Path

from runbook.canonical import hex_digest
from runbook.errors import EvidenceDamaged, ExistsError, FormatError, NotFoundError
from runbook.system import files

BLOB_LIMIT_BYTES = 1 << 30
"""The largest blob that is read into memory."""

_NAME = re.compile(r"[0-9a-f]{64}")


def is_name(text: str) -> bool:
    """Whether a blob can be called this: the sha256 of its bytes, in hex."""
    return _NAME.fullmatch(text) is not None


class Blobs:
    """The blobs of one execution, in `folder` (made with the first of them)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: set[str] = set()

    def put(self, data: bytes) -> str:
        """Keep `data`; returns its sha256 (hex), which is its name. Durable when it returns.

        Raises StorageError when it can't be written.
        """
        name = hex_digest(data)
        if name in self._known:
            return name
        if not self._known:
            files.make_folder(self.folder)
        try:
            files.create(self.folder / name, data)
        except ExistsError:
            self.get(name)  # there already: it must be what it is called
        self._known.add(name)
        return name

    def get(self, name: str) -> bytes:
        """The bytes called `name` (sha256, hex). Raises EvidenceDamaged when they are gone or changed."""
        place = f"{self.folder.name}/{name}"
        if not is_name(name):
            raise EvidenceDamaged("not the name of a blob", subject=f"{self.folder.name}/{ascii(name)[1:-1]}")
        try:
            data = files.read_inside(self.folder, name, limit_bytes=BLOB_LIMIT_BYTES)
        except NotFoundError as error:
            raise EvidenceDamaged("a blob that the journal names is missing", subject=place) from error
        except FormatError as error:
            raise EvidenceDamaged(error.message, subject=place) from error
        if hex_digest(data) != name:
            raise EvidenceDamaged("a blob's bytes are not what its name says", subject=place)
        return data
