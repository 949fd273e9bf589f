"""Masking: secrets taken out of text that comes in pieces of any size. Pure; standard library only.

1. Whatever the pieces, what comes out is what comes out of the whole: a possible beginning is held back.
2. Forms that overlap are one mask: of none of them a rest is left.
3. What was let out because nothing came for long is remembered: when the rest comes, that is masked.
4. A mask that is masked again stays as it is, whatever the secrets are.

Runs in the kernel's process and in the supervisor's. The time is linear in the text. Forms of `_LONG`
characters and more are found by their blocks: each such form that stands anywhere holds a whole block at a
multiple of `_BLOCK`, and one look-up asks for all of them; shorter ones are searched for by their beginnings.
"""

import copy
import re
from collections.abc import Iterable, Mapping

from runbook.kit.forms import SHORTEST, forms

_ANY_PIECE = "[secret]"
_BLOCK = 8
_LONG = 2 * _BLOCK - 1  # characters that hold a whole block wherever they begin


def label(name: str) -> str:
    """What stands where a secret stood."""
    return f"[secret:{name}]"


class Masks:
    """The secrets of one run, by name, ready to be looked for. Its repr says nothing of them.

    `counts` grows with every mask that is made with it, by the name of the secret.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        named: dict[str, str | None] = {}
        for name in sorted(secrets):
            for form in forms(secrets[name]):
                named.setdefault(form, name)
        for name in secrets:
            named[label(name)] = None  # (4)
        self.names = {name for name in named.values() if name is not None}
        self.counts: dict[str, int] = {}
        self.longest = max((len(form) for form in named), default=0)
        self._labels = named
        self._by_start: dict[str, list[str]] = {}
        for form in sorted(named, key=len, reverse=True):
            self._by_start.setdefault(form[:SHORTEST], []).append(form)
        self._beginnings = frozenset(form[:size] for form in named for size in range(1, SHORTEST))
        self._starts = re.compile(_alternatives({f[:SHORTEST] for f in named if len(f) < _LONG}))
        self._blocks = frozenset(
            f[at : at + _BLOCK] for f in named if len(f) >= _LONG for at in range(_BLOCK)
        )

    def __repr__(self) -> str:
        return f"<masks for {len(self.names)} secrets>"

    def mask(self, text: str) -> str:
        """`text` without secrets."""
        if not self.places(text):
            return text
        stream = Stream(self)
        return stream.feed(text) + stream.end()

    def mask_piece(self, text: str, *, cut_before: bool = False, cut_after: bool = False) -> str:
        """As `mask`, for a piece of something longer: what is left of a secret at a cut goes, too."""
        rest = ""
        if cut_before:
            size = self._cut_off(text)
            text, rest = text[size:], _ANY_PIECE if size else ""
        stream = Stream(self)
        shown = rest + stream.feed(text)
        held = stream.held
        return shown + (_ANY_PIECE if cut_after and held >= SHORTEST else stream.end())

    def first_in(self, text: str) -> str | None:
        """The name of the first secret that stands in `text`; None when there is none."""
        for place in self.places(text):
            form, _ = self.look(text, place)
            if form is not None and self._labels[form] is not None:
                return self._labels[form]
        return None

    def first_in_bytes(self, data: bytes) -> str | None:
        """As `first_in`, for bytes of whatever kind."""
        return self.first_in(data.decode("latin-1"))

    def uncounted(self) -> "Masks":
        """The same secrets, for a look whose masks nobody will see."""
        made = copy.copy(self)
        made.counts = {}
        return made

    def count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def look(self, text: str, place: int) -> tuple[str | None, bool]:
        """The longest form that stands at `place`, and whether `text` ends within a longer one."""
        room = len(text) - place
        is_beginning = False
        for form in self._by_start.get(text[place : place + SHORTEST], ()):
            if len(form) <= room:
                if text.startswith(form, place):
                    return form, is_beginning
            elif form.startswith(text[place:]):
                is_beginning = True
        return None, is_beginning

    def places(self, text: str) -> list[int]:
        """Where a form may stand, or begin and be cut off by the end of `text`; in order."""
        last = len(text) - SHORTEST
        found: set[int] = set()
        for at in [at for at in range(0, len(text), _BLOCK) if text[at : at + _BLOCK] in self._blocks]:
            found.update(range(max(0, at - _BLOCK + 1), min(at, last) + 1))
        found.update(range(max(0, len(text) - _LONG), last + 1))  # too near to the end for a whole block
        found = {place for place in found if text[place : place + SHORTEST] in self._by_start}
        match = self._starts.search(text)
        while match is not None:
            found.add(match.start())
            match = self._starts.search(text, match.start() + 1)
        return sorted(found)

    def beginning(self, text: str, place: int) -> int:
        """The place in the last characters of `text`, not before `place`, where a form may begin that is too
        short to be told yet; the length of `text` when there is none."""
        for start in range(max(place, len(text) - SHORTEST + 1), len(text)):
            if text[start:] in self._beginnings:
                return start
        return len(text)

    def said(self, form: str) -> str:
        """What stands instead of `form`; counted, unless it is a mask itself."""
        name = self._labels[form]
        if name is None:
            return form
        self.count(name)
        return label(name)

    def _cut_off(self, text: str) -> int:
        """How many characters at the beginning of `text` are the end of a form."""
        longest, start = 0, text[:SHORTEST]
        if len(start) < SHORTEST:
            return 0
        for form, name in self._labels.items():
            place = form.find(start, 1)
            while name is not None and place > 0:
                if text.startswith(form[place:]):
                    longest = max(longest, len(form) - place)
                place = form.find(start, place + 1)
        return longest


class Stream:
    """Text that comes in pieces. What `feed`, `quiet` and `end` return, put together, is the masked text."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks
        self._rest = ""  # what was held back, or let out and remembered
        self._told = 0  # how much of it was let out or masked
        self._covered = 0  # how much of it lies under the last mask
        self._last_covered = 0

    @property
    def held(self) -> int:
        """How many characters wait for what comes next."""
        return len(self._rest) - self._told

    def feed(self, text: str) -> str:
        """Take the next piece; returns what can be shown of all that came."""
        return self._through(self._rest + text, is_all=False)

    def quiet(self) -> str:
        """Nothing came for long: let out what is held back, and remember it (3)."""
        rest = self._rest
        shown = self._through(rest, is_all=True)
        self._rest, self._told, self._covered = rest, len(rest), self._last_covered
        return shown

    def end(self) -> str:
        """Nothing comes any more: what was held back."""
        return self._through(self._rest, is_all=True)

    def _through(self, text: str, *, is_all: bool) -> str:
        masks = self._masks
        shown: list[str] = []
        at, covered = self._told, self._covered
        held = len(text)
        for place in masks.places(text):
            form, is_beginning = masks.look(text, place)
            if is_beginning and not is_all:
                held = place  # (1)
                break
            if form is not None:
                end = place + len(form)
                if place >= covered and end > at:
                    shown += [text[at:place], masks.said(form)]
                    covered = end
                elif place < covered:  # (2)
                    covered = max(covered, end)
                at = max(at, end)
        if held == len(text) and not is_all:
            held = masks.beginning(text, 0)
        self._last_covered = covered
        if held > at:
            shown.append(text[at:held])
        self._rest = text[held:]
        self._told, self._covered = max(0, at - held), max(0, covered - held)
        return "".join(shown)


def _alternatives(starts: Iterable[str]) -> str:
    """A pattern for any of these beginnings; grouped by their first character, which the search skips by."""
    groups: dict[str, list[str]] = {}
    for start in sorted(starts):
        groups.setdefault(start[0], []).append(re.escape(start[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in groups.items()) or "(?!)"
