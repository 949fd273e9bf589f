"""`sh`: run a command, show what it says as it comes, record what became of it.

Every command runs in a session of its own, so that a time limit or an interrupt ends all that it started.
Its standard input is empty unless `input` is given: a command that waits for an answer fails instead of
hanging. Failure is an exception; `check=False` makes the code a result.
"""

import errno
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.kit import protocol, shell_line
from runbook.kit.capture import KEPT_BYTES, Capture
from runbook.kit.child import Child, started
from runbook.kit.declarations import Secret
from runbook.kit.masking import label
from runbook.kit.surroundings import context, shortened

_OVER_SSH = frozenset({"ssh", "scp", "sftp"})
_SSH_FAILED = 255
_SHELL = "/bin/sh"
_RESERVED = frozenset({"check", "timeout", "cwd", "env", "input"})
_TAIL_LINES = 20
_ARGV_CHARACTERS = 8192

_count = 0


class Ran:
    """What became of one command. `argv` is the list of words, or one shell line when `is_line`, with names
    in the place of secrets."""

    def __init__(self, argv: tuple[str, ...], *, is_line: bool, cwd: str) -> None:
        self.argv = argv
        self.is_line = is_line
        self.cwd = cwd
        self.code = 0
        self.seconds = 0.0
        self.began = ""  # UTC
        self.ended = ""
        self.timed_out = False
        self.interrupted = False
        self.held = False  # something it started holds its output open and goes on
        self.dry_run = False  # it was only shown
        self.out = Capture(_nowhere)
        self.err = Capture(_nowhere)

    @property
    def stdout(self) -> str:
        """What it wrote to standard output, as text. Raises ValueError when that was more than is kept."""
        return _whole(self.out, "stdout").decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        """What it wrote to standard error, as text. Raises ValueError when that was more than is kept."""
        return _whole(self.err, "stderr").decode("utf-8", "replace")

    @property
    def stdout_bytes(self) -> bytes:
        return _whole(self.out, "stdout")

    @property
    def stderr_bytes(self) -> bytes:
        return _whole(self.err, "stderr")

    @property
    def command(self) -> str:
        """The command as one would type it."""
        return self.argv[0] if self.is_line else shlex.join(self.argv)

    @property
    def transport(self) -> bool:
        """Whether the way to the host failed, not the command there: ssh ends with 255 then (ssh(1)). What
        the command did before that is not known."""
        return self.code == _SSH_FAILED and _program(self.argv, self.is_line) in _OVER_SSH

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.timed_out

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        """One line; the output was shown already."""
        return f"<{self.command}: {_words(self)}>"

    def _ipython_display_(self) -> None:
        """Nothing: a cell that ends with `sh(…)` has shown the command and its output already."""


class CommandError(Exception):
    """A command that failed or ran out of time; `ran` has everything about it."""

    def __init__(self, ran: Ran) -> None:
        said = (ran.err.tail() or ran.out.tail()).rstrip().splitlines()[-_TAIL_LINES:]
        super().__init__("\n".join([f"{ran.command}: {_words(ran)}", *(f"  {line}" for line in said)]))
        self.ran = ran


class TransportError(CommandError):
    """ssh ended with 255: the host was not reached, or was lost; what the command did there is not known."""


def sh(
    *command: object,
    check: bool = True,
    timeout: float | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str | Secret | None] | None = None,
    input: str | bytes | Secret | None = None,  # noqa: A002 - the name subprocess gave it
    **values: object,
) -> Ran:
    """Run a command and wait for it.

    `sh("ls", "-l", folder)` or `sh(["ls", "-l", folder])`: a list of words, no shell. `sh("ls {d} | wc -l",
    d=folder)`: one piece of text with a blank or shell syntax in it is a shell line for /bin/sh, and each
    `{name}` becomes one quoted word (`shell_line`). Its output appears as it comes, and is in the result.

    `timeout` seconds, then all it started is ended. `env` is set on top of the environment; None takes a name
    out. `input` is what it reads. A secret is taken as a word, in `env` and as `input`; as a word every user
    of the machine can see it while the command runs (`ps`), so prefer the other two. In a dry run it is shown
    and not run, but in `read-only` steps.

    Raises CommandError when it fails (unless `check=False`) or runs out of time, TransportError when ssh did
    not get through, NotADirectoryError for `cwd`, TypeError and ValueError for a call that could mean two
    things. A program that is not there ends with 127, as in a shell.
    """
    argv, is_line = _command(command, values)
    shown, _ = _command(_named(command), {name: _named(value) for name, value in values.items()})
    ran = Ran(shown, is_line=is_line, cwd=_folder(cwd))
    data = _bytes(input)
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout={timeout!r} is not a number of seconds above 0")
    number = _next()
    if not context.acts:
        ran.dry_run = True
        ran.began = ran.ended = _now()
        _tell_end(ran, number, f"would run: {ran.command}")
        return ran
    given = ([_SHELL, "-c", argv[0]] if is_line else list(argv), _environment(env), data)
    try:
        _execute(ran, number, given, timeout)
    except KeyboardInterrupt:  # where in our waiting it came says nothing to anybody
        raise KeyboardInterrupt(f"{ran.command}: {_words(ran)}") from None
    if ran.timed_out or (check and ran.code != 0):
        raise TransportError(ran) if ran.transport else CommandError(ran)
    return ran


_Given = tuple[list[str], dict[str, str], bytes | None]
"""What the child gets, secrets and all: its words, its environment, its input."""


def _execute(ran: Ran, number: int, given: _Given, timeout: float | None) -> None:
    """Run it to its end, whatever that is, and leave a record of it."""
    argv, env, data = given
    screen = Screen()
    ran.out, ran.err = Capture(screen.show_out), Capture(screen.show_err)
    ran.began, start = _now(), time.monotonic()
    try:
        child = Child(argv, cwd=ran.cwd, env=env, data=data)
    except OSError as error:  # as a shell would say it: 127 not found, 126 cannot be executed
        ran.code = 127 if error.errno in (errno.ENOENT, errno.ENOTDIR) else 126
        ran.ended = _now()
        ran.err.take(f"{argv[0]}: {os.strerror(error.errno or 0)}\n".encode("utf-8", "surrogateescape"))
        _tell_end(ran, number, f"$ {ran.command}\n[{_words(ran)}]")
        return
    try:
        _tell_start(ran, number, child.pid)
        ran.timed_out = not child.attend(ran.out, ran.err, timeout_seconds=timeout)
        ran.held = child.held
    except KeyboardInterrupt:
        ran.interrupted = True
        raise
    finally:
        try:
            child.end()
        finally:
            ran.out.finish()
            ran.err.finish()
            ran.code = child.code
            ran.seconds, ran.ended = time.monotonic() - start, _now()
            _tell_end(ran, number, "" if ran.ok else f"[{_words(ran)}]")


class Screen:
    """Shows both outputs in the order in which they come: one is flushed before the other goes on."""

    def __init__(self) -> None:
        self._last: Any = None
        self._at_once = not protocol.has_listener()  # a kernel publishes by itself, five times a second

    def show_out(self, text: str) -> None:
        self._show(sys.stdout, text)

    def show_err(self, text: str) -> None:
        self._show(sys.stderr, text)

    def _show(self, stream: Any, text: str) -> None:
        if self._last is not None and self._last is not stream:
            self._last.flush()
        self._last = stream
        protocol.show(stream, text)
        if self._at_once:
            stream.flush()


def _command(command: tuple[object, ...], values: Mapping[str, object]) -> tuple[tuple[str, ...], bool]:
    """The words of a command, or its one line. Raises TypeError, ValueError for what could be either."""
    if not command:
        raise TypeError("sh needs a command: words, or one shell line")
    if len(command) == 1 and isinstance(command[0], str):
        line = shell_line.word(command[0])
        if not line.strip():
            raise ValueError("sh needs a command, not an empty line")
        if values or shell_line.is_line(line):
            return (shell_line.fill(line, values, reserved=_RESERVED),), True
        return (line,), False
    if values:
        name = next(iter(values))
        raise TypeError(f"{name}=… is for a placeholder in one shell line; here words are given")
    is_list = len(command) == 1 and isinstance(command[0], list | tuple)
    words = tuple(shell_line.word(each) for each in (command[0] if is_list else command))  # type: ignore[attr-defined] # is_list
    if not words or not words[0]:
        raise ValueError("sh needs the name of a program as the first word")
    if not is_list and len(words) > 1 and any(blank in words[0] for blank in " \t\n"):
        raise ValueError(
            f"{words[0]!r} is a line and more words follow: give one shell line, or all words one by one"
            " (a program whose name holds blanks goes into a list)"
        )
    return words, False


def _named(value: Any) -> Any:
    """The same with names in the place of secrets: what is shown and recorded."""
    if isinstance(value, Secret):
        return label(value.name) if value.name else "[secret]"
    return type(value)(_named(each) for each in value) if type(value) in (list, tuple) else value


def _environment(extra: Mapping[str, str | Secret | None] | None) -> dict[str, str]:
    merged: dict[str, str] = dict(os.environ)
    for name, value in (extra or {}).items():
        merged.pop(name, None)
        if value is not None:
            merged[name] = shell_line.word(value)
    return merged


def _folder(cwd: str | os.PathLike[str] | None) -> str:
    folder = Path.cwd() if cwd is None else Path(cwd).absolute()
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "no such folder to work in", str(folder))
    return str(folder)


def _bytes(data: str | bytes | Secret | None) -> bytes | None:
    data = data.reveal() if isinstance(data, Secret) else data
    if data is not None and not isinstance(data, str | bytes):
        raise TypeError(f"input takes text or bytes, not {type(data).__name__}")
    return data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data


def _identity(ran: Ran, number: int) -> dict[str, Any]:
    room, argv = _ARGV_CHARACTERS, []
    for each in ran.argv:
        argv.append(each if len(each) <= room else f"{shortened(each, room)}…")
        room -= len(argv[-1])
        if room <= 0:
            break
    return {"id": number, "argv": argv, "shell": ran.is_line, "cwd": ran.cwd}


def _tell_start(ran: Ran, number: int, pid: int) -> None:
    identity = {"pid": pid, "started": started(pid), "began": ran.began}
    protocol.tell("sh-started", {**_identity(ran, number), **identity}, words=f"$ {ran.command}")


def _tell_end(ran: Ran, number: int, words: str) -> None:
    record = {
        **_identity(ran, number),
        "dry_run": ran.dry_run,
        "began": ran.began,
        "ended": ran.ended,
        "ms": round(ran.seconds * 1000),
        "code": None if ran.dry_run else ran.code,
        "timed_out": ran.timed_out,
        "interrupted": ran.interrupted,
        "transport": ran.transport,
        "held": ran.held,
        "stdout": ran.out.record(),
        "stderr": ran.err.record(),
    }
    protocol.tell("sh", record, words=words)


def _words(ran: Ran) -> str:
    """How it ended, in one phrase."""
    if ran.dry_run:
        return "not run: this is a dry run"
    took = f"after {ran.seconds:.1f} s"
    if ran.interrupted:
        return f"interrupted {took}"
    if ran.timed_out:
        return f"ended by its time limit {took}"
    if ran.transport:
        return f"ssh did not get through, or was cut off (255) {took}: the command there may have run"
    if ran.code < 0:
        try:
            return f"ended by {signal.Signals(-ran.code).name} {took}"
        except ValueError:
            return f"ended by signal {-ran.code} {took}"
    return f"ended with {ran.code} {took}"


def _program(argv: tuple[str, ...], is_line: bool) -> str:
    """The program of a plain command; nothing for a line that is more than one command."""
    if not is_line:
        return Path(argv[0]).name
    if any(character in argv[0] for character in "|&;\n`$("):
        return ""
    return Path(argv[0].split(maxsplit=1)[0]).name


def _whole(capture: Capture, name: str) -> bytes:
    data = capture.whole()
    if data is None:
        raise ValueError(
            f"{name} was {capture.size} bytes, and {KEPT_BYTES} are kept: let the command write to a file"
        )
    return data


def _next() -> int:
    global _count
    _count += 1
    return _count


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _nowhere(text: str) -> None:
    """For a command that wrote nothing."""
