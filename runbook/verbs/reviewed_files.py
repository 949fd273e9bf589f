"""Included files as a reviewer sees them: whole, and what changed since the last approved text.

Decides nothing.

The bytes that were approved come from git's history, or from an execution that ran with them; they are taken
for those only by their digest. Where they are not to be had, that is said.
"""

import difflib
import unicodedata
from collections.abc import Mapping
from typing import Literal

import msgspec

from runbook.errors import RunbookError, TextRefused
from runbook.evidence.folder import executions_below
from runbook.evidence.included import read_kept
from runbook.evidence.plan_file import read_plan
from runbook.execution import brought, earlier
from runbook.text.includes import Change, Included, Tree, changes, problems, tree_digest
from runbook.text.reader import read
from runbook.text.runbook import Includes, Runbook
from runbook.verbs.names import Opened
from runbook.workspace import Workspace

_EXECUTIONS = 50
"""How many executions are looked through for the approved bytes."""


class ReviewedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One included file. `state`: beside the approved files, `unknown` where those are not to be had.
    `facts`: bits, size, digest. `lines`: the whole text; empty for what is no text, and for what is gone."""

    path: str
    state: Literal["unknown", "new", "changed", "same", "gone"]
    facts: str
    lines: tuple[str, ...] = ()
    difference: tuple[str, ...] = ()
    unusual: tuple[tuple[int, str], ...] = ()


class ReviewedFiles(msgspec.Struct, frozen=True, kw_only=True):
    """All of them. `since`: what they are compared with, or why they are not."""

    files: tuple[ReviewedFile, ...]
    digest: str
    since: str


def files_of(
    opened: Opened,
    runbook: Runbook,
    approved: str | None,
    *,
    workspace: Workspace,
    env: Mapping[str, str],
) -> ReviewedFiles | None:
    """The files that the runbook brings along; None for one that brings none. `approved`: the text without
    approvals that was approved last.

    Raises TextRefused for files that may not come along, or are not those of the header's digest.
    """
    named = runbook.header.includes
    if named is None:
        return None
    tree = opened.includes or brought.from_workspace(opened.data, workspace=workspace, env=env)
    assert tree is not None
    against = problems(named, tree)
    if against:
        first = against[0]
        raise TextRefused(
            first.message, reasons=against, subject=opened.path, line=first.line, hint=first.hint
        )
    before, since = _before(named, approved, workspace=workspace, env=env)
    return ReviewedFiles(files=_compared(before, tree), digest=tree.digest, since=since)


def _before(
    named: Includes, approved: str | None, *, workspace: Workspace, env: Mapping[str, str]
) -> tuple[Tree | None, str]:
    if approved is None:
        return None, "there is no approved text to compare with"
    runbook = read(approved.encode("utf-8")).runbook
    old = None if runbook is None else runbook.header.includes
    if old is None or old.digest is None:
        return Tree(files=()), "the approved text brought no files along: they are all new"
    tree = earlier.tree_of(old, workspace=workspace, env=env) or _from_executions(workspace, old.digest)
    if tree is None:
        return None, (
            "what changed can't be said: the files of the approved text are neither in git's history nor in "
            f"an execution ({old.digest})"
        )
    return tree, f"compared with the files of the approved text, {old.digest}"


def _from_executions(workspace: Workspace, digest: str) -> Tree | None:
    """The bytes that an execution was planned with, if its files have this digest."""
    for folder in executions_below(workspace.executions)[-_EXECUTIONS:][::-1]:
        try:
            planned = read_plan(folder).includes
            if tree_digest((each.path, each.executable, each.sha256) for each in planned) == digest:
                return read_kept(folder, planned)
        except RunbookError:
            continue  # damaged, or of another version: no help, and no obstacle
    return None


def _compared(before: Tree | None, after: Tree) -> tuple[ReviewedFile, ...]:
    changed: dict[str, Change] = {}
    if before is not None:
        changed = {each.path: each for each in changes(before, after)}
    found = [_file(each, changed.get(each.path), is_known=before is not None) for each in after.files]
    gone = [
        ReviewedFile(path=each.path, state="gone", facts="no longer comes along")
        for each in changed.values()
        if each.after is None
    ]
    return tuple(sorted([*found, *gone], key=lambda each: each.path))


def _file(file: Included, change: Change | None, *, is_known: bool) -> ReviewedFile:
    bits = "executable, " if file.executable else ""
    text = "" if file.is_text else "no text, "
    facts = f"{text}{bits}{len(file.data)} bytes, sha256:{file.sha256}"
    lines = _lines(file) if file.is_text else ()
    unusual = _unusual(lines)
    if not is_known or change is None:
        state: Literal["same", "unknown"] = "same" if is_known else "unknown"
        return ReviewedFile(path=file.path, state=state, facts=facts, lines=lines, unusual=unusual)
    old = change.before
    if old is None:
        return ReviewedFile(path=file.path, state="new", facts=facts, lines=lines, unusual=unusual)
    if old.executable != file.executable:
        facts += ", was executable" if old.executable else ", was not executable"
    difference: tuple[str, ...] = ()
    if old.is_text and file.is_text:
        difference = tuple(difflib.unified_diff(_lines(old), lines, "approved", "now", lineterm=""))
    return ReviewedFile(
        path=file.path, state="changed", facts=facts, lines=lines, difference=difference, unusual=unusual
    )


def _lines(file: Included) -> tuple[str, ...]:
    """The lines as they are, split at LF only; the end of the last one shows when it is missing."""
    text = file.data.decode("utf-8").replace("\r\n", "\n")
    lines = text.split("\n")
    if lines[-1] == "":
        return tuple(lines[:-1])
    return (*lines[:-1], f"{lines[-1]}  (no line end)")


def _unusual(lines: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Each character outside ASCII, once per line: what could look like something else."""
    return tuple(
        (number, f"{unicodedata.name(character, 'unnamed')} (U+{ord(character):04X})")
        for number, line in enumerate(lines, 1)
        if not line.isascii()
        for character in dict.fromkeys(line)
        if not character.isascii()
    )
