"""A step waits for a second person: their own terminal, their own key, this very step of this very run."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from runbook.canonical import hex_digest
from runbook.evidence.confirmations import Confirmations
from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder, executions_below
from runbook.evidence.journal import read_journal
from runbook.evidence.plan_file import read_plan
from runbook.execution.session import attach
from runbook.system import files
from tests.execution.staging import until
from tests.keys import Key
from tests.program import Said, Seat, inside, made_workspace, program

TEXT = """\
# %% Look name="look"
print("looking")

# %% Fix name="fix" tags=["danger"]
print("fix" + "ing")

# %% Again name="again" tags=["confirm"]
print("a" + "gain")
"""


@pytest.fixture
def ws(tmp_path: Path, alice: Key, bob: Key) -> Path:
    """A workspace whose `confirm` and `danger` steps wait for somebody of `sre`: that is bob."""
    root = made_workspace(tmp_path / "w", alice, bob)
    policy = root / ".runbook/policy.toml"
    rule = '[[rules]]\npaths = ["**"]\nenvironments = ["scratch"]\nconfirm_by = "sre"\n'
    groups = f'[groups]\nsre = ["{bob.principal}"]\n'
    head, _, rest = policy.read_text().partition("\n[")
    policy.write_text(f"{head}\n{groups}\n[{rest}\n{rule}")
    (root / "runbooks/x.py").write_text(TEXT)
    return root


def only(root: Path) -> ExecutionFolder:
    (folder,) = executions_below(root / "executions")
    return folder


def confirm(root: Path, key: Key, *words: str) -> tuple[int, str]:
    said = program(root, "confirm", only(root).id, "--key", str(key.path), "--yes", *words)
    return said.code, said.out + said.err


def carried(ws: Path, key: Key) -> Said:
    """A confirmation that was signed with ssh-keygen alone, given by the operator."""
    words = ("confirm", only(ws).id, "--principal", key.principal)
    statement = ws.parent / f"statement-{key.path.name}"
    statement.write_text(inside(ws, *words, "--statement").out)
    namespace = "confirmation.v1@signed-runbook"
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", str(key.path), str(statement)], check=True
    )
    return program(ws, *words, "--signature", f"{statement}.sig")


def waits(ws: Path, path: str = "") -> Seat:
    """A run that waits with its dangerous step, whose name was typed; `path`: where its programs are."""
    seat = Seat(ws, "run", "x", PATH=path or os.environ["PATH"])
    seat.asked("Run look?", "r")
    seat.asked("Type its name to run it.", "fix")
    seat.sees("fix waits for somebody of sre and their `runbook confirm")
    seat.sees("\n  > ")
    return seat


def test_each_guarded_step_waits_for_a_signature_of_its_own(ws: Path, alice: Key, bob: Key) -> None:
    seat = waits(ws)
    assert inside(ws, "status", "--json").json["runs"][0]["state"] == "waiting"
    statement = inside(ws, "confirm", only(ws).id, "--principal", bob.principal, "--statement").out
    assert statement.startswith("runbook confirmation v1\n")
    assert "step: fix\nattempt: 1\n" in statement

    code, said = confirm(ws, alice)
    assert (code, said) == (3, f"error: {alice.principal} is not in sre\n  next: ask somebody of sre\n")
    said = carried(ws, alice).err  # past that word: the supervisor says the same
    assert f"{alice.principal} is not in sre (ask somebody of sre)" in said
    code, said = confirm(ws, bob)
    assert code == 0, said
    assert "fix waits for somebody of sre:\n" in said
    assert 'print("fix" + "ing")' in said  # what is signed is shown
    seat.sees(f"confirmed by {bob.principal}")
    seat.sees("fixing")
    seat.asked("again wants to be confirmed. Run it?", "r")
    seat.sees("again waits for somebody")
    code, said = confirm(ws, bob)
    assert code == 0, said
    seat.sees("ok again succeeded")
    assert seat.leaves() == 0

    verdict = inside(ws, "verify", "latest", "--json").json["executions"][0]
    assert (verdict["verdict"], verdict["findings"]) == ("UNSIGNED", [])
    audit = inside(ws, "audit", "latest").out
    assert f"`{bob.principal}` (signed)" in audit
    events = [event for event in read_journal(only(ws)).events if event.kind == "confirmed"]
    assert [event.text("step") for event in events] == ["fix", "again"]
    assert problems(only(ws), events[0], start="0" * 64)  # another run's start
    for bent in (
        {"step": "again"},
        {"attempt": 2},
        {"principal": alice.principal},
        {"fingerprint": "SHA256:" + "A" * 43},
        {"signature": events[1].text("signature")},
    ):
        event = msgspec.structs.replace(events[0], payload={**events[0].payload, **bent})
        assert problems(only(ws), event), bent
    assert problems(only(ws), msgspec.structs.replace(events[0], t="2026-19-39T00:00:00.000Z"))
    assert problems(only(ws), events[0]) == []
    checked_by_hand(ws)


PAGE = Path(__file__).parents[2] / "docs/reference/evidence.md"
CHANGES = re.compile(
    r"urn:uuid:[0-9a-f-]{36}|[0-9]{8}T[0-9]{6}Z-x-[0-9a-f]{6}|start: sha256:\w{64}|SHA256:[\w+/]{43}"
)


def checked_by_hand(ws: Path) -> None:
    """The page's commands say of this run what the page says, but for names, keys and the start's digest."""
    page, run = PAGE.read_text(), only(ws).path
    said, shown = by_hand(page, ws, run), block(page, "confirmed", "console").partition("\n")[2]
    assert CHANGES.sub("…", said.out) == CHANGES.sub("…", shown), said.err
    assert said.code == 0
    command, _, shown = block(page, "source", "console").partition("\n")
    done = subprocess.run(["sh", "-c", command[2:]], cwd=run, capture_output=True, check=True, text=True)
    assert done.stdout == shown
    journal = run / "journal.jsonl"
    kept = journal.read_text()
    journal.write_text(kept.replace(shown[:64], "0" * 64))  # another text ran
    said = by_hand(page, ws, run)
    assert said.code != 0
    assert "Good" not in said.out
    journal.write_text(kept)


def block(page: str, name: str, language: str) -> str:
    found = re.search(rf"<!-- {re.escape(name)} -->\n```{language}\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def by_hand(page: str, ws: Path, run: Path) -> Said:
    script = ws.parent / "confirmation.sh"
    script.write_text(block(page, script.name, "sh"))
    words = ["sh", str(script), str(ws / ".runbook/allowed_signers"), "fix", "1"]
    done = subprocess.run(words, cwd=run, capture_output=True, check=False, text=True)
    return Said(done.returncode, done.stdout, done.stderr)


def problems(folder: ExecutionFolder, event: Event, *, start: str | None = None) -> list[tuple[int, str]]:
    """What an auditor finds wrong with one confirmation in this run's journal."""
    kept = {path.name: path.read_bytes() for path in folder.trust.iterdir() if path.is_file()}
    start = start or hex_digest(folder.start.read_bytes())
    found = Confirmations(read_plan(folder), start=start, trust=lambda: kept)
    found.feed(event)
    return found.problems


def test_a_signature_made_with_ssh_keygen_alone_is_given_by_the_operator(ws: Path, bob: Key) -> None:
    seat = waits(ws)
    said = carried(ws, bob)
    assert said.code == 0, said.err
    seat.sees("fixing")
    seat.asked("again wants to be confirmed. Run it?", "r")
    seat.sees("again waits for somebody")
    again = ("confirm", only(ws).id, "--principal", bob.principal, "--signature")
    said = program(ws, *again, str(ws.parent / f"statement-{bob.path.name}.sig"))
    assert said.code == 3
    assert "signature" in said.err
    seat.sees("\n  > ")
    seat.types("s nobody is there")
    assert seat.leaves() == 0


def test_a_signature_that_was_made_where_nobody_runs_it_can_be_carried_to_where_somebody_does(
    ws: Path, bob: Key
) -> None:
    seat = waits(ws)
    elsewhere = ws.parent / "elsewhere"
    shutil.copytree(ws, elsewhere)
    lock = only(elsewhere).path / "supervisor.lock"
    lock.write_bytes(b"")
    with files.locked(lock):  # somebody runs it, out of reach from here
        signed = program(elsewhere, "confirm", only(ws).id, "--key", str(bob.path), "--yes")
    assert (signed.code, "nobody runs this execution now" in signed.err) == (2, True)
    signature = ws.parent / "carried.sig"
    signature.write_text(signed.out[signed.out.index("-----BEGIN") :])
    words = ("--principal", bob.principal, "--signature", str(signature))
    said = program(ws, "confirm", only(ws).id, *words)
    assert said.code == 0, said.err
    seat.sees("fixing")
    seat.asked("again wants to be confirmed. Run it?", "s enough")
    assert seat.leaves() == 0


@pytest.mark.parametrize("how", ["revoked", "not enrolled for it", "drives"])
def test_a_person_who_may_not_confirm_is_told_why(ws: Path, bob: Key, how: str, home: Path) -> None:
    if how == "drives":
        config = home / ".config/runbook/config.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(f'principal = "{bob.principal}"\n')
    seat = waits(ws)
    if how == "revoked":
        said = subprocess.run(["ssh-keygen", "-lf", str(bob.public)], capture_output=True, check=True)
        (ws / ".runbook/revoked").write_text(said.stdout.decode().split()[1] + "\n")
    elif how == "not enrolled for it":
        signers = ws / ".runbook/allowed_signers"
        signers.write_text(signers.read_text().replace(",confirmation.v1@signed-runbook", ""))
    code, words = confirm(ws, bob)
    assert code == 3
    assert {
        "revoked": "is revoked",
        "not enrolled for it": "is not enrolled for confirmations",
        "drives": "drives this run",
    }[how] in words
    seat.types("q")
    assert seat.leaves() == 7
    assert not [event for event in read_journal(only(ws)).events if event.kind == "confirmed"]


def test_a_policy_that_is_slow_to_read_holds_up_nobody_but_who_confirms(
    ws: Path, bob: Key, home: Path, tmp_path: Path
) -> None:
    """The policy lies on a branch, and git hangs while it is asked for it."""
    for words in (("init", "-qb", "main"), ("add", "-A"), ("commit", "-qm", "policy")):
        name = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        subprocess.run(["git", *name, *words], cwd=ws, check=True)
    config = home / ".config/runbook/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('trust = "ref:main"\n')
    hangs, asked = tmp_path / "hangs", tmp_path / "asked"
    wrapper = tmp_path / "bin/git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\nwhile [ -e "{hangs}" ]; do : > "{asked}"; sleep 0.05; done\n'
        f'exec "{shutil.which("git")}" "$@"\n'
    )
    wrapper.chmod(0o755)
    seat = waits(ws, f"{wrapper.parent}:{os.environ['PATH']}")
    confirms = [sys.executable, "-m", "runbook", "confirm", only(ws).id, "--key", str(bob.path), "--yes"]

    def confirming() -> subprocess.Popen[str]:
        hangs.touch()
        asked.unlink(missing_ok=True)
        said = subprocess.Popen(confirms, cwd=ws, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until(asked.exists)
        return said

    said = confirming()
    began = time.monotonic()
    seat.types("s nobody is there")
    seat.sees("again wants to be confirmed. Run it?")
    with attach(only(ws).path, who="wendy@there", watch=True):
        assert time.monotonic() - began < 10  # git would hang for 30 seconds
    hangs.unlink()
    assert "the step does not wait for this confirmation any more\n" in said.communicate(timeout=60)[0]
    assert said.returncode == 3
    seat.asked("", "r")
    seat.sees("again waits for somebody")

    said = confirming()
    hangs.unlink()
    told, _ = said.communicate(timeout=60)
    assert said.returncode == 0, told
    seat.sees("ok again succeeded")
    assert seat.leaves() == 0
    events = [event for event in read_journal(only(ws)).events if event.kind == "confirmed"]
    assert [event.text("step") for event in events] == ["again"]


def test_nobody_there_to_confirm_refuses_before_the_start(ws: Path) -> None:
    said = program(ws, "run", "x", "--unattended", "--env", "scratch")
    assert said.code == 3
    assert "somebody of sre must confirm fix, again during the run" in said.err
    assert not list((ws / "executions").glob("2*"))
