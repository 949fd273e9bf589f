"""One night's run, whole, with keys at real terminals: who began it, who took it over, who looked on."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.keys import Key
from tests.program import Seat, inside, made_workspace

TEXT = """\
# %% [markdown]
# # Restart the web tier
# When the error rate stays above 2 %.

# %% Look name="look" tags=["read-only"]
print("looked " + "around")

# %% Tell name="tell"
print("nobody " + "sees this")

# %% Drain name="drain"
print("draining " + "web1")

# %% Health name="health"
from pathlib import Path

tries = Path("tries")
tries.write_text(tries.read_text() + "." if tries.exists() else ".")
assert len(tries.read_text()) > 1, "no answer yet"
print("it " + "answers")

# %% Restart name="restart" tags=["danger"]
import getpass
import time

word = getpass.getpass("Word? ")
Path("restarted").touch()
time.sleep(3.1)
print("restarted " + "web1")

# %% Put it back name="put-back" undoes="restart"
Path("restarted").unlink()
print("put " + "back")

# %% Last name="last"
print("nobody " + "comes here")
"""
EDITED = 'print("draining web2 " + "alone")'
HIDDEN = "s3cr3t-w0rd"


@pytest.fixture
def ws(tmp_path: Path, alice: Key) -> Iterator[Path]:
    """A workspace whose policy says that steps may be edited; what still runs there at the end is ended."""
    root = made_workspace(tmp_path / "w", alice)
    policy = root / ".runbook/policy.toml"
    scratch = 'environments = ["scratch"]\n'
    assert scratch in policy.read_text()
    policy.write_text(policy.read_text().replace(scratch, f'{scratch}deviations = "allow"\n'))
    (root / "runbooks/x.py").write_text(TEXT)
    yield root
    for run in inside(root, "status", "--json").json["runs"]:
        for pid in (run["supervisor"], run["kernel"]):
            if pid is not None and psutil.pid_exists(pid):
                psutil.Process(pid).kill()


def editor(folder: Path) -> str:
    """An EDITOR that puts `EDITED` into the file it is given."""
    program = folder / "editor.py"
    program.write_text(f"import pathlib, sys\npathlib.Path(sys.argv[1]).write_text({EDITED!r} + '\\n')\n")
    return f"{sys.executable} {program}"


def sits(ws: Path, name: str, *words: str, editor: str = "") -> Seat:
    return Seat(ws, *words, LOGNAME=name, TERM="xterm", NO_COLOR="1", EDITOR=editor, VISUAL="")


def first_half(seat: Seat) -> None:
    """Note, run, skip, edit, a failure and its retry."""
    seat.asked("? Run look?", "n page 4711")
    seat.sees("note by alice@")
    seat.asked("? Run look?", "r")
    seat.sees("| looked around")
    seat.asked("? Run tell?", "s")
    seat.prompted("why is it skipped?", "they know")
    seat.sees("-- tell skipped (operator: they know)")
    seat.asked("? Run drain?", "e")
    seat.sees('-print("draining " + "web1")')
    seat.sees(f"+{EDITED}")
    seat.prompted("why is it edited?", "web1 is gone")
    seat.sees("! edited by alice@")
    seat.sees("| draining web2 alone")
    seat.sees("ok drain deviated")
    seat.asked("? Run health?", "r")
    seat.sees("| AssertionError: no answer yet")
    seat.sees("!! health failed")
    seat.asked("? health: failed. What now?", "t")
    seat.sees("> health (attempt 2)")
    seat.sees("| it answers")
    seat.sees("ok health succeeded")
    seat.sees("Type its name to run it.")
    seat.sees("\n  > ")


def second_half(seat: Seat) -> None:
    """Another person, at another terminal: a danger step that asks, undo, stop."""
    seat.sees("| looked around")  # what was before they came
    seat.asked("Type its name to run it.", "r")
    seat.sees("this step is marked danger: type its name, restart")
    seat.says("restart")
    seat.sees("? restart asks:")
    seat.prompted("(what you type is not shown) > ", HIDDEN)
    seat.sees("| restarted web1")
    seat.asked("? Run last?", "u")
    seat.sees("| put back")
    seat.sees("ok put-back succeeded")
    seat.asked("? Run last?", "q enough for tonight")


def test_a_night_with_two_people_and_one_who_looks_on(ws: Path, tmp_path: Path) -> None:
    alice = sits(ws, "alice", "run", "x", editor=editor(tmp_path))
    first_half(alice)
    assert alice.titles[-1] == "? restart"

    eve = sits(ws, "eve", "attach", "latest", "--watch")
    bob = sits(ws, "bob", "attach", "latest")
    eve.sees("ok health succeeded")
    bob.prompted("drives this run. Take over? [y/N]", "y")
    alice.sees("\x1b]2;\x07")  # the question is not this terminal's any more
    alice.sees("! bob@")
    alice.sees("has taken over; you watch now")
    alice.types("restart")  # two can't drive at once
    second_half(bob)

    assert [seat.leaves() for seat in (bob, alice, eve)] == [7, 7, 7]
    require_terminals_left_as_they_were(alice, bob, eve)
    require_same_sight(alice, bob, eve)
    require_true_record(ws)


def require_terminals_left_as_they_were(alice: Seat, bob: Seat, eve: Seat) -> None:
    for seat in (alice, bob, eve):
        assert seat.mode_after == seat.mode_before
    steps = ["look", "look", "tell", "drain", "health", "health", "restart"]
    assert [title for title in alice.titles if title] == [f"? {step}" for step in steps]
    assert [title for title in bob.titles if title][-2:] == ["? last", "? last"]
    assert (alice.titles[-1], bob.titles[-1], eve.titles) == ("", "", [])
    assert bob.bells == 1, repr(bob.screen)  # once it had worked for longer than one looks on
    assert "\a? Run last?" in bob.screen
    assert eve.bells == 0


def require_same_sight(alice: Seat, bob: Seat, eve: Seat) -> None:
    """What the steps printed and came to stands on every screen, once and in the same order."""
    beginnings = ("  | looked", "  | drain", "  | it ", "  | restarted", "  | put", "ok ", "!! ", "-- ", "> ")

    def told(seat: Seat) -> list[str]:
        lines = re.sub(r"\x1b]2;.*?\x07", "", seat.screen).split("\n")
        return [re.sub(r"\d+\.\d+", "N", line) for line in lines if line.startswith(beginnings)]

    assert told(alice) == told(bob) == told(eve)
    assert len(told(eve)) > 15
    for seat in (alice, bob, eve):
        assert HIDDEN not in seat.screen


def require_true_record(ws: Path) -> None:
    shown: dict[str, Any] = inside(ws, "show", "latest", "--json").json
    assert shown["outcome"] == "stopped"
    assert {step["name"]: step["state"] for step in shown["steps"]} == {
        "look": "succeeded",
        "tell": "skipped",
        "drain": "deviated",
        "health": "succeeded",
        "restart": "succeeded",
        "put-back": "succeeded",
        "last": "pending",
    }
    events = inside(ws, "audit", "latest", "--to", "json").json["events"]
    said = [
        (event["by"].partition("@")[0], event["choice"], event.get("words") or "")
        for event in events
        if event["kind"] == "answer"
    ]
    assert said == [
        ("alice", "note", "page 4711"),
        ("alice", "run", ""),
        ("alice", "skip", "they know"),
        ("alice", "edit", "web1 is gone"),
        ("alice", "run", ""),
        ("alice", "retry", ""),
        ("bob", "run", "restart"),
        ("bob", "say", ""),
        ("bob", "undo", ""),
        ("bob", "stop", "enough for tonight"),
    ]
    (took,) = [event for event in events if event["kind"] == "viewer" and "took-over" in event["what"]]
    assert took["by"].startswith("bob@")
    assert took["what"].startswith("took-over from alice@")
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", event["t"]) for event in events)

    audit = inside(ws, "audit", "latest").out
    for words in ("page 4711", "they know", "web1 is gone", "enough for tonight", "took-over from alice@"):
        assert words in audit
    listed = inside(ws, "deviations", "latest").out
    assert "drain, attempt 1: deviated, edited by alice@" in listed
    assert "saying: web1 is gone" in listed
    assert f"    +{EDITED}" in listed
    (verdict,) = inside(ws, "verify", "latest", "--json").json["executions"]
    assert (verdict["verdict"], verdict["findings"]) == ("UNSIGNED", [])
    whole = b"".join(each.read_bytes() for each in (ws / "executions").rglob("*") if each.is_file())
    assert HIDDEN.encode() not in whole
