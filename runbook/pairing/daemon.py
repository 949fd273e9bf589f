"""The one watch of a workspace: its lock, its status for others, its signals, and how it is stopped.

The lock is a lock of the system's on `watch.lock` in the state's folder; it goes with the process, however
that ends. `watch.json` beside it says how it goes: to be read, never to be believed without the lock.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from runbook.decoding import decode_json
from runbook.errors import LockBusy, NotFoundError, RunbookError, UnavailableError
from runbook.instants import stamp
from runbook.pairing.observe import look, may_be_there
from runbook.pairing.places import Place
from runbook.pairing.state import State
from runbook.pairing.told import Told
from runbook.pairing.watching import Scene, Watching
from runbook.system import clock, files

_LIMIT_BYTES = 1 << 20
_STATUS_SECONDS = 1.0
_TRIES = 5


class Owner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who watches."""

    pid: int
    host: str
    root: str
    since: str
    log: str | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it goes. `how` is `native events` or `polling`; `unsettled` names the pairs that are not in step,
    with why; `swept` counts looks at everything."""

    schema: Literal[1] = 1
    owner: Owner
    how: str
    pairs: int
    swept: int
    unsettled: dict[str, str]
    at: str


def lock_path(place: Place) -> Path:
    return place.state / "watch.lock"


def status_path(place: Place) -> Path:
    return place.state / "watch.json"


def log_path(place: Place) -> Path:
    return place.state / "watch.log"


def serve(scene: Scene, owner: Owner, *, tell: Callable[[Told], None]) -> None:
    """Watch until SIGTERM, SIGINT or `stop`; to be called in the main thread.

    The state's folder may be taken away: it is made anew. Raises LockBusy when somebody watches here already,
    also when they began while it was away, naming who; UnavailableError with `--poll never` where no events
    come.
    """
    with contextlib.ExitStack() as held, contextlib.ExitStack() as ending:
        lock = held.enter_context(_owned(scene.place, owner))
        watching = Watching(scene, tell)
        ending.callback(watching.close)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            before = signal.signal(number, lambda *_: watching.stop())
            ending.callback(signal.signal, number, before)
        watching.open()
        how = watching.listening.watcher.name
        tell(Told(code="started", message=f"watching {_pairs(watching.pairs)} in {owner.root} ({how})"))
        shown = _Shown(scene.place)
        while not watching.is_stopping:
            if not _is_in_place(scene.place, lock):
                held.close()
                lock = held.enter_context(_owned(scene.place, owner))
                tell(Told(code="state", message="the state's folder was taken away: it is made anew"))
                watching.look_again()
            is_late = shown.show(_status(watching, owner))
            watching.step(_STATUS_SECONDS if is_late else scene.sweep_seconds)
        tell(Told(code="stopped", message="stopped"))


class _Shown:
    """The status for others: follows what changes, at most once a second. Never ends the watch: a full disk
    costs the status alone."""

    def __init__(self, place: Place) -> None:
        self._path = status_path(place)
        self._last: Status | None = None
        self._tried = float("-inf")

    def show(self, now: Status) -> bool:
        """Whether it is still to be written."""
        seconds = clock.monotonic_ns() / 1e9
        is_known = self._last is not None and msgspec.structs.replace(now, at=self._last.at) == self._last
        if is_known and look(self._path) is not None:
            return False
        if seconds - self._tried < _STATUS_SECONDS:
            return True
        self._tried = seconds
        try:
            files.replace(self._path, msgspec.json.encode(now), durable=False)
        except RunbookError:
            return True
        self._last = now
        return False


def _utf8(words: str) -> str:
    """A name that is not UTF-8, so that it can be written down."""
    return words.encode("utf-8", "backslashreplace").decode("utf-8")


def _pairs(count: int) -> str:
    return f"{count} pair{'' if count == 1 else 's'}"


def _status(watching: Watching, owner: Owner) -> Status:
    return Status(
        owner=owner,
        how=watching.listening.watcher.name,
        pairs=watching.pairs,
        swept=watching.sweeps,
        unsettled={_utf8(name): _utf8(report.message) for name, report in sorted(watching.unsettled.items())},
        at=stamp(clock.now()),
    )


def _is_in_place(place: Place, lock: int) -> bool:
    """Whether the lock that we hold is the one that others see, as far as the disk tells."""
    seen, ours = look(lock_path(place)), os.fstat(lock)
    return may_be_there(lock_path(place)) if seen is None else seen.inode == ours.st_ino


@contextlib.contextmanager
def _owned(place: Place, owner: Owner) -> Iterator[int]:
    with State(place.state).locked():
        pass  # makes the folder, with its README
    with contextlib.ExitStack() as held:
        descriptor = _lock(place, held)
        os.ftruncate(descriptor, 0)
        files.write_all(descriptor, msgspec.json.encode(owner))
        try:
            yield descriptor
        finally:
            if _is_in_place(place, descriptor):  # else the status is another watch's by now
                files.remove(status_path(place))
            os.ftruncate(descriptor, 0)


def _lock(place: Place, held: contextlib.ExitStack) -> int:
    for attempt in range(_TRIES):
        try:
            return held.enter_context(files.locked(lock_path(place)))
        except LockBusy as error:
            if owner_of(place) is not None or attempt == _TRIES - 1:
                raise busy(place) from error
            clock.sleep(0.02)  # somebody only asked whether it is held
    raise AssertionError("not reached")


def busy(place: Place) -> LockBusy:
    """What a second watch is told."""
    found = owner_of(place)
    who = "another process" if found is None else f"process {found.pid} on {found.host}, since {found.since}"
    return LockBusy(
        f"this workspace is being watched already, by {who}",
        subject=str(place.root),
        hint="`runbook watch --status` shows how it goes, `runbook watch --stop` ends it",
    )


def owner_of(place: Place) -> Owner | None:
    """Who watches now; None when nobody does."""
    path = lock_path(place)
    if not files.is_locked(path):
        return None
    with contextlib.suppress(RunbookError):
        return decode_json(files.read(path, limit_bytes=_LIMIT_BYTES), Owner, name=path.name)
    return None


def status(place: Place) -> Status | None:
    """How the watch goes; None when there is none, or it only just starts."""
    if not files.is_locked(lock_path(place)):
        return None
    with contextlib.suppress(RunbookError):
        return decode_json(
            files.read(status_path(place), limit_bytes=_LIMIT_BYTES), Status, name=status_path(place).name
        )
    return None


def stop(place: Place, *, host: str, wait_seconds: float = 10.0) -> Owner:
    """End the watch, and wait until it is gone. Raises NotFoundError when there is none, UnavailableError
    when it runs on another machine or does not end."""
    found = owner_of(place)
    if found is None:
        raise NotFoundError("nobody watches here", subject=str(place.root), hint="`runbook watch` starts to")
    if found.host != host:
        raise UnavailableError(
            f"it runs as process {found.pid} on {found.host}", hint=f"stop it there: `kill {found.pid}`"
        )
    try:
        os.kill(found.pid, signal.SIGTERM)  # the lock says that this number is still its
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise UnavailableError(
            f"it runs as process {found.pid} of another user", hint=f"ask them: `kill {found.pid}`"
        ) from error
    until = clock.monotonic_ns() + int(wait_seconds * 1e9)
    while owner_of(place) == found:
        if clock.monotonic_ns() > until:
            raise UnavailableError(
                f"process {found.pid} did not end", hint=f"`kill -9 {found.pid}`; nothing is lost"
            )
        clock.sleep(0.02)
    return found
