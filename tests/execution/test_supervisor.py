"""Whole runs with real kernels: what comes out, in which state, and what the evidence says of it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from runbook.errors import KernelError, NotFoundError, RefusedError, UnavailableError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal
from runbook.execution import lease, session
from runbook.execution.messages import Hello
from runbook.execution.session import attach, command
from tests.execution.staging import Script, Stage, is_running, script, until

TWO_STEPS = """
    # %% First
    x = 1
    print("one")

    # %% Second
    print("two", x + 1)
"""


def test_an_unattended_run_is_sealed_and_says_what_the_kernel_said(stage: Stage) -> None:
    result, shown = stage.run(TWO_STEPS)

    assert result.outcome == "succeeded"
    assert result.sealed
    assert result.failure is None
    assert [(step.name, step.state) for step in result.steps] == [
        ("first", "succeeded"),
        ("second", "succeeded"),
    ]
    assert shown.texts() == "one\ntwo 2\n"
    assert shown.kinds[0] == "opened"
    assert shown.kinds[-2:] == ["kernel-ended", "sealed"]
    folder = ExecutionFolder(result.execution)
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "audit.md",
        "finish.txt",
        "journal.jsonl",
        "plan.json",
        "record.ipynb",
        "runbook.py",
        "start.txt",
        "supervisor.lock",
        "work",
    ]
    done = subprocess.run(["sha256sum", "--quiet", "-c", "finish.txt"], cwd=folder.path, capture_output=True)
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(folder.record, as_version=4).cells
    assert [cell.source for cell in cells if cell.cell_type == "code"] == [
        'x = 1\nprint("one")',
        'print("two", x + 1)',
    ]


def test_the_supervisor_and_the_kernel_are_gone_afterwards(stage: Stage) -> None:
    result, shown = stage.run(TWO_STEPS)

    opened = shown.events[0]
    kernel = next(event for event in shown.events if event.kind == "kernel-started")
    until(lambda: not is_running(opened.number("supervisor")))
    assert not is_running(kernel.number("pid"))
    until(lambda: not ExecutionFolder(result.execution).is_alive())
    assert list(lease.private_folder(os.environ).iterdir()) == []


def test_a_failed_step_stops_the_run_and_the_rest_is_pending(stage: Stage) -> None:
    result, shown = stage.run(
        """
        # %% a
        print("before")
        # %% b
        raise ValueError("no good")
        # %% c
        print("never")
        """
    )

    assert result.outcome == "failed"
    assert [(step.name, step.state) for step in result.steps] == [
        ("a", "succeeded"),
        ("b", "failed"),
        ("c", "pending"),
    ]
    ended = [event for event in shown.events if event.kind == "step-ended"][-1]
    assert ended.text("error") == "ValueError: no good"
    assert ended.text("reply") == "error"
    assert "never" not in shown.texts()


def test_a_step_that_takes_too_long_is_timed_out(stage: Stage) -> None:
    result, _ = stage.run(
        """
        # %% slow name="slow" timeout=1
        import time
        time.sleep(60)
        # %% after
        print("never")
        """
    )

    assert result.outcome == "failed"
    assert [(step.name, step.state) for step in result.steps] == [("slow", "timed-out"), ("after", "pending")]


def test_a_kernel_that_dies_is_said_to_have_died(stage: Stage) -> None:
    result, shown = stage.run(
        """
        # %% a
        print("before", flush=True)
        # %% b
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
        # %% c
        print("never")
        """
    )

    assert result.outcome == "failed"
    assert result.sealed
    assert [step.state for step in result.steps] == ["succeeded", "kernel-died", "pending"]
    ended = shown.events[-2]
    assert (ended.kind, ended.payload["signal"], ended.payload["expected"]) == ("kernel-ended", 9, False)


def test_retries_are_made_for_idempotent_steps(stage: Stage) -> None:
    result, shown = stage.run(
        """
        # %% flaky name="flaky" tags=["idempotent"] retries=2
        from pathlib import Path
        tries = Path("tries")
        tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
        assert len(tries.read_text()) > 2, "not yet"
        """
    )

    assert result.outcome == "succeeded"
    started = [event for event in shown.events if event.kind == "step-started"]
    assert [(event.number("attempt"), event.text("by")) for event in started] == [
        (1, "alice@here"),
        (2, "text"),
        (3, "text"),
    ]


def test_values_reach_the_steps_and_when_decides(stage: Stage) -> None:
    result, shown = stage.run(
        """
        # %% tags=["parameters"]
        host: str = "web1"
        count: int = 1
        # %% show
        print(host, count)
        # %% many when="count > 2"
        print("many")
        # %% few when="count <= 2"
        print("few")
        """,
        count="3",
    )

    assert shown.texts() == "web1 3\nmany\n"
    assert {step.name: step.state for step in result.steps} == {
        "step-1": "succeeded",
        "injected-parameters": "succeeded",
        "show": "succeeded",
        "many": "succeeded",
        "few": "skipped",
    }


def test_an_interactive_run_asks_step_by_step(stage: Stage) -> None:
    operator = script("run", ("skip", "did it by hand"), ("note", "all well"), "go")
    result, shown = stage.run(
        """
        # %% a
        print("a")
        # %% b
        print("b")
        # %% c
        print("c")
        # %% d
        print("d")
        """,
        operator,
        unattended=False,
    )

    assert operator.asked == ["start a", "start b", "start c", "start c"]
    assert shown.texts() == "a\nc\nd\n"
    assert [step.state for step in result.steps] == ["succeeded", "skipped", "succeeded", "succeeded"]
    answers = [event for event in shown.events if event.kind == "answer"]
    assert {event.text("by") for event in answers} == {"alice@here"}
    assert {event.text("how") for event in answers} == {"terminal"}


def test_an_answer_that_does_not_fit_is_told_and_asked_again(stage: Stage) -> None:
    operator = script(("run", "restrat"), ("run", "restart"))
    result, _ = stage.run(
        """
        # %% restart name="restart" tags=["danger"]
        print("done")
        """,
        operator,
        unattended=False,
    )

    assert operator.asked == ["danger restart", "danger restart"]
    assert operator.heard == ["the name that was typed is not the step's (type restart to run it)"]
    assert result.outcome == "succeeded"


def test_failure_retry_and_undo_in_one_run(stage: Stage) -> None:
    operator = script("go", "undo", "retry", "run")
    result, shown = stage.run(
        """
        # %% break name="break"
        from pathlib import Path
        if not Path("mended").exists():
            Path("broken").touch()
            raise SystemError("broken")
        print("fine now")
        # %% rest name="rest"
        print("rest")
        # %% mend name="mend" undoes="break"
        Path("broken").rename("mended")
        print("mended")
        """,
        operator,
        unattended=False,
    )

    assert operator.asked == ["start break", "failed break", "failed break", "start rest"]
    assert shown.texts() == "mended\nfine now\nrest\n"
    assert {step.name: step.state for step in result.steps} == {
        "break": "succeeded",
        "rest": "succeeded",
        "mend": "succeeded",
    }


def test_manual_steps_are_attested_with_words(stage: Stage) -> None:
    operator = script(("done", "told #ops"), "run")
    result, shown = stage.run(
        """
        # %% [markdown] name="announce" tags=["manual"]
        # Tell #ops.

        # %% go name="go"
        print("go")
        """,
        operator,
        unattended=False,
    )

    assert [step.state for step in result.steps] == ["attested", "succeeded"]
    attested = next(event for event in shown.events if event.kind == "attested")
    assert (attested.text("by"), attested.text("words")) == ("alice@here", "told #ops")


def test_a_dry_run_runs_read_only_steps_alone(stage: Stage) -> None:
    result, shown = stage.run(
        """
        # %% look name="look" tags=["read-only"]
        print("looking")
        # %% act name="act"
        print("acting")
        """,
        dry_run=True,
    )

    assert shown.texts() == "looking\n"
    assert [step.state for step in result.steps] == ["succeeded", "skipped"]
    assert result.outcome == "succeeded"


def test_a_kernel_that_cannot_be_started_leaves_a_true_record(stage: Stage) -> None:
    missing = stage.root / "no-such-python"
    stage.around.user_config.write_text(f'interpreter = "{missing}"\n')

    result, shown = stage.run(TWO_STEPS)

    assert isinstance(result.failure, KernelError)
    assert "no-such-python" in str(result.failure)
    assert result.outcome == "failed"
    assert result.sealed
    assert [step.state for step in result.steps] == ["pending", "pending"]
    assert "kernel-started" not in shown.kinds


def test_a_kernel_that_never_answers_is_given_up(stage: Stage) -> None:
    sleeper = stage.root / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 600\n")
    sleeper.chmod(0o755)
    stage.around.user_config.write_text(f'interpreter = "{sleeper}"\n')
    execution = stage.plan(TWO_STEPS)

    with stage.start(execution, kernel_seconds=1) as session:
        result = session.drive(shown := Script())

    assert isinstance(result.failure, KernelError)
    assert "did not answer within 1 seconds" in str(result.failure)
    assert result.outcome == "failed"
    assert [step.state for step in result.steps] == ["pending", "pending"]
    assert shown.kinds[-2:] == ["kernel-ended", "sealed"]


def test_after_a_second_clients_code_the_next_step_is_not_called_succeeded(stage: Stage) -> None:
    result, shown = stage.run(
        """
        # %% a
        import json, os, subprocess, sys, textwrap
        code = textwrap.dedent('''
            import glob, sys
            from jupyter_client import BlockingKernelClient
            client = BlockingKernelClient(connection_file=sys.argv[1])
            client.load_connection_file()
            client.start_channels()
            client.execute("stolen = 1")
        ''')
        folder = open("/proc/self/cmdline").read().split("\\0")[-2]
        child = subprocess.Popen([sys.executable, "-c", code, os.path.join(folder, "kernel.json")])
        child.wait()
        # %% b
        print("b")
        # %% c
        print("never")
        """
    )

    assert "foreign" in shown.kinds, shown.texts()
    foreign = next(event for event in shown.events if event.kind == "foreign")
    assert foreign.text("content") in ("stolen = 1", "")
    # It ran right behind step a; whichever step notices, none that ends after it is called succeeded.
    assert [step.state for step in result.steps] in (
        ["succeeded", "unknown", "pending"],
        ["unknown", "pending", "pending"],
    )
    assert result.outcome == "unknown"


def test_a_plan_runs_once(stage: Stage) -> None:
    execution = stage.plan(TWO_STEPS)
    with stage.start(execution) as session:
        session.drive(Script())

    with pytest.raises(RefusedError, match="this plan has been run: a plan runs once"):
        stage.start(execution)


def test_two_runs_of_one_plan_at_the_same_moment_one_wins(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% a
        import time
        time.sleep(0.5)
        """
    )
    with stage.start(execution) as session:
        with pytest.raises(Exception, match=r"another supervisor runs this execution|has been run"):
            stage.start(execution)
        assert session.drive(Script()).outcome == "succeeded"


def test_a_run_is_watched_and_stopped_from_elsewhere(stage: Stage) -> None:
    execution = stage.plan(TWO_STEPS, unattended=False)
    with stage.start(execution), attach(execution, who="wendy@there", watch=True) as watching:
        command(execution, who="boss@there", what="stop")
        result = watching.drive(shown := Script())

    assert result.outcome == "stopped"
    assert [step.state for step in result.steps] == ["pending", "pending"]
    stopped = next(event for event in shown.events if event.kind == "interrupted")
    assert (stopped.text("by"), stopped.text("how")) == ("boss@there", "stop")


def test_a_command_that_nobody_heard_is_not_taken_for_heard(stage: Stage) -> None:
    """The supervisor is killed between the visitor's greeting and its words."""
    execution = stage.plan(TWO_STEPS, unattended=False)
    with stage.start(execution):
        connection = session._meet(execution, Hello(who="boss@there", mode="command"))
        stage.kill_supervisor(execution)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session, "_meet", lambda *_, **__: connection)
            with pytest.raises(UnavailableError, match="did not say that it heard"):
                command(execution, who="boss@there", what="stop")


def test_nobody_to_talk_to_is_said(stage: Stage) -> None:
    execution = stage.plan(TWO_STEPS)

    with pytest.raises(NotFoundError, match="nobody runs this execution now"):
        attach(execution, who="wendy@there")


def test_hostile_names_in_kit_records_break_nothing(stage: Stage) -> None:
    result, shown = stage.run(
        """
        # %% a
        from IPython.display import display
        mime = "application/vnd.runbook.kit+json"
        hostile = {"seq": 0, "prev": "x", "kind": "sealed", "blob": "b", "step": "none"}
        display({mime: {"version": 1, "what": "note", **hostile}}, raw=True)
        display({mime: {"version": 1, "what": "note", "words": float(1)}}, raw=True)
        """
    )

    assert result.outcome == "succeeded"
    assert [event.text("what") for event in shown.events if event.kind == "kit"] == ["note", "note"]
    read_journal(ExecutionFolder(result.execution))


def test_the_kernel_gets_a_short_environment(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.around.env["SECRET_TOKEN"] = "hunter2"  # type: ignore[index]  # a dict in tests
    _, shown = stage.run(
        """
        # %% a
        import json, os
        print(json.dumps(sorted(os.environ)))
        """
    )

    names = json.loads(shown.texts())
    assert "SECRET_TOKEN" not in names
    assert "PATH" in names


def test_a_long_run_does_not_delay_the_end(stage: Stage) -> None:
    started = time.monotonic()
    stage.run(TWO_STEPS)

    assert time.monotonic() - started < 20


def test_the_supervisor_is_a_process_of_its_own_session(stage: Stage) -> None:
    execution = stage.plan(TWO_STEPS, unattended=False)
    with stage.start(execution) as session:
        pid = lease.read(ExecutionFolder(execution)).supervisor
        assert os.getsid(pid) != os.getsid(0)
        assert Path(f"/proc/{pid}/cwd").resolve() == Path("/")
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert argv[0].decode() == sys.executable
        assert argv[1] == b"-I"
        session.stop()
        assert session.drive(Script()).outcome == "stopped"
