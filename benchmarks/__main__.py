"""`python -m benchmarks [NAME …] [--runs N] [--strict]`: measures, and prints the table."""

import argparse
import dataclasses
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.machine import busy, facts
from benchmarks.measure import Budget, Row, Unmeasured, process, shown

ROOT = Path(__file__).parent.parent
JUPYTER = ROOT / ".venv-jupyter/bin/python"
BESIDE_JUPYTER = ("starting", "pairs", "hook")
"""Measured once more where jupyter_server is installed: there jupytext's import, and ours if we were
careless, takes a second."""

NAMES = (
    "reading",
    "verifying",
    "starting",
    "two_steps",
    "many_steps",
    "journal",
    "pairs",
    "watching",
    "hook",
)
COLUMNS = ("what", "ours", "peer", "peer's", "ratio", "budget", "met?", "load")


def main() -> int:
    """Prints one table over all that was asked for. 1 with --strict when a budget is missed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(NAMES)}; all without")
    parser.add_argument(
        "--runs", type=int, default=7, help="how many runs a median is of (fewer where one is long)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit 1 when a budget is missed or not measured"
    )
    parser.add_argument("--rows", action="store_true", help="print JSON, a row a line, of this Python alone")
    words = parser.parse_args()
    unknown = sorted(set(words.names) - set(NAMES))
    if unknown or words.runs < 1:
        parser.error(f"no such benchmark: {', '.join(unknown)}" if unknown else "--runs is 1 or more")
    names = words.names or NAMES
    if words.rows:
        for row in _here(names, words.runs):
            print(json.dumps(dataclasses.asdict(row)), flush=True)
        return 0
    for line in facts():
        print(line)
    warning = busy()  # now: our own work makes load too
    if warning:
        print(f"! {warning}")
    table: list[tuple[str, ...]] = [COLUMNS]
    broken: list[str] = []
    kept = True
    for name, measure in (*_all_here(names), *_all_beside_jupyter(names)):
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        try:
            for row in measure(words.runs):
                table.append(cells(row, load=os.getloadavg()[0]))  # what comes before a failure is shown
                print("  " + "  ".join(filter(None, table[-1])), file=sys.stderr, flush=True)
                kept = kept and row.is_kept
        except Unmeasured as error:
            broken.append(f"{name}: NOT MEASURED: {error}")
        except Exception:
            broken.append(f"{name}: NOT MEASURED: {traceback.format_exc()}")
    print()
    print_table(table)
    for line in broken:
        print(f"\n{line}")
    return 0 if (kept and not broken) or not words.strict else 1


Measure = Callable[[int], Iterator[Row]]


def _here(names: Sequence[str], runs: int) -> Iterator[Row]:
    for _, measure in _all_here(names):
        yield from measure(runs)


def _all_here(names: Sequence[str]) -> Iterator[tuple[str, Measure]]:
    for name in names:
        # Imported late: one that can't be is told in its turn.
        yield name, lambda runs, name=name: importlib.import_module(f"benchmarks.{name}").rows(runs)  # type: ignore[misc]  # a default binds it


def _all_beside_jupyter(names: Sequence[str]) -> Iterator[tuple[str, Measure]]:
    for name in names:
        if name in BESIDE_JUPYTER:
            yield f"{name} beside jupyter_server", lambda _, name=name: _beside_jupyter(name)  # type: ignore[misc]  # a default binds it


def _beside_jupyter(name: str) -> Iterator[Row]:
    """The same, measured by a process of the other environment, as briefly as may be."""
    if not JUPYTER.exists():
        raise Unmeasured("there is no .venv-jupyter: make .venv-jupyter/.stamp")
    done = process([str(JUPYTER), "-m", "benchmarks", name, "--runs", "1", "--rows"], folder=ROOT)
    for line in done.stdout.decode().splitlines():
        found = json.loads(line)
        what = f"{found['what']}, jupyter_server there"
        yield Row(**{**found, "what": what, "budget": Budget(**found["budget"])})


def cells(row: Row, *, load: float) -> tuple[str, ...]:
    peer = "—" if row.peer_seconds is None else shown(row.peer_seconds)
    ratio = "—" if row.ratio is None else f"{row.ratio:.3g}"
    what = f"{row.what} ({row.runs} runs)" if row.runs > 1 else f"{row.what} (1 run)"
    verdict = "yes" if row.is_kept else "NOT MET"
    return what, shown(row.ours_seconds), row.peer, peer, ratio, str(row.budget), verdict, f"{load:.1f}"


def print_table(table: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[column]) for line in table) for column in range(len(COLUMNS))]
    for line in table:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
