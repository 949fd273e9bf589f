"""A second person's word about one attempt of one step: each number of the check, and what it is over."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from runbook.approval.confirmation import (
    Confirmation,
    Confirmed,
    confirmation_bytes,
    require_confirmation,
)
from runbook.approval.policy import Quota
from runbook.approval.signers import CONFIRMATION_NAMESPACE
from runbook.approval.sshsig import unarmored
from runbook.approval.statement import NAMESPACE
from runbook.approval.trusted import Trust, assemble
from runbook.errors import SignatureRefused, SignerError
from runbook.system import clock
from tests.keys import Key

ONE = Confirmation(
    workspace="urn:uuid:6f1e0c1e-1111-4222-8333-444455556666",
    execution="20261121T001205Z-x-7f3a9c",
    start="a" * 64,
    step="restart",
    attempt=1,
    source="b" * 64,
    principal="bob@example.com",
)


def trust_of(*people: Key, namespaces: str = CONFIRMATION_NAMESPACE, revoked: str = "") -> Trust:
    lines = [
        f'{key.principal} namespaces="{namespaces}" {" ".join(key.public.read_text().split()[:2])}\n'
        for key in people
    ]
    policy = f'version = 1\nworkspace = "{ONE.workspace}"\n'
    files = {"policy.toml": policy, "allowed_signers": "".join(lines), "revoked": revoked}
    found = {name: text.encode() for name, text in files.items()}
    return assemble(found, described="test", pinned=True)


def signed(key: Key, one: Confirmation, folder: Path, namespace: str = CONFIRMATION_NAMESPACE) -> str:
    """The signature that plain ssh-keygen makes."""
    path = folder / "statement"
    path.write_bytes(confirmation_bytes(one))
    argv = ["ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", str(key.path), str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    armor = path.with_suffix(".sig")
    text = unarmored(armor.read_text())
    armor.unlink()
    return text


def check(signature: str, trust: Trust, *people: str, operator: str | None = None) -> Confirmed:
    quotas = sre(*(people or (ONE.principal,)))
    return require_confirmation(
        ONE, signature, trust=trust, quotas=quotas, operator=operator, now=clock.now()
    )


def sre(*people: str) -> tuple[Quota, ...]:
    return (Quota(count=1, people=frozenset(people), words="sre"),)


def test_the_bytes_are_each_line_once() -> None:
    assert confirmation_bytes(ONE).decode() == (
        "runbook confirmation v1\n"
        "workspace: urn:uuid:6f1e0c1e-1111-4222-8333-444455556666\n"
        "execution: 20261121T001205Z-x-7f3a9c\n"
        f"start: sha256:{'a' * 64}\n"
        "step: restart\n"
        "attempt: 1\n"
        f"source: sha256:{'b' * 64}\n"
        "principal: bob@example.com\n"
    )


def test_who_may_confirms(bob: Key, tmp_path: Path) -> None:
    found = check(signed(bob, ONE, tmp_path), trust_of(bob), operator="alice@example.com")
    assert found.principal == "bob@example.com"
    assert found.fingerprint.startswith("SHA256:")


@pytest.mark.parametrize(
    "changed",
    [
        {"execution": "20261121T001205Z-y-7f3a9c"},
        {"start": "c" * 64},
        {"step": "other"},
        {"attempt": 2},
        {"source": "c" * 64},
        {"workspace": "urn:uuid:6f1e0c1e-1111-4222-8333-444455556667"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_signature_is_about_one_attempt_of_one_step_of_one_run(
    bob: Key, tmp_path: Path, changed: dict[str, object]
) -> None:
    other = msgspec.structs.replace(ONE, **changed)
    with pytest.raises(SignatureRefused):
        check(signed(bob, other, tmp_path), trust_of(bob))


def test_a_signature_under_another_namespace_is_none(bob: Key, tmp_path: Path) -> None:
    with pytest.raises(SignatureRefused, match="signature was made for"):
        check(signed(bob, ONE, tmp_path, NAMESPACE), trust_of(bob))


def test_the_key_must_be_the_named_persons(alice: Key, bob: Key, tmp_path: Path) -> None:
    for trust in (trust_of(alice), trust_of(alice, bob)):
        with pytest.raises(SignerError, match=r"not enrolled for bob@example\.com"):
            check(signed(alice, ONE, tmp_path), trust, "alice@example.com", "bob@example.com")


def test_the_key_must_be_enrolled_for_it_and_count_now(bob: Key, tmp_path: Path) -> None:
    signature = signed(bob, ONE, tmp_path)
    with pytest.raises(SignerError, match="not enrolled for confirmations"):
        check(signature, trust_of(bob, namespaces=NAMESPACE))
    fingerprint = check(signature, trust_of(bob)).fingerprint
    with pytest.raises(SignerError, match="is revoked or does not count now"):
        check(signature, trust_of(bob, revoked=f"{fingerprint}\n"))


def test_the_person_must_be_in_the_group(bob: Key, tmp_path: Path) -> None:
    with pytest.raises(SignerError, match=r"bob@example\.com is not in sre"):
        check(signed(bob, ONE, tmp_path), trust_of(bob), "carol@example.com")


def test_who_drives_does_not_confirm(bob: Key, tmp_path: Path) -> None:
    with pytest.raises(SignerError, match=r"bob@example\.com drives this run"):
        check(signed(bob, ONE, tmp_path), trust_of(bob), operator="bob@example.com")
