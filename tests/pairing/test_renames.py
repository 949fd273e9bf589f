"""A pair follows its text to another name, also when the text was edited on the way; never by a guess."""

import json
from pathlib import Path

import pytest

from runbook.pairing.history import versions
from tests.pairing.builders import TEXT, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path / "w")
    assert found.sync().action == "made-notebook"
    found.run(1)
    found.sync_all()
    return found


def _renamed(bench: Bench, *, text: str) -> Path:
    """The text goes to y.py and says `text`, before anybody looked."""
    bench.text.unlink()
    there = bench.text.with_name("y.py")
    there.write_text(text)
    return there


def _outputs(path: Path) -> list[int]:
    return [len(cell.get("outputs", ())) for cell in json.loads(path.read_text())["cells"]]


def test_a_text_renamed_and_edited_keeps_its_notebook_and_the_edit_flows_at_once(bench: Bench) -> None:
    _renamed(bench, text=TEXT.replace("restart = True", "restart = False"))
    report = bench.sync_all()["runbooks/y.py"]
    there = bench.notebook.with_name("y.ipynb")

    assert report.action == "to-notebook"
    assert report.notes == ("renamed from runbooks/x.py; its notebook followed",)
    assert not bench.notebook.exists()
    assert "restart = False" in there.read_text()
    assert _outputs(there) == [0, 0, 1, 0]
    assert bench.sync_all()["runbooks/y.py"].action == "unchanged"


def test_both_sides_renamed_and_the_text_edited_are_merged_as_the_pair_that_they_are(bench: Bench) -> None:
    """More than half of the text is new: its notebook's ids tell whose it is."""
    bench.set_source(2, "restart = None")
    bench.notebook.rename(bench.notebook.with_name("y.ipynb"))
    _renamed(bench, text=TEXT.replace('status = "up"', 'status = "?"').replace("Slowly.", "Fast."))
    report = bench.sync_all()["runbooks/y.py"]

    assert report.action == "merged"
    assert report.notes == ("renamed from runbooks/x.py",)
    text = bench.text.with_name("y.py").read_text()
    assert 'status = "?"' in text
    assert "restart = None" in text


def test_a_notebook_without_ids_is_told_by_its_bytes(bench: Bench) -> None:
    old = bench.json()
    old["nbformat_minor"] = 4
    for cell in old["cells"]:
        del cell["id"]
    bench.save(old)
    bench.sync_all()
    bench.notebook.rename(bench.notebook.with_name("y.ipynb"))
    _renamed(bench, text=TEXT.replace('status = "up"', 'status = "?"').replace("Slowly.", "Fast."))

    assert bench.sync_all()["runbooks/y.py"].action == "to-notebook"


def test_another_title_is_another_runbook(bench: Bench) -> None:
    """One is deleted and another made from the same template."""
    _renamed(bench, text=TEXT.replace("title: Restart", "title: Start"))
    reports = bench.sync_all()

    assert reports["runbooks/x.py"].action == "orphan"
    assert reports["runbooks/y.py"].action == "made-notebook"


def test_approvals_make_no_other_runbook(bench: Bench) -> None:
    approved = "#   owner: sre@example.com\n# approvals:\n# - approver: bob@example.com\n"
    text = TEXT.replace("#   owner: sre@example.com\n", approved)
    _renamed(bench, text=text.replace("restart = True", "restart = False"))

    assert "renamed" in " ".join(bench.sync_all()["runbooks/y.py"].notes)


def test_half_of_the_cells_are_not_enough(bench: Bench) -> None:
    _renamed(bench, text=TEXT.replace('status = "up"', 'status = "?"').replace("Slowly.", "Fast."))

    assert bench.sync_all()["runbooks/y.py"].action == "made-notebook"
    assert bench.notebook.exists()


def test_two_new_texts_that_could_be_it_are_none_of_them(bench: Bench) -> None:
    _renamed(bench, text=TEXT.replace("restart = True", "restart = 1"))
    bench.text.with_name("z.py").write_text(TEXT.replace("restart = True", "restart = 2"))
    reports = bench.sync_all()

    assert [reports[f"runbooks/{name}.py"].action for name in "xyz"] == [
        "orphan",
        "made-notebook",
        "made-notebook",
    ]


def test_two_that_went_and_could_both_be_it_are_followed_by_neither(bench: Bench) -> None:
    twin = bench.text.with_name("w.py")
    twin.write_text(TEXT.replace("restart = True", "restart = 0"))
    bench.sync_all()
    twin.unlink()
    _renamed(bench, text=TEXT.replace("restart = True", "restart = 1"))
    reports = bench.sync_all()

    assert [reports[f"runbooks/{name}.py"].action for name in "wxy"] == ["orphan", "orphan", "made-notebook"]


def test_many_renamed_and_edited_at_once_each_keep_their_own(bench: Bench) -> None:
    folder = bench.root / "runbooks/a"
    folder.mkdir()
    for number in range(200):
        cells = "".join(f"# %%\nx = {number}, {cell}\n\n" for cell in range(5))
        (folder / f"t{number}.py").write_text("# %%\nshared = 1\n\n" + cells)
    bench.sync_all()
    folder.rename(bench.root / "runbooks/b")
    for path in (bench.root / "runbooks/b").glob("*.py"):
        path.write_text(path.read_text() + "# %%\nmore = 1\n")
    reports = bench.sync_all()

    mine = {name: report for name, report in reports.items() if name.startswith("runbooks/b/")}
    assert len(mine) == 200
    assert {report.action for report in mine.values()} == {"to-notebook"}
    for name, report in mine.items():
        assert report.notes == (f"renamed from {name.replace('/b/', '/a/')}",)


def test_an_edited_text_finds_its_versions_under_the_new_name(bench: Bench) -> None:
    _renamed(bench, text=TEXT.replace("restart = True", "restart = False"))
    bench.sync_all()

    found = [f"{each.side} {each.by}" for each in versions(bench.place, "runbooks/y.py")]
    assert found[:2] == ["text renamed from runbooks/x.py", "notebook renamed from runbooks/x.py"]
