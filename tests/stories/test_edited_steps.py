"""A person edits a step in the middle of a run: what they see, what runs, and what is kept of it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.keys import Key
from tests.program import Seat, inside, made_workspace
from tests.stories.test_interactive import events, last, states, write

TEXT = """\
# %% Look name="look"
print("looking")

# %% Restart name="restart" tags=["danger"]
print("restarting web1")

# %% Does it answer? name="health"
raise RuntimeError("no answer")
"""


@pytest.fixture
def ws(tmp_path: Path, alice: Key) -> Iterator[Path]:
    """A workspace; whatever still runs in it at the end is ended."""
    root = made_workspace(tmp_path / "w", alice)
    yield root
    for run in inside(root, "status", "--json").json["runs"]:
        for pid in (run["supervisor"], run["kernel"]):
            if pid is not None and psutil.pid_exists(pid):
                psutil.Process(pid).kill()


def editor(folder: Path, *texts: str) -> str:
    """An EDITOR that writes these texts, one at each call; then it changes nothing."""
    (folder / "texts.json").write_text(json.dumps(texts))
    program = folder / "editor.py"
    program.write_text(
        "import json, pathlib, sys\n"
        f"left = pathlib.Path({str(folder / 'texts.json')!r})\n"
        f"seen = pathlib.Path({str(folder / 'seen.json')!r})\n"
        "texts = json.loads(left.read_text())\n"
        "target = pathlib.Path(sys.argv[1])\n"
        "before = json.loads(seen.read_text()) if seen.exists() else []\n"
        "mode = oct(target.stat().st_mode & 0o777), oct(target.parent.stat().st_mode & 0o777)\n"
        "seen.write_text(json.dumps([*before, [target.read_text(), *mode]]))\n"
        "if texts:\n"
        "    target.write_text(texts[0])\n"
        "    left.write_text(json.dumps(texts[1:]))\n"
    )
    return f"{sys.executable} {program}"


def seen(folder: Path) -> list[list[str]]:
    """What the editor found each time: the text, and the modes of file and folder."""
    found: list[list[str]] = json.loads((folder / "seen.json").read_text())
    return found


def test_an_edited_step_runs_shown_reasoned_and_recorded(ws: Path, tmp_path: Path) -> None:
    write(ws, TEXT)
    edits = ('print("looking twice")\n', 'print("restarting web2")\n', 'print("it answers")\n')
    seat = Seat(ws, "run", "x", EDITOR=editor(tmp_path, *edits), VISUAL="")
    seat.asked("Run look?", "e")
    seat.sees('-print("looking")')
    seat.sees('+print("looking twice")')
    seat.prompted("why is it edited?", "once is not enough")
    seat.sees("! edited by")
    seat.sees("| looking twice")
    seat.sees("ok look deviated")
    seat.asked("Type its name to run it.", "e")
    seat.prompted("why is it edited?", "web1 is gone")
    seat.asked("It runs as it was edited.", "r")  # a dangerous step still wants its name
    seat.sees("type its name, restart")
    seat.says("restart")
    seat.sees("| restarting web2")
    seat.asked("Run health?", "r")
    seat.asked("health: failed. What now?", "e")
    seat.prompted("why is it edited?", "checked by hand")
    seat.sees("ok health deviated")
    code = seat.leaves()

    assert code == 0
    assert "deviated: 3 of 3 steps done" in seat.screen
    assert last(ws)["outcome"] == "deviated"
    assert set(states(ws).values()) == {"deviated"}
    assert [text for text, _, _ in seen(tmp_path)] == [
        'print("looking")\n',
        'print("restarting web1")\n',
        'raise RuntimeError("no answer")\n',
    ]
    assert {(file, folder) for _, file, folder in seen(tmp_path)} == {("0o600", "0o700")}
    starts = [event for event in events(ws, "step-started") if "deviation" in event]
    assert [start["deviation"]["text"] for start in starts] == [edit.rstrip() for edit in edits]
    answers = [event for event in events(ws, "answer") if event["choice"] == "edit"]
    assert [answer["words"] for answer in answers] == [
        "once is not enough",
        "web1 is gone",
        "checked by hand",
    ]
    assert [answer["source"] for answer in answers] == [start["source"] for start in starts]
    audit = inside(ws, "audit", "latest").out
    for words in ('-print("looking")', '+print("looking twice")', "web1 is gone", "DEVIATION"):
        assert words in audit
    verified = inside(ws, "verify", "latest", "--json")
    assert verified.json["executions"][0]["verdict"] == "UNSIGNED", verified.json


def test_the_patch_of_a_run_makes_the_text_what_was_run(ws: Path, tmp_path: Path) -> None:
    write(ws, TEXT)
    edits = ('print("looking")\nprint("twice")\n', 'print("it answers")\n')
    seat = Seat(ws, "run", "x", "--only", "look", "--only", "health", EDITOR=editor(tmp_path, *edits))
    seat.asked("Run look?", "e")
    seat.prompted("why is it edited?", "more")
    seat.asked("Run health?", "e")
    seat.prompted("why is it edited?", "less")
    seat.leaves()

    listed = inside(ws, "deviations", "latest")
    assert "look, attempt 1: deviated, edited by" in listed.out
    assert "saying: more" in listed.out
    assert '    +print("twice")' in listed.out
    told = inside(ws, "deviations", "latest", "--json").json
    assert [(one["step"], one["words"]) for one in told["deviations"]] == [
        ("look", "more"),
        ("health", "less"),
    ]
    patch = inside(ws, "deviations", "latest", "--patch").out
    subprocess.run(["git", "init", "-q"], cwd=ws, check=True)
    subprocess.run(["git", "apply", "-"], cwd=ws, check=True, input=patch.encode())
    text = (ws / "runbooks/x.py").read_text()
    assert text == TEXT.replace('print("looking")', edits[0].rstrip()).replace(
        'raise RuntimeError("no answer")', edits[1].rstrip()
    )
    both = inside(ws, "deviations", "latest", "--patch", "--json")
    assert both.code == 2


def test_a_retry_runs_what_was_reviewed_and_edit_goes_on_from_the_last_edit(ws: Path, tmp_path: Path) -> None:
    write(ws, '# %% a tags=["idempotent"] retries=3\nprint("reviewed")\n')
    seat = Seat(ws, "run", "x", EDITOR=editor(tmp_path, 'raise ValueError("edited")\n'))
    seat.asked("Run a?", "e")
    seat.prompted("why is it edited?", "to see")
    seat.sees("ValueError: edited")
    seat.asked("a: failed. What now?", "e")  # not repeated by itself: nobody tagged the edit idempotent
    seat.prompted("why is it edited?", "once more")
    seat.sees("> a (attempt 2)")
    seat.asked("a: failed. What now?", "t")
    seat.sees("| reviewed")
    code = seat.leaves()

    assert code == 0
    assert [text for text, _, _ in seen(tmp_path)] == ['print("reviewed")\n', 'raise ValueError("edited")\n']
    assert states(ws) == {"a": "succeeded"}
    assert last(ws)["outcome"] == "deviated"  # one of its attempts was not what was reviewed
    assert inside(ws, "verify", "latest", "--json").json["executions"][0]["verdict"] == "UNSIGNED"


def test_what_can_not_run_in_the_steps_place_is_said_and_kept_for_the_next_time(
    ws: Path, tmp_path: Path
) -> None:
    write(ws, TEXT)
    bad = ("print('a'\n", "print(1)\n# %% another\nprint(2)\n", "print('\u202e')\n", "\n")
    seat = Seat(ws, "run", "x", EDITOR=editor(tmp_path, *bad, 'print("looking")\n'))
    for words in ("line 1 of the edited step", "changes more than this step", "U+202E", "nothing is left"):
        seat.asked("Run look?" if words.startswith("line") else "\n", "e")
        seat.sees("not edited: ")
        seat.sees(words)
    seat.says("e")
    seat.sees("why is it edited?")
    seat.types("")
    seat.sees("it needs words")
    seat.says("e")
    seat.sees("nothing was changed")
    seat.says("q")
    seat.leaves()

    assert [text for text, _, _ in seen(tmp_path)[:3]] == ['print("looking")\n', bad[0], bad[1]]
    assert states(ws)["look"] == "pending"
    assert [event["choice"] for event in events(ws, "answer")] == ["stop"]


def test_an_editor_that_is_not_there_or_fails_leaves_the_question_open(ws: Path) -> None:
    write(ws, TEXT)
    seat = Seat(ws, "run", "x", EDITOR="", VISUAL="")
    seat.asked("Run look?", "e")
    seat.sees("not edited: neither VISUAL nor EDITOR is set")
    seat.says("q")
    seat.leaves()
    seat = Seat(ws, "run", "x", EDITOR="false")
    seat.asked("Run look?", "e")
    seat.sees("not edited: the editor ended with 1: false")
    seat.says("q")
    assert seat.leaves() == 7


def test_where_the_policy_refuses_deviations_the_menu_has_no_edit(ws: Path) -> None:
    policy = ws / ".runbook/policy.toml"
    policy.write_text(
        policy.read_text().replace(
            'environments = ["scratch"]', 'environments = ["scratch"]\ndeviations = "refuse"'
        )
    )
    write(ws, TEXT)
    seat = Seat(ws, "run", "x", EDITOR="true")
    seat.asked("Run look?", "e")
    seat.sees("'e' is none of them")
    seat.says("q")
    seat.leaves()

    assert "[e] edit" not in seat.screen


@pytest.mark.parametrize("ends", ["\n", "", "\r\n"], ids=["as usual", "no last line end", "CRLF"])
def test_git_takes_the_patch_however_the_lines_of_the_text_end(ws: Path, tmp_path: Path, ends: str) -> None:
    text = '# %% Look name="look"\nprint("looking")\nprint("done")\n'
    before = text.rstrip("\n") if not ends else text.replace("\n", ends)
    (ws / "runbooks/x.py").write_bytes(before.encode())
    seat = Seat(ws, "run", "x", EDITOR=editor(tmp_path, 'print("looking twice")\nprint("done")\n'), VISUAL="")
    seat.asked("Run look?", "e")
    seat.prompted("why is it edited?", "more")
    assert seat.leaves() == 0

    patch = tmp_path / "patch"
    with patch.open("wb") as out:
        words = [sys.executable, "-m", "runbook", "deviations", "latest", "--patch"]
        subprocess.run(words, cwd=ws, check=True, stdout=out)
    subprocess.run(["git", "init", "-q"], cwd=ws, check=True)
    subprocess.run(["git", "apply", str(patch)], cwd=ws, check=True)
    after = (ws / "runbooks/x.py").read_bytes().decode()
    assert after == before.replace("looking", "looking twice")
