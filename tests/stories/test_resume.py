"""A run whose supervisor died is taken up: nothing it said is lost, nothing that was done is done again."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from runbook.errors import ExistsError, LockBusy, NotFoundError, RefusedError
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal, whole_payload
from runbook.evidence.verification import verify_execution
from runbook.execution import launch
from runbook.execution.questions import Answer, Question
from tests.execution.staging import Script, Stage, is_running, script, until
from tests.program import program

TICKING = """
    # %% Ready name="ready" tags=["setup"]
    with open("ready", "a") as log:
        log.write("x")
    count = 40
    # %% before
    with open("before", "a") as log:
        log.write("x")
    # %% ticking
    import time
    with open("ticking", "a") as log:
        log.write("x")
    for n in range(count):
        print("tick", n, flush=True)
        time.sleep(0.05)
    # %% after
    print("count is still", count)
"""


def texts(folder: ExecutionFolder) -> str:
    """Everything that the journal has of standard output."""
    blobs, found = Blobs(folder.blobs), ""
    for event in read_journal(folder).events:
        if event.kind == "message" and event.text("type") == "stream":
            content = whole_payload(event, blobs)["content"]
            assert isinstance(content, Mapping)
            found += str(content["text"])
    return found


def events(folder: ExecutionFolder, kind: str) -> list[Event]:
    return [event for event in read_journal(folder).events if event.kind == kind]


def work(execution: Path, name: str) -> str:
    return (execution / "work" / name).read_text()


def until_printed(folder: ExecutionFolder, words: bytes) -> None:
    until(lambda: folder.journal.exists() and words in folder.journal.read_bytes())


def require_true(folder: ExecutionFolder) -> None:
    """What verification finds in a run that was taken up is what it finds in any other."""
    verdict = verify_execution(folder)
    assert verdict.findings == ()
    assert verdict.verdict == "UNSIGNED"


def test_warm_nothing_is_missing_and_the_step_is_what_the_kernel_says(stage: Stage) -> None:
    execution = stage.plan(TICKING)
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until_printed(folder, b"tick 3")
        stage.kill_supervisor(execution)
    until(lambda: any(b"tick 20" in each.read_bytes() for each in folder.spool.glob("*.spool")))

    with stage.start(execution, task="resume") as session:
        result = session.drive(shown := script("go"))

    assert shown.asked == ["start after"]
    assert texts(folder) == "".join(f"tick {n}\n" for n in range(40)) + "count is still 40\n"
    assert [step.state for step in result.steps] == ["succeeded"] * 4
    assert (result.outcome, result.sealed) == ("succeeded", True)
    assert work(execution, "ticking") == work(execution, "before") == work(execution, "ready") == "x"
    assert not events(folder, "gap")
    assert not events(folder, "foreign")
    assert [event.text("by") for event in events(folder, "opened")] == ["alice@here"] * 2
    require_true(folder)


def test_warm_when_the_step_has_ended_meanwhile(stage: Stage) -> None:
    execution = stage.plan(TICKING.replace("range(count)", "range(8)"))
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until_printed(folder, b"tick 3")
        stage.kill_supervisor(execution)
    until(lambda: any(b"runbook_reply" in each.read_bytes()[-4000:] for each in folder.spool.glob("*.spool")))

    with stage.start(execution, task="resume") as session:
        result = session.drive(script("run"))

    assert texts(folder) == "".join(f"tick {n}\n" for n in range(8)) + "count is still 40\n"
    assert result.outcome == "succeeded"
    assert work(execution, "ticking") == "x"
    require_true(folder)


def test_warm_a_step_that_still_runs_can_be_interrupted(stage: Stage) -> None:
    execution = stage.plan(TICKING.replace("count = 40", "count = 4000"))
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until_printed(folder, b"tick 3")
        stage.kill_supervisor(execution)

    with stage.start(execution, task="resume") as session:
        session.interrupt()
        result = session.drive(shown := script(("continue", "long enough"), "go"))

    assert shown.asked == ["failed ticking", "start after"]
    assert [step.state for step in result.steps] == ["succeeded", "succeeded", "interrupted", "succeeded"]
    assert result.outcome == "stopped"
    require_true(folder)


def test_cold_what_was_published_comes_back_and_setup_runs_again(stage: Stage) -> None:
    execution = stage.plan(TICKING)
    folder = ExecutionFolder(execution)
    with stage.start(execution):
        until_printed(folder, b"tick 3")
        stage.kill_both(execution)

    with stage.start(execution, task="resume") as session:
        result = session.drive(shown := script(("continue", "seen enough"), "go"))

    assert shown.asked == ["failed ticking", "start after"]
    assert [step.state for step in result.steps] == ["succeeded", "succeeded", "unknown", "succeeded"]
    assert work(execution, "ready") == "xx"
    assert work(execution, "before") == work(execution, "ticking") == "x"
    said = texts(folder)
    assert said.startswith("tick 0\ntick 1\ntick 2\ntick 3\n")
    assert said.endswith("count is still 40\n")
    assert result.outcome == "unknown"
    require_true(folder)


def test_a_supervisor_that_dies_in_the_set_up_of_a_new_kernel_leaves_nothing_out_and_repeats_nothing(
    stage: Stage,
) -> None:
    execution = stage.plan(
        """
        # %% first name="first" tags=["setup"]
        import os, time
        with open("first", "a") as log:
            log.write("x")
        while os.path.exists("hold"):
            time.sleep(0.01)
        # %% second name="second" tags=["setup"]
        count = 40
        # %% before
        with open("before", "a") as log:
            log.write("x")
        # %% after
        print("count is still", count)
    """,
        unattended=False,
    )
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session, pytest.raises(StopIteration):
        session.drive(script("run", "run", "run"))
    stage.kill_both(execution)
    (execution / "work" / "hold").touch()
    with stage.start(execution, task="resume", linger_seconds=60):
        until(lambda: work(execution, "first") == "xx")
        stage.kill_supervisor(execution)
    (execution / "work" / "hold").unlink()

    with stage.start(execution, task="resume") as session:
        result = session.drive(shown := script("go"))

    assert shown.asked == ["start after"]
    assert [step.state for step in result.steps] == ["succeeded"] * 4
    assert (work(execution, "first"), work(execution, "before")) == ("xx", "x")
    assert texts(folder) == "count is still 40\n"
    require_true(folder)


def test_cold_a_step_whose_reply_is_in_the_spool_is_not_unknown(stage: Stage) -> None:
    execution = stage.plan(TICKING.replace("range(count)", "range(8)"))
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until_printed(folder, b"tick 3")
        kernel = stage.kill_supervisor(execution)
    until(lambda: any(b"runbook_reply" in each.read_bytes()[-4000:] for each in folder.spool.glob("*.spool")))
    assert kernel is not None
    with contextlib.suppress(ProcessLookupError):
        os.kill(kernel, signal.SIGKILL)

    with stage.start(execution, task="resume") as session:
        result = session.drive(shown := script("go"))

    assert shown.asked == ["start after"]
    assert result.outcome == "succeeded"
    assert work(execution, "ticking") == "x"
    require_true(folder)


def test_an_unknown_step_is_put_to_its_checks_step_first(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% deploy name="deploy"
        import time
        open("deployed", "a").write("x")
        print("de" + "ployed", flush=True)
        time.sleep(60)
        # %% verify name="verify" checks="deploy" tags=["read-only"]
        assert open("deployed").read() == "x"
        print("it took effect")
        # %% after
        print("after")
        """
    )
    folder = ExecutionFolder(execution)
    with stage.start(execution):
        until_printed(folder, b"deployed\\n")
        stage.kill_both(execution)
    with stage.start(execution, task="resume") as session:
        result = session.drive(shown := script(("continue", "verified"), "go"))

    assert shown.asked == ["failed deploy", "start after"]
    assert "it took effect" in shown.texts()
    assert [step.state for step in result.steps] == ["unknown", "succeeded", "succeeded"]
    assert work(execution, "deployed") == "x"


def test_a_run_can_be_taken_up_again_and_again(stage: Stage) -> None:
    execution = stage.plan(TICKING.replace("count = 40", "count = 6"), unattended=False)
    folder = ExecutionFolder(execution)
    with stage.start(execution):
        until_printed(folder, b'"question"')
        stage.kill_both(execution)
    for _ in range(2):
        started, asked = len(events(folder, "kernel-started")), len(events(folder, "question"))
        with stage.start(execution, task="resume"):
            until(
                lambda n=started, m=asked: (  # type: ignore[misc]
                    len(events(folder, "kernel-started")) > n and len(events(folder, "question")) > m
                )
            )
            stage.kill_both(execution)
    with stage.start(execution, task="resume", linger_seconds=60):
        until_printed(folder, b'"question"')
        stage.kill_supervisor(execution)
    with stage.start(execution, task="resume") as session:
        result = session.drive(script("go"))

    assert result.outcome == "succeeded"
    assert work(execution, "ready") == work(execution, "before") == "x"
    assert texts(folder).endswith("count is still 6\n")
    numbers = [event.number("question") for event in events(folder, "question")]
    assert numbers == sorted(set(numbers))
    require_true(folder)


def test_a_run_that_lives_ended_or_never_began_is_not_taken_up(stage: Stage) -> None:
    execution = stage.plan("# %% a\nx = 1\n", unattended=False)
    with pytest.raises(RefusedError, match="not begun"):
        stage.start(execution, task="resume")
    with stage.start(execution) as session:
        with pytest.raises(LockBusy, match="another supervisor runs this execution"):
            stage.start(execution, task="resume")
        session.drive(script("go"))
    assert not ExecutionFolder(execution).spool.exists()
    with pytest.raises(ExistsError, match="is sealed"):
        stage.start(execution, task="resume")
    assert not ExecutionFolder(execution).spool.exists()


def test_what_is_left_can_be_sealed_without_going_on(stage: Stage) -> None:
    execution = stage.plan(TICKING)
    folder = ExecutionFolder(execution)
    with pytest.raises(NotFoundError, match="never run"):
        launch.seal(execution, workspace=stage.workspace, around=stage.around)
    with stage.start(execution, linger_seconds=60):
        until_printed(folder, b"tick 3")
        stage.kill_supervisor(execution)
    launch.seal(execution, workspace=stage.workspace, around=stage.around)

    assert folder.is_sealed()
    assert stage.states(execution) == {
        "ready": "succeeded",
        "before": "succeeded",
        "ticking": "unknown",
        "after": "pending",
    }
    assert "tick 3\n" in texts(folder)
    require_true(folder)
    with pytest.raises(ExistsError, match="is sealed"):
        launch.seal(execution, workspace=stage.workspace, around=stage.around)


def test_a_copied_or_edited_run_is_not_taken_up(stage: Stage) -> None:
    execution = stage.plan(TICKING)
    folder = ExecutionFolder(execution)
    with stage.start(execution):
        until_printed(folder, b"tick 3")
        stage.kill_both(execution)
    spent = stage.around.state_folder / "spent" / folder.id
    kept = spent.read_bytes()
    spent.unlink()
    with pytest.raises(RefusedError, match="has not begun this run here"):
        stage.start(execution, task="resume")
    spent.write_bytes(kept)
    folder.plan.write_bytes(folder.plan.read_bytes().replace(b"scratch", b"scratcH", 1))
    with pytest.raises(RefusedError, match=r"plan\.json is not what it was"):
        stage.start(execution, task="resume")


def test_status_advises_resume_for_a_run_of_ours_and_not_for_a_copy_of_it(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    execution = stage.plan(TICKING)
    with stage.start(execution):
        until_printed(ExecutionFolder(execution), b"tick 3")
        stage.kill_both(execution)
    copy = tmp_path_factory.mktemp("copy") / "w"
    shutil.copytree(stage.root, copy, symlinks=True)

    ours, copied = program(stage.root, "status").out, program(copy, "status").out

    assert f"its supervisor died: `runbook resume {execution.name}` goes on with it" in ours
    assert f"{execution.name}: unknown, step " in ours  # the one at which it died
    assert execution.name in copied
    assert "none can go on with it: " in copied
    assert "runbook resume" not in copied


def test_an_idle_script_is_asked_nothing(stage: Stage) -> None:
    """Nothing is repeated without a person: an unattended run, once taken up, asks."""
    execution = stage.plan(TICKING)
    folder = ExecutionFolder(execution)
    with stage.start(execution):
        until_printed(folder, b"tick 3")
        stage.kill_both(execution)
    with stage.start(execution, task="resume") as session:
        until(lambda: len(events(folder, "question")) == 1)
        session.stop()
        session.drive(Script())
    assert work(execution, "ticking") == "x"


def test_what_the_spool_lost_is_a_gap(stage: Stage) -> None:
    execution = stage.plan(TICKING.replace("range(count)", "range(100)"))
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until_printed(folder, b"tick 3")
        kernel = stage.kill_supervisor(execution)
    (spool,) = folder.spool.glob("*.spool")
    until(lambda: b"tick 30" in spool.read_bytes())
    os.kill(kernel or 0, signal.SIGKILL)
    until(lambda: not is_running(kernel or 0))
    data = spool.read_bytes()
    spool.write_bytes(data[: data.index(b"tick 20") + 3])  # as a crash cuts it

    launch.seal(execution, workspace=stage.workspace, around=stage.around)

    (gap,) = events(folder, "gap")
    assert (gap.text("what"), gap.text("step")) == ("the kernel died while it published", "ticking")
    assert texts(folder).endswith("tick 19\n")
    require_true(folder)


@pytest.mark.parametrize("how", ["resume", "seal"])
def test_what_is_no_message_in_the_spool_keeps_nobody_from_ending_the_run(stage: Stage, how: str) -> None:
    execution = stage.plan("""
        # %% odd
        import pathlib, time
        print("here", flush=True)
        while not pathlib.Path("alone").exists():
            time.sleep(0.02)
        kernel = get_ipython().kernel
        for part in (b"\\xff\\xfe", b"{", b"[]", b"5", b"1" * 5000):
            parts = [part] * 4
            kernel.iopub_socket.send_multipart([b"stream", b"<IDS|MSG>", kernel.session.sign(parts), *parts])
        print("all " + "published", flush=True)
        time.sleep(60)
        """)
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until_printed(folder, b"here\\n")
        kernel = stage.kill_supervisor(execution)
        assert kernel is not None
        (execution / "work" / "alone").touch()
        until(lambda: any(b"all published" in each.read_bytes() for each in folder.spool.glob("*.spool")))
        os.kill(kernel, signal.SIGKILL)
        until(lambda: not is_running(kernel))

    if how == "seal":
        launch.seal(execution, workspace=stage.workspace, around=stage.around)
    else:
        with stage.start(execution, task="resume") as session:
            session.drive(script("stop"))

    assert folder.is_sealed()
    assert stage.states(execution) == {"odd": "unknown"}
    assert texts(folder).endswith("all published\n")
    assert len([event for event in events(folder, "message") if event.text("type") == "unknown"]) == 5
    require_true(folder)


def test_an_edited_step_that_ended_alone_is_sealed_as_a_deviation(stage: Stage) -> None:
    """The kernel says "ok" of what somebody wrote in the place of the reviewed source."""
    edited = """
import pathlib, time
print("here", flush=True)
while not pathlib.Path("alone").exists():
    time.sleep(0.02)
"""

    class Editor(Script):
        def ask(self, question: Question, wake: int) -> Answer:
            return Answer(question=question.number, choice="edit", words="why", source=edited.strip())

        def show(self, event: Event) -> None:
            super().show(event)
            if "here\n" in self.texts():
                raise KeyboardInterrupt

    execution = stage.plan("# %% a\nprint('a')\n", unattended=False)
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60) as session, pytest.raises(KeyboardInterrupt):
        session.drive(Editor())
    kernel = stage.kill_supervisor(execution)
    assert kernel is not None
    (execution / "work" / "alone").touch()
    until(lambda: any(b"runbook_reply" in each.read_bytes() for each in folder.spool.glob("*.spool")))

    launch.seal(execution, workspace=stage.workspace, around=stage.around)

    assert stage.states(execution) == {"a": "deviated"}
    (ended,) = events(folder, "step-ended")
    assert (ended.text("state"), ended.text("reply")) == ("deviated", "ok")
    require_true(folder)


@pytest.mark.parametrize("how", ["resume", "seal"])
def test_a_run_that_had_said_its_last_word_gets_its_seal(stage: Stage, how: str) -> None:
    """Killed between the last event and the seal: there is nothing to go on with, only to finish."""
    result, _ = stage.run("# %% a\nprint(1)\n")
    folder = ExecutionFolder(result.execution)
    until(lambda: not folder.is_alive())
    kept = folder.journal.read_bytes()
    for path in (folder.finish, folder.audit, folder.record):
        path.unlink()
    gone = subprocess.Popen(["true"])
    gone.wait()
    (folder.path / f".record.ipynb.runbook-{gone.pid}-018b40bb.tmp").write_text("half of it")

    finish(stage, result.execution, how)

    assert folder.journal.read_bytes() == kept
    require_true(folder)


def finish(stage: Stage, execution: Path, how: str) -> None:
    """Seal what had said its last word, by either way."""
    if how == "seal":
        launch.seal(execution, workspace=stage.workspace, around=stage.around)
    else:
        with pytest.raises(ExistsError, match="has ended and is sealed"):
            stage.start(execution, task="resume")


@pytest.mark.parametrize("how", ["resume", "seal"])
def test_half_a_file_goes_also_while_somebody_has_its_writers_number(stage: Stage, how: str) -> None:
    """A killed process frees its locks before it is gone, and numbers of processes are given out again."""
    result, _ = stage.run("# %% a\nprint(1)\n")
    folder = ExecutionFolder(result.execution)
    until(lambda: not folder.is_alive())
    for path in (folder.finish, folder.audit):
        path.unlink()
    ended = subprocess.Popen(["true"])  # and nobody has asked how: it stays in the list of processes
    folder.blobs.mkdir(exist_ok=True)
    for half in (
        folder.path / f".audit.md.runbook-{ended.pid}-018b40bb.tmp",
        folder.path / f".finish.txt.runbook-{os.getpid()}-018b40bc.tmp",
        folder.blobs / f".{'0' * 64}.runbook-{os.getpid()}-018b40bd.tmp",
    ):
        half.write_text("half of it")

    finish(stage, result.execution, how)

    ended.wait()
    assert not list(folder.path.rglob("*.tmp"))
    require_true(folder)


@pytest.mark.parametrize("cut", [1, 30])
def test_a_line_that_a_kill_cut_is_neither_lost_nor_told_twice(stage: Stage, cut: int) -> None:
    execution = stage.plan(TICKING.replace("count = 40", "count = 400"))
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until_printed(folder, b"tick 5")
        stage.kill_both(execution)
    lines = folder.journal.read_bytes().split(b"\n")
    last = max(number for number, line in enumerate(lines) if b'"type":"stream"' in line)
    folder.journal.write_bytes(b"\n".join([*lines[: last + 1], b""])[:-cut])

    launch.seal(execution, workspace=stage.workspace, around=stage.around)

    ticks = texts(folder).split("\n")[:-1]
    assert ticks == [f"tick {n}" for n in range(len(ticks))]
    assert len(ticks) > 5
    require_true(folder)


def test_a_stop_that_a_death_overtook_does_not_count_where_the_run_went_on(stage: Stage) -> None:
    execution = stage.plan(TICKING.replace("count = 40", "count = 20"))
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60) as session:
        until_printed(folder, b"tick 3")
        session.stop()
        until(lambda: bool(events(folder, "interrupted")))
        stage.kill_supervisor(execution)
    with stage.start(execution, task="resume") as session:
        assert session.drive(script("go")).outcome == "succeeded"
    require_true(folder)
