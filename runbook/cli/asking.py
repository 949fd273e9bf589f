"""Asking a person one thing at the terminal. Whoever asks has made sure that there is one.

Not typer's prompts: there Ctrl-C and a closed terminal end with code 1, which says "findings" here.
"""

from runbook.errors import DeclinedError
from runbook.evidence import inert


def line(prompt: str) -> str:
    """What they type behind `prompt`, without the line's end. Raises DeclinedError when they hang up;
    Ctrl-C stays a KeyboardInterrupt."""
    try:
        return input(f"{inert.line(prompt)} ")
    except EOFError as error:
        raise DeclinedError("nobody answered, so nothing was done") from error


def is_agreed(question: str) -> bool:
    """Whether they say yes. Anything but yes or no is asked again; Enter alone is no."""
    while True:
        typed = line(f"{question} [y/N]:").strip().lower()
        if typed in ("y", "yes"):
            return True
        if typed in ("", "n", "no"):
            return False
