"""Consent: whether every step that waits for a yes was let run by somebody. Pure.

What a run asks follows from its plan, so a start tells by itself whether there was a yes to it:
1 What is tagged `confirm` or `danger` never starts without one: somebody's answer, or that of the approval
in an unattended run. 2 Where people are there, nothing else does either, but what is only asked for together
with others: declarations and `setup`, what checks and what undoes, and what comes behind a `go` for as long
as that holds. It holds until an answer for one step alone, an end that is none of the good ones, and whoever
takes the run up. 3 A yes is for one attempt, and is gone with the supervisor that heard it. 4 Without one
only the text repeats a step: where that is `idempotent`, ran as planned, and has attempts left.
"""

from runbook.evidence.events import Event
from runbook.evidence.plan import PlannedStep, PlanRecord
from runbook.evidence.planned import is_guarded

_WELL = frozenset({"succeeded", "deviated"})
_REPEATED = frozenset({"failed", "timed-out"})
_TOGETHER = frozenset({"parameters", "injected-parameters", "setup"})


class Consent:
    """Takes the events in their order. `problems`: line and words for each start that nobody let happen."""

    def __init__(self, plan: PlanRecord) -> None:
        self._steps = {step.name: step for step in plan.steps}
        self._is_attended = plan.kind != "unattended"
        self._is_going = not self._is_attended
        self._asked: Event | None = None
        self._let_run: set[str] = set()
        self._ended: dict[str, str] = {}  # step → how its last attempt did
        self._edited: set[str] = set()  # steps whose last attempt was an edited one
        self.problems: list[tuple[int, str]] = []

    def feed(self, event: Event) -> None:
        """Look at the next event."""
        name = event.text("step")
        match event.kind:
            case "opened" if event.seq or event.payload.get("taken_up") is True:
                self._is_attended, self._is_going = True, False  # who takes a run up is there to be asked
                self._let_run.clear()  # 3
            case "question":
                self._asked = event
            case "answer" if self._asked is not None:
                self._answered(event, self._asked)
            case "declined":
                self._is_going = not self._is_attended
            case "step-started" if name in self._steps:
                self._started(event, self._steps[name])
            case "step-ended":
                self._ended[name] = event.text("state")
                if event.text("state") not in _WELL:
                    self._is_going = not self._is_attended

    def _answered(self, event: Event, asked: Event) -> None:
        choice, step = event.text("choice"), self._steps.get(asked.text("step"))
        if step is None or step.kind != "code":
            return
        if choice in ("skip", "continue"):
            self._let_run.discard(step.name)
        if choice in ("run", "go", "retry") or (choice == "edit" and not _is_typed(asked, step)):
            self._let_run.add(step.name)
            self._is_going = choice == "go" or not self._is_attended

    def _started(self, event: Event, step: PlannedStep) -> None:
        is_repeated = event.text("by") == "text" and self._repeats(step, event.number("attempt"))  # 4
        has_yes, waits = step.name in self._let_run, is_guarded(step)  # 1
        waits = waits or not (self._is_going or _goes_along(step))  # 2
        if waits and not has_yes and not is_repeated:
            self.problems.append((event.seq + 1, f"{step.name!r} was started, and nobody had let it run"))
        self._let_run.discard(step.name)  # 3
        (self._edited.add if "deviation" in event.payload else self._edited.discard)(step.name)

    def _repeats(self, step: PlannedStep, attempt: int) -> bool:
        is_open = "idempotent" in step.tags and step.name not in self._edited
        return is_open and 1 < attempt <= step.retries + 1 and self._ended.get(step.name) in _REPEATED


def _is_typed(asked: Event, step: PlannedStep) -> bool:
    """Whether the step's name is typed to let it run: an edit is not that."""
    return asked.text("asks") == "danger" or (asked.text("asks") == "failed" and "danger" in step.tags)


def _goes_along(step: PlannedStep) -> bool:
    """Whether it can run because something else is wanted."""
    return not _TOGETHER.isdisjoint(step.tags) or step.checks is not None or step.undoes is not None
