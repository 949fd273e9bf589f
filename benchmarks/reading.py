"""Strict reading of a 100-cell runbook, beside jupytext reading the same bytes."""

from collections.abc import Iterator

import jupytext

from benchmarks.measure import Budget, Row, Unmeasured, beside
from benchmarks.texts import mixed
from runbook.text.reader import read

READS = 5  # in a row, as `verify` over many runbooks reads them


def rows(runs: int) -> Iterator[Row]:
    data = mixed(100)
    anew = read.__wrapped__  # without its memory of the last few texts
    text = data.decode()
    reading = read(data)
    if reading.runbook is None or reading.reasons or len(reading.runbook.steps) != 100:
        raise Unmeasured(f"the text is not read as 100 cells in normal form: {reading.reasons[:3]}")
    many = max(runs * 3, 15)
    ours, peer = beside(
        lambda: [anew(data) for _ in range(READS)],
        lambda: [jupytext.reads(text, fmt="py:percent") for _ in range(READS)],
        runs=many,
        warm_up=2,
    )
    yield Row(
        what="strict reading, 100 cells",
        ours_seconds=ours / READS,
        peer="jupytext.reads",
        peer_seconds=peer / READS,
        budget=Budget(seconds=0.003, ratio=1 / 6),
        runs=many,
    )
