"""Asking a person one thing at the terminal. Whoever asks has made sure that there is one.

Not typer's prompts: there Ctrl-C and a closed terminal end with code 1, which says "findings" here. Not
Python's `input` and `getpass` either: a Ctrl-C that comes between their words and their read is noticed only
behind the read, which is never when nobody types any more.
"""

import select
import sys
from typing import TextIO

from runbook.cli import show
from runbook.cli.hidden import Echo
from runbook.errors import DeclinedError

_CTRL_C_SECONDS = 0.3


def line(prompt: str) -> str:
    """What they type behind `prompt`, without the line's end. Raises DeclinedError when they hang up;
    Ctrl-C stays a KeyboardInterrupt."""
    sys.stdout.write(f"{show.fitted(prompt, sys.stdout)} ")
    sys.stdout.flush()
    if sys.stdin.isatty():
        wait(sys.stdin)
    typed = sys.stdin.readline()
    if not typed:
        raise DeclinedError("nobody answered, so nothing was done")
    return typed.removesuffix("\n")


def unseen(prompt: str) -> str:
    """The same, and what they type is not shown."""
    echo = Echo(sys.stdin)
    echo.off()
    try:
        return line(prompt)
    finally:
        echo.on()


def wait(source: TextIO, *others: int) -> list[TextIO | int]:
    """Until a line, or something of `others`, can be read; which of them. Ctrl-C is heard whenever it comes:
    one right before a wait would be handled only behind it, so no wait is long."""
    wanted: list[TextIO | int] = [source, *others]
    ready: list[TextIO | int] = []
    while not ready:
        ready = select.select(wanted, [], [], _CTRL_C_SECONDS)[0]
    return ready


def is_agreed(question: str) -> bool:
    """Whether they say yes. Anything but yes or no is asked again; Enter alone is no."""
    while True:
        typed = line(f"{question} [y/N]:").strip().lower()
        if typed in ("y", "yes"):
            return True
        if typed in ("", "n", "no"):
            return False
