"""The watch at work: editors that save as they do, and everything that goes wrong meanwhile."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runbook.pairing import watching
from runbook.pairing.batching import Clocks
from runbook.pairing.history import content, versions
from runbook.pairing.resolve import resolve
from runbook.pairing.watcher import Event
from runbook.system.swap import stamp_of
from tests.pairing import live
from tests.pairing.builders import NOW, TEXT, Bench
from tests.pairing.live import EDITORS, Live

Editor = Callable[[Path, bytes], None]


def edited(bench: Bench, words: str) -> bytes:
    return bench.text.read_bytes().replace(b'status = "up"', f'status = "{words}"'.encode())


@pytest.mark.parametrize("poll", ["never", "always"])
@pytest.mark.parametrize("editor", EDITORS.values(), ids=EDITORS.keys())
def test_each_save_of_an_editor_is_one_write(editor: Editor, poll: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path, poll=poll) as watch:
        assert bench.agrees()
        bench.run(1)
        watch.settle()
        with watch.one_edit() as reports:
            editor(bench.text, edited(bench, "down"))

        assert [(report.action, report.wrote_notebook) for report in reports] == [("to-notebook", True)]
        assert 'status = "down"\nprint(status)' in bench.sources()
        assert bench.agrees()


def test_a_save_in_jupyter_is_one_write(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        notebook = bench.json()
        notebook["cells"][2]["source"] = ['status = "down"\n', "print(status)"]
        data = json.dumps(notebook, indent=1).encode() + b"\n"
        with watch.one_edit() as reports:
            live.jupyter(bench.notebook, data)

        assert [(report.action, report.wrote_text) for report in reports] == [("to-text", True)]
        assert b'status = "down"' in bench.text.read_bytes()
        assert bench.notebook.read_bytes() == data


def test_running_and_saving_in_jupyter_leaves_the_text_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        before = stamp_of(bench.text.stat())
        for turn in range(3):
            bench.run(1, str(turn))
            watch.settle(0.3)

        assert stamp_of(bench.text.stat()) == before
        assert [told.report.action for told in watch.told if told.report] == ["made-notebook"]


def test_saves_on_both_sides_at_once_are_merged(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        notebook = bench.json()
        notebook["cells"][-1]["source"] = ["restart = False"]
        text = edited(bench, "down")
        live.sed(bench.text, text)
        bench.save(notebook)
        watch.until(lambda: b"restart = False" in bench.text.read_bytes())
        watch.until(bench.agrees)

        assert b'status = "down"' in bench.text.read_bytes()


def test_a_dispute_is_said_once_and_ends_when_it_is_mended(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        notebook = bench.json()
        notebook["cells"][2]["source"] = ["status = 1"]
        live.sed(bench.text, edited(bench, "down"))
        bench.save(notebook)
        watch.until(lambda: "runbooks/x.py" in watch.watching.unsettled)
        watch.settle()
        assert [told.report.action for told in watch.told if told.report].count("conflict") == 1

        live.sed(
            bench.text, bench.text.read_bytes().replace(b'status = "down"\nprint(status)', b"status = 1")
        )
        watch.until(lambda: not watch.watching.unsettled)


def test_a_dispute_that_ends_in_another_terminal_is_said_to_be_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        notebook = bench.json()
        notebook["cells"][2]["source"] = ["status = 1"]
        live.sed(bench.text, edited(bench, "down"))
        bench.save(notebook)
        watch.until(lambda: "runbooks/x.py" in watch.watching.unsettled)
        resolve(bench.place, bench.pair, take="text", now=NOW)
        watch.until(lambda: not watch.watching.unsettled)
        watch.until(lambda: watch.told[-1].report is not None)
        watch.settle()

        said = [told.report.message for told in watch.told if told.report]
        assert said[-1] == "in step again"
        assert said.count("in step again") == 1


def test_a_text_that_an_editor_has_open_is_said_when_it_is_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    program = tmp_path / "emacs"
    program.symlink_to(shutil.which("sleep") or "/bin/sleep")
    emacs = subprocess.Popen([str(program), "60"])
    try:
        with Live(tmp_path) as watch:
            bench.text.with_name(".#x.py").symlink_to(f"ann@{socket.gethostname()}.{emacs.pid}:1")
            bench.set_source(1, "status = 1")
            watch.until(lambda: b"status = 1" in bench.text.read_bytes())
            watch.until(lambda: watch.told[-1].report is not None and watch.told[-1].report.wrote_text)

            assert watch.told[-1].report is not None
            assert watch.told[-1].report.notes == (
                f"Emacs (process {emacs.pid}), with unsaved changes, has this text open: load it again there "
                "before you go on",
            )
    finally:
        emacs.kill()
        emacs.wait()


def test_a_half_written_file_is_waited_for_and_costs_no_output(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        bench.run(1)
        watch.settle()
        whole = bench.text.read_bytes()
        for part in (0, 200, 300, len(whole) - 3):
            bench.text.write_bytes(whole[:part])
            time.sleep(0.2)
        bench.text.write_bytes(whole.replace(b"Slowly", b"Quickly"))
        watch.until(lambda: "# Restart the web tier\nQuickly." in bench.sources())

        assert "quarantined" not in [told.report.action for told in watch.told if told.report]
        assert bench.json()["cells"][2]["outputs"] != []


def test_a_file_that_stays_cut_off_is_said_and_touches_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        before = bench.notebook.read_bytes()
        bench.text.write_bytes(b"")
        watch.until(lambda: "runbooks/x.py" in watch.watching.unsettled)

        report = watch.watching.unsettled["runbooks/x.py"]
        assert report.action == "quarantined"
        assert "it is empty, and was not" in report.message
        assert bench.notebook.read_bytes() == before


def test_a_deleted_text_is_reported_after_a_moment_and_stays_deleted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        began = time.monotonic()
        bench.text.unlink()
        watch.until(lambda: "runbooks/x.py" in watch.watching.unsettled)

        assert time.monotonic() - began > 1.5
        (problem,) = watch.watching.unsettled["runbooks/x.py"].problems
        assert problem.hint is not None
        assert problem.hint.endswith("or bring the text back: `runbook restore runbooks/x.py@1`")
        assert not bench.text.exists()
        assert bench.notebook.exists()


def test_a_deleted_notebook_is_made_again_with_its_outputs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        bench.run(1)
        watch.settle()
        bench.notebook.unlink()
        watch.until(bench.notebook.exists)

        assert bench.json()["cells"][2]["outputs"] != []


def test_a_rename_takes_the_notebook_along_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only after the moment for which a deleted text is waited for."""
    monkeypatch.setattr(watching, "_MISSING_SECONDS", 3600.0)
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        bench.run(1)
        watch.settle()
        before = bench.notebook.read_bytes()
        bench.text.rename(bench.text.with_name("y.py"))
        watch.until(lambda: bench.notebook.with_name("y.ipynb").read_bytes() == before)
        watch.until(lambda: not bench.notebook.exists())
        watch.settle()

    said = [(told.report.name, told.report.action) for told in watch.told if told.report]
    assert said[1:] == [("runbooks/y.py", "renamed")], "nothing of the name that it went by before"


def test_a_renamed_folder_keeps_its_pairs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    folder = tmp_path / "runbooks/web"
    folder.mkdir()
    bench.text.rename(folder / "x.py")
    with Live(tmp_path) as watch:
        watch.settle(1.0)  # a file this young could still be written, and would be waited for
        folder.rename(tmp_path / "runbooks/tier")
        text = tmp_path / "runbooks/tier/x.py"
        watch.settle()
        live.vim(text, text.read_bytes().replace(b"Slowly", b"Quickly"))
        watch.until(lambda: b"Quickly" in text.with_suffix(".ipynb").read_bytes())

        watch.until(lambda: sorted(path.name for path in text.parent.iterdir()) == ["x.ipynb", "x.py"])


def test_a_new_text_gets_its_notebook_and_other_files_nothing(tmp_path: Path) -> None:
    with Live(tmp_path) as watch:
        (tmp_path / "runbooks/deep/er").mkdir(parents=True)
        (tmp_path / "runbooks/deep/er/new.py").write_text(TEXT)
        (tmp_path / "runbooks/module.py").write_text("def f():\n    return 1\n")
        watch.until((tmp_path / "runbooks/deep/er/new.ipynb").exists)
        watch.settle()

        assert not (tmp_path / "runbooks/module.ipynb").exists()


def test_the_folder_of_the_runbooks_goes_and_comes_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        shutil.move(tmp_path / "runbooks", tmp_path / "elsewhere")
        watch.settle(0.4)
        shutil.move(tmp_path / "elsewhere", tmp_path / "runbooks")
        watch.settle(0.4)
        live.vim(bench.text, edited(bench, "down"))
        watch.until(lambda: 'status = "down"\nprint(status)' in bench.sources())


def test_a_text_behind_a_link_is_watched_where_it_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    real = tmp_path / "shared/x.py"
    real.parent.mkdir()
    bench.text.rename(real)
    bench.text.symlink_to(real)
    with Live(tmp_path) as watch:
        live.sed(real, edited(bench, "down"))
        watch.until(lambda: 'status = "down"\nprint(status)' in bench.sources())

        assert bench.text.is_symlink()


@pytest.mark.slow
def test_a_checkout_of_many_pairs_is_judged_when_it_is_done(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / ".gitignore").write_text("*.ipynb\n")
    folder = tmp_path / "runbooks"
    folder.mkdir()
    for number in range(150):
        (folder / f"p{number}.py").write_text(TEXT.replace("Slowly", f"Slowly {number}"))
    git("add", ".")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "other")
    for path in folder.glob("*.py"):
        path.write_text(path.read_text().replace("Slowly", "Quickly"))
    git("rm", "-q", "--cached", "runbooks/p149.py")
    (folder / "p149.py").unlink()
    git("commit", "-qam", "two")
    git("checkout", "-q", "main")
    with Live(tmp_path) as watch:
        for branch, word in (("other", "Quickly"), ("main", "Slowly")):
            before = len(watch.told)
            git("checkout", "-q", branch)
            count = 149 if word == "Quickly" else 150
            watch.until(lambda word=word, count=count: all_say(folder, word, count))  # type: ignore[misc]
            watch.settle()
            actions = [told.report.action for told in watch.told[before:] if told.report]
            assert actions.count("to-notebook") == 149
            assert set(actions) <= {"to-notebook", "orphan", "recorded"}  # the last: in step again
        status = subprocess.run(
            ["git", "status", "--porcelain"], cwd=tmp_path, capture_output=True, check=True
        )
        assert status.stdout == b""


def all_say(folder: Path, word: str, count: int) -> bool:
    return sum(word in path.read_text() for path in folder.glob("*.ipynb")) == count


@pytest.mark.slow
def test_a_burst_of_30_000_files_is_reconciled_and_then_idle(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        for number in range(30_000):
            (tmp_path / f"runbooks/junk{number}.ipynb").touch()
        live.vim(bench.text, edited(bench, "down"))
        watch.until(lambda: 'status = "down"\nprint(status)' in bench.sources())
        watch.settle(1.0)
        before = time.process_time()
        time.sleep(1.0)

        assert time.process_time() - before < 0.1


def test_after_lost_events_everything_is_looked_at(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        watch.settle(1.0)
        watch.watching.listening.watcher.cover([], [])  # deaf from here on
        live.sed(bench.text, edited(bench, "down"))
        watch.settle(0.4)
        assert 'status = "down"\nprint(status)' not in bench.sources()
        mailbox = watch.watching.listening.watcher
        mailbox._queue.put(Event("lost"))  # type: ignore[attr-defined]  # as the reader's thread does
        watch.until(lambda: 'status = "down"\nprint(status)' in bench.sources())

        assert "lost" in watch.codes()


@pytest.mark.parametrize(
    ("wall", "boot", "words"),
    [
        (-3600.0, 0.0, "the clock was set forward by 3600 s; looking at everything"),
        (3600.0, 0.0, "the clock was set back by 3600 s; looking at everything"),
        (-600.0, -600.0, "the machine slept for 600 s; looking at everything"),
    ],
)
def test_after_a_sleep_or_a_set_clock_everything_is_looked_at(
    tmp_path: Path, wall: float, boot: float, words: str
) -> None:
    """The clocks of the last look are moved instead of the machine's own."""
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        watch.settle(1.0)
        watch.watching.listening.watcher.cover([], [])
        live.sed(bench.text, edited(bench, "down"))
        before = watch.watching._clocks
        watch.watching._clocks = Clocks(
            wall=before.wall + wall, monotonic=before.monotonic, boot=before.boot + boot
        )
        watch.watching.listening.watcher.wake()
        watch.until(lambda: 'status = "down"\nprint(status)' in bench.sources())

        assert [told.message for told in watch.told if told.code == "clock"] == [words]


def test_names_that_are_no_text_are_said_and_harm_nobody(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/runbooks/caf\xe9.py"))).write_text(TEXT)
    with Live(tmp_path) as watch:
        watch.settle(0.3)
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/runbooks/\xff.py"))).write_text(TEXT)
        live.vim(bench.text, edited(bench, "down"))
        watch.until(lambda: 'status = "down"\nprint(status)' in bench.sources())
        watch.until(lambda: len(watch.watching.unsettled) == 2)

        assert {report.message for report in watch.watching.unsettled.values()} == {"its name is not UTF-8"}


def test_the_sweep_finds_what_no_event_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path, sweep_seconds=0.7) as watch:
        watch.settle(1.0)
        watch.watching.listening.watcher.cover([], [])
        live.sed(bench.text, edited(bench, "down"))
        watch.until(lambda: 'status = "down"\nprint(status)' in bench.sources())


def test_ping_pong_is_noticed_stopped_and_its_cause_named(tmp_path: Path) -> None:
    header = TEXT.replace("# jupyter:\n", "# jupyter:\n#   jupytext:\n#     formats: ipynb,py:percent\n")
    bench = Bench(tmp_path, header)
    with Live(tmp_path) as watch:
        first = bench.notebook.read_bytes()
        second = edited(bench, "failing")
        before = bench.text.read_bytes()
        for _ in range(8):
            live.sed(bench.text, second)
            watch.until(lambda: b"failing" in bench.notebook.read_bytes() or "ping-pong" in watch.codes())
            live.sed(bench.notebook, first)  # another syncer, to which the older file is the newer one
            watch.until(lambda: bench.text.read_bytes() == before or "ping-pong" in watch.codes())
            if "ping-pong" in watch.codes():
                break
        told = next(told for told in watch.told if told.code == "ping-pong")
        count = len(watch.told)
        live.sed(bench.text, second.replace(b"Slowly", b"Never"))
        watch.settle()

        assert "keeps undoing what we write; left alone for a minute" in told.message
        assert "`formats: ipynb,py:percent` in the header" in (told.hint or "")
        assert len(watch.told) == count
        assert any("jupytext pairs it too" in told.message for told in watch.told)


def test_a_blocked_pair_is_tried_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        bench.notebook.chmod(0o444)
        live.sed(bench.text, edited(bench, "down"))
        watch.until(lambda: "runbooks/x.py" in watch.watching.unsettled)
        assert "read-only" in watch.watching.unsettled["runbooks/x.py"].message
        bench.notebook.chmod(0o644)
        watch.until(lambda: 'status = "down"\nprint(status)' in bench.sources())


def test_one_broken_pair_does_not_stop_the_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (tmp_path / "runbooks/broken.py").write_bytes(b"# %%\n<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b\n")
    with Live(tmp_path) as watch:
        live.vim(bench.text, edited(bench, "down"))
        watch.until(lambda: 'status = "down"\nprint(status)' in bench.sources())
        watch.until(lambda: "runbooks/broken.py" in watch.watching.unsettled)


def test_a_watch_of_polling_says_why(tmp_path: Path) -> None:
    with Live(tmp_path, poll="always") as watch:
        assert watch.codes() == ["polling"]
        assert watch.watching.listening.watcher.name == "polling"


def test_lines_are_few_and_say_what_changed(tmp_path: Path) -> None:
    from runbook.pairing.told import lines_of

    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        bench.run(1)
        bench.run(2)
        watch.settle(0.3)
        live.vim(bench.text, edited(bench, "down"))
        watch.until(lambda: len(watch.told) > 1)
        (line,) = lines_of(watch.told[-1])

    assert line.startswith(
        "runbooks/x.py → x.ipynb: 1 cell changed, outputs of 1 kept, outputs of 1 dropped ("
    )


def test_every_save_is_in_the_versions(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Live(tmp_path) as watch:
        for number in range(8):
            live.vs_code(bench.text, edited(bench, f"token{number}"))
            watch.until(lambda number=number: f"token{number}" in bench.notebook.read_text())  # type: ignore[misc]
            bench.write(bench.text.read_bytes().replace(f"token{number}".encode(), b"up"))
            watch.until(lambda number=number: f"token{number}" not in bench.notebook.read_text())  # type: ignore[misc]
    kept = b"".join(
        content(bench.place, "runbooks/x.py", each.number) for each in versions(bench.place, "runbooks/x.py")
    )

    assert all(f"token{number}".encode() in kept for number in range(8))


def test_a_state_that_cannot_be_written_is_said_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_AGAIN_SECONDS", 0.2)
    with Live(tmp_path / "w") as live:
        text, notebook = live.root / "runbooks/x.py", live.root / "runbooks/x.ipynb"
        text.write_text(TEXT)
        live.until(notebook.exists)
        live.settle()
        lock = live.scene.place.state / "lock"
        lock.unlink()
        lock.mkdir()
        text.write_text(TEXT.replace("restart = True", "restart = False"))
        live.until(lambda: any(told.code == "problem" and "lock" in told.message for told in live.told))
        lock.rmdir()
        live.until(lambda: "restart = False" in notebook.read_text())


def test_a_disputed_pair_is_disputed_under_its_new_name_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.sync()
    bench.edit('status = "up"', 'status = "mine"')
    bench.set_source(1, "theirs = 1")
    with Live(tmp_path) as watch:
        assert list(watch.watching.unsettled) == ["runbooks/x.py"]
        bench.text.rename(bench.text.with_name("y.py"))
        watch.until(lambda: list(watch.watching.unsettled) == ["runbooks/y.py"], seconds=20.0)
