"""Child processes: argument lists only, an explicit environment, both pipes read together, a time limit.

A child gets its own session, so that what it started ends with it. Nothing here runs a shell.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from runbook.errors import CommandFailed, ToolMissing, UnavailableError


class Completed(msgspec.Struct, frozen=True, kw_only=True):
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
    passphrase). Raises ToolMissing when the program is not there, UnavailableError on the time limit.
    """
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=None if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            cwd=cwd,
            # A passphrase prompt needs our terminal, which another session would not have.
            start_new_session=stdin is not None,
        )
    except FileNotFoundError as error:
        raise ToolMissing(
            f"{argv[0]} is not installed", hint=f"install {Path(argv[0]).name} and try again"
        ) from error
    except PermissionError as error:
        raise ToolMissing(f"{argv[0]} cannot be executed", hint="look at its mode") from error
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


def find(program: str, *, env: Mapping[str, str]) -> str | None:
    """The full path of a program on the PATH of `env`, or None."""
    return shutil.which(program, path=env.get("PATH", os.defpath))


def _end(child: "subprocess.Popen[bytes]", *, group: bool) -> None:
    """Ask, wait a second, then kill; the whole group where the child leads one."""
    for number, patience_seconds in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            if group:
                os.killpg(child.pid, number)
            else:
                child.send_signal(number)
        try:
            child.communicate(timeout=patience_seconds)
            return
        except subprocess.TimeoutExpired:
            continue
