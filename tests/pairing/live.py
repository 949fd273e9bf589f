"""A watch that really runs, in a thread of the test, and the ways in which editors save."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from runbook.pairing.listening import Folders
from runbook.pairing.places import find_pairs, place
from runbook.pairing.reports import PairReport
from runbook.pairing.told import Told
from runbook.pairing.watching import Scene, Watching


class Live:
    """A running watch over `root/runbooks`, and what it said."""

    def __init__(self, root: Path, **scene: Any) -> None:
        self.root = root
        self.told: list[Told] = []
        folder = root / "runbooks"
        folder.mkdir(parents=True, exist_ok=True)
        here = place(root, env=dict(os.environ))
        self.scene = Scene(
            place=here,
            find=lambda: find_pairs(here.root, folders=["runbooks"], template=None),
            template="{folder}/{name}.ipynb",
            folders=Folders(deep=(str(here.root / "runbooks"),)),
            git_folder=root / ".git" if (root / ".git").is_dir() else None,
            **scene,
        )
        here.state.mkdir(parents=True, exist_ok=True)
        self.watching = Watching(self.scene, self.told.append)
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            while not self.watching.is_stopping:
                self.watching.step(60.0)
        except BaseException as error:
            self.failure = error

    def __enter__(self) -> "Live":
        self.watching.open()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.watching.stop()
        self._thread.join(60)
        self.watching.close()
        assert self.failure is None, self.failure

    def until(self, holds: Callable[[], bool], *, seconds: float = 60.0) -> None:
        """Wait until it holds; says what was told when it never does."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            with contextlib.suppress(FileNotFoundError, ValueError):
                if holds():
                    return
            time.sleep(0.01)
        said = [self.line(told) for told in self.told[-12:]]
        raise AssertionError(f"never; failed: {self.failure!r}; told last: {said}")

    @staticmethod
    def line(told: Told) -> str:
        return f"{told.report.action} {told.report.message}" if told.report else f"{told.code} {told.message}"

    def settle(self, seconds: float = 0.6) -> None:
        """Until nothing was told for a while."""
        count, since = -1, time.monotonic()
        while time.monotonic() - since < seconds:
            if len(self.told) != count:
                count, since = len(self.told), time.monotonic()
            time.sleep(0.02)

    @contextlib.contextmanager
    def one_edit(self) -> Iterator[list[PairReport]]:
        """What was done for what happens inside; it has settled at the end."""
        self.settle(0.3)
        before = len(self.told)
        found: list[PairReport] = []
        yield found
        self.until(lambda: len(self.told) > before)
        self.settle()
        found += [told.report for told in self.told[before:] if told.report is not None]

    def codes(self) -> list[str]:
        return [told.code for told in self.told if told.code != "pair"]


# The editors of pairs.md §4.2: what each does to a file when it saves.


def vim(path: Path, data: bytes) -> None:
    """Backup on: the old file moves away, the new one is written in its place."""
    probe = path.with_name("4913")
    probe.write_bytes(b"")
    probe.unlink()
    swap = path.with_name(f".{path.name}.swp")
    swap.write_bytes(b"b0VIM 9.0")
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    path.write_bytes(data)
    backup.unlink()
    swap.unlink()


def vim_in_place(path: Path, data: bytes) -> None:
    backup = path.with_name(path.name + "~")
    backup.write_bytes(path.read_bytes())
    path.write_bytes(data)
    backup.unlink()


def vs_code(path: Path, data: bytes) -> None:
    """Truncated first, then written in pieces."""
    with path.open("wb") as file:
        for start in range(0, len(data), 64):
            file.write(data[start : start + 64])
            file.flush()
            time.sleep(0.005)


def pycharm(path: Path, data: bytes) -> None:
    new = path.with_name(path.name + "___jb_tmp___")
    old = path.with_name(path.name + "___jb_old___")
    new.write_bytes(data)
    path.rename(old)
    new.rename(path)
    old.unlink()


def emacs(path: Path, data: bytes) -> None:
    lock = path.with_name(f".#{path.name}")
    lock.symlink_to("somebody@host.1:2")
    path.with_name(f"#{path.name}#").write_bytes(data[:50])
    path.rename(path.with_name(path.name + "~"))
    path.write_bytes(data)
    lock.unlink()
    path.with_name(f"#{path.name}#").unlink()


def sed(path: Path, data: bytes) -> None:
    """As `sed -i` and formatters do."""
    other = path.with_name("sedX1b2c3")
    other.write_bytes(data)
    other.rename(path)


def jupyter(path: Path, data: bytes) -> None:
    """A copy beside it, then in place, with a sync, then the copy goes."""
    copy = path.with_name(f".~{path.name}")
    copy.write_bytes(path.read_bytes())
    with path.open("wb") as file:
        for start in range(0, len(data), 256):
            file.write(data[start : start + 256])
            file.flush()
        os.fsync(file.fileno())
    copy.unlink()


def checkout(path: Path, data: bytes) -> None:
    """As git replaces a file: deleted, then made anew."""
    path.unlink()
    time.sleep(0.05)
    path.write_bytes(data)


def slow(path: Path, data: bytes) -> None:
    """A writer that takes half a second, with a pause after each piece."""
    with path.open("wb") as file:
        for start in range(0, len(data), max(len(data) // 5, 1)):
            file.write(data[start : start + max(len(data) // 5, 1)])
            file.flush()
            time.sleep(0.1)


EDITORS: dict[str, Callable[[Path, bytes], None]] = {
    "vim": vim,
    "vim in place": vim_in_place,
    "VS Code": vs_code,
    "PyCharm": pycharm,
    "Emacs": emacs,
    "sed -i": sed,
    "git checkout": checkout,
    "a slow writer": slow,
}
