"""Steps: what the cells mean to people and to a run, and whether their options fit together (DESIGN §4.3).

Pure. Names are derived where none is written, so that every step can be named; whatever would leave a
question open during a run (which step is undone, may this one be repeated?) is refused here.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Literal

from runbook.text import when
from runbook.text.reasons import Reason, reason
from runbook.text.runbook import Cell, Step

NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
MAX_NAME = 64
MAX_TIMEOUT_SECONDS = 7 * 86400
MAX_RETRIES = 20
INJECTED = "injected-parameters"

_HEADING = re.compile(r"^ {0,3}#{1,6} +(.*?) *#*$", re.MULTILINE)
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")


def steps_of(cells: Sequence[Cell]) -> tuple[tuple[Step, ...], list[Reason]]:
    """One step for each cell, and every reason against names, tags and options. Never raises.

    `when` is checked by `require_when`, once the parameters are known.
    """
    reasons: list[Reason] = []
    names = _names(cells, reasons)
    steps = tuple(_step(index, name, cells[index]) for index, name in enumerate(names))
    by_name = {step.name: step for step in reversed(steps)}
    taken: dict[str, set[str]] = {"undoes": set(), "checks": set()}
    declaration: Step | None = None
    for step in steps:
        if not step.cell.options:
            continue
        if step.tags:
            _require_tags(step, reasons)
        if any(key in _RUNNING for key, _ in step.cell.options):
            _require_options(step, reasons)
            _require_target(step, by_name, taken, reasons)
        if step.has("parameters"):
            if declaration is not None:
                found = f"a second step tagged `parameters`; the first is on line {declaration.cell.line}"
                reasons.append(reason("step.tags", step.cell.line, found, "declare all parameters in one"))
            declaration = declaration or step
    return steps, reasons


def require_when(steps: Sequence[Step], known: Collection[str]) -> list[Reason]:
    """Every reason against a `when`; `known` are the parameters that are not secret."""
    reasons = []
    for step in steps:
        problem = None if step.when is None else when.check(step.when, known)
        if problem is not None:
            hint = "compare parameters and literals, like when=\"region == 'eu' and count > 3\""
            reasons.append(reason("step.when", step.cell.line, f"`when` can't be used: {problem}", hint))
    return reasons


def slug(text: str) -> str:
    """Words of a title as a name: lower case, ASCII letters and digits, `-` between; may be empty."""
    found = _NOT_IN_SLUG.sub("-", text.lower()).strip("-")
    return found[:MAX_NAME].rstrip("-")


def _names(cells: Sequence[Cell], reasons: list[Reason]) -> list[str]:
    """Explicit names first: a derived one gives way to them wherever they stand."""
    explicit: dict[int, str] = {}
    lines: dict[str, int] = {}
    for index, cell in enumerate(cells):
        if not cell.options:
            continue
        name = dict(cell.options).get("name")
        if not isinstance(name, str):
            continue
        if name in lines:
            found = f"the name {name!r} is taken by the step on line {lines[name]}"
            reasons.append(reason("step.name", cell.line, found, "give each step a name of its own"))
        elif not NAME.fullmatch(name) or len(name) > MAX_NAME or name == INJECTED:
            found = f"{name!r} can't name a step"
            hint = f"use lower-case letters, digits and single - _ . between them, at most {MAX_NAME}"
            reasons.append(reason("step.name", cell.line, found, hint))
        lines.setdefault(name, cell.line)
        explicit[index] = name
    taken = {*lines, INJECTED}
    last: dict[str, int] = {}
    names = []
    heading = ""
    for index, cell in enumerate(cells):
        own = cell.title
        if cell.kind == "code":
            own = own or heading
        else:
            above = _heading(cell.source)
            own = own or above
            if cell.kind == "markdown":
                heading = above or heading
        if index in explicit:
            names.append(explicit[index])
            continue
        name = _free(slug(own) or f"step-{index + 1}", taken, last)
        taken.add(name)
        names.append(name)
    return names


def _free(wanted: str, taken: set[str], last: dict[str, int]) -> str:
    """`wanted`, or it with the next free number; `last` keeps a thousand equal titles from being counted
    anew each time."""
    if wanted not in taken:
        return wanted
    number = last.get(wanted, 1) + 1
    while f"{wanted}-{number}" in taken:
        number += 1
    last[wanted] = number
    return f"{wanted}-{number}"


def _heading(prose: str) -> str:
    """The last heading in some prose, blocks of code not looked into."""
    if "#" not in prose:
        return ""
    if "```" not in prose and "~~~" not in prose:
        headings = _HEADING.findall(prose)
        return str(headings[-1]) if headings else ""
    found, fenced = "", False
    for line in prose.split("\n"):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        match = None if fenced else _HEADING.fullmatch(line)
        found = match[1] if match else found
    return found


def _step(index: int, name: str, cell: Cell) -> Step:
    kind: Literal["prose", "code", "manual"] = "code" if cell.kind == "code" else "prose"
    options = dict(cell.options)
    tags = options.get("tags", ())
    words = tags if isinstance(tags, tuple) else ()
    if kind == "prose" and "manual" in words:
        kind = "manual"
    return Step(
        index=index,
        name=name,
        kind=kind,
        title=cell.title,
        tags=words,
        timeout_seconds=_number(options.get("timeout")),
        retries=_number(options.get("retries")) or 0,
        when=_word(options.get("when")),
        undoes=_word(options.get("undoes")),
        checks=_word(options.get("checks")),
        cell=cell,
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None


_Rule = tuple[Callable[[Step], bool], str, str]

_TAG_RULES: tuple[_Rule, ...] = (
    (
        lambda step: step.has("manual") and step.kind == "code",
        "`manual` is for prose: what a person does and attests",
        "write the step as `# %% [markdown]`, or take the tag off",
    ),
    (
        lambda step: step.has("parameters") and step.kind != "code",
        "`parameters` is for code",
        "take the tag off, or declare the parameters in a code cell",
    ),
    (
        lambda step: step.has("frozen") and (step.has("parameters") or step.has("setup")),
        "`frozen` never runs; `parameters` and `setup` always run",
        "take one of the tags off",
    ),
    (
        lambda step: step.has("read-only") and step.has("danger"),
        "`read-only` and `danger` on one step: does it change something or not?",
        "take one of the tags off",
    ),
    (
        lambda step: step.has("parameters") and (step.has("confirm") or step.has("danger")),
        "`parameters` always runs, without a question",
        "take the other tag off",
    ),
)

_RUNNING = ("timeout", "retries", "when", "undoes", "checks")
_ALWAYS = "a step that always runs, or never by itself, can't have a `when`"
_OPTION_RULES: tuple[_Rule, ...] = (
    (
        lambda step: step.kind == "prose" and any(key in dict(step.cell.options) for key in _RUNNING),
        "prose does not run, so `timeout`, `retries`, `when`, `undoes` and `checks` mean nothing on it",
        'take the option off, or tag the step `manual` (tags=["manual"])',
    ),
    (
        lambda step: (
            step.kind == "manual"
            and (step.timeout_seconds is not None or step.retries != 0 or step.checks is not None)
        ),
        "a manual step is done by a person: `timeout`, `retries` and `checks` mean nothing on it",
        "take the option off",
    ),
    (
        lambda step: step.timeout_seconds is not None and not 0 < step.timeout_seconds <= MAX_TIMEOUT_SECONDS,
        f"`timeout` is not between 1 and {MAX_TIMEOUT_SECONDS} seconds",
        "give seconds, or leave it out",
    ),
    (
        lambda step: "retries" in dict(step.cell.options) and not 0 < step.retries <= MAX_RETRIES,
        f"`retries` is not between 1 and {MAX_RETRIES}",
        "give how often it may be tried again, or leave it out",
    ),
    (
        lambda step: step.retries > 0 and not step.has("idempotent"),
        "`retries` on a step that is not tagged `idempotent`: nothing else may be repeated by itself",
        'add the tag (tags=["idempotent"]) if it may, or take `retries` off',
    ),
    (
        lambda step: step.undoes is not None and step.checks is not None,
        "`undoes` and `checks` on one step",
        "make two steps of it",
    ),
    (
        lambda step: (
            step.when is not None
            and (step.has("setup") or step.has("parameters") or bool(step.undoes or step.checks))
        ),
        _ALWAYS,
        "take the `when` off",
    ),
    (
        lambda step: (step.has("parameters") or step.has("setup")) and bool(step.undoes or step.checks),
        "`parameters` and `setup` always run; `undoes` and `checks` run only with their step",
        "make two steps of it",
    ),
)


def _require_tags(step: Step, reasons: list[Reason]) -> None:
    for is_wrong, found, hint in _TAG_RULES:
        if is_wrong(step):
            reasons.append(reason("step.tags", step.cell.line, found, hint))


def _require_options(step: Step, reasons: list[Reason]) -> None:
    for is_wrong, found, hint in _OPTION_RULES:
        if is_wrong(step):
            code = "step.when" if found is _ALWAYS else "step.option"
            reasons.append(reason(code, step.cell.line, found, hint))


def _require_target(
    step: Step, by_name: dict[str, Step], taken: dict[str, set[str]], reasons: list[Reason]
) -> None:
    """`undoes` and `checks` name one other step that runs, and no step is named so twice."""
    for key, name in (("undoes", step.undoes), ("checks", step.checks)):
        if name is None:
            continue
        target = by_name.get(name)
        problem = None
        if target is None:
            problem = f"there is no step {name!r}"
        elif target is step:
            problem = "it names itself"
        elif target.kind == "prose" or target.has("parameters") or target.has("frozen"):
            problem = f"{name!r} is not a step that does something"
        elif target.undoes is not None or target.checks is not None:
            problem = f"{name!r} itself undoes or checks another step"
        elif name in taken[key]:
            problem = f"another step already {key} {name!r}"
        taken[key].add(name)
        if problem is not None:
            hint = f"name the step that it {key}, as `name=` says it"
            reasons.append(reason(f"step.{key}", step.cell.line, f"`{key}`: {problem}", hint))
