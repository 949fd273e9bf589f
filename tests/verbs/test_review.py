"""`review`: shows what will run, signs only what was shown or named, writes only what it read."""

import os
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from runbook.approval.decision import Request, decide
from runbook.approval.signers import parse_public_key
from runbook.approval.trust import load
from runbook.errors import InputError, RefusedError, SignerError, TextRefused, ToolMissing, TrustError
from runbook.system import swap
from runbook.text.entries import with_entries, without_entries
from runbook.verbs.review import Review, Wish, carry_out, prepare, require_reviewed
from tests.keys import Key
from tests.program import Seat, inside
from tests.verbs.desk import NAME, NOW, PATH, Desk


def prepared(desk: Desk, key: Key, *environments: str, life: timedelta | None = None) -> Review:
    wish = Wish(environments=environments or ("prod",), life=life, key=str(key.path))
    return prepare(desk.workspace, NAME, wish, around=desk.around, now=NOW)


def git(desk: Desk, *words: str) -> None:
    subprocess.run(["git", *words], cwd=desk.root, check=True, capture_output=True)


def commit(desk: Desk) -> str:
    """Commit everything; returns the commit's beginning as messages show it."""
    if not (desk.root / ".git").exists():
        git(desk, "init", "-q")
    git(desk, "add", "-A")
    git(desk, "commit", "-q", "-m", "change")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=desk.root, check=True, capture_output=True)
    return head.stdout.decode()[:12]


def permitted(desk: Desk, environment: str) -> bool:
    request = Request(data=desk.file.read_bytes(), path=PATH, environment=environment)
    return decide(request, load(desk.workspace, env=desk.around.env), now=NOW).permitted


def test_what_was_prepared_is_what_is_signed(desk: Desk, alice: Key) -> None:
    review = prepared(desk, alice)
    entry = carry_out(desk.workspace, review, around=desk.around, terminal=False)

    words = review.statement.decode()
    assert f"path: {PATH}\ntext: {review.runbook.text}\nenvironments: prod\nallows: interactive\n" in words
    assert entry.text == review.runbook.text
    assert permitted(desk, "prod")


def test_preparing_writes_nothing(desk: Desk, alice: Key) -> None:
    before = desk.file.read_bytes()
    prepared(desk, alice)

    assert desk.file.read_bytes() == before


def test_characters_outside_ascii_are_named(desk: Desk, alice: Key) -> None:
    desk.edit("looking at", "looking — at")

    unusual = prepared(desk, alice).unusual

    assert [name for _, name in unusual] == ["EM DASH (U+2014)", "EM DASH (U+2014)"]


def test_the_difference_since_the_approved_text_comes_from_git(desk: Desk, alice: Key, bob: Key) -> None:
    desk.approve(alice)
    approved = commit(desk)
    desk.edit("changing {target}", "really changing {target}")
    commit(desk)

    review = prepared(desk, bob)

    assert review.difference is not None
    assert [line for line in review.difference if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        '-sh("echo", f"changing {target}")',
        '+sh("echo", f"really changing {target}")',
    ]
    assert review.since is not None
    assert f"commit {approved}, approved by alice@example.com" in review.since


def test_an_approval_that_nobody_gave_hides_no_change(desk: Desk, alice: Key, bob: Key) -> None:
    """Whoever writes an entry for a text of their own would have the rest of it pass for reviewed."""
    desk.edit('sh("echo", f"changing {target}")', 'sh("rm", "-r", target)')
    given = desk.approve(bob)
    bare = without_entries(desk.file.read_text())
    desk.file.write_text(bare)
    commit(desk)
    harmless = bare.replace("looking at {target} again", "looking again")
    forged = msgspec.structs.replace(given, expires=given.expires + timedelta(days=1))
    desk.file.write_text(with_entries(harmless, [forged]))

    assert prepared(desk, alice).difference is None

    desk.file.write_text(with_entries(harmless, [given]))
    assert prepared(desk, alice).difference is not None
    (desk.root / ".runbook/revoked").write_text(
        parse_public_key(bob.public.read_bytes(), name="bob").fingerprint + "\n"
    )
    assert prepared(desk, alice).difference is None


def test_without_git_history_there_is_no_difference_to_show(desk: Desk, alice: Key) -> None:
    desk.approve(alice)
    desk.edit("changing", "really changing")

    review = prepared(desk, alice)

    assert review.difference is None
    assert review.since is None


def test_the_second_reviewer_is_added_to_the_first(team: Desk, alice: Key, bob: Key) -> None:
    team.approve(alice)
    alone = permitted(team, "prod")
    team.approve(bob)

    assert not alone
    assert permitted(team, "prod")
    assert team.approvals() == [("alice@example.com", ("prod",)), ("bob@example.com", ("prod",))]


def test_who_reviews_again_replaces_what_they_said(team: Desk, alice: Key) -> None:
    team.approve(alice, life=timedelta(days=1))
    team.approve(alice, life=timedelta(days=30), now=NOW + timedelta(hours=1))

    assert team.approvals() == [("alice@example.com", ("prod",))]


def test_stale_approvals_are_left_out_when_a_new_one_is_written(team: Desk, alice: Key, bob: Key) -> None:
    team.approve(alice)
    team.edit("changing", "really changing")
    team.approve(bob)

    assert team.approvals() == [("bob@example.com", ("prod",))]


def test_line_ends_of_windows_stay(desk: Desk, alice: Key) -> None:
    desk.file.write_bytes(desk.file.read_bytes().replace(b"\n", b"\r\n"))
    desk.approve(alice)

    data = desk.file.read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") > 40
    assert permitted(desk, "prod")


def test_the_mode_of_the_file_stays(desk: Desk, alice: Key) -> None:
    desk.file.chmod(0o640)
    desk.approve(alice)

    assert stat.S_IMODE(desk.file.stat().st_mode) == 0o640


def test_a_file_changed_while_it_was_reviewed_is_not_written(desk: Desk, alice: Key) -> None:
    review = prepared(desk, alice)
    desk.edit("changing", "really changing")
    changed = desk.file.read_bytes()

    with pytest.raises(RefusedError, match="was changed while it was reviewed; nothing was written"):
        carry_out(desk.workspace, review, around=desk.around, terminal=False)
    assert desk.file.read_bytes() == changed


def test_a_save_in_the_last_moment_is_not_lost(
    desk: Desk, alice: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = prepared(desk, alice)
    really = swap.replace_if

    def late(path: Path, data: bytes, *, expected: str | None) -> None:
        def save(point: str) -> None:
            if point == "prepared":
                (path.parent / "new").write_text("# %%\nmine = 1\n")
                os.replace(path.parent / "new", path)

        really(path, data, expected=expected, fault=save)

    monkeypatch.setattr(swap, "replace_if", late)
    with pytest.raises(RefusedError, match="nothing was written"):
        carry_out(desk.workspace, review, around=desk.around, terminal=False)
    assert desk.file.read_text() == "# %%\nmine = 1\n"


def test_another_digest_than_the_reviewed_one_is_refused(desk: Desk, alice: Key) -> None:
    review = prepared(desk, alice)
    require_reviewed(review, review.runbook.text)

    with pytest.raises(RefusedError, match=f"the text is {review.runbook.text} now, not the sha256:0"):
        require_reviewed(review, "sha256:" + "0" * 64)


def test_an_environment_that_no_rule_knows_would_never_count(desk: Desk, alice: Key) -> None:
    with pytest.raises(InputError, match=r"no rule of the policy is about runbooks/restart\.py in nowhere"):
        prepared(desk, alice, "prod", "nowhere")


def test_an_environment_that_the_header_leaves_out_is_refused(desk: Desk, alice: Key) -> None:
    desk.edit("#   owner:", "#   environments: [prod]\n#   owner:")

    with pytest.raises(InputError, match="the runbook is for prod, not for scratch"):
        prepared(desk, alice, "scratch")


def test_an_environment_must_be_named(desk: Desk, alice: Key) -> None:
    wish = Wish(environments=(), key=str(alice.path))

    with pytest.raises(InputError, match=r"for which environment\?"):
        prepare(desk.workspace, NAME, wish, around=desk.around, now=NOW)


def test_a_life_above_the_policy_s_is_refused(desk: Desk, alice: Key) -> None:
    with pytest.raises(InputError, match="may live 90 days at most, not 91 days"):
        prepared(desk, alice, life=timedelta(days=91))


def test_a_text_that_is_not_in_normal_form_wants_fmt_first(desk: Desk, alice: Key) -> None:
    desk.file.write_bytes(desk.file.read_bytes() + b"\n\n")

    with pytest.raises(InputError, match="not in normal form") as caught:
        prepared(desk, alice)
    assert caught.value.hint == "run `runbook fmt`, then review"


def test_a_refused_text_is_not_signed(desk: Desk, alice: Key) -> None:
    desk.edit("looking at", "looking\u2028at")

    with pytest.raises(TextRefused, match="U\\+2028"):
        prepared(desk, alice)


def test_a_key_that_is_not_enrolled_is_refused(desk: Desk, carol: Key) -> None:
    with pytest.raises(SignerError, match=r"is not enrolled") as caught:
        prepared(desk, carol)
    assert "`runbook init --principal NAME --key FILE.pub` enrols it" in (caught.value.hint or "")


def test_without_a_policy_nothing_can_be_approved(desk: Desk, alice: Key) -> None:
    for path in (desk.root / ".runbook").iterdir():
        path.unlink()
    (desk.root / ".runbook").rmdir()

    with pytest.raises(TrustError):
        prepared(desk, alice)


def test_without_ssh_keygen_it_is_said_before_anything_is_shown(desk: Desk, alice: Key) -> None:
    wish = Wish(environments=("prod",), key=str(alice.path))

    with pytest.raises(
        ToolMissing, match="ssh-keygen is not installed: approvals are signed with it"
    ) as caught:
        prepare(desk.workspace, NAME, wish, around=desk.with_env(PATH="/nowhere"), now=NOW)
    assert caught.value.hint == "install OpenSSH's client (Debian: openssh-client) and try again"


def test_what_the_header_hands_to_the_steps_is_shown_before_it_is_signed(desk: Desk, alice: Key) -> None:
    desk.edit("# jupyter:\n", "#   env: [WEB_REGION]\n#   agent: true\n# jupyter:\n")

    said = inside(desk.root, "review", NAME, "--env", "prod", "--key", str(alice.path), "--text", "sha256:0")

    assert said.code == 3
    shown = said.out.partition("you would sign:")[0]
    for words in ("WEB_REGION", "your ssh-agent", "alice@example.com", "What this does, in one sentence."):
        assert words in shown
    assert "line None" not in shown


def test_nobody_signs_what_was_not_shown(desk: Desk, alice: Key) -> None:
    seat = Seat(desk.root, "review", NAME, "--env", "prod", "--key", str(alice.path), "--json")

    assert seat.leaves() == 2
    assert "nothing was shown that could be agreed to" in seat.screen
    assert desk.approvals() == []
