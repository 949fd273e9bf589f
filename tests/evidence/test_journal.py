import contextlib
import json
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.canonical import hex_digest
from runbook.errors import EvidenceDamaged, ExistsError, StorageError
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import INLINE_BYTES
from runbook.evidence.folder import ExecutionFolder, make, new_id
from runbook.evidence.journal import JournalWriter, follow, read_journal, whole_payload

NOW = datetime(2026, 11, 21, 0, 12, 5, 123456, tzinfo=UTC)
START = b"runbook run-start v1\n"


def new_folder(where: Path) -> ExecutionFolder:
    folder = make(where, new_id(NOW, "web", "7f3a9c"))
    folder.start.write_bytes(START)
    return folder


def new_journal(where: Path, notes: int = 0) -> tuple[ExecutionFolder, JournalWriter]:
    folder = new_folder(where)
    writer = JournalWriter.create(folder, start_digest=hex_digest(START))
    for number in range(notes):
        writer.append("note", {"words": f"line {number}", "by": "alice"}, t=NOW, m=number)
    return folder, writer


def resume(folder: ExecutionFolder) -> JournalWriter:
    return JournalWriter.resume(folder, t=NOW, m=99)


def test_each_line_hangs_on_the_one_before(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path, notes=2)
    first, second = folder.journal.read_bytes().splitlines()
    assert json.loads(first) == {
        "seq": 0,
        "prev": hex_digest(START),
        "t": "2026-11-21T00:12:05.123Z",
        "m": 0,
        "kind": "note",
        "words": "line 0",
        "by": "alice",
    }
    assert json.loads(second)["prev"] == hex_digest(first)
    assert (writer.head, writer.length) == (hex_digest(second), 2)


def test_a_journal_reads_back_as_it_was_written(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path)
    written = [
        writer.append(
            "note", {"words": "é\u202e\x00\n", "n": 2**70, "nested": {"a": [None, True]}}, t=NOW, m=1
        ),
        writer.append("gap", {"what": "spool", "count": 3}, t=NOW, m=2),
    ]
    journal = read_journal(folder)
    assert list(journal.events) == written
    assert (journal.head, journal.length, journal.torn) == (writer.head, 2, b"")


def test_a_journal_is_begun_once(tmp_path: Path) -> None:
    folder, _ = new_journal(tmp_path)
    with pytest.raises(ExistsError, match="never overwritten"):
        JournalWriter.create(folder, start_digest=hex_digest(START))


@pytest.mark.parametrize("payload", [{"seq": 1}, {"kind": "x"}, {"size": 0.5}, {"by": object()}])
def test_a_payload_that_has_no_spelling_is_a_mistake_and_leaves_no_trace(
    tmp_path: Path, payload: dict[str, object]
) -> None:
    folder, writer = new_journal(tmp_path, notes=1)
    with pytest.raises(TypeError):
        writer.append("note", payload, t=NOW, m=5)
    writer.append("note", {"words": "goes on"}, t=NOW, m=6)
    assert [event.text("words") for event in read_journal(folder).events] == ["line 0", "goes on"]


def test_a_large_payload_goes_to_a_blob_and_comes_back(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path)
    payload = {"step": "health", "content": {"text": "é" * INLINE_BYTES}, "type": "stream"}
    event = writer.append("message", payload, t=NOW, m=1)
    line = folder.journal.read_bytes()
    assert len(line) < 1000
    assert event.payload["step"] == "health"
    assert event.payload["type"] == "stream"
    read = read_journal(folder).events[0]
    assert "content" not in read.payload
    assert whole_payload(read, Blobs(folder.blobs)) == payload


def test_a_blob_that_is_not_the_payload_is_damage(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path)
    name = writer.blobs.put(b"[1, 2]")
    event = writer.append("message", {"blob": name, "size": 6}, t=NOW, m=1)
    with pytest.raises(EvidenceDamaged, match=f"blobs/{name}: not canonical JSON"):
        whole_payload(event, Blobs(folder.blobs))


# what somebody did to the file


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder, _ = new_journal(tmp_path_factory.mktemp("journal"), notes=6)
    return folder.journal.read_bytes()


def read_changed(data: bytes, start: bytes = START) -> tuple[int, bytes]:
    """Lines and torn bytes of a journal with these bytes."""
    with tempfile.TemporaryDirectory() as where:
        folder = new_folder(Path(where))
        folder.start.write_bytes(start)
        folder.journal.write_bytes(data)
        journal = read_journal(folder)
        return len(journal.events), journal.torn


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_found_with_its_line(written: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(written) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != written[place]))
    changed = written[:place] + bytes([byte]) + written[place + 1 :]
    line = written.count(b"\n", 0, place) + 1
    if line < 6:
        with pytest.raises(EvidenceDamaged) as problem:
            read_changed(changed)
        assert problem.value.subject == "journal.jsonl"
        assert problem.value.line in (line, line + 1)
    else:  # of the last line only the seal knows the digest
        with contextlib.suppress(EvidenceDamaged):
            events, torn = read_changed(changed)
            assert (events == 5 and torn) or events == 6


@pytest.mark.parametrize("line", range(5))
def test_a_removed_line_is_found(written: bytes, line: int) -> None:
    lines = written.splitlines(keepends=True)
    with pytest.raises(EvidenceDamaged, match=f"journal.jsonl:{line + 1}: the event's number is {line + 1}"):
        read_changed(b"".join(lines[:line] + lines[line + 1 :]))


@pytest.mark.parametrize("line", range(5))
def test_swapped_lines_are_found(written: bytes, line: int) -> None:
    lines = written.splitlines(keepends=True)
    lines[line], lines[line + 1] = lines[line + 1], lines[line]
    with pytest.raises(EvidenceDamaged, match=f"journal.jsonl:{line + 1}:"):
        read_changed(b"".join(lines))


@pytest.mark.parametrize("line", range(6))
def test_an_inserted_line_is_found(written: bytes, line: int) -> None:
    lines = written.splitlines(keepends=True)
    with pytest.raises(EvidenceDamaged, match=f"journal.jsonl:{line + 1}:"):
        read_changed(b"".join([*lines[:line], b'{"kind":"note"}\n', *lines[line:]]))


def test_another_start_record_breaks_the_first_line(written: bytes) -> None:
    with pytest.raises(EvidenceDamaged, match=r"journal\.jsonl:1: the chain breaks here: start\.txt is not"):
        read_changed(written, start=START + b"\n")


def test_a_second_spelling_of_the_same_event_is_no_event(tmp_path: Path, written: bytes) -> None:
    first = json.loads(written.splitlines()[0])
    spaced = json.dumps(first, sort_keys=True).encode() + b"\n"
    with pytest.raises(EvidenceDamaged, match=r"journal\.jsonl:1: not canonical JSON"):
        read_changed(spaced)


def test_a_missing_start_record_or_journal_is_said(tmp_path: Path) -> None:
    folder, _ = new_journal(tmp_path, notes=1)
    folder.start.unlink()
    with pytest.raises(EvidenceDamaged, match=r"start\.txt: the journal's first line hangs on it"):
        read_journal(folder)
    folder.start.write_bytes(START)
    folder.journal.unlink()
    with pytest.raises(EvidenceDamaged, match=r"journal\.jsonl: the journal is missing"):
        read_journal(folder)


def test_an_endless_line_does_not_fill_the_memory(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    with folder.journal.open("wb") as file:
        file.truncate(1 << 30)  # a hole: a gigabyte of zeros without a line end
    with pytest.raises(EvidenceDamaged, match="a line above 4194304 bytes"):
        read_journal(folder)


# crashes


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(1, 400), min_size=1, max_size=4))
def test_a_journal_cut_anywhere_goes_on_and_loses_no_whole_line(cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as where:
        folder, writer = new_journal(Path(where), notes=3)
        writer.close()
        whole: list[str] = ["line 0", "line 1", "line 2"]
        for number, cut in enumerate(cuts):
            data = folder.journal.read_bytes()
            last = data[:-1].rfind(b"\n") + 1
            folder.journal.write_bytes(data[: max(last, len(data) - cut)])
            before = folder.journal.read_bytes()
            writer = resume(folder)
            assert folder.journal.read_bytes().startswith(before)  # nothing is cut
            writer.append("note", {"words": f"after {number}"}, t=NOW, m=100 + number)
            writer.close()
        words = [event.text("words") for event in read_journal(folder).events if event.kind == "note"]
        assert words[:2] == whole[:2]
        assert words[-1] == f"after {len(cuts) - 1}"
        journal = read_journal(folder)
        assert journal.torn == b""
        assert journal.length == folder.journal.read_bytes().count(b"\n")


def test_a_torn_line_is_told_by_a_gap(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path, notes=2)
    writer.close()
    with folder.journal.open("ab") as file:
        file.write(b'{"by":"ali')
    assert read_journal(folder).torn == b'{"by":"ali'
    writer = resume(folder)
    gap = read_journal(folder).events[-1]
    assert (gap.kind, gap.seq) == ("gap", 3)
    assert gap.payload == {
        "what": "torn-line",
        "count": None,
        "bytes": 10,
        "sha256": hex_digest(b'{"by":"ali'),
    }
    assert gap.prev == hex_digest(b'{"by":"ali')


def test_a_line_that_only_lost_its_end_gets_it_back(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path, notes=2)
    writer.close()
    folder.journal.write_bytes(folder.journal.read_bytes()[:-1])
    assert read_journal(folder).torn
    assert resume(folder).length == 2
    assert [event.kind for event in read_journal(folder).events] == ["note", "note"]


def test_zeros_left_by_a_power_cut_are_a_torn_line(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path, notes=2)
    writer.close()
    with folder.journal.open("ab") as file:
        file.write(b"\0" * 5000)
    resume(folder)
    assert [event.kind for event in read_journal(folder).events] == ["note", "note", "gap"]


def test_a_gap_that_is_cut_itself_is_told_too(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path, notes=1)
    writer.close()
    with folder.journal.open("ab") as file:
        file.write(b'{"torn')
    resume(folder).close()
    data = folder.journal.read_bytes()
    folder.journal.write_bytes(data[:-20])
    resume(folder).close()
    journal = read_journal(folder)
    assert [event.kind for event in journal.events] == ["note", "gap"]
    assert journal.length == 4  # a note, two torn lines, the gap


def test_an_unreadable_line_is_accepted_before_its_own_gap_only(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path, notes=1)
    writer.close()
    with folder.journal.open("ab") as file:
        file.write(b'{"torn')
    resume(folder).close()
    folder.journal.write_bytes(folder.journal.read_bytes().replace(b'{"torn', b'{"TORN'))
    with pytest.raises(EvidenceDamaged, match=r"journal.jsonl:2: not JSON"):
        read_journal(folder)


def test_a_sealed_journal_is_never_gone_on_with(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path)
    writer.append("sealed", {"outcome": "succeeded", "steps": {}}, t=NOW, m=1)
    writer.close()
    with pytest.raises(EvidenceDamaged, match="sealed and can't be gone on with"):
        resume(folder)


def test_a_write_that_fails_ends_the_journal(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path, notes=1)
    size = folder.journal.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))  # as if the disk were full
    try:
        with pytest.raises(StorageError, match="File too large"):
            writer.append("note", {"words": "too much"}, t=NOW, m=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(StorageError, match="an earlier write failed, so the journal ends there"):
        writer.append("note", {"words": "room again"}, t=NOW, m=2)
    assert read_journal(folder).length == 1
    assert resume(folder).length == 3


# viewers


def test_a_viewer_gets_each_complete_line_once(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path)
    assert follow(folder, 0).events == ()
    seen: list[str] = []
    offset = 0
    for number in range(5):
        writer.append("note", {"words": str(number)}, t=NOW, m=number)
        followed = follow(folder, offset)
        seen += [event.text("words") for event in followed.events]
        offset = followed.offset
    assert seen == ["0", "1", "2", "3", "4"]
    assert follow(folder, offset).offset == offset


def test_a_viewer_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path, notes=2)
    whole = folder.journal.read_bytes()
    folder.journal.write_bytes(whole[:-5])
    first = follow(folder, 0)
    assert len(first.events) == 1
    folder.journal.write_bytes(whole)
    assert [event.text("words") for event in follow(folder, first.offset).events] == ["line 1"]
    writer.close()


def test_a_viewer_of_a_run_that_has_not_begun_sees_nothing(tmp_path: Path) -> None:
    assert follow(new_folder(tmp_path), 0).events == ()


def test_a_viewer_catches_up_in_bounded_pieces(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path)
    for number in range(300):
        writer.append("note", {"words": "x" * 40_000}, t=NOW, m=number)
    count, offset, calls = 0, 0, 0
    while events := (followed := follow(folder, offset)).events:
        assert len(events) < 200
        count, offset, calls = count + len(events), followed.offset, calls + 1
    assert count == 300
    assert calls > 1


# budgets (DESIGN §11), with room for a machine that others use too


def test_ten_thousand_events_are_written_and_checked_in_time(tmp_path: Path) -> None:
    folder, writer = new_journal(tmp_path)
    payload = {"channel": "iopub", "type": "stream", "content": {"name": "stdout", "text": "hello\n" * 5}}
    before = time.process_time()
    for number in range(10_000):
        writer.append("message", payload, t=NOW, m=number)
    writing = time.process_time() - before
    before = time.process_time()
    assert read_journal(folder).length == 10_000
    assert time.process_time() - before < 0.5
    assert writing < 3.0
