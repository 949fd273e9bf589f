"""`attach_file`: hand a file to the record as evidence.

The bytes are copied at once to where the supervisor takes them from, so that what the step does to the file
afterwards changes nothing; the supervisor keeps them by their digest and says so in the journal. Never reads
anything but a regular file, never follows a link, and never changes the file.
"""

import contextlib
import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

from runbook.kit import protocol
from runbook.kit.surroundings import context, masks, shortened, staging

FILE_BYTES = 64 << 20
RUN_BYTES = 512 << 20
RUN_FILES = 500
_CHUNK_BYTES = 1 << 20
_NAME_CHARACTERS = 200

_taken_bytes = 0
_taken_files = 0


class Attached:
    """What was attached: `path`, the `name` in the record, `size` in bytes, `sha256` (hex); `dry_run` when it
    was only said what would be."""

    def __init__(self, path: Path, *, name: str, size: int, sha256: str, dry_run: bool) -> None:
        self.path = path
        self.name = name
        self.size = size
        self.sha256 = sha256
        self.dry_run = dry_run

    def __repr__(self) -> str:
        return f"<{'would attach' if self.dry_run else 'attached'} {self.name}: {_words(self)}>"


def attach_file(path: str | os.PathLike[str], *, name: str | None = None) -> Attached:
    """Keep a copy of this file, as it is now, with the record. `name` is what it is called there; the file's
    own name otherwise.

    In a dry run (but for `read-only` steps), in Jupyter and in a plain `python file.py` it says what it would
    attach. At most 64 MiB a file, and 500 files and 512 MiB a run. Raises FileNotFoundError,
    IsADirectoryError, PermissionError; ValueError for a link, for anything else that is no regular file, for
    one that is too large, and for a name that is none; TypeError for what is no path.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"attach_file takes a path, not {type(path).__name__}")
    place = Path(path).absolute()
    called = _name(place.name if name is None else name)
    folder = staging() if context.acts else None
    with _opened(place) as descriptor:
        if folder is None:
            size, digest = _copy(descriptor, place, None)
        else:
            _require_room(os.fstat(descriptor).st_size)
            size, digest = _keep(descriptor, place, folder)
    attached = Attached(place, name=called, size=size, sha256=digest, dry_run=folder is None)
    if folder is None:
        protocol.tell("would-attach", _record(attached), words=f"would attach {called}: {_words(attached)}")
    else:
        _count(size)
        protocol.tell("attach", _record(attached), words=f"attached {called}: {_words(attached)}")
    return attached


def _record(attached: Attached) -> dict[str, Any]:
    return {
        "name": attached.name,
        "path": shortened(str(attached.path), 4096).encode("utf-8", "backslashreplace").decode(),
        "bytes": attached.size,
        "sha256": attached.sha256,
    }


def _words(attached: Attached) -> str:
    return f"{attached.size} bytes, sha256 {attached.sha256}"


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name is text, not {type(name).__name__}")
    if not name.strip() or len(name) > _NAME_CHARACTERS or not name.isprintable():
        raise ValueError(
            f"{shortened(name, 100)!r} can't stand in the record as the name of a file: say name=…, one"
            f" printable line of at most {_NAME_CHARACTERS} characters"
        )
    return name


@contextlib.contextmanager
def _opened(place: Path) -> Any:
    """The file's descriptor. A pipe is not waited for, and a link is not followed."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError(
                f"{place} is a link: attach what it points to, {os.path.realpath(place)}"
            ) from error
        if error.errno == errno.ENXIO:  # a socket
            raise _no_file(place) from error
        raise
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            words = "is a folder: attach its files, or an archive of it"
            raise IsADirectoryError(errno.EISDIR, words, str(place))
        if not stat.S_ISREG(mode):
            raise _no_file(place)
        yield descriptor
    finally:
        os.close(descriptor)


def _no_file(place: Path) -> ValueError:
    return ValueError(f"{place} is no regular file (a pipe, a socket or a device): write it to a file first")


def _require_room(size: int) -> None:
    if _taken_files >= RUN_FILES or _taken_bytes + size > RUN_BYTES:
        raise ValueError(
            f"{_taken_files} files with {_taken_bytes} bytes are attached already; a run takes {RUN_FILES}"
            f" files and {RUN_BYTES >> 20} MiB: pack them together, or attach less"
        )


def _count(size: int) -> None:
    global _taken_bytes, _taken_files
    _taken_bytes += size
    _taken_files += 1


def _copy(descriptor: int, place: Path, target: int | None) -> tuple[int, str]:
    """Size and sha256 of what is read, written to `target` as well."""
    digest, size = hashlib.sha256(), 0
    known, before = masks(), b""
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        size += len(chunk)
        if known is not None and (name := known.first_in_bytes(before + chunk)) is not None:
            raise ValueError(f"{place} holds the secret {name}, which the record must not: attach it without")
        before = b"" if known is None else (before + chunk)[-known.longest :]
        if size > FILE_BYTES:
            raise ValueError(
                f"{place} has more than {FILE_BYTES >> 20} MiB: attach a part of it, and keep it elsewhere"
            )
        digest.update(chunk)
        rest = memoryview(chunk)
        while target is not None and rest:
            rest = rest[os.write(target, rest) :]
    return size, digest.hexdigest()


def _keep(descriptor: int, place: Path, folder: Path) -> tuple[int, str]:
    """Copy it to the supervisor's side, durable and under its digest before anybody is told of it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = folder / f"{os.getpid()}-{_taken_files}.half"
    target = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            size, digest = _copy(descriptor, place, target)
            os.fsync(target)
        finally:
            os.close(target)
        half.rename(folder / digest)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    return size, digest
