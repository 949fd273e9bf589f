"""The writer on a real disk: whole or not at all, one maker wins, nothing is left behind."""

import errno
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runbook.errors import ExistsError, FormatError, LockBusy, NotFoundError, StorageError
from runbook.system import files


def _litter(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.endswith(".tmp")]


def _spawn(script: str, *words: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words)], stdout=subprocess.PIPE, text=True
    )


def test_create_writes_the_whole_file(tmp_path: Path) -> None:
    files.create(tmp_path / "x", b"data", mode=0o640)

    assert (tmp_path / "x").read_bytes() == b"data"
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) & ~0o640 == 0
    assert _litter(tmp_path) == []


def test_create_never_overwrites(tmp_path: Path) -> None:
    files.create(tmp_path / "x", b"first")

    with pytest.raises(ExistsError, match="is there already and is never overwritten"):
        files.create(tmp_path / "x", b"second")
    assert (tmp_path / "x").read_bytes() == b"first"
    assert _litter(tmp_path) == []


MAKER = """
import sys, time
from pathlib import Path
from runbook.errors import ExistsError
from runbook.system import files
folder = Path(sys.argv[1])
while not (folder / "go").exists():
    time.sleep(0.001)
for round in range(30):
    try:
        files.create(folder / f"object-{round}", sys.argv[2].encode() * 1000, durable=False)
        print(round)
    except ExistsError:
        pass
"""


def test_of_many_processes_that_create_one_file_one_wins_each_round(tmp_path: Path) -> None:
    makers = [_spawn(MAKER, tmp_path, name) for name in "abcdef"]
    time.sleep(0.3)
    (tmp_path / "go").touch()
    won = [maker.communicate(timeout=60)[0].split() for maker in makers]

    assert sorted(int(number) for numbers in won for number in numbers) == list(range(30))
    for name, numbers in zip("abcdef", won, strict=True):
        for number in numbers:
            assert (tmp_path / f"object-{number}").read_bytes() == name.encode() * 1000
    assert _litter(tmp_path) == []


COUNTER = """
import sys
from pathlib import Path
from runbook.system import files
from runbook.system.turns import Turns
folder = Path(sys.argv[1])
turns = Turns(folder / "lock")
for _ in range(50):
    with turns.taken():
        number = int(files.read(folder / "count", limit_bytes=99))
        files.replace(folder / "count", b"%d" % (number + 1), durable=False)
"""


def test_a_locked_counter_counts_every_step_of_four_processes(tmp_path: Path) -> None:
    (tmp_path / "count").write_bytes(b"0")
    counters = [_spawn(COUNTER, tmp_path) for _ in range(4)]
    for counter in counters:
        counter.communicate(timeout=60)

    assert (tmp_path / "count").read_bytes() == b"200"
    assert _litter(tmp_path) == []


READER = """
import sys
from pathlib import Path
from runbook.system import files
seen = set()
while True:
    data = files.read(Path(sys.argv[1]), limit_bytes=1 << 20)
    assert len(set(data)) == 1 and len(data) == 50_000, (len(data), set(data))
    seen.add(data[:1])
    if data[:1] == b"z":
        break
print(len(seen))
"""


def test_a_reader_sees_old_or_new_never_a_part(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a" * 50_000)
    reader = _spawn(READER, path)
    for number in range(200):
        files.replace(path, bytes([97 + number % 25]) * 50_000, durable=False)
    files.replace(path, b"z" * 50_000)

    assert int(reader.communicate(timeout=60)[0]) >= 1
    assert reader.returncode == 0


def test_replace_keeps_the_mode_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o751)
    old = os.umask(0o077)
    try:
        files.replace(path, b"new")
    finally:
        os.umask(old)

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o751


def test_replace_makes_what_is_missing(tmp_path: Path) -> None:
    files.replace(tmp_path / "x", b"new", mode=0o600)

    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")
    script = f"""
import resource, signal
from pathlib import Path
from runbook.errors import StorageError
from runbook.system import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for work in (files.replace, files.create):
    try:
        work(Path({str(tmp_path)!r}) / ("x" if work is files.replace else "y"), b"n" * 5000)
    except StorageError as error:
        print(error.message)
"""
    said = _spawn(script).communicate(timeout=60)[0]

    assert said.splitlines() == [os.strerror(errno.EFBIG)] * 2
    assert (tmp_path / "x").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file or folder"):
        files.create(tmp_path / "none/x", b"")


def test_what_is_read_is_limited(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")

    assert files.read(tmp_path / "x", limit_bytes=5) == b"12345"
    with pytest.raises(FormatError, match="larger than 4 bytes"):
        files.read(tmp_path / "x", limit_bytes=4)


def test_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")

    with pytest.raises(FormatError, match="not a regular file"):
        files.read(tmp_path / "x", limit_bytes=4)


def test_read_inside_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/x").write_bytes(b"data")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real/y").symlink_to("x")

    assert files.read_inside(tmp_path, "real/x", limit_bytes=9) == b"data"
    for path in ("link/x", "real/y"):
        with pytest.raises(FormatError, match="is a link"):
            files.read_inside(tmp_path, path, limit_bytes=9)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../x", "", "."])
def test_read_inside_stays_inside(tmp_path: Path, path: str) -> None:
    with pytest.raises(FormatError):
        files.read_inside(tmp_path, path, limit_bytes=9)


def test_one_maker_of_a_folder_wins(tmp_path: Path) -> None:
    files.make_new_folder(tmp_path / "x")

    with pytest.raises(ExistsError):
        files.make_new_folder(tmp_path / "x")
    files.make_folder(tmp_path / "x/y/z")
    files.make_folder(tmp_path / "x/y/z")
    assert (tmp_path / "x/y/z").is_dir()


def test_remove_is_silent_about_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    files.remove(tmp_path / "x")
    files.remove(tmp_path / "x")

    assert list(tmp_path.iterdir()) == []


def test_an_appender_only_adds(tmp_path: Path) -> None:
    with files.Appender(tmp_path / "x") as log:
        log.append(b"one\n")
        log.sync()
    with files.Appender(tmp_path / "x", resume=True) as log:
        log.append(b"two\n")

    assert (tmp_path / "x").read_bytes() == b"one\ntwo\n"
    with pytest.raises(ExistsError):
        files.Appender(tmp_path / "x")
    with pytest.raises(NotFoundError):
        files.Appender(tmp_path / "none", resume=True)


@pytest.mark.parametrize("deed", ["replaced", "cut", "added to", "gone"])
def test_an_appender_notices_that_its_file_is_another(tmp_path: Path, deed: str) -> None:
    path = tmp_path / "x"
    with files.Appender(path) as log:
        log.append(b"one\n")
        log.sync()
        log.append(b"two\n")
        if deed == "replaced":
            path.rename(tmp_path / "aside")
            path.write_bytes(b"one\ntwo\n")
        elif deed == "cut":
            os.truncate(path, 4)
        elif deed == "added to":
            with path.open("ab") as other:
                other.write(b"three\n")
        else:
            path.unlink()

        with pytest.raises(NotFoundError if deed == "gone" else StorageError) as caught:
            log.sync()

    assert caught.value.subject == str(path)


HOLDER = """
import sys, time
from pathlib import Path
from runbook.system import files
with files.locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert files.is_locked(lock) is False
    holder = _spawn(HOLDER, lock)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    assert files.is_locked(lock) is True
    with pytest.raises(LockBusy, match="another process holds this lock"), files.locked(lock):
        pass
    holder.kill()
    holder.communicate()
    assert files.is_locked(lock) is False
    with files.locked(lock):
        assert files.is_locked(lock) is True


def test_what_nobody_can_lock_is_not_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    Path("circle").symlink_to("circle")
    with socket.socket(socket.AF_UNIX) as heard:
        heard.bind("socket")
        assert [files.is_locked(Path(name)) for name in ("circle", "socket")] == [False, False]
    with pytest.raises(StorageError):
        files.is_locked(tmp_path / ("x" * 300))


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="a file without a name is Linux's")
def test_a_new_file_has_no_other_name_before_it_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a kill leaves nothing behind, also between the file's naming and the next line."""
    seen: list[list[str]] = []

    def look(*given: object, **named: object) -> None:
        seen.append(os.listdir(tmp_path))
        link(*given, **named)  # type: ignore[arg-type]  # as it was called
        seen.append(os.listdir(tmp_path))

    link = os.link
    monkeypatch.setattr(os, "link", look)
    files.create(tmp_path / "x", b"whole")

    assert seen == [[], ["x"]]
    with pytest.raises(ExistsError):
        files.create(tmp_path / "x", b"other")
    assert (os.listdir(tmp_path), (tmp_path / "x").read_bytes()) == (["x"], b"whole")


def test_where_files_need_a_name_a_temporary_one_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    files.create(tmp_path / "x", b"whole")

    assert (os.listdir(tmp_path), (tmp_path / "x").read_bytes()) == (["x"], b"whole")


def test_leftovers_are_of_dead_writers_only(tmp_path: Path) -> None:
    dead = _spawn("pass")
    dead.communicate()
    old = files.TEMPORARY.format(name="x.py", pid=dead.pid, random="0123abcd")
    mine = files.TEMPORARY.format(name="x.py", pid=os.getpid(), random="0123abcd")
    for name in (old, mine, ".x.py.tmp", "x.runbook-1-0123abcd.tmp"):
        (tmp_path / name).write_bytes(b"")

    assert [path.name for path in files.leftovers(tmp_path)] == [old]


def test_what_was_written_without_syncs_can_be_made_durable(tmp_path: Path) -> None:
    paths = [tmp_path / f"x{number}" for number in range(5)]
    for path in paths:
        files.create(path, b"x", durable=False)

    files.make_durable(paths)
    files.make_durable(paths[:1])
    files.make_durable([])
    with pytest.raises(NotFoundError):
        files.make_durable([tmp_path / "none"])


def test_refresh_makes_a_file_young(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    os.utime(tmp_path / "x", (1, 1))
    files.refresh(tmp_path / "x")

    assert (tmp_path / "x").stat().st_mtime > 1e9


def test_errors_of_the_system_name_path_and_hint() -> None:
    with pytest.raises(StorageError) as caught, files.storage_errors("some/path"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert str(caught.value) == "some/path: No space left on device"
    assert caught.value.hint == "the disk is full: make room and try again"


def test_chunks_give_all_from_the_offset_on(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("x")

    assert list(files.chunks(tmp_path / "x", offset=2, chunk_bytes=3)) == [b"234", b"567", b"89"]
    with pytest.raises(FormatError):
        list(files.chunks(tmp_path / "link"))
