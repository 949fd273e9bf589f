"""The permission: made in one place, from a decision, and it does not travel. And the verdict in JSON."""

import copy
import pickle
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from runbook.approval import decision
from runbook.approval.decision import Permission, Request, Verdict, require_permission
from runbook.errors import NotPermitted, UsageError
from tests.approval.made import (
    ALICE,
    GOOD,
    NOW,
    PATH,
    TEXT,
    answer,
    approved,
    policy_of,
    rule,
    signed,
    trust,
)

TWO = rule(paths=["runbooks/**"], environments=["prod"], approvals=2, groups=["sre"])
LATE = NOW + timedelta(days=31)

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


def test_a_text_that_the_policy_refuses_names_the_line_too() -> None:
    text = TEXT.replace('print("healthy")', "%time 1")
    data = approved([signed(text)], text)
    with pytest.raises(NotPermitted) as caught:
        require_permission(msgspec.structs.replace(REQUEST, data=data), trust(), now=NOW)

    line = data[: data.index(b"%time")].count(b"\n") + 1
    assert caught.value.subject == f"{PATH}:{line}"


def test_a_typed_reason_is_needed_and_kept() -> None:
    with pytest.raises(NotPermitted, match="its approval has expired"):
        require_permission(REQUEST, trust(), now=LATE)

    permission = require_permission(REQUEST, trust(), now=LATE, reason=" pager 4711, on call: bob ")

    longest = require_permission(REQUEST, trust(), now=LATE, reason="x" * 500)
    assert longest.reason == "x" * 500
    assert permission.reason == "pager 4711, on call: bob"
    assert permission.verdict.answer == "needs-reason"


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "bell \a", "delete \x7f", "x" * 501])
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


def test_not_even_this_module_makes_one_of_a_refusal() -> None:
    refused = answer([])
    unread = answer(data=b"\xff")
    for verdict in (refused, unread, msgspec.structs.replace(unread, answer="permitted")):
        with pytest.raises(TypeError, match="require_permission only"):
            Permission(decision._ONLY_HERE, REQUEST, verdict, None)


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
