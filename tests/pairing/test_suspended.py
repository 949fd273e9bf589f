"""A sync that is suspended in the middle of its batch, and woken when everybody went on without it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runbook.pairing.history import content, versions
from runbook.pairing.state import State
from tests.pairing.builders import Bench

NAME = "runbooks/x.py"
SLEEPER = """
import os, signal, sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from tests.pairing.builders import Bench
left = [sys.argv[2]]
def fault(point):
    if point in left:
        left.remove(point)
        os.kill(os.getpid(), signal.SIGSTOP)
report = Bench(Path(sys.argv[1]), None).sync(fault=fault)
print(report.action)
"""


def asleep(bench: Bench, point: str) -> subprocess.Popen[str]:
    """A sync in a process that stopped itself at this point of its write."""
    started = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(bench.root), point, str(Path.cwd())],
        stdout=subprocess.PIPE,
        text=True,
    )
    _, status = os.waitpid(started.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    return started


def save(path: Path, old: str, new: str) -> None:
    """As editors do: a new file under the old name. In place would wait for a lease of the sleeper's."""
    text = path.read_text()
    assert old in text
    other = path.with_name(f"{path.name}~")
    other.write_text(text.replace(old, new))
    other.rename(path)


@pytest.mark.parametrize("point", ["kept", "intended", "prepared", "exchanged", "between", "written"])
def test_a_sync_that_was_suspended_overwrites_nothing_that_was_saved_meanwhile(
    tmp_path: Path, point: str
) -> None:
    bench = Bench(tmp_path)
    (tmp_path / "runbook.toml").write_text("version = 1\n")
    bench.sync()
    bench.run(1)
    bench.sync()
    bench.edit("Slowly", "EDIT-1")
    bench.set_source(2, 'restart = "EDIT-2"')  # both files are to be written
    sleeper = asleep(bench, point)
    save(bench.text, "print(status)", 'print("EDIT-3")')
    save(bench.notebook, "# Restart the web tier", "# EDIT-4")
    other = subprocess.Popen([sys.executable, "-m", "runbook", "-C", str(tmp_path), "sync"])
    time.sleep(0.05)  # it has begun, or waits for the lock, or comes later: no edit may hang on that
    sleeper.send_signal(signal.SIGCONT)
    sleeper.communicate(timeout=60)
    other.wait(60)

    last = [bench.sync().action, bench.sync().action][-1]
    kept = [bench.text.read_text(), bench.notebook.read_text()]
    kept += [content(bench.place, NAME, each.number).decode() for each in versions(bench.place, NAME)]
    assert [word for word in ("EDIT-1", "EDIT-2", "EDIT-3", "EDIT-4") if word not in "".join(kept)] == []
    copies = list(bench.text.parent.glob("*.conflict-*"))
    assert (last, len(copies)) in (("unchanged", 0), ("conflict", 1))
    if last == "unchanged":
        assert bench.agrees()
        assert "EDIT-3" in kept[0]
        assert "EDIT-4" in kept[1]
    assert list(bench.text.parent.glob(".*.runbook-*")) == []
    assert State(bench.place.state).intents == {}
