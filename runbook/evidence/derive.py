"""Deriving: record and audit of an execution from its folder, and the seal that closes it. An edge.

Record and audit follow from plan, text and journal and from nothing else: the same folder and renderer give
the same bytes. Nothing is overwritten: what is there already must be what would be written.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from runbook.canonical import hex_digest
from runbook.errors import EvidenceDamaged, ExistsError
from runbook.evidence import audit, record, seal, start
from runbook.evidence.account import RENDERER, Account, Teller
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import parse_moment
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import JournalReader, damage
from runbook.evidence.plan import PlanRecord
from runbook.evidence.plan_file import read_evidence, read_plan
from runbook.evidence.planned_text import planned_sources
from runbook.evidence.referred import Referred
from runbook.evidence.seal import Finish, FinishedStep
from runbook.system import files

_START_LIMIT_BYTES = 1 << 20
_WRITTEN = frozenset({"runbook.py", "start.txt", "journal.jsonl", "record.ipynb", "audit.md"})
"""What a run writes, beside what its start record names."""
_DERIVED_LIMIT_BYTES = 1 << 30


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """Record (`record.ipynb`) and audit (`audit.md`), as bytes."""

    record: bytes
    audit: bytes


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a run's folder tells: its account, and the source of each of its steps."""

    account: Account
    sources: tuple[str, ...]


def told(folder: ExecutionFolder) -> Told:
    """Read plan, text and journal once. Raises EvidenceDamaged when something does not check."""
    plan = read_plan(folder)
    return Told(account=account_of(folder, plan), sources=planned_sources(folder, plan))


def account_of(folder: ExecutionFolder, plan: PlanRecord) -> Account:
    """The account of the run, from its journal. Raises EvidenceDamaged."""
    alive = folder.is_alive()
    reader = JournalReader(folder)
    blobs = Blobs(folder.blobs)
    teller, referred = Teller(plan, blobs), Referred(blobs)
    with damage():
        for event in reader:
            teller.feed(event)
            referred.feed(event)
    for problem in referred.damaged:
        raise problem
    return teller.account(alive=alive, head=reader.head, length=reader.length, torn=len(reader.torn))


def derived(folder: ExecutionFolder) -> Derived:
    """Render record and audit, also of an execution that never ended (then with `unknown` steps).

    Writes nothing. Raises EvidenceDamaged when journal, plan, text or blobs do not check.
    """
    return render(told(folder), folder)


def render(what: Told, folder: ExecutionFolder) -> Derived:
    """Record and audit of what was told. Raises EvidenceDamaged when a blob does not check."""
    get = Blobs(folder.blobs).get
    with damage():
        return Derived(
            record=record.render(what.account, what.sources, get=get),
            audit=audit.render(what.account, what.sources, get=get),
        )


def conclude(folder: ExecutionFolder, *, now: datetime) -> Finish:
    """Write record, audit and seal. The journal's last event is `sealed`, and its writer is closed.

    Also finishes what a crash cut short between those. Raises EvidenceDamaged, ExistsError (sealed already),
    StorageError.
    """
    if folder.is_sealed():
        raise ExistsError("this execution is sealed already", subject=folder.id)
    what = told(folder)
    account = what.account
    if account.standing.sealed is None or account.standing.outcome is None:
        raise EvidenceDamaged("the journal has no last word: it can't be sealed", subject=folder.journal.name)
    began = read_evidence(folder, "start.txt", limit_bytes=_START_LIMIT_BYTES)
    _require_untouched(folder, start.parse(began), account.plan)
    made = render(what, folder)
    _keep(folder, "record.ipynb", made.record)
    _keep(folder, "audit.md", made.audit)
    finish = Finish(
        id=folder.id,
        start=hex_digest(began),
        journal_length=account.length,
        journal_head=account.head,
        outcome=account.standing.outcome,
        started=start.parse(began).started,
        ended=max(now, _last(account)).replace(microsecond=0),  # the clock may have been set back
        renderer=RENDERER,
        steps=finished_steps(account),
        manifest=seal.manifest(folder),
    )
    seal.write(folder, finish)
    return finish


def _require_untouched(folder: ExecutionFolder, began: start.Start, plan: PlanRecord) -> None:
    """Raise EvidenceDamaged when a step changed what was decided on, or put a file among the evidence: the
    seal would vouch for it. Text and journal are checked where they are read."""
    for name, words in strangers(dict(seal.manifest(folder)), began, plan):
        raise EvidenceDamaged(
            words,
            subject=ascii(name)[1:-1],
            hint="steps write into work/; what they put beside it can't be sealed",
        )


def strangers(found: Mapping[str, str], began: start.Start, plan: PlanRecord) -> Iterator[tuple[str, str]]:
    """The files among the evidence that a run did not write, or not so: name and what is wrong. `found`: the
    sha256 (hex) of each file. What a seal lists is still a lie where no run would have sealed it."""
    due = {f"trust/{name}": said for name, said in began.trust} | {"plan.json": began.plan}
    due |= {f"includes/{each.path}": f"sha256:{each.sha256}" for each in plan.includes}
    due |= {f"approvals/{each.approval.removeprefix('sha256:')}": each.file for each in plan.given}
    due |= {} if plan.proposal is None else {"proposal.json": plan.proposal}
    for name, said in due.items():
        if f"sha256:{found.get(name)}" != said:
            yield name, "is not what the run was started with"
    for name, digest in found.items():
        if name.startswith("blobs/") and name != f"blobs/{digest}":
            yield name, "is called by another digest than its own"
        elif name not in _WRITTEN and name not in due and not name.startswith("blobs/"):
            yield name, "was put among the evidence, and not by the run itself"


def _last(account: Account) -> datetime:
    assert account.last is not None  # `sealed` is an event
    try:
        return parse_moment(account.last)
    except ValueError as error:
        raise EvidenceDamaged(str(error), subject="journal.jsonl", line=account.length) from error


def finished_steps(account: Account) -> tuple[FinishedStep, ...]:
    """How the seal lists the steps: code and manual ones, in the order of the text."""
    return tuple(
        FinishedStep(name=step.name, state=step.state, ms=step.ms) for step in account.standing.steps
    )


def _keep(folder: ExecutionFolder, name: str, data: bytes) -> None:
    try:
        files.create(folder.path / name, data)
    except ExistsError:
        if read_evidence(folder, name, limit_bytes=_DERIVED_LIMIT_BYTES) != data:
            raise EvidenceDamaged("is there already and is not what the journal says", subject=name) from None
