"""What a kernel has started: found by parentage and by a mark in the environment, named by pid and start.

The only importer of psutil, and only when a tree is asked for. A pid alone is never signalled: between the
look and the signal it could have become another process, so the start time is compared first.

What is not found: a process that left its parents *and* dropped the mark (`env -i`, `sudo`). The supervisor,
a subreaper on Linux, still sees such orphans among its own children.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from runbook.execution.kernel_values import ProcessIdentity
from runbook.kit import child
from runbook.system import clock

MARK = "RUNBOOK_KERNEL"
Moment = tuple[float, int]
_IS_LINUX = sys.platform.startswith("linux")
_ROUNDS = 5


def started(pid: int) -> str | None:
    """The start time of a process, as text that no other process with this pid ever has; None when it is
    gone (or ended and not yet waited for)."""
    return child.started(pid) if _IS_LINUX else _started_elsewhere(pid)


def _started_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.create_time():.6f}"
    except psutil.Error:
        return None


def moment() -> Moment:
    """Now, as `descendants(since=…)` compares it with the start of processes: what was started before this
    call is before, what is started after it is since.

    Linux counts starts in hundredths of a second, so within one of them the order of pids decides: the last
    one given stands in proc(5) loadavg.
    """
    if not _IS_LINUX:
        return clock.since_boot_seconds(), 0
    ticks = int(clock.since_boot_seconds() * os.sysconf("SC_CLK_TCK"))
    return ticks, int(Path("/proc/loadavg").read_bytes().split()[-1])


def moment_of(monotonic_ns: int) -> Moment:
    """The moment at which the monotonic clock said `monotonic_ns`, in this start of the machine; too late by
    as long as the machine was suspended since then."""
    seconds = clock.since_boot_seconds() - max(0, clock.monotonic_ns() - monotonic_ns) / 1e9
    return (int(seconds * os.sysconf("SC_CLK_TCK")) - 1 if _IS_LINUX else seconds), 0


def _is_since(identity: ProcessIdentity, since: Moment) -> bool:
    return (float(identity.started.rpartition("-")[2]), identity.pid) > since


def descendants(
    root: int, *, mark: str, since: Moment | None = None, group: int | None = None
) -> tuple[ProcessIdentity, ...]:
    """Every living process that descends from `root` or carries `mark`, but `root` itself.

    `since`: only those started at this `moment` or later. `group`: only those of this process group.
    """
    import psutil

    parents: dict[int, int] = {}
    marked: set[int] = set()
    for process in psutil.process_iter(["ppid"]):
        parents[process.pid] = process.info["ppid"]
        with contextlib.suppress(psutil.Error, OSError):
            if _has_mark(process, mark):
                marked.add(process.pid)
    found = {pid for pid in parents if pid in marked or _descends(pid, root, parents)} - {root, os.getpid()}
    identities = []
    for pid in sorted(found):
        start = started(pid)
        with contextlib.suppress(OSError):
            if start is not None and (group is None or os.getpgid(pid) == group):
                identities.append(ProcessIdentity(pid=pid, started=start))
    return tuple(each for each in identities if since is None or _is_since(each, since))


def _has_mark(process: Any, mark: str) -> bool:
    if _IS_LINUX:
        return f"{MARK}={mark}".encode() in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    return bool(process.environ().get(MARK) == mark)


def _descends(pid: int, root: int, parents: dict[int, int]) -> bool:
    seen = set()
    while pid not in seen and pid in parents:
        seen.add(pid)
        pid = parents[pid]
        if pid == root:
            return True
    return False


def command(pid: int) -> str:
    """The words of a process, for people; "" when it is gone."""
    import psutil

    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def send(identities: Iterable[ProcessIdentity], number: signal.Signals) -> tuple[ProcessIdentity, ...]:
    """Signal those that are still the same process; returns which."""
    reached = []
    for identity in identities:
        if started(identity.pid) == identity.started:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(identity.pid, number)
                reached.append(identity)
    return tuple(reached)


def kill_all(find: Callable[[], tuple[ProcessIdentity, ...]]) -> tuple[ProcessIdentity, ...]:
    """SIGKILL to everything that `find` finds, again until it finds nothing: a process that forks while it
    is being killed leaves one more. Returns what was killed."""
    killed: dict[tuple[int, str], ProcessIdentity] = {}
    for _ in range(_ROUNDS):
        reached = send(find(), signal.SIGKILL)
        if not reached:
            break
        killed.update({(each.pid, each.started): each for each in reached})
        _wait_gone(reached, 0.2)
    return tuple(killed.values())


def _wait_gone(identities: Iterable[ProcessIdentity], seconds: float) -> None:
    deadline = clock.monotonic_ns() + int(seconds * 1e9)
    while any(started(each.pid) == each.started for each in identities):
        if clock.monotonic_ns() > deadline:
            break
        clock.sleep(0.005)
