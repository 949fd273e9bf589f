"""Files: the only writer, and the only reader that does not follow links.

Every write is whole or not at all: a temporary file in the same folder, synced, then put in place by
rename (`replace`) or by hard link, which fails when the name is taken (`create`). Never truncates an
existing file, never checks first and writes later. Needs a file system with hard links (POSIX).

Errors of the operating system leave here as StorageError, ExistsError or NotFoundError, naming the path.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType

from runbook.errors import ExistsError, FormatError, LockBusy, NotFoundError, StorageError

TEMPORARY = ".{name}.runbook-{pid}-{random}.tmp"
"""The shape of our temporary names; watchers ignore them, check-ups remove them."""

_LEFTOVER = re.compile(r"\..*\.runbook-(?P<pid>[1-9][0-9]*)-[0-9a-f]{8}\.tmp", re.DOTALL)

_SYNCERS = 8

HINTS = {
    errno.ENOSPC: "the disk is full: make room and try again",
    errno.EDQUOT: "the quota is used up: make room and try again",
    errno.EROFS: "the file system is mounted read-only",
    errno.EACCES: "this user may not do that here: look at owner and mode",
    errno.EPERM: "this user may not do that here: look at owner and mode",
    errno.EIO: "the disk reports an error: look at the system's log",
    errno.ESTALE: "the file server does not know this file any more: look again, or mount it anew",
    errno.EMFILE: "this process has too many files open: raise its limit (ulimit -n)",
    errno.ENFILE: "the system has too many files open: close some programs",
}


@contextlib.contextmanager
def storage_errors(path: Path | str) -> Iterator[None]:
    """Turn what the operating system says about `path` into our errors."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError("no such file or folder", subject=str(path)) from error
    except FileExistsError as error:
        raise ExistsError("is there already and is never overwritten", subject=str(path)) from error
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else str(error)
        raise StorageError(words, subject=str(path), hint=HINTS.get(error.errno or 0)) from error


def read(path: Path, *, limit_bytes: int) -> bytes:
    """The bytes of a regular file of at most `limit_bytes`; links are followed (our own files only)."""
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        return _drain(descriptor, str(path), limit_bytes)


def chunks(path: Path, *, offset: int = 0, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
    """The bytes of a regular file from `offset` on, piece by piece, as far as it reaches now.

    For files too large for the memory (journals, kept outputs). The last part is not followed when it is a
    link: FormatError.
    """
    with storage_errors(path):
        descriptor = _open_unfollowed(str(path), os.O_RDONLY | os.O_NONBLOCK, None, str(path))
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FormatError("not a regular file", subject=str(path))
            file.seek(offset)
            while piece := file.read(chunk_bytes):
                yield piece


def read_inside(root: Path, relative: str, *, limit_bytes: int) -> bytes:
    """The bytes of a regular file below `root`, opened part by part without following a single link.

    Raises FormatError for a path that leaves the root, for a link and for what is not a regular file.
    """
    return read_inside_with_mode(root, relative, limit_bytes=limit_bytes)[0]


def read_inside_with_mode(root: Path, relative: str, *, limit_bytes: int) -> tuple[bytes, int]:
    """As `read_inside`, with the permission bits that the file had when it was opened."""
    parts = PurePosixPath(relative).parts
    if not parts or relative.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise FormatError("not a plain path below the workspace", subject=relative)
    with storage_errors(relative):
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts[:-1]:
                inner = _open_unfollowed(part, os.O_RDONLY | os.O_DIRECTORY, folder, relative)
                os.close(folder)
                folder = inner
            # O_NONBLOCK: opening a FIFO must not wait for its writer.
            descriptor = _open_unfollowed(parts[-1], os.O_RDONLY | os.O_NONBLOCK, folder, relative)
        finally:
            os.close(folder)
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        return _drain(descriptor, relative, limit_bytes), mode


def _open_unfollowed(part: str, flags: int, folder: int | None, shown: str) -> int:
    try:
        return os.open(part, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK, errno.ENXIO):
            raise FormatError(
                f"{part!r} is a link or not what its place in the path needs",
                subject=shown,
                hint="runbooks are regular files, reached through real folders",
            ) from error
        raise


def _drain(descriptor: int, shown: str, limit_bytes: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FormatError("not a regular file", subject=shown)
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise FormatError(f"larger than {limit_bytes} bytes", subject=shown)
    return data


def make_folder(path: Path, *, mode: int = 0o777) -> None:
    """Make `path` and what is missing above it; silent when it is there. Raises ExistsError for a file."""
    with storage_errors(path):
        try:
            path.mkdir(mode=mode, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise ExistsError(
                "a file stands where a folder must be", subject=str(path), hint="move it away"
            ) from error


def make_new_folder(path: Path, *, mode: int = 0o777) -> None:
    """Make exactly this folder. Raises ExistsError when the name is taken: one maker wins."""
    with storage_errors(path):
        path.mkdir(mode=mode)
        sync_folder(path.parent)


def create(path: Path, data: bytes, *, mode: int = 0o666, durable: bool = True) -> None:
    """Write a new file, whole and durable. Raises ExistsError when the name is taken, never overwrites.

    `durable=False` leaves out the syncs: whole after a kill, perhaps not after a power cut. Only for what
    is checked by its digest when it is read; `make_durable` makes up for it.
    """
    with storage_errors(path):
        if not _create_nameless(path, data, mode, durable=durable):
            with _temporary(path, data, mode, durable=durable) as temporary:
                os.link(temporary, path)
        if durable:
            sync_folder(path.parent)


def _create_nameless(path: Path, data: bytes, mode: int, *, durable: bool) -> bool:
    """Write a file that has no name until it is whole: a kill leaves nothing behind, at whatever moment.
    False where the system has none (macOS, some network mounts), or where anything else goes wrong: then a
    temporary file is tried, which says what. Raises FileExistsError."""
    try:
        descriptor = os.open(path.parent, getattr(os, "O_TMPFILE", 0) | os.O_WRONLY | os.O_CLOEXEC, mode)
    except OSError:  # without the flag, too: a folder can't be written
        return False
    try:
        write_all(descriptor, data)
        if durable:
            os.fsync(descriptor)
        # open(2): so it gets its name. The folder's descriptor is not used, but makes Python follow the link.
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)
    except FileExistsError:
        raise
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def make_durable(paths: Collection[Path]) -> None:
    """Make files that were written without syncs, and their names, survive a power cut.

    All are synced side by side, and their folders with them: the disk then commits several in one go.
    """
    if not paths:
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_SYNCERS) as pool:
        list(pool.map(_sync, [*paths, *sorted({path.parent for path in paths})]))


def _sync(path: Path) -> None:
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def refresh(path: Path) -> None:
    """Set the file's time stamps to now: it is in use, whatever its age."""
    with storage_errors(path):
        os.utime(path)


def leftovers(folder: Path) -> Iterator[Path]:
    """Our temporary files in `folder` whose writer is dead: what a kill left behind. Nothing is removed."""
    return (path for path in temporaries(folder) if not has_writer(path))


def temporaries(folder: Path) -> list[Path]:
    """Our temporary files in `folder`: being written, or left behind."""
    with storage_errors(folder), os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if _LEFTOVER.fullmatch(entry.name))


def has_writer(temporary: Path) -> bool:
    """Whether there is a process with the number of the one that made this temporary file. It may be another
    one by now; one that was killed is there until it is wholly gone, a moment after its locks are free."""
    match = _LEFTOVER.fullmatch(temporary.name)
    try:
        os.kill(int(match["pid"]) if match else os.getpid(), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def replace(path: Path, data: bytes, *, mode: int | None = None, durable: bool = True) -> None:
    """Put `data` at `path`, whole and durable, in place of what is there; its mode is kept unless given.

    `durable=False` leaves out the syncs, as in `create`.
    """
    with storage_errors(path):
        kept = mode
        if kept is None:
            with contextlib.suppress(FileNotFoundError):
                kept = stat.S_IMODE(path.stat().st_mode)
        own = 0o666 if kept is None else kept
        with _temporary(path, data, own, exact=kept is not None, durable=durable) as temporary:
            os.rename(temporary, path)  # noqa: PTH104 - names, as link() above
            if durable:
                sync_folder(path.parent)


def set_aside(path: Path) -> Path:
    """Give `path` a second name that is free, `NAME.damaged-1` or the like, and return that. The caller puts
    something in its place: nothing is deleted. Raises StorageError."""
    number = 0
    while True:
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
        with storage_errors(path), contextlib.suppress(FileExistsError):
            os.link(path, aside)
            return aside


def remove(path: Path) -> None:
    """Take a file away; silent when it is gone already."""
    with storage_errors(path), contextlib.suppress(FileNotFoundError):
        path.unlink()


def remove_folder(path: Path) -> None:
    """Take a folder of ours away with all that is in it, following no link; silent when it is gone."""
    with storage_errors(path), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


@contextlib.contextmanager
def _temporary(
    path: Path, data: bytes, mode: int, *, exact: bool = False, durable: bool = True
) -> Iterator[Path]:
    name = TEMPORARY.format(name=path.name[:100], pid=os.getpid(), random=secrets.token_hex(4))
    temporary = path.parent / name
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            if exact:  # the umask does not apply to a mode that was there before
                os.fchmod(descriptor, mode)
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; a short write (a disk filling up) is gone on with until it fails aloud."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    _sync(folder)


class Appender:
    """One file that only grows, through one descriptor. Each `append` is in the file when it returns;
    `sync` makes it survive a power cut, and notices when the name leads to another file or to other bytes
    than went through here. Never rewrites a byte. The file must not exist (`create`) or is gone on with
    (`resume`)."""

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        with storage_errors(path):
            self._descriptor = os.open(path, flags if resume else flags | os.O_CREAT | os.O_EXCL, 0o666)
            self._size = os.fstat(self._descriptor).st_size

    def append(self, data: bytes) -> None:
        with storage_errors(self.path):
            write_all(self._descriptor, data)
        self._size += len(data)

    def sync(self) -> None:
        """Raises NotFoundError or StorageError when what was appended is not found under its name."""
        with storage_errors(self.path):
            os.fsync(self._descriptor)
            own, named = os.fstat(self._descriptor), self.path.lstat()
        # A descriptor outlives its name: what goes on being written would be lost with the last process.
        if (own.st_dev, own.st_ino, own.st_size) != (named.st_dev, named.st_ino, self._size):
            raise StorageError(
                "somebody else replaced, cut or added to this file while it was written",
                subject=str(self.path),
            )

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "Appender":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold an exclusive lock on `path`, a file for locking only: it is never replaced and never removed.

    The lock goes with the process, however that ends. Yields the descriptor, so that the owner can write
    who it is into the file. Raises LockBusy when another process holds it: `turns` waits for it.
    """
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with storage_errors(path):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockBusy("another process holds this lock", subject=str(path)) from error
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock on `path` now; False when the file is not there, or is nothing that
    anybody could lock (a socket, a link in a circle). Raises StorageError."""
    with storage_errors(path):
        try:
            # O_NONBLOCK: a FIFO in the place of the lock must not make us wait for its writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                return False
            raise
    try:
        with storage_errors(path):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except StorageError as error:
        if isinstance(error.__cause__, BlockingIOError):
            return True
        raise
    finally:
        os.close(descriptor)
    return False
