"""`fmt`: the normal form, where it is not there yet. What it can't mend is reported, not touched."""

from collections.abc import Callable, Sequence

import msgspec

from runbook.canonical import digest
from runbook.errors import RunbookError, TextRefused
from runbook.execution import brought
from runbook.system import files, swap
from runbook.text.filling import with_digest
from runbook.text.lines import LIMIT_BYTES
from runbook.text.normal import normalised
from runbook.text.notebook import second_opinion
from runbook.text.reader import require
from runbook.verbs import names
from runbook.workspace import Surroundings, Workspace


class Formatted(msgspec.Struct, frozen=True, kw_only=True):
    """One runbook. `error`: why it was left alone, or what in it only a person can mend."""

    path: str
    changed: bool
    error: str | None = None


def fmt(
    workspace: Workspace, wanted: Sequence[str], *, write: bool, fill: bool = False, around: Surroundings
) -> tuple[Formatted, ...]:
    """Format these runbooks (none named: all). One that can't be mended does not stop the rest.

    `fill`: the digest of the included files, as they are now, is written into the header too.
    """
    paths = [names.find_runbook(workspace, name, cwd=around.cwd) for name in wanted]

    def filled(text: str) -> str:
        return _filled(workspace, text, around) if fill else text

    return tuple(
        _one(workspace, path, write=write, filled=filled) for path in paths or names.runbooks(workspace)
    )


def _filled(workspace: Workspace, text: str, around: Surroundings) -> str:
    """The text with the digest of its included files. Raises TextRefused where they may not come along."""
    data = text.encode("utf-8")
    runbook = require(data, name="fmt")
    tree = brought.from_workspace(data, workspace=workspace, env=around.env)
    if tree is None:
        return text
    if tree.reasons:
        first = tree.reasons[0]
        raise TextRefused(first.message, reasons=tree.reasons, line=first.line, hint=first.hint)
    return with_digest(runbook, tree.digest)


def _one(workspace: Workspace, path: str, *, write: bool, filled: Callable[[str], str]) -> Formatted:
    try:
        before = files.read_inside(workspace.root, path, limit_bytes=LIMIT_BYTES)
        text = filled(normalised(before))
    except RunbookError as error:
        return Formatted(path=path, changed=False, error=f"{error.message}; {error.hint or 'left as it is'}")
    left = _left(text)
    # A Windows checkout has CRLF line ends and is the same text: they are kept.
    after = (text.replace("\n", "\r\n") if _is_crlf(before) else text).encode("utf-8")
    if after == before:
        return Formatted(path=path, changed=False, error=left)
    if write:
        try:
            swap.replace_if(workspace.root / path, after, expected=digest(before))
        except RunbookError as error:  # a save that crossed ours, a file that is read-only
            return Formatted(path=path, changed=False, error=f"{error.message}; nothing was written")
    return Formatted(path=path, changed=True, error=left)


def _left(text: str) -> str | None:
    """What the normal form still lacks. Raises TextRefused when jupytext reads other cells in it."""
    runbook = require(text.encode("utf-8"), name="fmt")
    reasons = second_opinion(runbook)
    if reasons:
        raise TextRefused(reasons[0].message, reasons=reasons, hint=reasons[0].hint)
    if runbook.is_normal:
        return None
    note = runbook.notes[0]
    return f"line {note.line}: {note.code}: {note.message}; {note.hint}"


def _is_crlf(data: bytes) -> bool:
    return b"\r\n" in data and data.count(b"\n") == data.count(b"\r\n")
