import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.canonical import canonical_json, hex_digest
from runbook.evidence import messages

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20


class Kept:
    """Blobs in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        self.kept[hex_digest(data)] = data
        return hex_digest(data)

    def get(self, name: str) -> bytes:
        return self.kept[name]


def message(kind: str, content: object, **more: object) -> dict[str, object]:
    header = {"msg_type": kind, "msg_id": "m1", "date": datetime(2026, 11, 21, 0, 12, 5, 999, tzinfo=UTC)}
    return {"header": header, "parent_header": {"msg_id": "p1"}, "metadata": {}, "content": content, **more}


def there_and_back(content: dict[str, object]) -> dict[str, object]:
    kept = Kept()
    made = messages.payload(message("display_data", content), channel="iopub", step="health", put=kept.put)
    line = canonical_json(made)
    return messages.content(json.loads(line), get=kept.get)


def test_a_message_becomes_a_payload_that_can_be_read_in_the_file() -> None:
    made = messages.payload(
        message("stream", {"name": "stdout", "text": "hello\n"}),
        channel="iopub",
        step="health",
        put=Kept().put,
    )
    assert made == {
        "channel": "iopub",
        "type": "stream",
        "step": "health",
        "parent": "p1",
        "content": {"name": "stdout", "text": "hello\n"},
        "date": "2026-11-21T00:12:05.000Z",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_any_content_comes_back_exactly(content: dict[str, object]) -> None:
    assert there_and_back(content) == content


@pytest.mark.parametrize(
    "content",
    [
        {"$float": "0.1"},
        {"$$float": {"$blob": "x", "as": "base64", "size": 3}},
        {"$json": "[]"},
        {"x": float("inf"), "y": -0.0, "z": 1e-320, "s": "\ud800\x00\u202e"},
    ],
)
def test_content_that_looks_like_our_own_forms_comes_back_exactly(content: dict[str, object]) -> None:
    back = there_and_back(content)
    assert back == content
    assert json.dumps(back, sort_keys=True) == json.dumps(content, sort_keys=True)


@pytest.mark.parametrize(
    "spell",
    [
        lambda data: base64.b64encode(data).decode(),
        lambda data: base64.b64encode(data).decode() + "\n",
        lambda data: base64.encodebytes(data).decode(),
    ],
)
def test_a_picture_is_kept_as_its_bytes_and_comes_back_as_it_was_spelled(
    spell: Callable[[bytes], str],
) -> None:
    kept = Kept()
    content = {"data": {"image/png": spell(PNG), "text/plain": "<Figure>"}, "metadata": {}}
    made = messages.payload(message("display_data", content), channel="iopub", step=None, put=kept.put)
    assert kept.kept == {hex_digest(PNG): PNG}
    assert len(canonical_json(made)) < 500
    assert messages.content(made, get=kept.get) == content


@pytest.mark.parametrize("text", ["no base64 at all! " * 100, "QUJD" * 500 + "=", " " + "QUJD" * 500])
def test_what_is_no_plain_base64_stays_as_it_is(text: str) -> None:
    content: dict[str, object] = {"data": {"image/png": text}}
    assert there_and_back(content) == content


def test_buffers_and_metadata_are_kept() -> None:
    kept = Kept()
    sent = message("comm_msg", {}, buffers=[memoryview(b"abc"), b"def"]) | {"metadata": {"score": 0.5}}
    made = messages.payload(sent, channel="iopub", step=None, put=kept.put, spooled=7)
    assert made["buffers"] == [hex_digest(b"abc"), hex_digest(b"def")]
    assert made["metadata"] == {"score": {"$float": "0.5"}}
    assert made["spooled"] == 7
    canonical_json(made)


def nested(depth: int) -> dict[str, object]:
    value: object = 1.5
    for _ in range(depth):
        value = [value]
    return {"data": {"application/json": value}}


@pytest.mark.parametrize("depth", [30, 60, 300])
def test_deeply_nested_content_comes_back(depth: int) -> None:
    assert there_and_back(nested(depth)) == nested(depth)


def test_content_nested_deeper_than_python_can_write_is_said_to_be_lost() -> None:
    made = messages.encoded(nested(200_000), put=Kept().put)
    assert "$lost" in canonical_json(made).decode()
    shown = json.dumps(messages.decoded(made, get=Kept().get))
    assert "[lost: nested too deep to be written]" in shown


def test_a_form_that_is_never_written_is_refused() -> None:
    with pytest.raises(ValueError, match="an unknown form: \\$new"):
        messages.decoded({"$new": 1}, get=Kept().get)


# outputs


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(["stream", "display_data", "execute_result", "error"]),
    content=st.dictionaries(
        st.sampled_from(
            ["name", "text", "data", "metadata", "ename", "evalue", "traceback", "execution_count"]
        ),
        st.text()
        | st.integers()
        | st.lists(st.text())
        | st.dictionaries(st.text(min_size=1), JSON, max_size=3),
    ),
)
def test_whatever_a_step_sends_makes_a_valid_output(kind: str, content: dict[str, object]) -> None:
    made = messages.output(kind, content)
    cell = {"id": "a", "cell_type": "code", "source": "", "metadata": {}, "outputs": [made]}
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [cell | {"execution_count": None}],
    }
    nbformat.validate(nbformat.from_dict(notebook))


def test_outputs_are_those_of_a_notebook() -> None:
    assert messages.output("stream", {"name": "stderr", "text": "x"}) == {
        "output_type": "stream",
        "name": "stderr",
        "text": "x",
    }
    assert messages.output(
        "execute_result", {"data": {"text/plain": "1"}, "metadata": {}, "execution_count": 3}
    ) == {
        "output_type": "execute_result",
        "data": {"text/plain": "1"},
        "metadata": {},
        "execution_count": 3,
    }
    assert messages.output("status", {"execution_state": "idle"}) is None


def test_a_terminal_shows_words_and_names_what_it_cannot_show() -> None:
    def shown(kind: str, content: dict[str, object]) -> str:
        return messages.text_of({"type": kind, "content": content})

    assert shown("stream", {"text": "hello"}) == "hello"
    assert shown("error", {"traceback": ["a", "b"]}) == "a\nb\n"
    assert shown("error", {"ename": "E", "evalue": "v", "traceback": []}) == "E: v\n"
    assert (
        shown("display_data", {"data": {"text/plain": "<Figure>", "image/png": "x"}})
        == "<Figure>\n[image/png]\n"
    )
    assert shown("display_data", {"data": {"text/html": "<b>"}}) == "[text/html]\n"
    assert shown("clear_output", {"wait": True}) == ""
    moved = messages.text_of({"type": "stream", "blob": "ab", "size": 70000})
    assert moved == "[70000 bytes of output: blobs/ab]\n"


@pytest.mark.parametrize(
    ("date", "kept"),
    [
        ("2026-11-21T01:12:05.999999+01:00", "2026-11-21T00:12:05.999Z"),
        ("2026-11-21T00:12:05.5Z", "2026-11-21T00:12:05.500Z"),
        ("2026-11-21T00:12:05", None),
        ("yesterday", None),
        (7, None),
    ],
)
def test_the_kernels_time_is_kept_when_it_is_one(date: object, kept: str | None) -> None:
    sent = {"header": {"msg_type": "status", "date": date}, "content": {}}
    made = messages.payload(sent, channel="iopub", step=None, put=Kept().put)
    assert (made["date"], made["parent"]) == (kept, None)


def test_what_limits_count_is_a_streams_text_or_the_content() -> None:
    assert messages.weighed("stream", {"name": "stdout", "text": "é\ud800"}) == b"\xc3\xa9\xed\xa0\x80"
    assert messages.weighed("display_data", {"b": 1, "a": 0.5}) == b'{"a": 0.5, "b": 1}'
    assert messages.weighed("display_data", nested(200_000)) == b""


def test_what_is_no_json_at_all_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="no JSON value: set"):
        messages.encoded({"a": {1}}, put=Kept().put)
    with pytest.raises(TypeError, match="a key that is not text: 1"):
        messages.encoded({1: "a"}, put=Kept().put)
