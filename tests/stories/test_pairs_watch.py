"""The watch as people start it: processes that are asked, stopped, killed, and started twice."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runbook.errors import LockBusy, UnavailableError
from runbook.pairing import daemon
from runbook.pairing.places import place
from runbook.system import files, swap
from tests.keys import Key
from tests.pairing.builders import BODY, TEXT
from tests.pairing.live import Live
from tests.program import Said, made_workspace, program


@pytest.fixture
def here(tmp_path: Path) -> Path:
    root = tmp_path / "ws"
    (root / "runbooks").mkdir(parents=True)
    (root / "runbook.toml").write_text("version = 1\n")
    (root / "runbooks/restart.py").write_text(TEXT)
    return root


class Watch:
    """`runbook watch --json` in a process of its own."""

    def __init__(self, root: Path, out: Path) -> None:
        self.root = root
        self.out = out
        with out.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runbook", "watch", "--json"], cwd=root, stdout=stream, stderr=stream
            )

    def lines(self) -> list[dict[str, object]]:
        text = self.out.read_text()
        return [json.loads(line) for line in text.split("\n")[:-1] if line.startswith("{")]

    def until(self, holds: Callable[[], bool], seconds: float = 60.0) -> None:
        limit = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < limit, self.out.read_text()
            time.sleep(0.02)

    def ready(self) -> "Watch":
        self.until(lambda: any(line["event"] == "started" for line in self.lines()))
        return self


@contextmanager
def watch(root: Path, out: Path) -> Iterator[Watch]:
    started = Watch(root, out)
    try:
        yield started.ready()
    finally:
        started.process.terminate()
        started.process.wait(60)


def notebook(root: Path) -> str:
    path = root / "runbooks/restart.ipynb"
    return path.read_text() if path.exists() else ""


def asked(root: Path) -> Said:
    return program(root, "watch", "--status", "--json")


def test_an_edit_reaches_the_other_side_and_the_line_says_so(here: Path, tmp_path: Path) -> None:
    text = here / "runbooks/restart.py"
    with watch(here, tmp_path / "out") as running:
        text.write_text(TEXT.replace("Slowly", "Quickly"))
        running.until(lambda: "Quickly" in notebook(here))
        running.until(lambda: running.lines()[-1]["event"] == "pair")
        line = running.lines()[-1]
    assert (line["action"], line["name"], line["cells"]) == ("to-notebook", "runbooks/restart.py", 1)
    assert line["wrote_notebook"] is True
    assert line["wrote_text"] is False
    assert running.process.returncode == 0
    assert running.lines()[-1]["event"] == "stopped"


def test_a_second_start_says_who_and_where(here: Path, tmp_path: Path) -> None:
    with watch(here, tmp_path / "out") as running:
        said = program(here / "runbooks", "watch")
        status = asked(here).json

    assert said.code == 6
    pid = running.process.pid
    assert f"error: {here}: this workspace is being watched already, by process {pid} on " in said.err
    assert "`runbook watch --status` shows how it goes, `runbook watch --stop` ends it" in said.err
    assert status["watching"] is True
    assert status["owner"]["pid"] == pid
    assert (status["pairs"], status["how"]) == (1, "native events")


def test_detach_status_and_stop(here: Path) -> None:
    started = program(here, "watch", "--detach")
    assert started.code == 0, started.err
    try:
        assert re.match(r"watching 1 pair as process \d+, by native events\n", started.out)
        again = program(here, "watch", "--detach")
        assert again.code == 6
        (here / "runbooks/restart.py").write_text(TEXT.replace("Slowly", "Quickly"))
        limit = time.monotonic() + 60
        while "Quickly" not in notebook(here) and time.monotonic() < limit:
            time.sleep(0.02)
        assert "Quickly" in notebook(here)
        shown = program(here, "watch", "--status")
        assert f"watches {here} since " in shown.out
        (log,) = re.findall(r"its log: (.+)", shown.out)
    finally:
        stopped = program(here, "watch", "--stop")
    assert stopped.code == 0
    events = [json.loads(line)["event"] for line in Path(log).read_text().splitlines()]
    assert events[-1] == "stopped"
    assert "pair" in events
    assert asked(here).json["watching"] is False
    nobody = program(here, "watch", "--stop")
    assert (nobody.code, "nobody watches here" in nobody.err) == (2, True)


@pytest.mark.slow
def test_killed_watches_lose_nothing_and_leave_nothing(here: Path, tmp_path: Path) -> None:
    text = here / "runbooks/restart.py"
    for turn in range(8):
        running = Watch(here, tmp_path / f"out{turn}")
        running.ready()
        text.write_text(text.read_text() + f"\n# %%\ntoken{turn} = {turn}\n")
        time.sleep(0.035 + 0.006 * turn)  # around the moment of writing
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(60)
        assert asked(here).json["watching"] is False
    last = program(here, "sync")
    assert last.code == 0, last.out + last.err

    assert all(f"token{turn} = {turn}" in notebook(here) for turn in range(8))
    assert sorted(path.name for path in (here / "runbooks").iterdir()) == ["restart.ipynb", "restart.py"]


def test_a_state_that_was_taken_away_is_made_again_from_the_contents(here: Path) -> None:
    with Live(here, sweep_seconds=0.3) as running:
        shutil.rmtree(running.scene.place.state)
        swept = running.watching.sweeps
        running.until(lambda: running.watching.sweeps > swept + 1)
        (here / "runbooks/restart.py").write_text(TEXT.replace("Slowly", "Quickly"))
        running.until(lambda: "Quickly" in notebook(here))


def test_a_watch_whose_state_was_taken_away_takes_its_place_again(here: Path, tmp_path: Path) -> None:
    """Or there would be two, once somebody starts another one."""
    running = Watch(here, tmp_path / "out").ready()
    try:
        shutil.rmtree(here / ".runbook/state")
        (here / "runbooks/another.py").write_text(TEXT)
        running.until(lambda: asked(here).json.get("pairs") == 2)
        assert program(here, "watch").code == 6
        (here / "runbooks/restart.py").write_text(TEXT.replace("Slowly", "Quickly"))
        running.until(lambda: "Quickly" in notebook(here))
        said = [line["message"] for line in running.lines() if line["event"] == "state"]
        assert said == ["the state's folder was taken away: it is made anew"]
    finally:
        running.process.terminate()
    assert running.process.wait(60) == 0


def test_a_watch_gives_up_its_place_to_one_that_began_while_its_state_was_away(here: Path) -> None:
    scene = Live(here, sweep_seconds=0.2).scene
    owner = daemon.Owner(pid=os.getpid(), host="here", root=str(here), since="2026-11-21T00:00:00Z")
    other = here / ".runbook/other"
    other.mkdir()
    (other / "watch.json").write_text("of the other one")
    with files.locked(other / "watch.lock"):
        taking = threading.Timer(0.5, swap._exchange, [other, scene.place.state])
        taking.start()
        with pytest.raises(LockBusy, match="this workspace is being watched already"):
            daemon.serve(scene, owner, tell=lambda told: None)
        taking.join()
    assert daemon.status_path(scene.place).read_text() == "of the other one"


def test_a_watch_whose_workspace_was_moved_ends_with_a_clear_word(here: Path, tmp_path: Path) -> None:
    """And makes nothing in the old place: neither folders nor a state."""
    with watch(here, tmp_path / "out") as running:
        here.rename(tmp_path / "moved")
        text = tmp_path / "moved/runbooks/restart.py"
        text.write_text(TEXT.replace("Slowly", "Quickly"))  # still heard by the old watch
        running.until(lambda: running.process.poll() is not None)
        said = running.out.read_text()
    assert running.process.returncode == 2
    assert f"error: {here}: is gone, moved or deleted" in said
    assert "go on where the workspace is now" in said
    assert not here.exists()
    assert program(tmp_path / "moved", "sync").code == 0
    assert "Quickly" in notebook(tmp_path / "moved")


def test_a_status_that_cannot_be_written_does_not_end_the_watch(here: Path, tmp_path: Path) -> None:
    running = Watch(here, tmp_path / "out").ready()
    try:
        status = here / ".runbook/state/watch.json"
        running.until(status.exists)
        status.unlink()
        status.mkdir()  # as on a full disk: it cannot be replaced
        (here / "runbooks/restart.py").write_text(TEXT + "\n# %% [\n")
        running.until(lambda: any(line.get("action") == "to-notebook" for line in running.lines()))
        (here / "runbooks/restart.py").write_text(TEXT.replace("Slowly", "Quickly"))
        running.until(lambda: "Quickly" in notebook(here))
        status.rmdir()
        running.until(lambda: asked(here).json.get("pairs") == 1)
    finally:
        running.process.terminate()
    assert running.process.wait(60) == 0


def test_once_is_sync_and_modes_exclude_each_other(here: Path) -> None:
    once = program(here, "watch", "--once", "--json")

    assert once.code == 0
    assert once.json["pairs"][0]["action"] == "made-notebook"
    both = program(here, "watch", "--once", "--stop")
    assert both.code == 2
    assert "only one of --once, --status, --stop, --detach and --print-unit at a time" in both.err


def test_the_unit_names_this_workspace(here: Path) -> None:
    said = program(here, "watch", "--print-unit")

    assert f"WorkingDirectory={here}\n" in said.out
    assert re.search(rf'ExecStart="[^"]+" -C "{re.escape(str(here))}" watch --json\n', said.out)


def test_an_approval_that_an_edit_makes_stale_is_said_at_once(
    tmp_path: Path, alice: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made_workspace(tmp_path / "ws", alice)
    (name,) = (root / "runbooks").glob("*.py")
    text = program(root, "show", name.stem, "--json").json["text"]
    signed = program(root, "review", name.stem, "--env", "prod", "--key", str(alice.path), "--text", text)
    assert signed.code == 0, signed.err
    assert program(root, "sync").code == 0
    with watch(root, tmp_path / "out") as running:
        name.write_text(name.read_text() + '\n# %%\nprint("one more")\n')
        running.until(lambda: any(line.get("stale") for line in running.lines()))
        cells = json.loads(name.with_suffix(".ipynb").read_text())
        cells["cells"][-1]["source"] = ['print("edited in Jupyter")']
        name.with_suffix(".ipynb").write_text(json.dumps(cells, indent=1))
        running.until(lambda: "edited in Jupyter" in name.read_text())

    (stale,) = [line["stale"] for line in running.lines() if line.get("stale")]
    assert stale == [f"{alice.principal} (prod)"]
    assert "- approver: " in name.read_text(), "it is said, never deleted"


def test_an_edit_in_jupyter_makes_approvals_stale_and_sync_says_so(tmp_path: Path, alice: Key) -> None:
    root = made_workspace(tmp_path / "ws", alice)
    (name,) = (root / "runbooks").glob("*.py")
    text = program(root, "show", name.stem, "--json").json["text"]
    program(root, "review", name.stem, "--env", "prod", "--key", str(alice.path), "--text", text)
    program(root, "sync")
    notebook = json.loads(name.with_suffix(".ipynb").read_text())
    notebook["cells"][-1]["source"] = ["x = 1"]
    name.with_suffix(".ipynb").write_text(json.dumps(notebook, indent=1))
    said = program(root, "sync")

    path = f"runbooks/{name.name}"
    assert f"{path} ← {name.stem}.ipynb: 1 cell changed\n" in said.out
    assert f"{path}: approval for prod is now stale ({alice.principal})\n" in said.out


def test_nothing_is_ever_executed(here: Path, tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    (here / "runbooks/restart.py").write_text(f"{BODY}\n# %%\nopen({str(proof)!r}, 'w')\n!touch {proof}\n")
    with watch(here, tmp_path / "out") as running:
        (here / "runbooks/restart.py").write_text(f"# %%\nopen({str(proof)!r}, 'w')\n" + BODY)
        running.until(lambda: str(proof) in notebook(here))

    assert not proof.exists()
    assert os.listdir(here / "runbooks") != []


def test_a_watch_of_another_user_is_not_stopped_and_that_is_said(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_pid: int, _signal: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    with watch(here, tmp_path / "out") as started:
        own = place(here, env=dict(os.environ))
        owner = daemon.owner_of(own)
        assert owner is not None
        with monkeypatch.context() as patched:
            patched.setattr(os, "kill", denied)
            with pytest.raises(UnavailableError, match="of another user") as caught:
                daemon.stop(own, host=owner.host)
        assert caught.value.hint == f"ask them: `kill {started.process.pid}`"
        assert started.process.poll() is None


@contextmanager
def stopped_at_work(root: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that was stopped (Ctrl-Z, a sleeping machine) while it had the pairs of `root` to itself."""
    words = "import sys; from pathlib import Path; from runbook.pairing.state import State\n"
    words += "with State(Path(sys.argv[1])).locked(): print('held', flush=True); sys.stdin.read()"
    argv = [sys.executable, "-c", words, str(place(root, env=dict(os.environ)).state)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        child.send_signal(signal.SIGSTOP)
        try:
            yield child
        finally:
            child.kill()


def test_a_sync_behind_a_stopped_process_says_so_and_ends_with_ctrl_c(here: Path) -> None:
    with stopped_at_work(here) as holder:
        argv = [sys.executable, "-m", "runbook", "sync"]
        with subprocess.Popen(argv, cwd=here, stderr=subprocess.PIPE, text=True) as waiting:
            assert waiting.stderr is not None
            said = waiting.stderr.readline()
            assert said.startswith(
                f"waiting: process {holder.pid} on {os.uname().nodename} is at work here since"
            )
            assert f"`kill -CONT {holder.pid}` lets it go on" in said
            waiting.send_signal(signal.SIGINT)
            assert waiting.wait(60) == 130
    assert notebook(here) == ""
    assert program(here, "sync").code == 0
    assert notebook(here) != ""


def test_a_watch_behind_a_stopped_process_says_so_and_goes_on_after_it(here: Path, tmp_path: Path) -> None:
    with watch(here, tmp_path / "out") as running:
        with stopped_at_work(here) as holder:
            (here / "runbooks/restart.py").write_text(TEXT.replace("Slowly", "Quickly"))
            running.until(lambda: any(line["event"] == "waiting" for line in running.lines()))
            said = next(line for line in running.lines() if line["event"] == "waiting")
            assert f"process {holder.pid} on" in str(said["message"])
        running.until(lambda: "Quickly" in notebook(here))


def test_a_watch_that_waits_can_be_ended(here: Path, tmp_path: Path) -> None:
    with watch(here, tmp_path / "out") as running, stopped_at_work(here):
        (here / "runbooks/restart.py").write_text(TEXT.replace("Slowly", "Quickly"))
        running.until(lambda: any(line["event"] == "waiting" for line in running.lines()))
        running.process.terminate()
        assert running.process.wait(10) == 0
