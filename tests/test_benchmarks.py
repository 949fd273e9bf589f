"""The table of budgets tells the truth: what is kept, what is missed, what could not be measured."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import texts
from benchmarks.measure import Budget, Row, Unmeasured, alone, beside, process, shown
from runbook.text.reader import read

ROOT = Path(__file__).parent.parent


def row(ours: float, peer: float | None, budget: Budget) -> Row:
    return Row(what="x", ours_seconds=ours, peer="p", peer_seconds=peer, budget=budget, runs=3)


@pytest.mark.parametrize(
    ("ours", "peer", "budget", "is_kept"),
    [
        (1.0, 1.0, Budget(ratio=1.0), True),
        (1.01, 1.0, Budget(ratio=1.0), False),
        (0.003, 1.0, Budget(seconds=0.003, ratio=0.1), True),
        (0.004, 1.0, Budget(seconds=0.003, ratio=0.1), False),
        (0.003, 0.01, Budget(seconds=0.003, ratio=0.1), False),
        (5.0, None, Budget(seconds=4.0), False),
        (1.0, None, Budget(ratio=1.0), False),
        (9.0, 1.0, Budget(), True),
    ],
)
def test_a_budget_is_kept_only_when_every_bar_is(
    ours: float, peer: float | None, budget: Budget, is_kept: bool
) -> None:
    assert row(ours, peer, budget).is_kept is is_kept


def test_budgets_and_durations_read_as_people_write_them() -> None:
    assert str(Budget(seconds=0.003, ratio=1 / 6)) == "≤ 3 ms, ≥ 6 × faster"
    assert str(Budget(ratio=1.3)) == "≤ 1.3 × peer"
    assert str(Budget(ratio=0.15)) == "≤ 0.15 × peer"
    assert str(Budget()) == ""
    assert [shown(value) for value in (2.0, 0.0123, 16e-6, 3e-9)] == ["2 s", "12.3 ms", "16 µs", "3 ns"]


def test_two_things_are_measured_in_turns_and_by_their_median() -> None:
    calls: list[str] = []
    ours, peer = beside(lambda: calls.append("a"), lambda: calls.append("b"), runs=3, warm_up=1)

    assert calls == ["a", "b"] * 4
    assert ours >= 0
    assert peer >= 0
    assert alone(lambda: calls.append("c"), runs=2, warm_up=0) >= 0
    assert calls[8:] == ["c", "c"]


def test_a_process_that_fails_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(Unmeasured, match="ended with 3: broken"):
        process([sys.executable, "-c", "import sys; sys.exit(print('broken') or 3)"], folder=tmp_path)


@pytest.mark.parametrize("data", [texts.mixed(100), texts.trivial(5), texts.TWO_STEPS])
def test_the_texts_are_runbooks_in_normal_form(data: bytes) -> None:
    reading = read(data)

    assert reading.reasons == ()
    assert reading.runbook is not None


def test_an_unknown_name_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "jurnal"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 2
    assert "no such benchmark: jurnal" in done.stderr
