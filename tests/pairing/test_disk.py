"""A disk that does not answer, or not any more, at any call of a sync: nothing is lost, nothing torn, it is
said, and the next sync ends where one without the fault would have."""

import errno
import json
import os
import random
import re
import shutil
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runbook.errors import RunbookError, StorageError
from runbook.pairing.places import find_pairs, place
from runbook.pairing.reports import PairReport
from runbook.pairing.session import Options
from runbook.pairing.state import State, pinned
from runbook.pairing.sync import sync_all
from runbook.store import retention
from runbook.store.store import open_store
from tests.pairing.builders import NOW, TEXT, Bench
from tests.pairing.failing import FailingDisk, at

DISK = "the disk reports an error: look at the system's log"
TOKENS = ["TOKEN-a", "TOKEN-b", "TOKEN-c1", "TOKEN-c2", "TOKEN-d1", "TOKEN-d2", "TOKEN-n", "TOKEN-e"]


def edited(root: Path) -> Path:
    """Five pairs, each edited another way, a new text, and a renamed one."""
    bench = Bench(root, None)

    def on(name: str) -> None:
        bench.text, bench.notebook = root / f"runbooks/{name}.py", root / f"runbooks/{name}.ipynb"

    for name in "abcdeh":
        (root / f"runbooks/{name}.py").write_text(TEXT.replace("# # Restart", f"# # {name}: restart"))
    bench.sync_all()
    for name in "abcdeh":
        on(name)
        bench.run(1)
    bench.sync_all()
    on("a")
    bench.edit('status = "up"', 'status = "TOKEN-a"')
    on("b")
    bench.set_source(2, 'restart = "TOKEN-b"')
    on("c")
    bench.edit("Slowly", "TOKEN-c1")
    bench.set_source(2, 'restart = "TOKEN-c2"')
    on("d")
    bench.edit('status = "up"', 'status = "TOKEN-d1"')
    bench.set_source(1, 'status = "TOKEN-d2"')
    on("e")
    bench.edit("Slowly", "TOKEN-e")
    bench.notebook.unlink()
    (root / "runbooks/h.py").rename(root / "runbooks/h2.py")
    (root / "runbooks/n.py").write_text(TEXT.replace("Slowly", "TOKEN-n"))
    return root


def synced(root: Path) -> dict[str, PairReport]:
    """A whole sync, as another process would do it."""
    here = place(root, env=dict(os.environ))
    pairs = find_pairs(here.root, folders=["runbooks"], template=None)
    wishes = Options(patience_seconds=0.0)
    return {report.name: report for report in sync_all(here, pairs, now=NOW, options=wishes)}


def everything(root: Path) -> bytes:
    """All working files, conflict copies and kept versions."""
    found = [path.read_bytes() for path in (root / "runbooks").iterdir()]
    for path in (root / ".runbook/store/objects").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found.append(zlib.decompress(data, 31) if path.suffix == ".gz" else data)
    return b"\n".join(found)


def ended(root: Path) -> dict[str, str]:
    """The working files; the ids of cells are by chance."""
    return {
        path.name: re.sub(r'"id": "[0-9a-f]+"', "", path.read_text())
        for path in (root / "runbooks").iterdir()
    }


def litter(root: Path) -> list[Path]:
    return list((root / "runbooks").rglob(".*.runbook-*"))


def check_points(tmp_path: Path, number: int, points: int | None) -> None:
    start = edited(tmp_path / "start")
    good = shutil.copytree(start, tmp_path / "good")
    with FailingDisk(good, number, lambda *_: False)() as disk:
        synced(good)
    expected = {name: report.action for name, report in synced(good).items()}
    counts = range(1, disk.count + 1)
    chosen = counts if points is None else random.Random(number).sample(counts, points)
    for point in chosen:
        root = shutil.copytree(start, tmp_path / "case")
        said: list[RunbookError | PairReport] = []
        with FailingDisk(root, number, lambda count, *_, point=point: count == point)() as disk:
            try:
                said += [report for report in synced(root).values() if report.action == "blocked"]
            except RunbookError as error:
                said.append(error)
        where = f"call {point}: {disk.failed}"
        for path in litter(root):
            assert disk.failed[0] == f"unlink {path}", where
            path.unlink()  # as when its writer is dead: that is this process, and lives
        for path in (root / "runbooks").glob("*.ipynb"):
            json.loads(path.read_bytes())  # nothing is torn
        kept = everything(root)
        assert [token for token in TOKENS if token.encode() not in kept] == [], where
        for each in said:
            hint = each.hint if isinstance(each, RunbookError) else each.problems[0].hint
            assert hint, (where, each)
        synced(root)
        assert {name: report.action for name, report in synced(root).items()} == expected, where
        assert ended(root) == ended(good), where
        assert litter(root) == [], where
        shutil.rmtree(root)


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EMFILE", "ESTALE", "EDQUOT", "EROFS"])
def test_one_call_that_fails_anywhere_loses_nothing_and_the_next_sync_mends_it(
    tmp_path: Path, name: str
) -> None:
    check_points(tmp_path, getattr(errno, name), 8)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_every_call_of_a_sync_may_fail(tmp_path: Path) -> None:
    if not os.environ.get("RUNBOOK_SOAK"):
        pytest.skip("only under `make soak`")
    check_points(tmp_path, errno.EIO, None)


@pytest.mark.parametrize(
    ("call", "path"),
    [
        ("open", "/runbooks/y.py"),
        ("link", "/runbooks/y.ipynb"),
        ("unlink", "/runbooks/x.ipynb"),
        ("flock", "/state/lock"),
        ("write", "/state/pairs-1.log"),
        ("open", "/objects/*"),
    ],
)
def test_a_rename_that_a_disk_kept_from_being_followed_is_followed_next_time(
    tmp_path: Path, call: str, path: str
) -> None:
    bench = Bench(tmp_path)
    bench.sync()
    bench.run(1, "TOKEN")
    bench.sync()
    bench.text.rename(tmp_path / "runbooks/y.py")
    if path.endswith("*"):
        path = f"/{State(bench.place.state).records['runbooks/x.py'].text}".replace("sha256:", "")
        bench.text = tmp_path / "runbooks/y.py"
        bench.edit("restart = True", "restart = False")
    with at(tmp_path, errno.EIO, call=call, path=path)() as disk:
        first = bench.sync_all()
    assert disk.failed
    assert first["runbooks/y.py"].action == "blocked"
    assert first["runbooks/y.py"].problems[0].hint == DISK
    assert set(first) == {"runbooks/y.py"}  # nothing is said of the old name, which may be this one

    assert bench.sync_all()["runbooks/y.py"].is_settled
    assert sorted(each.name for each in (tmp_path / "runbooks").iterdir()) == ["y.ipynb", "y.py"]
    assert "TOKEN" in (tmp_path / "runbooks/y.ipynb").read_text()


@pytest.mark.parametrize("name", ["y.py", "x.ipynb"])
def test_a_file_of_which_the_disk_tells_nothing_is_not_taken_for_one_that_is_gone(
    tmp_path: Path, name: str
) -> None:
    bench = Bench(tmp_path)
    bench.sync()
    bench.run(1, "TOKEN")
    bench.sync()
    bench.text.rename(tmp_path / "runbooks/y.py")
    with at(tmp_path, errno.ESTALE, call="stat", path=f"/runbooks/{name}", times=2)() as disk:
        bench.sync_all()
    assert disk.failed

    assert bench.sync_all()["runbooks/y.py"].is_settled
    assert sorted(each.name for each in (tmp_path / "runbooks").iterdir()) == ["y.ipynb", "y.py"]
    assert "TOKEN" in (tmp_path / "runbooks/y.ipynb").read_text()


def test_a_text_that_was_told_to_be_gone_takes_its_notebook_along_when_it_comes_back_elsewhere(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.sync()
    bench.run(1, "TOKEN")
    bench.sync()
    data = bench.text.read_bytes()
    bench.text.unlink()
    assert bench.sync_all()["runbooks/x.py"].action == "orphan"
    (tmp_path / "runbooks/y.py").write_bytes(data)

    assert bench.sync_all()["runbooks/y.py"].notes == ("renamed from runbooks/x.py; its notebook followed",)
    assert "TOKEN" in (tmp_path / "runbooks/y.ipynb").read_text()


@pytest.mark.parametrize("part", ["names", "objects"])
def test_a_folder_of_the_store_that_is_not_listed_lets_no_version_go(tmp_path: Path, part: str) -> None:
    store = open_store(tmp_path / "store")
    kept = store.put(b"the newest version of x")
    store.record("x", [(kept, 23, "text saved")], now=NOW)
    later = datetime.now(UTC) + timedelta(days=90)
    with (
        at(tmp_path, errno.EIO, call="scandir", path=f"/{part}")(),
        pytest.raises(StorageError, match="Input/output error"),
    ):
        retention.sweep(store, retention.Limits(), now=later, pinned=())
    assert store.get(kept) == b"the newest version of x"
    assert retention.sweep(store, retention.Limits(), now=later, pinned=()).objects == 0


def test_a_state_that_cannot_be_read_lets_no_version_go(tmp_path: Path) -> None:
    """What another work tree needs is then not known."""
    bench = Bench(tmp_path)
    bench.sync()
    with (
        at(tmp_path, errno.EIO, call="open", path="/pairs-1.log")(),
        pytest.raises(StorageError, match=r"pairs-1\.log: Input/output error"),
    ):
        pinned(bench.place.state.parent)


def test_a_mark_of_the_store_that_cannot_be_read_hides_no_report(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with at(tmp_path, errno.EIO, call="open", path="/store/swept", times=9)() as disk:
        report = bench.sync_all()["runbooks/x.py"]
    assert disk.failed
    assert report.action == "made-notebook"


def test_a_folder_that_cannot_be_synced_is_said_and_the_write_is_finished_next_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.sync()
    bench.edit("restart = True", "restart = False")
    with at(tmp_path, errno.EIO, call="fsync", path="/runbooks")() as disk:
        report = bench.sync()
    assert disk.failed
    assert report.action == "blocked"
    assert report.problems[0].hint == DISK
    assert bench.sync().message == "finished what a sync had left half done"
    assert bench.agrees()
    assert bench.sources()[-1] == "restart = False"


def test_a_lock_that_the_system_does_not_give_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.sync()
    bench.edit("restart = True", "restart = False")
    with (
        at(tmp_path, errno.ENOLCK, call="flock", path="/state/lock")(),
        pytest.raises(StorageError, match=r"state/lock: No locks available"),
    ):
        bench.sync()
    assert bench.sync().action == "to-notebook"
