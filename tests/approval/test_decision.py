"""The decision: each numbered step refuses something that no other step does, and any doubt refuses."""

import copy
import pickle
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import combinations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.approval import decision, sshsig
from runbook.approval.decision import Permission, Request, Verdict, decide, require_permission
from runbook.approval.statement import approval_id, statement_bytes, statement_of
from runbook.approval.trusted import Trust, assemble
from runbook.approval.wire import string
from runbook.approval.withdrawal import WITHDRAWAL_NAMESPACE, Withdrawal, file_names, withdrawal_bytes
from runbook.errors import NotPermitted, TrustError, UsageError
from runbook.text.runbook import Entry
from tests.approval.forge import Blob, EdKey, base64_of, rsa_parts
from tests.approval.made import (
    ALICE,
    BOB,
    CAROL,
    DANA,
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
    unsigned,
)

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


def test_a_good_approval_permits() -> None:
    verdict = answer()

    assert verdict.permitted
    assert verdict.approved
    assert verdict.trust == "dir:/etc/runbook"
    assert verdict.text == GOOD.text
    (counted,) = verdict.counted
    assert counted.principal == BOB
    assert counted.approval == approval_id(statement_of(GOOD, workspace=WORKSPACE, path=PATH))
    assert counted.fingerprint.startswith("SHA256:")
    assert (verdict.reasons, verdict.not_counted, verdict.missing) == ((), (), ())


# -- one thing wrong for each numbered step; each is met by its own step and by no other

RLO = "\u202e"
UNNORMAL = TEXT.replace('print("healthy")\n', 'print("healthy")  \n')


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


# -- step 8: people


TWO = rule(paths=["runbooks/**"], environments=["prod"], approvals=2, groups=["sre"])


def test_two_people_are_two_people() -> None:
    assert answer([GOOD, signed(principal=ALICE)], policy_of(TWO)).permitted


def test_one_person_with_two_keys_and_two_entries_is_one_person() -> None:
    second = EdKey()
    lines = signer_lines() + signer_lines({BOB: second})
    believed = trust(allowed_signers=lines.encode(), policy=(POLICY.partition("[[rules]]")[0] + TWO).encode())
    again = signed(key=second, issued=NOW - timedelta(hours=1))

    verdict = answer([GOOD, again], believed)

    assert [one.principal for one in verdict.counted] == [BOB, BOB]
    assert verdict.answer == "refused"
    assert verdict.missing[0].count == 1
    assert verdict.missing[0].could == (ALICE, DANA)


def test_somebody_outside_the_group_does_not_fill_it() -> None:
    verdict = answer([signed(principal=CAROL)])

    assert [one.principal for one in verdict.counted] == [CAROL]
    assert codes(verdict) == ["approval.missing"]
    assert verdict.missing[0].of == "sre"


def test_every_group_that_is_asked_for_is_represented() -> None:
    both = policy_of(TWO, rule(paths=["**"], environments=["prod"], require_each=["security"]))
    two = [GOOD, signed(principal=ALICE)]

    verdict = answer(two, both)

    assert [(each.count, each.of, each.could) for each in verdict.missing] == [(1, "security", (CAROL,))]
    assert verdict.reasons[0].message == "needs one more approval by security: carol@example.com could"
    assert answer([*two, signed(principal=CAROL)], both).permitted


def test_more_than_one_missing_is_said_as_a_number() -> None:
    verdict = answer([], policy_of(TWO))

    assert verdict.reasons[0].message.startswith("needs 2 more approvals by sre: alice@example.com, ")


# -- environments without approval


def test_scratch_runs_unapproved_and_says_so() -> None:
    verdict = answer([], environment="scratch")

    assert verdict.permitted
    assert not verdict.approved


def test_scratch_takes_texts_that_are_not_in_normal_form_and_magics() -> None:
    for text in (UNNORMAL, TEXT.replace('print("healthy")', "%time 1"), "print(1)\n"):
        assert answer(data=text.encode(), environment="scratch").permitted
        assert answer(data=text.encode(), believed=Trust.none(), environment="scratch").permitted


def test_a_loose_folder_runs_scratch_and_nothing_else() -> None:
    assert answer([], Trust.none(), environment="scratch", path="x.py").permitted
    verdict = answer([], Trust.none(), environment="prod")
    assert codes(verdict) == ["policy.none"]
    assert verdict.reasons[0].message == "there is no policy here, so only scratch runs, not prod"
    assert verdict.reasons[0].hint == "`runbook init` makes one"


def test_a_policy_without_a_rule_for_scratch_refuses_scratch_too() -> None:
    assert codes(answer(believed=policy_of(TWO), environment="scratch")) == ["policy.no-rule"]


def test_scratch_is_no_way_around_a_text_that_names_its_environments() -> None:
    text = TEXT.replace("# jupyter:\n", "#   environments: [prod]\n# jupyter:\n")

    verdict = answer([], text=text, environment="scratch")

    assert codes(verdict) == ["environment.text"]
    assert verdict.reasons[0].message == "the runbook is for prod, not for scratch"
    assert verdict.reasons[0].hint == "say --env prod, or name scratch in its header"


def test_a_machine_for_prod_shuts_scratch_out() -> None:
    verdict = answer([], environment="scratch", machine_environments=("prod",))

    assert codes(verdict) == ["environment.machine"]
    assert verdict.reasons[0].message == "this machine runs only prod, not scratch"
    assert answer(machine_environments=("prod",)).permitted


@pytest.mark.parametrize("name", ["", "Prod", "prod ", "prod\n", "*", "true", "../prod"])
def test_a_name_that_is_no_environment_is_refused(name: str) -> None:
    assert "environment.name" in codes(answer(environment=name))


def test_a_path_that_no_statement_can_name_is_refused_where_approval_is_needed() -> None:
    verdict = answer(path="runbooks/störung.py")

    assert codes(verdict)[0] == "policy.path"
    assert answer([], path="störung.py", environment="scratch").permitted


def test_another_case_of_a_path_meets_the_same_rules() -> None:
    strict = rule(paths=["runbooks/db/**"], environments=["prod"], require_each=["security"])
    believed = trust(policy=(POLICY + strict).encode())
    path = "runbooks/DB/drop.py"

    assert "approval.missing" in codes(answer([signed(path=path)], believed, path=path))


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


# -- the permission

REQUEST = Request(data=approved([GOOD]), path=PATH, environment="prod")


def test_a_permission_holds_what_was_decided() -> None:
    permission = require_permission(REQUEST, trust(), now=NOW)

    assert permission.request is REQUEST
    assert permission.verdict.permitted
    assert permission.runbook.text == GOOD.text
    assert permission.reason is None
    assert not permission.deviations


def test_a_refusal_raises_with_its_verdict() -> None:
    with pytest.raises(NotPermitted) as caught:
        require_permission(msgspec.structs.replace(REQUEST, unattended=False, path="x.py"), trust(), now=NOW)

    assert caught.value.message == "no rule of the policy is about x.py in prod"
    assert caught.value.subject == "x.py"
    assert isinstance(caught.value.verdict, Verdict)


def test_a_refused_text_names_the_line() -> None:
    data = approved([GOOD]).replace(b'print("', b"print(")
    with pytest.raises(NotPermitted) as caught:
        require_permission(msgspec.structs.replace(REQUEST, data=data), trust(), now=NOW)

    line = data[: data.index(b"print(")].count(b"\n") + 1
    assert caught.value.subject == f"{PATH}:{line}"


def test_a_typed_reason_is_needed_and_kept() -> None:
    with pytest.raises(NotPermitted, match="its approval has expired"):
        require_permission(REQUEST, trust(), now=LATE)

    permission = require_permission(REQUEST, trust(), now=LATE, reason=" pager 4711, on call: bob ")

    assert permission.reason == "pager 4711, on call: bob"
    assert permission.verdict.answer == "needs-reason"


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "bell \a", "x" * 501])
def test_a_reason_that_says_nothing_is_none(reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_permission(REQUEST, trust(), now=LATE, reason=reason)

    assert caught.value.message == "a reason is one line of 1 to 500 characters"


def test_a_reason_buys_nothing_that_was_refused() -> None:
    with pytest.raises(NotPermitted):
        require_permission(msgspec.structs.replace(REQUEST, path="x.py"), trust(), now=NOW, reason="please")


def test_a_reason_that_was_not_needed_is_not_kept() -> None:
    assert require_permission(REQUEST, trust(), now=NOW, reason="just in case").reason is None


def test_a_permission_is_made_nowhere_else() -> None:
    permission = require_permission(REQUEST, trust(), now=NOW)
    for token in (None, object(), "token"):
        with pytest.raises(TypeError, match="require_permission only"):
            Permission(token, REQUEST, permission.verdict, None)
    empty = object.__new__(Permission)
    with pytest.raises(AttributeError):
        _ = empty.runbook
    with pytest.raises(TypeError):
        type("Mine", (Permission,), {})


def test_a_permission_does_not_travel() -> None:
    permission = require_permission(REQUEST, trust(), now=NOW)
    actions: list[Callable[[], object]] = [
        lambda: pickle.dumps(permission),
        lambda: copy.copy(permission),
        lambda: copy.deepcopy(permission),
        lambda: msgspec.json.encode(permission),
        lambda: msgspec.to_builtins(permission),
    ]
    for action in actions:
        with pytest.raises(TypeError):
            action()
    with pytest.raises(AttributeError):
        permission.reason = "mine"
    with pytest.raises(AttributeError):
        del permission.verdict


# -- the verdict in JSON


def test_the_json_has_everything_the_design_names() -> None:
    stale = signed(principal=ALICE, text=f"sha256:{'0' * 64}")

    plain = answer([GOOD, stale], policy_of(TWO)).plain()

    assert msgspec.json.decode(msgspec.json.encode(plain)) == plain
    assert {"path", "text", "environment", "verdict", "trust", "counted", "not_counted", "reasons"} <= set(
        plain
    )
    assert plain["verdict"] == "refused"
    assert plain["not_counted"] == [
        {
            "principal": ALICE,
            "code": "approval.stale",
            "message": "approves another text (sha256:000000000000…): the runbook was changed after "
            "2026-11-20T12:00:00Z. Ask for a review of what it says now",
        }
    ]
    assert plain["reasons"] == [
        {
            "code": "approval.missing",
            "message": "needs one more approval by sre: alice@example.com, dana@example.com could",
            "line": None,
        }
    ]


# -- properties

ENTRIES = [
    GOOD,
    signed(principal=ALICE),
    signed(principal=CAROL),
    signed(principal=DANA, expires=NOW + timedelta(hours=1)),
    signed(principal=ALICE, issued=NOW - timedelta(hours=1)),
    signed(principal=DANA, text=f"sha256:{'0' * 64}"),
    signed(principal=ALICE, path="other.py"),
    signed(key=STRANGER),
    signed(principal=CAROL, environments=("staging",)),
]
RULES = [
    TWO,
    rule(paths=["**"], environments=["prod"], approvals=1, expired="reason"),
    rule(paths=["**"], environments=["prod"], approvals=3, expired="reason"),
    rule(paths=["runbooks/web/*"], environments=["prod"], require_each=["security"], expired="reason"),
    rule(paths=["**"], environments=["prod"]),
    rule(paths=["runbooks/db/**"], environments=["prod"], approvals=1),
    rule(paths=["**"], environments=["staging"], approvals=1),
]
RANK = {"refused": 0, "needs-reason": 1, "permitted": 2}


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_an_entry_taken_away_never_turns_a_refusal_into_a_permission(data: st.DataObject) -> None:
    entries = data.draw(st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=5, unique=True))
    believed = policy_of(*data.draw(st.lists(st.sampled_from(RULES), min_size=1, max_size=3)))
    now = NOW + data.draw(st.sampled_from([timedelta(0), timedelta(hours=2), timedelta(days=40)]))
    fewer = [entry for entry in entries if entry is not data.draw(st.sampled_from(entries))]

    more_answer, fewer_answer = answer(entries, believed, now=now), answer(fewer, believed, now=now)

    assert RANK[fewer_answer.answer] <= RANK[more_answer.answer]


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_rule_added_never_turns_a_refusal_into_a_permission(data: st.DataObject) -> None:
    """Among rules of which one matches already: where none does, the first one is what permits at all."""
    rules = data.draw(st.lists(st.sampled_from(RULES), max_size=3))
    matching = data.draw(st.sampled_from(RULES[:5]))
    new = data.draw(st.sampled_from(RULES))
    entries = data.draw(st.lists(st.sampled_from(ENTRIES), max_size=5, unique=True))
    now = NOW + data.draw(st.sampled_from([timedelta(0), timedelta(days=40)]))
    place = data.draw(st.integers(0, len(rules) + 1))
    before = [*rules, matching]
    after = [*before[:place], new, *before[place:]]

    one, other = answer(entries, policy_of(*before), now=now), answer(entries, policy_of(*after), now=now)

    assert RANK[other.answer] <= RANK[one.answer]


def test_the_order_of_entries_says_nothing() -> None:
    for chosen in combinations(ENTRIES, 2):
        ways = {answer(order, policy_of(TWO)).answer for order in (chosen, chosen[::-1])}
        assert len(ways) == 1


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_are_permitted_where_approval_is_needed(data: bytes) -> None:
    assert not answer(data=data).permitted
    assert not answer(data=approved([GOOD]) + data).permitted or not data


def test_entries_that_were_never_signed_count_nothing() -> None:
    junk = [msgspec.structs.replace(unsigned(principal=who), signature="U1NIU0lH") for who in KEYS]

    verdict = answer(junk)

    assert verdict.counted == ()
    assert len(verdict.not_counted) == len(KEYS)
