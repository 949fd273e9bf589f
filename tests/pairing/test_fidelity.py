"""The 90 odd classes of notebook content: carried, carried in the notebook only, or refused by name."""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from runbook.pairing.cells import FLOWING
from runbook.pairing.flow import Wishes, flow, is_alike
from runbook.pairing.notebooks import Notebook, read_notebook, source_of
from runbook.pairing.texts import Text, read_text
from tests.pairing.builders import NOTEBOOK_CLASSES, Bench, notebook

# What percent text cannot say: refused, with this code.
REFUSED = {
    "escaped start": "cell.escape",
    "line separator": "cell.line-end",
    "paragraph separator": "cell.line-end",
    "next line": "cell.line-end",
    "form feed": "cell.line-end",
    "vertical tab": "cell.line-end",
    "file separators": "cell.line-end",
    "null character": "cell.null",
    "lone surrogate": "cell.surrogate",
    "marker line": "cell.splits",
    "marker line with words": "cell.splits",
    "indented marker": "cell.splits",
    "input marker": "cell.splits",
    "codecell marker": "cell.splits",
    "marker in prose": "cell.splits",
    "bare marker in prose": "cell.splits",
    "input marker in prose": "cell.splits",
    "open string": "cell.open-string",
    "active tag": "cell.option",
    "active tag for notebooks": "cell.option",
    "odd title": "cell.marker",
    "title with brackets": "cell.marker",
    "title of two lines": "cell.marker",
    "title that is no text": "cell.marker",
    "conflict markers": "cell.conflict-markers",
}


def _flowed(bench: Bench, cells: list[dict[str, Any]]) -> tuple[dict[str, Any], bytes]:
    """Put cells into a notebook that is in step; returns what was saved, as JSON and bytes."""
    bench.sync()
    saved = bench.json()
    saved["cells"][-1:-1] = copy.deepcopy(cells)
    text = json.dumps(
        saved, indent=1, ensure_ascii=any("\ud800" in json.dumps(c, ensure_ascii=False) for c in cells)
    )
    bench.notebook.write_bytes((text + "\n").encode())
    return saved, bench.notebook.read_bytes()


@pytest.mark.parametrize("name", NOTEBOOK_CLASSES)
def test_a_class_of_content_is_carried_or_refused_by_name(name: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    saved, before = _flowed(bench, NOTEBOOK_CLASSES[name])
    text_before = bench.text.read_bytes()
    report = bench.sync()

    # Jupyter's file is never touched by an edit that was made in it.
    assert bench.notebook.read_bytes() == before
    if name in REFUSED:
        assert report.action == "refused", report
        assert [problem.code for problem in report.problems] == [REFUSED[name]], report
        assert report.problems[0].message
        assert bench.text.read_bytes() == text_before
        return
    assert report.action == "to-text", report
    assert bench.agrees()
    # A text-side edit elsewhere carries the rest of the odd cell along, untouched.
    bench.edit("restart = True", "restart = False")
    assert bench.sync().action == "to-notebook"
    assert bench.json()["cells"][:-1] == saved["cells"][:-1]
    # And the text alone brings back what is not "beside": source but for its ending, flowing metadata.
    bench.notebook.unlink()
    again = Bench(tmp_path / "clone", bench.text.read_bytes())
    again.sync()
    got, meant = again.json()["cells"][-2], saved["cells"][-2]
    own = read_notebook(before)
    assert isinstance(own, Notebook)
    odd = own.cells[-2]
    assert got["cell_type"] == meant["cell_type"]
    if source_of(odd.plain) == odd.cell.source:
        assert "".join(got["source"]) == "".join(meant["source"])
    if set(odd.plain["metadata"]) <= FLOWING:
        assert got["metadata"] == {k: v for k, v in meant["metadata"].items() if v not in (None, [], "")}


def test_1000_notebooks_of_odd_cells_never_change_silently() -> None:
    """Random mixtures: identical when read back, or refused with a cell and a reason."""
    chance = random.Random(7)
    plain = [name for name in NOTEBOOK_CLASSES if name not in REFUSED]
    flowed = refused = 0
    for _ in range(1000):
        odd = chance.random() < 0.25
        names = [chance.choice(plain) for _ in range(chance.randint(2, 6))]
        if odd:
            names.insert(chance.randrange(len(names)), chance.choice(sorted(REFUSED)))
        cells = [copy.deepcopy(NOTEBOOK_CLASSES[name][0]) for name in names]
        for index, cell in enumerate(cells):
            cell["id"] = f"id{index}"
        data = json.dumps(notebook(cells), indent=1).encode()
        read, text = read_notebook(data), read_text(b"")
        assert isinstance(read, Notebook)
        found = flow(None, text, read, Wishes(take="notebook"))  # type: ignore[arg-type]  # it is read
        if found.problems:
            refused += 1
            assert found.problems[0].message
            assert found.text is None
            assert found.notebook is None
            assert odd or "fence" in " ".join(names), (names, found.problems)
            continue
        flowed += 1
        assert not odd, names
        assert found.notebook is None
        assert found.text is not None
        again = read_text(found.text)
        assert isinstance(again, Text)
        assert [each.cell.source for each in again.cells] == [cell.cell.source for cell in read.cells], names
        assert is_alike(again, read), names
    assert flowed > 600
    assert refused > 150


def test_an_empty_name_is_told_from_a_missing_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.sync()
    bench.change(lambda cells: cells[2]["metadata"].update(name="restart"))

    assert bench.sync().action == "to-text"
    assert '# %% name="restart" tags=["danger"]\n' in bench.text.read_text()


def test_what_jupyter_adds_for_itself_never_reaches_the_text(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.sync()
    before = bench.text.stat()
    saved = bench.json()
    saved["metadata"]["language_info"] = {"name": "python", "version": "3.13.1"}
    saved["metadata"]["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
    for cell in saved["cells"]:
        cell["metadata"] |= {"slideshow": {"slide_type": ""}, "editable": True, "trusted": True}
        if cell["cell_type"] == "code":
            cell["metadata"]["execution"] = {"iopub.status.busy": "2026-11-21T00:00:00Z"}
            cell["execution_count"] = 3
    bench.save(saved)

    assert bench.sync().action == "recorded"
    after = bench.text.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert bench.json() == saved
