"""`convert`: py, ipynb and md; the cells stay the same, nothing is overwritten, nothing is run."""

from pathlib import Path

import pytest

from runbook.errors import ExistsError, FormatError, InputError, TextRefused
from runbook.text.reader import require
from runbook.verbs.convert import convert
from tests.verbs.desk import Desk


def cells(path: Path) -> list[tuple[str, str]]:
    return [(step.kind, step.cell.source) for step in require(path.read_bytes(), name=path.name).steps]


@pytest.mark.parametrize("form", [".ipynb", ".md"])
def test_there_and_back_the_cells_are_the_same(desk: Desk, tmp_path: Path, form: str) -> None:
    convert(desk.file, tmp_path / f"x{form}")
    convert(tmp_path / f"x{form}", tmp_path / "back.py")

    assert cells(tmp_path / "back.py") == cells(desk.file)


def test_a_target_that_is_there_is_not_overwritten(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "x.ipynb").write_text("mine")

    with pytest.raises(ExistsError, match="never overwritten"):
        convert(desk.file, tmp_path / "x.ipynb")
    assert (tmp_path / "x.ipynb").read_text() == "mine"


def test_an_ending_that_says_nothing_is_refused(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the ending '\.doc' does not say what it is"):
        convert(desk.file, tmp_path / "x.doc")


def test_a_text_that_hides_something_is_not_converted(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %%\nx = 1  # \u202e\n")

    with pytest.raises(TextRefused):
        convert(tmp_path / "x.py", tmp_path / "x.ipynb")
    assert not (tmp_path / "x.ipynb").exists()


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[]", b"null"])
def test_what_is_no_notebook_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.ipynb").write_bytes(data)

    with pytest.raises(FormatError):
        convert(tmp_path / "x.ipynb", tmp_path / "x.py")
    assert not (tmp_path / "x.py").exists()
