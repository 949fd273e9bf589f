"""The tutorial is true: its commands, run one after the other, say what the page says they say."""

import os
import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import pexpect
import pytest

PAGE = Path(__file__).parents[2] / "docs/tutorial.md"
SHOWN_AS = "/home/you/tutorial"
PROMPTS = ("\r\n  > ", "[y/N]: ")
_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ANSWER = re.compile(r"^  > (\w+)$|\[y/N\]: (\w)$", re.MULTILINE)


class Command(NamedTuple):
    """One `$` line of the page, what is typed at its questions, and what it prints (`…` for anything)."""

    words: str
    answers: tuple[str, ...]
    prints: str


def commands(block: str) -> list[Command]:
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    found = []
    for part in parts:
        words, _, prints = part.partition("\n")
        answers = tuple(first or second for first, second in _ANSWER.findall(prints))
        found.append(Command(words, answers, prints))
    return found


def pattern_of(prints: str) -> str:
    """A line of nothing but `…` is any number of lines, within a line it is any text."""
    lines = [
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r" *\n"
        for line in prints.rstrip("\n").split("\n")
        if prints
    ]
    return "".join(lines)


def played(command: Command, folder: Path, env: dict[str, str], *, code: str) -> str:
    """What the command prints at a terminal. `code`: a file that keeps the shell's `$?` between commands."""
    script = f"(exit $(cat {code})); {command.words}\necho $? > {code}"
    child = pexpect.spawn("/bin/sh", ["-c", script], cwd=str(folder), env=env, encoding="utf-8", timeout=60)
    child.setwinsize(40, 200)
    screen = ""
    for answer in command.answers:
        child.expect_exact(list(PROMPTS))
        screen += f"{child.before}{child.after}"
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    return (screen + str(child.before)).replace("\r\n", "\n").replace(str(folder), SHOWN_AS)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment with `runbook` on its path, for somebody called you."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "runbook").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m runbook "$@"\n')
    (tools / "runbook").chmod(0o755)
    return {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "TERM": "dumb", "COLUMNS": "200"}


def test_every_command_of_the_tutorial_says_what_the_page_says(tmp_path: Path, shell: dict[str, str]) -> None:
    folder = tmp_path / "tutorial"
    folder.mkdir()
    code = tmp_path / "code"
    code.write_text("0")
    for kind, block in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "python":
            path = folder / "runbooks/change_the_configuration.py"
            header = path.read_text().partition("\n# ---\n")[0] + "\n# ---\n"
            path.write_text(f"{header}\n{block}")
            continue
        for command in commands(block):
            screen = played(command, folder, shell, code=str(code))
            assert re.fullmatch(pattern_of(command.prints), screen), f"$ {command.words}\n{screen}"
