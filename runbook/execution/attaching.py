"""Files that steps attach: from the staging folder into the execution's blobs. An edge of the supervisor.

The kit has copied each file into the staging folder under its sha256 and tells of it by a message. A step can
send what it likes, so nothing of that is believed: the bytes are read again here, following no link, and kept
under the digest that they really have. Never reads a file of the step's own.
"""

from collections.abc import Callable, Mapping

import msgspec

from runbook.canonical import Json, hex_digest
from runbook.errors import EvidenceDamaged, FormatError, NotFoundError
from runbook.evidence.blobs import Blobs, is_name
from runbook.evidence.folder import ExecutionFolder
from runbook.kit.attaching import FILE_BYTES, RUN_BYTES, RUN_FILES
from runbook.system import files

_NAME_CHARACTERS = 200
_PATH_CHARACTERS = 4096


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is kept now, or (`problem`) why it is not."""

    payload: dict[str, Json]
    problem: str | None = None


class Attachments:
    """What the steps of one run attach. Counts, so that they can't fill the disk."""

    def __init__(self, folder: ExecutionFolder, blobs: Blobs) -> None:
        self._folder = folder
        self._blobs = blobs
        self._files = 0
        self._bytes = 0

    def take(
        self, record: Mapping[str, object], *, holding: Callable[[bytes], str | None] = lambda data: None
    ) -> Attached:
        """Keep the file that this record of the kit is about, unless `holding` names a secret in it.

        Raises StorageError when the disk does not take it; what is wrong with record or file is the answer's
        `problem`.
        """
        digest, name, path = (str(record.get(key)) for key in ("sha256", "name", "path"))
        payload: dict[str, Json] = {
            "name": _line(name, _NAME_CHARACTERS),
            "path": _line(path, _PATH_CHARACTERS),
        }
        if not is_name(digest):
            return Attached(payload=payload, problem="what was told of it has no digest")
        if self._files >= RUN_FILES or self._bytes >= RUN_BYTES:
            return Attached(payload=payload, problem="more is attached than a run keeps")
        try:
            size = self._keep(digest, holding)
        except NotFoundError:
            return Attached(payload=payload, problem="its copy is not there")
        except (FormatError, EvidenceDamaged) as error:
            return Attached(payload=payload, problem=error.message)
        self._files += 1
        self._bytes += size
        return Attached(payload={**payload, "bytes": size, "sha256": digest})

    def settle(self, attached: Attached) -> None:
        """The journal has it: the copy is not needed any more."""
        digest = attached.payload.get("sha256")
        if attached.problem is None and isinstance(digest, str):
            files.remove(self._folder.staging / digest)

    def _keep(self, digest: str, holding: Callable[[bytes], str | None]) -> int:
        """Its size, once it is among the blobs. It may be there already, from before a crash."""
        try:
            data = files.read_inside(self._folder.path, f"spool/attached/{digest}", limit_bytes=FILE_BYTES)
        except NotFoundError:
            if not (self._blobs.folder / digest).exists():
                raise
            return len(self._blobs.get(digest))
        if hex_digest(data) != digest:
            raise FormatError("its copy was changed after it was made")
        if (name := holding(data)) is not None:
            files.remove(self._folder.staging / digest)
            raise FormatError(f"it holds the secret {name}, and is not kept")
        self._blobs.put(data)
        return len(data)


def _line(text: str, most: int) -> str:
    """One printable line, whatever a step sent."""
    cut = text[:most]
    return cut if cut.isprintable() else ascii(cut)[1:-1][:most]
