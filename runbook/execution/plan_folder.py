"""A plan on disk: the execution's folder before it runs. Writes it once, reads it back believing nothing.

Folder: `executions/2026-11/20261121T001205Z-web-restart-7f3a9c`. A plan read back is decided again from its
bytes, it runs once (`registry`) and it expires.
"""

import contextlib
from datetime import datetime
from pathlib import Path

import msgspec

from runbook.approval import trust as trusting
from runbook.approval.decision import Permission, Request, require_permission, require_recovery
from runbook.approval.trusted import Trust, assemble
from runbook.canonical import canonical_json, digest
from runbook.decoding import decode_json
from runbook.errors import EvidenceDamaged, ExistsError, FormatError, NotFoundError, RefusedError
from runbook.evidence import folder as folders
from runbook.evidence import given as giving
from runbook.evidence import included
from runbook.evidence import start as starting
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import LIFE, PLAN_SCHEMA, PlanRecord
from runbook.evidence.planned import Selection, selection_from
from runbook.execution import brought, registry
from runbook.execution.plan import Facts, Plan, Terms, make_plan, require_its_time
from runbook.execution.prepare import interpreter, variables
from runbook.instants import parse_stamp
from runbook.system import files
from runbook.text.runbook import Entry
from runbook.text.values import DEFAULT, Given, resolve, values_digest
from runbook.workspace import Surroundings, Workspace

PLAN_LIMIT_BYTES = 16 << 20
SOURCE_LIMIT_BYTES = 1 << 20


def write(plan: Plan, executions: Path, *, state: Path) -> Path:
    """Make the execution's folder with the plan in it, and return its path. Nothing there is overwritten.

    `state` is the user's state folder, where it is remembered. Raises ExistsError, StorageError.
    """
    folder = folders.make(executions, folders.parse_id(plan.record.id))
    files.make_new_folder(folder.work)
    files.create(folder.runbook, plan.source)
    complete(plan, folder, state=state)
    return folder.path


def complete(plan: Plan, folder: ExecutionFolder, *, state: Path) -> None:
    """Put the plan into the folder, where its text is already. Raises ExistsError, StorageError."""
    for name, data in plan.trust:
        place = folder.trust / name
        files.make_folder(place.parent)
        files.create(place, data)
    _keep_given(plan, folder)
    included.keep(folder, plan.includes)
    data = plan_bytes(plan.record)
    registry.remember(state, folder, data)
    files.create(folder.plan, data)  # last: a folder without it is no plan


def _keep_given(plan: Plan, folder: ExecutionFolder) -> None:
    """The approvals of its values: there already where it was proposed, not where it undoes such a run."""
    named = {one.approval: one for one in plan.record.given}
    for entry in plan.permission.request.entries:
        one = giving.of_entry(entry, workspace=plan.record.workspace or "", path=plan.record.runbook)
        if named.get(one.approval) != one:
            continue
        files.make_folder(folder.approvals)
        with contextlib.suppress(ExistsError):
            name = one.approval.removeprefix("sha256:")
            files.create(folder.approvals / name, giving.file_bytes(entry))


def plan_bytes(record: PlanRecord) -> bytes:
    """`plan.json`, byte for byte."""
    return canonical_json(msgspec.to_builtins(record)) + b"\n"


def read_record(folder: ExecutionFolder) -> tuple[PlanRecord, bytes]:
    """`plan.json` as a value, and its bytes; gives no permission. Raises FormatError, NotFoundError."""
    try:
        data = files.read(folder.plan, limit_bytes=PLAN_LIMIT_BYTES)
    except NotFoundError as error:
        hint = None
        if folder.proposal.exists():
            hint = (
                f"it is proposed: `runbook review {folder.id}` approves it, `runbook run {folder.id}` runs it"
            )
        raise NotFoundError("there is no plan in this folder", subject=folder.id, hint=hint) from error
    record = decode_json(data, PlanRecord, name=f"{folder.id}/plan.json", limit_bytes=PLAN_LIMIT_BYTES)
    if record.schema != PLAN_SCHEMA:
        raise FormatError(f"plan.json has schema {record.schema}, this version knows {PLAN_SCHEMA}")
    return record, data


def load(execution: Path, *, workspace: Workspace, around: Surroundings, now: datetime) -> Plan:
    """Read a plan back and decide everything again, in this order, any doubt refuses:

    1 its folder has the plan's name, and is where this user wrote the plan, with these bytes, as the memory
    outside of it says: so who made it, where and from which commit is not a stranger's word; 2 it was not run
    before; 3 it has not expired; 4 the decision on `runbook.py` and `includes/` as they lie there, with these
    values; 5 the trust is what it was when it was planned; 6 planned again, it says the same, line for line.

    Raises RefusedError, NotPermitted, TextRefused, TrustError, FormatError, NotFoundError, StorageError.
    """
    folder = ExecutionFolder(execution)
    record, data = read_record(folder)
    if record.id != folder.id:
        raise RefusedError(
            f"the plan in this folder is {record.id}'s", subject=folder.id, hint="a copied plan does not run"
        )
    registry.require_original(around.state_folder, folder, data)
    registry.require_unspent(around.state_folder, folder)
    require_its_time(record, "plan", life=LIFE, now=now)
    plan = _decide_again(folder, record, workspace=workspace, around=around, now=now)
    _require_same(folder, record, data, plan)
    return plan


def load_begun(execution: Path, *, workspace: Workspace, around: Surroundings, now: datetime) -> Plan:
    """Read back the plan of a run that was begun, to go on with it. In this order, any doubt refuses:

    1 its folder is where the plan was written, with the same bytes, as this user's memory says: a run that
    was begun elsewhere is not gone on with here; 2 it was begun; 3 the trust files kept with it are those
    that its start record names; 4 with them it was permitted when it began, and what it may do now is decided
    again (`decision.require_recovery`); 5 planned again, it says the same, line for line.

    Raises as `load` does.
    """
    return load_begun_with_trust(execution, workspace=workspace, around=around, now=now)[0]


def load_begun_with_trust(
    execution: Path, *, workspace: Workspace, around: Surroundings, now: datetime
) -> tuple[Plan, Trust]:
    """As `load_begun`, with the trust of the beginning."""
    folder = ExecutionFolder(execution)
    record, data = read_record(folder)
    if record.id != folder.id:
        raise RefusedError(f"the plan in this folder is {record.id}'s", subject=folder.id)
    registry.require_begun_here(around.state_folder, folder, data)
    begun = starting.parse(files.read(folder.start, limit_bytes=SOURCE_LIMIT_BYTES))
    then = _kept_trust(folder, record, begun)
    request = _request(folder, record, workspace)
    # What was given or merged since counts for what runs from now on: the guard asks about it at each step.
    trust = trusting.load_or_refusal(workspace, env=around.env)
    permission = require_recovery(
        request, then, trust, began=begun.started, now=now, reason=record.expired_reason
    )
    plan = _plan_again(record, permission, then, workspace=workspace, around=around)
    _require_same(folder, record, data, plan)
    return plan, then


def _kept_trust(folder: ExecutionFolder, record: PlanRecord, begun: starting.Start) -> Trust:
    """The trust files of the start, by the digests that the start record has of them."""
    if not begun.trust:
        return Trust.none()
    kept: dict[str, bytes] = {}
    for name, said in begun.trust:
        kept[name] = files.read_inside(folder.path, f"trust/{name}", limit_bytes=SOURCE_LIMIT_BYTES)
        if digest(kept[name]) != said:
            raise RefusedError(f"trust/{name} is not what the start record says", subject=folder.id)
    return assemble(kept, described=record.trust, pinned="UNPINNED" not in record.trust)


def _require_same(folder: ExecutionFolder, record: PlanRecord, data: bytes, plan: Plan) -> None:
    if plan.record != record or plan_bytes(plan.record) != data:
        raise RefusedError(
            f"plan.json does not say what its runbook and values say ({_difference(plan.record, record)})",
            subject=folder.id,
            hint="it was edited, or planned by another version; plan it again",
        )


def _request(folder: ExecutionFolder, record: PlanRecord, workspace: Workspace) -> Request:
    data = files.read(folder.runbook, limit_bytes=SOURCE_LIMIT_BYTES)
    return Request(
        data=data,
        path=record.runbook,
        environment=record.environment,
        unattended=record.kind == "unattended",
        values=record.values_digest,
        machine_environments=workspace.settings.environments,
        includes=brought.from_plan(data, folder, record),
        entries=_given(folder, record),
    )


def given_in(folder: ExecutionFolder) -> tuple[giving.Given, ...]:
    """The files of `approvals/`. Raises RefusedError for one that is no approval."""
    try:
        return giving.read_all(folder)
    except EvidenceDamaged as error:
        raise RefusedError(
            error.message, subject=f"{folder.id}/{error.subject}", hint="take it out, and approve anew"
        ) from error


def _given(folder: ExecutionFolder, record: PlanRecord) -> tuple[Entry, ...]:
    """The approvals of its very values, which must be those that the plan names, byte for byte: one that is
    added later was not there when it was decided."""
    found = given_in(folder)
    if {(f"sha256:{one.name}", one.sha256) for one in found} != {
        (one.approval, one.file) for one in record.given
    }:
        raise RefusedError(
            "approvals/ is not what it was when this was planned", subject=folder.id, hint="plan it again"
        )
    return tuple(one.entry for one in found)


def _decide_again(
    folder: ExecutionFolder, record: PlanRecord, *, workspace: Workspace, around: Surroundings, now: datetime
) -> Plan:
    if selection_of(record).of is not None:
        return _decide_undo(folder, record, workspace=workspace, around=around, now=now)
    trust = trusting.load_or_refusal(workspace, env=around.env)
    request = _request(folder, record, workspace)
    # jupytext's opinion of these bytes was asked for when they were planned: step 1 knows the plan for ours,
    # and step 6 holds the bytes against it.
    permission = require_permission(request, trust, now=now, reason=record.expired_reason)
    assert isinstance(trust, Trust)  # a TrustError has refused
    _require_same_trust(folder, trust)
    return _plan_again(record, permission, trust, workspace=workspace, around=around)


def _plan_again(
    record: PlanRecord,
    permission: Permission,
    trust: Trust,
    *,
    workspace: Workspace,
    around: Surroundings,
) -> Plan:
    given = [
        Given(name=one.name, raw=one.literal or one.source, origin=one.origin, form="literal")
        for one in record.values
        if one.origin != DEFAULT
    ]
    values = resolve(permission.runbook.parameters, given, base=around.cwd)
    if values_digest(values) != record.values_digest:
        raise RefusedError("the values in plan.json are not those of its digest", subject=record.id)
    terms = Terms(
        environment=record.environment,
        unattended=record.kind == "unattended",
        dry_run=record.dry_run,
        selection=selection_of(record),
        expired_reason=record.expired_reason,
        life=parse_stamp(record.expires) - parse_stamp(record.created),
    )
    facts = Facts(
        id=record.id,
        workspace=trust.workspace,
        commit=record.commit,
        clean=record.clean,
        operator=record.operator,
        host=record.host,
        interpreter=interpreter(workspace),  # never what the file says: it would be a program to start
        variables=variables(permission.runbook, workspace),
        versions=record.versions,
        created=parse_stamp(record.created),
        proposal=record.proposal,
        given=record.given,
    )
    return make_plan(permission, values=values, trust=trust.files, terms=terms, facts=facts)


def _decide_undo(
    folder: ExecutionFolder, record: PlanRecord, *, workspace: Workspace, around: Surroundings, now: datetime
) -> Plan:
    """The plan of a run that only undoes what another did: under that one's permission (`load_begun`), for
    the same bytes and values, whatever became of its approvals since."""
    selection = selection_of(record)
    done, then = load_begun_with_trust(
        folders.find(workspace.executions, selection.of or "").path,
        workspace=workspace,
        around=around,
        now=now,
    )
    same = ("runbook", "text", "environment", "values_digest", "trust", "expired_reason", "given")
    source = files.read(folder.runbook, limit_bytes=SOURCE_LIMIT_BYTES)
    if brought.from_plan(source, folder, record) != done.permission.request.includes:
        raise RefusedError(f"the included files are not those of {done.record.id}", subject=folder.id)
    if source != done.source or any(getattr(done.record, key) != getattr(record, key) for key in same):
        raise RefusedError(f"this plan is not one to undo {done.record.id}", subject=folder.id)
    _require_same_trust(folder, then)
    return _plan_again(record, done.permission, then, workspace=workspace, around=around)


def _require_same_trust(folder: ExecutionFolder, trust: Trust) -> None:
    """The evidence keeps the trust files of the plan: they must be those that decide now."""
    kept = {name: folder.trust / name for name, _ in trust.files}
    for name, data in trust.files:
        try:
            same = files.read(kept[name], limit_bytes=SOURCE_LIMIT_BYTES) == data
        except NotFoundError:
            same = False
        if not same:
            raise RefusedError(
                f"{name} is not what it was when this was planned", subject=folder.id, hint="plan it again"
            )


def selection_of(record: PlanRecord) -> Selection:
    """The selection as it was said. Raises FormatError for words that nobody could have said."""
    return selection_from(record.selection, name="plan.json")


def _difference(now: PlanRecord, then: PlanRecord) -> str:
    """The first field that differs, for people."""
    names = [name for name in then.__struct_fields__ if getattr(now, name) != getattr(then, name)]
    return names[0] if names else "its spelling"
