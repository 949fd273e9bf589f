"""The supervisor's own check of an edited step: a terminal can send it anything."""

import textwrap
from collections.abc import Callable

import pytest

from runbook.approval import trust as trusting
from runbook.approval.decision import require_recovery
from runbook.approval.trusted import Trust
from runbook.errors import InputError
from runbook.execution.actions import Edit, Run
from runbook.execution.deviating import are_allowed, require_fit, step_of
from runbook.execution.plan import Plan
from runbook.execution.questions import Answer, Question
from runbook.system import clock
from tests.execution.staging import Script, Stage
from tests.keys import Key
from tests.program import made_workspace
from tests.text.builders import HEADER

TEXT = """
    # %% name="parameters" tags=["parameters"]
    host: str = "web1"

    # %% a tags=["read-only"] name="a"
    print("a")

    # %% [markdown] name="tell" tags=["manual"]
    # Tell them.
    """

ANYWHERE = HEADER.replace("#   environments: [staging, prod]\n", "")


def question(step: str = "a") -> Question:
    return Question(number=1, step=step, asks="start", choices=("edit",), words="?")


def refusal(
    plan: Plan,
    source: str | None,
    *,
    step: str = "a",
    holding: Callable[[bytes], str | None] | None = None,
) -> str:
    answer = Answer(question=1, choice="edit", words="why", source=source)
    with pytest.raises(InputError) as caught:
        require_fit(plan, question(step), answer, holding=holding)
    return caught.value.message


def test_what_the_reader_takes_in_the_steps_place_fits(stage: Stage) -> None:
    plan = stage.prepare(TEXT, unattended=False)
    answer = Answer(question=1, choice="edit", words="why", source="print('b')\nprint('c')")
    require_fit(plan, question(), answer)
    assert are_allowed(plan)


@pytest.mark.parametrize("how", [{"unattended": True, "x": 1}, {"unattended": False, "dry_run": True}])
def test_1_unattended_and_dry_runs_take_no_edit(stage: Stage, how: dict[str, object]) -> None:
    text = TEXT.partition("# %% [markdown]")[0]
    plan = stage.prepare(text, unattended=bool(how["unattended"]), dry_run="dry_run" in how)
    assert not are_allowed(plan)
    assert refusal(plan, "print('b')") == "steps may not be edited in this run"


@pytest.mark.parametrize("step", ["parameters", "injected-parameters", "tell"])
def test_2_what_is_no_code_or_gives_parameters_is_not_edited(stage: Stage, step: str) -> None:
    plan = stage.prepare(TEXT, unattended=False, host="web2")
    assert refusal(plan, "host = 'web3'", step=step)


@pytest.mark.parametrize(
    "source",
    ["", None, "print(", "1\n# %% b\n2", "print('\u202e')", "x = '''", "a = 1\ud800"],
)
def test_3_what_the_reader_would_not_take_is_not_run(stage: Stage, source: str | None) -> None:
    assert refusal(stage.prepare(TEXT, unattended=False), source)


def test_3_an_edit_is_not_longer_than_a_message_holds(stage: Stage) -> None:
    assert "bytes at most" in refusal(stage.prepare(TEXT, unattended=False), "# " + "x\n# " * 7000)


def ruled(stage: Stage, words: str) -> None:
    """The policy's rule for scratch, where nobody has to approve, says this instead."""
    policy = stage.root / ".runbook/policy.toml"
    rule = 'environments = ["scratch"]\napprovals = 0\n'
    assert policy.read_text().count(rule) == 1
    policy.write_text(policy.read_text().replace(rule, f'environments = ["scratch"]\n{words}\n'))


def test_4_magics_run_only_where_policy_lets_them(stage: Stage, alice: Key) -> None:
    made_workspace(stage.root, alice)
    answer = Answer(question=1, choice="edit", words="why", source="!ls")
    require_fit(stage.prepare(TEXT, unattended=False), question(), answer)
    ruled(stage, "approvals = 0\nmagics = false")
    assert "magics" in refusal(stage.prepare(TEXT, unattended=False), "!ls")


def test_nothing_is_edited_where_policy_refuses_it(stage: Stage, alice: Key) -> None:
    """Argument 1 of `are_allowed`."""
    made_workspace(stage.root, alice)
    assert are_allowed(stage.prepare(TEXT, unattended=False))
    ruled(stage, 'approvals = 0\ndeviations = "refuse"')
    plan = stage.prepare(TEXT, unattended=False)
    assert not are_allowed(plan)
    assert refusal(plan, "print('b')") == "steps may not be edited in this run"


def test_nothing_is_edited_once_the_text_may_only_undo_and_look(stage: Stage, alice: Key) -> None:
    """Argument 4 of `are_allowed`: the policy of today would not let this run begin."""
    made_workspace(stage.root, alice)
    plan = stage.prepare(ANYWHERE + textwrap.dedent(TEXT), unattended=False)
    then = trusting.load_or_refusal(stage.workspace, env=stage.around.env)
    ruled(stage, "approvals = 1")
    today = trusting.load_or_refusal(stage.workspace, env=stage.around.env)
    assert isinstance(then, Trust)
    now = clock.now()
    permission = require_recovery(plan.permission.request, then, today, began=now, now=now)

    assert permission.deviations
    lapsed = Plan(permission, plan.record, steps=plan.steps, values=plan.values, trust=plan.trust)
    assert not are_allowed(lapsed)


def test_5_a_secret_is_not_written_into_a_step(stage: Stage) -> None:
    def holding(data: bytes) -> str | None:
        return "token" if b"correct horse" in data else None

    plan = stage.prepare(TEXT, unattended=False)
    assert refusal(plan, "print('correct horse')", holding=holding) == "it holds the secret token"


def test_an_edited_step_does_not_merely_look_any_more(stage: Stage) -> None:
    plan = stage.prepare(TEXT, unattended=False)
    assert step_of(plan, Run(step="a", attempt=1, by="me")).has("read-only")
    edited = step_of(plan, Run(step="a", attempt=1, by="me", edit=Edit(source="x", words="y", by="me")))
    assert not edited.has("read-only")
    assert edited.cell.source == "x"


def test_the_supervisor_refuses_what_a_terminal_did_not_check(stage: Stage) -> None:
    said = iter(
        [
            Answer(question=1, choice="edit", words="why", source="1\n# %% more\n2"),
            Answer(question=1, choice="edit", words="", source="print('b')"),
            Answer(question=1, choice="run", words="", source="print('b')"),
            Answer(question=1, choice="edit", words="why", source="print('b')"),
        ]
    )

    class Liar(Script):
        def ask(self, question: Question, wake: int) -> Answer:
            return next(said)

    shown = Liar()
    with stage.start(stage.plan("# %% a\nprint('a')\n", unattended=False)) as session:
        result = session.drive(shown)

    assert result.outcome == "deviated"
    assert [words.split(" (")[0] for words in shown.heard] == [
        "it changes more than this step's code",
        "'edit' needs a reason in words",
        "an edited step goes with `edit`, and with nothing else",
    ]
    assert shown.texts() == "b\n"
