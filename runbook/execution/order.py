"""The order in which a run goes through its steps, and which of them belong to which. Pure."""

from collections.abc import Iterable, Sequence

from runbook.evidence.plan import PlannedStep


def is_declaration(step: PlannedStep) -> bool:
    """Whether the step only gives parameters their values: it always runs and nobody is asked."""
    return "parameters" in step.tags or "injected-parameters" in step.tags


def sets_up(step: PlannedStep) -> bool:
    """Whether a kernel that did not run the step is not ready for the others."""
    return is_declaration(step) or "setup" in step.tags


def ordered(steps: Sequence[PlannedStep], *, undo: Sequence[str] = ()) -> tuple[PlannedStep, ...]:
    """The steps by position, without those that undo, and each `checks` step right after what it checks.

    `undo`: the steps that this run is there for, in their order, behind the others (which are declarations
    and `setup`, or skipped).
    """
    names = {step.name for step in steps}
    found: list[PlannedStep] = []
    for step in steps:
        if step.undoes is not None or step.checks in names:
            continue
        found.append(step)
        found += [other for other in steps if other.checks == step.name and other.undoes is None]
    for name in undo:
        found += [step for step in steps if step.name == name]
        found += [step for step in steps if step.checks == name]
    return tuple(found)


def undoing(steps: Iterable[PlannedStep], ran: Sequence[str]) -> tuple[str, ...]:
    """The `undoes` steps of what ran (in that order) and was not undone since, the latest first."""
    every = tuple(steps)
    return tuple(
        step.name for name in reversed(ran) for step in every if step.undoes == name and step.why != "frozen"
    )


def checking(steps: Iterable[PlannedStep], checked: str) -> tuple[str, ...]:
    """The steps that say whether `checked` took effect."""
    return tuple(step.name for step in steps if step.checks == checked and step.why != "frozen")
