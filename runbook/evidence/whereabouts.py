"""Whereabouts: whether an execution's folder lies where it was made, as far as it can tell. No verdict.

A copy is as whole as what it was copied from, and auditors work on copies: so it is not damage. But a run
that was carried into another workspace looks like one of that workspace's own, and one that lies in another
month is not found where people look. So it is said.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from runbook.errors import FormatError, RunbookError
from runbook.evidence.folder import ExecutionFolder, parse_id
from runbook.evidence.plan_file import read_plan


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something to know beside a verdict. `code` is stable: `place`, `workspace`, `twice`."""

    code: str
    message: str


def whereabouts(folder: ExecutionFolder, *, executions: Path, workspace: str | None) -> Iterator[Note]:
    """What is odd about where `folder` lies. `executions` and `workspace` (the urn of the policy, None where
    there is none) are those of whoever asks. Reads the plan; says nothing of one that can't be read, which
    verification does.

    What it was made for is not said: no file of it tells where its workspace lay, and clones share an urn."""
    try:
        due = executions / parse_id(folder.id).month / folder.id
    except FormatError:
        return  # it is called by another name than its plan's, which is a finding
    if folder.path.resolve() != due.resolve():
        yield Note(
            code="place", message=f"it lies in {folder.path.parent}; made here, it would lie in {due.parent}"
        )
    try:
        made_in = read_plan(folder).workspace
    except RunbookError:
        return
    if made_in is not None and made_in != workspace:
        here = "no policy here names a workspace" if workspace is None else f"this is {workspace}"
        yield Note(code="workspace", message=f"it is a run of the workspace {made_in}; {here}")


def repeated(folders: Sequence[ExecutionFolder]) -> frozenset[str]:
    """The names that more than one of these folders has."""
    return frozenset(name for name, count in Counter(each.id for each in folders).items() if count > 1)
