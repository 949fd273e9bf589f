"""Writes tests/attacks/proposals: one way to cheat with approvals of exact values per folder.

Run `python -m tests.execution.proposal_folders` after a change of format. Keys are made anew each time and
thrown away. Each folder is an execution's as `runbook plan` and `runbook review` leave it, with something
done to it: `case.toml` says what, when it is run and what is said; `trust/` is the workspace's.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from runbook.canonical import canonical_json
from runbook.evidence.given import file_bytes, file_name
from runbook.evidence.plan import PlannedValue
from runbook.evidence.proposal import ProposalRecord
from runbook.instants import stamp
from runbook.text import reader
from runbook.text.runbook import Entry
from runbook.text.values import Given, resolve, values_digest
from tests.approval.made import ALICE, BOB, NOW, PATH, POLICY, TEXT, WORKSPACE, rule, signed, trust_files

FOLDER = Path(__file__).parents[1] / "attacks/proposals"
ID = "20261121T110000Z-restart-7f3a9c"
SOURCE = TEXT.replace(
    '# %% Is it answering? name="health"\n',
    '# %% tags=["parameters"]\nhost: str  # the host to restart\n\n# %% Is it answering? name="health"\n',
)
_RULE = rule(paths=["runbooks/**"], environments=["prod"], approvals=2, parameters="exact")
_EXACT = (POLICY.partition("[[rules]]")[0] + _RULE).encode()
_DECLARED = _EXACT.replace(b"parameters = 'exact'\n", b"")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One folder. `says` is in the message of the refusal; `entries` are the files of `approvals/`."""

    name: str
    what: str
    says: str = ""
    record: ProposalRecord
    entries: Mapping[str, bytes]
    source: str = SOURCE
    now: datetime = NOW
    policy: bytes = _EXACT
    revoked: bytes = b""


def values_of(host: str) -> tuple[tuple[PlannedValue, ...], str]:
    runbook = reader.require(SOURCE.encode(), name=PATH)
    found = resolve(runbook.parameters, [Given(name="host", raw=host, origin="command line")], base=Path("/"))
    said = tuple(
        PlannedValue(name=one.name, type_text=one.type_text, literal=one.literal, origin=one.origin)
        for one in found
    )
    return said, values_digest(found)


def record_of(host: str = "web1", **changes: object) -> ProposalRecord:
    values, digest = values_of(host)
    runbook = reader.require(SOURCE.encode(), name=PATH)
    record = ProposalRecord(
        schema=1,
        id=ID,
        runbook=PATH,
        title=runbook.title,
        text=runbook.text,
        environment="prod",
        kind="unattended",
        dry_run=False,
        selection=(),
        values=values,
        values_digest=digest,
        operator="alice",
        host="here",
        created=stamp(NOW - timedelta(hours=1)),
        expires=stamp(NOW + timedelta(days=6)),
    )
    return msgspec.structs.replace(record, **changes)


def entry(principal: str, host: str = "web1", **changes: Any) -> Entry:
    exact = f"exact:{values_of(host)[1]}"
    said: dict[str, Any] = {"principal": principal, "environments": ("prod",), "parameters": exact, **changes}
    return signed(SOURCE, **said)


def named(*entries: Entry) -> dict[str, bytes]:
    return {file_name(one, workspace=WORKSPACE, path=PATH): file_bytes(one) for one in entries}


GOOD = named(entry(ALICE), entry(BOB))
_OTHER, _OTHER_DIGEST = values_of("web2")
MISSING = "needs 2 more approvals"


def cases() -> Iterator[Case]:
    good, record = GOOD, record_of()
    first = min(good)
    yield Case(name="accept-control", what="what all others are made from", record=record, entries=good)
    yield Case(
        name="refuse-value-edited",
        what="the value in proposal.json, but not its digest",
        says="its values are not those of its digest",
        record=record_of(values=_OTHER),
        entries=good,
    )
    yield Case(
        name="refuse-value-and-digest-edited",
        what="the value and its digest: nobody approved that one",
        says=MISSING,
        record=record_of("web2"),
        entries=good,
    )
    yield Case(
        name="refuse-approvals-of-another-plan",
        what="approvals of the same text with other values, under their own names",
        says=MISSING,
        record=record,
        entries=named(entry(ALICE, "web2"), entry(BOB, "web2")),
    )
    yield Case(
        name="refuse-parameters-of-the-entry-edited",
        what="approvals of other values that were made to name these",
        says=MISSING,
        record=record,
        entries=named(
            *(msgspec.structs.replace(entry(who, "web2"), parameters=record.exact) for who in (ALICE, BOB))
        ),
    )
    yield Case(
        name="refuse-approvals-of-any-values",
        what="approvals of whatever the declarations accept, laid into the folder",
        says=MISSING,
        record=record,
        entries=named(entry(ALICE, parameters=None), entry(BOB, parameters=None)),
    )
    yield Case(
        name="refuse-expired",
        what="approvals whose time is over when it is run",
        says=MISSING,
        record=record,
        entries=named(*(entry(who, expires=NOW - timedelta(hours=1)) for who in (ALICE, BOB))),
    )
    yield Case(
        name="refuse-proposal-that-lived-too-long",
        what="good approvals, but the proposal itself has expired",
        says="this proposal has expired",
        record=record,
        entries=good,
        now=NOW + timedelta(days=7),
    )
    yield Case(
        name="refuse-proposal-made-to-live-longer",
        what="an end that is further away than any proposal lives",
        says="none does",
        record=record_of(expires=stamp(NOW + timedelta(days=60))),
        entries=good,
    )
    yield Case(
        name="refuse-one-person-twice",
        what="two approvals by one person",
        says="needs one more approval",
        record=record,
        entries=named(entry(BOB), entry(BOB, issued=NOW - timedelta(hours=2))),
    )
    yield Case(
        name="refuse-text-edited",
        what="the text in the folder, after its values were approved",
        says="its runbook.py is not the text that it names",
        record=record,
        entries=good,
        source=SOURCE.replace('print("healthy")', 'print("owned!!")'),
    )
    yield Case(
        name="refuse-another-environment",
        what="approved for prod, and proposed for staging",
        says="approval",
        record=record_of(environment="staging"),
        entries=good,
        policy=_EXACT + rule(paths=["runbooks/**"], environments=["staging"], approvals=1).encode(),
    )
    yield Case(
        name="refuse-unattended-after-all",
        what="approved for interactive runs, and proposed for an unattended one",
        says=MISSING,
        record=record,
        entries=named(*(entry(who, allows="interactive") for who in (ALICE, BOB))),
    )
    yield Case(
        name="refuse-approval-under-another-name",
        what="a file that is called by another digest than its statement's",
        says="is called by another digest than its statement's",
        record=record,
        entries={("0" * 64 if name == first else name): data for name, data in good.items()},
    )
    yield Case(
        name="refuse-words-among-approvals",
        what="a file that is no approval: it would become evidence",
        says="is not an approval",
        record=record,
        entries={**good, "0" * 64: b"looks good to me\n"},
    )
    yield Case(
        name="refuse-copied-folder",
        what="the folder under another name, to run once more",
        says="the proposal in this folder is",
        record=record_of(id="20261121T110000Z-restart-000000"),
        entries=good,
    )
    yield Case(
        name="refuse-revoked",
        what="one of the keys was revoked since",
        says="needs one more approval",
        record=record,
        entries=good,
        revoked=_revoked(BOB),
    )
    yield Case(
        name="refuse-where-nothing-is-asked",
        what="a folder from elsewhere, for an environment where nobody has to approve anything",
        says="no approvals of exact values are asked for here",
        record=record_of(environment="scratch"),
        entries={},
        policy=_EXACT + rule(paths=["**"], environments=["scratch"], approvals=0).encode(),
    )
    yield Case(
        name="refuse-where-any-values-are-approved",
        what="the policy asks for no exact values any more: then it is planned, not proposed",
        says="no approvals of exact values are asked for here",
        record=record,
        entries=good,
        policy=_DECLARED,
    )


def _revoked(principal: str) -> bytes:
    from runbook.approval.keys import fingerprint
    from tests.approval.made import KEYS

    return f"{fingerprint(KEYS[principal].blob)}\n".encode()


def write(case: Case) -> None:
    folder = FOLDER / case.name
    (folder / "trust").mkdir(parents=True)
    said = {"what": case.what, "says": case.says, "now": stamp(case.now), "id": ID}
    (folder / "case.toml").write_text(
        "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())
    )
    (folder / "runbook.py").write_text(case.source)
    (folder / "proposal.json").write_bytes(canonical_json(msgspec.to_builtins(case.record)) + b"\n")
    for name, data in trust_files(policy=case.policy, revoked=case.revoked).items():
        (folder / "trust" / name).write_bytes(data)
    for name, data in case.entries.items():
        (folder / "approvals").mkdir(exist_ok=True)
        (folder / "approvals" / name).write_bytes(data)


def main() -> None:
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    for case in cases():
        write(case)


if __name__ == "__main__":
    main()
