"""A session: one terminal's visit to a run. It shows what the journal says and carries answers; no more.

What is shown comes from the journal's file, so a slow or dead terminal never holds up the run and nothing is
missed. Losing the session loses nothing: the run goes on, or its question waits for the next visitor.
"""

from pathlib import Path
from types import TracebackType
from typing import Protocol

import msgspec

from runbook.evidence.events import Outcome, StepState
from runbook.execution.questions import Answer, Question


class Event(Protocol):
    """One line of the journal, as `evidence/journal` reads it."""


class Driver(Protocol):
    """Who sits at the session: the command line's terminal, a script in a test."""

    def show(self, event: Event) -> None:
        """One journal event, in order, each exactly once, also those from before this session began."""

    def ask(self, question: Question, wake: int) -> Answer | None:
        """Ask the person. Blocks as long as it takes.

        `wake` is a file descriptor that becomes readable when something else happened meanwhile (somebody
        else answered, the run ended): then return None; you are asked again if the question still stands.
        KeyboardInterrupt leaves the session; the question goes on waiting.
        """

    def told(self, message: str) -> None:
        """One line from the supervisor for this person alone: an answer was not taken, somebody took over."""


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: StepState
    seconds: float | None  # None: never ran


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, read from its journal."""

    execution: Path
    outcome: Outcome
    steps: tuple[StepResult, ...]  # prose is not in it
    sealed: bool


class Session:
    """A connection to the supervisor of one execution, driving or watching. Made by `launch` and `attach`."""

    execution: Path

    def drive(self, driver: Driver) -> Result:
        """Show and ask until the run has ended, then say how.

        Ctrl-C (KeyboardInterrupt) while a step runs interrupts the step; a second one kills what it started;
        the session stays. Ctrl-C inside `driver.ask` leaves the session. Raises UnavailableError when the
        supervisor is gone without an end: then `evidence/states` calls the running step `unknown`.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Leave. The run does not notice."""
        raise NotImplementedError

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def attach(execution: Path, *, who: str, watch: bool = False, take: bool = False) -> Session:
    """Visit a run that lives. `watch` only looks; `take` takes the driving over from another visitor.

    Raises NotFoundError when no supervisor runs there, LockBusy when somebody else drives and not `take`.
    """
    raise NotImplementedError


def command(execution: Path, *, who: str, what: str) -> None:
    """Tell a living run, without visiting it: `stop` (after the step), `stop-now`, `interrupt`, `kill`.

    Raises NotFoundError when no supervisor runs there.
    """
    raise NotImplementedError
