import time
from pathlib import Path

from runbook.evidence import derive, summary
from runbook.system import files
from tests.evidence.builders import BEGAN, Told, whole_run


def test_a_sealed_run_is_summed_up_from_its_seal(tmp_path: Path) -> None:
    folder = whole_run(tmp_path)
    derive.conclude(folder, now=BEGAN)
    folder.journal.unlink()  # not looked at
    found = summary.summary(folder)
    assert (found.outcome, found.sealed, found.alive, found.problem) == ("succeeded", True, False, None)
    assert (found.runbook, found.title) == ("runbooks/web/restart.py", "Restart the web tier")
    assert [(step.name, step.state, step.ms) for step in found.steps] == [
        ("health", "succeeded", 750),
        ("announce", "attested", None),
        ("restart", "succeeded", 750),
    ]


def test_a_run_at_work_tells_its_step_its_question_and_its_processes(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.kernel()
    told.run("health")
    told.begin("restart")
    told.tell("question", question=1, step="restart", asks="input", choices=[], words="Which host?")
    with files.locked(told.folder.lock):
        found = summary.summary(told.folder)
    assert (found.alive, found.outcome, found.ended) == (True, None, None)
    assert (found.running, found.waiting) == ("restart", "Which host?")
    assert (found.supervisor, found.kernel) == (4711, 4712)
    assert [step.state for step in found.steps] == ["succeeded", "pending", "running"]


def test_a_run_whose_supervisor_is_gone_is_unknown(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.begin("restart")
    found = summary.summary(told.folder)
    assert (found.alive, found.outcome, found.running, found.supervisor) == (False, "unknown", None, None)
    assert [step.state for step in found.steps] == ["pending", "pending", "unknown"]


def test_a_plan_that_never_ran_is_pending(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.folder.journal.unlink()
    found = summary.summary(told.folder)
    assert (found.started, found.outcome, found.sealed) == (None, None, False)
    assert {step.state for step in found.steps} == {"pending"}


def test_a_damaged_execution_is_listed_with_its_problem(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.folder.plan.write_text("{}")
    assert summary.summary(told.folder).problem is not None
    (found,) = summary.summaries(tmp_path)
    assert (found.outcome, found.sealed) == ("unknown", False)
    assert "plan.json" in (found.problem or "")


def test_a_broken_journal_is_listed_with_its_line(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.run("health")
    told.folder.journal.write_bytes(told.folder.journal.read_bytes().replace(b"alice", b"mally"))
    found = summary.summary(told.folder)
    assert found.outcome == "unknown"
    assert (found.problem or "").startswith("journal.jsonl:3: the chain breaks here: the line before is not")


def test_many_sealed_runs_are_listed_quickly(tmp_path: Path) -> None:
    folder = whole_run(tmp_path)
    derive.conclude(folder, now=BEGAN)
    before = time.process_time()
    for _ in range(100):
        summary.summary(folder)
    assert time.process_time() - before < 1.0
