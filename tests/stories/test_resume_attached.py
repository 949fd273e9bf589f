"""A supervisor dies between a message of the kit and what follows from it: a file that a step attached, a
note."""

import shutil

import pytest

from runbook.evidence.folder import ExecutionFolder
from runbook.execution import launch
from tests.execution.staging import Stage, script, until
from tests.stories.told import events, is_true, journal_has

KIT = """
    # %% keep name="keep"
    import pathlib, time
    from runbook.kit import attach_file, note
    pathlib.Path("log").write_text("kept")
    {told}
    print("to" + "ld", flush=True)
    while not pathlib.Path("end").exists():
        time.sleep(0.02)
"""
WAYS = {"attached": 'attach_file("log")', "kit": 'note("a remark")'}


@pytest.mark.parametrize("how", ["resume", "resume warm", "seal"])
@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("died", ["before", "behind"])
def test_what_the_kit_told_is_there_once(stage: Stage, kind: str, died: str, how: str) -> None:
    execution = stage.plan(KIT.format(told=WAYS[kind]))
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until(lambda: journal_has(execution, b'told\\n"'))
        stage.kill_supervisor(execution) if how == "resume warm" else stage.kill_both(execution)
    (told,) = events(execution, kind)
    lines = folder.journal.read_bytes().split(b"\n")
    kept = lines[: told.seq + (died == "behind")]
    assert b"display_data" in lines[told.seq - 1]
    folder.journal.write_bytes(b"\n".join([*kept, b""]))
    if kind == "attached" and died == "before":  # as it lay there then
        name = told.text("sha256")
        shutil.move(folder.blobs / name, folder.staging / name)
    (execution / "work/end").touch()

    if how == "seal":
        launch.seal(execution, workspace=stage.workspace, around=stage.around)
    else:
        with stage.start(execution, task="resume") as session:
            session.drive(script("stop"))

    (again,) = events(execution, kind)
    assert (again.text("step"), again.payload.get("sha256")) == ("keep", told.payload.get("sha256"))
    if kind == "attached":
        assert (folder.blobs / told.text("sha256")).read_text() == "kept"
    assert is_true(execution)
