"""`diff`: two versions of a pair, a version and the working text, two texts, a plan and its source, or two
executions by step. Verifies nothing."""

import difflib

from runbook.errors import UsageError
from runbook.evidence.folder import ExecutionFolder
from runbook.pairing.history import content, version
from runbook.pairing.history import diff as diff_versions
from runbook.system import files
from runbook.text.lines import LIMIT_BYTES
from runbook.verbs.names import execution_named
from runbook.verbs.restore import split_version
from runbook.verbs.sync import pair_named, place_of
from runbook.workspace import Surroundings, Workspace


def executions_of(
    workspace: Workspace, first: str, second: str, *, around: Surroundings
) -> tuple[ExecutionFolder, ExecutionFolder] | None:
    """Both executions, when both names mean one; None otherwise. Raises NotFoundError."""
    one, other = (_execution(workspace, name, around) for name in (first, second))
    return None if one is None or other is None else (one, other)


def _execution(workspace: Workspace, name: str, around: Surroundings) -> ExecutionFolder | None:
    return None if split_version(name)[1] is not None else execution_named(workspace, name, cwd=around.cwd)


def diff(workspace: Workspace, first: str, second: str, *, around: Surroundings) -> str:
    """A unified diff of two texts, an execution's being the text that was planned; empty when they are the
    same. Raises NotFoundError, UsageError."""
    (one, old), (other, new) = split_version(first), split_version(second)
    place = place_of(workspace, around)
    if old is not None and new is not None:
        pair, same = (pair_named(workspace, name, around=around) for name in (one, other))
        if pair != same:
            raise UsageError("these are versions of two runbooks", subject=f"{first} {second}")
        return diff_versions(place, pair.name, old, new)
    sides = [_text(workspace, name, number, around) for name, number in ((one, old), (other, new))]
    (old_name, old_lines), (new_name, new_lines) = sides
    return "\n".join(difflib.unified_diff(old_lines, new_lines, old_name, new_name, lineterm=""))


def _text(workspace: Workspace, name: str, number: int | None, around: Surroundings) -> tuple[str, list[str]]:
    folder = _execution(workspace, name, around) if number is None else None
    if folder is not None:
        data = files.read(folder.runbook, limit_bytes=LIMIT_BYTES)
        return f"{folder.id}/{folder.runbook.name}", data.decode("utf-8", "backslashreplace").split("\n")
    pair = pair_named(workspace, name, around=around)
    if number is None:
        data = files.read(workspace.root / pair.name, limit_bytes=LIMIT_BYTES)
        return pair.name, data.decode("utf-8", "backslashreplace").split("\n")
    place = place_of(workspace, around)
    which = version(place, pair.name, number)
    if which.side != "text":
        raise UsageError(
            f"version {number} is a {which.side}, and the other one a text", subject=f"{name}@{number}"
        )
    data = content(place, pair.name, number)
    return f"{pair.name}@{number}", data.decode("utf-8", "backslashreplace").split("\n")
