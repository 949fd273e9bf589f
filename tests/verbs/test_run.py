"""`run` and `plan` without a screen: values from everywhere, every problem at once, no plan without a yes."""

from pathlib import Path

import pytest

from runbook.errors import NotFoundError, NotPermitted, ParameterError, TextRefused, UsageError
from runbook.evidence.folder import ExecutionFolder
from runbook.execution.plan import Plan, Terms
from runbook.verbs import run
from runbook.verbs.history import Filter, history, living
from tests.keys import Key
from tests.verbs.desk import NAME, NOW, Desk

TEXT = """\
# %% name="parameters" tags=["parameters"]
host: str  # the host
count: int
ratio: float = 1.0

# %% go
print(host, count, ratio)
"""


def gathered(
    desk: Desk, *arguments: str, files: tuple[str, ...] = (), env: dict[str, str] | None = None
) -> run.Ready:
    desk.write("runbooks/p.py", TEXT)
    values = run.Values(arguments=arguments, files=files, from_environment=env is not None)
    return run.gather(desk.workspace, "p", values, around=desk.with_env(**(env or {})))


def planned(desk: Desk, ready: run.Ready, *, environment: str = "scratch") -> Plan:
    terms = Terms(environment=environment, unattended=True)
    return run.make_plan(desk.workspace, ready, terms, around=desk.around, now=NOW)


def test_values_come_from_environment_file_and_command_line(desk: Desk) -> None:
    desk.write("v.yaml", "count: 3\n")

    ready = gathered(desk, "ratio=2.5", files=("v.yaml",), env={"RUNBOOK_PARAM_HOST": "web1"})

    assert [(each.name, each.origin) for each in ready.given] == [
        ("host", "environment"),
        ("count", "file v.yaml"),
        ("ratio", "command line"),
    ]
    assert ready.missing == ()
    assert [value.literal for value in planned(desk, ready).record.values] == ["'web1'", "3", "2.5"]


def test_what_nobody_gave_is_missing(desk: Desk) -> None:
    assert [each.name for each in gathered(desk, "count=1").missing] == ["host"]


def test_every_problem_with_the_values_is_told_at_once(desk: Desk) -> None:
    with pytest.raises(ParameterError) as caught:
        gathered(desk, "host", "hots=web1", "count=many")
    told = "\n".join(caught.value.problems)
    assert "'host' is not NAME=VALUE" in told
    assert "'hots' is not a parameter of this runbook" in told
    assert "did you mean host?" in told
    assert "count: 'many' is not int" in told
    assert "host: is required and nobody gave it" in told
    assert caught.value.subject == "runbooks/p.py"


def test_a_text_that_is_refused_has_no_values(desk: Desk) -> None:
    desk.write("runbooks/p.py", TEXT + "# \u202e\n")

    with pytest.raises(TextRefused):
        run.gather(desk.workspace, "p", run.Values(), around=desk.around)


def test_whoever_may_not_run_it_is_not_asked_for_values(desk: Desk) -> None:
    ready = gathered(desk)
    terms = Terms(environment="nowhere", unattended=False)

    with pytest.raises(NotPermitted, match=r"no rule of the policy is about runbooks/p\.py in nowhere"):
        run.require_chance(desk.workspace, ready, terms, around=desk.around, now=NOW)


def test_whoever_may_run_it_is(desk: Desk) -> None:
    terms = Terms(environment="scratch", unattended=False)

    run.require_chance(desk.workspace, gathered(desk), terms, around=desk.around, now=NOW)


def test_the_environment_has_a_default_but_for_unattended_runs(desk: Desk) -> None:
    assert run.environment(desk.workspace, None, unattended=False) == "scratch"
    assert run.environment(desk.workspace, "prod", unattended=True) == "prod"
    with pytest.raises(UsageError, match="must say where it runs") as caught:
        run.environment(desk.workspace, None, unattended=True)
    assert caught.value.hint == "add --env scratch, or the environment you mean"


def test_a_plan_is_written_where_executions_are_kept(desk: Desk) -> None:
    plan = planned(desk, gathered(desk, "host=web1", "count=1"))
    execution = run.write_plan(desk.workspace, plan, around=desk.around)

    assert execution.parent.parent == desk.root / "executions"
    assert (execution / "runbook.py").read_text() == TEXT
    assert not ExecutionFolder(execution).start.exists()


def test_a_refused_plan_leaves_no_folder(desk: Desk, alice: Key) -> None:
    desk.approve(alice)
    desk.edit("changing", "really changing")
    ready = run.gather(desk.workspace, NAME, run.Values(), around=desk.around)

    with pytest.raises(NotPermitted) as caught:
        planned(desk, ready, environment="prod")
    verdict = caught.value.verdict
    assert [each.code for each in verdict.not_counted] == ["approval.stale"]  # type: ignore[attr-defined]  # a Verdict
    assert list((desk.root / "executions").iterdir()) == [desk.root / "executions/README.md"]


def test_history_holds_what_was_planned_and_filters_it(desk: Desk) -> None:
    first = run.write_plan(
        desk.workspace, planned(desk, gathered(desk, "host=a", "count=1")), around=desk.around
    )
    ready = run.gather(desk.workspace, NAME, run.Values(), around=desk.around)
    second = run.write_plan(desk.workspace, planned(desk, ready), around=desk.around)

    def ids(**wanted: object) -> set[str]:
        found = history(desk.workspace, Filter(**wanted), around=desk.around)  # type: ignore[arg-type]  # a filter's
        return {each.id for each in found}

    assert ids() == {first.name, second.name}
    assert ids(runbook=NAME) == {second.name}
    assert ids(environment="prod") == set()
    assert ids(outcome="succeeded") == set()
    assert len(ids(most=1)) == 1
    assert living(desk.workspace) == ()


def test_a_folder_that_cannot_be_read_is_in_the_history_with_its_problem(desk: Desk) -> None:
    desk.write("executions/2026-11/20261121T001205Z-restart-7f3a9c/plan.json", "{")

    (row,) = history(desk.workspace, Filter(), around=desk.around)

    assert row.outcome == "unknown"
    assert row.problem is not None


def test_a_file_of_values_that_is_missing_is_named(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nope\.yaml"):
        gathered(desk, files=(str(tmp_path / "nope.yaml"),))
