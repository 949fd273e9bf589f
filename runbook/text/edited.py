"""An edited step: one step's code exchanged for another, under all rules of the reader. Pure.

The whole text is read again with the new code in the step's place, so that nothing holds for an edit that
would not hold for a file. Decides nothing about whether a step may be edited.
"""

import difflib

import msgspec

from runbook.errors import InputError
from runbook.text.reader import read
from runbook.text.runbook import Runbook, Step

LIMIT_BYTES = 24 << 10
"""The longest edited source: it goes to the supervisor in one message, and stands in one journal line."""


def with_source(runbook: Runbook, name: str, source: str) -> Runbook:
    """The runbook with this source in the step of this name. Raises InputError, saying why it can't be.

    1 it says something, and is not too long; 2 the reader takes the text with it: characters, syntax, cells;
    3 every other step is what it was, and this one differs in its source alone: no cell begins or ends
    elsewhere, no name, tag or parameter changes.
    """
    step = runbook.step(name)
    if step is None or step.kind != "code":
        raise InputError(f"{name!r} is no code of this text: it can't be edited")
    if not source.strip():  # 1
        raise InputError("nothing is left of the step", hint="skip it instead")
    data = source.encode("utf-8", "surrogatepass")
    if len(data) > LIMIT_BYTES:
        raise InputError(f"an edited step has {LIMIT_BYTES} bytes at most, this one {len(data)}")
    lines = runbook.canonical.split("\n")
    lines[step.cell.source_line - 1 : step.cell.end_line] = source.split("\n")
    reading = read("\n".join(lines).encode("utf-8", "surrogatepass"))  # 2
    if reading.runbook is None:
        first = reading.refusals[0]
        inside = first.line - step.cell.source_line + 1 if first.line else 0
        where = f"line {inside} of the edited step: " if 0 < inside <= source.count("\n") + 1 else ""
        raise InputError(f"{where}{first.message}", hint=first.hint)
    found = reading.runbook
    same = _without_place(found, name) == _without_place(runbook, name)  # 3
    edited = found.step(name)
    if not same or edited is None or edited.cell.source != source or found.parameters != runbook.parameters:
        raise InputError(
            "it changes more than this step's code",
            hint="leave out lines that begin another cell, and empty lines at the end",
        )
    return found


def difference(before: str, after: str) -> str:
    """What changed, line by line, as `diff` shows it, without its file names."""
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), "reviewed", "edited", lineterm="")
    return "\n".join(lines)


def _without_place(runbook: Runbook, name: str) -> list[Step]:
    """The steps without where they stand, and without the code of the one that is edited."""
    return [
        msgspec.structs.replace(
            step,
            cell=msgspec.structs.replace(
                step.cell,
                source="" if step.name == name else step.cell.source,
                line=0,
                source_line=0,
                end_line=0,
                magics=(),
            ),
        )
        for step in runbook.steps
    ]
