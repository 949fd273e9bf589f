"""Policies: rules add up, the strictest value wins, and a mistake refuses."""

import fnmatch
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.approval.policy import Policy, Requirements, applicable, matches, parse_policy
from runbook.errors import TrustError
from tests.approval.made import ALICE, BOB, CAROL, DANA, PATH, POLICY, WORKSPACE, rule

HEAD = POLICY.partition("[[rules]]")[0]


def policy(*rules: str, head: str = HEAD) -> Policy:
    return parse_policy((head + "".join(rules)).encode())


def asked(*rules: str, path: str = PATH, environment: str = "prod", head: str = HEAD) -> Requirements:
    found = applicable(policy(*rules, head=head), path, environment)
    assert found is not None
    return found


PROD = {"paths": ["runbooks/**"], "environments": ["prod"]}


def test_the_design_s_own_example_is_read() -> None:
    text = f"""\
version = 1
workspace = "{WORKSPACE}"
[groups]
sre = ["{ALICE}", "{BOB}"]
[environments.prod]
max_age = "90d"
[[rules]]
paths = ["runbooks/**"]
environments = ["prod"]
approvals = 2
from = ["sre"]
require_each = []
parameters = "declared"
expired = "reason"
deviations = "refuse"
magics = false
"""
    found = applicable(parse_policy(text.encode()), PATH, "prod")

    assert found is not None
    assert [(quota.count, quota.people, quota.words) for quota in found.quotas] == [
        (2, frozenset({ALICE, BOB}), "sre")
    ]
    assert (found.exact_parameters, found.expired_with_reason, found.deviations, found.magics) == (
        False,
        True,
        False,
        False,
    )
    assert found.max_age == timedelta(days=90)
    assert found.rules == (1,)


def test_no_matching_rule_is_no_answer() -> None:
    rules = policy(rule(**PROD, approvals=1))

    assert applicable(rules, "scripts/x.py", "prod") is None
    assert applicable(rules, PATH, "staging") is None
    assert applicable(policy(), PATH, "prod") is None


def test_every_matching_rule_must_be_satisfied() -> None:
    found = asked(
        rule(**PROD, approvals=2, groups=["sre"]),
        rule(**PROD, approvals=1),
        rule(paths=["runbooks/web/*"], environments=["prod"], require_each=["security"]),
        rule(paths=["runbooks/db/*"], environments=["prod"], approvals=3),
    )

    assert [(quota.count, quota.people, quota.words) for quota in found.quotas] == [
        (2, frozenset({ALICE, BOB, DANA}), "sre"),
        (1, None, "anybody who is enrolled"),
        (1, frozenset({CAROL}), "security"),
    ]
    assert found.rules == (1, 2, 3)


@pytest.mark.parametrize(
    ("field", "strict", "lax", "name", "when_strict"),
    [
        ("parameters", "exact", "declared", "exact_parameters", True),
        ("expired", "refuse", "reason", "expired_with_reason", False),
        ("deviations", "refuse", "allow", "deviations", False),
        ("magics", False, True, "magics", False),
    ],
)
def test_of_every_value_the_strictest_wins_whatever_the_order(
    field: str, strict: object, lax: object, name: str, when_strict: bool
) -> None:
    one, other = rule(**PROD, approvals=1, **{field: strict}), rule(**PROD, approvals=1, **{field: lax})

    assert getattr(asked(one, other), name) == getattr(asked(other, one), name) == when_strict
    assert getattr(asked(other), name) != when_strict


def test_a_value_left_out_is_not_taken_from_another_rule() -> None:
    silent = rule(**PROD, approvals=1)
    generous = rule(**PROD, approvals=1, expired="reason", deviations="allow", magics=True)

    both = asked(silent, generous)

    assert (both.expired_with_reason, both.deviations, both.magics) == (False, False, False)


def test_a_rule_that_asks_for_nothing_allows_magics_and_edits_unless_it_says_no() -> None:
    found = asked(rule(paths=["**"], environments=["scratch"]), environment="scratch")
    assert (found.asks, found.magics, found.deviations) == (False, True, True)

    told = rule(paths=["**"], environments=["scratch"], magics=False, deviations="refuse")
    found = asked(told, environment="scratch")
    assert (found.asks, found.magics, found.deviations) == (False, False, False)


def test_a_group_that_must_be_represented_asks_for_an_approval_by_itself() -> None:
    found = asked(rule(**PROD, require_each=["security"]))

    assert (found.asks, found.magics, found.deviations) == (True, False, False)


def test_rsa_is_a_word_of_the_whole_policy() -> None:
    assert not asked(rule(**PROD, approvals=1)).rsa
    assert asked(rule(**PROD, approvals=1), head=HEAD + "[keys]\nrsa = true\n").rsa


def test_an_environment_may_be_named_without_a_limit() -> None:
    head = HEAD + "[environments.staging]\n"

    assert asked(rule(**PROD, approvals=1), head=head).max_age == timedelta(days=90)
    assert "staging" not in policy(head=head).max_age


# -- paths


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("**", "x.py", True),
        ("**", "a/b/c/x.py", True),
        ("*", "x.py", True),
        ("*", "a/x.py", False),
        ("runbooks/**", "runbooks/x.py", True),
        ("runbooks/**", "runbooks/a/b/x.py", True),
        ("runbooks/**", "runbooks", False),
        ("runbooks/**", "runbooks2/x.py", False),
        ("runbooks/**", "my/runbooks/x.py", False),
        ("runbooks/*", "runbooks/a/x.py", False),
        ("runbooks/*.py", "runbooks/x.py", True),
        ("runbooks/*.py", "runbooks/x.py.txt", False),
        ("runbooks", "runbooks/x.py", False),
        ("runbooks/x.py", "runbooks/x.py", True),
        ("unbooks/x.py", "runbooks/x.py", False),
        ("runbooks/x", "runbooks/x.py", False),
        ("**/db/**", "db/x.py", True),
        ("**/db/**", "a/b/db/c/x.py", True),
        ("**/db/**", "a/mydb/x.py", False),
        ("**/x.py", "x.py", True),
        ("**/x.py", "a/x.py", True),
        ("a/**/x.py", "a/x.py", True),
        ("a/**/x.py", "a/b/c/x.py", True),
        ("a/**/**/x.py", "a/x.py", True),
        ("*a*b*", "xxaxxbxx", True),
        ("*a*b*", "xxbxxaxx", False),
        ("ab*ba", "aba", False),
        ("ab*ba", "abba", True),
        ("runbooks/db/**", "runbooks/DB/x.py", True),
        ("Runbooks/db/**", "runbooks/db/x.py", True),
        ("a.py", "axpy", False),
        ("**", ".hidden/x.py", True),
        ("straße/*", "STRASSE/x.py", False),
    ],
)
def test_patterns_match_whole_parts_only(pattern: str, path: str, fits: bool) -> None:
    assert matches(pattern, path) == fits


parts = st.text("ab*", min_size=1, max_size=6).filter(lambda part: "**" not in part)


@settings(max_examples=200)
@given(parts, st.text("ab", min_size=1, max_size=6))
def test_a_star_inside_a_part_is_the_shell_s(pattern: str, name: str) -> None:
    assert matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)


@given(st.lists(st.sampled_from(["**", "a", "*"]), max_size=12), st.integers(1, 40))
def test_no_pattern_takes_long(pattern: list[str], depth: int) -> None:
    assert not matches("/".join(["**", *pattern, "z"]), "/".join(["a"] * depth))


# -- what refuses


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        (POLICY.replace("approvals = 1", "aprovals = 1"), "unknown key 'aprovals' in rules[1]", 14),
        (POLICY.replace("version = 1", "version = 2"), "version 2 is not one that this release reads", 1),
        (POLICY.replace("version = 1\n", ""), "missing required field `version`", None),
        (POLICY.replace("approvals = 1", 'approvals = "1"'), "Expected `int`, got `str`", 14),
        (POLICY.replace("approvals = 1", "approvals = true"), "Expected `int`, got `bool`", 14),
        (POLICY.replace("approvals = 1", "approvals = -1"), "approvals must be between 0 and 32", None),
        (POLICY.replace("approvals = 1", "approvals = 33"), "approvals must be between 0 and 32", None),
        (POLICY.replace("approvals = 1", "approvals = 4"), "asks for 4 approvals from 3 people", None),
        (POLICY.replace('"sre"', '"sree"'), "rule 2: there is no group 'sree'", None),
        (POLICY + 'require_each = ["nobody"]\n', "rule 2: there is no group 'nobody'", None),
        (POLICY.replace('from = ["sre"]', "from = []"), "from names nobody", None),
        (POLICY.replace(f'["{CAROL}"]', "[]"), "the group security is empty", None),
        (POLICY.replace(CAROL, "*@example.com"), "the group security names '*@example.com'", None),
        (POLICY.replace("security =", '"a b" ='), "the group 'a b' is not letters", None),
        (POLICY.replace('"reason"', '"resaon"'), "Invalid enum value 'resaon'", 16),
        (POLICY.replace('"90d"', '"90"'), "environments.prod.max_age: '90' is not a duration", None),
        (POLICY.replace('"90d"', '"0d"'), "is not a duration", None),
        (POLICY.replace("max_age", "maxage"), "unknown key 'maxage'", 7),
        (POLICY.replace("environments.prod", "environments.Prod"), "the environment 'Prod' is not", None),
        (POLICY.replace('"staging"', '"Staging"'), "rule 2: the environment 'Staging' is not", None),
        (POLICY.replace('["runbooks/**"]', "[]"), "rule 2: it names no paths", None),
        (POLICY.replace('["prod", "staging"]', "[]"), "rule 2: it names no paths or no environments", None),
        (POLICY.replace("urn:uuid:6f", "urn:uuid:6F"), "is not urn:uuid: and a lower-case UUID", None),
        (POLICY.replace(WORKSPACE, "payments"), "workspace 'payments' is not urn:uuid:", None),
        (POLICY + "[keyz]\nrsa = true\n", "unknown key 'keyz'", 17),
        (POLICY.replace("[groups]", "[groups"), "not TOML", 3),
        (POLICY + 'from = ["sre"]\n', "not TOML", 17),
    ],
)
def test_a_mistake_refuses_with_file_and_line(text: str, words: str, line: int | None) -> None:
    with pytest.raises(TrustError) as caught:
        parse_policy(text.encode(), name=".runbook/policy.toml")

    assert words in caught.value.message
    assert caught.value.subject == ".runbook/policy.toml"
    assert caught.value.line == line


@pytest.mark.parametrize(
    "pattern",
    ["", "/runbooks/**", "runbooks/", "runbooks//x", "./x", "../x", "a/../b", "a**", "**b", "a/x**y"],
)
def test_a_pattern_that_is_no_plain_path_is_refused(pattern: str) -> None:
    with pytest.raises(TrustError, match="is not names, \\* and \\*\\* between single slashes"):
        policy(rule(paths=[pattern], environments=["prod"]))


@pytest.mark.parametrize("pattern", ["a?b", "[ab]", "{a,b}", "!x", "a\\b"])
def test_a_pattern_with_another_meaning_elsewhere_is_refused(pattern: str) -> None:
    with pytest.raises(TrustError, match="is not names, \\* and \\*\\* between single slashes"):
        policy(rule(paths=[pattern], environments=["prod"]))


def test_a_policy_above_the_limit_or_not_text_is_refused() -> None:
    with pytest.raises(TrustError, match="larger than"):
        parse_policy(b"#" * (1 << 20))
    with pytest.raises(TrustError, match="not UTF-8"):
        parse_policy(b"\xff")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_end_in_our_refusal_only(data: bytes) -> None:
    with pytest.raises(TrustError):
        parse_policy(data)


# -- adding a rule never loosens

rules = st.builds(
    lambda **values: rule(**{key: value for key, value in values.items() if value is not None}),
    paths=st.sampled_from([["**"], ["runbooks/**"], ["runbooks/web/*.py"], ["runbooks/db/**"]]),
    environments=st.sampled_from([["prod"], ["prod", "staging"], ["staging"]]),
    approvals=st.one_of(st.none(), st.integers(0, 2)),
    groups=st.one_of(st.none(), st.sampled_from([["sre"], ["sre", "security"]])),
    require_each=st.one_of(st.none(), st.sampled_from([[], ["security"], ["sre"]])),
    parameters=st.one_of(st.none(), st.sampled_from(["declared", "exact"])),
    expired=st.one_of(st.none(), st.sampled_from(["refuse", "reason"])),
    deviations=st.one_of(st.none(), st.sampled_from(["refuse", "allow"])),
    magics=st.one_of(st.none(), st.booleans()),
)


@settings(max_examples=150)
@given(st.lists(rules, min_size=1, max_size=3), rules, st.integers(0, 3))
def test_one_rule_more_asks_for_at_least_as_much(there: list[str], new: str, place: int) -> None:
    before = applicable(policy(*there), PATH, "prod")
    after = applicable(policy(*there[:place], new, *there[place:]), PATH, "prod")
    if before is None:
        return
    assert after is not None
    for quota in before.quotas:
        assert quota in after.quotas
    assert after.exact_parameters >= before.exact_parameters
    assert after.expired_with_reason <= before.expired_with_reason
    assert after.deviations <= before.deviations
    assert after.magics <= before.magics
    assert after.max_age == before.max_age
