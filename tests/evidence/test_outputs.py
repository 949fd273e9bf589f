import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.evidence import outputs
from runbook.evidence.outputs import AttemptOutputs, Outputs, Rich, Shared, Text


def told(*said: tuple[str, dict[str, object]]) -> Outputs:
    attempt = AttemptOutputs(Shared())
    for kind, content in said:
        attempt.feed(kind, content, late=False)
    return attempt.frozen()


def stdout(text: str, name: str = "stdout") -> tuple[str, dict[str, object]]:
    return "stream", {"name": name, "text": text}


def display(words: str, name: str | None = None, kind: str = "display_data") -> tuple[str, dict[str, object]]:
    transient = {} if name is None else {"display_id": name}
    return kind, {"data": {"text/plain": words}, "metadata": {}, "transient": transient}


def shown(found: Outputs) -> list[object]:
    """What stands there, as plain words."""
    return [
        (item.name, item.head + item.tail) if isinstance(item, Text) else item.content.get("data")
        for item in found.items
    ]


def clear(*, wait: bool) -> tuple[str, dict[str, object]]:
    return "clear_output", {"wait": wait}


def test_neighbouring_texts_of_one_stream_join() -> None:
    found = told(stdout("a"), stdout("b\n"), stdout("!", "stderr"), stdout("c"))
    assert shown(found) == [("stdout", "ab\n"), ("stderr", "!"), ("stdout", "c")]


def test_cleared_outputs_are_withdrawn_not_lost() -> None:
    found = told(stdout("secretly important"), clear(wait=False), stdout("new"))
    assert shown(found) == [("stdout", "new")]
    assert found.withdrawn is not None
    assert found.withdrawn.count == 1
    first = found.withdrawn.shown[0]
    assert isinstance(first, Text)
    assert first.head == "secretly important"


def test_clearing_with_wait_waits_for_something_new() -> None:
    assert shown(told(stdout("old"), clear(wait=True))) == [("stdout", "old")]
    assert shown(told(stdout("old"), clear(wait=True), stdout("new"))) == [("stdout", "new")]


def test_an_update_changes_the_display_and_keeps_the_old_value_as_withdrawn() -> None:
    found = told(display("50 %", "bar"), stdout("x"), display("100 %", "bar", "update_display_data"))
    assert shown(found) == [{"text/plain": "100 %"}, ("stdout", "x")]
    assert found.withdrawn is not None
    old = found.withdrawn.shown[0]
    assert isinstance(old, Rich)
    assert old.content["data"] == {"text/plain": "50 %"}


def test_an_update_reaches_the_display_of_an_earlier_step() -> None:
    shared = Shared()
    first, second = AttemptOutputs(shared), AttemptOutputs(shared)
    first.feed(*display("waiting", "state"), late=False)
    second.feed(*display("done", "state", "update_display_data"), late=False)
    assert shown(first.frozen()) == [{"text/plain": "done"}]
    assert second.frozen() == Outputs(items=(), above_limit=None, withdrawn=None)


def test_an_update_of_nothing_is_withdrawn_at_once() -> None:
    found = told(display("nobody saw it", "none", "update_display_data"))
    assert found.items == ()
    assert found.withdrawn is not None


def test_a_display_that_was_cleared_is_not_brought_back_by_an_update() -> None:
    found = told(display("old", "bar"), clear(wait=False), display("new", "bar", "update_display_data"))
    assert found.items == ()


def test_an_animation_keeps_first_and_last_frames_and_the_count() -> None:
    frames = [each for number in range(1000) for each in (stdout(f"frame {number}"), clear(wait=True))]
    found = told(*frames)
    assert found.withdrawn is not None
    assert found.withdrawn.count == 999
    words = [item.head for item in found.withdrawn.shown if isinstance(item, Text)]
    assert words == ["frame 0", "frame 1", "frame 996", "frame 997", "frame 998"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "STREAM_HEAD", 20)
    monkeypatch.setattr(outputs, "STREAM_TAIL", 10)
    monkeypatch.setattr(outputs, "ATTEMPT_BYTES", 400)
    monkeypatch.setattr(outputs, "_STREAM_LEAST", 5)


@pytest.mark.usefixtures("small")
@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=15), max_size=30))
def test_a_long_text_keeps_beginning_end_count_and_digest(pieces: list[str]) -> None:
    from runbook.canonical import hex_digest

    whole = "".join(pieces)
    found = told(*(stdout(piece) for piece in pieces))
    if not pieces:
        assert found.items == ()
        return
    text = found.items[0]
    assert isinstance(text, Text)
    assert whole.startswith(text.head)
    assert whole.endswith(text.tail)
    assert len(text.head) + text.left_out + len(text.tail) == len(whole)
    assert text.sha256 == hex_digest(whole.encode("utf-8", "surrogatepass"))
    assert len(text.head) <= 20
    assert len(text.tail) <= 10


@pytest.mark.usefixtures("small")
def test_displays_above_the_limit_are_counted_and_hashed_and_errors_still_kept() -> None:
    found = told(*(display("x" * 100) for _ in range(5)), ("error", {"ename": "E", "traceback": ["t"] * 99}))
    assert found.above_limit is not None
    assert found.above_limit.count == 3
    last = found.items[-1]
    assert isinstance(last, Rich)
    assert last.kind == "error"


def test_two_hundred_megabytes_stay_in_bounded_memory() -> None:
    attempt = AttemptOutputs(Shared())
    piece = "0123456789abcdef" * 4096
    for _ in range(200 * 16):
        attempt.feed("stream", {"name": "stdout", "text": piece}, late=False)
    text = attempt.frozen().items[0]
    assert isinstance(text, Text)
    assert len(text.head) + len(text.tail) + text.left_out == 200 << 20
    assert len(text.head) + len(text.tail) <= outputs.STREAM_HEAD + outputs.STREAM_TAIL


def test_a_million_little_outputs_stay_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "EXECUTION_ITEMS", 50)
    attempt = AttemptOutputs(Shared())
    for number in range(1000):
        attempt.feed("stream", {"name": f"s{number % 2}", "text": "x"}, late=False)
    found = attempt.frozen()
    assert len(found.items) == 50
    assert found.above_limit is not None
    assert found.above_limit.count == 950


def test_what_comes_after_the_end_is_marked_late_and_joins_nothing() -> None:
    attempt = AttemptOutputs(Shared())
    attempt.feed(*stdout("in time"), late=False)
    attempt.feed(*stdout("too late"), late=True)
    assert [item.late for item in attempt.frozen().items] == [False, True]
