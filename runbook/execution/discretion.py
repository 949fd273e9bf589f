"""Discretion: what goes into the journal, without secrets, whoever said it.

The kernel masks what it publishes before it is kept anywhere. Here it is done once more, because a step can
make its kernel say anything; and here alone for what people say. Words that readers go by (names of steps,
choices, states) stay as they are, even where a secret is such a word.
"""

import io
import os
import threading
from collections.abc import Mapping

import msgspec

from runbook.canonical import Json
from runbook.execution.kernel_values import KernelMessage
from runbook.execution.questions import Question
from runbook.kit.masked_messages import masked_buffers, masked_content, masked_value
from runbook.kit.masking import Masks, Stream
from runbook.text.secret import Hidden

_BY_READERS = frozenset(
    {
        *("step", "steps", "choice", "choices", "asks", "state", "outcome", "how", "by", "mode", "reply"),
        *("plan", "source", "sha256", "message", "session", "started", "supervisor", "version", "limit"),
    }
)
_BY_READERS_OF = {"step-skipped": {"reason"}, "kit": {"what"}, "viewer": {"what"}, "agent": {"what"}}
_COUNTED = frozenset({"ms", "pid", "question", "attempt", "index", "number", "returncode", "signal"})
"""Numbers of our own, in which the digits of a short secret stand by chance: masked, the record would tell of
a step that took no time. What the kit tells is the step's."""
_MOST = 1_000_000_000


class Discretion:
    """The secrets of one run, as its supervisor keeps them out of the journal. Counts what it masks.
    `taken_up`: an earlier supervisor began the run and died with a count of its own; this one counts from its
    own beginning, and `total` says so."""

    def __init__(self, secrets: Mapping[str, Hidden], *, taken_up: bool = False) -> None:
        self._taken_up = taken_up
        self._masks = Masks({name: hidden.reveal() for name, hidden in secrets.items()})
        self._claimed: dict[str, int] = {}  # by the kernel
        self._told: dict[str, int] = {}

    def text(self, text: str) -> str:
        return self._masks.mask(text)

    def stream(self) -> Stream:
        """For text that comes in pieces, which may cut a secret in two."""
        return Stream(self._masks)

    def payload(self, kind: str, payload: Mapping[str, Json]) -> dict[str, Json]:
        """The payload of an event of this kind."""
        kept = _BY_READERS | _BY_READERS_OF.get(kind, set())
        ours = frozenset() if kind == "kit" else _COUNTED
        return {
            key: value
            if key in kept or (key in ours and type(value) is int)
            else masked_value(value, self._masks)
            for key, value in payload.items()
        }

    def message(self, message: KernelMessage, claimed: object) -> KernelMessage:
        """A message as the kernel should have sent it; `claimed`: what it says to have masked in it."""
        for name, count in claimed.items() if isinstance(claimed, dict) else ():
            if name in self._masks.names and type(count) is int and 0 < count < _MOST:
                self._claimed[name] = self._claimed.get(name, 0) + count
        return msgspec.structs.replace(
            message,
            type=self._masks.mask(message.type),
            header=masked_value(message.header, self._masks),
            parent=masked_value(message.parent, self._masks),
            metadata=masked_value(message.metadata, self._masks),
            content=masked_content(message.content, self._masks),
            buffers=tuple(masked_buffers(message.buffers, self._masks)) if message.buffers else (),
        )

    def question(self, question: Question | None) -> Question | None:
        """A question for a terminal: its words only."""
        return question and msgspec.structs.replace(question, words=self.text(question.words))

    def holding(self, data: bytes) -> str | None:
        """The name of a secret that stands in these bytes."""
        return self._masks.first_in_bytes(data)

    def counted(self) -> dict[str, int]:
        """How often each secret was masked, here and by the kernel's own word."""
        ours, claimed = self._masks.counts, self._claimed
        return {name: ours.get(name, 0) + claimed.get(name, 0) for name in sorted({*ours, *claimed})}

    def news(self) -> str | None:
        """What was masked since this was asked last, in words; None for nothing."""
        now = self.counted()
        more = {name: count - self._told.get(name, 0) for name, count in now.items()}
        self._told = now
        return _words(more)

    def total(self) -> str:
        """What was masked in the whole run, in words; after a resume, what was masked since then."""
        said = _words(self.counted()) or "nothing was masked"
        if self._taken_up:
            return f"since the run was taken up: {said}; what was masked before stands at its steps"
        return f"in all: {said}"


class DiscreetLog(io.TextIOBase):
    """Standard error whose writers may hold secrets without knowing: tracebacks of ours.

    They write in pieces, which may cut a secret in two: what may be its beginning waits for what comes next.
    A flush does not let it out; `end` does, when nothing comes any more.
    """

    def __init__(self, discretion: Discretion) -> None:
        self._stream = discretion.stream()
        self._turn = threading.RLock()  # threads write, too; and a handler of signals in the midst of it

    def write(self, text: str) -> int:
        with self._turn:
            _put(self._stream.feed(text))
        return len(text)

    def end(self) -> None:
        """Write what still waits."""
        with self._turn:
            _put(self._stream.end())


def _put(text: str) -> None:
    os.write(2, text.encode("utf-8", "backslashreplace"))


def _words(counts: Mapping[str, int]) -> str | None:
    said = [f"{name} {count} {'time' if count == 1 else 'times'}" for name, count in counts.items() if count]
    return f"masked: {', '.join(said)}" if said else None
