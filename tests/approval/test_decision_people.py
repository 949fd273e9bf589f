"""Whom a decision counts, and where none is needed: people, groups, scratch, machines, paths."""

from datetime import timedelta

import pytest

from runbook.approval.trusted import Trust
from tests.approval.forge import EdKey
from tests.approval.made import (
    ALICE,
    BOB,
    CAROL,
    DANA,
    GOOD,
    NOW,
    POLICY,
    TEXT,
    UNNORMAL,
    answer,
    codes,
    policy_of,
    rule,
    signed,
    signer_lines,
    trust,
)

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


def test_two_rules_that_ask_for_the_same_say_so_once() -> None:
    verdict = answer([GOOD], policy_of(TWO, TWO))

    assert [(each.count, each.of) for each in verdict.missing] == [(1, "sre")]
    assert codes(verdict) == ["approval.missing"]


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


def test_a_text_runs_where_it_says_that_it_may() -> None:
    text = TEXT.replace("# jupyter:\n", "#   environments: [prod, scratch]\n# jupyter:\n")

    assert answer([signed(text)], text=text).permitted
    assert answer([], text=text, environment="scratch").permitted


def test_a_machine_for_prod_shuts_scratch_out() -> None:
    verdict = answer([], environment="scratch", machine_environments=("prod",))

    assert codes(verdict) == ["environment.machine"]
    assert verdict.reasons[0].message == "this machine runs only prod, not scratch"
    nothing = answer(machine_environments=())
    assert nothing.reasons[0].message == "this machine runs only nothing, not prod"
    assert answer(machine_environments=("prod",)).permitted


@pytest.mark.parametrize("name", ["", "Prod", "prod ", "prod\n", "*", "true", "../prod"])
def test_a_name_that_is_no_environment_is_refused(name: str) -> None:
    assert "environment.name" in codes(answer(environment=name))


def test_a_path_that_no_statement_can_name_is_refused_where_approval_is_needed() -> None:
    verdict = answer(path="runbooks/störung.py")

    assert codes(verdict)[0] == "policy.path"
    assert answer([], path="störung.py", environment="scratch").permitted


@pytest.mark.parametrize(
    "path",
    ["./runbooks/db/x.py", "a/../runbooks/db/x.py", "runbooks//db/x.py", "runboo\u212as/db/x.py", "/x.py"],
)
def test_a_strict_rule_is_not_walked_around_by_spelling_the_path_anew(path: str) -> None:
    lax = rule(paths=["**"], environments=["prod"])
    strict = rule(paths=["runbooks/db/**"], environments=["prod"], approvals=1)

    assert codes(answer([], policy_of(lax, strict), path=path)) == ["policy.path"]
    assert answer([], policy_of(lax, strict), path="runbooks/web/x.py").permitted


def test_another_case_of_a_path_meets_the_same_rules() -> None:
    strict = rule(paths=["runbooks/db/**"], environments=["prod"], require_each=["security"])
    believed = trust(policy=(POLICY + strict).encode())
    path = "runbooks/DB/drop.py"

    assert "approval.missing" in codes(answer([signed(path=path)], believed, path=path))
