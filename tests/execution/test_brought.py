"""What a plan brings along, and where it is put."""

from pathlib import Path

import msgspec
import pytest

from runbook.errors import RefusedError, StorageError
from runbook.evidence.folder import ExecutionFolder
from runbook.execution import brought, plan_folder
from runbook.execution.plan import Plan
from runbook.system import clock
from tests.execution.staging import Script, Stage
from tests.stories.test_reach import header, rewrite, run


def planned(stage: Stage) -> Path:
    (stage.root / "a.txt").write_text("planned\n")
    return stage.plan(header("title: T", "includes:", "  paths: [a.txt]") + "# %% a\n1\n")


def test_1_work_must_be_empty(stage: Stage) -> None:
    execution = planned(stage)
    (execution / "work/.hidden").write_text("")
    with pytest.raises(RefusedError, match=r"work/\.hidden was put there"):
        brought.lay_out(ExecutionFolder(execution), load(stage, execution).includes)


def load(stage: Stage, execution: Path) -> Plan:
    return plan_folder.load(execution, workspace=stage.workspace, around=stage.around, now=clock.now())


def test_2_what_was_decided_on_is_laid_out_whatever_happens_to_the_copy(stage: Stage) -> None:
    execution = planned(stage)
    plan = load(stage, execution)
    rewrite(execution / "includes/a.txt", "edited\n")
    brought.lay_out(ExecutionFolder(execution), plan.includes)

    assert (execution / "work/a.txt").read_text() == "planned\n"


def test_what_can_not_be_laid_out_whole_is_taken_away_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = planned(stage)
    plan = load(stage, execution)

    def full(*_: object, **__: object) -> None:
        (execution / "work/a.txt").write_text("pl")
        raise StorageError("No space left on device")

    monkeypatch.setattr("runbook.evidence.included.lay_out", full)
    with pytest.raises(StorageError):
        brought.lay_out(ExecutionFolder(execution), plan.includes)
    assert list((execution / "work").iterdir()) == []
    monkeypatch.undo()
    with stage.start(execution) as session:
        assert session.drive(Script()).outcome == "succeeded"


def test_modules_are_found_beside_the_runbook_first(stage: Stage) -> None:
    execution = planned(stage)
    folder = ExecutionFolder(execution)
    record, _ = plan_folder.read_record(folder)
    nested = msgspec.structs.replace(record, runbook="runbooks/web/x.py")

    assert brought.importable(folder, record) == (folder.includes,)
    assert brought.importable(folder, nested) == (folder.includes / "runbooks/web", folder.includes)
    assert brought.importable(folder, msgspec.structs.replace(record, includes=())) == ()


def test_an_installed_module_is_not_replaced_by_an_included_one(stage: Stage) -> None:
    (stage.root / "json.py").write_text("planted = True\n")
    (stage.root / "msgspec.py").write_text("planted = True\n")
    text = header("title: T", "includes:", "  paths: ['*.py']") + (
        "# %% a\nimport json, msgspec\nprint(hasattr(json, 'planted'), hasattr(msgspec, 'planted'))\n"
    )
    assert run(stage, text) == ("succeeded", "False False\n")
