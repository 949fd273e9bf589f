"""Faults of machines and of people: each is really made, and the run says what became of it.

What is on the two lists of faults, and the test that makes it (here, or in the module named):

- Ctrl-C once, twice: `test_kill_terminal`: once, twice; `test_interactive`: at a question, in a step
- SIGHUP, terminal closed or killed: `test_kill_terminal`, `test_interactive`, `test_kill_anything`
- runner killed while a child runs: `what_a_dead_kernel_left_running_is_named`; `test_kill_anything`
- client gone, kernel printing: `test_attach`: within two seconds; `test_kill_terminal`; `test_much_output`
- the way over ssh drops: `a_dropped_ssh_connection_is_told_as_such_and_not_repeated`
- machine or supervisor asleep: `a_supervisor_that_slept_loses_nothing_and_asks_the_policy_again`
- two start the same plan: `of_two_who_run_one_plan_one_does`
- source edited or merged meanwhile: `a_run_goes_on_with_its_own_copy_and_says_so`
- approval expires, is revoked: the sleeping supervisor above (expires); `test_lapsed` (revoked)
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
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.errors import NotFoundError, RefusedError, StorageError
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal, whole_payload
from runbook.evidence.limits import Limits
from runbook.evidence.verification import verify_execution
from runbook.execution import launch, lease
from runbook.execution.questions import Choice, Question
from runbook.execution.session import attach
from tests.execution.staging import Script, Stage, is_running, script, staged, until
from tests.keys import Key
from tests.program import Seat, inside, made_workspace, program

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


def events(execution: Path, kind: str) -> list[Event]:
    return [event for event in read_journal(ExecutionFolder(execution)).events if event.kind == kind]


def texts(execution: Path) -> str:
    folder = ExecutionFolder(execution)
    blobs = Blobs(folder.blobs)
    contents = [whole_payload(event, blobs).get("content") for event in events(execution, "message")]
    return "".join(str(each.get("text", "")) for each in contents if isinstance(each, dict))


def journal_has(execution: Path, words: bytes) -> bool:
    journal = ExecutionFolder(execution).journal
    return journal.exists() and words in journal.read_bytes()


def is_true(execution: Path) -> bool:
    return verify_execution(ExecutionFolder(execution)).findings == ()


# what machines do


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
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

int clock_gettime(clockid_t id, struct timespec *now) {
    int done = syscall(SYS_clock_gettime, id, now);
    const char *path = getenv("CLOCK_SET_BACK");
    if (done == 0 && id == CLOCK_REALTIME && path && access(path, F_OK) == 0) now->tv_sec -= 3600;
    return done;
}
"""


def test_a_clock_that_is_set_back_changes_no_order_and_no_duration(stage: Stage, tmp_path: Path) -> None:
    """The supervisor's own clock goes back an hour in the middle of a step: a library before libc says so."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler to stand before the clock")
    (tmp_path / "shim.c").write_text(_SHIM)
    shim = tmp_path / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, tmp_path / "shim.c"], check=True)
    back = tmp_path / "back"
    stage.around.env.update(LD_PRELOAD=str(shim), CLOCK_SET_BACK=str(back))  # type: ignore[attr-defined]  # a dict
    execution = stage.plan(WAITS)
    with stage.start(execution) as session:
        until(lambda: journal_has(execution, b"begun"))
        back.touch()
        (execution / "work/go").touch()
        result = session.drive(Script())

    told = list(read_journal(ExecutionFolder(execution)).events)
    assert result.outcome == "succeeded"
    assert told[-1].t < told[0].t  # the wall clock went back, and the record says what it said
    assert [event.m for event in told] == sorted(event.m for event in told)
    assert all((step.seconds or 0) < 60 for step in result.steps)
    assert is_true(execution)


def test_a_supervisor_that_slept_loses_nothing_and_asks_the_policy_again(tmp_path: Path, alice: Key) -> None:
    root = made_workspace(tmp_path / "w", alice)
    assert program(root, "create", "Change it").code == 0
    path = next((root / "runbooks").glob("change*.py"))
    steps = (
        '# %% Talk name="talk" tags=["read-only"]\nimport time\n'
        'for n in range(40):\n    print("tick", n, flush=True)\n    time.sleep(0.02)\n\n'
        '# %% Change name="change"\nopen("changed", "w").close()\n'
    )
    path.write_text(path.read_text().partition("# %%")[0] + steps)
    text = inside(root, "show", path.stem, "--json").json["text"]
    signed = ("--env", "prod", "--key", str(alice.path), "--text", text, "--expires", "4s")
    assert inside(root, "review", path.stem, *signed).code == 0
    expires = time.monotonic() + 4.5
    seat = Seat(root, "run", path.stem, "--env", "prod")
    seat.asked("Run talk?", "r")
    seat.sees("tick 3")
    (execution,) = (each.parent for each in root.glob("executions/*/*/start.txt"))
    supervisor = lease.read(ExecutionFolder(execution)).supervisor
    os.kill(supervisor, signal.SIGSTOP)
    time.sleep(max(0.5, expires - time.monotonic()))  # the time that an approval has is the fault made here
    os.kill(supervisor, signal.SIGCONT)
    seat.asked("Run change?", "r")
    seat.asked("Needs one more approval", "q")

    assert seat.leaves() == 7
    assert not (execution / "work/changed").exists()
    assert [line for line in texts(execution).split("\n") if line] == [f"tick {n}" for n in range(40)]
    walls, steady = zip(
        *((event.t, event.m) for event in read_journal(ExecutionFolder(execution)).events), strict=True
    )
    assert list(steady) == sorted(steady)
    assert walls[-1] > walls[0]  # both clocks stand in every line
    assert is_true(execution)


def test_what_a_dead_kernel_left_running_is_named(stage: Stage) -> None:
    """Supervisor and kernel are killed; the command goes on, and may well do its work to the end."""
    execution = stage.plan("""
        # %% long
        from runbook.kit import sh
        sh("sleep 30; echo never")
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


# what people do


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
        begins[1],  # its menu
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


# what steps do


def test_endless_output_is_said_to_be_cut_while_it_goes_on(stage: Stage) -> None:
    execution = stage.plan("# %% endless\nwhile True:\n    print('y' * 99)\n")
    folder = ExecutionFolder(execution)
    with stage.start(execution, limits=Limits(step_bytes=1 << 20, reserve_bytes=1 << 16)) as session:
        until(lambda: journal_has(execution, b"its limit of output is reached"), seconds=30)
        assert stage.states(execution) == {"endless": "running"}
        session.stop(now=True)
        result = session.drive(Script())

    assert [step.state for step in result.steps] == ["interrupted"]
    (cut,) = events(execution, "truncated")
    assert cut.number("bytes") > 0
    assert sum(path.stat().st_size for path in execution.rglob("*") if path.is_file()) < 6 << 20
    assert is_true(execution)
    assert "its limit of output is reached" in folder.audit.read_text()


def test_a_hidden_prompt_fails_at_once(stage: Stage, tmp_path: Path) -> None:
    """What a step starts has no terminal to ask at and nothing to read: so nothing waits there unseen."""
    key = tmp_path / "locked"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-C", "x", "-f", str(key)]
    subprocess.run(words, check=True)
    result, shown = stage.run(f"""
        # %% reads
        import subprocess
        subprocess.run(["sh", "-c", "read answer; echo got=$answer=$?"])
        from runbook.kit import sh
        sh("read answer; echo kit=$answer=$?")
        try:
            open("/dev/tty")
        except OSError as error:
            print("no terminal:", error.strerror)
        # %% asks
        sh("ssh-keygen", "-y", "-f", {str(key)!r})
    """)

    assert [step.state for step in result.steps] == ["succeeded", "failed"]
    assert "got==1" in shown.texts()
    assert "kit==1" in shown.texts()
    assert "no terminal: No such device or address" in shown.texts()
    assert sum(step.seconds or 0 for step in result.steps) < 10


def test_whatever_a_step_does_to_its_process_the_next_one_runs(stage: Stage) -> None:
    result, shown = stage.run("""
        # %% closes
        import os, sys
        sys.stdout.close(); os.close(1); os.close(2)
        # %% forks
        child = os.fork()
        if child == 0:
            print("said by the child")
            os._exit(0)
        os.waitpid(child, 0)
        # %% leaves name="leaves"
        child = os.fork()  # which goes on as if it were the kernel
        # %% raises name="raises"
        if child == 0:
            raise SystemError("the child runs the next step")
        if os.fork() == 0:
            raise SystemExit(3)
        # %% daemon name="daemon"
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                import time
                time.sleep(0.3)
                os.execv("/bin/true", ["true"])
            os._exit(0)
        # %% after
        print("after", os.getpid() == get_ipython().kernel.ident or True)
    """)

    assert {step.name: step.state for step in result.steps} == dict.fromkeys(
        ("closes", "forks", "leaves", "raises", "daemon", "after"), "succeeded"
    )
    assert shown.texts().count("after True") == 1
    assert shown.texts().count("said by the child") == 1
    assert is_true(result.execution)


def test_a_step_that_opens_the_socket_is_sent_away(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% opens
        import json, pathlib, socket
        held = json.loads((pathlib.Path.cwd().parent / "supervisor.lock").read_text())
        other = socket.socket(socket.AF_UNIX)
        other.settimeout(5)
        try:
            other.connect(held["socket"])
            hello = {"type": "hello", "who": "alice@here", "mode": "drive", "take": True}
            other.sendall(json.dumps(hello).encode() + b"\\n")
            print("told:", other.recv(1000))
        except OSError as error:
            print("told nothing:", error)
        # %% danger name="danger" tags=["danger"]
        open("ran", "w").close()
        """,
        unattended=False,
    )
    driver = script("run", ("stop", "no"))
    with stage.start(execution) as session:
        session.drive(driver)

    assert driver.asked == ["start opens", "danger danger"]
    assert "Welcome" not in driver.texts()
    assert "welcome" not in driver.texts()
    assert not (execution / "work/ran").exists()
    assert [event.text("by") for event in events(execution, "answer")] == ["alice@here", "alice@here"]


# over ssh


@contextlib.contextmanager
def sshd(place: Path, key: Path) -> Iterator[int]:
    """A real ssh server on this machine, for root and one key; yields its port."""
    program_ = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program_ is None or not AS_ROOT:
        pytest.skip("needs sshd, and root to start it")
    place.mkdir(mode=0o700)
    Path("/run/sshd").mkdir(exist_ok=True)
    host = place / "host"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host)], check=True)
    shutil.copyfile(f"{key}.pub", place / "keys")
    (place / "keys").chmod(0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = (
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile {place}/keys\n"
        "StrictModes no\nPermitRootLogin yes\nUsePAM no\nPidFile none\n"
    )
    (place / "config").write_text(config)
    words = [program_, "-D", "-e", "-f", str(place / "config")]
    with (place / "log").open("wb") as log:
        server = subprocess.Popen(words, stderr=log, start_new_session=True)
    try:
        until(lambda: b"listening" in (place / "log").read_bytes())
        yield port
    finally:
        server.kill()
        server.wait()


def test_a_dropped_ssh_connection_is_told_as_such_and_not_repeated(stage: Stage, tmp_path: Path) -> None:
    """The command over there goes on when its connection is cut: it must not be called failed over there."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with sshd(tmp_path / "sshd", key) as port:
        options = ["-F", "none", "-p", str(port), "-i", str(key), "-o", "BatchMode=yes"]
        options += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={tmp_path}/known"]
        marks = tmp_path / "marks"
        far = tmp_path / "far"
        far.write_text(f"trap '' HUP\necho begun >> {marks}\nsleep 2\necho ended >> {marks}\n")
        (tmp_path / "options").write_text(" ".join(options))
        execution = stage.plan(f"""
            # %% far
            from runbook.kit import sh
            options = open("{tmp_path}/options").read().split()
            sh("ssh", *options, "root@127.0.0.1", "sh {far}")
            # %% after
            print("after")
        """)
        with stage.start(execution) as session:
            until(lambda: marks.exists() and "begun" in marks.read_text())
            cut_connections_of(tmp_path / "sshd")
            result = session.drive(shown := Script())

    (ran,) = [event for event in events(execution, "kit") if event.text("what") == "sh"]
    assert [step.state for step in result.steps] == ["failed", "pending"]
    assert ran.payload["transport"] is True
    assert ran.number("code") == 255
    (failure,) = [event for event in shown.events if event.text("type") == "error"]
    assert "the command there may have run" in str(failure.payload["content"])
    assert marks.read_text().count("begun") == 1


def cut_connections_of(place: Path) -> None:
    """Kill the server's processes that hold connections, as if the way were gone."""
    import psutil

    for process in psutil.process_iter(["cmdline", "name"]):
        with contextlib.suppress(psutil.Error):
            parents = [parent.cmdline() for parent in process.parents()]
            if process.name().startswith("sshd") and any(str(place / "config") in words for words in parents):
                process.kill()
