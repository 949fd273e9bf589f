"""Filling in: the digest of the included files, written into the header's own line. Pure.

Only that line is written; everything else stays byte for byte, but for the approvals, which were for another
text. What was written is read again, and must say what was meant and nothing else.
"""

import msgspec

from runbook.errors import FormatError
from runbook.text.entries import without_entries
from runbook.text.lines import lines_of
from runbook.text.reader import require
from runbook.text.runbook import Includes, Runbook


def with_digest(runbook: Runbook, digest: str) -> str:
    """The canonical text with `digest` as that of its included files; the same text when it has it already.

    Raises FormatError when the header's spelling leaves no safe place for it.
    """
    named = runbook.header.includes
    if named is None or named.digest == digest:
        return runbook.canonical
    text = without_entries(runbook.canonical)
    body = require(text.encode("utf-8"), name="the text without its approvals")
    assert body.header.includes is not None
    lines = lines_of(text)
    written = _replaced(lines, body.header.includes, digest) or _inserted(lines, body.header.includes, digest)
    after = None if written is None else require(written.encode("utf-8"), name="the text with its digest")
    if after is None or written is None or not _is_the_same_but_for(digest, body, after):
        raise FormatError(
            "the digest has no place in this spelling of `includes:`",
            line=named.line,
            hint=f"write `digest: {digest}` under `includes:` by hand",
        )
    return written


def _replaced(lines: list[str], named: Includes, digest: str) -> str | None:
    """With the old digest's own place taken, which is in the lines around `paths:`."""
    if named.digest is None:
        return None
    places = [at for at, line in enumerate(lines) if line.startswith("#") and named.digest in line]
    if not places:
        return None
    nearest = min(places, key=lambda at: abs(at - (named.line - 1)))
    changed = [*lines]
    changed[nearest] = changed[nearest].replace(named.digest, digest, 1)
    return "\n".join(changed) + "\n"


def _inserted(lines: list[str], named: Includes, digest: str) -> str | None:
    """With a line of its own above `paths:`, or inside the braces that hold it."""
    at = named.line - 1
    line = lines[at]
    before, found, rest = line.partition("paths:")
    if not found:
        return None
    if before.strip("# "):  # `includes: {paths: [a]}`
        changed = [f"{before}digest: {digest}, {found}{rest}"]
    else:
        changed = [f"{before}digest: {digest}", line]
    return "\n".join([*lines[:at], *changed, *lines[at + 1 :]]) + "\n"


def _is_the_same_but_for(digest: str, before: Runbook, after: Runbook) -> bool:
    named = after.header.includes
    if named is None or before.header.includes is None:
        return False
    if (named.paths, named.digest) != (before.header.includes.paths, digest):
        return False
    same_header = msgspec.structs.replace(before.header, includes=after.header.includes) == after.header
    cells = [
        [
            (step.name, step.cell.kind, step.cell.title, step.cell.options, step.cell.source)
            for step in each.steps
        ]
        for each in (before, after)
    ]
    return same_header and cells[0] == cells[1]
