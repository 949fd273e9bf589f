"""What steps do to their run, and what the network does to them; the list of faults is in `test_faults`."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.limits import Limits
from tests.execution.staging import Script, Stage, script, until
from tests.stories.told import events, is_true, journal_has

AS_ROOT = os.geteuid() == 0


def test_endless_output_is_said_to_be_cut_while_it_goes_on(stage: Stage) -> None:
    execution = stage.plan("# %% endless\nwhile True:\n    print('y' * 99)\n")
    folder = ExecutionFolder(execution)
    with stage.start(execution, limits=Limits(step_bytes=1 << 20, reserve_bytes=1 << 16)) as session:
        until(lambda: journal_has(execution, b"its limit of output is reached"))
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
    assert "no terminal: " in shown.texts()
    assert sum(step.seconds or 0 for step in result.steps) < 60


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
                os.execvp("true", ["true"])
            os._exit(0)
        # %% after
        print("after", 1 + 1)
    """)

    assert {step.name: step.state for step in result.steps} == dict.fromkeys(
        ("closes", "forks", "leaves", "raises", "daemon", "after"), "succeeded"
    )
    assert shown.texts().count("after 2") == 1
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
