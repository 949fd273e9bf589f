"""The decision: each numbered step refuses something that no other step does, and any doubt refuses."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from runbook.approval import decision, sshsig
from runbook.approval.decision import Verdict
from runbook.approval.statement import approval_id, statement_bytes, statement_of
from runbook.approval.trusted import Trust, assemble
from runbook.approval.wire import string
from runbook.approval.withdrawal import WITHDRAWAL_NAMESPACE, Withdrawal, file_names, withdrawal_bytes
from runbook.errors import TrustError
from runbook.text.runbook import Entry
from tests.approval.forge import Blob, EdKey, base64_of, rsa_parts
from tests.approval.made import (
    ALICE,
    BOB,
    GOOD,
    KEYS,
    NOW,
    PATH,
    POLICY,
    TEXT,
    UNNORMAL,
    WORKSPACE,
    answer,
    approved,
    codes,
    policy_of,
    rule,
    signed,
    signer_lines,
    trust,
    trust_files,
    uncounted,
    unsigned,
)


def test_a_good_approval_permits() -> None:
    verdict = answer()

    assert verdict.permitted
    assert verdict.approved
    assert verdict.trust == "dir:/etc/runbook"
    assert verdict.pinned
    assert not answer(believed=msgspec.structs.replace(trust(), pinned=False)).pinned
    assert verdict.text == GOOD.text
    (counted,) = verdict.counted
    assert counted.principal == BOB
    assert counted.approval == approval_id(statement_of(GOOD, workspace=WORKSPACE, path=PATH))
    assert counted.fingerprint.startswith("SHA256:")
    assert (verdict.reasons, verdict.not_counted, verdict.missing) == ((), (), ())


# -- one thing wrong for each numbered step; each is met by its own step and by no other

RLO = "\u202e"


def _revoked() -> Trust:
    return trust(revoked=(fingerprint(KEYS[BOB]) + "\n").encode())


def fingerprint(key: EdKey) -> str:
    return sshsig.verify(key.sign(b"", namespace="x"), b"", namespace="x").fingerprint


BY_STEP: list[tuple[str, str, Callable[[], Verdict]]] = [
    ("1", "text.encoding", lambda: answer(data=approved([GOOD]) + b"\xff")),
    ("1", "text.character", lambda: answer(data=approved([GOOD]).replace(b"# # R", f"# {RLO}# R".encode()))),
    ("2", "header.yaml", lambda: answer(data=approved([GOOD]).replace(b"title: R", b"title: *R"))),
    ("3", "cell.syntax", lambda: answer(data=approved([GOOD]).replace(b'print("', b"print("))),
    ("4", "trust", lambda: answer(believed=TrustError("not UTF-8", subject="revoked", line=2))),
    ("5", "policy.no-rule", lambda: answer(path="scripts/restart.py")),
    ("5", "policy.none", lambda: answer(believed=Trust.none())),
    ("5", "environment.machine", lambda: answer(machine_environments=("staging",))),
    ("5", "environment.text", lambda: limited_to_staging()),
    ("5", "policy.magics", lambda: with_text(TEXT.replace('print("healthy")', "%time 1"))),
    ("5", "text.trailing-blanks", lambda: with_text(UNNORMAL)),
    ("6", "approval.missing", lambda: answer([msgspec.structs.replace(GOOD, expires=NOW + timedelta(31))])),
    ("7", "approval.missing", lambda: answer([signed(text=f"sha256:{'0' * 64}")])),
    ("8", "approval.missing", lambda: answer([])),
]


def with_text(text: str) -> Verdict:
    return answer([signed(text)], text=text)


def limited_to_staging() -> Verdict:
    return with_text(TEXT.replace("# jupyter:\n", "#   environments: [staging]\n# jupyter:\n"))


STEP_OF = {"1": "_read", "2": "_read", "3": "_read", "4": "_believe", "5": "_apply_rules"} | {
    "6": "_authenticate",
    "7": "_fit",
    "8": "_count_people",
}


@pytest.mark.parametrize(("number", "code", "ask"), BY_STEP, ids=[f"{n}-{code}" for n, code, _ in BY_STEP])
def test_each_step_refuses_what_it_is_there_for(number: str, code: str, ask: Callable[[], Verdict]) -> None:
    verdict = ask()

    assert verdict.answer == "refused"
    assert not verdict.approved
    assert code in codes(verdict)


@pytest.mark.parametrize("name", sorted({*STEP_OF.values()}))
def test_the_decision_has_exactly_these_steps(name: str) -> None:
    assert [step.__name__ for step in decision.STEPS] == list(dict.fromkeys(STEP_OF.values()))
    assert name in {step.__name__ for step in decision.STEPS}


@pytest.mark.parametrize(("number", "code", "ask"), BY_STEP, ids=[f"{n}-{code}" for n, code, _ in BY_STEP])
def test_taking_a_step_out_is_noticed(
    number: str, code: str, ask: Callable[[], Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its step the reason is not given any more, and without the last one nothing is permitted."""
    left = tuple(step for step in decision.STEPS if step.__name__ != STEP_OF[number])
    monkeypatch.setattr(decision, "STEPS", left)
    try:
        verdict = ask()
    except (AssertionError, AttributeError):
        return  # a later step asks for what this one would have made
    if number in ("6", "7", "8"):
        assert not (verdict.not_counted or verdict.counted) or number == "8"
        assert not verdict.permitted
    else:
        assert code not in codes(verdict)


def test_no_order_of_steps_but_the_whole_one_permits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision that stops early is a refusal, whatever was found so far."""
    for count in range(len(decision.STEPS)):
        monkeypatch.setattr(decision, "STEPS", decision.STEPS[:count] if count else ())
        assert not answer().permitted
        monkeypatch.undo()
    assert answer().permitted


# -- step 6: authentic


def _by_other_principal() -> Entry:
    return signed(key=KEYS[ALICE])


STRANGER = EdKey()


@pytest.mark.parametrize(
    ("entry", "code", "words"),
    [
        (signed(role="breakglass"), "approval.breakglass", "do not count yet"),
        (signed(key=STRANGER), "approval.unknown-key", "which is not enrolled in allowed_signers"),
        (_by_other_principal(), "approval.principal", "says bob@example.com, but alice@example.com's key"),
        (signed(path="runbooks/other.py"), "approval.signature", "moved, renamed or copied here"),
        (signed(workspace=WORKSPACE.replace("6f", "7f")), "approval.signature", "the signature does not fit"),
        (msgspec.structs.replace(GOOD, allows="interactive"), "approval.signature", "changed after signing"),
        (
            msgspec.structs.replace(GOOD, environments=("prod",)),
            "approval.signature",
            "changed after signing",
        ),
        (msgspec.structs.replace(GOOD, principal=ALICE), "approval.signature", "changed after signing"),
        (
            msgspec.structs.replace(GOOD, issued=NOW - timedelta(days=2)),
            "approval.signature",
            "changed after signing",
        ),
        (msgspec.structs.replace(GOOD, signature="AAAA"), "signature.form", "the signature ends too early"),
        (
            msgspec.structs.replace(GOOD, expires=GOOD.issued),
            "approval.grammar",
            "it expires before it was issued",
        ),
    ],
)
def test_an_entry_that_is_not_authentic_is_named_and_does_not_count(
    entry: Entry, code: str, words: str
) -> None:
    verdict = answer([entry])

    assert uncounted(verdict) == [(entry.principal, code)]
    assert words in verdict.not_counted[0].message
    assert codes(verdict) == ["approval.missing"]


def test_a_broken_entry_does_not_stop_a_good_one() -> None:
    broken = signed(principal=ALICE, path="elsewhere.py")

    verdict = answer([broken, GOOD])

    assert verdict.permitted
    assert uncounted(verdict) == [(ALICE, "approval.signature")]


def test_a_key_enrolled_for_executions_only_cannot_approve() -> None:
    line = f'{BOB} namespaces="execution.v1@signed-runbook" {KEYS[BOB].words}\n'

    verdict = answer(believed=trust(allowed_signers=line.encode()))

    assert uncounted(verdict) == [(BOB, "approval.namespace")]
    assert "lacks approval.v1@signed-runbook" in verdict.not_counted[0].message


# -- step 7: fits


@pytest.mark.parametrize(
    ("entry", "changes", "code", "words"),
    [
        (
            signed(text=f"sha256:{'0' * 64}"),
            {},
            "approval.stale",
            "approves another text (sha256:000000000000…)",
        ),
        (signed(environments=("staging",)), {}, "approval.environment", "is for staging, not for prod"),
        (
            signed(allows="interactive"),
            {"unattended": True},
            "approval.kind",
            "permits interactive runs only",
        ),
        (signed(parameters=f"exact:sha256:{'1' * 64}"), {}, "approval.parameters", "none were given"),
        (
            signed(parameters=f"exact:sha256:{'1' * 64}"),
            {"values": f"sha256:{'2' * 64}"},
            "approval.parameters",
            "approves other values than these",
        ),
        (signed(issued=NOW + timedelta(seconds=1)), {}, "approval.not-yet", "which is in the future"),
        (signed(expires=NOW), {"unattended": True}, "approval.expired", "expired at 2026-11-21T12:00:00Z"),
        (signed(expires=NOW + timedelta(90)), {}, "approval.life", "longer than the 90 days"),
    ],
)
def test_an_authentic_entry_that_does_not_fit_is_named(
    entry: Entry, changes: dict[str, object], code: str, words: str
) -> None:
    verdict = answer([entry], **changes)  # type: ignore[arg-type] # fields of Request by name

    assert verdict.answer == "refused"
    assert uncounted(verdict) == [(BOB, code)]
    assert words in verdict.not_counted[0].message


@pytest.mark.parametrize(
    ("entry", "changes"),
    [
        (signed(allows="unattended"), {"unattended": True}),
        (signed(allows="interactive"), {}),
        (signed(parameters=f"exact:sha256:{'1' * 64}"), {"values": f"sha256:{'1' * 64}"}),
        (signed(issued=NOW), {}),
        (signed(expires=NOW + timedelta(seconds=1)), {}),
        (signed(expires=NOW + timedelta(89)), {}),
    ],
)
def test_an_entry_that_just_fits_counts(entry: Entry, changes: dict[str, object]) -> None:
    assert answer([entry], **changes).permitted  # type: ignore[arg-type] # fields of Request by name


def test_one_byte_of_the_body_changed_is_a_stale_approval() -> None:
    data = approved([GOOD]).replace(b"healthy", b"Healthy")

    verdict = answer(data=data)

    assert uncounted(verdict) == [(BOB, "approval.stale")]
    assert verdict.text != GOOD.text
    assert (
        verdict.reasons[0].message
        == "needs one more approval by sre: alice@example.com, bob@example.com, dana@example.com could"
    )
    assert verdict.reasons[0].hint == "`runbook review runbooks/web/restart.py --env prod`"


def test_a_checkout_with_crlf_keeps_its_approval() -> None:
    assert answer(data=approved([GOOD]).replace(b"\n", b"\r\n")).permitted


def test_a_policy_for_exact_values_does_not_count_an_approval_of_any_values() -> None:
    exact = policy_of(rule(paths=["**"], environments=["prod"], approvals=1, parameters="exact"))

    assert uncounted(answer(believed=exact)) == [(BOB, "approval.parameters")]
    values = f"sha256:{'1' * 64}"
    assert answer([signed(parameters=f"exact:{values}")], exact, values=values).permitted


def test_an_approval_of_exact_values_may_stand_beside_the_text() -> None:
    values = f"sha256:{'1' * 64}"
    beside = signed(parameters=f"exact:{values}")

    assert answer([], values=values, entries=(beside,)).permitted
    assert not answer([], entries=(beside,)).permitted


def test_a_revoked_key_counts_no_more_whenever_it_signed() -> None:
    verdict = answer([signed(issued=NOW - timedelta(days=80), expires=NOW + timedelta(1))], _revoked())

    assert uncounted(verdict) == [(BOB, "approval.revoked")]
    assert "is revoked, whenever it signed" in verdict.not_counted[0].message
    assert BOB not in verdict.missing[0].could


@pytest.mark.parametrize("option", ['valid-before="20261121120000Z"', 'valid-after="20261121120001Z"'])
def test_a_key_outside_its_time_counts_no_more(option: str) -> None:
    believed = trust(allowed_signers=signer_lines(options=f",{option}").encode())

    verdict = answer(believed=believed)

    assert uncounted(verdict) == [(BOB, "approval.key-time")]
    assert verdict.missing[0].could == ()


def withdrawn(entry: Entry, who: str = BOB) -> Trust:
    back = Withdrawal(
        workspace=WORKSPACE,
        approval=approval_id(statement_of(entry, workspace=WORKSPACE, path=PATH)),
        principal=who,
        issued=NOW,
    )
    text, signature = file_names(back)
    made = KEYS[who].sign(withdrawal_bytes(back), namespace=WITHDRAWAL_NAMESPACE)
    files = trust_files() | {text: withdrawal_bytes(back), signature: sshsig.armored(made).encode()}
    return assemble(files, described="test", pinned=True)


def test_a_withdrawn_approval_counts_no_more_however_it_is_signed_again() -> None:
    verdict = answer(believed=withdrawn(GOOD))
    assert uncounted(verdict) == [(BOB, "approval.withdrawn")]
    assert verdict.not_counted[0].message == "bob@example.com took it back"

    later = signed(issued=GOOD.issued + timedelta(seconds=1))  # a new approval is another statement
    assert answer([later], withdrawn(GOOD)).permitted


def test_nobody_withdraws_another_person_s_approval() -> None:
    assert answer(believed=withdrawn(GOOD, ALICE)).permitted


def test_rsa_counts_where_the_policy_says_so() -> None:
    key, raw = rsa_parts(statement_bytes(statement_of(unsigned(), workspace=WORKSPACE, path=PATH)))
    text = Blob(key=key, inner=string(b"rsa-sha2-512") + string(raw)).encoded()
    line = signer_lines({BOB: EdKey()}).rpartition("ssh-ed25519")[0] + f"ssh-rsa {base64_of(key)}\n"
    entry = msgspec.structs.replace(GOOD, signature=text)

    without = answer([entry], trust(allowed_signers=line.encode()))
    assert uncounted(without) == [(BOB, "approval.rsa")]
    assert without.missing[0].could == ()

    policy = POLICY.replace("[groups]", "[keys]\nrsa = true\n[groups]").encode()
    assert answer([entry], trust(allowed_signers=line.encode(), policy=policy)).permitted


# -- expired, with a reason

LATE = NOW + timedelta(days=31)


def test_an_expired_approval_of_the_same_text_asks_for_a_reason() -> None:
    verdict = answer(now=LATE)

    assert verdict.answer == "needs-reason"
    assert not verdict.permitted
    assert codes(verdict) == ["approval.expired"]
    assert verdict.plain()["verdict"] == "refused"


@pytest.mark.parametrize(
    ("entries", "believed", "changes"),
    [
        ([GOOD], None, {"unattended": True}),
        ([signed(text=f"sha256:{'0' * 64}")], None, {}),
        ([GOOD], "two", {}),
        ([GOOD], "revoked", {}),
        ([GOOD], "silent", {}),
        ([GOOD], None, {"machine_environments": ("staging",)}),
        ([], None, {}),
    ],
)
def test_a_reason_mends_expiry_and_nothing_else(
    entries: list[Entry], believed: str | None, changes: dict[str, object]
) -> None:
    named = {
        None: trust(),
        "two": policy_of(rule(paths=["**"], environments=["prod"], approvals=2, expired="reason")),
        "revoked": _revoked(),
        "silent": policy_of(rule(paths=["**"], environments=["prod"], approvals=1)),
    }

    verdict = answer(entries, named[believed], now=LATE, **changes)  # type: ignore[arg-type] # as above

    assert verdict.answer == "refused"


def test_one_expired_and_one_valid_approval_are_enough_with_a_reason() -> None:
    two = policy_of(rule(paths=["**"], environments=["prod"], approvals=2, expired="reason"))
    fresh = signed(principal=ALICE, issued=LATE - timedelta(1), expires=LATE + timedelta(1))

    verdict = answer([GOOD, fresh], two, now=LATE)

    assert verdict.answer == "needs-reason"
    assert [one.principal for one in verdict.counted] == [ALICE]
