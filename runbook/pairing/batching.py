"""Batching: when the events of a pair have settled enough to look at it, and what is a storm. Pure.

A clock is given, in seconds that only grow. Events say only *that* something happened; what is read from the
files decides. So it costs nothing but time to look too often, and a sweep mends what an event never told.

A pair is looked at once it was quiet for `quiet`, at the latest `longest` after its first event. When many
paths change at once, or git holds its locks, everything waits for everything: a checkout writes both sides of
hundreds of pairs, deletes before it creates, and must be judged when it is done.
"""

from collections import deque
from collections.abc import Collection

import msgspec


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """All in seconds, but `storm_paths`: how many paths within `storm_window` make a storm."""

    quiet: float = 0.040
    longest: float = 0.400
    storm_quiet: float = 0.300
    storm_longest: float = 5.0
    storm_window: float = 0.100
    storm_paths: int = 50


class Batching:
    """The names that wait, each since when. Not for several threads at once."""

    def __init__(self, timing: Timing | None = None) -> None:
        self.timing = timing or Timing()
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._held: dict[str, float] = {}
        self._recent: deque[tuple[float, str]] = deque()
        self._storm_since: float | None = None
        self._latest = float("-inf")

    def note(self, name: str, *, now: float) -> None:
        """Something happened to `name`: it waits to be quiet, even when it was held back before."""
        self._held.pop(name, None)
        self._first.setdefault(name, now)
        self._last[name] = now
        self._latest = now
        self._recent.append((now, name))
        self._judge(now)

    def hold(self, name: str, *, until: float) -> None:
        """Look at `name` again at `until`, unless something happens to it before."""
        self._drop(name)
        self._held[name] = until

    def storm(self, *, now: float, goes_on: bool = True) -> None:
        """Somebody says that there is a storm: events were lost, git holds its locks. It is not quiet while
        it `goes_on`; a rebase that waits for a person does not."""
        if goes_on:
            self._latest = max(self._latest, now)
        if self._storm_since is None:
            self._storm_since = now

    @property
    def is_storm(self) -> bool:
        return self._storm_since is not None

    def due(self, *, now: float) -> tuple[str, ...]:
        """The names to be looked at now, sorted; they wait no longer. In a storm: all or none."""
        self._judge(now)
        if self._storm_since is not None:
            if now < self._calm_at(self._storm_since):
                return ()
            self._storm_since = None
            self._recent.clear()
            found = list(self._first)
        else:
            found = [name for name in self._first if now >= self._ready_at(name)]
        found += [name for name, until in self._held.items() if now >= until]
        for name in found:
            self._drop(name)
        return tuple(sorted(found))

    def wake_at(self) -> float | None:
        """When `due` may have something; None while nothing waits."""
        if self._storm_since is not None:
            return self._calm_at(self._storm_since)
        times = [self._ready_at(name) for name in self._first]
        times += self._held.values()
        return min(times, default=None)

    def waiting(self) -> Collection[str]:
        return self._first.keys() | self._held.keys()

    def _ready_at(self, name: str) -> float:
        return min(self._last[name] + self.timing.quiet, self._first[name] + self.timing.longest)

    def _calm_at(self, since: float) -> float:
        return min(self._latest + self.timing.storm_quiet, since + self.timing.storm_longest)

    def _judge(self, now: float) -> None:
        recent = self._recent
        while recent and recent[0][0] < now - self.timing.storm_window:
            recent.popleft()
        most = self.timing.storm_paths
        if self._storm_since is None and len(recent) > most and len({name for _, name in recent}) > most:
            self._storm_since = recent[0][0]

    def _drop(self, name: str) -> None:
        for waiting in (self._first, self._last, self._held):
            waiting.pop(name, None)


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """One moment on three clocks, in seconds: wall, monotonic (stands still in sleep), since the start of the
    machine (counts sleep)."""

    wall: float
    monotonic: float
    boot: float


def jump(before: Clocks, after: Clocks, *, tolerance: float = 5.0) -> str | None:
    """Whether the machine slept or its clock was set between two moments, in words; else None.

    Where the third clock is the wall clock (not Linux), a sleep shows as a clock that was set: either way
    everything is looked at anew.
    """
    passed = after.monotonic - before.monotonic
    slept = (after.boot - before.boot) - passed
    if slept > tolerance:
        return f"the machine slept for {slept:.0f} s"
    stepped = (after.wall - before.wall) - passed - max(slept, 0.0)
    if abs(stepped) > tolerance:
        return f"the clock was set {'forward' if stepped > 0 else 'back'} by {abs(stepped):.0f} s"
    return None
