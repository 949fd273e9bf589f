"""Withdrawals: signed, whole, by the person who approved; a doubtful one refuses the trust files."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.approval import sshsig
from runbook.approval.statement import NAMESPACE
from runbook.approval.trusted import Trust, assemble
from runbook.approval.withdrawal import (
    WITHDRAWAL_NAMESPACE,
    Withdrawal,
    file_names,
    parse_withdrawal,
    withdrawal_bytes,
)
from runbook.errors import FormatError, TrustError
from tests.approval.forge import EdKey
from tests.approval.made import ALICE, BOB, KEYS, NOW, WORKSPACE, signer_lines, trust_files

ID = f"sha256:{'ab' * 32}"
BACK = Withdrawal(workspace=WORKSPACE, approval=ID, principal=BOB, issued=NOW)
TXT, SIG = file_names(BACK)


def pair(
    back: Withdrawal = BACK, *, key: EdKey | None = None, namespace: str = WITHDRAWAL_NAMESPACE
) -> dict[str, bytes]:
    text = (key or KEYS[back.principal]).sign(withdrawal_bytes(back), namespace=namespace)
    return {TXT: withdrawal_bytes(back), SIG: sshsig.armored(text).encode()}


def believed(files: dict[str, bytes], **changes: bytes) -> Trust:
    return assemble(trust_files(**changes) | files, described="test", pinned=True)


def refusal(files: dict[str, bytes]) -> TrustError:
    with pytest.raises(TrustError) as caught:
        believed(files)
    return caught.value


def test_the_bytes_have_one_form_and_read_back() -> None:
    assert withdrawal_bytes(BACK).decode() == (
        f"runbook withdrawal v1\nworkspace: {WORKSPACE}\napproval: {ID}\n"
        "principal: bob@example.com\nissued: 2026-11-21T12:00:00Z\n"
    )
    assert parse_withdrawal(withdrawal_bytes(BACK), name="x") == BACK


def test_a_withdrawal_is_believed() -> None:
    assert believed(pair()).withdrawn == (BACK,)
    assert (TXT, withdrawal_bytes(BACK)) in believed(pair()).files


def test_it_holds_when_its_key_is_no_longer_enrolled_or_revoked() -> None:
    others = {who: key for who, key in KEYS.items() if who != BOB}
    assert believed(pair(), allowed_signers=signer_lines(others).encode()).withdrawn == (BACK,)

    fingerprint = sshsig.verify(KEYS[BOB].sign(b"", namespace="x"), b"", namespace="x").fingerprint
    assert believed(pair(), revoked=f"{fingerprint}\n".encode()).withdrawn == (BACK,)


def test_another_person_s_key_cannot_withdraw_in_a_name() -> None:
    error = refusal(pair(key=KEYS[ALICE]))

    assert error.message == "says bob@example.com, but alice@example.com's key signed it"
    assert error.subject == TXT
    assert error.hint == "an approval is withdrawn by whoever gave it"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: {TXT: files[TXT]}, "a withdrawal is two files"),
        (lambda files: {SIG: files[SIG]}, "a withdrawal is two files"),
        (lambda files: files | {"withdrawn/notes.md": b""}, "a withdrawal is two files"),
        (lambda files: files | {TXT: files[TXT].replace(b"12:00:00", b"12:00:01")}, "does not fit"),
        (lambda files: files | {TXT: files[TXT].replace(b"v1", b"v2")}, "not a withdrawal"),
        (lambda files: files | {TXT: files[TXT] + b"\n"}, "not a withdrawal"),
        (
            lambda files: files | {TXT: files[TXT].replace(b"bob@", b"Bob@")},
            "not a withdrawal in its one form",
        ),
        (lambda files: files | {TXT: files[TXT].replace(b"urn:uuid", b"urn:isbn")}, "has no such spelling"),
        (lambda files: files | {TXT: files[TXT].replace(b"sha256:", b"sha512:")}, "has no such spelling"),
        (lambda files: files | {TXT: b"\xff"}, "not a withdrawal"),
        (lambda files: files | {SIG: b"garbage"}, "not a signature the way"),
        (
            lambda files: {name.replace("ab", "cd", 1): data for name, data in files.items()},
            "names another approval",
        ),
        (lambda files: pair(namespace=NAMESPACE), "was made for 'approval.v1@signed-runbook'"),
    ],
)
def test_a_doubtful_one_refuses_the_trust_files(
    change: Callable[[dict[str, bytes]], dict[str, bytes]], words: str
) -> None:
    error = refusal(change(pair()))

    assert words in error.message
    assert error.subject is not None
    assert error.subject.startswith("withdrawn/")


def test_one_of_another_workspace_refuses_the_trust_files() -> None:
    other = Withdrawal(workspace=WORKSPACE.replace("6f", "7f"), approval=ID, principal=BOB, issued=NOW)

    assert refusal(pair(other)).message == "belongs to another workspace"


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_withdrawal(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_withdrawal(data, name="x")
