"""A new approval: who may give it, what it says, and where it goes. The real way round, with real keys."""

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.approval import sshsig
from runbook.approval.approving import DEFAULT_LIFE, Grant, approve, draft, eligible, grant, longest_life
from runbook.approval.decision import Request, decide
from runbook.approval.policy import spoken
from runbook.approval.signers import enrolment_line
from runbook.approval.signing import SigningKey, fingerprint, sign
from runbook.approval.statement import NAMESPACE, statement_bytes, statement_of
from runbook.approval.trusted import Trust
from runbook.errors import InputError, SignerError
from runbook.text.reader import require
from runbook.text.runbook import Entry, Runbook
from tests.approval.forge import EdKey, base64_of, rsa_blob
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
    trust,
    trust_files,
)
from tests.keys import Key, KeyKind


def read(text: str | bytes) -> Runbook:
    return require(text if isinstance(text, bytes) else text.encode(), name=PATH)


def entries(text: str) -> tuple[Entry, ...]:
    return read(text).header.approvals


# -- the whole way with real keys


@pytest.mark.parametrize("kind", [KeyKind.ED25519, KeyKind.ECDSA_P256])
def test_what_is_approved_here_counts_here_and_verifies_with_plain_ssh_keygen(
    kind: KeyKind, bob: Key, carol: Key, tmp_path: Path
) -> None:
    """DESIGN §5.1: an auditor needs nothing but `ssh-keygen -Y verify` and the statement's lines."""
    key = bob if kind is KeyKind.ED25519 else carol
    lines = enrolment_line(key.principal, key.public.read_bytes()) + "\n"
    believed = trust(allowed_signers=lines.encode(), policy=POLICY.replace('from = ["sre"]\n', "").encode())
    signing_key = SigningKey(origin="--key", path=key.path)
    runbook = read(TEXT)

    signer = eligible(fingerprint(signing_key, env=os.environ), believed, now=NOW)
    entry = draft(runbook, signer.principal, grant(believed, environments=("prod",), now=NOW))
    statement = statement_bytes(statement_of(entry, workspace=WORKSPACE, path=PATH))
    text = sign(statement, signing_key, env=os.environ, terminal=False)
    written = approve(runbook, msgspec.structs.replace(entry, signature=text))

    verdict = decide(Request(data=written.encode(), path=PATH, environment="prod"), believed, now=NOW)
    assert verdict.permitted, verdict.not_counted
    (tmp_path / "signers").write_text(lines)
    (tmp_path / "sig").write_text(sshsig.armored(entries(written)[0].signature))
    files = ["-f", str(tmp_path / "signers"), "-s", str(tmp_path / "sig")]
    said = subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", key.principal, *files],
        input=statement,
        capture_output=True,
        check=True,
    )
    assert b'Good "approval.v1@signed-runbook" signature' in said.stdout
    assert f"principal: {key.principal}\n".encode() in statement


# -- what a grant says


def test_a_grant_lives_as_long_as_the_policy_lets_it() -> None:
    given_now = grant(trust(), environments=("prod",), now=NOW.replace(microsecond=7))
    assert given_now.issued == NOW
    assert given_now.expires == NOW + timedelta(days=90)
    assert grant(trust(), environments=("staging",), now=NOW).expires == NOW + DEFAULT_LIFE
    assert grant(trust(), environments=("prod",), now=NOW, life=timedelta(1)).expires == NOW + timedelta(1)
    assert grant(trust(), environments=("staging", "prod", "prod"), now=NOW).environments == (
        "prod",
        "staging",
    )


def test_a_life_that_would_not_count_is_refused_before_anybody_signs() -> None:
    with pytest.raises(InputError) as caught:
        grant(trust(), environments=("prod", "staging"), now=NOW, life=timedelta(91))

    assert caught.value.message == "an approval for prod, staging may live 90 days at most, not 91 days"
    assert caught.value.hint == "say a shorter --expires"
    with pytest.raises(InputError, match="must live for some time"):
        grant(Trust.none(), environments=("prod",), now=NOW, life=timedelta(0))


def test_the_shortest_of_several_lives_holds() -> None:
    policy = POLICY.replace("[[rules]]", '[environments.staging]\nmax_age = "7d"\n[[rules]]', 1)

    believed = trust(policy=policy.encode())

    assert longest_life(believed, ("prod", "staging")) == timedelta(7)
    assert longest_life(believed, ("dev",)) is None


# -- who may give it


def print_of(key: EdKey) -> str:
    return sshsig.verify(key.sign(b"", namespace="x"), b"", namespace="x").fingerprint


def test_an_enrolled_key_is_somebody() -> None:
    assert eligible(print_of(KEYS[BOB]), trust(), now=NOW).principal == BOB


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"allowed_signers": signer_lines({ALICE: KEYS[ALICE]}).encode()}, "is not enrolled"),
        ({"revoked": f"{print_of(KEYS[BOB])}\n".encode()}, "of bob@example.com is revoked"),
        (
            {"allowed_signers": signer_lines(options=',valid-before="20200101Z"').encode()},
            "of bob@example.com is not valid at this time (allowed_signers)",
        ),
        (
            {"allowed_signers": f'{BOB} namespaces="git" {KEYS[BOB].words}\n'.encode()},
            "is not enrolled for approvals: its line in allowed_signers lacks approval.v1@signed-runbook",
        ),
    ],
)
def test_a_key_whose_approval_would_not_count_is_told_why(changes: dict[str, bytes], words: str) -> None:
    with pytest.raises(SignerError) as caught:
        eligible(print_of(KEYS[BOB]), trust(**changes), now=NOW)

    assert caught.value.message.startswith("the key SHA256:")
    assert caught.value.message.endswith(words)


def test_a_fido_key_is_told_that_it_does_not_count_yet() -> None:
    blob = b"\0\0\0\x1ask-ssh-ed25519@openssh.com" + KEYS[BOB].blob[-36:] + b"\0\0\0\x04ssh:"
    line = f'{BOB} namespaces="{NAMESPACE}" sk-ssh-ed25519@openssh.com {base64_of(blob)}\n'
    believed = trust(allowed_signers=line.encode())

    with pytest.raises(SignerError, match="is a FIDO key, and these do not count yet"):
        eligible(believed.signers[0].fingerprint, believed, now=NOW)


def test_an_rsa_key_is_told_that_the_policy_does_not_take_it() -> None:
    line = f'{BOB} namespaces="{NAMESPACE}" ssh-rsa {base64_of(rsa_blob(65537, 2**3071 + 1))}\n'
    believed = trust(allowed_signers=line.encode())

    with pytest.raises(SignerError, match="is RSA, which the policy does not accept"):
        eligible(believed.signers[0].fingerprint, believed, now=NOW)

    policy = POLICY.replace("[groups]", "[keys]\nrsa = true\n[groups]").encode()
    allowed = trust(allowed_signers=line.encode(), policy=policy)
    assert eligible(allowed.signers[0].fingerprint, allowed, now=NOW).principal == BOB


def test_a_text_that_is_not_normal_cannot_be_approved() -> None:
    given_now = Grant(environments=("prod",), issued=NOW, expires=NOW + timedelta(1))
    with pytest.raises(InputError) as caught:
        draft(read(TEXT + "\n"), BOB, given_now)

    assert caught.value.message.startswith("not in normal form: ")
    assert caught.value.hint == "run `runbook fmt`, then review"


# -- where it goes


def test_the_body_is_left_as_it_is_and_the_block_stands_before_jupyter() -> None:
    entry = signed()

    text = approve(read(TEXT), entry)

    assert text == approved([entry]).decode()
    assert text.index("# approvals:") < text.index("# jupyter:")
    assert read(text).body == TEXT
    assert entries(text) == (entry,)


def test_stale_approvals_are_left_out() -> None:
    stale = signed(principal=ALICE, text=f"sha256:{'0' * 64}")

    assert entries(approve(read(approved([stale])), signed())) == (signed(),)


def test_other_people_s_approvals_of_the_same_text_stay() -> None:
    other = signed(principal=ALICE)

    assert entries(approve(read(approved([other])), signed())) == (other, signed())


def test_saying_it_again_replaces_what_the_same_person_said() -> None:
    before = signed(environments=("prod",), issued=NOW - timedelta(days=9))
    again = signed(environments=("prod", "staging"))

    assert entries(approve(read(approved([before])), again)) == (again,)


def test_what_the_same_person_said_of_more_environments_or_other_values_stays() -> None:
    wider = signed(environments=("prod", "staging"))
    exact = signed(parameters=f"exact:sha256:{'1' * 64}")
    new = signed(environments=("prod",))

    assert set(entries(approve(read(approved([wider, exact])), new))) == {wider, exact, new}


def test_a_full_header_is_said() -> None:
    many = [signed(key=KEYS[BOB], principal=f"p{number}@example.com") for number in range(32)]

    with pytest.raises(InputError) as caught:
        approve(read(approved(many)), signed())

    assert caught.value.message == "the header holds 32 approvals already"


@settings(max_examples=40, deadline=None)
@given(st.permutations([signed(principal=who) for who in (ALICE, BOB, CAROL)]))
def test_the_order_of_approving_does_not_show_in_the_bytes(order: list[Entry]) -> None:
    text = TEXT
    for entry in order:
        text = approve(read(text), entry)

    assert text.encode() == approved(order)


def test_a_rule_and_its_approvals_end_in_a_yes() -> None:
    two = rule(paths=["runbooks/**"], environments=["prod"], approvals=2)
    text = TEXT
    for who in (ALICE, BOB):
        text = approve(read(text), signed(principal=who))
    believed = trust(policy=(trust_files()["policy.toml"].decode() + two).encode())

    assert decide(Request(data=text.encode(), path=PATH, environment="prod"), believed, now=NOW).permitted


def test_lengths_of_time_are_spoken() -> None:
    assert [spoken(timedelta(hours=hours)) for hours in (4, 36, 48, 2160)] == [
        "4 hours",
        "36 hours",
        "2 days",
        "90 days",
    ]
