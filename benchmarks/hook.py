"""The pre-commit hook on 100 staged pairs, beside jupytext's: whole processes."""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Budget, Row, beside, process, program
from benchmarks.paired import git, jupytext_sync, sync, workspace

PAIRS = 100


def rows(runs: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="runbook-bench-") as name:
        roots = [workspace(Path(name) / side, pairs=PAIRS, cells=10) for side in ("ours", "theirs")]
        jupytext_sync(roots[1])
        time.sleep(2.1)
        sync(roots[0])
        for root in roots:
            git(root, "init", "-q")
            git(root, "add", "-f", "runbooks")
        files = sorted(str(path.relative_to(roots[0])) for path in (roots[0] / "runbooks").iterdir())
        theirs = [sys.executable, "-m", "jupytext", "-q", "--pre-commit-mode", "--sync", *files]
        few = min(runs, 3)
        one, other = beside(
            lambda: process([program("runbook"), "hook", "sync", *files], folder=roots[0]),
            lambda: process(theirs, folder=roots[1], codes=(0, 1)),
            runs=few,
        )
        yield Row(
            what=f"hook runbook-sync on {PAIRS} staged pairs",
            ours_seconds=one,
            peer="jupytext --pre-commit-mode --sync",
            peer_seconds=other,
            budget=Budget(ratio=1 / 25),
            runs=few,
        )
