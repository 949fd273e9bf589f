"""The corpus: hand-written texts in folders that are named for the answer they must get.

`accept/` is normal form without a note; `in-scratch/` is read with notes; `refuse/<code>/` and
`not-normal/<code>/` must give that reason.
"""

from pathlib import Path

import pytest

from runbook.text.lines import LIMIT_BYTES
from runbook.text.reader import read
from runbook.text.reasons import CODES, Degree, Reason
from runbook.text.runbook import Reading
from tests.text.builders import HEADER
from tests.text.twin import jupytext_cells, our_cells

CORPUS = Path(__file__).parent.parent / "corpus" / "text"
FILES = sorted(CORPUS.rglob("*.py"))
# Too large to keep, or said by jupytext only.
NO_FILE = {
    "text.size": b"# %%\n#" + b"x" * LIMIT_BYTES,
    "header.size": b"# ---\n"
    + b"# # ".ljust(1000, b"x") * 1
    + b"\n"
    + (b"# # " + b"x" * 1000 + b"\n") * 65
    + b"# ---\n",
}
SAID_ELSEWHERE = {"jupytext.reading"} | {code for code in CODES if code.startswith("includes.")}


def name_of(path: Path) -> str:
    return str(path.relative_to(CORPUS))


def among(*folders: str) -> list[Path]:
    return [path for path in FILES if path.relative_to(CORPUS).parts[0] in folders]


def codes(reading: Reading) -> set[str]:
    return {reason.code for reason in reading.reasons}


def require_told_well(reason: Reason) -> None:
    """What, where, what next: for every reason of every text."""
    assert reason.degree is CODES[reason.code].degree
    assert reason.message.strip()
    assert reason.hint.strip()
    assert not reason.message.endswith(".")
    assert (reason.message + reason.hint).isprintable(), "a message must not carry what it refuses"
    if reason.code != "text.size":
        assert reason.line is not None
        assert reason.line >= 1


@pytest.mark.parametrize("path", among("accept"), ids=name_of)
def test_normal_form_is_accepted_without_a_note(path: Path) -> None:
    reading = read(path.read_bytes())
    assert [(reason.code, reason.line, reason.message) for reason in reading.reasons] == []
    assert reading.runbook is not None
    assert reading.runbook.is_normal


@pytest.mark.parametrize("path", among("in-scratch"), ids=name_of)
def test_a_text_that_is_not_in_normal_form_is_read_with_notes(path: Path) -> None:
    reading = read(path.read_bytes())
    assert reading.refusals == ()
    assert reading.runbook is not None
    assert reading.runbook.notes == reading.reasons
    assert not reading.runbook.is_normal


@pytest.mark.parametrize("path", among("refuse"), ids=name_of)
def test_a_text_is_refused_for_the_reason_its_folder_names(path: Path) -> None:
    reading = read(path.read_bytes())
    assert reading.runbook is None
    assert path.parent.name in {reason.code for reason in reading.refusals}


@pytest.mark.parametrize("path", among("not-normal"), ids=name_of)
def test_a_text_is_not_normal_for_the_reason_its_folder_names(path: Path) -> None:
    reading = read(path.read_bytes())
    assert reading.refusals == ()
    assert reading.runbook is not None
    assert path.parent.name in codes(reading)


@pytest.mark.parametrize("path", among("accept", "in-scratch", "not-normal"), ids=name_of)
def test_jupytext_reads_the_same_cells(path: Path) -> None:
    runbook = read(path.read_bytes()).runbook
    assert runbook is not None
    assert our_cells(runbook) == jupytext_cells(runbook)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_reason_says_what_where_and_what_next(path: Path) -> None:
    for reason in read(path.read_bytes()).reasons:
        require_told_well(reason)


@pytest.mark.parametrize("code", sorted(NO_FILE))
def test_what_is_too_large_is_refused_by_its_size(code: str) -> None:
    reading = read(NO_FILE[code])
    assert codes(reading) >= {code}
    assert reading.runbook is None
    for reason in reading.reasons:
        require_told_well(reason)


def test_a_file_of_exactly_the_limit_is_read() -> None:
    text = f"{HEADER}\n# %%\nx = 1\n"
    filler = "# a comment\n" * ((LIMIT_BYTES - len(text)) // 12)
    rest = LIMIT_BYTES - len(text) - len(filler)
    data = (text + filler + "#" * (rest - 1) + "\n").encode()
    assert len(data) == LIMIT_BYTES
    assert read(data).runbook is not None
    assert codes(read(data + b"#")) == {"text.size"}


def test_each_code_has_a_text_and_each_folder_is_a_code() -> None:
    folders = {
        (kind, path.name)
        for kind in ("refuse", "not-normal")
        for path in (CORPUS / kind).iterdir()
        if any(path.glob("*.py"))
    }
    degrees = {"refuse": Degree.REFUSED, "not-normal": Degree.NOT_NORMAL}
    told = {(kind, code) for code, row in CODES.items() for kind, d in degrees.items() if d is row.degree}
    told = {(kind, code) for kind, code in told if code not in SAID_ELSEWHERE | set(NO_FILE)}
    assert folders == told
