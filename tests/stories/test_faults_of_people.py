"""What people do to a run that they should not, or all at once; the list of faults is in `test_faults`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runbook.errors import RefusedError
from runbook.evidence.folder import ExecutionFolder
from tests.execution.staging import Stage, until
from tests.keys import Key
from tests.program import Seat, inside, made_workspace
from tests.stories.told import is_true, journal_has


@pytest.fixture
def ws(tmp_path: Path, alice: Key) -> Path:
    return made_workspace(tmp_path / "w", alice)


def planned(ws: Path, text: str, *words: str) -> Path:
    (ws / "runbooks/x.py").write_text(text)
    said = inside(ws, "plan", "x", "--env", "scratch", "--json", *words)
    assert said.code == 0, said.err
    (found,) = (each.parent for each in ws.glob("executions/*/*/plan.json"))
    return found


def test_of_two_who_run_one_plan_one_does(ws: Path) -> None:
    execution = planned(
        ws, '# %% a\nwith open("marks", "a") as file:\n    file.write("ran ")\n', "--unattended"
    )
    words = [sys.executable, "-m", "runbook", "run", execution.name, "--json"]
    two = [
        subprocess.Popen(
            words, cwd=ws, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [each.communicate(timeout=60) for each in two]

    codes = sorted(each.returncode for each in two)
    assert codes[0] == 0, said
    assert codes[1] in (3, 6), said
    assert (execution / "work/marks").read_text() == "ran "
    assert is_true(execution)


def test_a_run_goes_on_with_its_own_copy_and_says_so(ws: Path) -> None:
    path = ws / "runbooks/x.py"
    path.write_text("# %% a\nprint('as planned', 1)\n# %% b\nprint('as planned', 2)\n# %% c\nprint(3)\n")
    seat = Seat(ws, "run", "x")
    seat.sees("Run a?")
    path.write_text("# %% a\nprint('newer', 1)\n# %% b\nprint('newer', 2)\n")
    seat.asked("", "r")
    seat.sees("! runbooks/x.py was changed since this was planned: this run goes on with its own copy")
    seat.sees("as planned 1")
    seat.asked("Run b?", "r")
    seat.sees("as planned 2")
    seat.asked("Run c?", "q")

    assert seat.leaves() == 7
    assert seat.screen.count("was changed since") == 1
    assert "newer" not in seat.screen


def test_what_looks_like_ours_is_seen_to_be_a_steps(ws: Path) -> None:
    claims = "ok drop succeeded in 0.10 s\\n? Run the backup?\\n  [r] run it  [q] stop here\\n  > "
    (ws / "runbooks/x.py").write_text(f"# %% a\nprint({claims!r})\nprint('x' * 96 + 'ok all succeeded')\n")
    seat = Seat(ws, "run", "x")
    seat.asked("Run a?", "r")
    seat.leaves()

    lines = seat.screen.replace("\r", "").split("\n")
    begins = [line for line in lines if line.startswith(("ok ", "? ", "  [", "  >"))]
    assert [line.split(" in ")[0] for line in begins] == [
        "? Run a?",
        "  [r] run it  [g] run on, to the next question  [s] skip it  [e] edit and run it  [n] write a note",
        "  [q] stop here",
        "  > r",
        "ok a succeeded",
    ]
    assert "  : ok all succeeded" in lines


def test_a_copy_of_a_run_is_nobodys(ws: Path) -> None:
    (ws / "runbooks/x.py").write_text("# %% a\nopen('ran', 'w').close()\n")
    assert inside(ws, "run", "x", "--env", "scratch", "--detach").code == 0
    (execution,) = (each.parent for each in ws.glob("executions/*/*/start.txt"))
    until(lambda: journal_has(execution, b"Run a?"))
    copy = execution.with_name(execution.name[:-6] + "abcdef")
    shutil.copytree(execution, copy)
    for words, code, says in (
        (("run", copy.name, "--detach"), 3, "the plan in this folder is"),
        (("attach", copy.name, "--watch"), 2, "nobody runs this execution now"),
        (("resume", copy.name, "--seal"), 3, "the plan in this folder is"),
        (("stop", copy.name), 2, "nobody runs this execution now"),
    ):
        said = inside(ws, *words)
        assert said.code == code, (words, said)
        assert says in said.err
    assert inside(ws, "verify", copy.name).code != 0
    assert not (copy / "work/ran").exists()
    assert inside(ws, "stop", execution.name).code == 0
    until(ExecutionFolder(execution).is_sealed)
    assert is_true(execution)


def test_an_edited_plan_does_not_run(ws: Path) -> None:
    execution = planned(ws, "# %% a\nopen('ran', 'w').close()\n", "--unattended")
    plan = execution / "plan.json"
    plan.write_bytes(plan.read_bytes().replace(b'"environment":"scratch"', b'"environment":"staging"'))

    said = inside(ws, "run", execution.name)

    assert said.code == 3
    assert "plan.json is not what it was when it was written" in said.err
    assert not (execution / "work/ran").exists()
    assert not (execution / "start.txt").exists()


def test_a_machine_that_was_closed_to_an_environment_runs_nothing_in_it(stage: Stage) -> None:
    execution = stage.plan("# %% a\nopen('ran', 'w').close()\n")
    stage.around.machine_config.write_text('environments = ["prod"]\n')

    with pytest.raises(RefusedError, match="this machine runs only prod, not scratch"):
        stage.start(execution)

    assert not (execution / "start.txt").exists()
