"""Findings: everything the reader says of a text, and what it leaves to the author's judgement. Pure.

jupytext's second opinion is not asked here (importing it takes longer than all the rest): whoever wants it
asks `text/notebook` and puts the answer through `as_findings`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from runbook.text.includes import Tree, problems
from runbook.text.lint_code import Note, code_notes
from runbook.text.lint_imports import undeclared_inside
from runbook.text.reader import read
from runbook.text.reasons import Reason
from runbook.text.runbook import Runbook


class Advice(msgspec.Struct, frozen=True):
    """One row of the table: what a finding means, and what to do."""

    meaning: str
    hint: str


CODES: dict[str, Advice] = {
    "code.dynamic": Advice(
        "code that runs what is not written in the text",
        "write what is to run into the step; `sh(...)` of runbook.kit for commands",
    ),
    "code.fetch": Advice(
        "something is fetched and run at once",
        "fetch it, compare its digest with one that stands in the text, then run it",
    ),
    "comment.command": Advice(
        "a comment that other tools run: jupytext with its defaults, or IPython",
        "put a word in front of it; here it is never run",
    ),
    "header.no-owner": Advice(
        "nobody is named who looks after the runbook", "write `owner:` under `runbook:`"
    ),
    "header.no-title": Advice("the runbook has no title", "write `title:` under `runbook:`"),
    "import.neighbour": Advice(
        "an import of a file that does not come along with this text",
        "name the file under `includes:`, or write what is needed into the runbook",
    ),
    "pair.conflict": Advice(
        "text and notebook say two things, and nobody decided yet",
        "runbook resolve NAME --take text|notebook|both",
    ),
    "parameter.overwritten": Advice(
        "a parameter is set again behind its declaration, so that a given value is lost",
        "give the new value another name",
    ),
    "parameter.shadows": Advice("a parameter hides a name of Python's", "rename it"),
    "parameter.unused": Advice("a parameter that nothing reads", "use it, or delete it"),
    "secret.piece": Advice(
        "a piece of a secret is cut off, which nothing masks: only a whole secret of 4 characters or more is",
        "keep the pieces out of what is printed, or make each a secret of its own",
    ),
    "secret.printed": Advice("a secret is printed", "leave it out of what is printed"),
    "secret.written": Advice(
        "something that looks like a secret stands in the text, and in its history from then on",
        'declare a parameter `name: Secret = secret("env:NAME")`, and replace this secret: it is known now',
    ),
    "step.checks-above": Advice(
        "a step with `checks` that stands above the step it checks, and runs below it",
        "put it right behind the step that it checks: that is when it runs",
    ),
    "step.no-undo": Advice(
        "a step tagged `danger` that no other step undoes",
        'add a step with undoes="NAME", or say in prose how it is put back',
    ),
    "step.unnamed": Advice(
        "a step that has only a number, which changes when another step is put before it",
        'give it a title, or name="…"',
    ),
    "text.mixed-scripts": Advice(
        "a word mixes letters of two alphabets that look alike", "write it in one alphabet"
    ),
}
"""Every finding that is advice. The reader's own are in `reasons.CODES`."""

# Latin with Cyrillic or Greek in one word: `раypal`. Other mixtures (CJK) are ordinary.
_MIXED = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[\u0370-\u03ff\u0400-\u052f])\w+\b")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that lint found. `degree` says what follows: `refused` runs nowhere, `not-normal` can't be
    approved, `finding` is advice. `code` is stable; `line` is None for the file as a whole."""

    code: str
    degree: Literal["refused", "not-normal", "finding"]
    path: str
    line: int | None
    message: str
    hint: str


def lint(
    data: bytes, *, path: str, neighbours: Mapping[str, str] | None = None, tree: Tree | None = None
) -> tuple[Finding, ...]:
    """All findings about one text, in the order of its lines. Never raises.

    `neighbours` are the names of the workspace's modules that do not come along, and where they are; `tree`
    are the files that do. A text that is refused has the reader's findings only: what its cells are is not
    certain.
    """
    reading = read(data)
    found = list(as_findings(reading.reasons, path=path))
    if reading.runbook is not None and reading.runbook.header.includes is not None and tree is not None:
        found += as_findings(problems(reading.runbook.header.includes, tree), path=path)
    if reading.runbook is not None:
        for note in dict.fromkeys(_notes(reading.runbook, neighbours or {}, tree)):
            found.append(
                Finding(
                    code=note.code,
                    degree="finding",
                    path=path,
                    line=note.line or None,
                    message=note.message,
                    hint=CODES[note.code].hint,
                )
            )
    return tuple(sorted(found, key=lambda finding: (finding.line or 0, finding.code)))


def as_findings(reasons: Iterable[Reason], *, path: str) -> tuple[Finding, ...]:
    """The reader's or jupytext's reasons as findings about the file `path`."""
    return tuple(
        Finding(
            code=reason.code,
            degree="refused" if reason.degree == "refused" else "not-normal",
            path=path,
            line=reason.line,
            message=reason.message,
            hint=reason.hint,
        )
        for reason in reasons
    )


def _notes(runbook: Runbook, neighbours: Mapping[str, str], tree: Tree | None) -> Iterator[Note]:
    if runbook.header.title is None:
        yield Note("header.no-title", 0, "the header has no title")
    if runbook.header.owner is None:
        yield Note("header.no-owner", 0, "the header names no owner")
    yield from _steps(runbook)
    yield from code_notes(runbook, neighbours)
    if tree is not None and runbook.header.includes is not None:
        for words in undeclared_inside(tree, neighbours):
            yield Note("import.neighbour", runbook.header.includes.line, words)
    for number, line in enumerate(runbook.canonical.split("\n"), 1):
        if not line.isascii():
            for word in _MIXED.findall(line):
                yield Note("text.mixed-scripts", number, f"the word {word[:60]!a} mixes alphabets")


def _steps(runbook: Runbook) -> Iterator[Note]:
    undone = {step.undoes for step in runbook.steps}
    seen: set[str] = set()
    for step in runbook.steps:
        if step.checks is not None and step.checks not in seen:
            yield Note("step.checks-above", step.cell.line, f"it runs right after {step.checks}, not here")
        seen.add(step.name)
        if step.has("danger") and step.name not in undone and step.undoes is None:
            yield Note("step.no-undo", step.cell.line, f"nothing undoes the step {step.name}")
        if step.kind != "prose" and step.name == f"step-{step.index + 1}" and not step.has("parameters"):
            yield Note("step.unnamed", step.cell.line, f"the step has only the number {step.index + 1}")
