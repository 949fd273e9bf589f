"""What `confirm` shows before somebody signs: the run, its values, and the step that waits, whole."""

from runbook.cli import describe, show
from runbook.evidence import inert
from runbook.verbs.confirm import Waiting


def waiting(found: Waiting) -> None:
    """The run's banner, who drives it, and the step's exact source."""
    describe.banner(found.plan)
    show.say(f"  driven by {inert.line(found.plan.operator)}@{inert.line(found.plan.host)}, says the login")
    groups = inert.line(" and of ".join(found.plan.confirm_by))
    again = f" (attempt {found.attempt})" if found.attempt > 1 else ""
    show.painted(f"{inert.line(found.step.name)}{again} waits for somebody of {groups}:", "bold")
    for line in inert.block(found.source).split("\n"):
        show.quoted("    ", line, "dim")
