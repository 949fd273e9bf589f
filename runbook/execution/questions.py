"""Questions and answers: what a run asks a person, and what may be said to it. Pure data.

A question waits until somebody answers it; it never answers itself (DESIGN §7.2). Whether an answer fits is
decided by `conduct`, never by the terminal that sends it.
"""

from typing import Literal

import msgspec

Asks = Literal["start", "confirm", "danger", "second", "manual", "failed", "held", "input", "password"]
"""Why a question is asked: before a step, before a `confirm` or `danger` step, for a manual step, after a
step that did not succeed, before one that may not run any more, or because a step reads from the operator:
`password` is what nobody but the step may see, so its answer's words are written nowhere."""

Choice = Literal[
    "run",  # run this step, then ask again before the next one
    "go",  # run this step and all after it up to the next question that must be asked
    "skip",  # leave this step out; words say why
    "retry",  # run the step that did not succeed once more
    "edit",  # run an edited step in its place: a deviation
    "undo",  # run the step that undoes what ran; `step` says which
    "check",  # run the step that says whether the one that did not succeed took effect
    "continue",  # leave the step as it ended and go on behind it; words say why
    "done",  # a manual step was done; words say how
    "decline",  # a manual step was not done; words say why
    "note",  # write words into the journal and ask again
    "say",  # what a step that asked gets; recorded like every answer, but for a `password`
    "stop",  # end the run here; words may say why
]

WORDED: frozenset[Choice] = frozenset({"skip", "continue", "decline", "note", "edit"})
"""The choices that are nothing without words."""


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question. `number` counts from 1 in an execution; `words` is one plain line for people.

    `typed`: what has to be typed as the answer's words for choice `run` (a `danger` step's name), else None.
    `undo`: the steps that choice `undo` may name, the latest first; `check`: those that `check` may name.
    """

    number: int
    step: str
    asks: Asks
    choices: tuple[Choice, ...]
    words: str
    typed: str | None = None
    undo: tuple[str, ...] = ()
    check: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was said to question `question`. `step` names the step for `undo` and `check` (None: the first
    one offered); `source` is what `edit` runs in its place. Who said it is added by the supervisor, from the
    connection."""

    question: int
    choice: Choice
    words: str = ""
    step: str | None = None
    source: str | None = None
