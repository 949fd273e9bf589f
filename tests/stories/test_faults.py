"""Faults of machines and of people: each is really made, and the run says what became of it.

What is on the two lists of faults, and the test that makes it (here, in `test_faults_of_people`,
`test_faults_of_steps`, or in the module named):

- Ctrl-C once, twice: `test_kill_terminal`: once, twice; `test_interactive`: at a question, in a step
- SIGHUP, terminal closed or killed: `test_kill_terminal`, `test_interactive`, `test_kill_anything`
- runner killed while a child runs: `what_a_dead_kernel_left_running_is_named`; `test_kill_anything`
- the kernel dies: `test_kill_kernel`; `test_kill_anything`
- client gone, kernel printing: `test_attach`: within two seconds; `test_kill_terminal`; `test_much_output`
- the way over ssh drops: `a_dropped_ssh_connection_is_told_as_such_and_not_repeated`
- machine or supervisor asleep: `a_machine_that_slept_loses_nothing_and_asks_the_policy_again`
- two start the same plan: `of_two_who_run_one_plan_one_does`
- source edited or merged meanwhile: `a_run_goes_on_with_its_own_copy_and_says_so`
- approval expires, is revoked: the sleeping machine above (expires); `test_lapsed` (revoked)
- disk full before, in the middle: `a_full_disk_…` (two, on a real one); `test_much_output`,
  `test_bad_input` (by a limit)
- power loss in the middle of a write: `tests/evidence/test_journal`: cut anywhere, zeros;
  `test_kill_anything`
- execution folder made read-only:
  `a_folder_that_was_made_read_only_keeps_the_run_from_its_seal_until_it_is_not`
- socket folder gone: `a_run_whose_socket_was_taken_away_goes_on_for_who_is_there`
- clock skew, clock set back: `a_clock_that_is_set_back_changes_no_order_and_no_duration`
- copied folder, edited plan: `a_copy_of_a_run_is_nobodys`, `an_edited_plan_does_not_run`
- 200 MB of output: `tests/execution/test_kernel_output`: 200 MB; `tests/evidence/test_limits`; `make bench`
- endless output: `endless_output_is_said_to_be_cut_while_it_goes_on`
- hostile terminal sequences, lines like ours: `test_interactive`, `test_bad_input`,
  `what_looks_like_ours_…`
- hidden prompt (sudo, host key): `a_hidden_prompt_fails_at_once`
- wrong environment: `a_machine_that_was_closed_to_an_environment_runs_nothing_in_it`
- closes stdout, forks, daemonises: `whatever_a_step_does_to_its_process_the_next_one_runs`;
  `test_kernel_output`
- `os._exit`: `test_bad_input`, `test_claims_of_success`, `tests/execution/test_kernel_death`
- opens the socket: `a_step_that_opens_the_socket_is_sent_away`
- second kernel client: `test_bad_input`: a second client; `tests/execution/test_kernel`
- kernel speaks an untruth: `test_strange_messages`, `test_claims_of_success`, `test_steps_against_evidence`

Secrets are in the modules that have the word in their name.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runbook.errors import NotFoundError, StorageError
from runbook.evidence.events import parse_moment
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal
from runbook.execution import launch, lease
from runbook.execution.questions import Choice, Question
from runbook.execution.session import attach
from tests.execution.staging import Script, Stage, is_running, script, staged, until
from tests.keys import Key
from tests.program import Seat, inside, made_workspace
from tests.stories.told import events, is_true, journal_has, texts

AS_ROOT = os.geteuid() == 0
WAITS = """
    # %% wait name="wait" tags=["read-only"]
    import os, time
    print("begun", flush=True)
    while not os.path.exists("go"):
        time.sleep(0.02)
    print("ended")
    # %% after
    print("after")
"""


@contextlib.contextmanager
def disk(place: Path, size: str) -> Iterator[None]:
    """A disk of that size, really mounted; root alone may."""
    place.mkdir()
    if (
        not AS_ROOT
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)],
            capture_output=True,
            check=False,
        ).returncode
    ):
        pytest.skip("only root can mount a small disk, where mounting is allowed")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Leave no byte free; returns the file that has them."""
    ballast = place / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return ballast


def test_a_full_disk_before_the_start_runs_nothing_and_spends_nothing(tmp_path: Path, home: Path) -> None:
    with disk(tmp_path / "disk", "4m"), staged(tmp_path / "disk/ws", home) as stage:
        execution = stage.plan(f"# %% a\nopen({str(tmp_path / 'ran')!r}, 'w').close()\n")
        ballast = fill(tmp_path / "disk")
        with pytest.raises(StorageError, match="No space left on device"):
            stage.start(execution)

        assert not (tmp_path / "ran").exists()
        assert not (execution / "journal.jsonl").exists() or not journal_has(execution, b"step-started")
        ballast.unlink()
        with stage.start(execution) as session:
            assert session.drive(Script()).outcome == "succeeded"
        assert (tmp_path / "ran").exists()


def test_a_full_disk_in_the_middle_ends_the_run_and_what_is_there_is_sealed_later(
    tmp_path: Path, home: Path
) -> None:
    with disk(tmp_path / "disk", "4m"), staged(tmp_path / "disk/ws", home) as stage:
        execution = stage.plan("""
            # %% talk
            import time
            for n in range(3000):
                print(n, "x" * 400, flush=True)
                time.sleep(0.002)
            # %% never
            print("never")
        """)
        folder = ExecutionFolder(execution)
        with stage.start(execution) as session:
            until(lambda: journal_has(execution, b"xxxx"))
            ballast = fill(tmp_path / "disk")
            result = session.drive(Script())
        until(lambda: not folder.is_alive())

        assert isinstance(result.failure, StorageError)
        assert "No space left on device" in str(result.failure)
        assert (result.outcome, result.sealed) == ("unknown", False)
        assert stage.states(execution) == {"talk": "unknown", "never": "pending"}
        ballast.unlink()
        launch.seal(execution, workspace=stage.workspace, around=stage.around)
        assert folder.is_sealed()
        assert is_true(execution)


@contextlib.contextmanager
def immutable(folder: Path) -> Iterator[None]:
    """A folder in which nothing can be made, changed or removed; not even by root, who passes by modes."""
    if AS_ROOT:
        if (
            shutil.which("chattr") is None
            or subprocess.run(["chattr", "+i", folder], capture_output=True, check=False).returncode
        ):
            pytest.skip("this file system knows no immutable folders")
        undo = ["chattr", "-i", str(folder)]
    else:
        folder.chmod(0o500)
        undo = ["chmod", "755", str(folder)]
    try:
        yield
    finally:
        subprocess.run(undo, check=True)


def test_a_folder_that_was_made_read_only_keeps_the_run_from_its_seal_until_it_is_not(stage: Stage) -> None:
    execution = stage.plan(WAITS)
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        until(lambda: journal_has(execution, b"begun"))
        with immutable(execution):
            (folder.work / "go").touch()
            result = session.drive(Script())
            until(lambda: not folder.is_alive())

    assert result.failure is not None
    assert not result.sealed
    assert "journal.jsonl" not in str(result.failure)  # what happened could be written to the end
    assert stage.states(execution) == {"wait": "succeeded", "after": "succeeded"}
    launch.seal(execution, workspace=stage.workspace, around=stage.around)
    assert folder.is_sealed()
    assert is_true(execution)


def test_a_run_whose_socket_was_taken_away_goes_on_for_who_is_there(stage: Stage) -> None:
    execution = stage.plan("# %% a\nprint(1)\n# %% b\nprint(2)\n", unattended=False)

    def says(question: Question) -> Choice:
        place = lease.run_folder(stage.around.env, execution)
        if question.step == "b":  # by then the kernel has been met
            shutil.rmtree(place)
            with pytest.raises(NotFoundError, match="nobody runs this execution now"):
                attach(execution, who="bob@here")
        return "run"

    with stage.start(execution) as session:
        result = session.drive(Script(says))

    assert result.outcome == "succeeded"
    assert result.sealed
    assert is_true(execution)


_SHIM = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now) {
    int done = syscall(SYS_clock_gettime, id, now);
    const char *path = getenv("WALL_CLOCK_OFF");
    char seconds[32] = {0};
    int file = id == CLOCK_REALTIME && path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        if (read(file, seconds, sizeof seconds - 1) > 0) now->tv_sec += atol(seconds);
        close(file);
    }
    return done;
}
"""


@pytest.fixture
def wall_clock(tmp_path: Path) -> tuple[dict[str, str], Callable[[int], object]]:
    """Variables that let the wall clock of a process be set, while it runs, so many seconds forward or back;
    and how. A library that stands before libc says it: the program is none the wiser."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler to stand before the clock")
    (tmp_path / "shim.c").write_text(_SHIM)
    shim, off = tmp_path / "shim.so", tmp_path / "off"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, tmp_path / "shim.c"], check=True)

    def set_by(seconds: int) -> None:
        (tmp_path / "new").write_text(str(seconds))
        (tmp_path / "new").rename(off)

    return {"LD_PRELOAD": str(shim), "WALL_CLOCK_OFF": str(off)}, set_by


def test_a_clock_that_is_set_back_changes_no_order_and_no_duration(
    stage: Stage, wall_clock: tuple[dict[str, str], Callable[[int], object]]
) -> None:
    variables, set_by = wall_clock
    stage.around.env.update(variables)  # type: ignore[attr-defined]  # it is a dict
    execution = stage.plan(WAITS)
    with stage.start(execution) as session:
        until(lambda: journal_has(execution, b"begun"))
        set_by(-3600)
        (execution / "work/go").touch()
        result = session.drive(Script())

    told = list(read_journal(ExecutionFolder(execution)).events)
    assert result.outcome == "succeeded"
    assert told[-1].t < told[0].t  # the wall clock went back, and the record says what it said
    assert [event.m for event in told] == sorted(event.m for event in told)
    assert all(0 <= (step.seconds or 0) < 600 for step in result.steps)
    assert is_true(execution)


def test_a_machine_that_slept_loses_nothing_and_asks_the_policy_again(
    tmp_path: Path, alice: Key, wall_clock: tuple[dict[str, str], Callable[[int], object]]
) -> None:
    """Forty minutes of sleep: everybody stands still, and when they go on, only the wall clock went on. The
    approval has expired meanwhile."""
    variables, set_by = wall_clock
    root = made_workspace(tmp_path / "w", alice)
    assert inside(root, "create", "Change it").code == 0
    path = next((root / "runbooks").glob("change*.py"))
    steps = (
        '# %% Talk name="talk" tags=["read-only"]\nimport time\n'
        'for n in range(40):\n    print("tick", n, flush=True)\n    time.sleep(0.02)\n\n'
        '# %% Change name="change"\nopen("changed", "w").close()\n'
    )
    path.write_text(path.read_text().partition("# %%")[0] + steps)
    text = inside(root, "show", path.stem, "--json").json["text"]
    signed = ("--env", "prod", "--key", str(alice.path), "--text", text, "--expires", "30m")
    assert inside(root, "review", path.stem, *signed).code == 0
    seat = Seat(root, "run", path.stem, "--env", "prod", columns=100, **variables)
    seat.asked("Run talk?", "r")
    seat.sees("tick 3")
    (execution,) = (each.parent for each in root.glob("executions/*/*/start.txt"))
    supervisor = lease.read(ExecutionFolder(execution)).supervisor
    os.kill(supervisor, signal.SIGSTOP)
    set_by(2400)
    os.kill(supervisor, signal.SIGCONT)
    seat.asked("Run change?", "r")
    seat.sees("Needs one more approval")
    seat.asked("expired at 20", "q")

    assert seat.leaves() == 7
    assert not (execution / "work/changed").exists()
    assert [line for line in texts(execution).split("\n") if line] == [f"tick {n}" for n in range(40)]
    told = list(read_journal(ExecutionFolder(execution)).events)
    assert [event.m for event in told] == sorted(event.m for event in told)
    assert told[-1].m - told[0].m < 600 * 10**9  # nobody was awake for it, and the wall clock has it
    slept = parse_moment(told[-1].t) - parse_moment(told[0].t)
    assert slept.total_seconds() > 2400
    assert is_true(execution)


def test_what_a_dead_kernel_left_running_is_named(stage: Stage) -> None:
    """Supervisor and kernel are killed; the command goes on, and may well do its work to the end."""
    execution = stage.plan("""
        # %% long
        from runbook.kit import sh
        sh("sleep 600; echo never")
        # %% after
        print("after")
    """)
    with stage.start(execution):
        until(lambda: journal_has(execution, b"sh-started"))
        (begun,) = events(execution, "kit")
        pid = begun.number("pid")
        stage.kill_both(execution)
    try:
        assert is_running(pid)
        driver = script(("stop", "seen"))
        with stage.start(execution, task="resume") as session:
            session.drive(driver)
    finally:
        os.killpg(pid, signal.SIGKILL)

    notes = [event for event in events(execution, "note") if f"pid {pid}," in event.text("words")]
    assert [event.text("step") for event in notes] == ["long"]
    assert notes[0].text("words").startswith("still runs, though the kernel that started it is gone")
    assert notes[0].text("started") == begun.text("started")
    assert stage.states(execution) == {"long": "unknown", "after": "pending"}
    assert is_true(execution)
