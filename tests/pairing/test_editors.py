"""Who has a text open: real Vim, and the files of Emacs; what a crash left says nothing."""

import os
import pty
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runbook.pairing.editors import has_open


@pytest.mark.skipif(shutil.which("vim") is None, reason="no vim here")
def test_a_vim_that_runs_is_named_and_one_that_was_killed_is_not(tmp_path: Path) -> None:
    text = tmp_path / "x.py"
    text.write_text("# %%\n")
    ours, theirs = pty.openpty()
    argv = ["vim", "-u", "NONE", "-c", "set swapfile directory=.", "-c", "put ='x'", text.name]
    vim = subprocess.Popen(argv, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs)
    try:
        limit = time.monotonic() + 30
        while has_open(text) is None and time.monotonic() < limit:
            time.sleep(0.02)
        assert has_open(text) == f"Vim (process {vim.pid})"
    finally:
        vim.kill()
        vim.wait()
        os.close(ours)
        os.close(theirs)
    assert (tmp_path / ".x.py.swp").exists(), "a crash leaves it"
    assert has_open(text) is None


@pytest.fixture
def emacs(tmp_path: Path) -> "subprocess.Popen[bytes]":
    """A process of that name."""
    program = tmp_path / "emacs"
    program.symlink_to(shutil.which("sleep") or "/bin/sleep")
    process = subprocess.Popen([str(program), "60"])
    name, limit = Path(f"/proc/{process.pid}/comm"), time.monotonic() + 30
    while name.exists() and name.read_text() != "emacs\n" and time.monotonic() < limit:
        time.sleep(0.01)  # Linux closes the pipe that Popen waits for a moment before it changes the name
    return process


def test_an_emacs_with_unsaved_changes_is_named(tmp_path: Path, emacs: "subprocess.Popen[bytes]") -> None:
    text, lock = tmp_path / "x.py", tmp_path / ".#x.py"
    lock.symlink_to(f"ann@{socket.gethostname()}.{emacs.pid}:1700000000")
    try:
        assert has_open(text) == f"Emacs (process {emacs.pid}), with unsaved changes,"
        lock.unlink()
        lock.symlink_to(f"ann@elsewhere.{emacs.pid}:1700000000")
        assert has_open(text) is None
    finally:
        emacs.kill()
        emacs.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="names of processes are read from /proc")
def test_a_number_that_another_program_has_now_says_nothing(tmp_path: Path) -> None:
    text = tmp_path / "x.py"
    (tmp_path / ".#x.py").symlink_to(f"ann@{socket.gethostname()}.{os.getpid()}:1")
    assert has_open(text) is None
    block = b"b0" + b"VIM 9.0\0\0\0" + struct.pack("<III", 4096, 0, 0) + struct.pack("<I", os.getpid())
    (tmp_path / ".x.py.swp").write_bytes(
        block + b"ann".ljust(40, b"\0") + socket.gethostname().encode().ljust(40, b"\0")
    )
    assert has_open(text) is None


@pytest.mark.parametrize("data", [b"", b"b0", b"something else" * 20])
def test_what_is_no_swap_file_says_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / ".x.py.swp").write_bytes(data)
    assert has_open(tmp_path / "x.py") is None
