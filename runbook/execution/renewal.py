"""The set-up that a kernel lacks: steps that had set the run up in one that is gone. Pure.

Nothing else is restored in a new kernel, and no step that is not `setup` is ever named here.
"""

from collections.abc import Container, Mapping, Sequence

from runbook.evidence.events import StepState
from runbook.evidence.plan import PlannedStep
from runbook.execution.order import sets_up
from runbook.execution.past import Past

_HAS_SET_UP: frozenset[StepState] = frozenset({"succeeded", "deviated"})


class Renewal:
    """Which declarations and `setup` steps the kernel of a run that goes on was never sent, or lost."""

    def __init__(self, steps: Sequence[PlannedStep]) -> None:
        self._set_up = [step.name for step in steps if sets_up(step)]
        self._lacking: set[str] = set()
        self._renewed = False

    def take_up(self, past: Past, *, renewed: bool) -> None:
        """What had set the run up, and not in this kernel. `renewed`: it is new, and was sent nothing."""
        self._renewed = renewed
        self.renew(past.states, but=() if renewed else past.here)

    def renew(self, states: Mapping[str, StepState], *, but: Container[str] = ()) -> None:
        """There is another kernel, which was sent nothing `but` these."""
        self._lacking = {name for name in self._set_up if states.get(name) in _HAS_SET_UP and name not in but}

    def recovered(self, step: str, state: StepState) -> None:
        """The attempt that was open ended so, in the kernel of the last supervisor."""
        if self._renewed and step in self._set_up and state in _HAS_SET_UP:
            self._lacking.add(step)

    def is_done(self, step: str) -> None:
        """The step was dealt with: run, left out, or asked about."""
        self._lacking.discard(step)

    def lacks(self, step: str) -> bool:
        """Whether the step has to run again before others go on."""
        return step in self._lacking

    def __bool__(self) -> bool:
        return bool(self._lacking)

    def is_ready_for(self, step: str, unresolved: Container[str]) -> bool:
        """Whether this kernel has what comes before `step`: what is asked for there can run."""
        return not self._lacking or self.first(unresolved) == step

    def first(self, unresolved: Container[str]) -> str | None:
        """The first set-up step, in the order of the text, that the kernel lacks or that ended badly: what
        comes behind it may build on it."""
        return next((name for name in self._set_up if name in self._lacking or name in unresolved), None)
