"""Proposing: a plan whose exact values must be approved first (policy `parameters = "exact"`, DESIGN §7.1).

A `Proposal` is another type than `Plan`, and is made without a `Permission`: nothing runs it. It waits in an
execution's folder until enough people have signed its very values; then a plan is made in the same folder, by
whoever runs it, and decided as any other. An edge.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from runbook.approval.verdict import Verdict
from runbook.canonical import canonical_json, digest
from runbook.errors import ExistsError, NotPermitted, RefusedError
from runbook.evidence import folder as folders
from runbook.evidence import given as giving
from runbook.evidence import proposal as proposals
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.planned import Manner, planned_steps, planned_value, selection_from
from runbook.evidence.proposal import LIFE, PROPOSAL_SCHEMA, ProposalRecord
from runbook.execution import plan_folder
from runbook.execution.plan import Plan, Terms, require_its_time
from runbook.execution.prepare import Proposed, Wanted, prepare
from runbook.instants import stamp
from runbook.system import files
from runbook.text import reader
from runbook.text.injection import inject
from runbook.text.runbook import Runbook
from runbook.text.values import DEFAULT, Given, Value, resolve, values_digest
from runbook.workspace import Surroundings, Workspace


class Proposal:
    """What somebody wants to run with these values, once they are approved. Holds no permission."""

    __slots__ = ("record", "source", "verdict")

    def __init__(self, record: ProposalRecord, *, source: bytes, verdict: Verdict) -> None:
        self.record = record
        self.source = source
        self.verdict = verdict


def can_propose(verdict: Verdict) -> bool:
    """Whether approvals of exact values are all that is missing."""
    needs = verdict.requirements
    missing = {why.code for why in verdict.reasons} == {"approval.missing"}
    return needs is not None and needs.exact_parameters and missing


def propose(
    wanted: Wanted, refusal: NotPermitted, *, random: str, around: Surroundings, now: datetime
) -> Proposal:
    """A proposal of what was just refused, when it lacks nothing but approvals of its exact values; else the
    refusal again. Writes nothing; `random` is hex for the folder's name.

    Raises NotPermitted; ParameterError, UsageError, NotFoundError as planning does; RefusedError for secrets.
    """
    verdict = refusal.verdict
    if not isinstance(verdict, Verdict) or verdict.runbook is None or not can_propose(verdict):
        raise refusal
    runbook, terms = verdict.runbook, wanted.terms
    values = resolve(runbook.parameters, wanted.given, base=around.cwd)
    _require_sayable(values)
    _require_plannable(runbook, values, wanted)
    record = ProposalRecord(
        schema=PROPOSAL_SCHEMA,
        id=folders.new_id(now, Path(wanted.path).stem, random).text,
        runbook=wanted.path,
        title=runbook.title,
        text=runbook.text,
        environment=terms.environment,
        kind="unattended" if terms.unattended else "interactive",
        dry_run=terms.dry_run,
        selection=terms.selection.said,
        values=tuple(planned_value(one) for one in values),
        values_digest=values_digest(values),
        operator=around.login,
        host=around.host,
        created=stamp(now.replace(microsecond=0)),
        expires=stamp(now.replace(microsecond=0) + LIFE),
    )
    return Proposal(record, source=wanted.data, verdict=verdict)


def _require_sayable(values: tuple[Value, ...]) -> None:
    secrets = [value.name for value in values if value.secret]
    if secrets:
        raise RefusedError(
            f"exact values are to be approved, and secrets can't be: {', '.join(secrets)}",
            hint="nobody can sign what nobody may see: let the step read it, or change the policy",
        )


def _require_plannable(runbook: Runbook, values: tuple[Value, ...], wanted: Wanted) -> None:
    """Raise what planning would raise: nobody is to approve what could not be planned then."""
    terms = wanted.terms
    manner = Manner(
        unattended=terms.unattended,
        dry_run=terms.dry_run,
        selection=terms.selection,
        names={value.name: value.value for value in values} | {"environment": terms.environment},
    )
    planned_steps(inject(runbook.steps, values), manner, path=wanted.path)


def write(proposal: Proposal, executions: Path) -> Path:
    """Make the execution's folder with the proposal in it, and return its path."""
    folder = folders.make(executions, folders.parse_id(proposal.record.id))
    files.make_new_folder(folder.work)
    files.make_new_folder(folder.approvals)
    files.create(folder.runbook, proposal.source)
    files.create(folder.proposal, canonical_json(msgspec.to_builtins(proposal.record)) + b"\n")
    return folder.path


def load(folder: ExecutionFolder, *, now: datetime) -> tuple[ProposalRecord, Runbook, tuple[Value, ...]]:
    """Read a proposal back, believing nothing: 1 it is this folder's, and has its time; 2 the text is the one
    that it names; 3 its values are those of its digest, by the text's declarations.

    Raises RefusedError, TextRefused, FormatError, NotFoundError, ParameterError.
    """
    record, _ = proposals.read(folder)
    if record.id != folder.id:  # 1
        raise RefusedError(f"the proposal in this folder is {record.id}'s", subject=folder.id)
    require_its_time(record, "proposal", life=LIFE, now=now)
    data = files.read_inside(folder.path, "runbook.py", limit_bytes=plan_folder.SOURCE_LIMIT_BYTES)
    runbook = reader.require(data, name=record.runbook)
    if runbook.text != record.text:  # 2
        raise _changed(folder, "its runbook.py is not the text that it names")
    values = resolve(runbook.parameters, _given(record), base=Path("/"))
    said = tuple((one.name, one.type_text, one.literal) for one in record.values)
    if values_digest(values) != record.values_digest or said != tuple(  # 3
        (one.name, one.type_text, one.literal) for one in values
    ):
        raise _changed(folder, "its values are not those of its digest")
    return record, runbook, values


def _changed(folder: ExecutionFolder, words: str) -> RefusedError:
    hint = "it was changed after it was written: propose it again"
    return RefusedError(f"this proposal does not hold together: {words}", subject=folder.id, hint=hint)


def _given(record: ProposalRecord) -> list[Given]:
    return [
        Given(name=one.name, raw=one.literal, origin=one.origin, form="literal")
        for one in record.values
        if one.origin != DEFAULT
    ]


def terms_of(record: ProposalRecord) -> Terms:
    """How it is to be run."""
    return Terms(
        environment=record.environment,
        unattended=record.kind == "unattended",
        dry_run=record.dry_run,
        selection=selection_from(record.selection, name="proposal.json"),
    )


def promote(folder: ExecutionFolder, *, workspace: Workspace, around: Surroundings, now: datetime) -> Plan:
    """Make the plan that was proposed (`plan_of`), and write it into the folder. Of two who do so at the same
    moment, one wins; raises RefusedError for the other, and what `plan_of` raises."""
    plan = plan_of(folder, workspace=workspace, around=around, now=now)
    try:
        plan_folder.complete(plan, folder, state=around.state_folder)
    except ExistsError as error:
        raise RefusedError(
            "this proposal is being run by somebody else, or its start was cut short",
            subject=folder.id,
            hint="`runbook status` shows what runs; propose it again if nothing does",
        ) from error
    return plan


def plan_of(folder: ExecutionFolder, *, workspace: Workspace, around: Surroundings, now: datetime) -> Plan:
    """The plan that was proposed, with the approvals that lie in `approvals/`. Writes nothing.

    In this order, any doubt refuses: 1 the proposal holds together (`load`); 2 every file of `approvals/` is
    an approval; 3 the decision on the text as it lies there, with these values and these approvals beside
    those of the header; 4 it was one that wants exact values: what needs none is planned, not proposed, so
    that a folder from elsewhere runs nothing that nobody approved.

    Raises NotPermitted, and what `load` and `prepare` raise.
    """
    record, runbook, values = load(folder, now=now)  # 1
    found = plan_folder.given_in(folder)  # 2
    _, data = proposals.read(folder)
    wanted = Wanted(
        path=record.runbook,
        data=files.read_inside(folder.path, "runbook.py", limit_bytes=plan_folder.SOURCE_LIMIT_BYTES),
        terms=terms_of(record),
        given=_given(record),
        proposed=Proposed(id=record.id, proposal=digest(data), entries=tuple(each.entry for each in found)),
    )
    plan = prepare(wanted, workspace=workspace, around=around, now=now)  # 3
    needs = plan.permission.verdict.requirements
    if needs is None or not needs.exact_parameters or not plan.record.approved:  # 4
        raise RefusedError(
            "no approvals of exact values are asked for here any more",
            subject=folder.id,
            hint=f"`runbook run {record.runbook}` with these values",
        )
    if plan.record.text != runbook.text or plan.record.values_digest != values_digest(values):
        raise _changed(folder, "it changed while it was read")
    giving.require_readable(found, workspace=plan.record.workspace or "", path=record.runbook)
    return plan
