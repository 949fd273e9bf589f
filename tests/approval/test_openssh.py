"""Beside the real ssh-keygen: what we accept it accepts, and what it signs in the profile we accept.

The matrix follows OpenSSH's own regression test of signatures: kinds of keys × namespace × hash × validity ×
wrong data, principal and key × revoked.
"""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from runbook.approval import sshsig
from runbook.approval.counting import Asked, Authentic, authenticate, misfits
from runbook.approval.policy import UNPOLICED
from runbook.approval.signers import enrolment_line, parse_public_key
from runbook.approval.statement import NAMESPACE, statement_bytes, statement_of
from runbook.approval.trusted import Trust, assemble
from runbook.approval.withdrawal import WITHDRAWAL_NAMESPACE, Withdrawal, withdrawal_bytes
from runbook.errors import SignatureRefused
from runbook.instants import stamp
from runbook.text.runbook import Entry
from tests.approval.made import ALICE, BOB, NOW, PATH, POLICY, WORKSPACE, unsigned
from tests.keys import Key, KeyKind, make_key

ACCEPTED = [KeyKind.ED25519, KeyKind.ECDSA_P256, KeyKind.ECDSA_P384, KeyKind.RSA_3072]
STATEMENT = statement_bytes(statement_of(unsigned(), workspace=WORKSPACE, path=PATH))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[KeyKind, Key]:
    folder = tmp_path_factory.mktemp("matrix")
    return {kind: make_key(folder, BOB, kind) for kind in KeyKind}


def keygen_sign(key: Key, message: bytes, *words: str, namespace: str = NAMESPACE) -> str:
    done = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", namespace, *words, "-f", str(key.path)],
        input=message,
        capture_output=True,
        check=True,
    )
    return sshsig.unarmored(done.stdout.decode())


def keygen_verify(folder: Path, text: str, message: bytes, signers: str, *words: str, who: str = BOB) -> bool:
    """What plain ssh-keygen says. Words come last: `-r FILE`, `-Overify-time=…`."""
    (folder / "signers").write_text(signers)
    (folder / "sig").write_text(sshsig.armored(text))
    argv = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", who, "-f", str(folder / "signers")]
    done = subprocess.run(
        [*argv, "-s", str(folder / "sig"), *words], input=message, capture_output=True, check=False
    )
    return done.returncode == 0


def line(key: Key, who: str = BOB, options: str = f'namespaces="{NAMESPACE}"') -> str:
    return f"{who} {options} {' '.join(key.words)}\n"


def trust_of(signers: str, revoked: str = "") -> Trust:
    files = {"policy.toml": POLICY.encode(), "allowed_signers": signers.encode(), "revoked": revoked.encode()}
    return assemble(files, described="test", pinned=True)


def counts(entry: Entry, trust: Trust, now: datetime = NOW, *, rsa: bool = True) -> bool:
    found = authenticate(entry, trust=trust, workspace=WORKSPACE, path=PATH)
    asked = Asked(
        text=entry.text,
        environment="prod",
        unattended=False,
        values=None,
        requirements=msgspec.structs.replace(UNPOLICED, rsa=rsa),
        now=now,
    )
    return isinstance(found, Authentic) and not misfits(found, asked, trust)


@pytest.mark.parametrize("kind", ACCEPTED)
def test_a_plain_ssh_keygen_signature_counts_here_and_ours_there(
    kind: KeyKind, keys: dict[KeyKind, Key], tmp_path: Path
) -> None:
    key = keys[kind]
    text = keygen_sign(key, STATEMENT)
    entry = msgspec.structs.replace(unsigned(), signature=text)

    assert sshsig.verify(text, STATEMENT, namespace=NAMESPACE).key.words == " ".join(key.words)
    assert counts(entry, trust_of(line(key)))
    assert keygen_verify(tmp_path, text, STATEMENT, line(key))


@pytest.mark.parametrize("kind", ACCEPTED)
def test_the_fingerprint_is_the_one_that_ssh_keygen_prints(kind: KeyKind, keys: dict[KeyKind, Key]) -> None:
    key = keys[kind]
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(key.public)], capture_output=True, check=True, text=True
    )

    assert parse_public_key(key.public.read_bytes(), name="x").fingerprint == shown.stdout.split()[1]


@pytest.mark.parametrize(
    ("kind", "problem"), [(KeyKind.ECDSA_P521, "key.curve"), (KeyKind.RSA_2048, "key.weak")]
)
def test_kinds_that_openssh_accepts_and_the_profile_does_not(
    kind: KeyKind, problem: str, keys: dict[KeyKind, Key], tmp_path: Path
) -> None:
    key = keys[kind]
    text = keygen_sign(key, STATEMENT)
    assert keygen_verify(tmp_path, text, STATEMENT, line(key))

    with pytest.raises(SignatureRefused) as caught:
        sshsig.verify(text, STATEMENT, namespace=NAMESPACE)

    assert caught.value.problem == problem


def test_rsa_counts_only_where_the_policy_says_so(keys: dict[KeyKind, Key]) -> None:
    key = keys[KeyKind.RSA_3072]
    entry = msgspec.structs.replace(unsigned(), signature=keygen_sign(key, STATEMENT))

    assert counts(entry, trust_of(line(key)), rsa=True)
    assert not counts(entry, trust_of(line(key)), rsa=False)


@pytest.mark.parametrize("kind", ACCEPTED)
@pytest.mark.parametrize(
    "spoil", ["namespace", "hash", "data", "key", "principal", "enrolled namespace", "revoked"]
)
def test_the_matrix_of_wrong_things(
    kind: KeyKind, spoil: str, keys: dict[KeyKind, Key], tmp_path: Path
) -> None:
    """One thing wrong at a time. OpenSSH refuses each too, but for the hash: the profile is narrower."""
    key, signers, revoked, who, message = keys[kind], line(keys[kind]), "", BOB, STATEMENT
    words: tuple[str, ...] = ()
    text = keygen_sign(key, STATEMENT)
    if spoil == "namespace":
        text = keygen_sign(key, STATEMENT, namespace="git")
    elif spoil == "hash":
        text = keygen_sign(key, STATEMENT, "-Ohashalg=sha256")
    elif spoil == "data":
        message = STATEMENT.replace(b"prod", b"test")
        text = keygen_sign(key, message)
        message = STATEMENT
    elif spoil == "key":
        other = next(each for each in ACCEPTED if each is not kind)
        signers = line(keys[other])
    elif spoil == "principal":
        signers = line(key, who=ALICE)
    elif spoil == "enrolled namespace":
        signers = line(key, options='namespaces="git,execution.v1@signed-runbook"')
    elif spoil == "revoked":
        revoked = parse_public_key(key.public.read_bytes(), name="x").fingerprint + "\n"
        (tmp_path / "revoked").write_text(" ".join(key.words) + "\n")
        words = ("-r", str(tmp_path / "revoked"))
    entry = msgspec.structs.replace(unsigned(), signature=text)

    assert not counts(entry, trust_of(signers, revoked))
    assert keygen_verify(tmp_path, text, message, signers, *words, who=who) == (spoil == "hash")


@pytest.mark.parametrize(
    ("after", "before", "valid"),
    [
        (-10, 10, True),
        (-10, None, True),
        (None, 10, True),
        (10, 20, False),
        (-20, -10, False),
        (5, None, False),
        (None, -5, False),
    ],
)
def test_key_validity_is_read_as_openssh_reads_it(
    after: int | None, before: int | None, valid: bool, keys: dict[KeyKind, Key], tmp_path: Path
) -> None:
    options = f'namespaces="{NAMESPACE}"'
    for name, days in (("valid-after", after), ("valid-before", before)):
        if days is not None:
            moment = (NOW + timedelta(days=days)).astimezone(UTC)
            options += f',{name}="{moment:%Y%m%d%H%M%S}Z"'
    key = keys[KeyKind.ED25519]
    signers = line(key, options=options)
    text = keygen_sign(key, STATEMENT)
    entry = msgspec.structs.replace(unsigned(), signature=text)

    assert counts(entry, trust_of(signers)) == valid
    at = f"-Overify-time={NOW:%Y%m%d%H%M%S}Z"
    assert keygen_verify(tmp_path, text, STATEMENT, signers, at) == valid


def test_a_day_s_short_form_is_midnight_utc_on_both_sides(keys: dict[KeyKind, Key], tmp_path: Path) -> None:
    key = keys[KeyKind.ED25519]
    signers = line(key, options=f'namespaces="{NAMESPACE}",valid-after="20261121Z"')
    text = keygen_sign(key, STATEMENT)
    entry = msgspec.structs.replace(unsigned(), signature=text)
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    for moment, valid in ((midnight - timedelta(seconds=1), False), (midnight, True)):
        assert counts(entry, trust_of(signers), moment) == valid
        at = f"-Overify-time={moment:%Y%m%d%H%M%S}Z"
        assert keygen_verify(tmp_path, text, STATEMENT, signers, at) == valid


def test_openssh_can_use_the_file_that_enrols_people_and_find_them_in_it(
    keys: dict[KeyKind, Key], tmp_path: Path
) -> None:
    key = keys[KeyKind.ED25519]
    signers = enrolment_line(BOB, key.public.read_bytes()) + "\n"
    text = keygen_sign(key, STATEMENT)
    assert keygen_verify(tmp_path, text, STATEMENT, signers)

    found = subprocess.run(
        ["ssh-keygen", "-Y", "find-principals", "-s", tmp_path / "sig", "-f", tmp_path / "signers"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == BOB


def test_a_withdrawal_made_with_plain_ssh_keygen_is_believed(keys: dict[KeyKind, Key]) -> None:
    key = keys[KeyKind.ED25519]
    entry = msgspec.structs.replace(unsigned(), signature=keygen_sign(key, STATEMENT))
    signers = enrolment_line(BOB, key.public.read_bytes()) + "\n"
    found = authenticate(entry, trust=trust_of(signers), workspace=WORKSPACE, path=PATH)
    assert isinstance(found, Authentic)
    approval = found.counted().approval
    back = Withdrawal(workspace=WORKSPACE, approval=approval, principal=BOB, issued=NOW)
    text = keygen_sign(key, withdrawal_bytes(back), namespace=WITHDRAWAL_NAMESPACE)
    stem = f"withdrawn/{approval.removeprefix('sha256:')}"
    files = {
        "policy.toml": POLICY.encode(),
        "allowed_signers": signers.encode(),
        "revoked": b"",
        f"{stem}.txt": withdrawal_bytes(back),
        f"{stem}.sig": sshsig.armored(text).encode(),
    }

    trust = assemble(files, described="test", pinned=True)

    assert trust.withdrawn == (back,)
    assert stamp(trust.withdrawn[0].issued) == stamp(NOW)
    assert not counts(entry, trust)
