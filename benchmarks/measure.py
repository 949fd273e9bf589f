"""Measuring: the values of a table, and the one way to time two things beside each other."""

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Budget:
    """One bar of DESIGN §11: `seconds` and `ratio` (ours / peer's) are what may not be exceeded."""

    seconds: float | None = None
    ratio: float | None = None

    def __str__(self) -> str:
        parts = [f"≤ {shown(self.seconds)}"] if self.seconds is not None else []
        if self.ratio is not None:
            faster = 1 / self.ratio
            slow = f"≤ {self.ratio:g} × peer"
            parts.append(f"≥ {faster:g} × faster" if faster >= 4 and faster == round(faster) else slow)
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. Seconds are medians; `peer_seconds` is None where nobody does the same."""

    what: str
    ours_seconds: float
    peer: str
    peer_seconds: float | None
    budget: Budget
    runs: int

    @property
    def ratio(self) -> float | None:
        return None if self.peer_seconds is None else self.ours_seconds / self.peer_seconds

    @property
    def is_kept(self) -> bool:
        if self.budget.seconds is not None and self.ours_seconds > self.budget.seconds:
            return False
        if self.budget.ratio is None:
            return True
        return self.ratio is not None and self.ratio <= self.budget.ratio


class Unmeasured(Exception):
    """Something a benchmark needs is not there, or did not do what it is measured at."""


def shown(seconds: float) -> str:
    """A duration for people, three digits of it."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def timed(action: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def beside(
    ours: Callable[[], object], peer: Callable[[], object], *, runs: int, warm_up: int = 1
) -> tuple[float, float]:
    """Medians of `runs` calls of each, in turns, so that a slow moment of the machine meets both."""
    for _ in range(warm_up):
        ours()
        peer()
    gc.collect()
    pairs = [(timed(ours), timed(peer)) for _ in range(runs)]
    return statistics.median(one for one, _ in pairs), statistics.median(other for _, other in pairs)


def alone(action: Callable[[], object], *, runs: int, warm_up: int = 1) -> float:
    """The median of `runs` calls."""
    for _ in range(warm_up):
        action()
    gc.collect()
    return statistics.median(timed(action) for _ in range(runs))


def process(
    words: Sequence[str], *, folder: Path, env: Mapping[str, str] | None = None, codes: tuple[int, ...] = (0,)
) -> subprocess.CompletedProcess[bytes]:
    """A whole process, from its start to its end. Raises Unmeasured when it ends with another code."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment() if env is None else env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    if done.returncode not in codes:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-1500:]
        raise Unmeasured(f"{' '.join(words[:4])} … ended with {done.returncode}: {said}")
    return done


def environment() -> dict[str, str]:
    """Ours, without what would make one side do more than the other."""
    skipped = ("RUNBOOK_", "GIT_", "COVERAGE", "PYTHON", "JUPYTER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(skipped)}
    return {**kept, "NO_COLOR": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def program(name: str) -> str:
    """The full path of a program that is installed beside this Python. Raises Unmeasured without it."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise Unmeasured(f"{name} is not installed here: pip install -r requirements/bench.txt")
    return str(path)
