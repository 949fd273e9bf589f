"""The lease of a run: who supervises an execution, and where it can be spoken to. An edge.

`supervisor.lock` in the execution's folder is locked for as long as the supervisor lives, whatever ends it;
what is written in it says who that is, and means nothing once the lock is free. The socket and the kernel's
files lie in a short private folder outside, since a socket's path has room for about 100 bytes (unix(7)).
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from runbook.canonical import canonical_json, hex_digest
from runbook.decoding import decode_json
from runbook.errors import FormatError, LockBusy, NotFoundError, StorageError
from runbook.evidence.folder import ExecutionFolder
from runbook.system import files

# sun_path holds 108 bytes on Linux and 104 on macOS, its final zero included; the names below the private
# folder (a run's own folder, its sockets) need the rest.
_FOLDER_LENGTH = 56
_LIMIT_BYTES = 1 << 14


class Lease(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the lock file says. `kernel` is None before there is one."""

    supervisor: int
    socket: str
    kernel: int | None = None
    kernel_folder: str | None = None


class Held:
    """The lease while we hold it: says more as it becomes known."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path

    def write(self, lease: Lease) -> None:
        """Put `lease` in place of what the file said. Raises StorageError."""
        data = canonical_json(msgspec.to_builtins(lease)) + b"\n"
        with files.storage_errors(self._path):
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            files.write_all(self._descriptor, data)
            os.ftruncate(self._descriptor, len(data))


@contextlib.contextmanager
def hold(folder: ExecutionFolder) -> Iterator[Held]:
    """Hold the lease of an execution. Raises LockBusy when another supervisor does, StorageError."""
    try:
        with files.locked(folder.lock) as descriptor:
            yield Held(descriptor, folder.lock)
    except LockBusy as error:
        raise LockBusy(
            "another supervisor runs this execution", subject=folder.id, hint="`runbook status` shows it"
        ) from error


def read(folder: ExecutionFolder) -> Lease:
    """Who supervises the execution now. Raises NotFoundError when nobody does."""
    if folder.is_alive():
        with contextlib.suppress(FormatError):  # just being written: it is coming or going
            data = files.read(folder.lock, limit_bytes=_LIMIT_BYTES)
            return decode_json(data, Lease, name=folder.lock.name)
    raise nobody(folder.id)


def left(folder: ExecutionFolder) -> Lease | None:
    """What the last supervisor had said of itself, for who holds the lease after it; None for nothing."""
    with contextlib.suppress(FormatError, NotFoundError):
        data = files.read(folder.lock, limit_bytes=_LIMIT_BYTES)
        return decode_json(data, Lease, name=folder.lock.name)
    return None


def nobody(execution: str) -> NotFoundError:
    """No supervisor is at work there: it has ended, or died."""
    return NotFoundError(
        "nobody runs this execution now",
        subject=execution,
        hint=f"`runbook show {execution}` says how it stands; `runbook resume` goes on with what has no end",
    )


def private_folder(env: Mapping[str, str]) -> Path:
    """The short folder for sockets, ours alone: `$XDG_RUNTIME_DIR/runbook`, else one for this user in /tmp.

    Raises StorageError for a folder that is there and is not ours alone: whoever owns it could put a socket
    of their own in it.
    """
    runtime = env.get("XDG_RUNTIME_DIR", "")
    folder = Path(runtime) / "runbook"
    usable = folder.is_absolute() and len(os.fsencode(folder)) <= _FOLDER_LENGTH and Path(runtime).is_dir()
    if not usable:
        # /tmp is everybody's: owner and mode are looked at below.
        folder = Path("/tmp") / f"runbook-{os.getuid()}"  # noqa: S108
    files.make_folder(folder, mode=0o700)
    if not is_private(folder):
        raise StorageError(
            "is not a folder of this user alone",
            subject=str(folder),
            hint="remove it, or set its mode to 700",
        )
    return folder


def is_private(folder: Path) -> bool:
    """Whether it is a folder of this user alone. Raises StorageError, NotFoundError for one that is gone."""
    with files.storage_errors(folder):
        found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def run_folder(env: Mapping[str, str], execution: Path) -> Path:
    """The private folder of one execution's sockets: the same for every supervisor of it."""
    return private_folder(env) / hex_digest(os.fsencode(execution))[:12]
