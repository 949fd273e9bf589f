"""Plans: what will run, what never will, and what a plan on disk is worth."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from runbook.approval.decision import Request, decide
from runbook.approval.trusted import Trust
from runbook.errors import (
    FormatError,
    InputError,
    NotFoundError,
    NotPermitted,
    ParameterError,
    RefusedError,
    RunbookError,
    UsageError,
)
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal
from runbook.evidence.planned import Selection
from runbook.execution import plan_folder, registry
from runbook.execution.plan import Facts, Plan, make_plan
from runbook.execution.prepare import passed_environment
from runbook.system import clock
from tests.execution.staging import Script, Stage
from tests.keys import Key
from tests.program import made_workspace, program

SELECTABLE = """
    # %% tags=["parameters"]
    n: int = 1
    # %% prepare name="prepare" tags=["setup"]
    base = 10
    # %% one name="one" tags=["first"]
    print("one")
    # %% two name="two" tags=["second"]
    print("two")
    # %% is-two name="is-two" checks="two" tags=["read-only"]
    print("two is fine")
    # %% three name="three" tags=["second"]
    print("three")
    # %% back name="back" undoes="two"
    print("back")
"""


def wills(plan: Plan) -> dict[str, str]:
    return {step.name: f"{step.will} {step.why}".strip() for step in plan.record.steps}


def load(stage: Stage, execution: Path, *, later: timedelta = timedelta()) -> Plan:
    return plan_folder.load(
        execution, workspace=stage.workspace, around=stage.around, now=clock.now() + later
    )


def test_everything_runs_but_what_undoes(stage: Stage) -> None:
    plan = stage.prepare(SELECTABLE)

    assert wills(plan) == {
        "step-1": "run",
        "prepare": "run",
        "one": "run",
        "two": "run",
        "is-two": "run",
        "three": "run",
        "back": "skip undo",
    }


@pytest.mark.parametrize(
    ("selection", "runs"),
    [
        (Selection(only=("one",)), {"one"}),
        (Selection(only=("two",)), {"two", "is-two"}),
        (Selection(only=("is-two",)), {"is-two"}),
        (Selection(start="two"), {"two", "is-two", "three"}),
        (Selection(end="two"), {"one", "two", "is-two"}),
        (Selection(start="two", end="two"), {"two", "is-two"}),
        (Selection(tags=("second",)), {"two", "is-two", "three"}),
        (Selection(tags=("second",), end="two"), {"two", "is-two"}),
    ],
)
def test_selection_keeps_parameters_setup_and_checks(
    stage: Stage, selection: Selection, runs: set[str]
) -> None:
    plan = stage.prepare(SELECTABLE, selection=selection)

    running = {name for name, will in wills(plan).items() if will == "run"}
    assert running == runs | {"step-1", "prepare"}
    assert plan.record.selection == selection.said


def test_a_selection_of_what_is_not_there_offers_the_closest(stage: Stage) -> None:
    with pytest.raises(NotFoundError, match="no step of this runbook has this name") as missing:
        stage.prepare(SELECTABLE, selection=Selection(only=("tow",)))
    assert missing.value.hint == "did you mean two?"
    with pytest.raises(NotFoundError, match="no step of this runbook has this tag") as tag:
        stage.prepare(SELECTABLE, selection=Selection(tags=("third",)))
    assert tag.value.hint == "there are: first, parameters, read-only, second, setup"


def test_a_selection_that_leaves_nothing_or_an_undo_is_refused(stage: Stage) -> None:
    with pytest.raises(UsageError, match="this selection leaves no step"):
        stage.prepare(SELECTABLE, selection=Selection(start="three", end="one"))
    with pytest.raises(UsageError, match="back undoes two: it never runs by itself"):
        stage.prepare(SELECTABLE, selection=Selection(only=("back",)))


@pytest.mark.parametrize("text", ["", "# %% [markdown]\n# Only said.\n"], ids=["empty", "prose"])
def test_a_text_without_anything_to_run_is_not_called_a_selection(stage: Stage, text: str) -> None:
    with pytest.raises(InputError, match="nothing to run in it") as nothing:
        stage.prepare(text)
    assert nothing.value.hint == "write a step below a line `# %% What it does`"


def test_when_frozen_and_dry_run_are_said_beforehand(stage: Stage) -> None:
    text = """
        # %% tags=["parameters"]
        n: int = 1
        # %% look name="look" tags=["read-only"]
        # %% act name="act"
        # %% never name="never" tags=["frozen"]
        # %% many name="many" when="n > 3" tags=["read-only"]
        # %% check name="check" checks="act" tags=["read-only"]
        # %% [markdown] name="tell" tags=["manual"]
        # Tell them.
    """
    interactive = stage.prepare(text, unattended=False)
    assert wills(interactive) == {
        "step-1": "run",
        "look": "run",
        "act": "run",
        "never": "skip frozen",
        "many": "skip when",
        "check": "run",
        "tell": "ask manual",
    }
    dry = stage.prepare(text, dry_run=True)
    assert wills(dry) == {
        "step-1": "run",
        "look": "run",
        "act": "skip dry-run",
        "never": "skip frozen",
        "many": "skip when",
        "check": "skip checks",
        "tell": "skip dry-run",
    }


def test_a_manual_step_refuses_an_unattended_run_before_the_start(stage: Stage) -> None:
    text = """
        # %% [markdown] name="tell" tags=["manual"]
        # Tell them.
        # %% a name="a"
    """
    with pytest.raises(RefusedError, match="nobody is there to do its manual steps: tell") as refused:
        stage.prepare(text)
    assert refused.value.hint == "run it without --unattended"
    assert wills(stage.prepare(text, selection=Selection(only=("a",))))["tell"] == "skip selection"


def test_wrong_values_are_told_all_at_once(stage: Stage) -> None:
    text = '# %% tags=["parameters"]\nn: int\nhost: str\n# %%\nprint(n)\n'
    with pytest.raises(ParameterError) as wrong:
        stage.prepare(text, n="many", hots="x")
    assert len(wrong.value.problems) == 3


def test_a_plan_needs_a_permission() -> None:
    """The forbidden call can't be written: neither by hand nor with a verdict."""
    verdict = decide(Request(data=b"# %%\n1\n", path="x.py"), Trust.none(), now=clock.now())
    for thing in (None, verdict, object()):
        with pytest.raises(TypeError, match="a plan needs a Permission"):
            Plan(thing, None, steps=(), values=(), trust=())  # type: ignore[arg-type]  # that is the test
    with pytest.raises((TypeError, AttributeError)):
        make_plan(verdict, values=(), trust=(), terms=None, facts=Facts)  # type: ignore[arg-type]  # and this


def test_a_plan_read_back_is_the_same(stage: Stage) -> None:
    execution = stage.plan(SELECTABLE, n="7", selection=Selection(start="one", tags=("second",)))

    plan = load(stage, execution)

    assert plan.record == plan_folder.read_record(ExecutionFolder(execution))[0]
    assert [value.value for value in plan.values] == [7]
    assert (execution / "runbook.py").read_bytes() == plan.source
    assert oct((execution / "runbook.py").stat().st_mode)[-3:] == "644"


def test_one_plan_one_folder(stage: Stage) -> None:
    plan = stage.prepare(SELECTABLE)
    plan_folder.write(plan, stage.root / "executions", state=stage.around.state_folder)
    with pytest.raises(RunbookError, match="is there already and is never overwritten"):
        plan_folder.write(plan, stage.root / "executions", state=stage.around.state_folder)


def edit(execution: Path, **changes: object) -> None:
    path = execution / "plan.json"
    plan = json.loads(path.read_text())
    assert set(changes) <= set(plan)
    path.write_text(json.dumps({**plan, **changes}, sort_keys=True, separators=(",", ":")) + "\n")


def forget(stage: Stage) -> None:
    """As on another machine, or for another user: the plan is not known here."""
    shutil.rmtree(stage.around.state_folder)


def remember_as_it_lies(stage: Stage, execution: Path) -> None:
    """As if the memory had been edited together with the plan."""
    forget(stage)
    folder = ExecutionFolder(execution)
    registry.remember(stage.around.state_folder, folder, folder.plan.read_bytes())


def test_an_edited_plan_is_refused(stage: Stage) -> None:
    """Argument 1 of `plan_folder.load`."""
    execution = stage.plan(SELECTABLE)
    edit(execution, operator="mallory")
    with pytest.raises(RefusedError, match=r"plan\.json is not what it was when it was written"):
        load(stage, execution)


def test_a_plan_of_elsewhere_is_refused(stage: Stage) -> None:
    """Argument 1 of `plan_folder.load`: it may claim any operator, host and commit, and have run there."""
    execution = stage.plan(SELECTABLE)
    edit(execution, operator="mallory", host="elsewhere", commit="0" * 40)
    forget(stage)
    with pytest.raises(RefusedError, match="this user has not written this plan here") as refused:
        load(stage, execution)
    assert str(refused.value.hint).startswith("plan it again here, with the same values")
    with pytest.raises(RefusedError, match="this user has not written this plan here"):
        stage.start(execution)
    assert not (execution / "start.txt").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"interpreter": "/tmp/evil"}, "interpreter"),
        ({"steps": []}, "steps"),
        ({"approved": True}, "approved"),
        ({"variables": ["SECRET"]}, "variables"),
        ({"text": "sha256:" + "0" * 64}, "text"),
        ({"title": "Something else"}, "title"),
        ({"workspace": "urn:uuid:1"}, "workspace"),
        ({"trust": "dir:/etc/runbook"}, "trust"),
        ({"values_digest": "sha256:" + "0" * 64}, "values in plan.json are not those of its digest"),
    ],
)
def test_an_edited_plan_is_refused_also_when_the_memory_was_edited_too(
    stage: Stage, change: dict[str, object], words: str
) -> None:
    """Argument 6 of `plan_folder.load`: planned again, it must say the same."""
    execution = stage.plan(SELECTABLE)
    load(stage, execution)
    edit(execution, **change)
    remember_as_it_lies(stage, execution)
    with pytest.raises(RefusedError) as refused:
        load(stage, execution)
    assert words in refused.value.message


def test_an_edited_text_is_decided_again(stage: Stage) -> None:
    """Argument 4 of `plan_folder.load`."""
    execution = stage.plan(SELECTABLE)
    text = execution / "runbook.py"
    text.write_text(text.read_text().replace('print("one")', 'print("won")'))
    with pytest.raises(RefusedError, match=r"plan\.json does not say what its runbook and values say"):
        load(stage, execution)
    text.write_text("# %%\n\N{RIGHT-TO-LEFT OVERRIDE}x = 1\n")
    with pytest.raises(NotPermitted):
        load(stage, execution)


def test_a_copied_folder_is_refused(stage: Stage) -> None:
    """Argument 1 of `plan_folder.load`: another name, and the same name elsewhere."""
    execution = stage.plan(SELECTABLE)
    renamed = execution.with_name(execution.name[:-6] + "abcdef")
    shutil.copytree(execution, renamed)
    with pytest.raises(RefusedError, match=f"the plan in this folder is {execution.name}'s") as copied:
        stage.start(renamed)
    assert copied.value.hint == "a copied plan does not run"
    elsewhere = stage.root / "other" / execution.name
    shutil.copytree(execution, elsewhere)
    with pytest.raises(RefusedError, match="this execution's folder was copied or moved"):
        stage.start(elsewhere)
    with stage.start(execution) as session:
        assert session.drive(Script()).outcome == "succeeded"


def test_a_spent_plan_put_back_in_a_fresh_folder_stays_spent(stage: Stage) -> None:
    """Argument 2 of `plan_folder.load`: what is remembered lies outside the folder."""
    execution = stage.plan(SELECTABLE)
    kept = stage.root / "kept"
    shutil.copytree(execution, kept)
    with stage.start(execution) as session:
        session.drive(Script())
    shutil.rmtree(execution)
    shutil.copytree(kept, execution)
    with pytest.raises(RefusedError, match="this plan has been run: a plan runs once"):
        stage.start(execution)


def test_of_two_who_spend_a_plan_one_wins(stage: Stage) -> None:
    execution = ExecutionFolder(stage.plan(SELECTABLE))
    registry.spend(stage.around.state_folder, execution, b"plan")
    with pytest.raises(RefusedError, match="a plan runs once"):
        registry.spend(stage.around.state_folder, execution, b"plan")
    registry.give_back(stage.around.state_folder, execution)
    registry.spend(stage.around.state_folder, execution, b"plan")


def test_a_plan_expires(stage: Stage) -> None:
    """Argument 3 of `plan_folder.load`."""
    execution = stage.plan(SELECTABLE)
    load(stage, execution, later=timedelta(hours=23))
    with pytest.raises(RefusedError, match="this plan has expired at") as expired:
        load(stage, execution, later=timedelta(hours=24, seconds=2))
    assert expired.value.hint == "plan it again"


@pytest.mark.parametrize(
    ("created", "expires"),
    [
        ("2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"),
        ("2098-12-31T12:00:00Z", "2099-01-01T00:00:00Z"),
    ],
)
def test_a_plan_can_not_give_itself_a_longer_life(stage: Stage, created: str, expires: str) -> None:
    """Argument 3 of `plan_folder.load`."""
    execution = stage.plan(SELECTABLE)
    edit(execution, created=created, expires=expires)
    remember_as_it_lies(stage, execution)
    with pytest.raises(RefusedError, match=f"lives until {expires}, and none does"):
        load(stage, execution)


def test_a_plan_with_a_time_that_is_none_is_refused(stage: Stage) -> None:
    execution = stage.plan(SELECTABLE)
    edit(execution, expires="tomorrow")
    remember_as_it_lies(stage, execution)
    with pytest.raises(FormatError, match="not a time"):
        load(stage, execution)


def test_a_plan_of_another_policy_is_refused(stage: Stage, alice: Key) -> None:
    """Argument 5 of `plan_folder.load`: the evidence must hold the trust that decided."""
    made_workspace(stage.root, alice)
    execution = stage.plan(SELECTABLE)
    assert (execution / "trust/policy.toml").read_bytes() == (
        stage.root / ".runbook/policy.toml"
    ).read_bytes()
    load(stage, execution)
    with (stage.root / ".runbook/policy.toml").open("a") as policy:
        policy.write("\n# a remark\n")
    with pytest.raises(RefusedError, match=r"policy\.toml is not what it was when this was planned"):
        load(stage, execution)


def test_an_approved_runbook_runs_in_prod_and_a_stale_one_never_starts(stage: Stage, alice: Key) -> None:
    made_workspace(stage.root, alice)
    (stage.root / "runbooks").mkdir(exist_ok=True)
    said = program(stage.root, "create", "Touch it")
    assert said.code == 0, said.err
    path = next(path for path in (stage.root / "runbooks").glob("*.py") if "touch" in path.name)
    header = path.read_text().partition("# %%")[0]
    path.write_text(header + '# %% Touch it name="touch" tags=["danger"]\nopen("touched", "w").close()\n')
    shown = program(stage.root, "show", path.stem, "--json").json
    signed = program(
        stage.root,
        "review",
        path.stem,
        "--env",
        "prod",
        "--allow",
        "unattended",
        "--key",
        str(alice.path),
        "--text",
        shown["text"],
    )
    assert signed.code == 0, signed.err
    ran = program(stage.root, "run", path.stem, "--env", "prod", "--unattended", "--json")
    assert ran.json["outcome"] == "succeeded", ran.err
    folder = ExecutionFolder(stage.root / ran.json["execution"])
    record, _ = plan_folder.read_record(folder)
    assert record.approved
    assert (folder.work / "touched").exists()
    answers = [event for event in read_journal(folder).events if event.kind == "answer"]
    assert [(one.text("how"), one.text("by")) for one in answers] == [("approval", alice.principal)]
    assert [one.principal for one in record.counted] == [alice.principal]
    path.write_text(path.read_text() + "# one more\n")
    before = len(list((stage.root / "executions").rglob("plan.json")))
    refused = program(stage.root, "run", path.stem, "--env", "prod", "--unattended")
    assert refused.code == 3
    assert "text" in refused.err
    assert len(list((stage.root / "executions").rglob("plan.json"))) == before


def test_the_kernel_gets_a_short_list_of_variables() -> None:
    env = {"PATH": "/bin", "LC_ALL": "C", "AWS_SECRET": "x", "WEB_REGION": "eu", "PYTHONPATH": "/evil"}
    assert passed_environment(env, ("WEB_REGION",)) == {"PATH": "/bin", "LC_ALL": "C", "WEB_REGION": "eu"}


def test_a_variable_that_the_machine_does_not_pass_refuses(stage: Stage) -> None:
    text = "# ---\n# runbook:\n#   title: T\n#   env: [WEB_REGION]\n# ---\n\n# %%\n1\n"
    assert stage.prepare(text).record.variables == ("WEB_REGION",)
    stage.around.user_config.write_text('variables = ["OTHER"]\n')
    with pytest.raises(RefusedError, match="wants the variable WEB_REGION, which this machine does not pass"):
        stage.prepare(text)


def test_records_are_canonical(stage: Stage) -> None:
    plan = stage.prepare(SELECTABLE)
    data = plan_folder.plan_bytes(plan.record)
    assert data.endswith(b"\n")
    assert json.loads(data) == json.loads(msgspec.json.encode(plan.record))
