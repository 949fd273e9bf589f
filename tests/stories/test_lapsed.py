"""An approval is revoked, or the environment taken from the machine, while a run goes on or lies dead:
looking and undoing stay open."""

import os
import subprocess
from pathlib import Path

import pytest

from runbook.evidence.folder import ExecutionFolder, executions_below
from runbook.evidence.journal import read_journal
from runbook.evidence.verification import verify_execution
from runbook.execution import lease
from tests.execution.staging import until
from tests.keys import Key
from tests.program import Seat, made_workspace, program

CELLS = """# %% Base name="base" tags=["setup"]
place = "state"

# %% Change it name="change"
open(place, "a").write("x")

# %% Is it so name="is-so" checks="change" tags=["read-only"]
print("state is", open(place).read())

# %% Change more name="more"
open(place, "a").write("y")

# %% Look name="look" tags=["read-only"]
print("looked " + "again")

# %% Put it back name="back" undoes="change"
open(place, "w").close()
"""


def prod(root: Path, *people: Key) -> str:
    """An approved runbook; returns its slug."""
    made_workspace(root, *people)
    assert program(root, "create", "Change it").code == 0
    path = next((root / "runbooks").glob("change*.py"))
    path.write_text(path.read_text().partition("# %%")[0] + CELLS)
    approve(root, people[0], path.stem)
    return path.stem


def approve(root: Path, key: Key, slug: str) -> None:
    text = program(root, "show", slug, "--json").json["text"]
    words = ["--env", "prod", "--allow", "unattended", "--key", str(key.path), "--text", text]
    said = program(root, "review", slug, *words)
    assert said.code == 0, said.err


def revoke(root: Path, key: Key) -> None:
    said = subprocess.run(["ssh-keygen", "-lf", str(key.public)], capture_output=True, check=True)
    with (root / ".runbook/revoked").open("a") as file:
        file.write(said.stdout.decode().split()[1] + "\n")


def only(root: Path) -> ExecutionFolder:
    (folder,) = executions_below(root / "executions")
    return folder


def test_a_run_holds_before_the_next_step_that_changes_something(tmp_path: Path, alice: Key) -> None:
    slug = prod(tmp_path, alice)
    seat = Seat(tmp_path, "run", slug, "--env", "prod")
    seat.asked("Run base?", "r")
    seat.asked("Run change?", "r")
    seat.sees("state is x")  # what checks runs by itself
    seat.sees("Run more?")
    revoke(tmp_path, alice)
    seat.asked("", "g")
    seat.sees("Needs one more approval by anybody who is enrolled")
    seat.sees(f"that of {alice.principal} counts no more:")
    seat.asked("is revoked, whenever it signed", "s revoked")
    seat.asked("Run look?", "r")  # it looks only
    seat.sees("looked again")
    assert seat.leaves() == 0
    folder = only(tmp_path)
    assert (folder.work / "state").read_text() == "x"
    held = [event for event in read_journal(folder).events if event.text("asks") == "held"]
    assert [event.text("step") for event in held] == ["more"]


@pytest.mark.parametrize("environment", ["prod", "scratch"])  # one needs an approval, one needs none
def test_a_run_holds_when_the_machine_does_not_run_its_environment_any_more(
    tmp_path: Path, alice: Key, environment: str
) -> None:
    slug = prod(tmp_path / "w", alice)
    config = tmp_path / "config/runbook/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('environments = ["prod", "scratch"]\n')
    seat = Seat(tmp_path / "w", "run", slug, "--env", environment, XDG_CONFIG_HOME=str(tmp_path / "config"))
    seat.asked("Run base?", "r")
    seat.asked("Run change?", "r")
    seat.sees("Run more?")
    config.write_text('environments = ["staging"]\n')
    seat.asked("", "r")
    seat.sees(f"This machine runs only staging, not {environment}")
    config.write_text("environments = \n")
    seat.says("r")
    seat.asked("What this machine runs can't be read now", "u")
    seat.sees("ok back succeeded")  # undoing is open whatever the files say
    config.write_text(f'environments = ["{environment}"]\n')
    seat.asked("", "r")
    seat.asked("Run look?", "r")
    assert seat.leaves() == 0
    assert (only(tmp_path / "w").work / "state").read_text() == "y"


def test_what_is_held_can_be_undone_and_an_approval_given_meanwhile_lets_it_go_on(
    tmp_path: Path, alice: Key, bob: Key
) -> None:
    slug = prod(tmp_path, alice, bob)
    seat = Seat(tmp_path, "run", slug, "--env", "prod")
    seat.asked("Run base?", "r")
    seat.asked("Run change?", "r")
    seat.sees("Run more?")
    said = program(tmp_path, "withdraw", slug, "--key", str(alice.path), "--yes")
    assert said.code == 0, said.err
    seat.asked("", "r")
    seat.sees("Needs one more approval")
    seat.asked("took it back", "u")
    seat.sees("ok back succeeded")
    seat.asked("", "r")
    seat.sees("Needs one more approval")
    assert (only(tmp_path).work / "state").read_text() == ""
    approve(tmp_path, bob, slug)
    seat.asked("", "r")
    seat.asked("Run look?", "r")
    assert seat.leaves() == 0
    assert (only(tmp_path).work / "state").read_text() == "y"


def test_an_unattended_run_ends_there(tmp_path: Path, alice: Key) -> None:
    slug = prod(tmp_path, alice)
    path = tmp_path / "runbooks" / f"{slug}.py"
    waiting = """# %% Wait name="wait" tags=["read-only"]
import os, time
while not os.path.exists("go"):
    time.sleep(0.02)

# %% Change more"""
    path.write_text(path.read_text().replace("# %% Change more", waiting))
    approve(tmp_path, alice, slug)
    said = program(tmp_path, "run", slug, "--env", "prod", "--unattended", "--detach")
    assert said.code == 0, said.err
    folder = only(tmp_path)
    until(lambda: b'"step":"wait"' in folder.journal.read_bytes())
    revoke(tmp_path, alice)
    (folder.work / "go").touch()
    until(folder.is_sealed)
    assert (folder.work / "state").read_text() == "x"
    row = program(tmp_path, "history", "--json").json["executions"][0]
    assert {step["name"]: step["state"] for step in row["steps"]}["more"] == "pending"
    assert row["outcome"] == "failed"


@pytest.mark.parametrize("lapse", ["revoked", "still good"])
def test_a_dead_run_is_taken_up_for_undoing_whatever_became_of_its_approval(
    tmp_path: Path, alice: Key, lapse: str
) -> None:
    slug = prod(tmp_path, alice)
    first = Seat(tmp_path, "run", slug, "--env", "prod")
    first.asked("Run base?", "r")
    first.asked("Run change?", "r")
    first.sees("Run more?")
    folder = only(tmp_path)
    held = lease.read(folder)
    for pid in (held.supervisor, held.kernel):
        os.kill(pid or 0, 9)
    first.leaves()
    if lapse == "revoked":
        revoke(tmp_path, alice)

    seat = Seat(tmp_path, "resume", folder.id)
    seat.sees("ok base succeeded")
    seat.sees("ok base succeeded")  # once more, in the new kernel
    if lapse == "revoked":
        seat.asked("Run more?", "r")
        seat.asked("Needs one more approval", "u")
        seat.sees("ok back succeeded")
        seat.asked("", "q")
        assert seat.leaves() == 7
        assert (folder.work / "state").read_text() == ""
    else:
        seat.asked("Run more?", "g")
        assert seat.leaves() == 0
        assert (folder.work / "state").read_text() == "xy"


@pytest.mark.parametrize("lapse", ["revoked", "still good"])
def test_an_approval_that_came_in_after_the_start_changes_nothing_of_the_beginning(
    tmp_path: Path, alice: Key, bob: Key, lapse: str
) -> None:
    """It was given before the run began, and merged while that lay dead."""
    slug = prod(tmp_path, alice, bob)
    path = tmp_path / "runbooks" / f"{slug}.py"
    one = path.read_bytes()
    approve(tmp_path, bob, slug)
    both = path.read_bytes()
    path.write_bytes(one)
    first = Seat(tmp_path, "run", slug, "--env", "prod")
    first.asked("Run base?", "r")
    first.asked("Run change?", "r")
    first.sees("Run more?")
    folder = only(tmp_path)
    held = lease.read(folder)
    for pid in (held.supervisor, held.kernel):
        os.kill(pid or 0, 9)
    first.leaves()
    path.write_bytes(both)
    if lapse == "revoked":
        revoke(tmp_path, alice)

    seat = Seat(tmp_path, "resume", folder.id)
    seat.asked("Run more?", "g")
    assert seat.leaves() == 0
    assert (folder.work / "state").read_text() == "xy"
    verdict = verify_execution(folder)
    assert verdict.findings == ()
