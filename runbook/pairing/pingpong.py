"""Ping-pong: another program that undoes what we write, over and over, and its likely cause. Pure.

What counts is that the side which we wrote is changed by somebody else right afterwards. Within ten seconds:
three times back to what both sides said two rounds before, or thirty times to anything. A person who edits
one side, back and forth and as fast as they like, never crosses us.
"""

import re
from collections import deque

import msgspec

_WINDOW_SECONDS = 10.0
_FLIPS = 3
_CROSSED = 30
_REST_SECONDS = 60.0

_FORMATS = re.compile(r"^#? *formats *: *['\"]?([^'\"\n]+)", re.MULTILINE)


class Round(msgspec.Struct, frozen=True):
    """One round in which we wrote: both sides' digests afterwards, the sides (`text`, `notebook`) that others
    had changed, and those that we wrote."""

    at: float
    state: tuple[str | None, str | None]
    changed: frozenset[str]
    wrote: frozenset[str]


class PingPong:
    """What was written to which pair, lately. A clock is given, in seconds that only grow."""

    def __init__(self) -> None:
        self._rounds: dict[str, deque[Round]] = {}
        self._stopped: dict[str, float] = {}

    def wrote(self, name: str, this: Round) -> bool:
        """Remember a round of this pair. True when that must stop."""
        rounds = self._rounds.setdefault(name, deque(maxlen=2 * _CROSSED))
        rounds.append(this)
        recent = [each for each in rounds if this.at - each.at <= _WINDOW_SECONDS]
        crossed = [
            index for index in range(1, len(recent)) if recent[index].changed & recent[index - 1].wrote
        ]
        flips = sum(
            index > 1 and recent[index].state == recent[index - 2].state != recent[index - 1].state
            for index in crossed
        )
        if flips < _FLIPS and len(crossed) < _CROSSED:
            return False
        self._stopped[name] = this.at
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
