"""Ping-pong: another program that undoes what we write, over and over, and its likely cause. Pure.

Two signs, both only of rounds in which we wrote something: a side goes back to what it said two rounds before
(three times within ten seconds), or there is no end of writing (twenty times within ten seconds, which no
person types).
"""

import re
from collections import deque

_WINDOW_SECONDS = 10.0
_FLIPS = 3
_WRITES = 20
_REST_SECONDS = 60.0

_FORMATS = re.compile(r"^#? *formats *: *['\"]?([^'\"\n]+)", re.MULTILINE)


class PingPong:
    """What was written to which pair, lately. A clock is given, in seconds that only grow."""

    def __init__(self) -> None:
        self._rounds: dict[str, deque[tuple[float, tuple[str | None, str | None]]]] = {}
        self._stopped: dict[str, float] = {}

    def wrote(self, name: str, state: tuple[str | None, str | None], *, now: float) -> bool:
        """We wrote to this pair, and both sides now have these digests. True when that must stop."""
        rounds = self._rounds.setdefault(name, deque(maxlen=_WRITES))
        rounds.append((now, state))
        recent = [each for at, each in rounds if now - at <= _WINDOW_SECONDS]
        flips = sum(
            recent[index] == recent[index - 2] != recent[index - 1] for index in range(2, len(recent))
        )
        if flips < _FLIPS and len(recent) < _WRITES:
            return False
        self._stopped[name] = now
        del self._rounds[name]
        return True

    def is_stopped(self, name: str, *, now: float, happened: bool) -> bool:
        """Whether to leave this pair alone: for a minute, counted anew when something `happened` to it."""
        since = self._stopped.get(name)
        if since is None:
            return False
        if now - since >= _REST_SECONDS:
            del self._stopped[name]
            return False
        if happened:
            self._stopped[name] = now
        return True

    @property
    def stopped(self) -> tuple[str, ...]:
        return tuple(sorted(self._stopped))


def jupytext_formats(text: str) -> str | None:
    """What the front matter says of jupytext's own pairing (`formats: ipynb,py:percent`); None without one.

    `formats: py:percent` alone names one file, and is no pairing.
    """
    if not text.startswith(("# ---", "\ufeff# ---", "#!")):
        return None
    end = text.find("\n# ---", 5)
    found = _FORMATS.search(text, 0, end if end > 0 else 0)
    return found[1].strip() if found and "ipynb" in found[1] else None


def likely_cause(*, formats: str | None, config: str | None) -> str:
    """Who probably writes against us, in words."""
    if formats is not None:
        return f"jupytext pairs these files too (`formats: {formats}` in the header)"
    if config is not None:
        return f"jupytext pairs these files too ({config})"
    return "a formatter on save, or a Jupytext extension of VS Code or JupyterLab"
