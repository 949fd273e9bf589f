"""Every folder of tests/attacks/proposals ends as its name says, for the reason it names."""

import shutil
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from runbook import workspace as workspaces
from runbook.approval.verdict import Verdict
from runbook.decoding import decode_toml
from runbook.errors import FormatError, NotPermitted, RefusedError
from runbook.evidence.folder import ExecutionFolder
from runbook.execution import proposing
from runbook.execution.plan import Plan
from runbook.instants import parse_stamp
from tests.execution.proposal_folders import FOLDER, cases
from tests.execution.staging import Stage

FOLDERS = sorted(path for path in FOLDER.iterdir() if path.is_dir())


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    what: str
    says: str
    now: str
    id: str


def laid_out(stage: Stage, case: Path) -> tuple[Case, ExecutionFolder, datetime]:
    """The case's folder as an execution's, in a workspace with the case's trust files."""
    said = decode_toml((case / "case.toml").read_bytes(), Case, name="case.toml")
    (stage.root / "runbook.toml").write_text("version = 1\n")
    shutil.copytree(case / "trust", stage.root / ".runbook")
    folder = ExecutionFolder(stage.root / "executions/2026-11" / said.id)
    shutil.copytree(case, folder.path, ignore=shutil.ignore_patterns("trust", "case.toml"))
    return said, folder, parse_stamp(said.now)


def planned(stage: Stage, folder: ExecutionFolder, now: datetime) -> Plan:
    here = workspaces.find(stage.root, stage.around)
    return proposing.promote(folder, workspace=here, around=stage.around, now=now)


@pytest.mark.parametrize("case", FOLDERS, ids=lambda folder: folder.name)
def test_it_ends_as_the_folder_s_name_says(stage: Stage, case: Path) -> None:
    said, folder, now = laid_out(stage, case)

    if case.name.startswith("accept-"):
        assert len(planned(stage, folder, now).record.counted) == 2
        assert folder.plan.exists()
        return
    with pytest.raises((RefusedError, FormatError), match=said.says):
        planned(stage, folder, now)
    assert not folder.plan.exists()
    assert not folder.trust.exists()


def test_every_case_has_its_folder_and_the_other_way_round() -> None:
    assert sorted(case.name for case in cases()) == [folder.name for folder in FOLDERS]


def test_the_reasons_why_approvals_do_not_count_are_told(stage: Stage) -> None:
    _, folder, now = laid_out(stage, FOLDER / "refuse-approvals-of-another-plan")
    with pytest.raises(NotPermitted) as refused:
        planned(stage, folder, now)
    verdict = refused.value.verdict
    assert isinstance(verdict, Verdict)
    assert [one.message for one in verdict.not_counted] == ["approves other values than these"] * 2


def test_a_proposal_is_no_plan_and_runs_nothing(stage: Stage) -> None:
    """A kernel runs a `Plan`, a `Plan` needs a `Permission`, and a proposal has none."""
    _, folder, _ = laid_out(stage, FOLDER / "accept-control")
    record, _, _ = proposing.load(folder, now=parse_stamp("2026-11-21T12:00:00Z"))
    with pytest.raises(TypeError, match="a plan needs a Permission"):
        Plan(object(), record, steps=(), values=(), trust=())  # type: ignore[arg-type]  # the forbidden call


def test_of_two_who_run_it_one_wins_and_a_start_that_was_cut_short_is_said(stage: Stage) -> None:
    _, folder, now = laid_out(stage, FOLDER / "accept-control")
    planned(stage, folder, now)
    with pytest.raises(RefusedError, match="is being run by somebody else, or its start was cut short"):
        planned(stage, folder, now)
