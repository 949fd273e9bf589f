"""The program as people call it: a process of its own, with words; or in this process, which is faster."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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


def made_workspace(folder: Path, *people: Key, profile: str = "solo") -> Path:
    """A workspace as `init` makes it, with these people enrolled."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [word for key in people for word in ("--principal", key.principal, "--key", str(key.public))]
    said = program(folder, "init", ".", "--profile", profile, *words, "--yes")
    assert said.code == 0, said.err
    return folder
