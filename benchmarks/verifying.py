"""`runbook verify` over 1000 runbooks with two approvals each: one whole process."""

import base64
import json
import struct
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha512
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import texts
from benchmarks.measure import Budget, Row, Unmeasured, alone, environment, process, program
from runbook.approval.statement import NAMESPACE, statement_bytes, statement_of
from runbook.text.entries import with_entries
from runbook.text.reader import require
from runbook.text.runbook import Entry

RUNBOOKS = 1000
PEOPLE = ("alice@example.com", "bob@example.com")
WORKSPACE = "urn:uuid:6f1e0c1e-1111-4222-8333-444455556666"
POLICY = f"""\
version = 1
workspace = "{WORKSPACE}"
[[rules]]
paths = ["runbooks/**"]
environments = ["prod"]
approvals = 2
"""


def rows(runs: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="runbook-bench-") as name:
        folder = Path(name)
        _workspace(folder)
        words = [program("runbook"), "verify", "--all", "--env", "prod", "--json"]
        env = environment() | {
            "HOME": name,
            "XDG_CONFIG_HOME": f"{name}/config",
            "XDG_STATE_HOME": f"{name}/state",
        }
        said = json.loads(process(words, folder=folder, env=env).stdout)
        good = [one for one in said["runbooks"] if one["verdict"] == "permitted" and len(one["counted"]) == 2]
        if len(good) != RUNBOOKS:
            raise Unmeasured(f"only {len(good)} of {RUNBOOKS} are permitted by two: {said['runbooks'][:1]}")
        count = min(runs, 5)
        ours = alone(lambda: process(words, folder=folder, env=env), runs=count)
    what = f"verify {RUNBOOKS} runbooks, 2 approvals each"
    budget = Budget(seconds=2.0)
    yield Row(what=what, ours_seconds=ours, peer="—", peer_seconds=None, budget=budget, runs=count)


def _workspace(folder: Path) -> None:
    keys = {person: Ed25519PrivateKey.generate() for person in PEOPLE}
    (folder / ".runbook").mkdir()
    (folder / "runbooks").mkdir()
    (folder / "runbook.toml").write_text("version = 1\n")
    (folder / ".runbook" / "policy.toml").write_text(POLICY)
    (folder / ".runbook" / "revoked").write_text("")
    lines = [
        f'{person} namespaces="{NAMESPACE}" ssh-ed25519 {_encoded(_blob(key))}\n'
        for person, key in keys.items()
    ]
    (folder / ".runbook" / "allowed_signers").write_text("".join(lines))
    for number in range(RUNBOOKS):
        path = f"runbooks/part_{number:04}.py"
        (folder / path).write_text(_approved(texts.mixed(10, title=f"Part {number}"), path, keys))


def _approved(data: bytes, path: str, keys: dict[str, Ed25519PrivateKey]) -> str:
    runbook = require(data, name=path)
    now = datetime.now(UTC).replace(microsecond=0)
    entries = []
    for person, key in keys.items():
        entry = Entry(
            role="approver",
            principal=person,
            environments=("prod",),
            allows="unattended",
            parameters=None,
            text=runbook.text,
            issued=now,
            expires=now + timedelta(days=30),
            signature="",
        )
        statement = statement_bytes(statement_of(entry, workspace=WORKSPACE, path=path))
        entries.append(msgspec.structs.replace(entry, signature=_signature(key, statement)))
    return with_entries(runbook.canonical, entries)


def _signature(key: Ed25519PrivateKey, message: bytes) -> str:
    """What `ssh-keygen -Y sign` makes (PROTOCOL.sshsig), without a process for each of 2000."""
    fields = (NAMESPACE.encode(), b"", b"sha512", sha512(message).digest())
    signed = key.sign(b"SSHSIG" + b"".join(map(_string, fields)))
    signature = _string(b"ssh-ed25519") + _string(signed)
    parts = (_blob(key), NAMESPACE.encode(), b"", b"sha512", signature)
    return _encoded(b"SSHSIG" + struct.pack(">I", 1) + b"".join(map(_string, parts)))


def _blob(key: Ed25519PrivateKey) -> bytes:
    return _string(b"ssh-ed25519") + _string(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
