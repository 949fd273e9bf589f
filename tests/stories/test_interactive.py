"""A person sits at a real terminal: asks and answers, failures, Ctrl-C, a closed window."""

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.keys import Key
from tests.program import Seat, inside, made_workspace

TEXT = """\
# %% [markdown]
# # Restart
# Read this before anything.

# %% name="parameters" tags=["parameters"]
host: str  # the host to restart

# %% Look name="look"
print("looking at", host)

# %% [markdown] name="tell" tags=["manual"]
# Tell the people who wait.

# %% Restart name="restart" tags=["danger"]
print("restarting", host)

# %% Put it back name="rollback" undoes="restart"
print("putting it back")

# %% Does it answer? name="health"
from pathlib import Path

assert Path("answers").exists(), "no answer yet"

# %% Clean up name="clean"
print("cleaning up")
"""

ORDINARY = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*")


@pytest.fixture
def ws(tmp_path: Path, alice: Key) -> Iterator[Path]:
    """A workspace; whatever still runs in it at the end is ended."""
    root = made_workspace(tmp_path / "w", alice)
    yield root
    for run in inside(root, "status", "--json").json["runs"]:
        for pid in (run["supervisor"], run["kernel"]):
            if pid is not None and psutil.pid_exists(pid):
                psutil.Process(pid).kill()


def write(ws: Path, text: str, name: str = "x") -> None:
    (ws / f"runbooks/{name}.py").write_text(text)


def last(ws: Path) -> dict[str, Any]:
    """The newest execution, as `show --json` has it."""
    shown: dict[str, Any] = inside(ws, "show", "latest", "--json").json
    return shown


def states(ws: Path) -> dict[str, str]:
    return {step["name"]: step["state"] for step in last(ws)["steps"]}


def events(ws: Path, kind: str) -> list[dict[str, Any]]:
    told = inside(ws, "audit", "latest", "--to", "json").json["events"]
    return [event for event in told if event["kind"] == kind]


def until_waiting(ws: Path) -> dict[str, Any]:
    """The run's line in `status`, once it waits for a person."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        runs = inside(ws, "status", "--json").json["runs"]
        if runs and runs[0]["state"] == "waiting":
            found: dict[str, Any] = runs[0]
            return found
        time.sleep(0.1)
    raise AssertionError("it never waited")


def test_a_whole_run_at_a_terminal(ws: Path) -> None:
    write(ws, TEXT)
    seat = Seat(ws, "run", "x")
    seat.prompted("host: str  the host to restart\n  host: ", "web1")
    seat.asked("Run look?", "r")
    seat.sees("looking at web1")
    seat.asked("tell is done by a person. Was it done?", "d told them in the channel")
    seat.sees("told them in the channel")
    seat.asked("Type its name to run it.", "r")
    seat.sees("this step is marked danger: type its name, restart")
    seat.types("retsart")
    seat.sees("'retsart' is none of them")
    seat.types("restart")
    seat.sees("ok restart succeeded")
    seat.asked("Run health?", "r")
    seat.sees("AssertionError: no answer yet")
    seat.asked("health: failed. What now?", "n calling the owner")
    seat.sees("note by")
    seat.asked("health: failed. What now?", "u")
    seat.sees("putting it back")
    seat.sees("ok rollback succeeded")
    seat.asked("health: failed. What now?", "t")
    seat.sees("> health (attempt 2)")
    seat.asked("health: failed. What now?", "l")
    seat.prompted("why go on?", "put back; it is known")
    seat.asked("Run clean?", "s")
    seat.prompted("why is it skipped?", "nothing to clean")
    code = seat.leaves()

    assert code == 4
    assert "failed: " in seat.screen
    assert f"audit:  {last(ws)['execution']}/audit.md" in seat.screen
    assert states(ws) == {
        "parameters": "succeeded",
        "injected-parameters": "succeeded",
        "look": "succeeded",
        "tell": "attested",
        "restart": "succeeded",
        "rollback": "succeeded",
        "health": "failed",
        "clean": "skipped",
    }
    assert [event["words"] for event in events(ws, "note")] == ["calling the owner"]
    (attested,) = events(ws, "attested")
    assert attested["words"] == "told them in the channel"
    audit = inside(ws, "audit", "latest").out
    for words in (
        "put back; it is known",
        "nothing to clean",
        "calling the owner",
        "told them in the channel",
    ):
        assert words in audit


def test_what_is_run_and_the_prose_before_it_are_shown_first(ws: Path) -> None:
    write(ws, TEXT)
    seat = Seat(ws, "run", "x", "-p", "host=web1")
    seat.sees("Read this before anything.")
    seat.sees('print("looking at", host)')
    seat.asked("Run look?", "q not today")

    assert seat.leaves() == 7
    assert last(ws)["outcome"] == "stopped"
    assert set(states(ws).values()) == {"succeeded", "pending"}
    assert "\nlooking at web1\n" not in seat.screen


def test_run_on_goes_to_the_next_question_that_must_be_asked(ws: Path) -> None:
    write(ws, '# %% a\nprint(1)\n# %% b\nprint(2)\n# %% c tags=["confirm"]\nprint(3)\n# %% d\nprint(4)\n')
    seat = Seat(ws, "run", "x")
    seat.asked("Run a?", "g")
    seat.asked("c wants to be confirmed. Run it?", "g")
    code = seat.leaves()

    assert code == 0
    assert "Run b?" not in seat.screen
    assert "Run d?" not in seat.screen
    assert "succeeded: 4 of 4 steps done" in seat.screen


def test_a_manual_step_that_was_not_done_needs_words(ws: Path) -> None:
    write(ws, '# %% [markdown] name="tell" tags=["manual"]\n# Tell them.\n')
    seat = Seat(ws, "run", "x")
    seat.asked("Was it done?", "x")
    seat.prompted("why was it not done?", "")
    seat.sees("it needs words")
    seat.types("x nobody answers")
    seat.asked("What now?", "q")

    assert seat.leaves() in (4, 7)
    assert states(ws) == {"tell": "declined"}


def test_what_was_typed_too_early_is_no_answer(ws: Path) -> None:
    write(ws, "# %% a\nimport time\ntime.sleep(1)\n# %% b\nprint('b ran')\n")
    seat = Seat(ws, "run", "x")
    seat.asked("Run a?", "r")
    seat.sees("> a")
    seat.types("r")
    seat.asked("Run b?", "q enough")

    assert seat.leaves() == 7
    assert states(ws) == {"a": "succeeded", "b": "pending"}


def test_ctrl_c_interrupts_the_step_and_the_session_stays(ws: Path) -> None:
    write(
        ws,
        "# %% a\nfrom runbook.kit import sh\nkept = 42\n"
        '# %% b\nsh("sleep", "60")\n'
        '# %% c\nprint("kept", kept)\n',
    )
    seat = Seat(ws, "run", "x")
    seat.asked("Run a?", "g")
    seat.sees("$ sleep 60")
    started = time.monotonic()
    seat.presses_ctrl_c()
    seat.asked("b: interrupted. What now?", "l seen enough")
    seat.asked("Run c?", "r")
    seat.sees("kept 42")
    code = seat.leaves()

    assert time.monotonic() - started < 20
    assert code in (4, 7)
    assert states(ws) == {"a": "succeeded", "b": "interrupted", "c": "succeeded"}
    assert [event["how"] for event in events(ws, "interrupted")] == ["interrupt"]


def test_ctrl_c_at_a_question_leaves_and_the_run_waits(ws: Path) -> None:
    write(ws, "# %% a\nprint(1)\n")
    seat = Seat(ws, "run", "x", TERM="xterm")
    seat.sees("Run a?")
    seat.sees("> ")
    seat.presses_ctrl_c()
    code = seat.leaves()

    waits = until_waiting(ws)
    assert code == 130
    assert seat.titles == ["? a", ""]
    assert seat.mode_after == seat.mode_before
    assert "you left; the run goes on, or waits: `runbook attach " in seat.screen
    assert waits["waiting"] == "Run a?"
    assert psutil.pid_exists(waits["supervisor"])
    assert psutil.pid_exists(waits["kernel"])


def test_a_closed_window_ends_nothing_and_another_one_goes_on(ws: Path) -> None:
    write(ws, "# %% a\nimport time\nprint('begins')\ntime.sleep(1)\nprint('ends')\n# %% b\nprint('b ran')\n")
    seat = Seat(ws, "run", "x")
    seat.asked("Run a?", "r")
    seat.sees("begins")
    seat.hangs_up()
    waits = until_waiting(ws)

    assert waits["waiting"] == "Run b?"
    assert states(ws) == {"a": "succeeded", "b": "pending"}
    other = Seat(ws, "attach", Path(waits["execution"]).name)
    other.sees("ends")
    other.asked("Run b?", "r")
    assert other.leaves() == 0
    assert "b ran" in other.screen
    assert inside(ws, "status", "--json").json["runs"] == []


def test_a_hang_up_signal_does_not_end_the_step(ws: Path) -> None:
    write(ws, "# %% a\nimport time\nprint('begins')\ntime.sleep(1)\n# %% b\nprint(2)\n")
    seat = Seat(ws, "run", "x")
    seat.asked("Run a?", "r")
    seat.sees("begins")
    psutil.Process(seat.pid).send_signal(signal.SIGHUP)
    waits = until_waiting(ws)

    assert waits["waiting"] == "Run b?"
    assert states(ws)["a"] == "succeeded"


def test_nothing_that_a_step_prints_steers_the_terminal(ws: Path) -> None:
    write(
        ws,
        "# %% a\n"
        'print("\\x1b]0;owned\\x07 \\x1b[2J \\x9b31m \\u202egnp.exe \\r over \\x08\\x08")\n'
        'raise RuntimeError("\\x1b[31mred\\x1b[0m \\x1b]52;c;aGk=\\x07")\n',
    )
    seat = Seat(ws, "run", "x", TERM="xterm-256color")
    seat.asked("Run a?", "r")
    seat.asked("What now?", "n \x1b]0;typed\x07")
    seat.asked("What now?", "q")
    seat.leaves()

    ours = re.sub(r"\x1b\]2;[!-~ ]*\x07", "", seat.screen)  # the window's title, which we set
    typed = ours.replace("^[", "").replace("^G", "")  # the terminal's own echo
    assert ORDINARY.fullmatch(typed), repr(typed)
    assert "\\u{1B}]0;owned\\u{7}" in seat.screen
    assert "\\u{202E}" in seat.screen


def test_without_no_color_the_words_are_the_same_in_colour(ws: Path) -> None:
    write(ws, "# %% a\nprint(1)\n")
    plain = Seat(ws, "run", "x", TERM="dumb")
    plain.asked("Run a?", "r")
    plain.leaves()
    coloured = Seat(ws, "run", "x", TERM="xterm", NO_COLOR="")
    coloured.asked("Run a?", "r")
    coloured.leaves()

    assert "\x1b[" not in plain.screen
    assert "\x1b[32mok a succeeded" in coloured.screen


def test_json_at_a_terminal_keeps_standard_output_for_the_last_line(ws: Path, tmp_path: Path) -> None:
    write(ws, "# %% a\nprint('hello')\n")
    seat = Seat(ws, "run", "x", "--json")
    seat.asked("Run a?", "r")
    code = seat.leaves()

    told = json.loads(seat.screen.rstrip("\n").rpartition("\n")[2])
    assert code == 0
    assert told["outcome"] == "succeeded"
    assert [step["name"] for step in told["steps"]] == ["a"]


def test_an_expired_approval_wants_a_reason_in_words(ws: Path, alice: Key) -> None:
    inside(ws, "create", "Restart")
    policy = ws / ".runbook/policy.toml"
    policy.write_text(
        policy.read_text().replace('environments = ["prod"]', 'environments = ["prod"]\nexpired = "reason"')
    )
    text = inside(ws, "show", "restart", "--json").json["text"]
    words = ("--env", "prod", "--key", str(alice.path), "--text", text)
    assert inside(ws, "review", "restart", *words, "--expires", "1s").code == 0
    time.sleep(1.1)
    seat = Seat(ws, "run", "restart", "--env", "prod")
    seat.prompted("why must it run now?", "the site is down")
    seat.asked("Run look?", "q")
    seat.leaves()

    assert "its approval has EXPIRED; reason: the site is down" in seat.screen
    assert "the site is down" in inside(ws, "audit", "latest").out
