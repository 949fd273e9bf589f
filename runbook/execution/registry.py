"""What is remembered of plans outside their folders: where each was written, and that it was run. An edge.

Lies in the user's state folder, so that a plan copied, edited or put back still runs once. A plan that was
made by somebody else or elsewhere is not known here, and does not run: nothing would vouch for who made it,
on which host and commit, and it might have run there already.
"""

import contextlib
from pathlib import Path

import msgspec

from runbook.canonical import canonical_json, digest
from runbook.decoding import decode_json
from runbook.errors import ExistsError, NotFoundError, RefusedError
from runbook.evidence.folder import ExecutionFolder
from runbook.system import files

_LIMIT_BYTES = 1 << 14


class Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plan as it was written: the digest of `plan.json`, and its folder."""

    plan: str
    folder: str


def remember(state: Path, folder: ExecutionFolder, plan: bytes) -> None:
    """Remember where a plan was written. Raises StorageError, ExistsError for a name used before."""
    kept = Written(plan=digest(plan), folder=str(folder.path.resolve()))
    place = state / "plans" / f"{folder.id}.json"
    files.make_folder(place.parent, mode=0o700)
    files.create(place, canonical_json(msgspec.to_builtins(kept)) + b"\n")


def require_original(state: Path, folder: ExecutionFolder, plan: bytes) -> None:
    """Raise RefusedError unless this user has written this plan, in this place, with these bytes."""
    try:
        _require_written_here(state, folder, plan)
    except NotFoundError as error:
        raise RefusedError(
            "this user has not written this plan here",
            subject=folder.id,
            hint="plan it again here, with the same values: a plan runs where its writer wrote it",
        ) from error


def require_unmoved(state: Path, folder: ExecutionFolder, plan: bytes) -> None:
    """Raise RefusedError when this user has written this plan elsewhere, or with other bytes."""
    with contextlib.suppress(NotFoundError):  # nothing is known of it
        _require_written_here(state, folder, plan)


def _require_written_here(state: Path, folder: ExecutionFolder, plan: bytes) -> None:
    """Raise NotFoundError for a plan that is not remembered, RefusedError for one that is otherwise."""
    data = files.read(state / "plans" / f"{folder.id}.json", limit_bytes=_LIMIT_BYTES)
    kept = decode_json(data, Written, name=f"plans/{folder.id}.json")
    if kept.plan != digest(plan):
        raise RefusedError(
            "plan.json is not what it was when it was written", subject=folder.id, hint="plan it again"
        )
    if kept.folder != str(folder.path.resolve()):
        raise RefusedError(
            "this execution's folder was copied or moved",
            subject=folder.id,
            hint=f"it was planned in {kept.folder}; plan it again",
        )


def spend(state: Path, folder: ExecutionFolder, plan: bytes) -> None:
    """Mark the plan as run, once and for all. Raises RefusedError when it was run before: of two who try at
    the same moment, one wins."""
    place = state / "spent" / folder.id
    files.make_folder(place.parent, mode=0o700)
    try:
        files.create(place, f"{digest(plan)}\n".encode("ascii"))
    except ExistsError as error:
        raise spent(folder) from error


def give_back(state: Path, folder: ExecutionFolder) -> None:
    """Unmark a plan whose run could not even begin: nothing was written, nothing ran."""
    files.remove(state / "spent" / folder.id)


def require_unspent(state: Path, folder: ExecutionFolder) -> None:
    """Raise RefusedError when the plan was run before, as its folder or our memory says."""
    if folder.start.exists() or (state / "spent" / folder.id).exists():
        raise spent(folder)


def spent(folder: ExecutionFolder) -> RefusedError:
    return RefusedError(
        "this plan has been run: a plan runs once",
        subject=folder.id,
        hint=f"`runbook audit {folder.id}` shows what happened; plan it again to run it again",
    )


def require_begun_here(state: Path, folder: ExecutionFolder, plan: bytes) -> None:
    """Raise RefusedError unless this user's memory has this very plan, in this place, as written and run.

    Stricter than for a first run: what was begun may go on when its approval has lapsed, so a folder that
    merely claims to have been begun must not do.
    """
    try:
        _require_written_here(state, folder, plan)
        known = files.read(state / "spent" / folder.id, limit_bytes=_LIMIT_BYTES)
    except NotFoundError as error:
        raise RefusedError(
            "this user has not begun this run here",
            subject=folder.id,
            hint="it can be gone on with by who began it, on the machine where that was",
        ) from error
    if known != f"{digest(plan)}\n".encode("ascii") or not folder.start.exists():
        raise RefusedError("this run was not begun", subject=folder.id, hint="nothing has run; plan it again")
