"""What killed runs leave in the private folder goes with the next run, and never too early."""

import os
import signal
from pathlib import Path

from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.verification import verify_execution
from runbook.execution import lease, leftovers
from runbook.system import files
from tests.execution.staging import Stage, is_running, until


def test_the_next_run_clears_up_after_a_killed_one(stage: Stage) -> None:
    sleeping = stage.plan("# %% a\nimport time\ntime.sleep(60)\n")
    folder = ExecutionFolder(sleeping)
    with stage.start(sleeping, linger_seconds=60):
        until(lambda: b'"step-started"' in folder.journal.read_bytes())
        held = lease.read(folder)
        assert held.kernel is not None
        os.kill(held.supervisor, signal.SIGKILL)
    until(lambda: not folder.is_alive())
    place = lease.run_folder(os.environ, sleeping)
    stage.run("# %% a\nx = 1\n")
    assert place.is_dir(), "its kernel lives: `resume` needs the folder"

    os.kill(held.kernel, signal.SIGKILL)
    until(lambda: not is_running(held.kernel or 0))
    stage.run("# %% a\nx = 1\n")
    assert not place.exists()


def test_the_folder_of_a_run_that_lives_stays(tmp_path: Path) -> None:
    execution = tmp_path / "20261121T001205Z-x-7f3a9c"
    execution.mkdir()
    place = tmp_path / "private" / "0123456789ab"
    place.mkdir(parents=True)
    assert leftovers.take_away(tmp_path / "private") == 0, "a folder that says nothing is left alone"

    leftovers.note(place, execution)
    with files.locked(ExecutionFolder(execution).lock):
        assert leftovers.take_away(tmp_path / "private") == 0
    assert leftovers.take_away(tmp_path / "private") == 1
    assert not place.exists()
    assert leftovers.take_away(tmp_path / "nowhere") == 0


def test_what_a_supervisor_left_that_was_killed_behind_its_seal_goes_with_the_next_run(stage: Stage) -> None:
    result, _ = stage.run("# %% a\nx = 1\n")
    folder, place = ExecutionFolder(result.execution), lease.run_folder(os.environ, result.execution)
    until(lambda: not folder.is_alive() and not place.exists())
    files.make_folder(place, mode=0o700)  # as it was when `finish.txt` had been written
    leftovers.note(place, folder.path)
    files.make_folder(folder.spool / "2")
    (folder.spool / "supervisor.log").touch()

    stage.run("# %% a\nx = 1\n")

    assert not place.exists()
    assert not folder.spool.exists()
    assert verify_execution(folder).findings == ()
