"""Two executions compared by step: state, source, outputs, parameters. Reads evidence, verifies nothing.

Times, counts and message ids differ between any two runs and are left out. A plan that never ran is compared
too: its steps are pending.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from runbook.canonical import canonical_json, hex_digest
from runbook.evidence.account import Account, StepAccount, Teller
from runbook.evidence.blobs import Blobs
from runbook.evidence.derive import account_of
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.messages import content, output
from runbook.evidence.outputs import Rich, Text
from runbook.evidence.plan import PlannedValue, PlanRecord
from runbook.evidence.plan_file import read_plan
from runbook.evidence.planned_text import planned_sources

What = Literal["run", "parameters", "state", "source", "outputs"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in which two executions differ: of a step, or of the run (`step` None). `diff` is unified,
    without heads; a step that only one of them has differs in all it has."""

    step: str | None
    what: What
    diff: tuple[str, ...]


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    run: Mapping[What, Sequence[str]]
    steps: Mapping[str, Mapping[What, Sequence[str]]]


def executions(first: ExecutionFolder, second: ExecutionFolder) -> tuple[Difference, ...]:
    """What differs, the run's own first, then step by step. Raises EvidenceDamaged."""
    one, other = _told(first), _told(second)
    found = list(_differences(None, one.run, other.run))
    for name in dict.fromkeys((*one.steps, *other.steps)):
        found += _differences(name, one.steps.get(name, {}), other.steps.get(name, {}))
    return tuple(found)


def _differences(
    step: str | None, one: Mapping[What, Sequence[str]], other: Mapping[What, Sequence[str]]
) -> Iterator[Difference]:
    for what in dict.fromkeys((*one, *other)):
        lines = list(difflib.unified_diff(one.get(what, ()), other.get(what, ()), lineterm=""))
        if lines:
            yield Difference(step=step, what=what, diff=tuple(lines[2:]))


def _told(folder: ExecutionFolder) -> _Told:
    plan = read_plan(folder)
    sources = planned_sources(folder, plan)
    blobs = Blobs(folder.blobs)
    if folder.journal.exists():
        account = account_of(folder, plan)
    else:
        account = Teller(plan, blobs).account(alive=False, head="", length=0, torn=0)
    return _Told(
        run={"run": _run(plan, account), "parameters": [_value(value) for value in plan.values]},
        steps={
            step.planned.name: _step(step, source, blobs)
            for step, source in zip(account.steps, sources, strict=True)
        },
    )


def _run(plan: PlanRecord, account: Account) -> list[str]:
    outcome = account.standing.outcome or "at work"
    return [
        f"runbook: {plan.runbook}",
        f"text: {plan.text}",
        f"environment: {plan.environment}",
        f"kind: {plan.kind}{', dry run' if plan.dry_run else ''}",
        f"selection: {' '.join(plan.selection) or 'everything'}",
        f"approvals: {', '.join(each.principal for each in plan.counted) or 'none'}",
        f"outcome: {outcome}",
    ]


def _value(value: PlannedValue) -> str:
    literal = f"(secret, {value.source or value.origin})" if value.literal is None else value.literal
    return f"{value.name}: {value.type_text} = {literal}"


def _step(step: StepAccount, source: str, blobs: Blobs) -> dict[What, Sequence[str]]:
    standing = step.standing
    if standing is None:
        return {"source": source.split("\n")}
    ran = next((each.edited for each in reversed(standing.attempts) if each.edited is not None), source)
    why = f" ({standing.why})" if standing.why else ""
    shown = [
        line for each in step.attempts[-1:] for item in each.outputs.items for line in _shown(item, blobs)
    ]
    return {"state": [f"{standing.state}{why}"], "source": ran.split("\n"), "outputs": shown}


def _shown(item: Text | Rich, blobs: Blobs) -> list[str]:
    """An output as lines: what cannot be read as text by its kind and digest."""
    if isinstance(item, Text):
        middle = f"\n[{item.left_out} characters left out, sha256 {item.sha256}]\n" if item.left_out else ""
        return f"{item.head}{middle}{item.tail}".removesuffix("\n").split("\n")
    made = output(item.kind, content({"content": item.content}, get=blobs.get)) or {}
    if made.get("output_type") == "error":
        return [f"{made.get('ename')}: {made.get('evalue')}"]
    data = made.get("data")
    lines: list[str] = []
    for mime, value in sorted(data.items()) if isinstance(data, dict) else ():
        if mime == "text/plain":
            lines = [*str(value).split("\n"), *lines]
        else:
            lines.append(f"[{mime}, sha256 {hex_digest(canonical_json(value))}]")
    return lines
