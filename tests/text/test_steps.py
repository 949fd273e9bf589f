"""Steps: their names, and which tags and options fit together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.text.reader import read
from runbook.text.reasons import Reason
from runbook.text.runbook import Runbook, Step
from runbook.text.steps import NAME, slug
from tests.text.builders import text_of


def runbook_of(*cells: str) -> Runbook:
    reading = read(text_of(*cells).encode())
    assert reading.runbook is not None, reading.reasons
    return reading.runbook


def names(*cells: str) -> list[str]:
    return [step.name for step in runbook_of(*cells).steps]


def refusals(*cells: str) -> tuple[Reason, ...]:
    return read(text_of(*cells).encode()).refusals


def test_a_name_is_the_option_or_the_title_or_the_heading_before_or_a_number() -> None:
    assert names(
        '# %% A title name="own"\nx = 1',
        "# %% Is it up? (2)\nx = 1",
        "# %%\nx = 1",
        "# %% [markdown]\n# Some text.\n# ## A heading ##\n# More text.",
        "# %%\nx = 1",
        "# %%\nx = 1",
        "# %% [markdown]\n# No heading here.",
        "# %%\nx = 1",
        "# %% Über 漢字\nx = 1",
    ) == [
        "own",
        "is-it-up-2",
        "step-3",
        "a-heading",
        "a-heading-2",
        "a-heading-3",
        "step-7",
        "a-heading-4",
        "ber",
    ]


def test_a_derived_name_gives_way_to_an_explicit_one_behind_it() -> None:
    assert names("# %% Restart\nx = 1", '# %% name="restart"\nx = 1', '# %% name="restart-2"\nx = 1') == [
        "restart-3",
        "restart",
        "restart-2",
    ]


def test_the_name_of_the_injected_step_is_never_derived() -> None:
    assert names("# %% Injected parameters\nx = 1") == ["injected-parameters-2"]


def test_a_heading_in_a_block_of_code_names_nothing() -> None:
    assert names("# %% [markdown]\n# # Real\n# ```\n# # comment\n# ```", "# %%\nx = 1") == ["real", "real-2"]


@given(st.text(max_size=100))
def test_a_slug_is_a_name_or_empty(text: str) -> None:
    found = slug(text)
    assert found == "" or (NAME.fullmatch(found) and len(found) <= 64)


@given(st.lists(st.sampled_from(["Restart", "restart", "Restart 2", "Restart-2-2", "", "!"]), max_size=8))
def test_names_are_distinct_whatever_the_titles(titles: list[str]) -> None:
    found = names(*(f"# %% {title}".rstrip() + "\nx = 1" for title in titles))
    assert len(set(found)) == len(found)


def test_options_become_the_steps_own() -> None:
    runbook = runbook_of(
        '# %% tags=["parameters"]\nregion: str = "eu"  # where',
        '# %% Change name="change" tags=["danger", "idempotent"] timeout=600 retries=2 '
        "when=\"region == 'eu'\"\nx = 1",
        '# %% name="check" checks="change"\nx = 1',
        '# %% name="back" undoes="change"\nx = 1',
        '# %% [markdown] name="call" tags=["manual"]\n# Call.',
        "# %% [raw]\n# kept",
    )
    change = runbook.step("change")
    assert isinstance(change, Step)
    assert (change.kind, change.title, change.tags) == ("code", "Change", ("danger", "idempotent"))
    assert (change.timeout_seconds, change.retries, change.when) == (600, 2, "region == 'eu'")
    assert [(step.checks, step.undoes) for step in runbook.steps[2:4]] == [("change", None), (None, "change")]
    assert [step.kind for step in runbook.steps] == ["code", "code", "code", "code", "manual", "prose"]
    assert [step.index for step in runbook.steps] == list(range(6))
    assert runbook.step("nobody") is None


def test_a_second_step_of_parameters_names_the_first() -> None:
    (reason,) = refusals('# %% tags=["parameters"]\na: int = 1', '# %% tags=["parameters"]\nb: int = 2')
    assert reason.code == "step.tags"
    assert reason.message.startswith("a second step tagged `parameters`; the first is on line ")


def test_a_taken_name_says_where() -> None:
    (reason,) = refusals('# %% name="a"\nx = 1', '# %% name="a"\nx = 1')
    assert reason.code == "step.name"
    assert reason.message.startswith("the name 'a' is taken by the step on line ")
    assert reason.hint == "give each step a name of its own"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("", "`undoes`: there is no step 'a'"),
        ('# %% [markdown] name="a"\n# x', "`undoes`: 'a' is not a step that does something"),
        ('# %% name="a" tags=["frozen"]\nx = 1', "`undoes`: 'a' is not a step that does something"),
    ],
)
def test_a_target_that_cant_be_undone_is_named(target: str, message: str) -> None:
    (reason,) = refusals(*filter(None, [target]), '# %% undoes="a"\nx = 1')
    assert (reason.code, reason.message) == ("step.undoes", message)
    assert reason.hint == "name the step that it undoes, as `name=` says it"


def test_a_derived_name_can_be_a_target() -> None:
    assert runbook_of("# %% Restart\nx = 1", '# %% undoes="restart"\nx = 1').steps[1].undoes == "restart"


def test_a_manual_step_can_be_undone_and_undo() -> None:
    runbook_of(
        '# %% [markdown] name="a" tags=["manual"]\n# x',
        '# %% [markdown] name="b" tags=["manual"] undoes="a"\n# x',
    )


def test_when_may_not_name_a_secret() -> None:
    (reason,) = refusals(
        '# %% tags=["parameters"]\nfrom runbook.kit import Secret, secret\n'
        'token: Secret = secret("env:TOKEN")',
        "# %% when=\"token == 'x'\"\nx = 1",
    )
    assert reason.code == "step.when"
    assert "'token' is neither a parameter that is not secret nor `environment`" in reason.message


def test_only_idempotent_steps_are_tried_again() -> None:
    (reason,) = refusals("# %% retries=3\nx = 1")
    assert reason.code == "step.option"
    assert reason.message == (
        "`retries` on a step that is not tagged `idempotent`: nothing else may be repeated by itself"
    )
