"""Compare and swap on real files: attributes stay, crossing saves stay, a kill leaves old or new."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from runbook.canonical import digest
from runbook.errors import ChangedMeanwhile, NotFoundError, StorageError
from runbook.system import files, swap

OLD = b"old\n"
NEW = b"new\n"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "x.py"
    path.write_bytes(OLD)
    return path


def _litter(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]


def test_the_expected_bytes_are_replaced(target: Path) -> None:
    swap.replace_if(target, NEW, expected=digest(OLD))

    assert target.read_bytes() == NEW
    assert _litter(target.parent) == []


def test_other_bytes_are_left_alone(target: Path) -> None:
    with pytest.raises(ChangedMeanwhile, match="the file has changed meanwhile"):
        swap.replace_if(target, NEW, expected=digest(b"something else"))

    assert target.read_bytes() == OLD
    assert _litter(target.parent) == []


def test_a_file_that_went_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(ChangedMeanwhile, match="gone meanwhile"):
        swap.replace_if(tmp_path / "x.py", NEW, expected=digest(OLD))

    assert list(tmp_path.iterdir()) == []


def test_a_new_file_is_made_only_where_nothing_is(tmp_path: Path) -> None:
    swap.replace_if(tmp_path / "x.py", NEW, expected=None)

    with pytest.raises(ChangedMeanwhile, match="has appeared here meanwhile"):
        swap.replace_if(tmp_path / "x.py", OLD, expected=None)
    assert (tmp_path / "x.py").read_bytes() == NEW


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o710, 0o664, 0o4755])
def test_the_mode_stays(target: Path, mode: int) -> None:
    target.chmod(mode)
    old = os.umask(0o077)
    try:
        swap.replace_if(target, NEW, expected=digest(OLD))
    finally:
        os.umask(old)

    assert stat.S_IMODE(target.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(target: Path) -> None:
    os.chown(target, 4711, 4712)
    swap.replace_if(target, NEW, expected=digest(OLD))

    assert (target.stat().st_uid, target.stat().st_gid) == (4711, 4712)


def test_extended_attributes_stay(target: Path) -> None:
    try:
        os.setxattr(target, "user.note", b"kept")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    swap.replace_if(target, NEW, expected=digest(OLD))

    assert os.getxattr(target, "user.note") == b"kept"


def test_step_1_a_file_with_two_names_is_said_not_parted(target: Path) -> None:
    os.link(target, target.parent / "other")

    with pytest.raises(StorageError, match="2 names") as caught:
        swap.replace_if(target, NEW, expected=digest(OLD))
    assert caught.value.hint is not None
    assert "cp FILE COPY" in caught.value.hint
    assert target.read_bytes() == OLD


def test_step_1_a_read_only_file_is_said_not_replaced(target: Path) -> None:
    target.chmod(0o444)

    with pytest.raises(StorageError, match="read-only") as caught:
        swap.replace_if(target, NEW, expected=digest(OLD))
    assert caught.value.hint == "make it writable (chmod u+w) and sync again"
    assert target.read_bytes() == OLD


def test_step_1_a_link_is_never_followed(target: Path) -> None:
    link = target.parent / "link"
    link.symlink_to(target)

    with pytest.raises(StorageError):
        swap.replace_if(link, NEW, expected=digest(OLD))
    assert link.is_symlink()
    assert target.read_bytes() == OLD


def test_step_1_a_fifo_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.py")

    with pytest.raises(StorageError, match="not a regular file"):
        swap.replace_if(tmp_path / "x.py", NEW, expected=digest(OLD))


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_step_3_a_file_that_somebody_writes_is_waited_for(target: Path) -> None:
    with target.open("r+b"), pytest.raises(ChangedMeanwhile, match="another program is writing"):
        swap.replace_if(target, NEW, expected=digest(OLD))
    assert target.read_bytes() == OLD


def test_a_reader_does_not_matter(target: Path) -> None:
    with target.open("rb") as reader:
        swap.replace_if(target, NEW, expected=digest(OLD))
        assert reader.read() == OLD
    assert target.read_bytes() == NEW


def test_step_6_a_save_by_rename_in_the_last_moment_stays(target: Path) -> None:
    def save(point: str) -> None:
        if point == "prepared":
            other = target.with_suffix(".editor")
            other.write_bytes(b"the person's\n")
            other.rename(target)

    with pytest.raises(ChangedMeanwhile, match="saved while it was being replaced"):
        swap.replace_if(target, NEW, expected=digest(OLD), fault=save)
    assert target.read_bytes() == b"the person's\n"
    assert _litter(target.parent) == []


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
@pytest.mark.parametrize("point", ["prepared", "exchanged"])
def test_step_6_a_save_in_place_in_the_last_moment_stays(target: Path, point: str) -> None:
    script = "import sys\nwith open(sys.argv[1], 'wb') as f:\n    f.write(b'person')\n"
    started: list[subprocess.Popen[bytes]] = []

    def save(now: str) -> None:
        if now == point and not started:
            # Its open() waits for the lease; by then it has already chosen the old file.
            started.append(subprocess.Popen([sys.executable, "-S", "-c", script, str(target)]))
            time.sleep(0.3)

    try:
        swap.replace_if(target, NEW, expected=digest(OLD), fault=save)
        crossed = False
    except ChangedMeanwhile:
        crossed = True
    assert started[0].wait(60) == 0
    # Opened before the exchange: it wrote the old file, which is back. After it: it wrote the new one.
    assert target.read_bytes() == b"person"
    assert crossed is (point == "prepared")
    assert _litter(target.parent) == []


def test_a_save_that_comes_without_leases_is_still_seen(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("fcntl.F_SETLEASE", raising=False)

    def save(point: str) -> None:
        if point == "exchanged":
            temporary = next(path for path in target.parent.iterdir() if path.name.endswith(".tmp"))
            temporary.write_bytes(b"written through an old descriptor")

    with pytest.raises(ChangedMeanwhile):
        swap.replace_if(target, NEW, expected=digest(OLD), fault=save)
    assert target.read_bytes() == b"written through an old descriptor"


def test_without_exchange_the_file_is_looked_at_once_more(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "_exchange", lambda first, second: False)
    swap.replace_if(target, NEW, expected=digest(OLD))
    assert target.read_bytes() == NEW

    def save(point: str) -> None:
        if point == "prepared":
            other = target.with_suffix(".editor")
            other.write_bytes(b"the person's\n")
            other.rename(target)

    with pytest.raises(ChangedMeanwhile):
        swap.replace_if(target, OLD, expected=digest(NEW), fault=save)
    assert target.read_bytes() == b"the person's\n"


KILLED = """
import os, sys
from pathlib import Path
from runbook.canonical import digest
from runbook.system import swap
path = Path(sys.argv[1])
def fault(point):
    if point == sys.argv[2]:
        os.kill(os.getpid(), 9)
swap.replace_if(path, b"new\\n", expected=digest(b"old\\n"), fault=fault)
"""


@pytest.mark.parametrize("point", ["prepared", "exchanged", "checked", "done"])
def test_a_kill_at_any_point_leaves_old_or_new_and_the_other_beside(target: Path, point: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), point], check=False)

    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == (OLD if point == "prepared" else NEW)
    left = list(files.leftovers(target.parent))
    assert [path.read_bytes() for path in left] == {
        "prepared": [NEW],
        "exchanged": [OLD],
        "checked": [OLD],
        "done": [],
    }[point]


def test_a_living_writer_s_temporary_file_is_no_leftover(target: Path) -> None:
    mine = target.parent / files.TEMPORARY.format(name="x.py", pid=os.getpid(), random="00000000")
    mine.write_bytes(b"")

    assert list(files.leftovers(target.parent)) == []


def test_a_full_disk_leaves_the_old_file_and_no_litter(target: Path) -> None:
    script = f"""
import resource, signal
from pathlib import Path
from runbook.canonical import digest
from runbook.errors import StorageError
from runbook.system import swap
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    swap.replace_if(Path({str(target)!r}), b"x" * 5000, expected=digest(b"old\\n"))
except StorageError as error:
    print(error.code)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "storage\n"
    assert target.read_bytes() == OLD
    assert _litter(target.parent) == []


def test_of_many_swappers_one_wins_each_round(target: Path) -> None:
    for number in range(20):
        before = target.read_bytes()
        won: list[int] = []
        start = threading.Barrier(4)

        def swap_it(
            mine: int,
            before: bytes = before,
            won: list[int] = won,
            start: threading.Barrier = start,
            number: int = number,
        ) -> None:
            start.wait()
            try:
                swap.replace_if(target, b"%d-%d" % (number, mine), expected=digest(before))
            except ChangedMeanwhile:
                return
            won.append(mine)

        threads = [threading.Thread(target=swap_it, args=(mine,)) for mine in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) <= 1
        assert target.read_bytes() == (b"%d-%d" % (number, won[0]) if won else before)
    assert _litter(target.parent) == []


def test_a_snapshot_is_of_one_moment(target: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            files.replace(target, b"%06d" % number * 20_000)
            time.sleep(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            found = swap.snapshot(target, limit_bytes=1 << 20)
            data, stamp = found.data, found.stamp
            assert len({data[i : i + 6] for i in range(0, len(data), 6)}) <= 1 or data == OLD
            assert stamp.size == len(data)
    finally:
        stop.set()
        writer.join()


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_a_snapshot_tells_when_somebody_writes_the_file(target: Path) -> None:
    with target.open("r+b"):
        assert swap.snapshot(target, limit_bytes=1 << 20).is_being_written
    with target.open("rb"):
        assert not swap.snapshot(target, limit_bytes=1 << 20).is_being_written


def test_a_snapshot_says_what_is_wrong(tmp_path: Path, target: Path) -> None:
    with pytest.raises(NotFoundError):
        swap.snapshot(tmp_path / "none", limit_bytes=10)
    with pytest.raises(StorageError, match="larger than 2 bytes"):
        swap.snapshot(target, limit_bytes=2)
    with pytest.raises(StorageError, match="not a regular file"):
        swap.snapshot(tmp_path, limit_bytes=2)
