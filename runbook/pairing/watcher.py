"""Watching folders: the only module that meets watchdog, behind four words: `cover`, `wait`, `wake`, `close`.

Three ways, one mailbox. `Native` reads inotify through watchdog's reader of it, with watches of our own: only
the kinds of events that say something was saved (watchdog's default also asks for *opened* and *closed
without a write*, which its walk of a large tree raises without end), ignored folders are left out before a
watch is added, and an overflow is told. `Observed` is watchdog's observer, for other systems. `Polling`
compares stamps, where nothing tells of changes. Events are only haste: what was missed, the sweep finds.
"""

import contextlib
import errno
import os
import queue
import sys
import threading
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from runbook.errors import UnavailableError
from runbook.pairing.places import is_ignored
from runbook.system import clock
from runbook.system.swap import Stamp, stamp_of

Kind = Literal[
    "saved",  # closed after writing, or moved to here: whoever wrote it has finished
    "changed",  # something about it changed; perhaps it is still being written
    "gone",  # deleted, or moved away
    "folder",  # a folder came or went: look at what there is
    "lost",  # events were lost: look at everything
    "wake",  # somebody wants to be heard
]


class Event(msgspec.Struct, frozen=True):
    kind: Kind
    path: str = ""


class Watcher(Protocol):
    """Watches folders. `name` says how; `vouches`: whether it tells when a writer has finished."""

    name: str
    vouches: bool

    def cover(self, deep: Collection[str], flat: Collection[str]) -> None:
        """Watch these from now on: `deep` with all folders below, `flat` alone. Those that are not there are
        left out; say it again when they may have come. Raises UnavailableError at a limit of the system."""

    def wait(self, timeout_seconds: float) -> list[Event]:
        """The events since the last call; waits for the first one."""

    def wake(self) -> None:
        """Make `wait` return. May be called from a signal handler."""

    def close(self) -> None:
        """Stop watching."""


class _Mailbox:
    """Where events arrive from other threads."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def wake(self) -> None:
        self._queue.put(Event("wake"))

    def wait(self, timeout_seconds: float) -> list[Event]:
        found: list[Event] = []
        try:
            found.append(self._queue.get(timeout=max(timeout_seconds, 0.0)))
            while True:
                found.append(self._queue.get_nowait())
        except queue.Empty:
            return found


class Polling(_Mailbox):
    """Compares the stamps of all texts and notebooks, every second or less often where that is much work."""

    name = "polling"
    vouches = False

    def __init__(self, *, least_seconds: float = 1.0) -> None:
        super().__init__()
        self._least = least_seconds
        self._deep: tuple[str, ...] = ()
        self._flat: tuple[str, ...] = ()
        self._known: dict[str, Stamp] | None = None
        self._next = 0.0
        self.interval_seconds = least_seconds

    def cover(self, deep: Collection[str], flat: Collection[str]) -> None:
        wanted = (tuple(sorted(deep)), tuple(sorted(flat)))
        if wanted != (self._deep, self._flat):
            self._deep, self._flat = wanted
            self._known = self._look()

    def wait(self, timeout_seconds: float) -> list[Event]:
        now = _seconds()
        until = now + timeout_seconds
        found = super().wait(min(timeout_seconds, max(self._next - now, 0.0)))
        if found or _seconds() < min(self._next, until):
            return found
        return self._compare() if _seconds() >= self._next else []

    def _compare(self) -> list[Event]:
        began = _seconds()
        before, now = self._known or {}, self._look()
        self._known = now
        found = [Event("changed", path) for path, stamp in now.items() if before.get(path) != stamp]
        found += [Event("gone", path) for path in before if path not in now]
        ended = _seconds()
        # At most two hundredths of a core, and never less often than every ten seconds.
        self.interval_seconds = min(max(self._least, 50 * (ended - began)), 10.0)
        self._next = ended + self.interval_seconds
        return found

    def _look(self) -> dict[str, Stamp]:
        folders = {folder for top in self._deep for folder in folders_below(top)} | set(self._flat)
        found: dict[str, Stamp] = {}
        for folder in folders:
            found.update(_stamps(folder))
        return found

    def close(self) -> None:
        self._known = None


def _stamps(folder: str) -> Iterator[tuple[str, Stamp]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith((".py", ".ipynb")) and not is_ignored(entry.name):
                    try:
                        yield entry.path, stamp_of(entry.stat())
                    except OSError:
                        continue
    except OSError:
        return


def folders_below(top: str) -> Iterator[str]:
    """`top` and the folders in it, without ignored ones and links; one that went meanwhile is no error."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                inner = [entry.path for entry in entries if _is_folder(entry)]
        except OSError:
            continue
        yield folder
        waiting += inner


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir(follow_symlinks=False) and not is_ignored(entry.name)


class Native(_Mailbox):
    """inotify. Called back in the reader's thread; its own maps are behind a lock."""

    name = "native events"
    vouches = True

    def __init__(self) -> None:
        super().__init__()
        inotify, self._mask = _inotify()
        self._lock = threading.RLock()
        self._paths: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._deep: tuple[str, ...] = ()
        # The same folder under a new name, after a move, is added anew; watchdog warns of that at length.
        warnings.filterwarnings("ignore", message="Callback with id '", category=RuntimeWarning)
        with _limits():
            self._reader: Any = inotify.InotifyFD()
        self._reader.start()

    def cover(self, deep: Collection[str], flat: Collection[str]) -> None:
        with self._lock, _limits():
            self._deep = tuple(sorted(deep))
            wanted = {folder for top in self._deep for folder in folders_below(top)} | set(flat)
            for folder in sorted(wanted - self._numbers.keys()):
                self._add(folder)
            self._remove([folder for folder in self._numbers if folder not in wanted])

    @property
    def count(self) -> int:
        """How many folders are watched."""
        return len(self._numbers)

    def _add(self, folder: str) -> None:
        try:
            number = self._reader.add_callback(os.fsencode(folder), self._mask, self, id(self))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EMFILE):
                raise
            return  # gone, or not ours to read: the sweep says so
        if number < 0:
            return
        before = self._paths.get(number)
        if before is not None and before != folder:
            self._numbers.pop(before, None)  # the same folder under another name
        self._paths[number] = folder
        self._numbers[folder] = number

    def _remove(self, folders: Collection[str]) -> None:
        numbers = [self._numbers.pop(folder) for folder in folders]
        for number in numbers:
            self._paths.pop(number, None)
        self._reader.remove_callbacks([(number, id(self)) for number in numbers])

    # What watchdog's reader calls:

    def on_event(self, event: Any) -> None:
        with self._lock:
            folder = self._paths.get(event.wd)
            if folder is None:
                return
            name = os.fsdecode(event.name)
            path = f"{folder}/{name}"
            if event.is_directory:
                self._folder_changed(event, name, path)
            elif name.endswith((".py", ".ipynb")) and not is_ignored(name):
                self._queue.put(Event(_kind(event), path))

    def _folder_changed(self, event: Any, name: str, path: str) -> None:
        if is_ignored(name):
            return
        if event.is_moved_from or event.is_delete:
            below = [each for each in self._numbers if each == path or each.startswith(f"{path}/")]
            self._remove(below)
        elif any(f"{path}/".startswith(f"{top}/") for top in self._deep):
            try:
                for folder in folders_below(path):
                    self._add(folder)
            except OSError:
                self._queue.put(Event("lost"))  # a limit: the next `cover` says which
                return
        self._queue.put(Event("folder", path))

    def on_watch_deleted(self, wd: int) -> None:
        with self._lock:
            folder = self._paths.pop(wd, None)
            if folder is not None and self._numbers.get(folder) == wd:
                del self._numbers[folder]

    def on_queue_overflow(self) -> None:
        self._queue.put(Event("lost"))

    def close(self) -> None:
        self._reader.stop()
        self._reader.join()


def _inotify() -> tuple[Any, Any]:
    """watchdog's module that reads inotify, which is not among its promises, and the kinds of events to ask
    for. Raises UnavailableError when this watchdog has another one."""
    try:
        from watchdog.observers import inotify_c

        kinds = inotify_c.InotifyConstants
        asked = kinds.IN_CLOSE_WRITE | kinds.IN_CREATE | kinds.IN_DELETE | kinds.IN_MOVE | kinds.IN_ONLYDIR
        for name in ("start", "stop", "join", "add_callback", "remove_callbacks"):
            getattr(inotify_c.InotifyFD, name)
        return inotify_c, inotify_c.Mask(asked)
    except (ImportError, AttributeError) as error:
        raise UnavailableError(
            f"this watchdog reads inotify in a way that is not known here ({error})",
            hint='`python -m pip install "watchdog>=7.1,<8"`',
        ) from error


def _kind(event: Any) -> Kind:
    if event.is_close_write or event.is_moved_to:
        return "saved"
    return "gone" if event.is_delete or event.is_moved_from else "changed"


class Observed(_Mailbox):
    """watchdog's own observer (FSEvents on macOS, ReadDirectoryChanges on Windows)."""

    name = "native events"
    vouches = False

    def __init__(self) -> None:
        super().__init__()
        from watchdog import events
        from watchdog.observers import Observer

        # Without *opened* and *closed without a write*, which a large tree never comes to an end with.
        self._kinds = [
            events.FileCreatedEvent,
            events.FileModifiedEvent,
            events.FileMovedEvent,
            events.FileDeletedEvent,
            events.DirCreatedEvent,
            events.DirMovedEvent,
            events.DirDeletedEvent,
        ]
        self._observer: Any = Observer()
        self._watches: dict[tuple[str, bool], Any] = {}
        self._observer.start()

    def cover(self, deep: Collection[str], flat: Collection[str]) -> None:
        wanted = {(folder, True) for folder in deep} | {(folder, False) for folder in flat}
        wanted = {(folder, below) for folder, below in wanted if Path(folder).is_dir()}
        for key in self._watches.keys() - wanted:
            self._observer.unschedule(self._watches.pop(key))
        with _limits():
            for folder, below in sorted(wanted - self._watches.keys()):
                self._watches[folder, below] = self._observer.schedule(
                    self, folder, recursive=below, event_filter=self._kinds
                )

    def dispatch(self, event: Any) -> None:
        """What watchdog calls."""
        gone = event.event_type in ("deleted", "moved")
        for path, kind in ((event.src_path, "gone" if gone else "changed"), (event.dest_path, "changed")):
            name = os.fsdecode(path)
            if name and event.is_directory:
                self._queue.put(Event("folder", name))
            elif name.endswith((".py", ".ipynb")) and not is_ignored(name.rpartition("/")[2]):
                self._queue.put(Event("gone" if kind == "gone" else "changed", name))

    def close(self) -> None:
        self._observer.stop()
        self._observer.join()


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    """Turns the system's limits into the message that says how to raise them."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EMFILE):
            raise
        which = "watches" if error.errno == errno.ENOSPC else "instances"
        raise UnavailableError(
            f"the system allows no more inotify {which}",
            hint=f"`sudo sysctl fs.inotify.max_user_{which}={524288 if which == 'watches' else 1024}`",
        ) from error


def native() -> Watcher:
    """The best way this system has. Raises UnavailableError at a limit of the system."""
    system: str = sys.platform
    return Native() if system == "linux" else Observed()


def _seconds() -> float:
    return clock.monotonic_ns() / 1e9
