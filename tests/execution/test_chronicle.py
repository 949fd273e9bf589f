"""The chronicle: everything into the journal, or the run stops."""

import asyncio
import base64
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runbook.errors import StorageError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import JournalWriter, read_journal
from runbook.evidence.limits import Limits, OutputLimit
from runbook.evidence.story import Story
from runbook.execution.chronicle import Chronicle
from runbook.execution.kernel_values import KernelMessage
from runbook.kit.protocol import MIME
from tests.evidence.builders import plan_of


def message(kind: str, content: dict[str, Any], *, spooled: int | None = 1, **more: Any) -> KernelMessage:
    return KernelMessage(
        **{
            "channel": "iopub",
            "type": kind,
            "origin": "step",
            "step": "a",
            "spooled": spooled,
            "header": {"msg_type": kind, "msg_id": "m"},
            "parent": {"msg_id": "p", "msg_type": "execute_request", "session": "s"},
            "metadata": {"runbook": {"spool": spooled}},
            "content": content,
            **more,
        }
    )


def told(folder: Path, tell: Callable[[Chronicle], None], limits: Limits | None = None) -> list[Any]:
    """The events that a chronicle wrote."""
    folder.mkdir(exist_ok=True)
    (folder / "start.txt").write_bytes(b"start")
    execution = ExecutionFolder(folder)

    async def write() -> None:
        from runbook.canonical import hex_digest

        writer = JournalWriter.create(execution, start_digest=hex_digest(b"start"))
        chronicle = Chronicle(
            writer, Story(plan_of(()), plan_digest=""), OutputLimit(limits), grew=lambda length: None
        )
        tell(chronicle)
        chronicle.settle_all()
        chronicle.close()
        if chronicle.broken.done():
            raise chronicle.broken.result()

    asyncio.run(write())
    return list(read_journal(execution).events)


def test_messages_are_kept_without_the_spools_own_mark(tmp_path: Path) -> None:
    (event,) = told(tmp_path / "x", lambda c: c.heard(message("stream", {"name": "stdout", "text": "hi"})))

    assert event.kind == "message"
    assert event.payload["content"] == {"name": "stdout", "text": "hi"}
    assert event.payload["spooled"] == 1
    assert "metadata" not in event.payload


def test_what_the_kit_tells_is_an_event_of_its_own(tmp_path: Path) -> None:
    data = {MIME: {"version": 1, "what": "note", "words": "hm", "kind": "sealed", "seq": 7, "size": 1}}
    events = told(tmp_path / "x", lambda c: c.heard(message("display_data", {"data": data, "metadata": {}})))

    assert [event.kind for event in events] == ["message", "kit"]
    assert dict(events[1].payload) == {"step": "a", "what": "note", "words": "hm"}


def test_a_message_without_a_spelling_is_a_gap_and_the_run_goes_on(tmp_path: Path) -> None:
    def tell(chronicle: Chronicle) -> None:
        chronicle.heard(message("display_data", {"data": {"x": object()}}))
        chronicle.heard(message("stream", {"name": "stdout", "text": "on"}, spooled=2))

    events = told(tmp_path / "x", tell)

    assert [event.kind for event in events] == ["gap", "message"]
    assert events[0].text("what").startswith("a display_data message: ")
    assert events[0].text("step") == "a"


def test_somebody_elses_code_is_told_once_for_each_request(tmp_path: Path) -> None:
    def tell(chronicle: Chronicle) -> None:
        foreign: dict[str, Any] = {"origin": "foreign", "step": None}
        chronicle.tell("opened", plan="")
        chronicle.heard(message("status", {"execution_state": "busy"}, **foreign))
        chronicle.heard(message("stream", {"name": "stdout", "text": "x"}, **foreign))
        harmless = {**foreign, "parent": {"msg_id": "q", "msg_type": "kernel_info_request"}}
        chronicle.heard(message("status", {"execution_state": "busy"}, **harmless))
        assert chronicle.doubt() == "foreign: somebody else ran code in the kernel"
        assert chronicle.doubt() is None

    _, *events = told(tmp_path / "x", tell)

    assert [event.kind for event in events] == ["foreign", "message", "message", "message"]
    assert events[0].text("session") == "s"


def test_what_is_above_the_limit_is_told_as_truncated(tmp_path: Path) -> None:
    def tell(chronicle: Chronicle) -> None:
        for number in range(10):
            chronicle.heard(message("stream", {"name": "stdout", "text": "x" * 100}, spooled=number + 1))
        chronicle.settle("a")

    events = told(tmp_path / "x", tell, Limits(step_bytes=300))

    assert [event.kind for event in events] == ["message", "message", "message", "note", "truncated"]
    assert (events[3].text("by"), events[3].text("step")) == ("runbook", "a")
    assert events[3].text("words").startswith("its limit of output is reached")
    assert events[4].number("dropped") == 7


def test_a_picture_above_the_limit_leaves_no_blob(tmp_path: Path) -> None:
    picture = base64.b64encode(b"x" * 90_000).decode()

    def tell(chronicle: Chronicle) -> None:
        chronicle.heard(message("display_data", {"data": {"image/png": picture}, "metadata": {}}))
        chronicle.settle("a")

    events = told(tmp_path / "x", tell, Limits(step_bytes=300))

    assert [event.kind for event in events] == ["note", "truncated"]
    assert not list((tmp_path / "x").glob("blobs/*"))


def test_each_attempt_may_say_as_much_as_the_first(tmp_path: Path) -> None:
    def tell(chronicle: Chronicle) -> None:
        for attempt in range(2):
            chronicle.begin("a")
            for number in range(10):
                chronicle.heard(message("stream", {"text": "x" * 100}, spooled=10 * attempt + number))

    events = told(tmp_path / "x", tell, Limits(step_bytes=300))

    assert [event.kind for event in events] == [*["message"] * 3, "note", "truncated"] * 2


def test_the_spool_is_let_go_of_once_the_journal_has_it(tmp_path: Path) -> None:
    released: list[int] = []

    def tell(chronicle: Chronicle) -> None:
        chronicle.release = released.append
        for number in range(1, 1001):
            chronicle.heard(message("stream", {"name": "stdout", "text": "x"}, spooled=number))

    told(tmp_path / "x", tell)

    assert released == [256, 512, 768]


def test_when_the_journal_cannot_be_written_it_is_said_and_nothing_more_is(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def tell(chronicle: Chronicle) -> None:
        chronicle.tell("note", by="a", words="fits", step=None)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
        try:
            assert chronicle.tell("note", by="a", words="x" * 1000, step=None) is None
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert chronicle.broken.done()
        assert chronicle.tell("note", by="a", words="later", step=None) is None

    with pytest.raises(StorageError, match="File too large"):
        told(tmp_path / "x", tell)
    assert b"later" not in (tmp_path / "x/journal.jsonl").read_bytes()


def test_a_blob_that_cannot_be_written_breaks_the_evidence_too(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def tell(chronicle: Chronicle) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
        try:
            chronicle.heard(message("display_data", {"data": {}}, buffers=(b"x" * 10_000,)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert chronicle.broken.done()

    with pytest.raises(StorageError):
        told(tmp_path / "x", tell)


def test_a_number_that_the_kernel_used_and_nobody_got_is_a_gap(tmp_path: Path) -> None:
    def tell(chronicle: Chronicle) -> None:
        for spooled in (1, 4, 4, 5):
            chronicle.heard(message("stream", {"name": "stdout", "text": "x"}, spooled=spooled))
        chronicle.expect_after(0)  # another kernel
        chronicle.heard(message("stream", {"name": "stdout", "text": "x"}, spooled=2))

    events = told(tmp_path / "x", tell)

    gaps = [(event.seq, event.number("count")) for event in events if event.kind == "gap"]
    assert gaps == [(1, 2), (5, 1)]


def test_after_its_end_nothing_is_added(tmp_path: Path) -> None:
    """The journal's descriptor may be another file's by then."""

    def tell(chronicle: Chronicle) -> None:
        chronicle.tell("note", by="a", words="last", step=None)
        chronicle.close()
        assert chronicle.tell("viewer", by="b", mode="watch", what="came") is None
        assert not chronicle.broken.done()

    assert [event.kind for event in told(tmp_path / "x", tell)] == ["note"]
