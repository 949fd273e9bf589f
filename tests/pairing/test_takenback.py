"""JupyterLab's *Overwrite*: the notebook opened before the text was edited is saved over the edit."""

from pathlib import Path

import pytest

from runbook.pairing.history import content
from runbook.pairing.wording import notes_of
from tests.pairing.builders import Bench, code


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path / "w")
    assert found.sync().action == "made-notebook"
    return found


def test_an_overwrite_is_said_with_the_command_that_brings_the_edit_back(bench: Bench) -> None:
    opened = bench.json()
    bench.edit("restart = True", "restart = 'from the text'")
    bench.sync()
    edited = bench.text.read_bytes()
    opened["cells"][2]["source"] = "status = 'from the lab'\n"
    bench.save(opened)
    report = bench.sync()

    assert report.action == "to-text"
    assert "from the text" not in bench.text.read_text()
    assert report.taken_back is not None
    assert content(bench.place, "runbooks/x.py", report.taken_back) == edited
    assert notes_of(report) == [
        "runbooks/x.py: the notebook took back what was last edited in the text",
        f"  next: if that was not meant: `runbook restore runbooks/x.py@{report.taken_back}`",
    ]


def test_an_overwrite_after_other_edits_names_the_text_that_had_them_all(bench: Bench) -> None:
    opened = bench.json()
    bench.edit("restart = True", "restart = 'from the text'")
    bench.sync()
    bench.set_source(1, 'status = "in between"')
    bench.sync()
    edited = bench.text.read_bytes()
    bench.save(opened)
    report = bench.sync()

    assert report.taken_back is not None
    assert content(bench.place, "runbooks/x.py", report.taken_back) == edited


def test_a_cell_that_the_text_added_or_removed_is_an_edit_too(bench: Bench) -> None:
    opened = bench.json()
    bench.write(bench.text.read_text() + "\n# %%\nmore = 1\n")
    bench.sync()
    bench.save(opened)
    assert bench.sync().taken_back is not None

    opened = bench.json()
    bench.edit('\n# %% tags=["danger"]\nrestart = True\n', "")
    bench.sync()
    bench.save(opened)
    assert bench.sync().taken_back is not None


def test_edits_of_what_the_text_said_are_no_overwrite(bench: Bench) -> None:
    bench.edit("restart = True", "restart = 'from the text'")
    bench.write(bench.text.read_text() + "\n# %%\nmore = 1\n")
    bench.sync()
    bench.set_source(2, "restart = 'from the lab, later'")
    assert bench.sync().taken_back is None
    bench.set_source(3, "more = 2")
    assert bench.sync().taken_back is None
    bench.change(lambda cells: cells.append(code("added = 1")))
    report = bench.sync()
    assert (report.action, report.taken_back) == ("to-text", None)


def test_a_pair_without_an_edit_of_the_text_has_none_to_take_back(bench: Bench) -> None:
    bench.set_source(2, "restart = 1")
    assert bench.sync().taken_back is None
    bench.set_source(2, "restart = True")
    assert bench.sync().taken_back is None


def test_without_a_store_nothing_is_claimed(bench: Bench) -> None:
    opened = bench.json()
    bench.edit("restart = True", "restart = 'from the text'")
    bench.sync()
    for path in (bench.place.store / "names").rglob("*"):
        path.unlink()
    bench.save(opened)
    assert bench.sync().taken_back is None
