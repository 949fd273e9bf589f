"""What is told of changed files: real folders, real events."""

import contextlib
import inspect
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runbook.errors import UnavailableError
from runbook.pairing.watcher import Event, Native, Observed, Polling, Watcher, native

pytestmark = pytest.mark.skipif(not Path("/proc/sys/fs/inotify").is_dir(), reason="needs inotify")


@contextlib.contextmanager
def watching(kind: Callable[[], Watcher], *deep: Path) -> Iterator[Watcher]:
    watcher = kind()
    try:
        watcher.cover([str(folder) for folder in deep], [])
        watcher.wait(0.0)
        yield watcher
    finally:
        watcher.close()


def told(watcher: Watcher, *, until: str | None = None) -> list[Event]:
    """What is told: all until it is quiet for a moment, once something has come; or until one of `until`."""
    found: list[Event] = []
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        new = watcher.wait(0.3)
        found += new
        if any(event.path.endswith(until) for event in new) if until else found and not new:
            break
    return found


def nothing_is_told(watcher: Watcher) -> bool:
    return watcher.wait(0.3) == []


def kinds(events: list[Event], name: str) -> list[str]:
    return [event.kind for event in events if event.path.endswith(name)]


def test_a_save_is_told_once_its_writer_has_finished(tmp_path: Path) -> None:
    with watching(Native, tmp_path) as watcher, (tmp_path / "x.py").open("w") as file:
        file.write("x")
        file.flush()
        assert kinds(told(watcher), "x.py") == ["changed"]
        file.close()
        assert kinds(told(watcher), "x.py") == ["saved"]


def test_reading_touching_and_temporary_names_are_not_told(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("x")
    with watching(Native, tmp_path) as watcher:
        (tmp_path / "x.py").read_text()
        os.utime(tmp_path / "x.py")
        (tmp_path / "x.py").chmod(0o600)
        for name in (
            "4913",
            ".x.py.swp",
            "x.py~",
            "#x.py#",
            ".~x.ipynb",
            "x_tmp_jupytext_1.ipynb",
            "notes.txt",
        ):
            (tmp_path / name).write_text("x")
        (tmp_path / ".#x.py").symlink_to("somebody@host.1")
        assert nothing_is_told(watcher)


def test_a_rename_is_told_at_both_ends(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("x")
    with watching(Native, tmp_path) as watcher:
        (tmp_path / "x.py").rename(tmp_path / "y.py")
        events = told(watcher)

    assert kinds(events, "x.py") == ["gone"]
    assert kinds(events, "y.py") == ["saved"]


def test_folders_that_come_go_and_come_again_are_watched(tmp_path: Path) -> None:
    with watching(Native, tmp_path) as watcher:
        for turn in range(3):
            (tmp_path / "a/b/c").mkdir(parents=True)
            told(watcher)
            (tmp_path / "a/b/c/x.py").write_text(str(turn))
            assert "saved" in kinds(told(watcher), "a/b/c/x.py")
            shutil.rmtree(tmp_path / "a")
            assert "folder" in kinds(told(watcher), "/a")


def test_a_folder_that_moves_is_known_by_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "a/in").mkdir(parents=True)
    with watching(Native, tmp_path) as watcher:
        (tmp_path / "a").rename(tmp_path / "b")
        told(watcher)
        (tmp_path / "b/in/x.py").write_text("x")
        events = told(watcher)

    assert {event.path for event in events if event.path.endswith(".py")} == {f"{tmp_path}/b/in/x.py"}


def test_ignored_folders_cost_no_watch(tmp_path: Path) -> None:
    for name in ("node_modules", ".venv", "__pycache__", ".git"):
        for number in range(20):
            (tmp_path / name / str(number)).mkdir(parents=True)
    (tmp_path / "web").mkdir()
    with watching(Native, tmp_path) as watcher:
        assert isinstance(watcher, Native)
        assert watcher.count == 2
        (tmp_path / "node_modules/new").mkdir()
        (tmp_path / "node_modules/new/x.py").write_text("x")
        assert nothing_is_told(watcher)


@pytest.mark.slow
def test_a_tree_of_ten_thousand_folders_is_watched_and_then_idle(tmp_path: Path) -> None:
    """Where a default recursive observer loops at full load and tells nothing."""
    for outer in range(100):
        for inner in range(100):
            (tmp_path / str(outer) / str(inner)).mkdir(parents=True)
    with watching(native, tmp_path) as watcher:
        assert isinstance(watcher, Native)
        assert watcher.count == 10_101
        before = time.process_time()
        time.sleep(1.0)
        assert time.process_time() - before < 0.05
        (tmp_path / "99/99/x.py").write_text("x")
        assert kinds(told(watcher, until="x.py"), "99/99/x.py")


def test_lost_events_are_told(tmp_path: Path) -> None:
    with watching(Native, tmp_path) as watcher:
        assert isinstance(watcher, Native)
        with watcher._lock:  # the reader waits for us, so that the kernel's queue of 16 384 overflows
            for number in range(20_000):
                (tmp_path / f"{number}.py").touch()
        events = told(watcher)

    assert Event("lost") in events


def test_a_limit_of_the_system_says_which_command_raises_it(tmp_path: Path) -> None:
    watchers: list[Watcher] = []

    def take_all() -> None:
        for _ in range(2000):
            watchers.append(Native())

    try:
        with pytest.raises(UnavailableError) as refused:
            take_all()
    finally:
        for watcher in watchers:
            watcher.close()

    assert refused.value.message == "the system allows no more inotify instances"
    assert refused.value.hint == "`sudo sysctl fs.inotify.max_user_instances=1024`"


@pytest.mark.parametrize("kind", [lambda: Polling(least_seconds=0.05), Observed], ids=["polling", "observed"])
def test_other_ways_tell_the_same_but_vouch_for_nothing(kind: Callable[[], Watcher], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/old.py").write_text("x")
    with watching(kind, tmp_path) as watcher:
        assert not watcher.vouches
        (tmp_path / "in/x.py").write_text("x")
        events = told(watcher, until="x.py")
        assert set(kinds(events, "in/x.py")) == {"changed"}
        (tmp_path / "in/old.py").unlink()
        assert "gone" in kinds(told(watcher, until="old.py"), "in/old.py")


def test_polling_sees_a_save_of_the_same_size_with_the_old_time(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("a")
    seen = file.stat()
    with watching(lambda: Polling(least_seconds=0.02), tmp_path) as watcher:
        time.sleep(0.02)
        file.write_text("b")
        os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        assert kinds(told(watcher, until="x.py"), "x.py") == ["changed"]


def test_a_waiting_watch_can_be_woken(tmp_path: Path) -> None:
    with watching(Native, tmp_path) as watcher:
        watcher.wake()
        assert watcher.wait(60.0) == [Event("wake")]


def test_this_watchdog_has_the_reader_that_we_use() -> None:
    """Not among watchdog's promises: when this fails, the locked watchdog is too new for `Native`."""
    from watchdog.observers import inotify_c

    adding = inspect.signature(inotify_c.InotifyFD.add_callback).parameters
    assert list(adding) == ["self", "path", "mask", "callback", "id_"]
    assert list(inspect.signature(inotify_c.InotifyFD.remove_callbacks).parameters) == ["self", "callbacks"]
    called = {name for name in vars(inotify_c.WatchCallback) if name.startswith("on_")}
    assert called == {"on_event", "on_watch_deleted", "on_queue_overflow"}


def test_a_watchdog_without_that_reader_is_said_with_the_one_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from watchdog.observers import inotify_c

    monkeypatch.delattr(inotify_c, "InotifyFD")
    with pytest.raises(UnavailableError, match="not known here") as caught:
        Native()
    assert caught.value.hint == '`python -m pip install "watchdog>=7.1,<8"`'
