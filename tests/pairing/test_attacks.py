"""What somebody might put into a notebook to change a text behind its readers' backs: one way per folder of
`tests/attacks/pairs`, the expected verdict is the first word of its name.

`refuse`: both files stay as they are. `stay`: the notebook keeps it, the text not one byte of it. `flow`: it
stands in the text where everybody sees it, and nowhere else.
"""

import json
import shutil
from pathlib import Path

import pytest

from runbook.pairing.texts import Text, read_text
from tests.pairing.builders import TEXT, Bench

FOLDERS = sorted(path for path in Path("tests/attacks/pairs").iterdir() if path.is_dir())


def test_there_are_attacks_of_every_verdict() -> None:
    assert {path.name.partition("-")[0] for path in FOLDERS} == {"refuse", "stay", "flow"}
    assert len(FOLDERS) > 20


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_an_attack_through_the_notebook_ends_as_its_folder_says(folder: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w")
    bench.sync()
    shutil.copyfile(folder / "notebook.ipynb", bench.notebook)
    before = bench.notebook.read_bytes()
    report = bench.sync()

    assert bench.notebook.read_bytes() == before
    verdict = folder.name.partition("-")[0]
    if verdict == "refuse":
        assert report.action == "refused", report
        assert report.problems[0].message
        assert bench.text.read_text() == TEXT
    elif verdict == "stay":
        assert report.action == "recorded", report
        assert bench.text.read_text() == TEXT
    else:
        assert report.action == "to-text", report
        _require_visible(bench)


def _require_visible(bench: Bench) -> None:
    """The text has as many cells as before, of the same kinds, and says what the notebook says."""
    old, new = read_text(TEXT.encode()), read_text(bench.text.read_bytes())
    assert isinstance(old, Text)
    assert isinstance(new, Text)
    assert [each.cell.kind for each in new.cells] == [each.cell.kind for each in old.cells]
    assert new.header == old.header
    said = ["".join(cell["source"]) for cell in json.loads(bench.notebook.read_bytes())["cells"][1:]]
    assert [each.cell.source for each in new.cells] == said
    assert "active" not in {key for each in new.cells for key, _ in each.cell.meta}
