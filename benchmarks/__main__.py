"""`python -m benchmarks [NAME …] [--runs N] [--strict]`: measures, and prints the table."""

import argparse
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator

from benchmarks.machine import busy, facts
from benchmarks.measure import Row, Unmeasured, shown

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
COLUMNS = ("what", "ours", "peer", "peer's", "ratio", "budget", "")


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
    words = parser.parse_args()
    unknown = sorted(set(words.names) - set(NAMES))
    if unknown or words.runs < 1:
        parser.error(f"no such benchmark: {', '.join(unknown)}" if unknown else "--runs is 1 or more")
    for line in facts():
        print(line)
    warning = busy()  # now: our own work makes load too
    if warning:
        print(f"! {warning}")
    rows, broken = [], []
    for name in words.names or NAMES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        measure: Callable[[int], Iterator[Row]] = importlib.import_module(f"benchmarks.{name}").rows
        try:
            for row in measure(words.runs):
                rows.append(row)  # one by one: what was measured before a failure is shown
        except Unmeasured as error:
            broken.append(f"{name}: NOT MEASURED: {error}")
        except Exception:
            broken.append(f"{name}: NOT MEASURED: {traceback.format_exc()}")
    print()
    print_table([COLUMNS, *(cells(row) for row in rows)])
    for line in broken:
        print(f"\n{line}")
    kept = not broken and all(row.is_kept for row in rows)
    return 0 if kept or not words.strict else 1


def cells(row: Row) -> tuple[str, ...]:
    peer = "—" if row.peer_seconds is None else shown(row.peer_seconds)
    ratio = "—" if row.ratio is None else f"{row.ratio:.3g}"
    what = f"{row.what} ({row.runs} runs)" if row.runs > 1 else f"{row.what} (1 run)"
    verdict = "ok" if row.is_kept else "MISSED"
    return what, shown(row.ours_seconds), row.peer, peer, ratio, str(row.budget), verdict


def print_table(table: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[column]) for line in table) for column in range(len(COLUMNS))]
    for line in table:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
