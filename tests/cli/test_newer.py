"""What is said of a runbook that was edited while its run goes on."""

from pathlib import Path

import pytest

from runbook.cli.newer import Newer
from runbook.evidence.plan import PlanRecord
from runbook.text.reader import read
from tests.evidence.builders import plan_of

TEXT = "# %% a\nprint(1)\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "x.py"
    path.write_text(TEXT)
    return path


def record(path: Path) -> PlanRecord:
    runbook = read(path.read_bytes()).runbook
    assert runbook is not None
    return plan_of((), runbook="x.py", text=runbook.text)


def test_nothing_is_said_of_what_is_as_it_was(path: Path) -> None:
    newer = Newer(path.parent, record(path))

    assert newer() is None
    path.write_text(TEXT)
    assert newer() is None


def test_each_change_is_said_once(path: Path) -> None:
    newer = Newer(path.parent, record(path))

    path.write_text(TEXT + "print(2)\n")
    assert newer() == "x.py was changed since this was planned: this run goes on with its own copy"
    assert newer() is None
    path.write_text(TEXT)
    assert newer() is None
    path.write_text("\N{RIGHT-TO-LEFT OVERRIDE}")
    assert newer() == "x.py was changed since this was planned: this run goes on with its own copy"
    path.unlink()
    assert newer() == "x.py is gone: this run goes on with its own copy"
    assert newer() is None
    path.mkdir()
    assert newer() == "x.py can't be read now: this run goes on with its own copy"


def test_a_link_out_of_the_workspace_is_not_followed(path: Path, tmp_path: Path) -> None:
    newer = Newer(path.parent, record(path))
    path.unlink()
    path.symlink_to("/etc/passwd")

    said = newer()

    assert said is not None
    assert said.startswith("x.py can't be read now")
