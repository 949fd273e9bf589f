"""What common notebook runners write down wrongly, and what is written down here instead.

Defect by defect, and the tests that hold it (here, or in the module named):

1. a timeout, and all cells are "completed": `what_did_not_run_is_not_called_completed`;
   `test_bad_input`: a step that never ends
2. a dead kernel, the same: `what_did_not_run_is_not_called_completed`; `test_kill_kernel`,
   `tests/execution/test_kernel_death`
3. Ctrl-C, the same: `who_interrupted_and_when_is_recorded`; `test_kill_terminal`
4. SIGTERM or kill -9, and the record stays "running": `test_kill_supervisor`, `test_resume`,
   `test_kill_anything`
5. "raises-exception" honoured, then failed: refused in the text (`tests/text/test_marker`)
6. a skipped cell stamped completed: `what_is_skipped_is_called_skipped_and_why`; the tag of notebook
   clients is refused in the text
7. `sys.exit(0)`, success, and yet failed: `a_step_that_exits_ends_the_run_and_says_so_everywhere`
8. an exception handler that stops the run silently: `test_claims_of_success`, `tests/execution/test_kernel`
9. silent successes and hangs: `test_claims_of_success`; the kernel belongs to a process of its own
   (`tests/execution/test_supervisor`), which notices its death (`test_kill_kernel`)
10. code in a parameter's name: `test_bad_input`, `tests/attacks/parameters`
11. templates that reach attributes or leave the folder: `no_name_leads_out_of_the_executions`; there are no
    templates of paths, and those of commands have no attributes (`tests/kit/test_shell_line`)
12. types lost without a word, values guessed: `tests/text/test_values`, `test_types`, `test_literals`
13. parameters found by a regular expression: `tests/text/test_parameters`
14. a file that is seen half written: `nothing_is_seen_before_it_is_whole_nor_…`; `tests/system/test_files`
15. the whole process changes its folder: `a_step_that_changes_its_folder_moves_nobody_else`
16. absolute paths and values in the metadata: `the_record_has_no_path_of_this_machine`
17. an error page of a server taken for a notebook: `a_page_is_not_taken_for_a_notebook`
18. saving costs more the longer the notebook is: `…_nor_written_again_while_steps_run`; `make bench`
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from runbook.evidence.folder import ExecutionFolder
from runbook.execution import lease
from tests.execution.staging import Script, Stage, until
from tests.keys import Key
from tests.program import inside, made_workspace


def cells(execution: Path) -> dict[str, dict[str, Any]]:
    """The record's cells of steps, by name."""
    record = json.loads((execution / "record.ipynb").read_bytes())
    told = {cell["metadata"].get("runbook", {}).get("step"): cell for cell in record["cells"]}
    return {name: cell for name, cell in told.items() if name is not None}


@pytest.mark.parametrize(
    ("source", "options", "state", "outcome"),
    [
        ("while True: pass", " timeout=1", "timed-out", "failed"),
        ("import os; os.kill(os.getpid(), 9)", "", "kernel-died", "failed"),
        ("raise ValueError('no')", "", "failed", "failed"),
    ],
    ids=["timeout", "kernel", "exception"],
)
def test_what_did_not_run_is_not_called_completed(
    stage: Stage, source: str, options: str, state: str, outcome: str
) -> None:
    result, _ = stage.run(f'# %% ends name="ends"{options}\n{source}\n# %% later name="later"\nprint(1)\n')

    told = cells(result.execution)
    assert result.outcome == outcome
    assert {name: cell["metadata"]["runbook"]["state"] for name, cell in told.items()} == {
        "ends": state,
        "later": "pending",
    }
    assert told["later"]["execution_count"] is None
    assert "execution" not in told["later"]["metadata"]
    assert told["later"]["metadata"]["runbook"]["attempts"] == []
    assert "completed" not in (result.execution / "record.ipynb").read_text()
    assert f"**{state}**" in (result.execution / "record.ipynb").read_text()


def test_who_interrupted_and_when_is_recorded(stage: Stage) -> None:
    execution = stage.plan("# %% a\nimport time\nprint('begun', flush=True)\ntime.sleep(60)\n# %% b\n")
    with stage.start(execution) as session:
        until(lambda: b"begun" in ExecutionFolder(execution).journal.read_bytes())
        session.interrupt()
        result = session.drive(shown := Script())

    (interrupted,) = [event for event in shown.events if event.kind == "interrupted"]
    assert (interrupted.text("how"), interrupted.text("by")) == ("interrupt", "alice@here")
    assert [step.state for step in result.steps] == ["interrupted", "pending"]
    assert result.outcome == "stopped"
    assert f"{interrupted.t[11:19]}" in (execution / "audit.md").read_text()


def test_what_is_skipped_is_called_skipped_and_why(stage: Stage) -> None:
    result, _ = stage.run("""
    # %% tags=["parameters"]
    n: int = 1
    # %% many name="many" when="n > 3"
    print("many")
    # %% never name="never" tags=["frozen"]
    print("never")
    # %% last name="last"
    print("last")
    """)

    told = {name: cell["metadata"]["runbook"] for name, cell in cells(result.execution).items()}
    assert {name: (each["state"], each["why"]) for name, each in told.items()} == {
        "step-1": ("succeeded", ""),
        "many": ("skipped", "when"),
        "never": ("skipped", "frozen"),
        "last": ("succeeded", ""),
    }
    assert cells(result.execution)["many"]["outputs"] == []


def test_a_step_that_exits_ends_the_run_and_says_so_everywhere(stage: Stage) -> None:
    result, _ = stage.run("# %% leaves\nimport sys\nsys.exit(0)\n# %% after\nprint(1)\n")

    assert result.outcome == "failed"
    assert [step.state for step in result.steps] == ["failed", "pending"]
    for name in ("record.ipynb", "audit.md"):
        assert "stopped early: 0" in (result.execution / name).read_text()


@pytest.fixture
def ws(tmp_path: Path, alice: Key) -> Path:
    return made_workspace(tmp_path / "w", alice)


@pytest.mark.parametrize("name", ["../../x", "a.__class__.__mro__", "{a.__class__}", "/etc/x", "..\\x"])
def test_no_name_leads_out_of_the_executions(ws: Path, name: str) -> None:
    (ws / "runbooks/x.py").write_text(f"# %% [markdown]\n# # {name}\n\n# %% a\nprint(1)\n")
    before = {path for path in ws.parent.rglob("*") if not path.is_relative_to(ws / "executions")}

    assert inside(ws, "run", "x", "--env", "scratch", "--unattended").code == 0

    after = {path for path in ws.parent.rglob("*") if not path.is_relative_to(ws / "executions")}
    assert after == before
    (execution,) = (each.parent for each in ws.glob("executions/*/*/plan.json"))
    assert execution.name.isascii()
    assert not set(execution.name) & set("/.\\{}")


def test_nothing_is_seen_before_it_is_whole_nor_written_again_while_steps_run(stage: Stage) -> None:
    """The journal alone grows; record, audit and seal come once, behind the last step."""
    execution = stage.plan(
        "\n".join(f"# %% s{n}\nimport os, time\nprint({n})\n" for n in range(20))
        + '\n# %% wait name="wait"\nwhile not os.path.exists("go"):\n    time.sleep(0.02)\n'
    )
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        until(lambda: b'"step":"wait"' in folder.journal.read_bytes())
        first = folder.journal.stat()
        begun = folder.journal.read_bytes()
        assert {each.name for each in execution.iterdir()} - {"spool", "blobs", "trust"} == {
            *("runbook.py", "plan.json", "start.txt", "journal.jsonl", "work", "supervisor.lock"),
        }
        (folder.work / "go").touch()
        result = session.drive(Script())

    assert result.sealed
    assert folder.journal.stat().st_ino == first.st_ino
    assert folder.journal.read_bytes().startswith(begun[: begun.rindex(b"\n") + 1])
    assert not [each for each in execution.iterdir() if each.name.startswith(".")]


def test_a_step_that_changes_its_folder_moves_nobody_else(stage: Stage) -> None:
    here = Path.cwd()
    execution = stage.plan(
        """
        # %% moves
        import os
        os.chdir("/usr")
        print("now in", os.getcwd())
        # %% stays name="stays"
        import time
        while not os.path.exists(f"{os.environ['HOME']}/go"):
            time.sleep(0.02)
        print("still in", os.getcwd())
        """
    )
    go = Path(stage.around.env["HOME"]) / "go"
    try:
        with stage.start(execution) as session:
            until(lambda: b"now in /usr" in ExecutionFolder(execution).journal.read_bytes())
            supervisor = lease.read(ExecutionFolder(execution)).supervisor
            if Path("/proc/self/cwd").exists():
                assert os.readlink(f"/proc/{supervisor}/cwd") == "/"
            go.touch()
            result = session.drive(shown := Script())
    finally:
        go.unlink(missing_ok=True)

    assert Path.cwd() == here
    assert "still in /usr" in shown.texts()  # the session is one: what a step does there stays done
    assert result.sealed


def test_the_record_has_no_path_of_this_machine(stage: Stage) -> None:
    result, _ = stage.run(
        '# %% tags=["parameters"]\nhost: str = "web1"\n# %% a\nprint(host)\n# %% b\n1 / 0\n',
    )

    for name in ("record.ipynb", "audit.md"):
        text = (result.execution / name).read_text()
        for path in (
            str(stage.root),
            os.environ["HOME"],
            str(lease.run_folder(stage.around.env, result.execution)),
        ):
            assert path not in text, name


@pytest.mark.parametrize("words", [("convert", "page.ipynb", "new.py"), ("sync",), ("run", "page")])
def test_a_page_is_not_taken_for_a_notebook(ws: Path, words: tuple[str, ...]) -> None:
    page = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n"
    place = ws / ("page.ipynb" if words[0] == "convert" else "runbooks/page.ipynb")
    place.write_bytes(page)
    if words[0] != "convert":
        (ws / "runbooks/page.py").write_text("# %% a\nprint('the text')\n")
    if words[0] == "run":
        (ws / "runbooks/page.py").write_bytes(page)
        words = (*words, "--env", "scratch", "--unattended")

    said = inside(ws, *words)

    assert said.code in (1, 2, 3), said
    assert "Traceback" not in said.err
    assert place.read_bytes() == page
    assert not (ws / "new.py").exists()
    assert not list(ws.glob("executions/*/*/start.txt"))
