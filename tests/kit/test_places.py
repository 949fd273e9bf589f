"""Places of secrets: what is there is given, what is not is said, and nothing is echoed."""

import os
import sys
import types
from pathlib import Path

import pytest

from runbook.kit.places import LIMIT_BYTES, Unavailable, fetch


def test_a_variable_gives_its_value_and_says_when_it_is_not_set() -> None:
    assert fetch("env", "TOKEN", {"TOKEN": "hunter2"}) == "hunter2"
    with pytest.raises(Unavailable, match="the variable TOKEN is not set; export TOKEN"):
        fetch("env", "TOKEN", {})
    with pytest.raises(Unavailable, match="env:TOKEN is empty"):
        fetch("env", "TOKEN", {"TOKEN": " "})


@pytest.mark.parametrize(
    ("written", "text"),
    [(b"one\n", "one"), (b"one\r\n", "one"), (b"one\n\n", "one\n"), (b"one", "one"), (b"a\nb\n", "a\nb")],
)
def test_a_file_gives_its_text_without_the_last_end_of_line(
    tmp_path: Path, written: bytes, text: str
) -> None:
    (tmp_path / "token").write_bytes(written)
    assert fetch("file", f"{tmp_path}/token", {}) == text
    assert fetch("file", "~/token", {"HOME": str(tmp_path)}) == text


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (b"", "is empty"),
        (b"a\0bcd", "holds a zero byte"),
        (b"x" * (LIMIT_BYTES + 1), "bytes; a secret has at most"),
    ],
)
def test_what_can_be_no_secret_is_refused(tmp_path: Path, written: bytes, words: str) -> None:
    (tmp_path / "token").write_bytes(written)
    with pytest.raises(Unavailable, match=words):
        fetch("file", f"{tmp_path}/token", {})


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="can't be read: No such file"):
        fetch("file", f"{tmp_path}/token", {})
    with pytest.raises(Unavailable, match="can't be read: Is a directory"):
        fetch("file", str(tmp_path), {})
    with pytest.raises(Unavailable, match="starts nowhere; write the whole path"):
        fetch("file", "token", {})


def test_a_pipe_of_the_shell_will_do() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"hunter2\n")
    os.close(writing)
    try:
        assert fetch("file", f"/dev/fd/{reading}", {}) == "hunter2"
    finally:
        os.close(reading)


def test_a_keyring_is_asked_for_service_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = types.ModuleType("keyring")
    known = {("web", "alice"): "hunter2"}
    keyring.get_password = lambda *asked: known.get(asked)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert fetch("keyring", "web/alice", {}) == "hunter2"
    with pytest.raises(Unavailable, match="the keyring has no web/bob; keyring set web bob"):
        fetch("keyring", "web/bob", {})

    def locked(service: str, user: str) -> str:
        raise RuntimeError("hunter2 is locked")

    keyring.get_password = locked  # type: ignore[attr-defined]
    with pytest.raises(Unavailable, match=r"did not answer \(RuntimeError\)") as problem:
        fetch("keyring", "web/alice", {})
    assert "hunter2" not in str(problem.value)


def test_without_the_package_keyring_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(
        Unavailable, match=r"keyring is not installed here; pip install 'signed-runbook\[keyring\]'"
    ):
        fetch("keyring", "web/alice", {})
