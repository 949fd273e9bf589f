"""Injection: the given values as a step of their own, right behind the declaration. Pure.

Papermill's conventions (tag, place, replacing an earlier injection), so that its notebooks run here; but
only names that were declared, and only values that are written exactly.
"""

import keyword
from collections.abc import Sequence

from msgspec.structs import replace

from runbook.text.literals import evaluate
from runbook.text.runbook import Cell, Step
from runbook.text.steps import INJECTED
from runbook.text.values import DEFAULT, Value

TAG = INJECTED
DECLARATION = "parameters"


def inject(steps: Sequence[Step], values: Sequence[Value]) -> tuple[Step, ...]:
    """The steps that run: `steps` with one named and tagged `injected-parameters`, and `index` counted anew.

    Only values that were given are written (a default stays where it was reviewed). Of a secret its name is,
    by which the kit finds what was fetched.
    Nothing to write leaves the steps as they are. The injected step's cell has the lines 0. Raises ValueError
    for values of steps that declare none, and for a name or literal that is not one; `resolve` makes none of
    these.
    """
    lines = [_assignment(value) for value in values if value.origin != DEFAULT]
    if not lines:
        return tuple(steps)
    kept = [step for step in steps if not _was_injected(step)]
    declaration = next((place for place, step in enumerate(kept) if _declares(step)), None)
    if declaration is None:
        raise ValueError("values for steps that declare no parameters")
    kept.insert(declaration + 1, _step("\n".join(["# Parameters", *lines]), {step.name for step in kept}))
    return tuple(replace(step, index=index) for index, step in enumerate(kept))


def _declares(step: Step) -> bool:
    return step.kind == "code" and step.has(DECLARATION)


def _was_injected(step: Step) -> bool:
    return step.kind == "code" and step.has(TAG)


def _assignment(value: Value) -> str:
    # Papermill writes any name it is given as live code; here a name is a name, whoever called.
    if not (value.name.isascii() and value.name.isidentifier()) or keyword.iskeyword(value.name):
        raise ValueError(f"not a parameter's name: {value.name[:60]!r}")
    if value.secret:
        return f'{value.name} = __import__("runbook.kit", fromlist=["secret"]).secret("given:{value.name}")'
    if value.literal is None:
        raise ValueError(f"{value.name} has no literal")
    evaluate(value.literal)  # raises NotLiteral, a ValueError: nothing but a literal is ever written as code
    return f"{value.name} = {value.literal}"


def _step(source: str, taken: set[str]) -> Step:
    name, count = TAG, 1
    while name in taken:
        count += 1
        name = f"{TAG}-{count}"
    cell = Cell(
        kind="code", title="", options=(("tags", (TAG,)),), source=source, line=0, source_line=0, end_line=0
    )
    return Step(
        index=0,
        name=name,
        kind="code",
        title="",
        tags=(TAG,),
        timeout_seconds=None,
        retries=0,
        when=None,
        undoes=None,
        checks=None,
        cell=cell,
    )
