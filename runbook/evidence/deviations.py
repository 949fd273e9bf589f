"""Deviations: the steps of a run that ran as somebody edited them, from its journal. Pure.

Whether the journal tells of them in a way that can be true is `examination`'s; here it is asked whether they
were allowed, by what is kept with the run.
"""

import difflib
from collections.abc import Iterator, Sequence

import msgspec

from runbook.approval import policy as policies
from runbook.approval.policy import UNPOLICED, Requirements
from runbook.approval.trusted import Trust
from runbook.errors import InputError
from runbook.evidence.account import Account
from runbook.evidence.events import StepState
from runbook.evidence.plan import PlanRecord
from runbook.text.edited import with_source
from runbook.text.runbook import Runbook


class Deviation(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of an edited step. `by` is what a login claims; `started` the journal's time."""

    step: str
    attempt: int
    state: StepState
    by: str
    words: str
    started: str
    reviewed: str
    edited: str


def deviations_of(account: Account, sources: Sequence[str]) -> tuple[Deviation, ...]:
    """Every edited attempt, in the order of the text. `sources`: of the plan's steps, as reviewed."""
    return tuple(
        Deviation(
            step=step.planned.name,
            attempt=told.attempt.number,
            state=told.attempt.state,
            by=told.attempt.by,
            words=told.attempt.edited_for,
            started=told.attempt.started,
            reviewed=source,
            edited=told.attempt.edited,
        )
        for step, source in zip(account.steps, sources, strict=True)
        for told in step.attempts
        if told.attempt.edited is not None
    )


def recheck(
    found: Sequence[Deviation], runbook: Runbook, plan: PlanRecord, trust: Trust
) -> Iterator[tuple[str, str]]:
    """What was not allowed: the step and why. `trust`: the files kept with the run.

    1 The policy let steps be edited, in this environment. 2 Each edited source is one that the reader takes
    in its step's place, and changes nothing else. 3 It runs magics only where the policy lets it.
    """
    requirements = _requirements(plan, trust)
    for one in found:
        if requirements is None or not requirements.deviations:  # 1
            yield one.step, "was edited, and the policy kept with the run refuses that"
            continue
        try:
            edited = with_source(runbook, one.step, one.edited).step(one.step)  # 2
        except InputError as error:
            yield one.step, f"was edited to what could not run: {error.message}"
            continue
        if edited is not None and edited.uses_magics and not requirements.magics:  # 3
            yield one.step, "was edited to run magics, which the policy kept with the run refuses"


def _requirements(plan: PlanRecord, trust: Trust) -> Requirements | None:
    if trust.policy is not None:
        return policies.applicable(trust.policy, plan.runbook, plan.environment)
    return UNPOLICED if plan.environment == "scratch" else None


def patch(found: Sequence[Deviation], runbook: Runbook, *, path: str, crlf: bool) -> str:
    """A patch that makes the reviewed text what was run last of each edited step; `git apply` takes it.

    `path` names the text from the workspace, `crlf` says how its lines end. Raises InputError for an edit
    that does not fit the text.
    """
    after = runbook
    for name, source in {one.step: one.edited for one in found}.items():
        after = with_source(after, name, source)
    before, now = (
        _lines(text.replace("\n", "\r\n") if crlf else text) for text in (runbook.canonical, after.canonical)
    )
    lines = difflib.unified_diff(before, now, f"a/{path}", f"b/{path}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(text: str) -> list[str]:
    *lines, last = text.split("\n")
    return [*(f"{line}\n" for line in lines), *([last] if last else [])]
