"""A terminal as a process of its own, to be killed. Visits the execution named, answers questions with the
words given, one after the other, then waits. Says on standard output what it sees."""

import sys
import time
from pathlib import Path

from runbook.evidence.events import Event
from runbook.execution.questions import Answer, Question
from runbook.execution.session import attach


class Visitor:
    def __init__(self, answers: list[str]) -> None:
        self._answers = answers

    def show(self, event: Event) -> None:
        print("saw", event.kind, event.text("step"), flush=True)

    def ask(self, question: Question, wake: int) -> Answer | None:
        print("asked", question.asks, question.step, flush=True)
        if not self._answers:
            time.sleep(60)
        choice, _, words = self._answers.pop(0).partition(":")
        return Answer(question=question.number, choice=choice, words=words)  # type: ignore[arg-type]  # a test's

    def told(self, message: str) -> None:
        print("told", message, flush=True)


if __name__ == "__main__":
    with attach(Path(sys.argv[1]), who="visitor@here") as session:
        result = session.drive(Visitor(sys.argv[2:]))
        print("ended", result.outcome, flush=True)
