"""Conflict copies: `x.conflict-<UTC>-<hash8>.txt`, for people to read. Pure.

No tool pairs or runs them, and no conflict marker ever stands in a cell. One copy per dispute: the hash is
that of what is disputed.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from runbook.canonical import framed, hex_digest
from runbook.pairing.cells import Cell, plain_of, shown
from runbook.pairing.flow import Flow
from runbook.pairing.merge import Merged

NAME = re.compile(r"(?P<stem>.*)\.conflict-\d{8}T\d{6}Z-(?P<hash>[0-9a-f]{8})\.txt", re.DOTALL)


_NAMED = 3


def dispute_hash(flow: Flow) -> str:
    """Eight digits that are the same as long as the same is disputed."""
    parts = [repr(flow.header_disputed), repr(flow.moved_apart)]
    parts += [repr((slot.base, slot.text, slot.notebook)) for slot in flow.disputed]
    return hex_digest(framed(part.encode("utf-8", "surrogatepass") for part in parts))[:8]


def what_is_disputed(flow: Flow) -> str:
    """`2 cells ("health", "restart") and the front matter`."""
    if flow.moved_apart:
        return "the order of cells"
    named = [shown(cell) for slot in flow.disputed if (cell := slot.text or slot.notebook or slot.base)]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    cells = f"{len(named)} cell{'' if len(named) == 1 else 's'} ({', '.join(named[:_NAMED])}{more})"
    front = ["the front matter"] if flow.header_disputed is not None else []
    return " and ".join([*([cells] if named else []), *front])


def copy_name(name: str, flow: Flow, *, now: datetime) -> str:
    """The copy's path, beside the text."""
    stem = name.removesuffix(".py")
    return f"{stem}.conflict-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{dispute_hash(flow)}.txt"


def copy_text(name: str, notebook_name: str, flow: Flow) -> bytes:
    """What the copy says."""
    lines = [
        f"{name} and {notebook_name} were both changed, and these changes cannot be put together.",
        "Both files keep their own version of what is shown here; all else was merged.",
        "",
        f"    runbook resolve {name} --take text|notebook|both",
        "",
        "or edit either file until both say the same. Every version is kept: runbook versions " + name,
    ]
    if flow.moved_apart:
        lines += ["", "Both sides moved cells, to different places. The order of each side stays as it is."]
    if flow.header_disputed is not None:
        lines += ["", "=" * 78, "the front matter"]
        for title, side in zip(("base", "text", "notebook"), flow.header_disputed, strict=True):
            lines += _block(title, list(side) if side else None)
    for slot in flow.disputed:
        lines += ["", "=" * 78, _title(slot)]
        for title, cell in (("base", slot.base), ("text", slot.text), ("notebook", slot.notebook)):
            lines += _block(title, None if cell is None else _cell(cell))
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _title(slot: Merged) -> str:
    cell = slot.text or slot.notebook or slot.base
    where = [f"cell {slot.text_index + 1} of the text"] if slot.text_index is not None else []
    where += [f"cell {slot.notebook_index + 1} of the notebook"] if slot.notebook_index is not None else []
    return f"{'' if cell is None else shown(cell)} ({', '.join(where)})"


def _cell(cell: Cell) -> list[str]:
    options = [f"{key} = {value!r}" for key, value in plain_of(cell.meta).items()]
    return [f"[{cell.kind}] {', '.join(options)}".rstrip(), *cell.source.split("\n")]


def _block(title: str, lines: Sequence[str] | None) -> list[str]:
    if lines is None:
        return [f"--- {title}: not there"]
    return [f"--- {title}:", *(f"    {line}".rstrip() for line in lines)]
