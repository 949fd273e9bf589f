"""Deviating: whether a step may be run as somebody edited it, and what runs then. Pure.

The terminal that sends an edited source is not believed: everything is decided here again, in the supervisor.
"""

from collections.abc import Callable

import msgspec

from runbook.canonical import Json, hex_digest
from runbook.errors import InputError
from runbook.evidence.events import StepState
from runbook.execution.actions import Run
from runbook.execution.order import is_declaration
from runbook.execution.plan import Plan
from runbook.execution.questions import Answer, Question
from runbook.text.edited import with_source
from runbook.text.runbook import Step


def are_allowed(plan: Plan) -> bool:
    """Whether steps of this run may be edited at all.

    1 Policy allows it, by the trust files the run was permitted by. 2 Somebody is there from the start: never
    in an unattended run. 3 It is no dry run: what is edited may act. 4 The whole text may run, not only what
    undoes and looks.
    """
    return (
        plan.permission.deviations  # 1
        and plan.record.kind == "interactive"  # 2
        and not plan.record.dry_run  # 3
        and plan.permission.scope == "everything"  # 4
    )


def require_fit(
    plan: Plan,
    question: Question | None,
    answer: Answer,
    *,
    holding: Callable[[bytes], str | None] | None = None,
) -> None:
    """Raise InputError when this answer asks for an edit that may not run. `holding` names a secret in bytes.

    1 Steps may be edited here. 2 The step is code, and declares no parameters. 3 The text is one that the
    reader takes, and differs in this step's code alone. 4 No magics where policy refuses them. 5 No secret
    stands in it: it is written down.
    """
    if answer.choice != "edit" or question is None:
        return
    if not are_allowed(plan):  # 1
        raise InputError("steps may not be edited in this run", hint="see `deviations` in the policy")
    source = answer.source or ""
    planned = plan.planned(question.step)
    if is_declaration(planned):  # 2
        raise InputError("the step declares parameters", hint="give values when the run is planned")
    edited = with_source(plan.runbook, planned.name, source).step(planned.name)  # 2, 3
    assert edited is not None
    _require_permitted(plan, edited)  # 4
    secret = None if holding is None else holding(source.encode("utf-8"))
    if secret is not None:  # 5
        raise InputError(f"it holds the secret {secret}", hint="an edited step is written into the journal")


def _require_permitted(plan: Plan, edited: Step) -> None:
    requirements = plan.permission.verdict.requirements
    assert requirements is not None  # there is a permission
    if edited.uses_magics and not requirements.magics:
        raise InputError(
            "it runs magics or shell lines, which the policy refuses here", hint="write sh(…) of runbook.kit"
        )


def step_of(plan: Plan, action: Run) -> Step:
    """What this action runs. An edited step is not what its tags say any more: they were reviewed with
    another text, so it neither merely looks nor undoes."""
    step = plan.step(action.step)
    if action.edit is None:
        return step
    cell = msgspec.structs.replace(step.cell, source=action.edit.source)
    return msgspec.structs.replace(step, cell=cell, tags=(), undoes=None, checks=None)


def state_of(state: StepState, *, is_edited: bool) -> StepState:
    """How an attempt ended: an edited source that succeeded is no success of the reviewed one."""
    return "deviated" if is_edited and state == "succeeded" else state


def told(plan: Plan, action: Run) -> dict[str, Json]:
    """What the start of an attempt says of its source."""
    if action.edit is None:
        return {"source": plan.planned(action.step).source}
    edit = action.edit
    return {
        "source": hex_digest(edit.source.encode("utf-8")),
        "deviation": {"text": edit.source, "words": edit.words, "by": edit.by},
    }
