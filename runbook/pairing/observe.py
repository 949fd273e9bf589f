"""Observing a side of a pair: its bytes at one moment, and what they look like beside the base."""

import errno
import os
from pathlib import Path

import msgspec

from runbook.canonical import digest
from runbook.errors import NotFoundError, StorageError
from runbook.pairing.notebooks import Notebook, read_notebook
from runbook.pairing.places import Place
from runbook.pairing.reports import Problem
from runbook.pairing.texts import Text, Unreadable
from runbook.system import clock, files
from runbook.system.swap import Stamp, snapshot, stamp_of

TEXT_LIMIT_BYTES = 16 << 20
NOTEBOOK_LIMIT_BYTES = 1 << 30

# Some file systems count time in steps of two seconds: a younger stamp may not tell two contents apart.
_TRUSTED_NS = 2_000_000_000


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `path` is where its bytes really are (links followed inside the root); `stamp` only when it
    is old enough to be trusted; `age_seconds` since it was last written; `is_being_written`: another program
    has it open for writing."""

    path: Path
    data: bytes | None = None
    digest: str | None = None
    stamp: Stamp | None = None
    age_seconds: float = 0.0
    is_being_written: bool = False

    @property
    def is_there(self) -> bool:
        return self.digest is not None


def look(path: Path) -> Stamp | None:
    """The file's stamp now; None when it is not there (or is nothing that can be looked at)."""
    try:
        return stamp_of(os.stat(path))  # noqa: PTH116 - a third of Path.stat's time, twice per pair
    except OSError:
        return None


def is_gone(path: Path) -> bool:
    """Whether nothing stands there. Raises StorageError where the disk does not tell: what follows from a
    file's absence must not be done then."""
    with files.storage_errors(path):
        try:
            os.stat(path)  # noqa: PTH116 - as above
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
    return False


def may_be_there(path: Path) -> bool:
    """Whether something stands there, or nobody knows."""
    try:
        return not is_gone(path)
    except StorageError:
        return True


def real_path(place: Place, name: str) -> Path:
    """Where `name`'s bytes are: a link is followed, but never out of the root. Raises StorageError."""
    path = place.root / name
    real = Path(os.path.realpath(path))
    if real != path and not real.is_relative_to(place.root):
        raise StorageError(
            "a link leads out of the workspace",
            subject=name,
            hint="put the file itself into the workspace, or link inside of it",
        )
    return real


def observe(place: Place, name: str, *, limit_bytes: int) -> Side:
    """Read one side. Raises StorageError for what cannot be read."""
    path = real_path(place, name)
    try:
        found = snapshot(path, limit_bytes=limit_bytes)
    except NotFoundError:
        if path != place.root / name and (place.root / name).is_symlink():
            raise StorageError("a link that leads nowhere", subject=name, hint="mend or remove it") from None
        return Side(path=path)
    except StorageError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENOTDIR:
            return Side(path=path)
        raise
    now_ns = int(clock.now().timestamp() * 1e9)
    stamp = found.stamp
    youngest = max(stamp.mtime_ns, stamp.ctime_ns)
    return Side(
        path=path,
        data=found.data,
        digest=digest(found.data),
        stamp=stamp if now_ns - youngest >= _TRUSTED_NS else None,
        age_seconds=(now_ns - stamp.mtime_ns) / 1e9,
        is_being_written=found.is_being_written,
    )


def parse_notebook(data: bytes) -> Notebook | Unreadable:
    """Read a notebook's bytes; older formats are upgraded in memory (that alone loads nbformat)."""
    found = read_notebook(data)
    if found is not None:
        return found
    from runbook.pairing.upgrade import upgraded

    again = upgraded(data)
    if isinstance(again, Problem):
        return Unreadable(problem=again, kind="damaged")
    found = read_notebook(again)
    if found is None:
        words = Problem(code="notebook.format", message="an old notebook that could not be upgraded")
        return Unreadable(problem=words, kind="damaged")
    return found if isinstance(found, Unreadable) else msgspec.structs.replace(found, upgraded=True)


def suspicion(
    data: bytes, read: Text | Notebook | Unreadable, base: Text | None, before: bytes | None
) -> str | None:
    """Why these bytes look half-written, cut off or suddenly tiny, in words; None when they don't."""
    if before and not data.strip():
        return "it is empty, and was not"
    if isinstance(read, Unreadable):
        return read.problem.message if read.kind == "damaged" else None
    if base is None:
        return None
    lost = len(base.cells) - len(read.cells)
    if isinstance(read, Text) and could_be_unfinished(data, before):
        if not data.endswith((b"\n", b"\r")):
            return "it stops in the middle of a line that went on before"
        if lost * 2 > len(base.cells) or read.header.last < base.header.last:
            return "it is the beginning of what it was, and most is gone"
    if (lost > 2 and lost * 2 > len(base.cells)) or (base.cells and not read.cells):
        return f"{lost} of {len(base.cells)} cells are gone at once"
    return None


def could_be_unfinished(data: bytes, before: bytes | None) -> bool:
    """Whether somebody may still be writing: worth a short wait while the file is young."""
    return bool(before) and before is not None and len(data) < len(before) and before.startswith(data)
