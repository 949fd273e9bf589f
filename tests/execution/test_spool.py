"""The spool: what was written comes back, whole, in order, once; whatever happens at its end."""

import os
import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runbook.execution.spool import SpoolReader, SpoolRecord, release, segments
from runbook.execution.spool_writer import RECORD_HEAD, SpoolWriter

_PARTS = st.lists(st.binary(max_size=300), min_size=1, max_size=7)
_QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_counter = iter(range(1_000_000))


def _folder(tmp_path: Path) -> Path:
    return tmp_path / f"spool-{next(_counter)}"


def _write(folder: Path, messages: list[list[bytes]], *, segment_bytes: int = 1 << 20) -> None:
    writer = SpoolWriter(str(folder), segment_bytes=segment_bytes)
    for parts in messages:
        writer.append(parts)
    writer.close()


def _read(folder: Path, *, after: int = 0) -> list[SpoolRecord]:
    return list(SpoolReader(folder, after=after).records())


def _last_segment(folder: Path) -> Path:
    return folder / f"{segments(folder)[-1]:020d}.spool"


@_QUICK
@given(messages=st.lists(_PARTS, max_size=20), segment_bytes=st.integers(30, 2000))
def test_what_was_written_is_read_back_in_order(
    tmp_path: Path, messages: list[list[bytes]], segment_bytes: int
) -> None:
    folder = _folder(tmp_path)
    _write(folder, messages, segment_bytes=segment_bytes)

    records = _read(folder)

    assert [list(record.parts) for record in records] == messages
    assert [record.number for record in records] == list(range(1, len(messages) + 1))


@_QUICK
@given(messages=st.lists(_PARTS, min_size=1, max_size=12), data=st.data())
def test_a_torn_tail_costs_the_last_record_only_and_is_reported(
    tmp_path: Path, messages: list[list[bytes]], data: st.DataObject
) -> None:
    folder = _folder(tmp_path)
    _write(folder, messages)
    path = _last_segment(folder)
    whole = path.stat().st_size
    last_size = RECORD_HEAD.size + sum(4 + len(part) for part in messages[-1])
    cut = data.draw(st.integers(1, last_size - 1))
    os.truncate(path, whole - cut)

    reader = SpoolReader(folder)
    records = list(reader.records())

    assert [list(record.parts) for record in records] == messages[:-1]
    assert reader.end().torn == last_size - cut
    assert reader.end().last == len(messages) - 1


@_QUICK
@given(messages=st.lists(_PARTS, min_size=1, max_size=15), data=st.data())
def test_reading_goes_on_after_any_number_without_a_repeat(
    tmp_path: Path, messages: list[list[bytes]], data: st.DataObject
) -> None:
    folder = _folder(tmp_path)
    _write(folder, messages, segment_bytes=200)
    after = data.draw(st.integers(0, len(messages)))

    records = _read(folder, after=after)

    assert [record.number for record in records] == list(range(after + 1, len(messages) + 1))


@_QUICK
@given(messages=st.lists(_PARTS, min_size=1, max_size=15), data=st.data())
def test_release_never_takes_what_the_journal_does_not_have(
    tmp_path: Path, messages: list[list[bytes]], data: st.DataObject
) -> None:
    folder = _folder(tmp_path)
    _write(folder, messages, segment_bytes=150)
    had = data.draw(st.integers(0, len(messages)))

    release(folder, up_to=had)

    records = _read(folder, after=had)
    assert [list(record.parts) for record in records] == messages[had:]


def test_release_takes_whole_segments_away_and_leaves_the_newest(tmp_path: Path) -> None:
    _write(tmp_path / "s", [[b"x" * 100]] * 10, segment_bytes=100)
    assert len(segments(tmp_path / "s")) == 10

    assert release(tmp_path / "s", up_to=10) == 9

    assert segments(tmp_path / "s") == (10,)
    assert release(tmp_path / "nowhere", up_to=10) == 0


def test_a_bit_that_turned_ends_the_reading_there_and_never_gives_wrong_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    _write(folder, [[b"one"], [b"two"], [b"three"]])
    path = _last_segment(folder)
    data = bytearray(path.read_bytes())
    data[data.index(b"two")] ^= 1
    path.write_bytes(data)

    reader = SpoolReader(folder)

    assert [record.parts for record in reader.records()] == [(b"one",)]
    assert reader.end().torn > 0


@pytest.mark.parametrize("body", [b"\0\0", b"\0\0\0\1", b"\0\0\0\1ab", b"\xff\xff\xff\xffab"])
def test_a_record_whose_parts_do_not_fill_it_ends_the_reading_there(tmp_path: Path, body: bytes) -> None:
    folder = _folder(tmp_path)
    _write(folder, [[b"one"]])
    crc = zlib.crc32(body, zlib.crc32((2).to_bytes(8, "big")))
    made = RECORD_HEAD.pack(len(body), crc, 2) + body
    with _last_segment(folder).open("ab") as file:
        file.write(made)

    reader = SpoolReader(folder)
    assert [record.parts for record in reader.records()] == [(b"one",)]
    assert reader.end().torn == len(made)


def test_a_reader_beside_the_writer_sees_every_record_once(tmp_path: Path) -> None:
    writer = SpoolWriter(str(tmp_path / "s"), segment_bytes=5000)
    reader = SpoolReader(tmp_path / "s")
    count = 20_000
    seen: list[int] = []

    def write() -> None:
        for index in range(count):
            writer.append([b"%d" % index, b"x" * (index % 90)])

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        seen.extend(int(record.parts[0]) for record in reader.records())
    seen.extend(int(record.parts[0]) for record in reader.records())
    writer.close()

    assert seen == list(range(count))
    assert reader.end().torn == 0
    assert reader.end().missing == ()


def test_a_fork_writes_nothing_into_the_spool_of_its_parent(tmp_path: Path) -> None:
    writer = SpoolWriter(str(tmp_path / "s"), segment_bytes=1000)
    writer.append([b"parent"])
    child = os.fork()
    if child == 0:
        os._exit(0 if writer.append([b"child"]) == (0, False) else 1)
    _, status = os.waitpid(child, 0)
    writer.append([b"parent again"])
    writer.close()

    assert os.waitstatus_to_exitcode(status) == 0
    assert [record.parts for record in _read(tmp_path / "s")] == [(b"parent",), (b"parent again",)]


def test_a_full_disk_loses_a_number_and_never_the_records_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SpoolWriter(str(tmp_path / "s"), segment_bytes=1 << 20)
    writer.append([b"before"])
    real = os.write

    def half_then_full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", lambda descriptor, pieces: real(descriptor, b"".join(pieces)[:9]))
    monkeypatch.setattr(os, "write", half_then_full)
    assert writer.append([b"lost"]) == (2, False)
    monkeypatch.undo()
    assert writer.append([b"after"]) == (3, True)
    writer.close()

    reader = SpoolReader(tmp_path / "s")
    assert [record.parts for record in reader.records()] == [(b"before",), (b"after",)]
    assert reader.end().missing == ((2, 2),)


def test_a_spool_is_never_begun_where_one_is(tmp_path: Path) -> None:
    _write(tmp_path / "s", [[b"first"]])

    with pytest.raises(FileExistsError):
        SpoolWriter(str(tmp_path / "s"), segment_bytes=1000)


def test_what_is_no_segment_is_not_read_as_one(tmp_path: Path) -> None:
    (tmp_path / f"{1:020d}.spool").write_bytes(b"something else entirely, and long enough to look at")
    (tmp_path / "notes.txt").write_bytes(b"x")

    reader = SpoolReader(tmp_path)

    assert list(reader.records()) == []
    assert reader.end().torn > 0
    assert segments(tmp_path) == (1,)


def test_backlog_counts_what_nobody_released(tmp_path: Path) -> None:
    writer = SpoolWriter(str(tmp_path / "s"), segment_bytes=1000)
    for _ in range(10):
        writer.append([b"x" * 990])
    before = writer.backlog()

    release(tmp_path / "s", up_to=9)

    assert before >= 9000
    assert writer.backlog() < 2000
    writer.close()
