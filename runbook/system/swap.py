"""Compare and swap: replace a file only while it still says what we read, and lose no save that crosses ours.

Mode, owner and extended attributes stay; a file with several names, a read-only one and one that another
program has open for writing is left alone and said. The steps, each with a test:

1. The target is what was expected: a regular, writable file with one name (`_open_target`).
2. The new bytes are whole and durable in a temporary file of the same folder, with the old one's attributes.
3. A read lease on the target (Linux): nobody has it open for writing, and who opens it next waits for us.
4. Its bytes have the expected digest, read through the descriptor that holds the lease.
5. Both are exchanged in one step (renameat2), so that what was there is in our hands, not gone.
6. What came out is the very file that was checked, unchanged; and nobody waits to write to it. Otherwise both
   are exchanged back, and ChangedMeanwhile is raised: the other save stays in place.

Where leases or exchange are missing (macOS, some network file systems) the digest is checked once more right
before a rename; the window is then that of two system calls.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import secrets
import signal
import stat
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

import msgspec

from runbook.canonical import digest
from runbook.errors import ChangedMeanwhile, ExistsError, NotFoundError, StorageError
from runbook.system import files

Fault = Callable[[str], None]
"""Called with the name of each point of a write; the tests kill the process there."""

_EXCHANGE = 2
_AT_FDCWD = -100
_NO_ATTRIBUTES = (errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENODATA)


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """What the file system says about a file's content: equal stamps, old enough, mean equal bytes."""

    size: int
    mtime_ns: int
    inode: int
    ctime_ns: int


def stamp_of(seen: os.stat_result) -> Stamp:
    return Stamp(size=seen.st_size, mtime_ns=seen.st_mtime_ns, inode=seen.st_ino, ctime_ns=seen.st_ctime_ns)


def no_fault(point: str) -> None:
    """The fault that never happens."""


def replace_if(
    path: Path, data: bytes, *, expected: str | None, fault: Fault = no_fault, sync_folder: bool = True
) -> None:
    """Put `data` at `path` if the bytes there have the digest `expected` (None: nothing is there).

    Raises ChangedMeanwhile when something else is there now, StorageError with a hint when the file may not
    be replaced. `path` itself must not be a link. With `sync_folder=False` the caller makes new names durable
    (`files.sync_folder`) and new files too (`files.make_durable`), once for many.
    """
    with files.storage_errors(path):
        if expected is None:
            _create(path, data, fault, durable=sync_folder)
            return
        target = _open_target(path)
        try:
            _replace(path, target, (data, expected), fault)
        finally:
            os.close(target)
        if sync_folder:
            files.sync_folder(path.parent)
    fault("done")


def _create(path: Path, data: bytes, fault: Fault, *, durable: bool) -> None:
    fault("before-create")
    try:
        files.create(path, data, durable=durable)
    except ExistsError as error:
        raise ChangedMeanwhile("a file has appeared here meanwhile", subject=str(path)) from error
    fault("created")


def _open_target(path: Path) -> int:
    """Step 1."""
    try:
        target = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise ChangedMeanwhile("the file is gone meanwhile", subject=str(path)) from error
    seen = os.fstat(target)
    problem: tuple[str, str] | None = None
    if not stat.S_ISREG(seen.st_mode):
        problem = ("not a regular file", "put a file in its place")
    elif seen.st_nlink > 1:
        words = f"the file has {seen.st_nlink} names (hard links); replacing one would part them"
        problem = (words, "copy it to a name of its own, for example: cp FILE COPY && mv COPY FILE")
    elif not seen.st_mode & 0o222 or not os.access(path, os.W_OK):
        problem = ("the file is read-only", "make it writable (chmod u+w) and sync again")
    if problem is not None:
        os.close(target)
        raise StorageError(problem[0], subject=str(path), hint=problem[1])
    return target


def _replace(path: Path, target: int, change: tuple[bytes, str], fault: Fault) -> None:
    data, expected = change
    with (
        _prepared(path, target, data) as temporary,
        _one_at_a_time(path.parent),
        _lease(target, path) as is_unbroken,
    ):
        if _digest(target) != expected:  # step 4
            raise ChangedMeanwhile("the file has changed meanwhile", subject=str(path))
        fault("prepared")
        if not _exchange(temporary, path):
            _rename(temporary, path, expected)
            fault("renamed")
            return
        fault("exchanged")
        _check_out(temporary, path, target, expected if is_unbroken() else None)
        fault("checked")


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Our own writers take turns in a folder: three that exchange at once could undo one another."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _lease(target: int, path: Path) -> Iterator[Callable[[], bool]]:
    """Step 3. Yields whether the lease still holds; without leases, whether that cannot be told: True."""
    set_lease = getattr(fcntl, "F_SETLEASE", None)
    if set_lease is None:
        yield lambda: True
        return
    try:
        # A broken lease sends a signal; this one is ignored by default, SIGIO would kill us.
        fcntl.fcntl(target, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(target, set_lease, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise ChangedMeanwhile("another program is writing this file", subject=str(path)) from error
        yield lambda: True  # not our file, or a file system without leases
        return
    try:
        yield lambda: fcntl.fcntl(target, fcntl.F_GETLEASE) == fcntl.F_RDLCK
    finally:
        with contextlib.suppress(OSError):
            fcntl.fcntl(target, set_lease, fcntl.F_UNLCK)


def _digest(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    pieces = []
    while piece := os.read(descriptor, 1 << 20):
        pieces.append(piece)
    return digest(b"".join(pieces))


@contextlib.contextmanager
def _prepared(path: Path, target: int, data: bytes) -> Iterator[Path]:
    """Step 2."""
    name = files.TEMPORARY.format(name=path.name[:100], pid=os.getpid(), random=secrets.token_hex(4))
    temporary = path.parent / name
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            files.write_all(descriptor, data)
            _attributes(target, descriptor, path)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _attributes(target: int, fresh: int, path: Path) -> None:
    old, new = os.fstat(target), os.fstat(fresh)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(fresh, old.st_uid, old.st_gid)
        except PermissionError as error:
            words = "the file belongs to somebody else, and this user could not give it back to them"
            hint = "let its owner sync, or make a copy of your own in its place"
            raise StorageError(words, subject=str(path), hint=hint) from error
    os.fchmod(fresh, stat.S_IMODE(old.st_mode))
    if not hasattr(os, "listxattr"):
        return
    for name in _names(target):
        with _unsupported():
            os.setxattr(fresh, name, os.getxattr(target, name))


def _names(target: int) -> list[str]:
    found: list[str] = []
    with _unsupported():
        found.extend(os.listxattr(target))
    return found


@contextlib.contextmanager
def _unsupported() -> Iterator[None]:
    """An attribute that this file system, or this user, cannot carry over is not worth a refusal."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ATTRIBUTES:
            raise


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two names in one step; False where this system cannot."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    done = call(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), ctypes.c_uint(_EXCHANGE))
    if done == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    if number == errno.ENOENT:
        raise ChangedMeanwhile("the file is gone meanwhile", subject=str(second))
    raise OSError(number, os.strerror(number), str(second))


def _rename(temporary: Path, path: Path, expected: str) -> None:
    """The way without an exchange: look once more, then rename."""
    try:
        with path.open("rb") as file:
            same = digest(file.read()) == expected
    except FileNotFoundError:
        same = False
    if not same:
        raise ChangedMeanwhile("the file has changed meanwhile", subject=str(path))
    os.rename(temporary, path)  # noqa: PTH104 - two names, one step


def _check_out(temporary: Path, path: Path, target: int, expected: str | None) -> None:
    """Step 6. `expected` None: somebody waits to write to the file that came out."""
    out = temporary.lstat()
    checked = os.fstat(target)
    same = (out.st_dev, out.st_ino) == (checked.st_dev, checked.st_ino)
    if same and expected is not None and _digest(target) == expected:
        return
    there, back = path.lstat().st_ino, out.st_ino
    _exchange(temporary, path)
    # Somebody may have saved by rename between the two exchanges: that newer file came out, and goes back.
    while (came := temporary.lstat().st_ino) != there:
        there, back = back, came
        _exchange(temporary, path)
    raise ChangedMeanwhile("the file was saved while it was being replaced", subject=str(path))


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A file's bytes at one moment, and its stamp then. `is_being_written`: some program had it open for
    writing, so it may be half of what it is about to say (Linux, for our own files; else always False)."""

    data: bytes
    stamp: Stamp
    is_being_written: bool


def snapshot(path: Path, *, limit_bytes: int, tries: int = 20) -> Snapshot:
    """Read a regular file as it is at one moment; again when it changed meanwhile.

    Raises NotFoundError, StorageError (also for what is too large, and for a file that never rests).
    """
    for _ in range(tries):
        with files.storage_errors(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                os.close(descriptor)
                raise StorageError("not a regular file", subject=str(path), hint="put a file in its place")
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                if before.st_size > limit_bytes:
                    raise StorageError(f"larger than {limit_bytes} bytes", subject=str(path))
                data, is_being_written = _drained(file, path)
                after = os.fstat(descriptor)
            if stamp_of(before) == stamp_of(after) and len(data) == after.st_size:
                try:
                    if stamp_of(path.stat()) == stamp_of(after):
                        return Snapshot(data=data, stamp=stamp_of(after), is_being_written=is_being_written)
                except FileNotFoundError as error:
                    raise NotFoundError("no such file or folder", subject=str(path)) from error
    raise StorageError("the file does not stop changing", subject=str(path), hint="wait for its writer")


def _drained(file: FileIO, path: Path) -> tuple[bytes, bool]:
    """All its bytes, and whether somebody has it open for writing. Read under a lease, so that whoever opens
    it to write meanwhile waits until it is read."""
    try:
        with _lease(file.fileno(), path):
            return file.readall() or b"", False
    except ChangedMeanwhile:
        return file.readall() or b"", True
