"""A running watch: from a saved edit to the written notebook, and what it costs to do nothing."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Budget, Row, Unmeasured, alone, environment, process, program
from benchmarks.paired import workspace
from runbook import workspace as workspaces
from runbook.pairing.watching import Watching
from runbook.system import clock
from runbook.verbs.watch import scene_of
from runbook.workspace import Surroundings

_IDLE_SECONDS = 15.0
_SWEEPS = 5


def rows(runs: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="runbook-bench-") as name:
        root = workspace(Path(name) / "one", pairs=1, cells=10)
        text = root / "runbooks/p0.py"
        with watch(root) as out:
            count = max(runs * 4, 20)
            delays = [_delay(text, turn) for turn in range(count)]
            work = [
                json.loads(line)["ms"] / 1000 for line in out.read_text().splitlines() if '"pair"' in line
            ]
        peer = alone(lambda: _jupytext(text), runs=min(runs, 5))
        yield Row(
            what="saved edit until its notebook is written, median",
            ours_seconds=statistics.median(delays),
            peer="jupytext --sync",
            peer_seconds=peer,
            budget=Budget(seconds=0.060),
            runs=count,
        )
        yield _alone("the same, of 100 the 95th", sorted(delays)[int(len(delays) * 0.95)], 0.100, count)
        yield _alone("our own work in it, median", statistics.median(work), 0.010, count)
        yield from _idle(Path(name))


def _alone(what: str, seconds: float, budget: float, runs: int) -> Row:
    return Row(
        what=what, ours_seconds=seconds, peer="—", peer_seconds=None, budget=Budget(seconds=budget), runs=runs
    )


def _delay(text: Path, turn: int) -> float:
    notebook = text.with_suffix(".ipynb")
    before = notebook.stat()
    time.sleep(0.25)  # a person's pause, so that no edit meets the one before
    with text.open("a") as file:
        file.write(f"\n# %%\nturn = {turn}\n" if turn == 0 else f"# {turn}\n")
    began = time.perf_counter()
    while time.perf_counter() - began < 5:
        now = notebook.stat()
        if (now.st_ino, now.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
            return time.perf_counter() - began
        time.sleep(0.0005)
    raise Unmeasured("the watch did not write the notebook")


def _jupytext(text: Path) -> None:
    text.write_text(text.read_text() + "# again\n")
    process([sys.executable, "-m", "jupytext", "-q", "--sync", text.name], folder=text.parent)


def _idle(folder: Path) -> Iterator[Row]:
    """1000 pairs, and 10 000 folders beside them: what waiting costs, and what the sweeps in between cost."""
    root = workspace(folder / "many", pairs=1000, cells=10)
    for number in range(10_000):
        (root / f"beside/{number // 100}/{number % 100}").mkdir(parents=True)
    around = _surroundings(root)
    watching = Watching(
        scene_of(workspaces.find(root, around), poll="auto", around=around), lambda told: None
    )
    watching.open()
    try:
        watching.step(3.0)  # what the first look brought
        began, before = time.monotonic(), time.process_time()
        while time.monotonic() - began < _IDLE_SECONDS:
            watching.step(_IDLE_SECONDS - (time.monotonic() - began))
        still = (time.process_time() - before) / (time.monotonic() - began)
        sweeps = [_sweep(watching) for _ in range(_SWEEPS)]
    finally:
        watching.stop()
        watching.close()
    spent = 60 * (still + statistics.median(cpu / period for cpu, period in sweeps))
    yield _alone("watch idle on 1000 pairs, sweeps included: CPU in a minute", spent, 0.060, _SWEEPS)


def _sweep(watching: Watching) -> tuple[float, float]:
    """CPU seconds of one sweep, and how long after it the next one comes: it is not waited for."""
    swept, before = watching.sweeps, time.process_time()
    watching._next_sweep = 0.0
    while watching.sweeps == swept:
        watching.step(1.0)
    return time.process_time() - before, watching._next_sweep - clock.monotonic_ns() / 1e9


def _surroundings(root: Path) -> Surroundings:
    nowhere = root / "nobody.toml"
    return Surroundings(
        cwd=root,
        env=environment(),
        machine_config=nowhere,
        user_config=nowhere,
        state_folder=root / "state",
        login="bench",
        host="here",
    )


@contextmanager
def watch(root: Path) -> Iterator[Path]:
    """`runbook watch --json`, ready; yields the file that holds what it says."""
    out = root / "said"
    with out.open("wb") as stream:
        child = subprocess.Popen(
            [program("runbook"), "watch", "--json"], cwd=root, env=environment(), stdout=stream, stderr=stream
        )
    try:
        out.with_suffix(".pid").write_text(str(child.pid))
        limit = time.monotonic() + 60
        while '"started"' not in out.read_text():
            if child.poll() is not None or time.monotonic() > limit:
                raise Unmeasured(f"the watch did not start: {out.read_text()[-500:]}")
            time.sleep(0.02)
        yield out
    finally:
        child.terminate()
        child.wait(20)
