"""Properties: an entry taken away, or a rule added, never turns a refusal into a permission."""

import time
from datetime import timedelta
from itertools import combinations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.approval.decision import Request, decide
from tests.approval.forge import EdKey
from tests.approval.made import (
    ALICE,
    CAROL,
    DANA,
    GOOD,
    KEYS,
    NOW,
    PATH,
    answer,
    approved,
    policy_of,
    rule,
    signed,
    unsigned,
)

TWO = rule(paths=["runbooks/**"], environments=["prod"], approvals=2, groups=["sre"])
STRANGER = EdKey()

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


def test_a_thousand_approvals_are_judged_in_well_under_a_second() -> None:
    """500 verdicts over two approvals each, reading included; the best of three."""
    believed = policy_of(TWO)
    data = approved([GOOD, signed(principal=ALICE)])
    requests = [Request(data=data, path=PATH, environment="prod") for _ in range(500)]
    times = []
    for _ in range(3):
        start = time.process_time()
        assert all(decide(request, believed, now=NOW).permitted for request in requests)
        times.append(time.process_time() - start)

    assert min(times) < 0.6
