"""Given: approvals of a plan's exact values, `approvals/<digest>` in its execution's folder (DESIGN §7.1).

Each is one entry, spelled as in a header, in a file that has the digest of its statement for a name. An edge:
reads the files and checks the evidence; whether an approval counts for a run is `approval.decision`'s to say.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from runbook.approval.counting import Authentic, authenticate
from runbook.approval.statement import approval_id, statement_of
from runbook.approval.trusted import Trust, assemble
from runbook.canonical import digest
from runbook.errors import EvidenceDamaged, FormatError
from runbook.evidence import seal
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import GivenApproval, PlanRecord
from runbook.evidence.plan_file import read_evidence
from runbook.text.entries import MAX_ENTRIES, emit_block, parse_block
from runbook.text.runbook import Entry

LIMIT_BYTES: Final = 16 << 10


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One file of `approvals/`: its name, the digest of its bytes, and what it says."""

    name: str
    sha256: str
    entry: Entry


def file_bytes(entry: Entry) -> bytes:
    """An approval's file, in its one spelling."""
    return emit_block((entry,)).encode("ascii")


def file_name(entry: Entry, *, workspace: str, path: str) -> str:
    """How the file of an approval is called. Raises FormatError for an entry without a statement."""
    return approval_id(statement_of(entry, workspace=workspace, path=path)).removeprefix("sha256:")


def of_entry(entry: Entry, *, workspace: str, path: str) -> GivenApproval:
    """The same as a plan writes it down."""
    name = file_name(entry, workspace=workspace, path=path)
    return GivenApproval(approval=f"sha256:{name}", file=digest(file_bytes(entry)))


def read_all(folder: ExecutionFolder) -> tuple[Given, ...]:
    """Every file of `approvals/`, by name; none where there is no such folder.

    Raises EvidenceDamaged for anything there that is not one approval in its one spelling: what nobody can
    read would become evidence.
    """
    names = [name.removeprefix("approvals/") for name in seal.names_below(folder, "approvals")]
    if len(names) > MAX_ENTRIES:
        raise EvidenceDamaged(
            f"{len(names)} files; {MAX_ENTRIES} approvals are the most", subject="approvals"
        )
    return tuple(_read(folder, name) for name in names)


def _read(folder: ExecutionFolder, name: str) -> Given:
    place = f"approvals/{name}"
    data = read_evidence(folder, place, limit_bytes=LIMIT_BYTES)
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise EvidenceDamaged("is not an approval: it is not ASCII", subject=place) from error
    entries, reasons = parse_block(lines[:-1])
    if reasons or len(entries) != 1 or file_bytes(entries[0]) != data:
        words = reasons[0].message if reasons else "it is not one entry in its one spelling"
        raise EvidenceDamaged(f"is not an approval: {words}", subject=place)
    return Given(name=name, sha256=digest(data), entry=entries[0])


def recheck(found: tuple[Given, ...], plan: PlanRecord, trust: Trust) -> Iterator[tuple[str, str]]:
    """What is wrong with the approvals of exact values that lie with a run: file and words.

    1 The files are those of the plan, byte for byte; 2 each is called by its statement, and signed by the key
    of whoever it names, by the signers kept with the run. Whether they counted is `permitted`'s to ask.
    """
    due = {one.approval.removeprefix("sha256:"): one.file for one in plan.given}
    for each in found:  # 1
        if due.get(each.name) != each.sha256:
            yield f"approvals/{each.name}", "is not one that the plan names"
    for name in sorted(set(due) - {each.name for each in found}):
        yield f"approvals/{name}", "is missing: the plan names it"
    workspace = trust.workspace
    if workspace is None:
        return
    for each in found:  # 2
        checked = authenticate(each.entry, trust=trust, workspace=workspace, path=plan.runbook)
        if not isinstance(checked, Authentic):
            yield f"approvals/{each.name}", checked.message
        elif each.name != file_name(each.entry, workspace=workspace, path=plan.runbook):
            yield f"approvals/{each.name}", "is called by another digest than its statement's"


def trust_of(folder: ExecutionFolder, names: tuple[str, ...], *, described: str) -> Trust:
    """The trust files kept with a run, as a value. Raises EvidenceDamaged, TrustError."""
    kept = {name: read_evidence(folder, f"trust/{name}", limit_bytes=1 << 20) for name in names}
    return assemble(kept, described=described, pinned="UNPINNED" not in described) if kept else Trust.none()


def require_readable(found: tuple[Given, ...], *, workspace: str, path: str) -> None:
    """Raise FormatError for a file that is not called by its statement."""
    for each in found:
        if each.name != file_name(each.entry, workspace=workspace, path=path):
            raise FormatError(
                "is called by another digest than its statement's",
                subject=f"approvals/{each.name}",
                hint="take it out; `runbook review` writes approvals",
            )
