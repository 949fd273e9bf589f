import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from runbook.errors import EvidenceDamaged
from runbook.evidence import derive
from runbook.evidence.folder import ExecutionFolder
from tests.evidence.builders import BEGAN, CELLS, HEADER, Told, plan_of, whole_run

MEGABYTE = 1 << 20


def test_the_same_folder_gives_the_same_bytes_after_a_crash_too(tmp_path: Path) -> None:
    folder = whole_run(tmp_path)
    before = derive.derived(folder)
    derive.conclude(folder, now=BEGAN)
    assert derive.derived(folder) == before
    assert folder.record.read_bytes() == before.record
    assert folder.audit.read_bytes() == before.audit


def test_a_run_that_never_ended_can_be_told_and_nothing_is_written(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.begin("restart")
    names = sorted(path.name for path in told.folder.path.iterdir())
    assert b"### Step `restart`: unknown" in derive.derived(told.folder).audit
    assert sorted(path.name for path in told.folder.path.iterdir()) == names


def test_a_plan_that_is_not_what_the_text_says_is_named(tmp_path: Path) -> None:
    plan = plan_of(CELLS)
    steps = (*plan.steps[:1], msgspec.structs.replace(plan.steps[1], source="0" * 64), *plan.steps[2:])
    told = Told(tmp_path, CELLS, msgspec.structs.replace(plan, steps=steps))
    with pytest.raises(
        EvidenceDamaged, match=r"plan\.json: step 'health' of the plan is not what the text says"
    ):
        derive.derived(told.folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("plan.json", "{", r"plan\.json:1: not JSON"),
        ("plan.json", '{"schema": 1}', r"plan\.json: Object missing required field"),
        ("runbook.py", "# %%\nprint(1)  # \u202e\n", r"runbook\.py:2: the reader refuses it"),
        ("runbook.py", HEADER + "# %%\nprint(1)\n", r"plan\.json: the text has 1 steps"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    folder = whole_run(tmp_path)
    (folder.path / name).write_text(content)
    with pytest.raises(EvidenceDamaged, match=message):
        derive.derived(folder)


def test_a_text_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    folder = whole_run(tmp_path)
    folder.runbook.rename(tmp_path / "elsewhere.py")
    folder.runbook.symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(EvidenceDamaged, match=r"runbook\.py: 'runbook\.py' is a link"):
        derive.derived(folder)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
def test_the_longest_output_is_told_and_checked_in_bounded_memory(tmp_path: Path) -> None:
    scratch = plan_of(CELLS, environment="scratch", approved=False, counted=(), workspace=None)
    told = Told(tmp_path, plan=scratch)
    told.kernel()
    told.let_run("health", 1)
    request, began = told.begin("health"), told.m
    text = ("0123456789abcde\n" * 3072)[: 48 << 10]
    for _ in range(64 * MEGABYTE // len(text)):  # as much as the limit lets through, in lines of the journal
        told.print("health", text, parent=request)
    told.end("health", "succeeded", parent=request, ms=(told.m - began) // 1_000_000)
    told.seal("stopped", health="succeeded", announce="pending", restart="pending")
    program = (
        "import sys, pathlib, datetime;"
        "from runbook.evidence import derive, verification, folder;"
        "place = folder.ExecutionFolder(pathlib.Path(sys.argv[1]));"
        "derive.conclude(place, now=datetime.datetime.now(datetime.UTC));"
        "print(verification.verify_execution(place).verdict);"
        "print(pathlib.Path('/proc/self/status').read_text())"
    )
    said = subprocess.run(
        [sys.executable, "-I", "-c", program, str(told.folder.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    verdict, *status = said.stdout.splitlines()
    assert verdict == "UNSIGNED"
    (peak,) = (int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    assert peak < 200 << 10  # kilobytes; twice as much as the journal's text would already fail
    assert ExecutionFolder(told.folder.path).record.stat().st_size < 12 * MEGABYTE
