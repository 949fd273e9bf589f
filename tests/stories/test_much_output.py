"""Steps that print very much, while the journal's writer is held up, and without end."""

import os
import re
import resource
import signal
import time
from collections.abc import Mapping

import pytest

from runbook.errors import StorageError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.limits import Limits
from runbook.execution import lease
from tests.execution.staging import Script, Stage, until
from tests.program import compile_ahead

FLOOD = """
    # %% flood
    from IPython.display import display
    import time
    print("begin", flush=True)
    time.sleep(0.5)
    for n in range(20_000):
        display({"application/x-count": str(n)}, raw=True)
    line = "x" * 89
    for n in range(500_000):
        print(f"{n:09d}", line)
    print("all printed", flush=True)
"""


@pytest.mark.slow
def test_nothing_is_lost_while_the_journals_writer_is_held_up(stage: Stage) -> None:
    """20 000 displays and 50 MB of text, printed while the supervisor stands still for six seconds."""
    execution = stage.plan(FLOOD)
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        until(lambda: b"begin" in folder.journal.read_bytes())
        supervisor = lease.read(folder).supervisor
        os.kill(supervisor, signal.SIGSTOP)
        time.sleep(6)
        os.kill(supervisor, signal.SIGCONT)
        result = session.drive(shown := Script())

    assert result.outcome == "succeeded"
    assert result.sealed
    counted = [
        str(content["data"].get("application/x-count"))
        for event in shown.events
        if event.text("type") == "display_data"
        and isinstance(content := event.payload.get("content"), Mapping)
    ]
    assert counted == [str(n) for n in range(20_000)]
    texts = _texts(shown, folder)
    assert [int(n) for n in re.findall(r"^(\d{9}) x{89}$", texts, re.MULTILINE)] == list(range(500_000))
    assert texts.endswith("all printed\n")
    assert "gap" not in shown.kinds
    assert "truncated" not in shown.kinds


def _texts(shown: Script, folder: ExecutionFolder) -> str:
    from runbook.evidence.blobs import Blobs
    from runbook.evidence.journal import whole_payload

    blobs = Blobs(folder.blobs)
    parts = []
    for event in shown.events:
        if event.text("type") == "stream":
            content = whole_payload(event, blobs).get("content")
            assert isinstance(content, Mapping)
            parts.append(str(content["text"]))
    return "".join(parts)


def test_endless_output_is_cut_and_said_to_be(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% talk
        for n in range(60_000):
            print("y" * 99)
        # %% after
        print("short")
        """
    )
    limits = Limits(step_bytes=1 << 20, reserve_bytes=1 << 16)
    with stage.start(execution, limits=limits) as session:
        result = session.drive(shown := Script())

    assert result.outcome == "succeeded"
    assert [step.state for step in result.steps] == ["succeeded", "succeeded"]
    cut = [event for event in shown.events if event.kind == "truncated"]
    assert [event.text("step") for event in cut] == ["talk"]
    assert cut[0].number("bytes") > 4 << 20
    size = sum(path.stat().st_size for path in execution.rglob("*") if path.is_file())
    assert size < 6 << 20
    assert "short" in shown.texts()


def test_a_disk_that_fills_up_stops_the_run(stage: Stage) -> None:
    """Nothing may run that can't be written down. The disk's limit is that of the supervisor's files."""
    execution = stage.plan(
        """
        # %% a
        print("fine")
        # %% b
        import time
        for n in range(600):
            print("tick", n, flush=True)
            time.sleep(0.02)
        # %% c
        print("never")
        """
    )
    folder = ExecutionFolder(execution)
    with stage.start(execution) as session:
        until(lambda: b"tick 3" in folder.journal.read_bytes())
        full = folder.journal.stat().st_size + 300
        resource.prlimit(lease.read(folder).supervisor, resource.RLIMIT_FSIZE, (full, full))
        result = session.drive(Script())

    assert isinstance(result.failure, StorageError)
    assert "File too large" in str(result.failure)
    assert not result.sealed
    assert result.outcome == "unknown"
    until(lambda: not folder.is_alive())
    assert stage.states(execution) == {"a": "succeeded", "b": "unknown", "c": "pending"}
    assert b"tick 599" not in folder.journal.read_bytes()


def test_nothing_runs_when_evidence_cannot_be_begun(stage: Stage) -> None:
    execution = stage.plan("# %% a\nopen('ran', 'w')\n")
    compile_ahead()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        with pytest.raises(StorageError, match="File too large"):
            stage.start(execution)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert not (execution / "work/ran").exists()
    assert not (execution / "journal.jsonl").exists()
    with stage.start(execution) as session:  # the plan is not spent: nothing ran
        assert session.drive(Script()).outcome == "succeeded"
