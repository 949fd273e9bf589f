"""`verify`, `statement` and `withdraw`: verdicts, the bytes behind them, and an approval taken back."""

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.approval import trust as trusting
from runbook.errors import ExistsError, NotFoundError, SignerError
from runbook.system import files
from runbook.verbs import names, withdraw
from runbook.verbs.review import Wish, carry_out, prepare
from runbook.verbs.statement import statements
from runbook.verbs.verify import Answer, Asked, verify
from tests.evidence.builders import CELLS, Told, plan_of
from tests.keys import Key
from tests.program import Caller
from tests.verbs.desk import NAME, NOW, PATH, Desk


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    return Caller(capsys, monkeypatch)


def asked(desk: Desk, *names: str, environments: tuple[str, ...] = (), unattended: bool = False) -> Answer:
    wanted = Asked(names=names, environments=environments, unattended=unattended)
    return verify(desk.workspace, wanted, around=desk.around, now=NOW)


def test_a_runbook_is_asked_about_wherever_the_policy_has_rules(team: Desk) -> None:
    answer = asked(team, NAME)

    assert [(each.environment, each.permitted) for each in answer.runbooks] == [
        ("scratch", True),
        ("staging", False),
        ("prod", False),
    ]
    assert answer.executions == ()


def test_several_environments_are_several_verdicts(team: Desk, alice: Key) -> None:
    team.approve(alice, "staging", "prod")

    answer = asked(team, NAME, environments=("prod", "staging"))

    assert [(each.environment, each.permitted) for each in answer.runbooks] == [
        ("prod", False),
        ("staging", True),
    ]
    (missing,) = answer.runbooks[0].missing
    assert (missing.count, missing.could) == (1, ("bob@example.com",))


def test_unattended_is_asked_when_it_is_said(desk: Desk, alice: Key) -> None:
    wish = Wish(environments=("prod",), key=str(alice.path))
    review = prepare(desk.workspace, NAME, wish, around=desk.around, now=NOW)
    carry_out(desk.workspace, review, around=desk.around, terminal=False)

    (attended,) = asked(desk, NAME, environments=("prod",)).runbooks
    (alone,) = asked(desk, NAME, environments=("prod",), unattended=True).runbooks

    assert attended.permitted
    assert not alone.permitted
    assert [each.code for each in alone.not_counted] == ["approval.kind"]


def test_without_names_every_runbook_is_judged_and_a_bad_one_hides_no_other(desk: Desk) -> None:
    desk.write("runbooks/bad.py", "# %%\nx = 1  # \u202e\n")

    verdicts = {(each.path, each.environment): each for each in asked(desk).runbooks}

    assert not verdicts["runbooks/bad.py", "scratch"].permitted
    assert verdicts["runbooks/bad.py", "scratch"].reasons[0].line == 2
    assert verdicts[PATH, "scratch"].permitted


def test_a_file_above_the_limit_is_refused_and_hides_no_other(desk: Desk) -> None:
    desk.write("runbooks/large.py", "# %%\n" + "#\n" * (1 << 20))
    os.mkfifo(desk.root / "runbooks/pipe.py")

    verdicts = {(each.path, each.environment): each for each in asked(desk).runbooks}

    assert [each.code for each in verdicts["runbooks/large.py", "scratch"].reasons] == ["text.size"]
    assert verdicts[PATH, "scratch"].permitted


def test_a_file_that_is_not_read_at_all_is_refused_and_hides_no_other(desk: Desk) -> None:
    unread = desk.root / "runbooks/huge.py"
    unread.touch()
    os.truncate(unread, names.LARGEST_BYTES + 1)
    if os.geteuid() != 0:  # root may read anything
        closed = desk.root / "runbooks/closed.py"
        closed.write_text("# %%\n")
        closed.chmod(0)

    verdicts = {(each.path, each.environment): each for each in asked(desk).runbooks}

    assert [each.code for each in verdicts["runbooks/huge.py", "scratch"].reasons] == ["unread"]
    assert "larger than" in verdicts["runbooks/huge.py", "scratch"].reasons[0].message
    assert not verdicts["runbooks/huge.py", "scratch"].permitted
    assert os.geteuid() == 0 or not verdicts["runbooks/closed.py", "scratch"].permitted
    assert verdicts[PATH, "scratch"].permitted


def test_trust_files_that_cannot_be_read_refuse_every_runbook(desk: Desk) -> None:
    (desk.root / ".runbook/revoked").unlink()

    answer = asked(desk)

    assert answer.runbooks
    assert not any(each.permitted for each in answer.runbooks)


def test_an_execution_is_judged_by_its_name(desk: Desk) -> None:
    name = "20261121T001205Z-restart-7f3a9c"
    desk.write(f"executions/2026-11/{name}/plan.json", "{}")

    answer = asked(desk, name)

    assert answer.runbooks == ()
    (judged,) = answer.executions
    assert (judged.verdict.id, judged.verdict.verdict) == (name, "TAMPERED")


def test_an_execution_whose_plan_was_taken_away_is_judged_by_its_path(desk: Desk) -> None:
    name = "20261121T001205Z-restart-7f3a9c"
    desk.write(f"executions/2026-11/{name}/start.txt", "")

    answer = asked(desk, f"executions/2026-11/{name}")

    (judged,) = answer.executions
    assert (judged.verdict.id, judged.verdict.verdict) == (name, "TAMPERED")


def test_ssh_keygen_verifies_the_statement_that_is_printed(desk: Desk, alice: Key, tmp_path: Path) -> None:
    desk.approve(alice)
    (signed,) = statements(desk.workspace, NAME, principal=None, around=desk.around)
    (tmp_path / "seal").write_text(signed.armor)
    words = ["-Y", "verify", "-f", str(desk.root / ".runbook/allowed_signers"), "-I", alice.principal]

    done = subprocess.run(
        ["ssh-keygen", *words, "-n", "approval.v1@signed-runbook", "-s", str(tmp_path / "seal")],
        input=signed.statement,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert signed.principal == alice.principal


def test_no_approval_is_no_statement(desk: Desk, alice: Key) -> None:
    with pytest.raises(NotFoundError, match="there is no approval in it"):
        statements(desk.workspace, NAME, principal=None, around=desk.around)
    desk.approve(alice)
    with pytest.raises(NotFoundError, match=r"there is no approval by z@example\.com in it"):
        statements(desk.workspace, NAME, principal="z@example.com", around=desk.around)


def test_an_approval_that_was_taken_back_counts_no_longer(desk: Desk, alice: Key) -> None:
    desk.approve(alice)
    draft = withdraw.prepare(desk.workspace, NAME, key=str(alice.path), around=desk.around, now=NOW)
    before = asked(desk, NAME, environments=("prod",)).runbooks[0]
    where = withdraw.carry_out(desk.workspace, draft, around=desk.around, terminal=False)
    after = asked(desk, NAME, environments=("prod",)).runbooks[0]

    assert where == ".runbook/withdrawn"
    assert before.permitted
    assert not after.permitted
    assert [each.code for each in after.not_counted] == ["approval.withdrawn"]
    with pytest.raises(NotFoundError, match="has no approval of this text to take back"):
        withdraw.prepare(desk.workspace, NAME, key=str(alice.path), around=desk.around, now=NOW)
    with pytest.raises(ExistsError):
        withdraw.carry_out(desk.workspace, draft, around=desk.around, terminal=False)


@pytest.mark.parametrize("survived", [0, 1, 2, 3], ids=["nothing", "one", "two", "all"])
def test_a_withdrawal_that_is_killed_on_its_way_holds_or_does_not_but_breaks_nothing(
    desk: Desk, alice: Key, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    desk.approve(alice)
    draft = withdraw.prepare(desk.workspace, NAME, key=str(alice.path), around=desk.around, now=NOW)
    with monkeypatch.context() as patch:
        killer = _Killer(survived)
        patch.setattr(withdraw, "files", killer)
        with contextlib.suppress(KeyboardInterrupt):
            withdraw.carry_out(desk.workspace, draft, around=desk.around, terminal=False)

    (verdict,) = asked(desk, NAME, environments=("prod",)).runbooks

    assert verdict.permitted == (survived < 2)
    assert [each.code for each in verdict.not_counted] == ([] if survived < 2 else ["approval.withdrawn"])
    if survived < 2:
        withdraw.carry_out(desk.workspace, draft, around=desk.around, terminal=False)
        assert not asked(desk, NAME, environments=("prod",)).runbooks[0].permitted
        assert len(list((desk.root / ".runbook/withdrawn").iterdir())) == 2


class _Killer:
    """`system.files`, until so many files were written."""

    def __init__(self, survived: int) -> None:
        self.left = survived

    def __getattr__(self, name: str) -> object:
        if name in ("create", "replace"):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
        return getattr(files, name)


def test_only_their_own_approval_is_taken_back(desk: Desk, alice: Key, bob: Key, carol: Key) -> None:
    desk.approve(alice)

    with pytest.raises(NotFoundError, match=r"bob@example\.com has no approval of this text"):
        withdraw.prepare(desk.workspace, NAME, key=str(bob.path), around=desk.around, now=NOW)
    with pytest.raises(SignerError, match="is not enrolled, so nothing of it counts"):
        withdraw.prepare(desk.workspace, NAME, key=str(carol.path), around=desk.around, now=NOW)


ID = "20261121T001205Z-restart-003a9c"


def noted(desk: Desk, *names: str, everything: bool = False) -> list[list[str]]:
    wanted = Asked(names=names, everything=everything)
    answer = verify(desk.workspace, wanted, around=desk.around, now=NOW)
    return [[f"{note.code}: {note.message}" for note in judged.notes] for judged in answer.executions]


def test_an_execution_that_lies_where_it_was_made_gets_no_note(desk: Desk) -> None:
    urn = trusting.load(desk.workspace, env=desk.around.env).workspace
    Told(desk.workspace.executions, CELLS, plan_of(CELLS, workspace=urn))

    assert noted(desk, everything=True) == [[]]


def test_an_execution_carried_to_another_workspace_is_said_to_be(desk: Desk) -> None:
    urn = trusting.load(desk.workspace, env=desk.around.env).workspace
    Told(desk.workspace.executions)

    made_in = "urn:uuid:6f1e0c1e-1111-4222-8333-444455556666"
    assert noted(desk, ID) == [[f"workspace: it is a run of the workspace {made_in}; this is {urn}"]]


def test_of_a_copy_made_elsewhere_no_folder_here_is_said_to_be_what_it_was_made_for(
    desk: Desk, tmp_path: Path, call: Caller
) -> None:
    copy = Told(tmp_path / "elsewhere").folder.path.parent

    said = call(desk.root, "verify", str(copy / ID)).out

    due = desk.workspace.executions / "2026-11"
    assert f"  note: place: it lies in {copy}; made here, it would lie in {due}\n" in said
    assert "  note: workspace: it is a run of the workspace urn:uuid:6f1e0c1e" in said
    assert "made for" not in said


def test_an_execution_in_another_month_or_there_twice_is_said_to_be(desk: Desk) -> None:
    Told(desk.workspace.executions, CELLS, plan_of(CELLS, workspace=None))
    executions = desk.workspace.executions
    shutil.copytree(executions / "2026-11", executions / "2025-02")

    moved, kept = sorted(noted(desk, everything=True), key=len, reverse=True)

    assert kept == ["twice: it lies here more than once"]
    place = f"it lies in {executions / '2025-02'}; made here, it would lie in {executions / '2026-11'}"
    assert moved == [f"place: {place}", *kept]


def test_the_notes_are_said_on_the_screen_and_in_json(desk: Desk, call: Caller) -> None:
    Told(desk.workspace.executions)

    shown = call(desk.root, "verify", ID)
    told = json.loads(call(desk.root, "verify", ID, "--json").out)

    assert "  note: workspace: it is a run of the workspace urn:uuid:6f1e0c1e" in shown.out
    assert [note["code"] for note in told["executions"][0]["notes"]] == ["workspace"]
