"""Made for tests: entries, trust files and texts, with good signatures unless a test says otherwise."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from runbook.approval.decision import Request, Verdict, decide
from runbook.approval.signers import ENROLLED_FOR
from runbook.approval.statement import statement_bytes, statement_of
from runbook.approval.trusted import Trust, assemble
from runbook.errors import TrustError
from runbook.text.digests import text_digest
from runbook.text.entries import with_entries, without_entries
from runbook.text.runbook import Entry
from tests.approval.forge import EdKey

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
WORKSPACE = "urn:uuid:6f1e0c1e-1111-4222-8333-444455556666"
PATH = "runbooks/web/restart.py"
ALICE, BOB, CAROL, DANA = (f"{name}@example.com" for name in ("alice", "bob", "carol", "dana"))
KEYS = {principal: EdKey() for principal in (ALICE, BOB, CAROL, DANA)}

TEXT = """\
# ---
# runbook:
#   title: Restart the web tier
# jupyter:
#   jupytext:
#     comment_magics: false
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Restart the web tier

# %% Is it answering? name="health"
print("healthy")
"""

UNNORMAL = TEXT.replace('print("healthy")\n', 'print("healthy")  \n')

POLICY = f"""\
version = 1
workspace = "{WORKSPACE}"
[groups]
sre = ["{ALICE}", "{BOB}", "{DANA}"]
security = ["{CAROL}"]
[environments.prod]
max_age = "90d"
[[rules]]
paths = ["**"]
environments = ["scratch"]
[[rules]]
paths = ["runbooks/**"]
environments = ["prod", "staging"]
approvals = 1
from = ["sre"]
expired = "reason"
"""


def rule(**values: object) -> str:
    """One more `[[rules]]` table."""
    spelled = {
        key.replace("groups", "from"): str(value).lower() if isinstance(value, bool) else repr(value)
        for key, value in values.items()
    }
    return "[[rules]]\n" + "".join(f"{key} = {value}\n" for key, value in spelled.items())


def signer_lines(keys: Mapping[str, EdKey] = KEYS, options: str = "") -> str:
    names = ",".join(ENROLLED_FOR)
    return "".join(f'{who} namespaces="{names}"{options} {key.words}\n' for who, key in keys.items())


def trust_files(**changes: bytes) -> dict[str, bytes]:
    """The three files, changed where said: `policy=`, `allowed_signers=`, `revoked=`."""
    files = {"policy.toml": POLICY.encode(), "allowed_signers": signer_lines().encode(), "revoked": b""}
    return files | {{"policy": "policy.toml"}.get(name, name): data for name, data in changes.items()}


def trust(**changes: bytes) -> Trust:
    return assemble(trust_files(**changes), described="dir:/etc/runbook", pinned=True)


def unsigned(source: str = TEXT, **changes: object) -> Entry:
    entry = Entry(
        role="approver",
        principal=BOB,
        environments=("prod", "staging"),
        allows="unattended",
        parameters=None,
        text=text_digest(without_entries(source)),
        issued=NOW - timedelta(days=1),
        expires=NOW + timedelta(days=30),
        signature="",
    )
    return msgspec.structs.replace(entry, **changes)


def signed(
    source: str = TEXT,
    *,
    key: EdKey | None = None,
    workspace: str = WORKSPACE,
    path: str = PATH,
    **changes: object,
) -> Entry:
    """An entry with a good signature over its own statement, by its principal's key unless said otherwise."""
    entry = unsigned(source, **changes)
    statement = statement_bytes(statement_of(entry, workspace=workspace, path=path))
    made = (key or KEYS[entry.principal]).sign(statement)
    return msgspec.structs.replace(entry, signature=made)


def approved(entries: Sequence[Entry], text: str = TEXT) -> bytes:
    return with_entries(text, entries).encode()


GOOD = signed()


def answer(
    header: Sequence[Entry] = (GOOD,),
    believed: Trust | TrustError | None = None,
    *,
    text: str = TEXT,
    now: datetime = NOW,
    **changes: object,
) -> Verdict:
    request = msgspec.structs.replace(
        Request(data=approved(header, text), path=PATH, environment="prod"), **changes
    )
    return decide(request, trust() if believed is None else believed, now=now)


def policy_of(*rules: str, extra: str = "") -> Trust:
    return trust(policy=(POLICY.partition("[[rules]]")[0] + extra + "".join(rules)).encode())


def codes(verdict: Verdict) -> list[str]:
    return [why.code for why in verdict.reasons]


def uncounted(verdict: Verdict) -> list[tuple[str, str]]:
    return [(each.principal, each.code) for each in verdict.not_counted]
