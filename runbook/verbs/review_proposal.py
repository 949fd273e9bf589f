"""`review EXECUTION`: sign the exact values of a proposed plan. The approval is a file in its folder.

What is shown and asked is what `review` shows of any text, and the values. Signs only what was shown or
named.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from runbook.approval import signing
from runbook.canonical import hex_digest
from runbook.errors import ExistsError, InputError, NotPermitted, RefusedError, RunbookError
from runbook.evidence import given as giving
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.proposal import ProposalRecord
from runbook.execution import proposing
from runbook.system import files
from runbook.text.reader import read
from runbook.text.runbook import Entry
from runbook.verbs import review as texts
from runbook.verbs.names import Opened
from runbook.workspace import Surroundings, Workspace

_LIMIT_BYTES = 1 << 20


class ValuesReview(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal, and the review of its text, whose statement names its values. `is_current`: whether the
    workspace has this text, too."""

    folder: Path
    record: ProposalRecord
    review: texts.Review
    is_current: bool


def prepare(
    workspace: Workspace, folder: ExecutionFolder, wish: texts.Wish, *, around: Surroundings, now: datetime
) -> ValuesReview:
    """Read, check and draft; nothing is signed or written.

    Raises InputError for another environment or kind than what was proposed, RefusedError for a proposal that
    does not hold together or was planned already, and what `review.prepare` raises.
    """
    if folder.plan.exists():
        raise RefusedError(
            "this is planned already: approvals of its values are given before",
            subject=folder.id,
            hint=f"`runbook show {folder.id}` says how it stands",
        )
    record, _, _ = proposing.load(folder, now=now)
    if wish.environments and wish.environments != (record.environment,):
        raise InputError(
            f"it is proposed for {record.environment}, not for {', '.join(wish.environments)}",
            subject=folder.id,
            hint=f"say --env {record.environment}, or nothing",
        )
    if record.kind == "unattended" and wish.allows != "unattended":
        raise InputError(
            "it is proposed to run unattended, and you would permit interactive runs only",
            subject=folder.id,
            hint="say --allow unattended when you mean that",
        )
    data = files.read_inside(folder.path, "runbook.py", limit_bytes=_LIMIT_BYTES)
    opened = Opened(path=record.runbook, data=data, reading=read(data))
    wish = msgspec.structs.replace(wish, environments=(record.environment,))
    found = texts.examine(workspace, opened, wish, around=around, now=now, exact=record.exact)
    return ValuesReview(
        folder=folder.path,
        record=record,
        review=found,
        is_current=_text_of(workspace, record.runbook) == record.text,
    )


def _text_of(workspace: Workspace, path: str) -> str | None:
    """The digest of the text that the workspace has now; None when it has none that can be read."""
    try:
        runbook = read(files.read_inside(workspace.root, path, limit_bytes=_LIMIT_BYTES)).runbook
    except RunbookError:
        return None
    return None if runbook is None else runbook.text


def require_reviewed(found: ValuesReview, *, text: str, values: str) -> None:
    """Whether the digests that the caller names are those that would be signed. Raises RefusedError."""
    texts.require_reviewed(found.review, text)
    if values.removeprefix("exact:") != found.record.values_digest:
        raise RefusedError(
            f"the values are {found.record.exact}, not the {values} that were reviewed",
            subject=found.record.id,
            hint="review them as they are",
        )


def carry_out(found: ValuesReview, *, around: Surroundings, terminal: bool) -> Path:
    """Sign, and write the approval into the proposal's folder; returns the file.

    Raises what `signing.sign` raises, and RefusedError when the proposal was planned or changed meanwhile.
    """
    review = found.review
    signature = signing.sign(review.statement, review.key, env=around.env, terminal=terminal)
    entry: Entry = msgspec.structs.replace(review.entry, signature=signature)
    folder = ExecutionFolder(found.folder)
    if folder.plan.exists():
        raise RefusedError("was planned while it was reviewed; nothing was written", subject=folder.id)
    place = folder.approvals / hex_digest(review.statement)
    files.make_folder(folder.approvals)
    try:
        files.create(place, giving.file_bytes(entry))
    except ExistsError as error:
        raise RefusedError("this very approval is there already", subject=place.name) from error
    return place


def lacks(
    workspace: Workspace, folder: ExecutionFolder, *, around: Surroundings, now: datetime
) -> NotPermitted | None:
    """What still keeps the proposal from being run; None when nothing does."""
    try:
        proposing.plan_of(folder, workspace=workspace, around=around, now=now)
    except NotPermitted as refusal:
        return refusal
    return None
