"""The whole way, with the real program, real keys, real git: what was reviewed is what runs, nothing else.

The shapes of `--json` that scripts may rely on (DESIGN §9) are held here, key by key.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runbook.approval.sshsig import unarmored
from runbook.approval.statement import NAMESPACE, statement_bytes, statement_of
from runbook.text.digests import text_digest
from runbook.text.entries import with_entries
from runbook.text.reader import read
from runbook.text.runbook import Entry
from tests.keys import Key, KeyKind, make_key
from tests.program import Seat, inside, made_workspace, program

COMMENTS = """\
# %% Comments name="comments"
# rm victim
# !touch pwned
# %run x.py
#!touch pwned
#%run x.py
# %%bash
# ! touch pwned
print("only this ran")
"""


@pytest.fixture
def ws(tmp_path: Path, alice: Key) -> Path:
    """A workspace whose kernels are counted: the interpreter notes each start in `kernels`."""
    return made_workspace(tmp_path / "w", alice)


@pytest.fixture
def kernels(tmp_path: Path, home: Path) -> Path:
    """A file that grows by one line whenever a kernel is started."""
    log = tmp_path / "kernels"
    counting = tmp_path / "counting-python"
    counting.write_text(f'#!/bin/sh\necho started >> {log}\nexec {sys.executable} "$@"\n')
    counting.chmod(0o755)
    config = home / ".config/runbook/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'interpreter = "{counting}"\n')
    return log


def ok(ws: Path, *words: str, **env: str) -> str:
    said = inside(ws, *words, **env)
    assert said.code == 0, said
    return said.out


def told(ws: Path, *words: str, code: int = 0) -> Any:
    """The last line of a call with --json."""
    said = inside(ws, *words, "--json")
    assert said.code == code, said
    return said.json


def git(ws: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=ws, check=True, capture_output=True, text=True).stdout


def approve(ws: Path, name: str, key: Key, *words: str) -> None:
    text = told(ws, "show", name)["text"]
    ok(
        ws,
        "review",
        name,
        "--env",
        "prod",
        "--allow",
        "unattended",
        "--key",
        str(key.path),
        "--text",
        text,
        *words,
    )


def in_normal_form(ws: Path, name: str, cells: str) -> Path:
    """Write a runbook of these cells as `fmt` leaves it."""
    path = ws / f"runbooks/{name}.py"
    path.write_text(cells)
    inside(ws, "fmt", name)
    return path


def signed_by_hand(path: Path, key: Key) -> None:
    """Put an approval into a text that `review` would refuse: in every other respect a good one."""
    text = path.read_text()
    now = datetime.now(UTC).replace(microsecond=0)
    entry = Entry(
        role="approver",
        principal=key.principal,
        environments=("prod",),
        allows="unattended",
        parameters=None,
        text=text_digest(text),
        issued=now - timedelta(minutes=1),
        expires=now + timedelta(days=1),
        signature="",
    )
    policy = (path.parent.parent / ".runbook/policy.toml").read_text()
    urn = next(line.split('"')[1] for line in policy.split("\n") if line.startswith("workspace"))
    statement = statement_bytes(statement_of(entry, workspace=urn, path=f"runbooks/{path.name}"))
    words = ["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key.path)]
    armor = subprocess.run(words, input=statement, check=True, capture_output=True).stdout.decode()
    good = Entry(**{**{f: getattr(entry, f) for f in entry.__struct_fields__}, "signature": unarmored(armor)})
    path.write_text(with_entries(text, (good,)))


def executions(ws: Path) -> list[Path]:
    return sorted(ws.glob("executions/*/*"))


def test_from_an_empty_folder_to_an_audit(tmp_path: Path, alice: Key) -> None:
    ws = tmp_path / "w"
    ws.mkdir()
    git(ws, "init", "-q")
    said = ok(ws, "init", ".", "--principal", alice.principal, "--key", str(alice.public), "--yes")
    assert "done; next: `runbook list`, then `runbook run look_at_this_machine`" in said
    assert "wrote runbooks/restart_the_web_tier.py" in ok(
        ws, "create", "Restart the web tier", "--template", "change"
    )
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/example/web1/ "$1"\n')
    editor.chmod(0o755)
    assert ok(ws, "edit", "restart", EDITOR=str(editor)) == ""
    assert ok(ws, "lint") == "no findings\n"
    assert ok(ws, "fmt") == "0 runbooks changed\n"
    git(ws, "add", "-A")
    git(ws, "commit", "-qm", "first")
    assert git(ws, "status", "--porcelain") == ""

    assert "changing web1" in ok(ws, "run", "restart", "--env", "scratch", "--unattended")
    assert program(ws, "run", "restart", "--env", "prod", "--unattended").code == 3
    approve(ws, "restart", alice)
    assert "prod, unattended: permitted" in ok(ws, "verify", "restart", "--env", "prod", "--unattended")
    git(ws, "commit", "-qam", "approved")
    said = ok(ws, "run", "restart", "--env", "prod", "--unattended")
    (folder,) = [
        path for path in executions(ws) if b'"environment":"prod"' in (path / "plan.json").read_bytes()
    ]
    shown = folder.relative_to(ws).as_posix()
    assert f"record: {shown}/\naudit:  {shown}/audit.md\n" in said

    audit = ok(ws, "audit", "latest")
    assert audit.encode() == (folder / "audit.md").read_bytes()
    for words in (
        "Restart the web tier",
        alice.principal,
        "prod",
        "changing web1",
        git(ws, "rev-parse", "HEAD").strip(),
    ):
        assert words in audit
    said_of_it = program(ws, "verify", "latest")
    assert said_of_it.code == 1
    assert "UNSIGNED (succeeded)" in said_of_it.out
    assert "nobody signed the seal" in said_of_it.out
    assert "next: keep a copy of finish.txt" in said_of_it.out
    assert ok(ws, "status") == "nothing runs\n"


def test_an_approval_made_here_verifies_with_plain_ssh_keygen(ws: Path, alice: Key, tmp_path: Path) -> None:
    approve(ws, "look", alice)
    (tmp_path / "seal").write_text(ok(ws, "statement", "look", "--signature"))
    words = ["-Y", "verify", "-f", ".runbook/allowed_signers", "-I", alice.principal, "-n", NAMESPACE]

    done = subprocess.run(
        ["ssh-keygen", *words, "-s", str(tmp_path / "seal")],
        cwd=ws,
        input=ok(ws, "statement", "look").encode(),
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


# What scripts rely on


def test_show_and_list_have_the_shape_that_scripts_rely_on(ws: Path, alice: Key) -> None:
    approve(ws, "look", alice)

    shown = told(ws, "show", "look")
    assert shown["schema"] == 1
    assert shown["path"] == "runbooks/look_at_this_machine.py"
    assert shown["text"].startswith("sha256:")
    assert [step["name"] for step in shown["steps"]] == ["look-at-this-machine", "parameters", "disk", "load"]
    assert [parameter["name"] for parameter in shown["parameters"]] == ["folder"]
    (entry,) = shown["approvals"]
    assert (entry["approver"], entry["stale"], entry["checked"]) == (alice.principal, False, False)
    listed = told(ws, "list")
    (row,) = listed["runbooks"]
    assert (listed["schema"], row["path"], row["text"]) == (1, shown["path"], shown["text"])


def test_show_says_that_it_did_not_check_approvals_and_names_what_does(ws: Path, alice: Key) -> None:
    path = ws / "runbooks/look_at_this_machine.py"
    assert "no approvals\n" in ok(ws, "show", "look")
    approve(ws, "look", alice)
    path.write_text(path.read_text().replace(f"approver: {alice.principal}", "approver: bob@example.com"))

    shown = ok(ws, "show", "look")

    heading, command = (
        "approvals, as the text claims them; nothing was checked: ",
        f"verify {path.relative_to(ws)}",
    )
    assert f"\n\n{heading}`runbook {command}`\n  bob@example.com" in shown
    assert told(ws, "show", "look")["approvals"][0]["checked"] is False
    checked = inside(ws, *command.split())
    assert checked.code == 1
    assert "prod, interactive: REFUSED" in checked.out


def test_verify_has_the_shape_that_scripts_rely_on(ws: Path, alice: Key, bob: Key) -> None:
    approve(ws, "look", alice)

    answer = told(ws, "verify", "look", "--env", "prod", "--env", "scratch")
    assert set(answer) == {"schema", "runbooks", "executions"}
    prod, scratch = answer["runbooks"]
    assert {"path", "text", "environment", "verdict", "trust", "counted", "not_counted", "reasons"} <= set(
        prod
    )
    assert (prod["environment"], prod["verdict"], prod["reasons"]) == ("prod", "permitted", [])
    assert prod["counted"][0]["principal"] == alice.principal
    assert "UNPINNED" in prod["trust"]
    assert scratch["not_counted"] == [
        {
            "principal": alice.principal,
            "code": "approval.environment",
            "message": "is for prod, not for scratch",
        }
    ]
    (ws / "runbooks/look_at_this_machine.py").write_text("# %%\nx = 1  # \u202e\n")
    (refused,) = told(ws, "verify", "look", "--env", "prod", code=1)["runbooks"]
    assert refused["verdict"] == "refused"
    assert set(refused["reasons"][0]) == {"code", "message", "line"}
    assert (refused["reasons"][0]["code"], refused["reasons"][0]["line"]) == ("text.character", 2)


def test_plan_run_status_and_history_have_the_shape_that_scripts_rely_on(ws: Path) -> None:
    (ws / "runbooks/x.py").write_text(
        "# %% [markdown]\n# Prose.\n\n# %% a\nprint(1)\n# %% b\nassert False\n# %% c\n1\n"
    )
    planned = told(ws, "plan", "x", "--unattended", "--env", "scratch")
    assert (planned["schema"], planned["runbook"]) == (1, "runbooks/x.py")
    assert [(step["name"], step["will"]) for step in planned["steps"]] == [
        ("a", "run"),
        ("b", "run"),
        ("c", "run"),
    ]
    assert (ws / planned["execution"] / "plan.json").is_file()

    ran = program(ws, "run", Path(planned["execution"]).name, "--json")
    assert ran.code == 4
    assert ran.out.count("\n") == 1
    assert ran.json == {
        "schema": 1,
        "execution": planned["execution"],
        "outcome": "failed",
        "steps": [
            {"name": "a", "state": "succeeded", "seconds": ran.json["steps"][0]["seconds"]},
            {"name": "b", "state": "failed", "seconds": ran.json["steps"][1]["seconds"]},
            {"name": "c", "state": "pending", "seconds": None},
        ],
    }
    assert all(isinstance(step["seconds"], float) for step in ran.json["steps"][:2])
    assert told(ws, "status") == {"schema": 1, "runs": []}
    (row,) = told(ws, "history")["executions"]
    assert (row["execution"], row["outcome"]) == (planned["execution"], "failed")
    (verdict,) = told(ws, "verify", "latest", code=1)["executions"]
    assert (verdict["id"], verdict["verdict"]) == (Path(planned["execution"]).name, "UNSIGNED")
    assert verdict["findings"] == []


def test_status_names_the_processes_and_the_step(ws: Path) -> None:
    (ws / "runbooks/x.py").write_text("# %% waits\nprint(1)\n")
    seat = Seat(ws, "run", "x")
    seat.sees("Run waits?")
    (row,) = told(ws, "status")["runs"]
    assert {"execution", "supervisor", "kernel", "step", "state"} <= set(row)
    assert row["state"] == "waiting"
    os.kill(row["supervisor"], 0)
    os.kill(row["kernel"], 0)
    assert (ws / row["execution"]).is_dir()
    seat.types("q enough")
    assert seat.leaves() == 7
    assert told(ws, "status") == {"schema": 1, "runs": []}


def test_a_refusal_in_json_is_an_outcome(ws: Path) -> None:
    refused = told(ws, "run", "look", "--env", "prod", "--unattended", code=3)

    assert (refused["schema"], refused["outcome"], refused["execution"], refused["steps"]) == (
        1,
        "refused",
        None,
        [],
    )
    assert "needs one more approval" in refused["error"]["message"]


def test_without_a_terminal_nothing_is_asked(ws: Path, alice: Key) -> None:
    text = told(ws, "show", "look")["text"]
    for words in (
        ("run", "look"),
        ("review", "look", "--env", "prod", "--key", str(alice.path)),
        ("init", "elsewhere"),
    ):
        said = program(ws, *words)
        assert said.code == 2, said
        assert "next: " in said.err
    assert not (ws / "elsewhere").exists()
    assert executions(ws) == []
    wrong = program(
        ws, "review", "look", "--env", "prod", "--key", str(alice.path), "--text", "sha256:" + "0" * 64
    )
    assert wrong.code == 3
    assert f"the text is {text} now" in wrong.err


# What was reviewed is what runs


def nothing_happened(ws: Path) -> None:
    assert (ws / "victim").read_text() == "alive\n"
    assert not list(ws.rglob("pwned"))
    assert not list(ws.rglob("ran"))


@pytest.fixture
def trap(ws: Path) -> Path:
    """A workspace with something to destroy, and the comments that would."""
    (ws / "victim").write_text("alive\n")
    (ws / "runbooks/x.py").write_text('open("ran", "w")\n')
    in_normal_form(ws, "comments", COMMENTS)
    return ws


def test_comments_stay_comments_in_scratch(trap: Path) -> None:
    ran = told(trap, "run", "comments", "--env", "scratch", "--unattended")

    assert [(step["name"], step["state"]) for step in ran["steps"]] == [("comments", "succeeded")]
    assert "only this ran" in ok(trap, "audit", "latest")
    nothing_happened(trap)


def test_comments_stay_comments_in_an_approved_run(trap: Path, alice: Key) -> None:
    approve(trap, "comments", alice)
    ran = told(trap, "run", "comments", "--env", "prod", "--unattended")

    assert ran["outcome"] == "succeeded"
    nothing_happened(trap)


def test_comments_stay_comments_in_a_bare_file(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("alive\n")
    (tmp_path / "x.py").write_text(COMMENTS)
    (tmp_path / "y.py").write_text('open("ran", "w")\n')

    assert told(tmp_path, "run", "x.py", "--env", "scratch", "--unattended")["outcome"] == "succeeded"
    nothing_happened(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("# A comment.", "# A comment.\u2028import os", "U+2028"),
        ("# A comment.", "# A comment.\u2029import os", "U+2029"),
        ("# A comment.", "# A comment. \u202e", "U+202E"),
        ("# %% One", '# %% One active="ipynb"', "active"),
        ("# %% One", '# %% One tags=["active-ipynb"]', "active-ipynb"),
    ],
)
def test_a_text_that_hides_something_is_refused_although_validly_signed(
    ws: Path, alice: Key, kernels: Path, old: str, new: str, words: str
) -> None:
    path = in_normal_form(ws, "x", "# %% One\n# A comment.\nprint(1)\n")
    control = path.read_text()
    signed_by_hand(path, alice)
    assert told(ws, "run", "x", "--env", "prod", "--unattended")["outcome"] == "succeeded"
    started = kernels.read_text()
    path.write_text(control.replace(old, new))
    signed_by_hand(path, alice)
    before = executions(ws)

    for environment in ("prod", "scratch"):
        refused = program(ws, "run", "x", "--env", environment, "--unattended")
        assert refused.code == 3, refused
        assert words in refused.err
        assert "\u2028" not in refused.err
    assert executions(ws) == before
    assert kernels.read_text() == started
    (verdict,) = told(ws, "verify", "x", "--env", "prod", code=1)["runbooks"]
    assert verdict["verdict"] == "refused"


def test_one_changed_byte_is_refused_and_the_kernel_is_never_started(
    ws: Path, alice: Key, kernels: Path, home: Path
) -> None:
    path = in_normal_form(ws, "x", '# %% One\nprint("one")\n')
    approve(ws, "x", alice)
    old = read(path.read_bytes()).runbook
    assert old is not None
    path.write_bytes(path.read_bytes().replace(b'"one"', b'"onf"'))

    said = program(ws, "run", "x", "--env", "prod", "--unattended")

    assert said.code == 3
    assert (
        f"{alice.principal} does not count: approval.stale: approves another text ({old.text[:19]}…)"
        in said.err
    )
    assert "the runbook was changed after" in said.err
    assert "next: `runbook review runbooks/x.py --env prod --allow unattended`" in said.err
    assert executions(ws) == []
    assert not kernels.exists()
    assert told(ws, "status") == {"schema": 1, "runs": []}
    path.write_bytes(path.read_bytes().replace(b'"onf"', b'"one"'))
    assert told(ws, "run", "x", "--env", "prod", "--unattended")["outcome"] == "succeeded"
    assert kernels.read_text() == "started\n"


def test_a_changed_approval_is_refused_too(ws: Path, alice: Key, kernels: Path) -> None:
    path = in_normal_form(ws, "x", '# %% One\nprint("one")\n')
    approve(ws, "x", alice)
    good = path.read_text()
    entry = told(ws, "show", "x")["approvals"][0]

    for old, new in (
        ("environments: [prod]", "environments: [prod, scratch]"),
        (f"approver: {alice.principal}", "approver: bob@example.com"),
        (entry["expires"], entry["expires"].replace("20", "21", 1)),
    ):
        assert old in good
        path.write_text(good.replace(old, new, 1))
        said = program(ws, "run", "x", "--env", "prod", "--unattended")
        assert said.code == 3, (old, said)
        assert "does not count" in said.err
    assert not kernels.exists()


def test_the_difference_since_the_approval_is_shown_at_the_terminal(ws: Path, alice: Key) -> None:
    git(ws, "init", "-q")
    approve(ws, "look", alice)
    git(ws, "add", "-A")
    git(ws, "commit", "-qm", "approved")
    path = ws / "runbooks/look_at_this_machine.py"
    path.write_text(path.read_text().replace('sh("uptime")', 'sh("uptime", "--pretty")'))

    seat = Seat(ws, "review", "look", "--env", "prod", "--key", str(alice.path))
    seat.sees("changed since the approved text")
    seat.sees('-sh("uptime")\n')
    seat.sees('+sh("uptime", "--pretty")\n')
    seat.prompted("Sign this as alice@example.com? [y/N]:", "n")
    declined = seat.leaves()
    again = Seat(ws, "review", "look", "--env", "prod", "--key", str(alice.path))
    again.prompted("Sign this as alice@example.com? [y/N]:", "y")

    assert declined == 7
    assert again.leaves() == 0
    assert "; approvals of another text are left out now (alice@example.com); next: commit it" in " ".join(
        again.screen.split()
    )
    (entry,) = told(ws, "show", "look")["approvals"]
    assert not entry["stale"]


def test_ctrl_c_and_the_end_of_input_at_a_question_have_codes_of_their_own(tmp_path: Path) -> None:
    interrupted = Seat(tmp_path, "init", "w")
    interrupted.sees("Do it? [y/N]:")
    interrupted.presses_ctrl_c()
    gone = Seat(tmp_path, "init", "w")
    gone.sees("Do it? [y/N]:")
    gone.types_end()

    assert interrupted.leaves() == 130
    assert gone.leaves() == 7
    assert not (tmp_path / "w").exists()


def test_a_locked_key_is_unlocked_at_the_terminal(ws: Path, tmp_path: Path) -> None:
    locked = make_key(tmp_path, "bob@example.com", KeyKind.ED25519, passphrase="open sesame")
    ok(ws, "init", ".", "--principal", locked.principal, "--key", str(locked.public), "--yes")
    seat = Seat(ws, "review", "look", "--env", "prod", "--key", str(locked.path))
    seat.prompted("Sign this as bob@example.com? [y/N]:", "y")
    seat.prompted("passphrase", "open sesame")

    assert seat.leaves() == 0, seat.screen
    assert "prod, interactive: permitted" in ok(ws, "verify", "look", "--env", "prod")


def test_two_people_of_a_team_approve_one_after_the_other(tmp_path: Path, alice: Key, bob: Key) -> None:
    ws = made_workspace(tmp_path / "t", alice, bob, profile="team")

    assert told(ws, "verify", "look", "--env", "staging", code=1)["runbooks"][0]["missing"][0]["count"] == 1
    approve(ws, "look", alice, "--env", "staging")
    staging, prod = told(ws, "verify", "look", "--env", "staging", "--env", "prod", code=1)["runbooks"]
    assert (staging["verdict"], prod["verdict"]) == ("permitted", "refused")
    assert prod["missing"] == [{"count": 1, "of": prod["missing"][0]["of"], "could": [bob.principal]}]
    approve(ws, "look", bob)
    assert told(ws, "run", "look", "--env", "prod", "--unattended")["outcome"] == "succeeded"


def test_lists_stay_readable_on_eighty_columns(ws: Path) -> None:
    ok(ws, "create", "Restart the whole web tier of the northern region, one machine after the other")
    told(ws, "run", "look", "--env", "scratch", "--unattended")

    for words in (("list",), ("history",)):
        seat = Seat(ws, *words, columns=80)
        assert seat.leaves() == 0
        lines = seat.screen.rstrip("\n").split("\n")
        assert all(len(line) <= 80 or line.startswith("    title: Restart the whole") for line in lines)
        piped = ok(ws, *words).rstrip("\n").split("\n")
        assert len(piped) == 1 + (2 if words == ("list",) else 1)


def test_every_line_of_json_can_be_read(ws: Path) -> None:
    for words in (
        ("list",),
        ("doctor",),
        ("config",),
        ("version",),
        ("lint",),
        ("fmt",),
        ("history",),
        ("find", "df"),
    ):
        assert json.loads(inside(ws, *words, "--json").out)["schema"] == 1
