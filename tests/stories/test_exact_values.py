"""Where policy wants exact values approved: proposed, signed by each, run once, and checked afterwards."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.evidence.folder import ExecutionFolder, executions_below
from runbook.evidence.verification import verify_execution
from tests.keys import Key
from tests.program import Said, Seat, inside, made_workspace

TEXT = """\
# %% tags=["parameters"]
host: str  # the host to restart
log: Path = Path("/var/log/web.log")  # where it says what it does

# %% Restart name="restart" tags=["danger"]
print("restarting", host)

# %% Put it back name="rollback" undoes="restart"
print("putting back", host)
"""


@pytest.fixture
def ws(tmp_path: Path, alice: Key, bob: Key) -> Path:
    """A workspace whose policy wants two approvals of exact values in prod, with one runbook."""
    root = made_workspace(tmp_path / "w", alice, bob)
    policy = root / ".runbook/policy.toml"
    text = policy.read_text()
    assert 'environments = ["prod"]\napprovals = 1\n' in text, text
    policy.write_text(
        text.replace(
            'environments = ["prod"]\napprovals = 1\n',
            'environments = ["prod"]\napprovals = 2\nparameters = "exact"\n',
        )
    )
    assert inside(root, "create", "Restart").code == 0
    file = root / "runbooks/restart.py"
    header = file.read_text().partition("# %%")[0]
    body = TEXT.replace("log: Path", "from pathlib import Path\n\nlog: Path")
    file.write_text(header + body)
    assert inside(root, "fmt", "restart").code == 0
    return root


def proposed(ws: Path, *words: str) -> Said:
    return inside(ws, "plan", "restart", "--env", "prod", "--unattended", "-p", "host=web1", *words)


def sign(ws: Path, said: dict[str, str], key: Key, *words: str) -> Said:
    name = Path(said["proposed"]).name
    digests = ("--text", said["text"], "--values", said["values"])
    return inside(ws, "review", name, "--allow", "unattended", "--key", str(key.path), *digests, *words)


def test_exact_values_are_proposed_approved_run_once_and_checked(ws: Path, alice: Key, bob: Key) -> None:
    refused = inside(ws, "run", "restart", "--env", "prod", "--unattended", "-p", "host=web1")
    assert refused.code == 3
    assert "needs 2 more approvals by anybody" in refused.err
    assert "`runbook plan runbooks/restart.py --env prod` with its values proposes them" in refused.err

    said = proposed(ws, "--json").json
    folder = ExecutionFolder(ws / said["proposed"])
    assert said["exact"] == f"exact:{said['values']}"
    assert not folder.plan.exists()
    assert inside(ws, "history").out.splitlines()[-1].split()[1] == "proposed"
    assert inside(ws, "verify", folder.id).out.startswith(f"{folder.id}  INCOMPLETE")
    assert inside(ws, "run", folder.id).code == 3
    assert not folder.plan.exists()
    for verb in ("audit", "resume --seal", "attach --watch", "stop"):
        told = inside(ws, *verb.split(), folder.id)
        assert (told.code, "next: " in told.err) == (2, True), told.err
    assert "proposed" in inside(ws, "show", folder.id).out

    assert json.loads(sign(ws, said, alice, "--json").out)["lacks"] == [
        "needs one more approval by anybody who is enrolled: bob@example.com could"
    ]
    again = inside(ws, "run", folder.id)
    assert again.code == 3
    assert "needs one more approval by anybody who is enrolled: bob@example.com could" in again.err
    signed = sign(ws, said, bob)
    assert signed.out.splitlines()[-1] == f"next: `runbook run {folder.id}`"

    ran = inside(ws, "run", folder.id, "--json")
    assert (ran.code, ran.json["outcome"]) == (0, "succeeded"), ran.err
    assert Path(ran.json["execution"]).name == folder.id
    record = json.loads(folder.plan.read_text())
    assert record["approved"]
    assert sorted(one["principal"] for one in record["counted"]) == [alice.principal, bob.principal]
    assert sorted(path.name for path in folder.approvals.iterdir()) == sorted(
        one["approval"].removeprefix("sha256:") for one in record["given"]
    )
    assert verify_execution(folder).findings == ()
    spent = inside(ws, "run", folder.id)
    assert spent.code == 3
    assert "a plan runs once" in spent.err


def test_an_approval_of_a_proposal_checks_with_nothing_but_ssh_keygen(
    ws: Path, alice: Key, tmp_path: Path
) -> None:
    said = proposed(ws, "--json").json
    shown = sign(ws, said, alice)
    statement = "\n".join(
        re.findall(r"^  (.*)$", shown.out.partition("you would sign:")[2].split("\n\n")[0], re.M)
    )
    (approval,) = (ws / said["proposed"] / "approvals").iterdir()
    signature = "".join(re.findall(r"^#     (\S+)$", approval.read_text(), re.M))
    armor = f"-----BEGIN SSH SIGNATURE-----\n{signature}\n-----END SSH SIGNATURE-----\n"
    (tmp_path / "sig").write_text(armor)
    people = ("-f", ws / ".runbook/allowed_signers", "-I", alice.principal)

    done = subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-n", "approval.v1@signed-runbook", *people, "-s", tmp_path / "sig"],
        input=f"{statement}\n".encode(),
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert f"parameters: {said['exact']}" in statement


def test_statement_prints_what_was_signed_of_a_proposal_and_of_its_run(
    ws: Path, alice: Key, bob: Key, tmp_path: Path
) -> None:
    said = proposed(ws, "--json").json
    folder = ExecutionFolder(ws / said["proposed"])
    none = inside(ws, "statement", folder.id)
    assert (none.code, f"error: {folder.id}: there is no approval in it" in none.err) == (2, True), none.err
    sign(ws, said, alice)
    sign(ws, said, bob)
    before = inside(ws, "statement", folder.id, "--json").json["statements"]
    assert inside(ws, "run", folder.id).code == 0
    (ws / ".runbook/policy.toml").unlink()  # what was signed names the workspace of then

    after = inside(ws, "statement", folder.id, "--json").json["statements"]

    assert after == before
    assert sorted(each["principal"] for each in after) == [alice.principal, bob.principal]
    for each in after:
        assert f"parameters: {said['exact']}" in each["statement"]
        (tmp_path / "sig").write_text(each["signature"])
        people = ("-f", ws / ".runbook/allowed_signers", "-I", each["principal"])
        words = ["ssh-keygen", "-Y", "verify", "-n", "approval.v1@signed-runbook", *people]
        done = subprocess.run(
            [*words, "-s", tmp_path / "sig"],
            input=each["statement"].encode(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_evidence_of_approved_values_that_was_changed_is_noticed(ws: Path, alice: Key, bob: Key) -> None:
    said = proposed(ws, "--json").json
    sign(ws, said, alice)
    sign(ws, said, bob)
    folder = ExecutionFolder(ws / said["proposed"])
    assert inside(ws, "run", folder.id).code == 0
    first, second = sorted(folder.approvals.iterdir())
    kept = first.read_text()

    def found() -> set[tuple[str, str | None]]:
        verdict = verify_execution(folder)
        assert verdict.verdict == "TAMPERED"
        return {(each.code, each.file) for each in verdict.findings}

    first.unlink()
    assert ("approvals", f"approvals/{first.name}") in found()
    assert ("approvals", "plan.json") in found()
    first.write_text(second.read_text())
    assert ("approvals", f"approvals/{first.name}") in found()
    first.write_text(kept.replace("expires: 20", "expires: 21"))
    assert ("approvals", f"approvals/{first.name}") in found()
    first.write_text("words\n")
    assert ("approvals", f"approvals/{first.name}") in found()
    first.write_text(kept)
    assert verify_execution(folder).verdict == "UNSIGNED"


def test_a_reviewer_at_a_terminal_sees_the_values_and_is_asked(ws: Path, alice: Key) -> None:
    shown = proposed(ws)
    assert "= /var/log/web.log" in shown.out
    assert "nothing can run from it yet" in shown.out
    assert "needs 2 more approvals by anybody" in shown.out
    (folder,) = (ws / "executions").glob("*/*")

    seat = Seat(ws, "review", folder.name, "--allow", "unattended", "--key", str(alice.path))
    seat.sees("parameters: exact:sha256:")
    seat.sees("host  = 'web1'")
    seat.prompted("Sign these values as alice@example.com? [y/N]:", "n")
    assert seat.leaves() == 7
    assert list((folder / "approvals").iterdir()) == []


def test_what_a_reviewer_may_not_sign_is_said(ws: Path, alice: Key) -> None:
    said = proposed(ws, "--json").json
    name = Path(said["proposed"]).name

    def review(*words: str) -> Said:
        return inside(ws, "review", name, "--key", str(alice.path), *words)

    for words, code, message in (
        (("--env", "staging", "--allow", "unattended"), 2, "it is proposed for prod, not for staging"),
        ((), 2, "it is proposed to run unattended, and you would permit interactive runs only"),
        (("--allow", "unattended"), 2, "nobody is there to ask"),
        (("--allow", "unattended", "--text", said["text"]), 2, "one digest is not enough here"),
        (
            ("--allow", "unattended", "--text", said["text"], "--values", "sha256:" + "0" * 64),
            3,
            f"the values are {said['exact']}, not the sha256:{'0' * 64} that were reviewed",
        ),
    ):
        told = review(*words)
        assert (told.code, message in told.err) == (code, True), told.err
    assert "--values goes with a proposed plan" in inside(ws, "review", "restart", "--values", "x").err
    assert list((ws / said["proposed"] / "approvals").iterdir()) == []


def test_a_run_of_exact_values_is_undone_under_its_own_approvals(ws: Path, alice: Key, bob: Key) -> None:
    said = proposed(ws, "--json").json
    sign(ws, said, alice)
    sign(ws, said, bob)
    folder = ExecutionFolder(ws / said["proposed"])
    assert inside(ws, "run", folder.id).code == 0

    seat = Seat(ws, "undo", folder.id)
    seat.asked("Run rollback?", "r")
    seat.sees("putting back web1")
    assert seat.leaves() == 0

    undone = executions_below(ws / "executions")[-1]
    assert undone.id != folder.id
    assert len(list(undone.approvals.iterdir())) == 2
    assert verify_execution(undone).findings == ()


def test_the_same_values_proposed_elsewhere_take_the_approvals_along(ws: Path, alice: Key, bob: Key) -> None:
    """An approval is of the values, not of the folder: it can be sent, and counts for the same values."""
    first = proposed(ws, "--json").json
    sign(ws, first, alice)
    second = proposed(ws, "--json").json
    sign(ws, second, bob)
    assert first["values"] == second["values"]
    (file,) = (ws / first["proposed"] / "approvals").iterdir()
    shutil.copy(file, ws / second["proposed"] / "approvals")

    ran = inside(ws, "run", Path(second["proposed"]).name)

    assert ran.code == 0, ran.err
