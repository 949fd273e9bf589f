"""The values of the text room: what a runbook is once it has been read. Pure data, frozen.

A `Runbook` that exists is valid: nobody downstream checks it again. It is made by `text/reader` only.
"""

from datetime import datetime
from typing import Literal

import msgspec

from runbook.text.reasons import Degree, Reason

Option = str | int | tuple[str, ...]
"""The value of a cell option: `name="x"` is text, `timeout=60` a number, `tags=[…]` a tuple of text."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One approval as it stands in the header (DESIGN §5.1). `signature` is canonical base64, one line."""

    role: Literal["approver", "breakglass"]
    principal: str
    environments: tuple[str, ...]  # sorted, distinct
    allows: Literal["interactive", "unattended"]
    parameters: str | None  # None: declared; else "exact:sha256:<hex>"
    text: str  # "sha256:<hex>"
    issued: datetime
    expires: datetime
    signature: str


class Includes(msgspec.Struct, frozen=True, kw_only=True):
    """Files and globs a runbook brings along, and the one digest of the tree they name (`text/includes`).
    `line` is that of `paths:` in the text."""

    paths: tuple[str, ...]
    digest: str | None
    line: int = 0


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The front matter. `kernel` is the kernelspec's name, `formats` jupytext's pairing."""

    title: str | None = None
    description: str | None = None
    owner: str | None = None
    environments: tuple[str, ...] = ()  # empty: not limited by the text
    env: tuple[str, ...] = ()
    agent: bool = False
    includes: Includes | None = None
    kernel: str = "python3"
    language: str = "python"
    formats: str | None = None
    approvals: tuple[Entry, ...] = ()


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell as written. `source` is what the notebook holds: prose without its `# `, no final newline.

    `line` is the marker's 1-based line (the first source line for a cell without a marker), `source_line`
    the line of the source's first line, `end_line` the last line that belongs to it. `magics` are the lines
    that IPython runs and Python can't (`%magic`, `!command`, `%%cell`, `name?`): live code, where policy
    allows them.
    """

    kind: Literal["code", "markdown", "raw"]
    title: str
    options: tuple[tuple[str, Option], ...]  # in the order written
    source: str
    line: int
    source_line: int
    end_line: int
    magics: tuple[int, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One cell as people see it (DESIGN §4.3). `index` counts all cells from 0."""

    index: int
    name: str
    kind: Literal["prose", "code", "manual"]
    title: str
    tags: tuple[str, ...]
    timeout_seconds: int | None
    retries: int
    when: str | None
    undoes: str | None
    checks: str | None
    cell: Cell

    def has(self, tag: str) -> bool:
        return tag in self.tags

    @property
    def uses_magics(self) -> bool:
        return bool(self.cell.magics)


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One declared parameter (DESIGN §4.4).

    `type_text` is the annotation in its normal spelling (or told from a plain default: `str`, `int`, …) and
    is what `text/values` converts by; empty when nothing tells the type, and then no value can be given.
    `default_source` is the default as written; None means required. `derived`: the default is computed by the
    text, so nobody knows its value before the step has run.
    """

    name: str
    type_text: str
    default_source: str | None
    help: str
    line: int
    secret: bool
    derived: bool = False


class Runbook(msgspec.Struct, frozen=True, kw_only=True):
    """A text that was read whole and not refused.

    `canonical`: the text with LF line ends. `body`: the same with the `approvals:` block taken out.
    `text`: `sha256:` of the body, what approvals are about. `steps_digest`: `sha256:` of what would run.
    `notes`: the reasons, if any, why it is not in normal form.
    """

    canonical: str
    body: str
    text: str
    steps_digest: str
    header: Header
    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...]
    notes: tuple[Reason, ...]

    @property
    def title(self) -> str:
        """The header's title, else the first heading, else the first step's title."""
        return self.header.title or next(filter(None, map(_heading, self.steps)), "Untitled")

    @property
    def is_normal(self) -> bool:
        return not self.notes

    @property
    def uses_magics(self) -> bool:
        return any(step.uses_magics for step in self.steps)

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What the strict reader says of some bytes: the runbook, or every reason why there is none.

    `reasons` holds both degrees in the order of their lines; `runbook` is None as soon as one refuses.
    """

    runbook: Runbook | None
    reasons: tuple[Reason, ...]

    @property
    def refusals(self) -> tuple[Reason, ...]:
        return tuple(reason for reason in self.reasons if reason.degree is Degree.REFUSED)


def _heading(step: Step) -> str:
    """The first heading in a prose step; the title of another one."""
    if step.cell.kind != "markdown":
        return step.title
    lines = (line.lstrip("#") for line in step.cell.source.split("\n") if line.startswith("#"))
    return next((line.strip() for line in lines if line.startswith(" ")), step.title)
