"""Child processes: argument lists only, an explicit environment, both pipes read together, a time limit.

A child gets its own session, so that a time limit or an interrupt ends what it started as well. Nothing
here runs a shell, and a program is never looked for in the current folder: that may be a stranger's
repository, and PATH entries that are empty or relative would name it.
"""

import contextlib
import errno
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from runbook.errors import CommandFailed, NotFoundError, ToolMissing, UnavailableError

_CANNOT_EXECUTE = frozenset({errno.EACCES, errno.EPERM, errno.ENOEXEC, errno.ELIBBAD, errno.ENOTDIR})


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended: a negative `returncode` is the number of the signal that ended it."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | None = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_seconds: float = 60,
) -> Completed:
    """Run a program to its end and return what it said; a code other than 0 is a result here.

    `stdin` None leaves the child our own standard input and terminal (for programs that ask for a
    passphrase); `env` None passes ours on. Raises ToolMissing when the program is not there or is not
    one, NotFoundError for a missing `cwd`, UnavailableError on the time limit.
    """
    child = _start(argv, pipe=subprocess.PIPE, takes_input=stdin is not None, env=env, cwd=cwd)
    try:
        stdout, stderr = child.communicate(stdin or None, timeout=timeout_seconds)
    except subprocess.TimeoutExpired as error:
        _end(child, group=stdin is not None)
        raise UnavailableError(f"{argv[0]} did not end within {timeout_seconds:g} seconds") from error
    except BaseException:
        _end(child, group=stdin is not None)
        raise
    return Completed(argv=tuple(argv), returncode=child.returncode, stdout=stdout, stderr=stderr)


def require(
    argv: Sequence[str],
    *,
    stdin: bytes | None = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_seconds: float = 60,
) -> bytes:
    """As `run`, for programs that must succeed: returns their output. Raises CommandFailed otherwise."""
    done = run(argv, stdin=stdin, env=env, cwd=cwd, timeout_seconds=timeout_seconds)
    if done.returncode != 0:
        raise CommandFailed(done.argv, done.returncode, done.stdout, done.stderr)
    return done.stdout


def attend(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None) -> int:
    """Run a program that a person works with, an editor say, in our terminal and without a time limit.

    Returns its code. Ctrl-C belongs to that program while it runs. Raises ToolMissing, NotFoundError.
    """
    # Before it starts, or a Ctrl-C in between would end us; and a handler, since SIG_IGN would be inherited.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return _start(argv, pipe=None, takes_input=False, env=env, cwd=cwd).wait()
    finally:
        signal.signal(signal.SIGINT, before)


def begin(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, error_log: int, handed: bytes = b""
) -> "subprocess.Popen[bytes]":
    """Start a program that outlives us, in its own session: no standard output, its standard error in
    `error_log`, an open file, and nothing but `handed` (40 KiB at most: a pipe must take it at once) in its
    standard input. Returns at once. Raises ToolMissing, NotFoundError, UnavailableError."""
    with _pipe_with(handed) as stdin:
        nothing = subprocess.DEVNULL
        pipe = (nothing if stdin is None else stdin, nothing, error_log)
        return _start(argv, pipe=pipe, takes_input=True, env=env, cwd=cwd)


@contextlib.contextmanager
def _pipe_with(handed: bytes) -> Iterator[int | None]:
    """The end of a pipe from which `handed` can be read, and then its end; None for nothing."""
    if not handed:
        yield None
        return
    reading, writing = os.pipe()
    try:
        try:
            os.write(writing, handed)
        finally:
            os.close(writing)
        yield reading
    finally:
        os.close(reading)


def converse(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, error_log: int
) -> "subprocess.Popen[bytes]":
    """As `begin`, with a pipe to its standard input and one from its standard output, for a few first words.

    The caller closes both and waits for the program, which detaches itself by a fork.
    """
    pipe = (subprocess.PIPE, subprocess.PIPE, error_log)
    return _start(argv, pipe=pipe, takes_input=True, env=env, cwd=cwd)


def leave_no_core() -> None:
    """From here on a crash of this process, or of one it starts, writes no memory to disk. They may ask for
    it again, as far as the system lets them."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def find(program: str, *, env: Mapping[str, str]) -> str | None:
    """The full path of a program on the PATH of `env`, or None. Relative entries of PATH do not count."""
    entries = env.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(program, path=os.pathsep.join(entry for entry in entries if os.path.isabs(entry)))  # noqa: PTH117


def _start(
    argv: Sequence[str],
    *,
    pipe: int | tuple[int, int, int] | None,
    takes_input: bool,
    env: Mapping[str, str] | None,
    cwd: Path | None,
) -> "subprocess.Popen[bytes]":
    """`pipe`: what standard input, output and error are, each or all; None: ours."""
    stdin, stdout, stderr = pipe if isinstance(pipe, tuple) else (pipe, pipe, pipe)
    name = Path(argv[0]).name
    program = argv[0] if "/" in argv[0] else find(argv[0], env=os.environ if env is None else env)
    if program is None:
        raise ToolMissing(f"{argv[0]} is not installed", hint=f"install {name} and try again")
    try:
        return subprocess.Popen(
            list(argv),
            executable=program,
            stdin=stdin if takes_input else None,
            stdout=stdout,
            stderr=stderr,
            env=None if env is None else dict(env),
            cwd=cwd,
            # A passphrase prompt needs our terminal, which another session would not have.
            start_new_session=takes_input,
        )
    except OSError as error:
        # The system names the folder when it could not enter it, and the program otherwise.
        if cwd is not None and str(error.filename) == str(cwd):
            raise NotFoundError("no such folder to work in", subject=str(cwd)) from error
        if isinstance(error, FileNotFoundError):
            hint = f"install {name} and try again"
            raise ToolMissing(f"{argv[0]} is not installed", hint=hint) from error
        if error.errno in _CANNOT_EXECUTE:
            hint = "look at its mode, and at what it was built for"
            raise ToolMissing(f"{argv[0]} cannot be executed", hint=hint) from error
        raise UnavailableError(f"{argv[0]} cannot be started: {error.strerror}") from error


def _end(child: "subprocess.Popen[bytes]", *, group: bool) -> None:
    """Ask, wait a second, then kill; the whole group where the child leads one.

    The second signal is sent even when the child itself is gone: what it started may have ignored the
    first. A grandchild that made a session of its own and holds our pipe is not waited for.
    """
    for number, patience_seconds in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 2.0)):
        with contextlib.suppress(ProcessLookupError):
            if group:
                os.killpg(child.pid, number)
            else:
                child.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=patience_seconds)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(timeout=1)  # communicate gives up before this while somebody else holds a pipe
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
