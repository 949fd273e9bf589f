"""Leftovers: the private folders of runs that were killed, taken away once nobody needs them. An edge.

A supervisor that is killed leaves its sockets behind. Its kernel lives on for a while and is reached through
that folder, and what a dead kernel left running is found by what stands there. So a folder stays for as long
as its supervisor does, or its kernel, or what that had started.
"""

import contextlib
import os
from pathlib import Path

from runbook.errors import InputError, KernelError, RunbookError
from runbook.evidence.folder import ExecutionFolder
from runbook.execution import kernel_launch
from runbook.system import files

_NOTE = "execution"
_LIMIT_BYTES = 1 << 14


def note(place: Path, execution: Path) -> None:
    """Say in a run's private folder whose it is. Raises StorageError."""
    files.replace(place / _NOTE, os.fsencode(execution), durable=False)


def take_away(private: Path) -> int:
    """Take away what dead runs left below `private`; returns how many folders went. Never raises for one
    that can't be judged or removed: it stays, and nobody is worse off.

    The lease is held before a run's folder is made, so a folder whose execution nobody holds is no run that
    is just beginning.
    """
    gone = 0
    for place in sorted(private.iterdir()) if private.is_dir() else ():
        with contextlib.suppress(RunbookError):
            execution = _left_by(place)
            if execution is not None:
                if execution.is_sealed():  # by a supervisor that was killed before it had cleared away
                    files.remove_folder(execution.spool)
                files.remove_folder(place)
                gone += 1
    return gone


def kernels(place: Path) -> tuple[Path, ...]:
    """The folders of the kernels that were started from a run's private folder, the oldest first."""
    found = [each for each in place.glob("k*") if each.name[1:].isdecimal()] if place.is_dir() else []
    return tuple(sorted(found, key=lambda each: int(each.name[1:])))


def _left_by(place: Path) -> ExecutionFolder | None:
    """The execution whose folder this was; None while somebody needs it."""
    try:
        execution = ExecutionFolder(Path(os.fsdecode(files.read(place / _NOTE, limit_bytes=_LIMIT_BYTES))))
    except InputError:
        return None  # not one of ours, or not noted yet
    is_needed = execution.is_alive() or any(_is_at_work(each) for each in kernels(place))
    return None if is_needed else execution


def _is_at_work(kernel: Path) -> bool:
    try:
        kernel_launch.adopt(kernel)
    except KernelError:
        return bool(kernel_launch.survivors(kernel))
    return True
