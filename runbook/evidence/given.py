"""Given: approvals of a plan's exact values, `approvals/<digest>` in its execution's folder (DESIGN §7.1).

Each is one entry, spelled as in a header, in a file that has the digest of its statement for a name. An edge:
reads the files and checks the evidence; whether an approval counts for a run is `approval.decision`'s to say.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from runbook.approval import policy as policies
from runbook.approval.counting import Asked, Authentic, authenticate, misfits
from runbook.approval.policy import Requirements
from runbook.approval.statement import approval_id, statement_of
from runbook.approval.trusted import Trust, assemble
from runbook.canonical import digest
from runbook.errors import EvidenceDamaged, FormatError
from runbook.evidence import seal
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import GivenApproval, PlanRecord
from runbook.evidence.plan_file import read_evidence
from runbook.text.entries import MAX_ENTRIES, emit_block, parse_block
from runbook.text.runbook import Entry, Runbook

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


def recheck(
    folder: ExecutionFolder, plan: PlanRecord, runbook: Runbook, trust: Trust, *, began: datetime
) -> Iterator[tuple[str, str]]:
    """What is wrong with the approvals of exact values that a run stands on: file and words.

    In this order: 1 the files are those of the plan, byte for byte; 2 each is called by its statement, and
    signed by the key of whoever it names, by the signers kept with the run; 3 those that the plan counts
    counted when the run began, for this text, environment, kind and these values; 4 they were enough, by the
    policy kept with the run. Raises EvidenceDamaged for a file that is no approval.
    """
    found = read_all(folder)
    due = {one.approval.removeprefix("sha256:"): one.file for one in plan.given}
    for each in found:  # 1
        if due.get(each.name) != each.sha256:
            yield f"approvals/{each.name}", "is not one that the plan names"
    for name in sorted(set(due) - {each.name for each in found}):
        yield f"approvals/{name}", "is missing: the plan names it"
    workspace = trust.workspace
    requirements = _requirements(trust, plan)
    if workspace is None or requirements is None:
        return
    authentic: list[Authentic] = []
    for each in found:  # 2
        checked = authenticate(each.entry, trust=trust, workspace=workspace, path=plan.runbook)
        if not isinstance(checked, Authentic):
            yield f"approvals/{each.name}", checked.message
        elif each.name != file_name(each.entry, workspace=workspace, path=plan.runbook):
            yield f"approvals/{each.name}", "is called by another digest than its statement's"
        else:
            authentic.append(checked)
    if requirements.exact_parameters and not _is_recovery(plan):
        yield from _count(
            plan, (*authentic, *_of_the_header(runbook, trust, plan)), requirements, trust, began
        )


def _requirements(trust: Trust, plan: PlanRecord) -> Requirements | None:
    if trust.policy is None:
        return None
    return policies.applicable(trust.policy, plan.runbook, plan.environment)


def _is_recovery(plan: PlanRecord) -> bool:
    """Whether it ran under the permission of another run, or with approvals that had expired: then what
    counted then does not have to count when it began."""
    return plan.expired_reason is not None or any(said.startswith("--of ") for said in plan.selection)


def _of_the_header(runbook: Runbook, trust: Trust, plan: PlanRecord) -> Iterator[Authentic]:
    for entry in runbook.header.approvals:
        checked = authenticate(entry, trust=trust, workspace=trust.workspace or "", path=plan.runbook)
        if isinstance(checked, Authentic):
            yield checked


def _count(
    plan: PlanRecord,
    authentic: tuple[Authentic, ...],
    requirements: Requirements,
    trust: Trust,
    began: datetime,
) -> Iterator[tuple[str, str]]:
    asked = Asked(
        text=plan.text,
        environment=plan.environment,
        unattended=plan.kind == "unattended",
        values=plan.values_digest,
        requirements=requirements,
        now=began,
    )
    counted = [one.counted() for one in authentic if not misfits(one, asked, trust)]
    known = {one.approval for one in counted}
    for said in plan.counted:  # 3
        if said.approval not in known:
            yield "plan.json", f"counts an approval by {said.principal} that did not count for these values"
    people = {one.principal for one in counted}
    for quota in requirements.quotas:  # 4
        if len(people if quota.people is None else people & quota.people) < quota.count:
            yield "plan.json", f"too few approved these values: {quota.words} was asked for"


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
