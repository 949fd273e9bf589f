"""Limits: how much a step, and an execution, may say before the rest is only counted. Pure: no I/O, no clock.

Files stay bounded whatever a step prints. What is not kept is counted and hashed, and a `truncated` event
says so; nothing is ever left out silently. A step that has reached its limit says no more, so that the
journal never holds a tail without its middle; what decides its state (`VITAL`) has a reserve of its own.
"""

import hashlib

import msgspec

STEP_BYTES = 64 << 20
"""Content of one step's messages that is kept: 64 MiB. (50 MB of text from one step are kept whole.)"""
STEP_MESSAGES = 1_000_000
"""Messages of one step that are kept."""
EXECUTION_BYTES = 512 << 20
"""Content of all messages of one execution that is kept: 512 MiB."""
EXECUTION_MESSAGES = 4_000_000
RESERVE_BYTES = 8 << 20
"""What `VITAL` messages of one step may take beyond the limits."""
VITAL = frozenset(
    {
        "status",
        "execute_input",
        "execute_reply",
        "runbook_reply",  # the reply as our kernel's bootstrap repeats it into the spool
        "error",
        "input_request",
        "shutdown_reply",
    }
)
"""Messages that are kept when the limit is reached: they say how the step went."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    step_bytes: int = STEP_BYTES
    step_messages: int = STEP_MESSAGES
    execution_bytes: int = EXECUTION_BYTES
    execution_messages: int = EXECUTION_MESSAGES
    reserve_bytes: int = RESERVE_BYTES


class Truncated(msgspec.Struct, frozen=True, kw_only=True):
    """What the `truncated` event says. `sha256` (hex) is over the contents that were dropped, one after the
    other, each behind its length (8 bytes, big-endian)."""

    step: str | None
    limit: str  # "step" or "execution"
    dropped: int  # messages
    bytes: int
    sha256: str

    @property
    def payload(self) -> dict[str, object]:
        return msgspec.structs.asdict(self)


class _Dropped:
    def __init__(self, limit: str) -> None:
        self.limit = limit
        self.count = 0
        self.bytes = 0
        self.hash = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self.count += 1
        self.bytes += len(data)
        self.hash.update(len(data).to_bytes(8, "big"))
        self.hash.update(data)


class OutputLimit:
    """Says of each message whether it is kept. One per execution; the journal's writer asks it.

    `admit` before the event is written; `settle` when a step ends (and before the seal) gives the event that
    says what was dropped.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._bytes: dict[str | None, int] = {}
        self._messages: dict[str | None, int] = {}
        self._reserve: dict[str | None, int] = {}
        self._all_bytes = 0
        self._all_messages = 0
        self._dropped: dict[str | None, _Dropped] = {}

    def begin(self, step: str) -> None:
        """A new attempt of `step` starts, with an allowance of its own.

        Call `settle` for the last one before.
        """
        for counted in (self._bytes, self._messages, self._reserve):
            counted.pop(step, None)

    def admit(self, step: str | None, kind: str, data: bytes) -> bool:
        """Whether this message is kept. `kind` is its type, `data` its content
        (`messages.weighed`).

        False means: dropped, counted and hashed here, and not to be written.
        """
        limit = self._limit_reached(step, len(data))
        if limit is None:
            self._count(step, len(data))
            return True
        if kind in VITAL:
            used = self._reserve.get(step, 0) + len(data) + 1  # an empty message takes room too
            if used <= self._limits.reserve_bytes:
                self._reserve[step] = used
                return True
        self._dropped.setdefault(step, _Dropped(limit)).add(data)
        return False

    def is_reached(self, step: str | None) -> bool:
        """Whether something of this step was dropped and not yet told by `settle`."""
        return step in self._dropped

    def settle(self, step: str | None) -> Truncated | None:
        """What was dropped of this step since the last call; None when nothing was."""
        dropped = self._dropped.pop(step, None)
        if dropped is None:
            return None
        self._closed(step)
        return Truncated(
            step=step,
            limit=dropped.limit,
            dropped=dropped.count,
            bytes=dropped.bytes,
            sha256=dropped.hash.hexdigest(),
        )

    def unsettled(self) -> tuple[str | None, ...]:
        """The steps that `settle` still has something to say about."""
        return tuple(self._dropped)

    def _limit_reached(self, step: str | None, size: int) -> str | None:
        limits = self._limits
        if step in self._dropped:
            return self._dropped[step].limit
        if self._all_bytes + size > limits.execution_bytes or self._all_messages >= limits.execution_messages:
            return "execution"
        used, count = self._bytes.get(step, 0), self._messages.get(step, 0)
        if used + size > limits.step_bytes or count >= limits.step_messages:
            return "step"
        return None

    def _count(self, step: str | None, size: int) -> None:
        self._bytes[step] = self._bytes.get(step, 0) + size
        self._messages[step] = self._messages.get(step, 0) + 1
        self._all_bytes += size
        self._all_messages += 1

    def _closed(self, step: str | None) -> None:
        """A step that was cut stays cut: late output can't slip in behind the gap unseen."""
        self._bytes[step] = self._limits.step_bytes
        self._messages[step] = self._limits.step_messages
