"""The terminal is killed, hung up or Ctrl-C'd: the run goes on, waits at its question, or obeys."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runbook.evidence.folder import ExecutionFolder
from runbook.execution.ctrl_c import CtrlC
from runbook.execution.session import Driver, attach
from tests.execution.staging import Script, Stage, is_running, script, until

ROOT = Path(__file__).parents[2]


def visit(execution: Path, *answers: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.stories.visitor", str(execution), *answers],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def read_until(child: "subprocess.Popen[str]", wanted: str) -> list[str]:
    assert child.stdout is not None
    lines: list[str] = []
    for line in child.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(wanted):
            return lines
    raise AssertionError(f"never saw {wanted!r}: {lines}")


def end(child: "subprocess.Popen[str]") -> None:
    child.kill()
    child.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_a_run_goes_on_without_its_terminal(stage: Stage, number: signal.Signals) -> None:
    execution = stage.plan(
        """
        # %% a
        import time
        for n in range(20):
            print("tick", n, flush=True)
            time.sleep(0.05)
        """
    )
    folder = ExecutionFolder(execution)
    stage.start(execution).close()
    child = visit(execution)
    try:
        read_until(child, "saw step-started")
        os.kill(child.pid, number)
        child.wait(60)
    finally:
        end(child)
    until(folder.is_sealed)

    assert stage.states(execution) == {"a": "succeeded"}
    assert b"tick 19" in folder.journal.read_bytes()


def test_a_question_waits_for_the_next_terminal_which_sees_what_was_missed(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% a
        print("from a")
        # %% b
        print("from b")
        """,
        unattended=False,
    )
    stage.start(execution).close()
    child = visit(execution, "run")
    try:
        read_until(child, "asked start b")
    finally:
        end(child)
    with attach(execution, who="bob@there") as session:
        result = session.drive(shown := script("run"))

    assert result.outcome == "succeeded"
    assert shown.asked == ["start b"]
    assert shown.texts() == "from a\nfrom b\n"
    answers = [(event.text("by"), event.text("step")) for event in shown.events if event.kind == "answer"]
    assert answers == [("visitor@here", "a"), ("bob@there", "b")]
    visits = [event.text("what") for event in shown.events if event.kind == "viewer"]
    assert visits == ["came", "left", "came", "left", "came"]


def test_ctrl_c_once_interrupts_the_step_and_opens_the_menu(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% a
        kept = 42
        # %% b
        import time
        print("sleeping", flush=True)
        time.sleep(60)
        # %% c
        print("still", kept)
        """,
        unattended=False,
    )
    stage.start(execution).close()
    child = visit(execution, "go", "continue:enough", "go")
    try:
        read_until(child, "saw step-started b")
        until(lambda: b"sleeping" in ExecutionFolder(execution).journal.read_bytes())
        os.kill(child.pid, signal.SIGINT)
        lines = read_until(child, "ended")
    finally:
        end(child)

    assert "asked failed b" in lines
    assert lines[-1] == "ended stopped"
    assert stage.states(execution) == {"a": "succeeded", "b": "interrupted", "c": "succeeded"}
    assert b"still 42" in ExecutionFolder(execution).journal.read_bytes()


def test_ctrl_c_twice_kills_what_the_step_started_and_the_session_stays(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% a
        kept = 42
        # %% b
        import subprocess
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)
        print("pid", child.pid, "started", flush=True)
        while child.poll() is None:
            try:
                child.wait()
            except KeyboardInterrupt:
                print("not", "yet", flush=True)
        print("child", "ended", child.returncode, flush=True)
        # %% c
        print("still", kept)
        """,
        unattended=False,
    )
    journal = ExecutionFolder(execution).journal
    stage.start(execution).close()
    child = visit(execution, "go", "continue:enough", "go", "go")
    try:
        until(lambda: b" started\\n" in journal.read_bytes())
        read_until(child, "saw step-started b")
        os.kill(child.pid, signal.SIGINT)
        until(lambda: b"not yet" in journal.read_bytes())
        assert b"child ended" not in journal.read_bytes()
        os.kill(child.pid, signal.SIGINT)
        read_until(child, "ended")
    finally:
        end(child)

    standing = stage.standing(execution)
    states = {step.name: step.state for step in standing.steps}
    assert states["a"] == states["c"] == "succeeded"
    assert states["b"] != "succeeded"
    assert b"still 42" in journal.read_bytes()
    words = journal.read_text()
    pid = int(words.partition('"text":"pid ')[2].partition(" ")[0])
    assert not is_running(pid)
    assert '"how":"kill"' in words


def test_ctrl_c_twice_ends_also_a_step_that_does_not_listen(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% deaf
        import os, time
        while not os.path.exists("heard"):
            try:
                print("deaf", "to it", flush=True)
                time.sleep(60)
            except KeyboardInterrupt:
                pass
        # %% after
        print("on", "we go")
        """,
        unattended=False,
    )
    journal = ExecutionFolder(execution).journal
    stage.start(execution).close()
    child = visit(execution, "go", "continue:enough", "go", "go")
    try:
        until(lambda: b"deaf to it" in journal.read_bytes())
        read_until(child, "saw step-started deaf")
        os.kill(child.pid, signal.SIGINT)
        until(lambda: journal.read_bytes().count(b"deaf to it") == 2)
        os.kill(child.pid, signal.SIGINT)
        read_until(child, "ended")
    finally:
        end(child)

    assert stage.states(execution) == {"deaf": "kernel-died", "after": "succeeded"}
    words = journal.read_text()
    assert "deaf was killed and does not come back: its kernel is ended" in words
    assert "on we go" in words


def test_a_second_terminal_watches_and_may_take_over(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% a
        print("a")
        """,
        unattended=False,
    )
    stage.start(execution).close()
    child = visit(execution)
    try:
        read_until(child, "asked start a")
        with pytest.raises(Exception, match="visitor@here drives this run: watch it, or take it over"):
            attach(execution, who="bob@there")
        with attach(execution, who="bob@there", take=True) as session:
            result = session.drive(shown := script("run"))
    finally:
        end(child)

    assert result.outcome == "succeeded"
    assert "took-over from visitor@here" in [
        event.text("what") for event in shown.events if event.kind == "viewer"
    ]


def test_losing_all_terminals_leaves_a_shown_question_open(stage: Stage) -> None:
    execution = stage.plan("# %% a\nprint(1)\n", unattended=False)
    stage.start(execution).close()
    child = visit(execution)
    try:
        read_until(child, "asked start a")
    finally:
        end(child)

    waiting = stage.standing(execution).waiting
    assert waiting is not None
    assert (waiting.step, waiting.asks) == ("a", "start")
    with attach(execution, who="bob@there") as session:
        session.stop("tidy up")
        assert session.drive(Script()).outcome == "stopped"


def test_ctrl_c_while_the_news_of_an_open_question_are_read_leaves_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a person the question stands there all the time: whatever is being done meanwhile, it is heard."""
    execution = stage.plan("# %% a\nprint(1)\n", unattended=False)
    with stage.start(execution) as session:
        read = session._show_news

        def pressed_meanwhile(driver: Driver) -> None:
            read(driver)
            if session._question is not None:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(session, "_show_news", pressed_meanwhile)
        with pytest.raises(KeyboardInterrupt):
            session.drive(Script())

    with attach(execution, who="bob@here") as back:
        assert back.drive(script("run")).outcome == "succeeded"


def test_ctrl_c_ends_a_wait_also_when_it_comes_right_before_it() -> None:
    """Python's own handler would run behind the wait: the system's writes to what is waited for."""
    with CtrlC() as pressed:
        told = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        os.write(told, bytes([signal.SIGINT]))
        assert select.select([pressed], [], [], 0)[0] == [pressed]
        assert pressed.take() == 0, "it is counted once, by the handler"
        signal.raise_signal(signal.SIGINT)
        assert pressed.take() == 1
    assert signal.set_wakeup_fd(-1) == -1
