"""Confirmations in a journal: whether each was signed by somebody who might. Pure.

Checked against the trust files that the run was begun with, as they lie in `trust/`: an auditor needs nothing
else. That there is one where the plan wants it is the examination's business.
"""

from collections.abc import Callable, Mapping

from runbook.approval.confirmation import Confirmation, require_confirmation
from runbook.approval.policy import applicable
from runbook.approval.trusted import assemble
from runbook.errors import EvidenceDamaged, RunbookError
from runbook.evidence.events import Event, parse_moment
from runbook.evidence.plan import PlanRecord


class Confirmations:
    """Takes the events in their order. `problems`: line and words for each confirmation that is none.
    `trust` gives the run's own trust files, and is asked only where there is something to check."""

    def __init__(self, plan: PlanRecord, *, start: str, trust: Callable[[], Mapping[str, bytes]]) -> None:
        self._plan = plan
        self._start = start  # sha256 (hex) of start.txt
        self._trust = trust
        self.problems: list[tuple[int, str]] = []

    def feed(self, event: Event) -> None:
        """Look at the next event."""
        if event.kind != "confirmed":
            return
        try:
            self._require(event)
        except (RunbookError, ValueError) as error:  # ValueError: a time that is none
            step = event.text("step")
            words = error.message if isinstance(error, RunbookError) else str(error)
            self.problems.append((event.seq + 1, f"the confirmation of {step!r} is none: {words}"))

    def _require(self, event: Event) -> None:
        trust = assemble(self._trust(), described="the run's own", pinned=True)
        assert trust.policy is not None
        rules = applicable(trust.policy, self._plan.runbook, self._plan.environment)
        sources = {step.name: step.source for step in self._plan.steps}
        found = require_confirmation(
            Confirmation(
                workspace=trust.policy.workspace,
                execution=self._plan.id,
                start=self._start,
                step=event.text("step"),
                attempt=event.number("attempt"),
                source=sources.get(event.text("step"), ""),
                principal=event.text("principal"),
            ),
            event.text("signature"),
            trust=trust,
            quotas=() if rules is None else rules.confirm_by,
            operator=None,
            now=parse_moment(event.t),
        )
        if event.text("fingerprint") != found.fingerprint:
            raise EvidenceDamaged(f"it was signed with {found.fingerprint}")
