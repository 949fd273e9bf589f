"""Ways to make a reader see something else than what runs: one folder a trick, its answer the folder below.

`refuse-<code>` and `not-normal-<code>` must give that reason. `stays-a-comment` is accepted, and nothing of
it is live but the Python that is not commented out. `live-magic` is accepted, and the step says that it has
magics.
"""

import ast
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from runbook.text.reader import read
from runbook.text.reasons import CODES, Degree
from tests.text.twin import jupytext_cells, our_cells

ATTACKS = Path(__file__).parent.parent / "attacks" / "reading"
FILES = sorted(ATTACKS.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ATTACKS))


def of(verdict: str) -> list[Path]:
    return [path for path in FILES if path.parent.name.startswith(verdict)]


def test_every_folder_is_named_for_an_answer() -> None:
    assert len(FILES) > 100
    for path in FILES:
        verdict = path.parent.name
        if verdict not in ("stays-a-comment", "live-magic"):
            degree = Degree.REFUSED if verdict.startswith("refuse-") else Degree.NOT_NORMAL
            assert CODES[verdict.removeprefix("refuse-").removeprefix("not-normal-")].degree is degree


@pytest.mark.parametrize("path", of("refuse-"), ids=name_of)
def test_the_trick_is_refused(path: Path) -> None:
    reading = read(path.read_bytes())
    assert reading.runbook is None
    assert path.parent.name.removeprefix("refuse-") in {reason.code for reason in reading.refusals}


@pytest.mark.parametrize("path", of("not-normal-"), ids=name_of)
def test_the_trick_can_never_be_approved(path: Path) -> None:
    reading = read(path.read_bytes())
    assert reading.runbook is not None
    assert path.parent.name.removeprefix("not-normal-") in {reason.code for reason in reading.runbook.notes}
    assert our_cells(reading.runbook) == jupytext_cells(reading.runbook)


@pytest.mark.parametrize("path", of("stays-a-comment"), ids=name_of)
def test_a_comment_stays_a_comment(path: Path) -> None:
    runbook = read(path.read_bytes()).runbook
    assert runbook is not None
    assert runbook.is_normal
    assert not runbook.uses_magics
    assert our_cells(runbook) == jupytext_cells(runbook)
    for step in runbook.steps:
        source = step.cell.source
        seen = TransformerManager().transform_cell(source)
        assert seen.removesuffix("\n") == source, "IPython would run something else"
        assert all(not isinstance(node, ast.Call) for node in ast.walk(ast.parse(seen)))


@pytest.mark.parametrize("path", of("live-magic"), ids=name_of)
def test_a_magic_is_told_as_live_code(path: Path) -> None:
    runbook = read(path.read_bytes()).runbook
    assert runbook is not None
    assert runbook.uses_magics
    lines = runbook.canonical.split("\n")
    for step in runbook.steps:
        assert all(lines[number - 1].lstrip().startswith(("!", "%", "x = !")) for number in step.cell.magics)
