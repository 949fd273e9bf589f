"""Going on with what was begun: an approval that lapses never keeps anybody from cleaning up.

Each test is about one numbered step of `decision.require_recovery`.
"""

from datetime import timedelta

import msgspec
import pytest

from runbook.approval.decision import Request, require_recovery
from runbook.errors import NotPermitted, TrustError
from runbook.text.runbook import Runbook, Step
from tests.approval.made import BOB, GOOD, KEYS, NOW, PATH, TEXT, approved, policy_of, rule, signed, trust
from tests.approval.test_decision import fingerprint

STEPS = (
    TEXT
    + """
# %% Base name="base" tags=["setup"]
x = 1

# %% Restart name="restart"
x = 2

# %% Is it so name="is-so" checks="restart" tags=["read-only"]
x = 3

# %% Look name="look" tags=["read-only"]
x = 4

# %% Back name="back" undoes="restart"
x = 5
"""
)
REQUEST = Request(data=approved([signed(STEPS)], STEPS), path=PATH, environment="prod")
LATE = NOW + timedelta(days=31)


def step(runbook: Runbook, name: str) -> Step:
    return next(each for each in runbook.steps if each.name == name)


def revoked() -> bytes:
    return f"{fingerprint(KEYS[BOB])}\n".encode()


def test_1_what_was_not_permitted_when_it_began_does_not_go_on() -> None:
    begun_without = policy_of(rule(paths=["runbooks/**"], environments=["prod"], approvals=2))
    with pytest.raises(NotPermitted, match="needs one more approval"):
        require_recovery(REQUEST, begun_without, trust(), began=NOW, now=NOW)
    with pytest.raises(NotPermitted, match="its approval has expired"):
        require_recovery(REQUEST, trust(), trust(), began=LATE, now=LATE)


def test_2_what_is_permitted_now_goes_on_as_a_whole() -> None:
    permission = require_recovery(REQUEST, trust(), trust(), began=NOW, now=NOW + timedelta(days=1))
    assert permission.scope == "everything"


def test_2_an_expired_approval_goes_on_as_a_whole_for_the_reason_that_was_typed() -> None:
    permission = require_recovery(REQUEST, trust(), trust(), began=LATE, now=LATE, reason="pager 4711")
    assert (permission.scope, permission.reason) == ("everything", "pager 4711")


@pytest.mark.parametrize("environments", [("staging",), ()])
def test_3_what_is_refused_for_more_than_its_approvals_does_not_go_on(environments: tuple[str, ...]) -> None:
    request = msgspec.structs.replace(REQUEST, machine_environments=environments)
    with pytest.raises(NotPermitted):
        require_recovery(request, trust(), trust(), began=NOW, now=LATE)


def test_3_trust_that_cannot_be_believed_now_refuses() -> None:
    with pytest.raises(NotPermitted, match="revoked is a mess"):
        require_recovery(REQUEST, trust(), TrustError("revoked is a mess"), began=NOW, now=NOW)


@pytest.mark.parametrize("lapse", ["expired", "revoked"])
def test_4_undoing_and_looking_are_left_and_nothing_more(lapse: str) -> None:
    now, files = (LATE, trust()) if lapse == "expired" else (NOW, trust(revoked=revoked()))
    permission = require_recovery(REQUEST, trust(), files, began=NOW, now=now)

    assert permission.scope == "recovery"
    looks = {
        name: permission.looks_or_undoes(step(permission.runbook, name))
        for name in ("health", "base", "restart", "is-so", "look", "back")
    }
    assert looks == {
        "health": False,
        "base": True,
        "restart": False,
        "is-so": True,
        "look": True,
        "back": True,
    }


def test_the_decision_at_the_beginning_is_what_the_record_keeps() -> None:
    permission = require_recovery(REQUEST, trust(), trust(revoked=revoked()), began=NOW, now=NOW)
    assert [one.principal for one in permission.verdict.counted] == [BOB]
    assert GOOD.principal == BOB
