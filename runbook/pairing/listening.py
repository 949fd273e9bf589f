"""Listening: how changes are told of where the pairs lie: natively, or by polling where they are not.

Judged by the type of the file system, by a file written for a test, and by the limits of the system, which
are tried again with each sweep.
"""

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from runbook.errors import RunbookError, UnavailableError
from runbook.pairing.mounts import is_deaf, kind_at
from runbook.pairing.places import Place
from runbook.pairing.told import Told
from runbook.pairing.watcher import Polling, Watcher, native
from runbook.system import clock, files

Poll = Literal["auto", "always", "never"]

_MOUNTS = Path("/proc/self/mountinfo")
_PROBE_SECONDS = 1.0


class Folders(msgspec.Struct, frozen=True, kw_only=True):
    """The folders that texts lie in, absolute: `deep` ones with all below them, `flat` ones alone."""

    deep: tuple[str, ...] = ()
    flat: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.deep, *self.flat)

    def holds(self, path: str) -> bool:
        """Whether a text at `path` would be one of these."""
        folder = path.rpartition("/")[0]
        return folder in self.flat or any(f"{folder}/".startswith(f"{top}/") for top in self.deep)


class Listening:
    """The watcher in use, and what it covers."""

    def __init__(self, place: Place, folders: Folders, *, poll: Poll, tell: Callable[[Told], None]) -> None:
        self.watcher: Watcher = Polling()
        self._place = place
        self._folders = folders
        self._poll = poll
        self._tell = tell
        self._flat: set[str] = set()
        self._is_limited = False

    def open(self) -> None:
        """Choose. Raises UnavailableError with `--poll never` where nothing is told."""
        if self._poll == "always":
            self._say("polling", "polling, as asked")
            return
        mount = deaf_mount(self._folders.all) if self._poll == "auto" else None
        if mount is not None:
            self._say("polling", f"{mount} does not tell of changes made elsewhere: polling")
            return
        found = self._native()
        if found is None:
            return
        if self._poll == "auto" and not hears(found, self._place, self._folders.all):
            found.close()
            self._say("polling", "a file that was written for a test made no event here: polling")
            return
        self.watcher = found

    def cover(self, paths: Collection[str], *, again: bool = True) -> None:
        """Watch the folders, those of `paths`, and their parents, so that a folder that comes back is seen.
        With `again=False` only when that is not what was covered last."""
        root = str(self._place.root)
        flat = {path.rpartition("/")[0] for path in paths} | set(self._folders.flat)
        for folder in self._folders.all:
            while folder.startswith(f"{root}/"):
                folder = folder.rpartition("/")[0]
                flat.add(folder)
        if not again and flat == self._flat:
            return
        self._flat = flat
        if self._is_limited:
            self._try_again()
        try:
            self.watcher.cover(self._folders.deep, flat)
        except UnavailableError as error:
            self.watcher.close()
            self.watcher = Polling()
            self._limited(error)
            self.watcher.cover(self._folders.deep, flat)

    def _native(self) -> Watcher | None:
        try:
            return native()
        except UnavailableError as error:
            self._limited(error)
            return None

    def _limited(self, error: UnavailableError) -> None:
        if self._poll == "never":
            raise error
        if not self._is_limited:
            self._is_limited = True
            self._say("limit", f"{error.message}: polling meanwhile", hint=error.hint)

    def _try_again(self) -> None:
        """The limit may have been raised since."""
        found: Watcher | None = None
        try:
            found = native()
            found.cover(self._folders.deep, self._flat)
        except UnavailableError:
            if found is not None:
                found.close()
            return
        self.watcher.close()
        self.watcher, self._is_limited = found, False
        self._say("limit", "the limit was raised: native events again")

    def _say(self, code: str, message: str, *, hint: str | None = None) -> None:
        self._tell(Told(code=code, message=message, hint=hint))


def deaf_mount(folders: Sequence[str]) -> str | None:
    """The first of these folders on a file system that keeps changes to itself, in words; else None."""
    try:
        mounts = files.read(_MOUNTS, limit_bytes=1 << 22).decode("utf-8", "surrogateescape")
    except RunbookError:
        return None  # not Linux: the test says
    for folder in folders:
        kind = kind_at(mounts, os.path.realpath(folder))
        if kind is not None and is_deaf(kind):
            return f"{folder} ({kind})"
    return None


def hears(watcher: Watcher, place: Place, folders: Sequence[str]) -> bool:
    """Write a file and wait for its event. In the state's folder, so that nobody's folder sees it; where that
    is on another file system than all the folders, the type of theirs has to do."""
    device = _device(place.state)
    if device is None or device not in {_device(folder) for folder in folders}:
        return True
    probe = place.state / f"probe-{os.getpid()}.py"
    watcher.cover([], [str(place.state)])
    try:
        files.create(probe, b"", durable=False)
        files.replace(probe, b"", durable=False)
        until = clock.monotonic_ns() / 1e9 + _PROBE_SECONDS
        while (left := until - clock.monotonic_ns() / 1e9) > 0:
            if any(event.path == str(probe) for event in watcher.wait(left)):
                return True
        return False
    finally:
        files.remove(probe)


def _device(folder: Path | str) -> int | None:
    try:
        return os.stat(folder).st_dev  # noqa: PTH116 - both kinds of names
    except OSError:
        return None
