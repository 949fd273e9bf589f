"""Real child processes: their words, their ends, and that nothing outlives a time limit."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import psutil
import pytest

from runbook.errors import CommandFailed, NotFoundError, ToolMissing, UnavailableError
from runbook.system import processes

PYTHON = sys.executable


def python(source: str, *words: str) -> list[str]:
    return [PYTHON, "-I", "-c", source, *words]


def is_gone(pid: int, *, within_seconds: float = 5) -> bool:
    """Whether the process ends soon; a zombie that nobody has reaped yet counts as gone."""
    limit = time.monotonic() + within_seconds
    while time.monotonic() < limit:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_a_program_s_words_and_code_are_a_result() -> None:
    done = processes.run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))

    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 3)
    assert done.argv[0] == PYTHON


def test_the_signal_that_ended_a_program_is_a_negative_code() -> None:
    done = processes.run(python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))

    assert done.returncode == -signal.SIGKILL


def test_both_pipes_are_read_together() -> None:
    """Each stream is far larger than a pipe holds: reading one after the other would wait for ever."""
    source = "import sys\nfor _ in range(300): sys.stdout.write('o' * 1000); sys.stderr.write('e' * 1000)"
    done = processes.run(python(source), timeout_seconds=30)

    assert (len(done.stdout), len(done.stderr)) == (300_000, 300_000)


def test_standard_input_is_what_was_given_and_else_empty() -> None:
    echo = python("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())")

    assert processes.run(echo, stdin=b"\x00\xffabc").stdout == b"\x00\xffabc"
    assert processes.run(echo).stdout == b""


def test_a_program_that_reads_nothing_does_not_mind_much_input() -> None:
    assert processes.run(python("pass"), stdin=b"x" * 1_000_000).returncode == 0


def test_arguments_are_never_words_of_a_shell(tmp_path: Path) -> None:
    said = processes.require(python("import sys; print(sys.argv[1])", f"; touch {tmp_path}/pwned $(id) *"))

    assert said == f"; touch {tmp_path}/pwned $(id) *\n".encode()
    assert list(tmp_path.iterdir()) == []


def test_the_environment_is_exactly_the_one_given() -> None:
    # macOS and coverage tools add words of their own to any Python: look at ours only.
    source = "import os; print(os.environ.get('ONLY'), os.environ.get('HOME'))"

    assert processes.require(python(source), env={"ONLY": "this"}) == b"this None\n"


def test_a_child_leads_a_session_of_its_own_unless_it_needs_our_terminal() -> None:
    source = "import os; print(os.getsid(0) == os.getpid())"

    assert processes.require(python(source)) == b"True\n"
    assert processes.require(python(source), stdin=None) == b"False\n"


def test_a_missing_program_is_named_with_what_to_do() -> None:
    with pytest.raises(ToolMissing) as caught:
        processes.run(["no-such-program-here", "-v"])

    assert str(caught.value) == "no-such-program-here is not installed"
    assert caught.value.hint == "install no-such-program-here and try again"


def test_a_missing_program_given_by_path_is_named_too(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match="gone is not installed"):
        processes.run([str(tmp_path / "gone")])


def test_a_missing_folder_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        processes.run(python("pass"), cwd=tmp_path / "gone")

    assert str(caught.value) == f"{tmp_path / 'gone'}: no such folder to work in"


def test_a_file_that_is_no_program_says_so(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("words\n")

    with pytest.raises(ToolMissing, match="text cannot be executed") as caught:
        processes.run([str(text)])
    assert caught.value.hint == "look at its mode, and at what it was built for"

    text.chmod(0o755)
    with pytest.raises(ToolMissing, match="text cannot be executed"):
        processes.run([str(text)])


def test_too_many_arguments_are_told_and_no_bug() -> None:
    with pytest.raises(UnavailableError, match="cannot be started: Argument list too long"):
        processes.run([PYTHON, "-c", "pass", "x" * 4_000_000])


def test_a_program_is_never_looked_for_in_the_current_folder(tmp_path: Path) -> None:
    """A PATH with an empty or relative entry would find the program of a stranger's repository."""
    trap = tmp_path / "git"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
    trap.chmod(0o755)
    env = {"PATH": ":.:relative"}

    assert processes.find("git", env=env) is None
    with pytest.raises(ToolMissing):
        processes.run(["git"], env=env, cwd=tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_find_gives_the_full_path_or_none(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")

    assert processes.find("tool", env={"PATH": str(tmp_path)}) is None  # not executable
    tool.chmod(0o755)
    assert processes.find("tool", env={"PATH": str(tmp_path)}) == str(tool)


def test_require_raises_with_both_streams() -> None:
    argv = python("import sys; print('some'); print('broken', file=sys.stderr); sys.exit(9)")

    with pytest.raises(CommandFailed) as caught:
        processes.require(argv)

    assert str(caught.value) == f"{PYTHON} ended with 9: broken"
    assert (caught.value.returncode, caught.value.stdout, caught.value.stderr) == (9, b"some\n", b"broken\n")


def test_a_time_limit_ends_the_program_and_says_so() -> None:
    began = time.monotonic()

    with pytest.raises(UnavailableError) as caught:
        processes.run(python("import time; time.sleep(60)"), timeout_seconds=0.3)

    assert str(caught.value) == f"{PYTHON} did not end within 0.3 seconds"
    assert time.monotonic() - began < 10


STUBBORN = """
import signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
open(sys.argv[1], "w").write(str(__import__("os").getpid()))
time.sleep(60)
"""

PARENT = """
import pathlib, subprocess, sys, time
quiet = subprocess.DEVNULL if sys.argv[3] == "quiet" else None
subprocess.Popen([sys.executable, "-I", "-c", sys.argv[1], sys.argv[2]], stdout=quiet, stderr=quiet)
while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.01)
time.sleep(60)
"""


@pytest.mark.parametrize("pipes", ["quiet", "shared"])
def test_a_time_limit_also_ends_a_grandchild_that_ignores_the_first_signal(
    tmp_path: Path, pipes: str
) -> None:
    """`quiet`: the grandchild holds none of our pipes, so that the end of the child looks like the end."""
    pid_file = tmp_path / "pid"

    with pytest.raises(UnavailableError):
        processes.run(python(PARENT, STUBBORN, str(pid_file), pipes), timeout_seconds=2)

    assert is_gone(int(pid_file.read_text()))


def test_a_grandchild_in_a_session_of_its_own_does_not_hold_us_up(tmp_path: Path) -> None:
    """It keeps our pipe open and cannot be reached; the time limit still holds, and no pipe leaks."""
    pid_file = tmp_path / "pid"
    source = (
        "import subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        "open(sys.argv[1], 'w').write(str(child.pid))\n"
    )
    began = time.monotonic()

    with pytest.raises(UnavailableError):
        processes.run(python(source, str(pid_file)), timeout_seconds=0.5)

    assert time.monotonic() - began < 10
    os.kill(int(pid_file.read_text()), signal.SIGKILL)


def test_an_interrupt_ends_what_was_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    def interrupt_once_it_runs() -> None:
        limit = time.monotonic() + 20
        while not pid_file.exists() and time.monotonic() < limit:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_once_it_runs, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        processes.run(python(STUBBORN, str(pid_file)), timeout_seconds=30)

    assert is_gone(int(pid_file.read_text()))


def test_nothing_is_left_open_however_a_program_ends() -> None:
    before = psutil.Process().num_fds()
    for _ in range(5):
        processes.run(["true"])
        with pytest.raises(UnavailableError):
            processes.run(["sleep", "5"], timeout_seconds=0.01)

    assert psutil.Process().num_fds() == before


def test_completed_is_a_value() -> None:
    with pytest.raises(AttributeError):
        processes.run(["true"]).returncode = 1  # type: ignore[misc]  # that it is refused is the promise


def test_a_program_that_a_person_works_with_gets_the_terminal_and_ctrl_c() -> None:
    """The editor sees a terminal on all three streams; Ctrl-C reaches it, and we go on afterwards."""
    editor = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: (os.write(1, b'interrupted\\n'), sys.exit(5)))\n"
        "print('editing', all(os.isatty(n) for n in (0, 1, 2)), flush=True)\n"
        "time.sleep(60)\n"
    )
    ours = (
        "import os, sys; from runbook.system import processes\n"
        "code = processes.attend([sys.executable, '-I', '-c', sys.argv[1]], env=os.environ)\n"
        "print('code', code)\n"
    )
    child = pexpect.spawn(PYTHON, ["-c", ours, editor], cwd=str(Path(__file__).parents[2]), timeout=30)
    try:
        child.expect_exact("editing True")
        child.sendintr()
        child.expect_exact("interrupted")
        child.expect_exact("code 5")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)


def test_an_editor_that_is_not_there_is_named() -> None:
    with pytest.raises(ToolMissing, match="no-such-editor is not installed"):
        processes.attend(["no-such-editor"], env=dict(os.environ))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    yield descriptor
    os.close(descriptor)


def test_a_program_that_outlives_us_hears_and_says_nothing(tmp_path: Path, log: int) -> None:
    source = (
        "import os, sys; sys.stderr.write(f'{os.getsid(0) == os.getpid()} {sys.stdin.read()!r} ');"
        "print('lost'); names = sorted(os.environ.keys() & {'HOME', 'ONLY'});"
        "sys.stderr.write(f'{os.getcwd()} {names}')"
    )
    child = processes.begin(python(source), env={"ONLY": "this"}, cwd=tmp_path, error_log=log)

    assert child.wait(timeout=20) == 0
    assert (child.stdin, child.stdout, child.stderr) == (None, None, None)
    assert (tmp_path / "log").read_text() == f"True '' {tmp_path} ['ONLY']"


def test_a_program_can_be_told_a_few_words_before_it_comes_loose(tmp_path: Path, log: int) -> None:
    source = (
        "import sys; print('heard', sys.stdin.readline().strip(), flush=True); sys.stderr.write('logged')"
    )
    child = processes.converse(python(source), env={}, cwd=tmp_path, error_log=log)
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        child.stdin.write(b"word\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"heard word\n"

    assert child.wait(timeout=20) == 0
    assert (tmp_path / "log").read_text() == "logged"


def test_what_cannot_be_begun_is_named_as_for_any_other_program(tmp_path: Path, log: int) -> None:
    with pytest.raises(ToolMissing, match="no-such-program is not installed"):
        processes.begin(["no-such-program"], env={"PATH": "/usr/bin"}, cwd=tmp_path, error_log=log)
    with pytest.raises(NotFoundError, match="no such folder to work in"):
        processes.converse(python("pass"), env={}, cwd=tmp_path / "gone", error_log=log)
