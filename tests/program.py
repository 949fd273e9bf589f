"""The program as people call it: a process of its own, with words; or in this process, which is faster."""

import compileall
import io
import json
import os
import re
import subprocess
import sys
import termios
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest

import runbook
from runbook.cli.main import main
from tests.keys import Key


@dataclass(frozen=True)
class Said:
    """What a call of the program came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of standard output, as JSON."""
        return json.loads(self.out.rstrip("\n").rpartition("\n")[2])


def program(folder: Path, *words: str, **env: str) -> Said:
    """Run the program as a process in `folder`, with no terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "runbook", *words],
        cwd=folder,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def inside(folder: Path, *words: str, **env: str) -> Said:
    """Run the program in this process, as if started in `folder` with no terminal: four times as fast."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        for name, value in env.items():
            patch.setenv(name, value)
        code = main(words)
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return Said(code, *said)


class Caller:
    """Calls the program in this process: for what does not need one of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, folder: Path, *words: str) -> Said:
        with self._monkeypatch.context() as patch:
            patch.chdir(folder)
            self._capsys.readouterr()
            code = main(words)
            said = self._capsys.readouterr()
        return Said(code, said.out, said.err)


def compile_ahead() -> None:
    """Have our modules compiled before files are limited in size: Python would keep half of what it compiles,
    and fail to import that from then on."""
    compileall.compile_dir(Path(runbook.__file__).parent, quiet=2)


def made_workspace(folder: Path, *people: Key, profile: str = "solo") -> Path:
    """A workspace as `init` makes it, with these people enrolled."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [word for key in people for word in ("--principal", key.principal, "--key", str(key.public))]
    said = inside(folder, "init", ".", "--profile", profile, *words, "--yes")
    assert said.code == 0, said.err
    return folder


class Seat:
    """The chair at a real terminal in which the program runs; what it printed so far is `screen`."""

    def __init__(self, folder: Path, *words: str, columns: int = 100, **env: str) -> None:
        self._printed = io.StringIO()
        self._child: pexpect.spawn[str] = pexpect.spawn(
            sys.executable,
            ["-m", "runbook", *words],
            cwd=str(folder),
            env={**os.environ, "TERM": "dumb", "COLUMNS": str(columns), **env},
            encoding="utf-8",
            codec_errors="backslashreplace",
            timeout=90,
            dimensions=(40, columns),
        )
        self._child.logfile_read = self._printed
        self._child.delaybeforesend = None
        self.mode_before = self._mode()
        self.mode_after: list[Any] | None = None  # known once the program has left

    def _mode(self) -> list[Any]:
        """What the terminal does with keys: echo, lines, signals."""
        return termios.tcgetattr(self._child.child_fd)

    @property
    def titles(self) -> list[str]:
        """What the window was called, one after the other (OSC 2)."""
        return re.findall(r"\x1b]2;(.*?)\x07", self.screen)

    @property
    def bells(self) -> int:
        """How often the bell rang: the character that ends a title rings nothing."""
        return re.sub(r"\x1b]2;.*?\x07", "", self.screen).count("\a")

    @property
    def screen(self) -> str:
        return self._printed.getvalue().replace("\r\n", "\n")

    @property
    def pid(self) -> int:
        pid = self._child.pid
        assert isinstance(pid, int)
        return pid

    def sees(self, words: str) -> None:
        """Wait until these words stand on the screen, behind those that were waited for before."""
        try:
            self._child.expect_exact(words.replace("\n", "\r\n"))
        except pexpect.ExceptionPexpect as error:
            raise AssertionError(f"never saw {words!r} in:\n{self.screen}") from error

    def asked(self, question: str, answer: str) -> None:
        """Wait for a question of the run and its menu, and answer."""
        self.sees(question)
        self.sees("\n  > ")
        self._child.sendline(answer)

    def prompted(self, words: str, answer: str) -> None:
        """Wait for words that want an answer on the same line, and give it."""
        self.sees(words)
        self._child.sendline(answer)

    def says(self, answer: str) -> None:
        """Wait until the menu is there again, and answer: what was typed before that may be forgotten."""
        self.sees("\n  > ")
        self._child.sendline(answer)

    def types(self, line: str) -> None:
        self._child.sendline(line)

    def presses_ctrl_c(self) -> None:
        self._child.sendintr()

    def types_end(self) -> None:
        """Ctrl-D: the end of input."""
        self._child.sendeof()

    def hangs_up(self) -> None:
        """Close the terminal, as a lost connection does: all that the program gets is the system's SIGHUP."""
        self._child.ptyproc.fileobj.close()
        until = time.monotonic() + 60
        while self._child.isalive() and time.monotonic() < until:
            time.sleep(0.01)
        self._child.close(force=True)

    def leaves(self) -> int:
        """Wait for the end; the exit code."""
        try:
            self._child.expect(pexpect.EOF)
        except pexpect.ExceptionPexpect as error:
            raise AssertionError(f"it did not end:\n{self.screen}") from error
        self.mode_after = self._mode()
        self._child.close()
        code = self._child.exitstatus
        assert isinstance(code, int), f"ended by signal {self._child.signalstatus}"
        return code
