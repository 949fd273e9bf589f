"""The local folder: a backend of plain files, readable without this program.

`objects/ab/<sha256>` (`.gz` when that is smaller), `names/<name>`, a README and a format number. Objects are
made by hard link, so of two makers one wins; refs are swapped under a lock. Survives kill -9 and a full disk:
what is half written has a temporary name that is never listed, and goes at the next check-up.
"""

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from runbook.errors import ExistsError, FormatError, NotFoundError, StorageError, StoreDamaged
from runbook.store import history as histories
from runbook.store.backend import REF_LIMIT_BYTES, Item
from runbook.store.keys import is_key, require_key
from runbook.system import files
from runbook.system.turns import Turns, Wait

FORMAT = 1
_FORMAT_LINE = "runbook store "
_FORMAT = f"{_FORMAT_LINE}{FORMAT}\n".encode("ascii")
_OBJECT_LIMIT_BYTES = 2 << 30
_README = """\
This folder keeps versions of files, so that no edit is ever lost. It is NOT safe to delete.

objects/ab/<sha256>      the bytes of one version; the name is their sha256 (`sha256sum` checks it)
objects/ab/<sha256>.gz   the same, packed: `zcat` gives the bytes, their sha256 is the name without .gz
names/<name>             the history of one name: a line of JSON per version, oldest first
format                   the number of this layout

`runbook versions NAME` lists versions, `runbook restore NAME@VERSION` brings one back. Old versions go by
themselves, by age and size; the newest version of a name never does.
"""


def nobody(_words: str) -> None:
    """Who hears nothing."""


class Folder:
    """See `store/backend`. Makes the folder when it is missing; refuses a newer format in words; `tell` hears
    of a damaged format number that was set aside."""

    def __init__(self, root: Path, *, tell: Callable[[str], None] = nobody, wait: Wait | None = None) -> None:
        self.root = root
        self._turns = Turns(root / "lock", wait)
        self._tell = tell
        _open(root, tell=tell)

    def put(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        path = self._path(key)
        while True:
            try:
                self._make_folder(path.parent)
                files.create(path, data, mode=0o444, durable=durable)
            except ExistsError:
                # A sweep looks at the age and deletes under the same lock.
                with self._turns.taken(), contextlib.suppress(NotFoundError):
                    files.refresh(path)
                    return False
            except NotFoundError:
                continue  # a folder was taken away between the two calls
            else:
                return True

    def get(self, key: str) -> bytes:
        try:
            return files.read(self._path(key), limit_bytes=_OBJECT_LIMIT_BYTES)
        except NotFoundError:
            raise NotFoundError("no such object", subject=key) from None
        except FormatError as error:
            raise StoreDamaged(error.message, subject=key) from error

    def list(self, prefix: str) -> Iterator[Item]:
        found: list[Item] = []
        top = self.root / prefix.rpartition("/")[0]
        with files.storage_errors(top):
            for folder, _, names in os.walk(top, onerror=_unless_gone):
                above = os.path.relpath(folder, self.root)
                for name in names:
                    key = f"{above}/{name}"
                    if not key.startswith(prefix) or not is_key(key):
                        continue
                    with contextlib.suppress(FileNotFoundError):
                        seen = os.lstat(f"{folder}/{name}")
                        since = datetime.fromtimestamp(seen.st_mtime, UTC)
                        found.append(Item(key=key, size_bytes=seen.st_size, since=since))
        yield from sorted(found, key=lambda item: item.key)

    def delete(self, key: str, *, unless_since: datetime | None = None) -> bool:
        path = self._path(key)
        with self._turns.taken(), files.storage_errors(key):
            try:
                since = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
            except FileNotFoundError:
                return False
            if unless_since is not None and since > unless_since:
                return False
            files.remove(path)
            return True

    def read_ref(self, key: str) -> bytes | None:
        try:
            return files.read(self._path(key), limit_bytes=REF_LIMIT_BYTES)
        except NotFoundError:
            return None
        except FormatError as error:
            raise StoreDamaged(error.message, subject=key) from error

    def swap_ref(
        self, key: str, expected: bytes | None, value: bytes | None, *, durable: bool = True
    ) -> bool:
        if value is not None and len(value) > REF_LIMIT_BYTES:
            raise ValueError(f"a ref of {len(value)} bytes")
        path = self._path(key)
        self._make_folder(path.parent)
        with self._turns.taken():
            if self.read_ref(key) != expected:
                return False
            if value is None:
                files.remove(path)
            else:
                files.replace(path, value, mode=0o666 if expected is None else None, durable=durable)
            return True

    def ensure_durable(self, keys: Collection[str]) -> None:
        for key in keys:
            with files.storage_errors(key):
                is_there = self._path(key).exists()
            if not is_there:
                raise NotFoundError("no such object", subject=key)
        files.make_durable([self._path(key) for key in keys])

    def heal(self, key: str, data: bytes) -> None:
        files.make_folder(self._path(key).parent)
        files.replace(self._path(key), data, mode=0o444)

    def leftovers(self) -> Iterator[Path]:
        """Temporary files of writers that were killed."""
        for folder, _, _ in os.walk(self.root, onerror=_unless_gone):
            yield from files.leftovers(Path(folder))

    def _make_folder(self, folder: Path) -> None:
        with files.storage_errors(folder):
            is_there = folder.is_dir()
        if not is_there:
            _open(self.root, tell=self._tell)  # somebody may have taken the whole store away meanwhile
            files.make_folder(folder)

    def _path(self, key: str) -> Path:
        return self.root.joinpath(*require_key(key).split("/"))


def _unless_gone(error: OSError) -> None:
    """A folder that is not listed hides what is in it: a sweep would take it for what nobody needs."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _open(root: Path, *, tell: Callable[[str], None] = nobody) -> None:
    """Make what is missing, several openers at once included; refuse what this program does not know."""
    line = _format_line(root)
    if line is None:
        with files.storage_errors(root):
            is_new = not (root / "objects").is_dir()
        if is_new:
            _make(root)
        line = _format_line(root)  # also when somebody else made it all meanwhile
    number = (line or "").removeprefix(_FORMAT_LINE).strip()
    if not (line or "").startswith(_FORMAT_LINE) or not number.isascii() or not number.isdigit():
        tell(_mended(root, line))
    elif int(number) > FORMAT:
        raise StorageError(
            f"this store has format {number}, this program knows {FORMAT}",
            subject=str(root),
            hint="update runbook; nothing was changed",
        )


def _mended(root: Path, line: str | None) -> str:
    """Write the format number anew, where everything else says which one it is: the README is of this format,
    and no history is of a newer one (StorageError). Objects prove themselves. Raises StoreDamaged."""
    path = root / "format"
    try:
        readme = files.read(root / "README.txt", limit_bytes=REF_LIMIT_BYTES)
    except (NotFoundError, FormatError):
        readme = b""
    if not readme.startswith(_README.partition("\n")[0].encode("ascii")):
        words = "this is not the format number of a store"
        hint = f"if this is a Runbook store, write the line '{_FORMAT_LINE}{FORMAT}' into it"
        raise StoreDamaged(words, subject=str(path), hint=hint)
    for history in (root / "names").glob("*"):
        with contextlib.suppress(StoreDamaged, FormatError, NotFoundError):
            histories.decode(files.read(history, limit_bytes=REF_LIMIT_BYTES), key=history.name)
    what = f"the format number of the store {root} was missing"
    if line is not None:
        what = f"the format number of the store was damaged: it is set aside as {files.set_aside(path)}"
    files.replace(path, _FORMAT)
    return f"{what}; it was written anew"


def _format_line(root: Path) -> str | None:
    try:
        return files.read(root / "format", limit_bytes=100).decode("ascii", "replace")
    except NotFoundError:
        return None
    except FormatError:
        return ""  # far too long for it


def _make(root: Path) -> None:
    """A new store."""
    files.make_folder(root)
    for name, data in (("README.txt", _README.encode("ascii")), ("format", _FORMAT)):
        with contextlib.suppress(ExistsError):
            files.create(root / name, data)
