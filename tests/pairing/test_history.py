"""Versions, restore, diff: every saved version is there, and restoring loses nothing."""

from pathlib import Path

import pytest

from runbook.errors import FormatError, NotFoundError
from runbook.pairing.history import content, diff, restore, versions
from runbook.pairing.state import State, pinned
from runbook.store import retention
from runbook.store.store import open_store
from tests.pairing.builders import NOW, TEXT, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path / "w")
    found.sync()
    found.edit("restart = True", "restart = False")
    found.sync()
    return found


def test_every_version_of_both_sides_is_listed(bench: Bench) -> None:
    found = versions(bench.place, "runbooks/x.py")

    assert [(each.number, each.side, each.by) for each in found] == [
        (1, "text", "saved"),
        (2, "notebook", "written"),
        (3, "text", "saved"),
        (4, "notebook", "written"),
    ]
    assert content(bench.place, "runbooks/x.py", 1) == TEXT.encode()
    assert found[0].stamp == "2026-11-21T00:12:05Z"


def test_a_restored_text_is_an_edit_like_any_other(bench: Bench) -> None:
    bench.edit("Slowly", "Unsaved anywhere else")
    unsaved = bench.text.read_bytes()

    assert restore(bench.place, bench.pair, 1, now=NOW) == bench.text
    assert bench.text.read_bytes() == TEXT.encode()
    kept = [
        content(bench.place, "runbooks/x.py", each.number) for each in versions(bench.place, "runbooks/x.py")
    ]
    assert unsaved in kept
    assert bench.sync().action == "to-notebook"
    assert bench.sources()[-1] == "restart = True"


def test_a_deleted_text_can_be_restored(bench: Bench) -> None:
    bench.text.unlink()
    bench.sync()
    restore(bench.place, bench.pair, 3, now=NOW)

    assert bench.sync().is_settled
    assert "restart = False" in bench.text.read_text()


def test_a_notebook_version_goes_back_to_the_notebook(bench: Bench) -> None:
    assert restore(bench.place, bench.pair, 2, now=NOW) == bench.notebook
    assert bench.sync().action == "to-text"
    assert bench.text.read_text() == TEXT


def test_versions_that_are_not_there_are_said(bench: Bench) -> None:
    with pytest.raises(NotFoundError, match="there is no version 9; kept are 1 to 4"):
        restore(bench.place, bench.pair, 9, now=NOW)
    with pytest.raises(NotFoundError, match="no versions are kept of this name"):
        versions(bench.place, "runbooks/other.py")


def test_a_conflict_copy_is_no_working_file(bench: Bench) -> None:
    bench.edit("restart = False", "restart = 'text'")
    bench.set_source(2, "restart = 'notebook'")
    bench.sync()
    copy = next(each for each in versions(bench.place, "runbooks/x.py") if each.side == "conflict")

    with pytest.raises(FormatError, match="is a conflict copy, not a text or notebook"):
        restore(bench.place, bench.pair, copy.number, now=NOW)


def test_two_versions_are_compared(bench: Bench) -> None:
    words = diff(bench.place, "runbooks/x.py", 1, 3)

    assert words.startswith("--- runbooks/x.py@1 (text, 2026-11-21T00:12:05Z)\n+++ runbooks/x.py@3 (text")
    assert "-restart = True\n+restart = False" in words
    assert "-restart = True\n+restart = False" in diff(bench.place, "runbooks/x.py", 2, 4)
    assert diff(bench.place, "runbooks/x.py", 1, 1) == ""


def test_retention_never_takes_the_base(bench: Bench) -> None:
    from datetime import timedelta

    for number in range(5):
        bench.write(TEXT.replace("True", str(number)))
        bench.sync()
    limits = retention.Limits(age=timedelta(seconds=1), size_bytes=0, grace=timedelta(0))
    later = NOW + timedelta(days=4000)
    swept = retention.sweep(
        open_store(bench.place.store), limits, now=later, pinned=pinned(bench.place.state.parent)
    )

    assert swept.versions > 5
    left = versions(bench.place, "runbooks/x.py")
    assert {each.side for each in left} == {"text", "notebook"}
    bench.set_source(2, "x = 'still merges'")
    assert bench.sync().action == "to-text"


def test_a_sync_lets_old_versions_go_once_a_day(bench: Bench) -> None:
    from datetime import timedelta

    from runbook.pairing.places import find_pairs
    from runbook.pairing.sync import sync_all

    pairs = find_pairs(bench.place.root, folders=["runbooks"], template=None)
    bench.write(TEXT.replace("True", "1"))
    sync_all(bench.place, pairs, now=NOW)
    mark = bench.place.store / "swept"
    assert mark.read_text() == "2026-11-21T00:12:05Z\n"
    for days, number in ((0.5, 2), (40, 3), (81, 4), (82, 5)):
        bench.write(TEXT.replace("True", str(number)))
        sync_all(bench.place, pairs, now=NOW + timedelta(days=days))

    left = versions(bench.place, "runbooks/x.py")
    assert [each.number for each in left] == [11, 12, 13, 14]
    assert bench.sync().action == "unchanged"


def test_a_clock_that_is_wrong_for_a_moment_costs_no_versions(bench: Bench) -> None:
    from datetime import timedelta

    from runbook.pairing.places import find_pairs
    from runbook.pairing.sync import sync_all

    pairs = find_pairs(bench.place.root, folders=["runbooks"], template=None)
    for days, number in ((0, 1), (1.5, 2), (4000, 3), (1.6, 4), (3, 5)):
        bench.write(TEXT.replace("True", str(number)))
        sync_all(bench.place, pairs, now=NOW + timedelta(days=days))

    kept = [
        content(bench.place, "runbooks/x.py", each.number) for each in versions(bench.place, "runbooks/x.py")
    ]
    assert all(any(f"restart = {number}".encode() in data for data in kept) for number in range(1, 6))


def test_the_state_is_compacted_and_stays_true(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.pairing.state._SLACK_LINES", 4)
    for number in range(8):
        bench.write(TEXT.replace("True", str(number)))
        assert bench.sync().action == "to-notebook"
    log = bench.place.state / "pairs-1.log"

    assert len(log.read_bytes().splitlines()) < 12
    assert list(State(bench.place.state).records) == ["runbooks/x.py"]
    assert bench.sync().action == "unchanged"


def test_a_line_that_a_kill_cut_off_counts_for_nothing(bench: Bench) -> None:
    log = bench.place.state / "pairs-1.log"
    before = State(bench.place.state).records
    with log.open("ab") as file:
        file.write(b'0badc0de {"record":{"name":"runb')

    state = State(bench.place.state)
    assert state.records == before
    bench.edit("restart = ", "restarted = ")
    assert bench.sync().action == "to-notebook"
    assert State(bench.place.state).damaged == 0
    assert bench.sync().action == "unchanged"
