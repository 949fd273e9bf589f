"""Asking: which answers each kind of question takes, its words, and whether an answer fits. Pure."""

from runbook.errors import InputError
from runbook.evidence.events import StepState
from runbook.evidence.plan import PlannedStep
from runbook.execution.questions import WORDED, Answer, Asks, Choice, Question

CHOICES: dict[Asks, tuple[Choice, ...]] = {
    "start": ("run", "go", "skip", "edit", "undo", "note", "stop"),
    "confirm": ("run", "go", "skip", "edit", "undo", "note", "stop"),
    "danger": ("run", "go", "skip", "edit", "undo", "note", "stop"),
    "second": ("skip", "undo", "note", "stop"),
    "manual": ("done", "decline", "skip", "undo", "note", "stop"),
    "failed": ("retry", "edit", "continue", "check", "undo", "note", "stop"),
    "held": ("run", "skip", "undo", "note", "stop"),
    "input": ("say",),
    "password": ("say",),
}


def guard_of(step: PlannedStep) -> Asks | None:
    """What is asked before the step in every attended run, by its tags."""
    return "danger" if "danger" in step.tags else "confirm" if "confirm" in step.tags else None


def require_fit(question: Question, answer: Answer) -> None:
    """Raise InputError when the answer is not one that the question takes."""
    if answer.choice not in question.choices:
        raise InputError(f"{answer.choice!r} is no answer here", hint=f"say {', '.join(question.choices)}")
    words = answer.words.strip()
    if question.typed is not None and answer.choice in ("run", "go", "retry") and words != question.typed:
        raise InputError("the name that was typed is not the step's", hint=f"type {question.typed} to run it")
    if answer.choice in WORDED and not words:
        raise InputError(f"{answer.choice!r} needs a reason in words")
    if (answer.choice == "edit") != (answer.source is not None):
        raise InputError("an edited step goes with `edit`, and with nothing else")
    offered = question.undo if answer.choice == "undo" else question.check
    if answer.choice in ("undo", "check") and answer.step is not None and answer.step not in offered:
        raise InputError(f"{answer.step!r} is not offered here", hint=f"say {', '.join(offered)}")


def words_of(step: PlannedStep, asks: Asks, state: StepState | None) -> str:
    """The question in one plain line."""
    match asks:
        case "start":
            return f"Run {step.name}?"
        case "confirm":
            return f"{step.name} wants to be confirmed. Run it?"
        case "danger":
            return f"{step.name} is dangerous. Type its name to run it."
        case "second":
            return f"{step.name} waits for somebody else's `runbook confirm`."
        case "manual":
            return f"{step.name} is done by a person. Was it done?"
        case "failed" if state == "kernel-died":
            return f"{step.name}: kernel-died. What comes next runs in a new kernel. What now?"
        case "failed":
            return f"{step.name}: {state}. What now?"
        case "held":
            return f"{step.name} may not run as things stand. What now?"
        case "input" | "password":
            return f"{step.name} asks:"
