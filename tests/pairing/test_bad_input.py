"""Large, old and unreachable files, and git at work at any moment: nothing is lost, and it is said."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runbook.pairing.history import versions
from tests.pairing.builders import TEXT, Bench, code, notebook

NOBODY = 65534


def old_notebook(major: int, minor: int) -> dict[str, Any]:
    """A notebook of one code cell, as programs of that time wrote it."""
    if major == 4:
        cell = code("x = 1")
        if minor < 5:
            del cell["id"]
        return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": minor}
    cell = {"cell_type": "code", "language": "python", "outputs": [], "collapsed": False}
    if major == 1:
        return {"nbformat": 1, "cells": [{"cell_type": "code", "code": "x = 1", "prompt_number": 1}]}
    cell["input"] = "x = 1"
    return {
        "nbformat": major,
        "nbformat_minor": minor,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [cell], "metadata": {}}],
    }


@pytest.mark.parametrize(
    ("major", "minor"), [(1, 0), (2, 0), (3, 0), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (4, 5)]
)
def test_a_notebook_of_any_version_pairs_and_keeps_its_own_until_it_is_edited(
    tmp_path: Path, major: int, minor: int
) -> None:
    bench = Bench(tmp_path, "# %%\nx = 1\n")
    bench.notebook.write_text(json.dumps(old_notebook(major, minor), indent=1))
    before = bench.notebook.read_bytes()

    assert bench.sync().action == "recorded"
    assert bench.notebook.read_bytes() == before
    bench.edit("x = 1", "x = 2")
    assert bench.sync().action == "to-notebook"
    assert bench.sources() == ["x = 2"]
    assert (bench.json()["nbformat"], bench.json()["nbformat_minor"] >= (minor if major == 4 else 0)) == (
        4,
        True,
    )


def test_ten_thousand_cells_flow_both_ways_in_seconds(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "".join(f"# %%\nx{number} = 1\n\n" for number in range(10_000)))
    began = time.process_time()
    assert bench.sync().cells == 10_000
    bench.edit("x5000 = 1", "x5000 = 2")
    assert bench.sync().action == "to-notebook"
    bench.set_source(9_999, "x9999 = 3")
    assert bench.sync().action == "to-text"

    assert "x9999 = 3" in bench.text.read_text()
    assert time.process_time() - began < 20


@pytest.mark.slow
def test_a_notebook_of_100_megabytes_is_synced_and_its_output_stays(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "# %%\nbig = 1\n\n# %%\nx = 1\n")
    bench.sync()
    output = {"output_type": "stream", "name": "stdout", "text": "0123456789abcdef" * (100 << 16)}
    bench.change(lambda cells: cells[0].update(outputs=[output], execution_count=1))
    assert bench.notebook.stat().st_size > 100 << 20
    assert bench.sync().action == "recorded"
    bench.edit("x = 1", "x = 2")
    assert bench.sync().action == "to-notebook"

    cells = bench.json()["cells"]
    assert cells[0]["outputs"] == [output]
    assert cells[1]["source"] in ("x = 2", ["x = 2"])


@pytest.fixture
def bench_of_somebody() -> Iterator[Bench]:
    """A pair in a folder of a user who is not root: root may do everything."""
    folder = Path(tempfile.mkdtemp(prefix="rbt-", dir="/tmp"))
    bench = Bench(folder / "w")
    bench.sync()
    for text in ("restart = 1", "restart = True"):  # whatever is imported late is imported now
        bench.write(TEXT.replace("restart = True", text))
        bench.sync()
    if os.geteuid() != 0:
        yield bench
    else:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        try:
            yield bench
        finally:
            os.seteuid(0)
            os.setegid(0)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("what", "mode"), [("text", 0), ("notebook", 0), ("notebook", 0o444), ("folder", 0o555)]
)
def test_permissions_that_are_lost_block_a_pair_and_lose_nothing(
    bench_of_somebody: Bench, what: str, mode: int
) -> None:
    bench = bench_of_somebody
    path = {"text": bench.text, "notebook": bench.notebook, "folder": bench.text.parent}[what]
    before = bench.notebook.read_bytes()
    bench.edit("restart = True", "restart = False")
    allowed = path.stat().st_mode & 0o777
    path.chmod(mode)
    report = bench.sync()
    path.chmod(allowed)

    assert report.action == "blocked", report
    assert report.problems[0].hint
    assert bench.notebook.read_bytes() == before
    # A write that was intended already is finished as such, and noted.
    assert bench.sync().action in ("to-notebook", "recorded")
    assert bench.sources()[-1] == "restart = False"
    assert bench.agrees()


def test_git_may_clean_and_collect_at_any_moment(tmp_path: Path) -> None:
    """`git clean -fdX` takes ignored notebooks, `git gc` packs: versions and texts stay whole meanwhile."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.ipynb\n.runbook/\n")
    bench = Bench(tmp_path)
    words = (["clean", "-qfdX"], ["gc", "-q", "--prune=now"])
    ended = threading.Event()

    def git() -> None:
        while not ended.is_set():
            for each in words:
                subprocess.run(["git", "-C", str(tmp_path), *each], check=True, capture_output=True)

    other = threading.Thread(target=git)
    other.start()
    try:
        for number in range(40):
            bench.write(TEXT.replace("restart = True", f"restart = {number}"))
            bench.sync()
    finally:
        ended.set()
        other.join()
    assert bench.sync().is_settled
    assert bench.agrees()
    assert bench.sources()[-1] == "restart = 39"
    saved = [each for each in versions(bench.place, "runbooks/x.py") if each.side == "text"]
    assert len(saved) == 40


def test_a_notebook_that_is_no_list_of_cells_says_what_it_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.sync()
    for wrong in ("[]", '"cells"', "{}", json.dumps({**notebook([]), "cells": {}})):
        bench.notebook.write_text(wrong)
        report = bench.sync()
        assert report.action in ("quarantined", "refused"), wrong
        assert bench.notebook.read_text() == wrong
