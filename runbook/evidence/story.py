"""The story of a run while it is written: how its steps stand, and whether the events can be true. Pure.

`verify` examines a journal long after its run. The same examination goes along with the run, so that who runs
it hears at once of a kernel that says what can't be: a step whose code speaks in the kernel's name.
"""

from runbook.errors import EvidenceDamaged
from runbook.evidence.events import Event
from runbook.evidence.examination import Examiner
from runbook.evidence.plan import PlanRecord
from runbook.evidence.states import Progress


class Story:
    """Takes the events of one execution in their order."""

    def __init__(self, plan: PlanRecord, *, plan_digest: str) -> None:
        self.progress = Progress(plan.steps)
        self._examiner = Examiner(plan, plan_digest=plan_digest)

    def feed(self, event: Event) -> None:
        self.progress.feed(event)
        self._examiner.feed(event)

    @property
    def problems(self) -> tuple[tuple[int, str], ...]:
        """The journal's line and the words of each thing that can't be."""
        return tuple(self._examiner.problems)

    def damage(self) -> EvidenceDamaged | None:
        """What to say of a run whose record `verify` will call TAMPERED; None when nothing is wrong."""
        if not self.problems:
            return None
        line, words = self.problems[0]
        return EvidenceDamaged(
            f"the record tells what can't be true: {words}",
            subject="journal.jsonl",
            line=line,
            hint="a step spoke in the kernel's name: read what it runs, and look at what it did yourself",
        )
