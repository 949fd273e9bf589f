"""What a run does next, as values: `conduct` decides them, the supervisor carries them out. Pure data."""

from typing import Literal

import msgspec

from runbook.execution.questions import Choice, Question

EndReason = Literal["done", "failed", "stopped", "kernel-died"]


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A source that somebody wrote in the place of the reviewed one, and why."""

    source: str
    words: str
    by: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Send the step to the kernel, for this one attempt as `edit` has it. `by`: a person, or `text` when the
    text asks for another attempt."""

    step: str
    attempt: int
    by: str
    edit: Edit | None = None


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Write the question down and wait for an answer."""

    question: Question


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """A question that was answered before the run: write both down, wait for nobody."""

    question: Question
    choice: Choice
    how: Literal["approval", "default"]


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    step: str
    reason: str
    words: str


class Attest(msgspec.Struct, frozen=True, kw_only=True):
    """A manual step was done, or was not (`done` False)."""

    step: str
    done: bool
    by: str
    words: str


class Note(msgspec.Struct, frozen=True, kw_only=True):
    step: str
    by: str
    words: str


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The run is over; what has no state stays pending."""

    reason: EndReason


Action = Run | Ask | Settle | Skip | Attest | Note | End
