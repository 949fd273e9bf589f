"""A run of two steps, whole process, evidence on, beside papermill on the same cells."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import peers, texts
from benchmarks.executions import Workspace
from benchmarks.measure import Budget, Row, beside


def rows(runs: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="runbook-bench-") as name:
        ours = Workspace(Path(name), texts.TWO_STEPS)
        notebook = peers.notebook(texts.TWO_STEPS, Path(name) / "x.ipynb")
        one, other = beside(ours.run, lambda: peers.papermill(notebook), runs=runs)
    yield Row(
        what="a two-step run, cold",
        ours_seconds=one,
        peer="papermill",
        peer_seconds=other,
        budget=Budget(ratio=0.8),
        runs=runs,
    )
