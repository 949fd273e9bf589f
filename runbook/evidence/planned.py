"""What the plan says before the start: which steps will run, with which values, on which approvals. Pure
(DESIGN §7.3).

Everything that can be known beforehand is decided here, so that what will be skipped is said first, and so
that the same plan read back says the same: to who runs it, and to who checks what ran.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from runbook.approval.verdict import Counted
from runbook.canonical import hex_digest
from runbook.errors import FormatError, InputError, NotFoundError, RefusedError, UsageError
from runbook.evidence.plan import CountedApproval, PlannedStep, PlannedValue
from runbook.instants import stamp
from runbook.text import when
from runbook.text.injection import DECLARATION, TAG
from runbook.text.runbook import Step
from runbook.text.values import Value


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which steps were picked. Parameters and `setup` always run; empty picks everything."""

    only: tuple[str, ...] = ()
    start: str | None = None  # --from
    end: str | None = None  # --to
    tags: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()  # the steps that undo what execution `of` did, in this order; nothing else
    of: str | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """As it was said on the command line, for the record."""
        words = [f"--only {name}" for name in self.only]
        words += [f"--from {self.start}"] if self.start else []
        words += [f"--to {self.end}"] if self.end else []
        words += [f"--tags {tag}" for tag in self.tags]
        words += [f"--undo {name}" for name in self.undo]
        return (*words, *([f"--of {self.of}"] if self.of else []))


def selection_from(words: Sequence[str], *, name: str) -> Selection:
    """A selection as it was said and written down in `name`. Raises FormatError for words that nobody could
    have said."""
    only: list[str] = []
    tags: list[str] = []
    undo: list[str] = []
    start = end = of = None
    for said in words:
        match said.split(" ", 1):
            case ["--only", step]:
                only.append(step)
            case ["--tags", tag]:
                tags.append(tag)
            case ["--from", step]:
                start = step
            case ["--to", step]:
                end = step
            case ["--undo", step]:
                undo.append(step)
            case ["--of", execution]:
                of = execution
            case _:
                raise FormatError(f"{said!r} is no selection", subject=name)
    return Selection(only=tuple(only), start=start, end=end, tags=tuple(tags), undo=tuple(undo), of=of)


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How the steps are going to be run. `names`: what a `when` may ask about, with its value."""

    unattended: bool
    dry_run: bool
    selection: Selection
    names: Mapping[str, object]


def planned_value(one: Value) -> PlannedValue:
    """A value as the plan has it: of a secret where it is, and never what."""
    return PlannedValue(
        name=one.name,
        type_text=one.type_text,
        literal=one.literal,
        origin=one.origin,
        source=str(one.value) if one.secret else None,
    )


def planned_approval(one: Counted) -> CountedApproval:
    """An approval that counted, as the plan has it."""
    return CountedApproval(
        principal=one.principal,
        approval=one.approval,
        fingerprint=one.fingerprint,
        issued=stamp(one.issued),
        expires=stamp(one.expires),
    )


def planned_steps(
    steps: Sequence[Step], manner: Manner, *, path: str | None = None
) -> tuple[PlannedStep, ...]:
    """Each step, prose included, with what will become of it. `path`: what messages call the runbook.

    Raises InputError where no step runs, NotFoundError for a selected step or tag that is not there,
    UsageError for a range that is empty, RefusedError for manual steps in an unattended run.
    """
    if all(step.kind == "prose" for step in steps):
        raise InputError(
            "there is nothing to run in it: it has no step but prose",
            subject=path,
            hint="write a step below a line `# %% What it does`",
        )
    selected = _selected(steps, manner.selection)
    planned = tuple(_planned(step, manner, selected) for step in steps)
    planned = _settle_checks(planned)
    if manner.unattended:
        _require_nobody_needed(planned)
    return planned


def _planned(step: Step, manner: Manner, selected: frozenset[str]) -> PlannedStep:
    will, why = _future(step, manner, selected)
    return PlannedStep(
        index=step.index,
        name=step.name,
        kind=step.kind,
        title=step.title,
        tags=step.tags,
        timeout_seconds=step.timeout_seconds,
        retries=step.retries,
        when=step.when,
        undoes=step.undoes,
        checks=step.checks,
        source=hex_digest(step.cell.source.encode("utf-8")),
        line=step.cell.line or None,
        will=will,
        why=why,
    )


Will = Literal["run", "skip", "ask", "show"]


def _future(step: Step, manner: Manner, selected: frozenset[str]) -> tuple[Will, str]:
    """What will become of a step, and why: the first that holds."""
    if step.kind == "prose":
        return "show", ""
    declares = step.has(DECLARATION) or step.has(TAG)
    if step.has("frozen"):
        return "skip", "frozen"
    if step.undoes is not None and step.name not in manner.selection.undo:
        return "skip", "undo"
    if step.undoes is not None:
        return "ask", "undo"
    if step.name not in selected:
        return "skip", "selection"
    if step.when is not None and not when.evaluate(step.when, manner.names):
        return "skip", "when"
    if manner.dry_run and not (declares or step.has("read-only")):
        return "skip", "dry-run"
    if step.kind == "manual":
        return "ask", "manual"
    for tag in ("danger", "confirm"):
        if step.has(tag):
            return ("run" if manner.unattended else "ask"), tag
    return "run", ""


def _selected(steps: Sequence[Step], selection: Selection) -> frozenset[str]:
    runnable = [step for step in steps if step.kind != "prose"]
    names = [step.name for step in runnable]
    picked = set(names) & (set(selection.undo) or set(names))
    wanted = [
        name
        for name in (*selection.only, selection.start, selection.end, *selection.undo)
        if name is not None
    ]
    for name in wanted:
        _require_known(name, names)
    for step in runnable:
        if step.undoes is not None and step.name in selection.only:
            raise UsageError(
                f"{step.name} undoes {step.undoes}: it never runs by itself",
                hint=f"it is offered once {step.undoes} has run",
            )
    if selection.only:
        picked &= set(selection.only)
    if selection.start is not None:
        picked &= set(names[names.index(selection.start) :])
    if selection.end is not None:
        picked &= set(names[: names.index(selection.end) + 1])
    if selection.tags:
        _require_tags(selection.tags, runnable)
        picked &= {step.name for step in runnable if set(step.tags) & set(selection.tags)}
    if not picked:
        raise UsageError("this selection leaves no step", subject=", ".join(selection.said))
    # What says whether a step took effect goes with it.
    picked |= {step.name for step in runnable if step.checks in picked}
    return frozenset(picked | {step.name for step in runnable if _always_runs(step)})


def _always_runs(step: Step) -> bool:
    return step.has(DECLARATION) or step.has(TAG) or step.has("setup")


def _require_known(name: str, names: Sequence[str]) -> None:
    if name not in names:
        close = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names)}"
        raise NotFoundError("no step of this runbook has this name", subject=name, hint=hint)


def _require_tags(tags: Sequence[str], steps: Sequence[Step]) -> None:
    known = sorted({tag for step in steps for tag in step.tags})
    for tag in tags:
        if tag not in known:
            hint = f"there are: {', '.join(known)}" if known else "its steps have no tags"
            raise NotFoundError("no step of this runbook has this tag", subject=tag, hint=hint)


def _settle_checks(planned: tuple[PlannedStep, ...]) -> tuple[PlannedStep, ...]:
    """A step that was left out has no effect to check, unless a person picked the check alone."""
    moot = {
        step.name for step in planned if step.will == "skip" and step.why in ("when", "dry-run", "frozen")
    }
    return tuple(
        msgspec.structs.replace(step, will="skip", why="checks")
        if step.checks in moot and step.will in ("run", "ask")
        else step
        for step in planned
    )


def _require_nobody_needed(planned: Sequence[PlannedStep]) -> None:
    manual = [step.name for step in planned if step.kind == "manual" and step.will == "ask"]
    if manual:
        raise RefusedError(
            f"nobody is there to do its manual steps: {', '.join(manual)}",
            hint="run it without --unattended",
        )


def is_guarded(step: PlannedStep) -> bool:
    """Whether a step asks before it runs, so that a rule can want somebody else's answer."""
    return step.kind == "code" and not {"confirm", "danger"}.isdisjoint(step.tags)
