"""Syncing pairs, beside `jupytext --sync`: many that are in step, many that were edited, one large one."""

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import jupytext
from jupytext.combine import combine_inputs_with_outputs

from benchmarks.measure import Budget, Row, beside
from benchmarks.paired import edit_all, jupytext_sync, sync, text, workspace
from runbook.pairing.places import Pair, place
from runbook.pairing.sync import sync_pair

PAIRS = 1000


def rows(runs: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="runbook-bench-") as name:
        ours = workspace(Path(name) / "ours", pairs=PAIRS, cells=10)
        theirs = workspace(Path(name) / "theirs", pairs=PAIRS, cells=10)
        jupytext_sync(theirs)
        time.sleep(2.1)  # a stamp is believed once it is two seconds old
        sync(ours)
        few = min(runs, 2)  # jupytext takes eight seconds for each
        one, other = beside(lambda: sync(ours), lambda: jupytext_sync(theirs), runs=few, warm_up=0)
        yield _row(f"runbook sync, {PAIRS} pairs in step", one, other, Budget(ratio=1 / 40), few)

        word = iter(["last", "first"] * (few + 1))
        both = [0.0, 0.0]
        for _ in range(few):
            new = next(word)
            for index, (root, act) in enumerate(((ours, sync), (theirs, jupytext_sync))):
                edit_all(root, new)
                began = time.perf_counter()
                act(root)
                both[index] += (time.perf_counter() - began) / few
        yield _row(f"runbook sync, {PAIRS} edited pairs", both[0], both[1], Budget(ratio=1 / 4), few)
        yield from _large(Path(name) / "large", runs)


def _row(what: str, ours: float, theirs: float, budget: Budget, runs: int) -> Row:
    return Row(
        what=what, ours_seconds=ours, peer="jupytext --sync", peer_seconds=theirs, budget=budget, runs=runs
    )


def _large(root: Path, runs: int) -> Iterator[Row]:
    """All cells of one pair of 500 changed, in this process: ours with its writing, jupytext's without."""
    (root / "runbooks").mkdir(parents=True)
    path = root / "runbooks/x.py"
    here, pair = place(root, env={}), Pair(name="runbooks/x.py", notebook_name="runbooks/x.ipynb")
    path.write_text(_all(0))
    now = datetime.now(UTC)
    sync_pair(here, pair, now=now)
    count = [0]

    def ours() -> None:
        count[0] += 1
        path.write_text(_all(count[0]))
        sync_pair(here, pair, now=now)

    def theirs() -> None:
        count[0] += 1
        old = jupytext.read(path.with_suffix(".ipynb"))
        new = combine_inputs_with_outputs(
            jupytext.reads(_all(count[0]), fmt="py:percent"), old, fmt="py:percent"
        )
        jupytext.writes(new, fmt="ipynb")

    few = min(runs, 3)
    one, other = beside(ours, theirs, runs=few)
    yield Row(
        what="re-sync of 500 cells, all changed",
        ours_seconds=one,
        peer="jupytext in process",
        peer_seconds=other,
        budget=Budget(seconds=0.040),
        runs=few,
    )


def _all(turn: int) -> str:
    """500 cells, each another one than at any other turn."""
    whole = text(500, word=f"turn {turn}")
    return whole.replace("# What to look at,", f"# In turn {turn}: what to look at,")
