"""A watch over a large tree, as people start it: many folders, many files at once, some of them edits."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from runbook.pairing.notebooks import Notebook, read_notebook
from tests.pairing.builders import TEXT
from tests.stories.test_pairs_watch import Watch, watch

# (folders, pairs, files in the burst)
SMALL, LARGE = (1_000, 40, 3_000), (10_000, 300, 30_000)
IDLE_SECONDS = 5.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "size", [SMALL, pytest.param(LARGE, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)
def test_a_burst_over_a_large_tree_is_settled_and_then_the_watch_is_idle(
    tmp_path: Path, size: tuple[int, int, int]
) -> None:
    if size == LARGE and not os.environ.get("RUNBOOK_SOAK"):
        pytest.skip("only under `make soak`")
    root, texts = tree(tmp_path, folders=size[0], pairs=size[1])
    subprocess.run([sys.executable, "-m", "runbook", "sync"], cwd=root, check=True, capture_output=True)
    with watch(root, tmp_path / "out") as started:
        burst(texts, files=size[2])
        started.until(lambda: all("edited = True" in said_by(text) for text in texts), seconds=300.0)
        started.until(lambda: len(told(started)) >= len(texts), seconds=60.0)
        assert is_idle(started)
        assert [line["action"] for line in told(started)] == ["to-notebook"] * len(texts), "one write each"
    check = subprocess.run(
        [sys.executable, "-m", "runbook", "sync", "--check"], cwd=root, capture_output=True
    )
    assert check.returncode == 0, check.stdout.decode()


def tree(folder: Path, *, folders: int, pairs: int) -> tuple[Path, list[Path]]:
    """A workspace, its pairs spread over all of its folders, with a program and a picture in each."""
    root = folder / "ws"
    root.mkdir()
    (root / "runbook.toml").write_text("version = 1\n")
    texts: list[Path] = []
    for number in range(folders):
        inner = root / f"runbooks/{number // 100}/{number % 100}"
        inner.mkdir(parents=True)
        (inner / "data.csv").touch()
        if number % (folders // pairs) == 0 and len(texts) < pairs:
            texts.append(inner / "step.py")
            texts[-1].write_text(TEXT)
    return root, texts


def burst(texts: list[Path], *, files: int) -> None:
    """`files` files at once: an edit of each text, among many that are nobody's."""
    each = files // len(texts)
    for text in texts:
        for number in range(each - 1):
            (text.parent / f"junk{number}.ipynb").touch()
        text.write_text(text.read_text() + "\n# %%\nedited = True\n")


def said_by(text: Path) -> str:
    """What the notebook says; read only when it is whole."""
    notebook = read_notebook(text.with_suffix(".ipynb").read_bytes())
    return "\n".join(cell.cell.source for cell in notebook.cells) if isinstance(notebook, Notebook) else ""


def told(started: Watch) -> list[dict[str, object]]:
    return [line for line in started.lines() if line["event"] == "pair"]


def is_idle(started: Watch) -> bool:
    """Whether it comes to rest: less than 50 ms of CPU in five seconds, within a minute and a half."""
    process = psutil.Process(started.process.pid)
    limit = time.monotonic() + 90.0
    while time.monotonic() < limit:
        before = sum(process.cpu_times()[:2])
        time.sleep(IDLE_SECONDS)
        spent = sum(process.cpu_times()[:2]) - before
        if spent < 0.050:
            return True
    return False
