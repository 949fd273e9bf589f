"""100 and 500 trivial steps, whole process, journal on, beside nbclient and papermill."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import peers, texts
from benchmarks.executions import Workspace
from benchmarks.measure import Budget, Row, beside, timed


def rows(runs: int) -> Iterator[Row]:
    for steps, count in ((100, min(runs, 3)), (500, 1)):
        text = texts.trivial(steps)
        with tempfile.TemporaryDirectory(prefix="runbook-bench-") as name:
            ours = Workspace(Path(name), text)
            notebook = peers.notebook(text, Path(name) / "x.ipynb")
            one, other = beside(ours.run, lambda path=notebook: peers.nbclient(path), runs=count, warm_up=0)  # type: ignore[misc]  # a default binds it
            # Once: it rewrites the notebook at every cell, so that 500 take a minute.
            slow = timed(lambda path=notebook: peers.papermill(path))  # type: ignore[misc]  # a default binds it
        what = f"{steps} trivial steps"
        budget = Budget(ratio=1.2)
        yield Row(what=what, ours_seconds=one, peer="nbclient", peer_seconds=other, budget=budget, runs=count)
        budget = Budget(ratio=0.15) if steps == 500 else Budget()
        yield Row(what=what, ours_seconds=one, peer="papermill", peer_seconds=slow, budget=budget, runs=1)
