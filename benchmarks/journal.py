"""The journal: what one event adds to a run, and what it costs to verify 10 000 of them."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measure import Budget, Row, Unmeasured, alone
from runbook.canonical import hex_digest
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import JournalWriter, read_journal

EVENTS = 10_000
EVERY = 100  # a step boundary, where the journal is synced


def rows(runs: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="runbook-bench-") as name:
        added = [_written(Path(name) / str(run)) / EVENTS for run in range(min(runs, 5))]
        folder = ExecutionFolder(Path(name) / "0")
        if len(read_journal(folder).events) != EVENTS:
            raise Unmeasured("the journal does not hold what was written")
        verified = alone(lambda: read_journal(folder), runs=runs)
    what = "one event written, syncs included"
    budget = Budget(seconds=0.0003)
    median = statistics.median(added)
    yield Row(what=what, ours_seconds=median, peer="—", peer_seconds=None, budget=budget, runs=len(added))
    what = f"{EVENTS} events verified"
    budget = Budget(seconds=0.5)
    yield Row(what=what, ours_seconds=verified, peer="—", peer_seconds=None, budget=budget, runs=runs)


def _written(path: Path) -> float:
    """Seconds for EVENTS messages as a kernel sends them."""
    path.mkdir()
    start = b"runbook run-start v1\n"
    (path / "start.txt").write_bytes(start)
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    began = time.perf_counter()
    with_syncs = JournalWriter.create(ExecutionFolder(path), start_digest=hex_digest(start))
    for number in range(EVENTS):
        payload = {
            "channel": "iopub",
            "type": "stream",
            "step": f"part-{number // EVERY}",
            "parent": "3f1c2a9e-71d1c6b0a5f94c0c_4711_1",
            "content": {"name": "stdout", "text": f"line {number} of what a step prints while it works\n"},
            "size": 84,
            "spooled": number,
        }
        with_syncs.append("message", payload, t=moment + timedelta(milliseconds=number), m=number * 1_000_000)
        if number % EVERY == 0:
            with_syncs.sync()
    with_syncs.sync()
    with_syncs.close()
    return time.perf_counter() - began
