"""Which editor has a text open: told by the files that Vim and Emacs keep beside it. Reads only.

Only what is certain is said: the process that such a file names is alive on this machine. A swap file that a
crash left says nothing, nor does an editor that keeps its files elsewhere or none at all.
"""

import os
import re
import socket
from pathlib import Path

from runbook.errors import RunbookError
from runbook.system import files

_VIM_NAMES = (".{name}.swp", ".{name}.swo", ".{name}.swn")
_EMACS_NAME = ".#{name}"
# Vim's block 0 (memline.c): an id of two bytes, a version of ten, page size, time, inode and process of four
# each, then forty for the user and forty for the host.
_VIM_PID, _VIM_HOST = slice(24, 28), slice(68, 108)
_EMACS = re.compile(r"[^@]*@(?P<host>.*)\.(?P<pid>[0-9]+)(?::[0-9]+)?", re.DOTALL)


def has_open(path: Path) -> str | None:
    """`Vim (process 4711)`; None when nobody is known to have it open."""
    for name in _VIM_NAMES:
        pid = _vim(path.with_name(name.format(name=path.name)))
        if pid is not None:
            return f"Vim (process {pid})"
    pid = _emacs(path.with_name(_EMACS_NAME.format(name=path.name)))
    return None if pid is None else f"Emacs (process {pid}), with unsaved changes,"


def _vim(swap: Path) -> int | None:
    try:
        data = next(files.chunks(swap, chunk_bytes=4096), b"")
    except RunbookError:
        return None
    host = os.fsdecode(data[_VIM_HOST].partition(b"\0")[0])
    if data[:2] != b"b0" or host != socket.gethostname()[: len(host)] or not host:
        return None
    pid = int.from_bytes(data[_VIM_PID], "little")
    return pid if _is_alive(pid, "vi") else None


def _emacs(lock: Path) -> int | None:
    """Emacs's lock is a link to `user@host.process:boot`, while there are unsaved changes."""
    try:
        found = _EMACS.fullmatch(os.readlink(lock))  # noqa: PTH115 - it leads nowhere, and is no path
    except OSError:
        return None
    pid = int(found["pid"]) if found and found["host"] == socket.gethostname() else 0
    return pid if _is_alive(pid, "emacs") else None


def _is_alive(pid: int, name: str) -> bool:
    """Whether there is such a process, by a name like that where the system tells: numbers come again."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError, OverflowError):
        return False
    try:
        return name.encode("ascii") in files.read(Path(f"/proc/{pid}/comm"), limit_bytes=99)
    except RunbookError:
        return True
