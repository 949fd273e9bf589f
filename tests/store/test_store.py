"""The store on real folders and real processes: what it keeps, what it says when something is wrong."""

import gzip
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.canonical import digest
from runbook.errors import NotFoundError, StorageError, StoreDamaged
from runbook.store import checkup, history, retention
from runbook.store.folder import Folder
from runbook.store.keys import is_key, name_key, object_key
from runbook.store.memory import Memory
from runbook.store.store import Store, open_store

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_bytes_come_back_by_their_digest(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")

    assert store.put(b"hello") == digest(b"hello")
    assert store.get(digest(b"hello")) == b"hello"


@given(data=st.binary(max_size=20_000) | st.integers(0, 9).map(lambda n: b"%d" % n * 9000))
@settings(max_examples=50, deadline=None)
def test_any_bytes_come_back(data: bytes) -> None:
    store = Store(Memory())

    assert store.get(store.put(data)) == data


def test_large_bytes_are_packed_so_that_zcat_reads_them(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    data = b"a line that repeats\n" * 5000
    digits = store.put(data).removeprefix("sha256:")
    path = tmp_path / "s" / object_key(digits, packed=True)

    assert gzip.decompress(path.read_bytes()) == data
    assert path.stat().st_size < 5000
    assert store.get(digits) == data


def test_bytes_that_do_not_pack_stay_plain(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    data = os.urandom(9000)
    digits = store.put(data).removeprefix("sha256:")

    assert (tmp_path / "s" / object_key(digits, packed=False)).read_bytes() == data


@pytest.mark.parametrize("data", [b"small", b"large and packed\n" * 900])
def test_what_was_kept_without_syncs_can_be_made_durable(tmp_path: Path, data: bytes) -> None:
    store = open_store(tmp_path / "s")
    name = store.put(data, durable=False)
    store.record("n", [(name, len(data), "text saved")], now=NOW, durable=False)

    store.ensure_durable([name], ["n"])
    with pytest.raises(NotFoundError):
        store.ensure_durable([digest(b"never")])
    assert store.get(name) == data


def test_a_missing_version_says_why_it_may_be_gone(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not in the store") as caught:
        open_store(tmp_path / "s").get(digest(b"never"))

    assert caught.value.hint is not None
    assert "runbook versions" in caught.value.hint


def test_damaged_bytes_are_never_handed_out_and_heal_when_put_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    name = store.put(b"hello")
    path = tmp_path / "s" / object_key(name.removeprefix("sha256:"), packed=False)
    path.chmod(0o644)
    path.write_bytes(b"hellO")

    with pytest.raises(StoreDamaged, match="not what was put"):
        store.get(name)
    assert store.put(b"hello") == name
    assert store.get(name) == b"hello"


@pytest.mark.parametrize("damage", [b"", b"\x1f\x8bgarbage", "cut"])
def test_damaged_packed_bytes_are_named(tmp_path: Path, damage: bytes | str) -> None:
    store = open_store(tmp_path / "s")
    name = store.put(b"x" * 9000)
    path = tmp_path / "s" / object_key(name.removeprefix("sha256:"), packed=True)
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole[:-6] if isinstance(damage, str) else damage)

    with pytest.raises(StoreDamaged, match="packed bytes"):
        store.get(name)


def test_versions_are_numbered_in_their_order(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    for words in (b"one", b"two", b"one"):
        store.record("a/b.py", [(store.put(words), len(words), "text saved")], now=NOW)

    assert [(e.number, e.digest, e.size_bytes, e.stamp) for e in store.history("a/b.py")] == [
        (1, digest(b"one").removeprefix("sha256:"), 3, "2026-11-21T12:00:00Z"),
        (2, digest(b"two").removeprefix("sha256:"), 3, "2026-11-21T12:00:00Z"),
        (3, digest(b"one").removeprefix("sha256:"), 3, "2026-11-21T12:00:00Z"),
    ]
    assert store.history("other") == ()


def test_the_newest_version_is_not_recorded_twice(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    name = store.put(b"one")

    assert len(store.record("n", [(name, 3, "text saved")], now=NOW)) == 1
    assert store.record("n", [(name, 3, "text written")], now=NOW) == ()
    assert len(store.record("n", [(name, 3, "notebook saved")], now=NOW)) == 1


def test_a_long_history_is_moved_into_objects_and_stays_whole(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    for number in range(1200):
        store.record("n", [(digest(b"%d" % number), number, "text saved " + "x" * 60)], now=NOW)

    entries = store.history("n")
    assert [entry.number for entry in entries] == list(range(1, 1201))
    assert [entry.size_bytes for entry in entries] == list(range(1200))
    assert (tmp_path / "s" / name_key("n")).stat().st_size <= history.SPLIT_BYTES


@given(st.lists(st.text(min_size=1), min_size=1, max_size=20, unique=True))
@settings(max_examples=100, deadline=None)
def test_no_two_names_share_a_key(names: list[str]) -> None:
    names = [name for name in names if not any("\ud800" <= letter <= "\udfff" for letter in name)]
    keys = [name_key(name) for name in names]

    assert len(set(keys)) == len(names)
    assert all(is_key(key) for key in keys)
    assert len({key.casefold() for key in keys}) == len(names)


def test_names_of_any_kind_are_kept(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    odd = ["../../etc/passwd", "Großbuchstaben.py", "x" * 4000, "x" * 3999, "\udcff.py", "a\nb", ".hidden"]
    for name in odd:
        store.record(name, [(store.put(name.encode("utf-8", "surrogateescape")), 1, "text saved")], now=NOW)

    assert sorted(store.names()) == sorted(odd)
    assert all(len(store.history(name)) == 1 for name in odd)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]


def test_a_damaged_history_is_set_aside_and_reported(tmp_path: Path) -> None:
    said: list[str] = []
    store = open_store(tmp_path / "s", tell=said.append)
    store.record("n", [(store.put(b"one"), 3, "text saved")], now=NOW)
    ref = tmp_path / "s" / name_key("n")
    broken = ref.read_bytes()[:-9]
    ref.write_bytes(broken)

    with pytest.raises(StoreDamaged, match="cannot be read"):
        store.history("n")
    store.record("n", [(store.put(b"two"), 3, "text saved")], now=NOW)

    assert [
        words.startswith("the versions of n could not be read: they are set aside") for words in said
    ] == [True]
    found = checkup.check(store).findings
    assert [finding.kind for finding in found] == ["history-aside"]
    assert store.get(found[0].message.rsplit(" ", 1)[1]) == broken


def test_a_history_of_a_newer_program_is_refused_in_words(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    store.record("n", [(store.put(b"one"), 3, "text saved")], now=NOW)
    ref = tmp_path / "s" / name_key("n")
    ref.write_bytes(ref.read_bytes().replace(b'"format":1', b'"format":2', 1))

    with pytest.raises(StorageError, match="format 2, this program knows 1"):
        store.record("n", [(store.put(b"two"), 3, "text saved")], now=NOW)
    assert b'"format":2' in ref.read_bytes()


def test_the_folder_explains_itself(tmp_path: Path) -> None:
    open_store(tmp_path / "s")

    assert "NOT safe to delete" in (tmp_path / "s/README.txt").read_text()
    assert (tmp_path / "s/format").read_text() == "runbook store 1\n"


def test_a_newer_store_is_refused_in_words(tmp_path: Path) -> None:
    open_store(tmp_path / "s")
    (tmp_path / "s/format").write_text("runbook store 7\n")

    with pytest.raises(StorageError, match="format 7, this program knows 1") as caught:
        open_store(tmp_path / "s")
    assert caught.value.hint == "update runbook; nothing was changed"


@pytest.mark.parametrize("line", ["", "runbook store x\n", "something else\n"])
def test_a_folder_that_is_no_store_is_not_taken_for_one(tmp_path: Path, line: str) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s/format").write_text(line)

    with pytest.raises(StoreDamaged, match="not the format number"):
        open_store(tmp_path / "s")


@pytest.mark.parametrize("damage", [None, b"", b"\xff\xfe", b"runbook store x\n", b"x" * 999])
def test_a_store_whose_number_is_damaged_goes_on_and_says_what_it_set_aside(
    tmp_path: Path, damage: bytes | None
) -> None:
    store = open_store(tmp_path / "s")
    store.record("n", [(store.put(b"one"), 3, "text saved")], now=NOW)
    (tmp_path / "s/format").unlink()
    if damage is not None:
        (tmp_path / "s/format").write_bytes(damage)
    said: list[str] = []
    again = open_store(tmp_path / "s", tell=said.append)

    assert again.get(again.history("n")[0].digest) == b"one"
    assert (tmp_path / "s/format").read_bytes() == b"runbook store 1\n"
    assert len(said) == 1
    assert "written anew" in said[0]
    if damage is not None:
        assert (tmp_path / "s/format.damaged-1").read_bytes() == damage
        assert "format.damaged-1" in said[0]
    assert checkup.check(again).findings == ()
    open_store(tmp_path / "s", tell=said.append)
    assert len(said) == 1


def test_a_store_that_lost_its_number_and_holds_newer_histories_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    store.record("n", [(store.put(b"one"), 3, "text saved")], now=NOW)
    ref = tmp_path / "s" / name_key("n")
    ref.write_bytes(ref.read_bytes().replace(b'"format":1', b'"format":2', 1))
    (tmp_path / "s/format").unlink()

    with pytest.raises(StorageError, match="format 2, this program knows 1"):
        open_store(tmp_path / "s")
    assert not (tmp_path / "s/format").exists()


def test_objects_in_a_folder_of_somebody_elses_are_not_guessed_at(tmp_path: Path) -> None:
    open_store(tmp_path / "s").put(b"x")
    (tmp_path / "s/format").unlink()
    (tmp_path / "s/README.txt").write_text("somebody's")

    with pytest.raises(StoreDamaged, match="not the format number"):
        open_store(tmp_path / "s")


def test_a_store_taken_away_under_an_open_one_is_made_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    store.put(b"x")
    shutil.rmtree(tmp_path / "s")

    store.record("n", [(store.put(b"y"), 1, "text saved")], now=NOW)
    assert store.get(digest(b"y")) == b"y"
    assert checkup.check(open_store(tmp_path / "s")).findings == ()


def test_stray_files_never_become_objects(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    store.put(b"x")
    (tmp_path / "s/objects/ab").mkdir(exist_ok=True)
    (tmp_path / "s/objects/ab/Notes.TXT").write_text("x")
    (tmp_path / "s/objects/ab/notes.txt").write_text("x")
    (tmp_path / "s/objects/ab/.hidden").write_text("x")

    checked = checkup.check(store)
    assert checked.objects == 1
    assert [(finding.kind, finding.subject) for finding in checked.findings] == [
        ("stray", "objects/ab/notes.txt")
    ]


def test_the_check_up_names_the_version_whose_bytes_are_gone(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    name = store.put(b"one")
    store.record("n", [(name, 3, "text saved"), (store.put(b"two"), 3, "text saved")], now=NOW)
    (tmp_path / "s" / object_key(name.removeprefix("sha256:"), packed=False)).unlink()

    checked = checkup.check(store)
    assert (checked.objects, checked.names, checked.versions) == (1, 1, 2)
    assert [(finding.kind, finding.subject) for finding in checked.findings] == [("object-missing", "n@1")]


def _age(folder: Path, days: float) -> None:
    then = time.time() - days * 86400
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


def test_a_version_saved_under_a_clock_that_was_behind_is_as_young_as_those_before_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    days = {b"one": 0, b"two": -800, b"three": 900, b"four": 0}  # the clock was set back, forward, and right
    for data, day in days.items():
        stamped = NOW + timedelta(days=day)
        store.record("x", [(store.put(data), len(data), "text saved")], now=stamped)

    assert retention.sweep(store, retention.Limits(), now=NOW + timedelta(days=1), pinned=()).versions == 0
    swept = retention.sweep(store, retention.Limits(), now=NOW + timedelta(days=31), pinned=())
    assert swept.versions == 2
    assert [each.number for each in store.history("x")] == [3, 4]


def test_old_versions_go_the_newest_and_the_pinned_never(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    old = NOW - timedelta(days=90)
    for words in (b"one", b"two", b"three"):
        store.record("n", [(store.put(words), len(words), "text saved")], now=old)
    _age(tmp_path / "s/objects", 2)

    swept = retention.sweep(store, retention.Limits(), now=datetime.now(UTC), pinned={digest(b"one")})

    assert (swept.versions, swept.objects) == (1, 1)
    assert [entry.number for entry in store.history("n")] == [1, 3]
    assert store.get(digest(b"one")) == b"one"
    assert store.get(digest(b"three")) == b"three"
    with pytest.raises(NotFoundError):
        store.get(digest(b"two"))
    assert checkup.check(store).findings == ()
    store.record("n", [(store.put(b"four"), 4, "text saved")], now=NOW)
    assert [entry.number for entry in store.history("n")] == [1, 3, 4]


def test_the_size_limit_takes_the_oldest_first(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    for number in range(10):
        data = os.urandom(1000)
        store.record("n", [(store.put(data), 1000, "text saved")], now=NOW + timedelta(minutes=number))
    _age(tmp_path / "s/objects", 1)

    limits = retention.Limits(size_bytes=3500)
    retention.sweep(store, limits, now=NOW + timedelta(hours=1), pinned=())

    assert [entry.number for entry in store.history("n")] == [8, 9, 10]


def test_a_young_object_that_no_history_names_yet_stays(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    name = store.put(b"on its way into a history")

    retention.sweep(store, retention.Limits(), now=datetime.now(UTC), pinned=())
    assert store.get(name) == b"on its way into a history"
    retention.sweep(store, retention.Limits(), now=datetime.now(UTC) + timedelta(hours=2), pinned=())
    with pytest.raises(NotFoundError):
        store.get(name)


def test_a_damaged_history_keeps_every_object(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    name = store.put(b"one")
    store.record("n", [(name, 3, "text saved")], now=NOW)
    (tmp_path / "s" / name_key("n")).write_bytes(b"garbage")

    swept = retention.sweep(store, retention.Limits(), now=NOW + timedelta(days=900), pinned=())
    assert swept.objects == 0
    assert store.get(name) == b"one"


def test_a_long_history_survives_a_sweep(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s")
    for number in range(900):
        label = "text saved " + "x" * 60
        day = NOW + timedelta(hours=number)
        store.record("n", [(digest(b"%d" % number), 1, label)], now=day)

    retention.sweep(
        store, retention.Limits(age=timedelta(hours=800)), now=NOW + timedelta(hours=900), pinned=()
    )

    assert [entry.number for entry in store.history("n")] == list(range(101, 901))
    assert checkup.check(store).versions == 800


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from runbook.store.store import open_store
store = open_store(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    data = (sys.argv[2] + "-%d" % number).encode() * 800
    store.record("n", [(store.put(data), len(data), "text saved " + sys.argv[2])], now=datetime.now(UTC))
    print(number, flush=True)
"""


def test_several_processes_lose_no_version(tmp_path: Path) -> None:
    open_store(tmp_path / "s")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "s"), f"w{n}", "25"], stdout=subprocess.DEVNULL
        )
        for n in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]

    store = open_store(tmp_path / "s")
    entries = store.history("n")
    assert [entry.number for entry in entries] == list(range(1, 101))
    assert len({entry.digest for entry in entries}) == 100
    assert checkup.check(store).findings == ()


def test_a_killed_writer_leaves_whole_versions_and_litter_that_goes(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    open_store(folder)
    for attempt in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), f"k{attempt}", "100000"], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.003 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        said = [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        writer.stdout.close()
        kept = {entry.digest for entry in open_store(folder).history("n")}
        for number in said:  # what the writer was told is kept is kept
            assert digest(f"k{attempt}-{number}".encode() * 800).removeprefix("sha256:") in kept

    store = open_store(folder)
    assert checkup.check(store).findings == ()
    assert isinstance(store.backend, Folder)
    list(checkup.tidy(store.backend, before=datetime.now(UTC) + timedelta(seconds=1)))
    assert [path for path in folder.rglob("*") if path.name.endswith(".tmp")] == []


def test_a_full_disk_is_said_and_leaves_nothing_half(tmp_path: Path) -> None:
    script = f"""
import resource, signal, sys
from pathlib import Path
from runbook.errors import StorageError
from runbook.store.store import open_store
store = open_store(Path({str(tmp_path / "s")!r}))
kept = store.put(b"before")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    store.put(bytes(range(256)) * 4000)
except StorageError as error:
    print(error.code, error.subject is not None)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000
    assert done.stdout.split() == ["storage", "True"]

    store = open_store(tmp_path / "s")
    checked = checkup.check(store)
    assert (checked.objects, checked.findings) == (1, ())
    assert [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")] == []
