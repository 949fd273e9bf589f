"""A disk that stops answering: one call of this process fails, and the program is to go on from there.

The calls are those that Python makes of the operating system; what it reads and writes in C beneath them
(`FileIO.read`) is not reached.
"""

import contextlib
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

_CALLS = ["write", "fsync", "link", "rename", "unlink", "mkdir", "stat", "lstat", "scandir", "utime"]
_ROOMS = [*((os, name) for name in ("open", *_CALLS)), (fcntl, "flock"), (io, "open")]


class FailingDisk:
    """Fails the calls about paths below `root` for which `fails` says so; `count` counts all of them."""

    def __init__(self, root: Path, number: int, fails: Callable[[int, str, str], bool]) -> None:
        self._root = os.path.realpath(root)
        self._number = number
        self._fails = fails
        self.count = 0
        self.failed: list[str] = []

    def _path(self, first: object) -> str:
        if isinstance(first, int):
            with contextlib.suppress(OSError):
                return os.readlink(f"/proc/self/fd/{first}")
            return ""
        return os.fsdecode(first) if isinstance(first, str | bytes | os.PathLike) else ""

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **options: Any) -> Any:
            where = words[1] if name in ("link", "rename") else words[0] if words else ""
            path = self._path(where)
            if path.startswith(self._root):
                self.count += 1
                if self._fails(self.count, name, path):
                    self.failed.append(f"{name} {path}")
                    raise OSError(self._number, os.strerror(self._number), path)
            return real(*words, **options)

        return call

    @contextlib.contextmanager
    def __call__(self) -> Iterator["FailingDisk"]:
        with contextlib.ExitStack() as held:
            for room, name in _ROOMS:
                held.enter_context(mock.patch.object(room, name, self._wrapped(name, getattr(room, name))))
            yield self


def at(root: Path, number: int, *, call: str, path: str, times: int = 1) -> FailingDisk:
    """The first `times` calls of this kind about a path that ends so."""
    left = [times]

    def fails(_count: int, name: str, where: str) -> bool:
        if name != call or not where.endswith(path) or left[0] == 0:
            return False
        left[0] -= 1
        return True

    return FailingDisk(root, number, fails)
