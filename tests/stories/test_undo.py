"""Undoing a run that is over: a run of its own, in reverse order, whatever became of the approval since."""

import os
from pathlib import Path

import pytest

from runbook.evidence.folder import ExecutionFolder, executions_below
from runbook.evidence.journal import read_journal
from runbook.evidence.verification import verify_execution
from runbook.execution import lease
from tests.execution.staging import until
from tests.keys import Key
from tests.program import Seat, program
from tests.stories.test_lapsed import only, prod, revoke

TEXT = """# %% tags=["parameters"]
place: str = "state"

# %% Base name="base" tags=["setup"]
import os
def say(word):
    with open(os.environ["HOME"] + "/" + place, "a") as file:
        file.write(word + " ")

# %% First name="first"
say("first")

# %% Second name="second"
say("second")

# %% Third name="third"
say("third")

# %% Not first name="not-first" undoes="first"
say("not-first")

# %% Not second name="not-second" undoes="second" tags=["danger"]
say("not-second")
"""


@pytest.fixture
def ended(tmp_path: Path, home: Path) -> ExecutionFolder:
    (tmp_path / "x.py").write_text(TEXT)
    words = ["-p", "place=here", "--unattended", "--env", "scratch"]
    assert program(tmp_path, "run", "x.py", *words).code == 0
    return only(tmp_path)


def undoing(root: Path) -> ExecutionFolder:
    return executions_below(root / "executions")[-1]


def test_what_ran_is_undone_in_reverse_order_in_a_run_of_its_own(
    ended: ExecutionFolder, tmp_path: Path, home: Path
) -> None:
    before = ended.journal.read_bytes()
    seat = Seat(tmp_path, "undo", ended.id, HOME=str(home))
    seat.asked("Run base?", "r")
    seat.asked("not-second is dangerous. Type its name to run it.", "not-second")
    seat.asked("Run not-first?", "r")
    assert seat.leaves() == 0

    log = next(path for path in (home / "here",) if path.exists())
    assert log.read_text().split()[-3:] == ["third", "not-second", "not-first"]
    folder = undoing(tmp_path)
    assert folder.id != ended.id
    assert ended.journal.read_bytes() == before
    verdict = verify_execution(folder)
    assert (verdict.verdict, verdict.findings) == ("UNSIGNED", ())
    started = [event.text("step") for event in read_journal(folder).events if event.kind == "step-started"]
    assert started == ["step-1", "injected-parameters", "base", "not-second", "not-first"]
    assert "first" not in started
    shown = program(tmp_path, "audit", folder.id, "--to", "md", "--out", str(tmp_path / "out"))
    assert f"--of {ended.id}" in folder.audit.read_text(), shown.err


def test_an_undo_can_be_declined_step_by_step(ended: ExecutionFolder, tmp_path: Path, home: Path) -> None:
    seat = Seat(tmp_path, "undo", ended.id, HOME=str(home))
    seat.asked("Run base?", "r")
    seat.asked("not-second is dangerous", "s keep it")
    seat.asked("Run not-first?", "q")
    assert seat.leaves() == 7
    assert "not-" not in (home / "here").read_text()


def test_a_revoked_approval_keeps_nobody_from_undoing(tmp_path: Path, alice: Key) -> None:
    slug = prod(tmp_path, alice)
    assert program(tmp_path, "run", slug, "--env", "prod", "--unattended").code == 0
    first = only(tmp_path)
    revoke(tmp_path, alice)
    again = program(tmp_path, "run", slug, "--env", "prod", "--unattended")
    assert again.code == 3

    seat = Seat(tmp_path, "undo", first.id)
    seat.asked("Run base?", "g")
    assert seat.leaves() == 0
    assert (undoing(tmp_path).work / "state").read_text() == ""


def test_what_cannot_be_undone_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(TEXT.partition("# %% Not first")[0])
    assert program(tmp_path, "run", "x.py", "--unattended", "--env", "scratch").code == 0
    folder = only(tmp_path)
    seat = Seat(tmp_path, "undo", folder.id)
    seat.sees("nothing that ran there can be undone")
    assert seat.leaves() == 2
    said = program(tmp_path, "undo", folder.id)
    assert (said.code, "no terminal" in said.err) == (2, True)


def test_a_run_that_is_not_over_is_undone_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(TEXT)
    assert program(tmp_path, "run", "x.py", "--detach").code == 0
    folder = only(tmp_path)
    until(lambda: folder.is_alive() and b'"question"' in folder.journal.read_bytes())
    seat = Seat(tmp_path, "undo", folder.id)
    seat.sees("this run lives")
    assert seat.leaves() == 2
    held = lease.read(folder)
    for pid in (held.supervisor, held.kernel):
        os.kill(pid or 0, 9)
    until(lambda: not folder.is_alive())
    seat = Seat(tmp_path, "undo", folder.id)
    seat.sees("this run has no end yet")
    assert seat.leaves() == 2


def test_a_forged_undo_plan_runs_nothing_else(tmp_path: Path, alice: Key) -> None:
    """A plan that claims to undo needs the run that it names, its bytes and its values."""
    slug = prod(tmp_path, alice)
    assert program(tmp_path, "run", slug, "--env", "prod", "--unattended").code == 0
    first = only(tmp_path)
    revoke(tmp_path, alice)
    seat = Seat(tmp_path, "undo", first.id)
    seat.sees("Run base?")
    seat.hangs_up()
    folder = undoing(tmp_path)
    held = lease.read(folder)
    for pid in (held.supervisor, held.kernel):
        os.kill(pid or 0, 9)
    until(lambda: not folder.is_alive())
    text = folder.runbook.read_text()
    folder.runbook.write_text(text.replace('open(place, "w")', 'open(place, "a")'))
    seat = Seat(tmp_path, "resume", folder.id)
    seat.sees("error:")
    assert seat.leaves() in (3, 5)
