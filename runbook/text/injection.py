"""Injection: the given values as a step of their own, right behind the declaration. Pure.

Papermill's conventions (tag, place, replacing an earlier injection), so that its notebooks run here; but
only names that were declared, and only values that are written exactly.
"""

from collections.abc import Sequence

from runbook.text.runbook import Step
from runbook.text.values import Value

TAG = "injected-parameters"


def inject(steps: Sequence[Step], values: Sequence[Value]) -> tuple[Step, ...]:
    """The steps that run: `steps` with one named and tagged `injected-parameters`, and `index` counted anew.

    Only values that were given are written (a default stays where it was reviewed), and never a secret.
    Nothing to write leaves the steps as they are. The injected step's cell has the lines 0.
    """
    raise NotImplementedError
