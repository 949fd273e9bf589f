"""`attach_file` on the step's side: what it takes, what it refuses, and what it does where no run is."""

import os
import socket
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from runbook.kit import attach_file, attaching, protocol

_ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def nothing_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching, "_taken_files", 0)
    monkeypatch.setattr(attaching, "_taken_bytes", 0)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    records: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(protocol, "tell", lambda what, record, words: records.append((what, dict(record))))
    return records


@pytest.fixture
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "spool/attached"
    facts = {"staging": str(folder), "dry_run": False}
    monkeypatch.setitem(sys.modules, "_runbook_run", type("Run", (), {"facts": facts}))
    return folder


def test_in_a_plain_python_it_says_what_it_would_attach_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_bytes(b"all is well\n")
    (tmp_path / "step.py").write_text(
        "from runbook.kit import attach_file\nattached = attach_file('report.txt')\nprint(attached.dry_run)\n"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)}

    done = subprocess.run([sys.executable, "step.py"], cwd=tmp_path, env=env, stdout=-1, check=True)

    digest = sha256(b"all is well\n").hexdigest()
    assert done.stdout.decode().splitlines() == [
        f"would attach report.txt: 12 bytes, sha256 {digest}",
        "True",
    ]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["report.txt", "step.py"]


def test_the_copy_is_of_the_moment_and_has_the_digest_for_a_name(
    tmp_path: Path, staging: Path, told: list[tuple[str, dict[str, Any]]]
) -> None:
    place = tmp_path / "report.txt"
    place.write_bytes(b"before")

    attached = attach_file(place, name="The report")
    place.write_bytes(b"after")

    digest = sha256(b"before").hexdigest()
    assert [each.name for each in staging.iterdir()] == [digest]
    assert (staging / digest).read_bytes() == b"before"
    assert told == [
        ("attach", {"name": "The report", "path": str(place), "bytes": 6, "sha256": digest}),
    ]
    assert repr(attached) == f"<attached The report: 6 bytes, sha256 {digest}>"
    assert (attached.path, attached.size, attached.sha256, attached.dry_run) == (place, 6, digest, False)


def test_in_a_dry_run_it_only_says_so_but_in_read_only_steps_it_attaches(
    tmp_path: Path, staging: Path, told: list[tuple[str, dict[str, Any]]]
) -> None:
    (tmp_path / "a").write_bytes(b"a")
    sys.modules["_runbook_run"].facts["dry_run"] = True

    assert attach_file(tmp_path / "a").dry_run
    assert not staging.exists()
    sys.modules["_runbook_run"].facts["read_only"] = True
    assert not attach_file(tmp_path / "a").dry_run
    assert [what for what, _ in told] == ["would-attach", "attach"]


def test_what_is_no_file_is_refused_by_name(tmp_path: Path, staging: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))

    with pytest.raises(FileNotFoundError, match="nowhere"):
        attach_file(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError, match="is a folder: attach its files, or an archive of it"):
        attach_file(tmp_path)
    with pytest.raises(ValueError, match=rf"link is a link: attach what it points to, {tmp_path / 'real'}"):
        attach_file(tmp_path / "link")
    for name in ("pipe", "socket"):
        with pytest.raises(ValueError, match=f"{name} is no regular file"):
            attach_file(tmp_path / name)
    with pytest.raises(ValueError, match="/dev/null is no regular file"):
        attach_file("/dev/null")
    with pytest.raises(TypeError, match="attach_file takes a path, not int"):
        attach_file(3)  # type: ignore[arg-type]  # what a person may write
    listening.close()
    assert not staging.exists() or not list(staging.iterdir())


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, staging: Path) -> None:
    (tmp_path / "shut").write_text("x")
    (tmp_path / "shut").chmod(0)
    with pytest.raises(PermissionError, match="shut"):
        attach_file(tmp_path / "shut")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[2J", "x" * 201])
def test_a_name_that_cannot_stand_in_the_record_is_refused(tmp_path: Path, staging: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(b"a")
    with pytest.raises(ValueError, match="say name=…, one printable line"):
        attach_file(tmp_path / "a", name=name)


def test_too_large_and_too_much_are_refused_and_leave_nothing(
    tmp_path: Path, staging: Path, told: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(attaching.FILE_BYTES + 1)  # a sparse file
    (tmp_path / "small").write_bytes(b"small")

    with pytest.raises(ValueError, match="huge has more than 64 MiB: attach a part of it"):
        attach_file(tmp_path / "huge")
    assert list(staging.iterdir()) == []
    monkeypatch.setattr(attaching, "RUN_FILES", 1)
    attach_file(tmp_path / "small")
    with pytest.raises(ValueError, match="1 files with 5 bytes are attached already"):
        attach_file(tmp_path / "small")
    monkeypatch.setattr(attaching, "RUN_FILES", 10)
    monkeypatch.setattr(attaching, "RUN_BYTES", 9)
    with pytest.raises(ValueError, match="pack them together, or attach less"):
        attach_file(tmp_path / "small")
    assert len(told) == 1
