"""A run in which a step was edited dies, and somebody goes on with it."""

import signal
from pathlib import Path

import psutil

from tests.execution.staging import until
from tests.program import Seat, inside
from tests.stories.test_edited_steps import editor, ws
from tests.stories.test_interactive import events, last, states, write

__all__ = ["ws"]

SETUP = """\
# %% Where name="where" tags=["setup"]
host = "web1"
print("where:", host)

# %% Act name="act"
print("acting on", host)
"""


def ended(pid: int) -> None:
    until(lambda: not psutil.pid_exists(pid))


def kill(ws: Path, *who: str) -> None:
    """End processes of the live run at once: its `supervisor`, its `kernel`."""
    (run,) = inside(ws, "status", "--json").json["runs"]
    for each in who:
        psutil.Process(run[each]).send_signal(signal.SIGKILL)
        ended(run[each])


WAITING = """\
# %% Act name="act" tags=["idempotent"]
print("acting")

# %% After name="after"
print("after")
"""
SLOWLY = """\
import time
from pathlib import Path
print("acting by hand", flush=True)
while not Path("go").exists():
    time.sleep(0.02)
print("acted by hand")
"""


def test_an_edited_setup_step_is_not_run_again_unasked_and_a_retry_runs_what_was_reviewed(
    ws: Path, tmp_path: Path
) -> None:
    write(ws, SETUP)
    seat = Seat(ws, "run", "x", EDITOR=editor(tmp_path, 'host = "web2"\nprint("where:", host)\n'), VISUAL="")
    seat.asked("Run where?", "e")
    seat.prompted("why is it edited?", "web1 is gone")
    seat.sees("| where: web2")
    seat.sees("Run act?")
    kill(ws, "supervisor", "kernel")
    seat.leaves()
    seat = Seat(ws, "resume", "latest")
    seat.sees("! the kernel is gone")
    seat.asked("where: deviated. What now?", "t")
    seat.sees("> where (attempt 2)")
    seat.sees("| where: web1")
    seat.sees("ok where succeeded")
    seat.asked("Run act?", "g")
    seat.sees("acting on web1")

    assert seat.leaves() == 0
    assert states(ws) == {"where": "succeeded", "act": "succeeded"}
    assert last(ws)["outcome"] == "deviated"
    first, second, _ = events(ws, "step-started")
    assert first["deviation"]["words"] == "web1 is gone"
    assert "deviation" not in second
    assert inside(ws, "verify", "latest", "--json").json["executions"][0]["verdict"] == "UNSIGNED"


def test_an_edited_step_that_was_running_when_its_supervisor_died_ends_as_deviated(
    ws: Path, tmp_path: Path
) -> None:
    """Its kernel went on with it: what it printed meanwhile is there, and it is no success of the text."""
    seat, work = begun(ws, tmp_path)
    kill(ws, "supervisor")
    seat.leaves()
    (work / "go").touch()
    seat = Seat(ws, "resume", "latest")
    seat.sees("| acted by hand")
    seat.asked("Run after?", "g")

    assert seat.leaves() == 0
    assert states(ws) == {"act": "deviated", "after": "succeeded"}
    assert last(ws)["outcome"] == "deviated"
    assert "once is not enough" in inside(ws, "deviations", "latest").out
    assert inside(ws, "verify", "latest", "--json").json["executions"][0]["verdict"] == "UNSIGNED"


def test_an_edited_step_that_died_with_its_kernel_is_unknown_and_is_not_repeated_by_itself(
    ws: Path, tmp_path: Path
) -> None:
    """The reviewed step may be repeated (`idempotent`); nobody reviewed this one."""
    seat, _ = begun(ws, tmp_path)
    kill(ws, "supervisor", "kernel")
    seat.leaves()
    seat = Seat(ws, "resume", "latest")
    seat.asked("act: unknown. What now?", "t")
    seat.sees("> act (attempt 2)")
    seat.sees("| acting")
    seat.asked("Run after?", "g")

    assert seat.leaves() == 0
    assert states(ws) == {"act": "succeeded", "after": "succeeded"}
    assert last(ws)["outcome"] == "deviated"
    patch = inside(ws, "deviations", "latest", "--patch").out
    assert '+print("acting by hand", flush=True)' in patch
    assert inside(ws, "verify", "latest", "--json").json["executions"][0]["verdict"] == "UNSIGNED"


def begun(ws: Path, folder: Path) -> tuple[Seat, Path]:
    """A run whose edited step is at work until there is a file `go` in the folder that is returned."""
    write(ws, WAITING)
    seat = Seat(ws, "run", "x", EDITOR=editor(folder, SLOWLY), VISUAL="")
    seat.asked("Run act?", "e")
    seat.prompted("why is it edited?", "once is not enough")
    seat.sees("| acting by hand")
    return seat, ws / last(ws)["execution"] / "work"
