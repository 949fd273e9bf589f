"""`lint` and `fmt`: findings with their places; the normal form, and nothing else changed."""

import pytest

from runbook.errors import NotFoundError, RunbookError
from runbook.text import normal
from runbook.verbs.edit import edit
from runbook.verbs.fmt import fmt
from runbook.verbs.lint import lint
from tests.keys import Key
from tests.verbs.desk import NAME, PATH, Desk


def test_a_new_workspace_has_no_findings(desk: Desk) -> None:
    linted = lint(desk.workspace, (), around=desk.around)

    assert linted.findings == ()
    assert linted.stale == ()


def test_findings_are_in_the_order_of_their_lines(desk: Desk) -> None:
    desk.edit('sh("echo", f"changing', 'eval("1")\nsh("echo",  f"changing')
    desk.edit("from runbook.kit import sh", "# !rm x\nfrom runbook.kit import sh")

    found = lint(desk.workspace, (NAME,), around=desk.around).findings

    assert [each.code for each in found] == ["comment.command", "code.dynamic"]
    lines = [each.line or 0 for each in found]
    assert lines == sorted(lines)
    assert {each.path for each in found} == {PATH}


def test_a_stale_approval_is_told_and_left_where_it_is(desk: Desk, alice: Key) -> None:
    desk.approve(alice)
    desk.edit("looking at", "looking hard at")
    before = desk.file.read_bytes()

    linted = lint(desk.workspace, (NAME,), around=desk.around)

    assert linted.findings == ()
    assert [(each.principal, each.environments) for each in linted.stale] == [
        ("alice@example.com", ("prod",))
    ]
    assert desk.file.read_bytes() == before


def test_an_import_of_a_file_beside_it_is_found(desk: Desk) -> None:
    desk.write("runbooks/helper.py", "# %%\nx = 1\n")
    desk.edit("from runbook.kit import sh", "import helper\nfrom runbook.kit import sh")

    found = lint(desk.workspace, (NAME,), around=desk.around).findings

    assert [each.code for each in found] == ["import.neighbour"]


def test_a_cell_that_jupytext_reads_differently_is_a_finding(desk: Desk) -> None:
    desk.write("runbooks/odd.py", '# %%\nx = """\n# + tags\n"""\n')

    found = lint(desk.workspace, ("odd",), around=desk.around).findings

    assert found, "the light format's marker in a string must not go unnoticed"


def test_an_unknown_name_offers_the_closest(desk: Desk) -> None:
    with pytest.raises(NotFoundError) as caught:
        lint(desk.workspace, ("restrat",), around=desk.around)
    assert caught.value.hint == "did you mean restart?"


def test_fmt_mends_blanks_and_keeps_what_the_cells_mean(desk: Desk) -> None:
    normal = desk.file.read_bytes()
    desk.file.write_bytes(normal.replace(b"from runbook.kit import sh\n", b"from runbook.kit import sh   \n"))

    (done,) = fmt(desk.workspace, (NAME,), write=True, around=desk.around)

    assert (done.path, done.changed, done.error) == (PATH, True, None)
    assert desk.file.read_bytes() == normal


def test_fmt_only_looks_when_it_is_asked_to(desk: Desk) -> None:
    odd = desk.file.read_bytes() + b"\n\n"
    desk.file.write_bytes(odd)

    (done,) = fmt(desk.workspace, (NAME,), write=False, around=desk.around)

    assert done.changed
    assert desk.file.read_bytes() == odd


def test_fmt_keeps_the_line_ends_of_windows(desk: Desk) -> None:
    crlf = desk.file.read_bytes().replace(b"\n", b"\r\n")
    desk.file.write_bytes(crlf)
    (left,) = fmt(desk.workspace, (NAME,), write=True, around=desk.around)
    desk.file.write_bytes(crlf.replace(b"kit import sh\r\n", b"kit import sh \r\n"))
    (mended,) = fmt(desk.workspace, (NAME,), write=True, around=desk.around)

    assert not left.changed
    assert mended.changed
    assert desk.file.read_bytes() == crlf


def test_fmt_leaves_what_is_refused_and_goes_on_with_the_rest(desk: Desk) -> None:
    desk.write("runbooks/bad.py", "# %%\nprint(1)  # \u202e\n")
    desk.file.write_bytes(desk.file.read_bytes() + b"\n\n")

    results = {each.path: each for each in fmt(desk.workspace, (), write=True, around=desk.around)}

    assert results["runbooks/bad.py"].error is not None
    assert not results["runbooks/bad.py"].changed
    assert results[PATH].changed


def test_fmt_keeps_good_approvals_and_leaves_stale_ones_out(desk: Desk, alice: Key) -> None:
    desk.approve(alice)
    good = desk.file.read_bytes()
    (first,) = fmt(desk.workspace, (NAME,), write=True, around=desk.around)
    desk.edit("looking at", "looking hard at")
    desk.edit("from runbook.kit import sh\n", "from runbook.kit import sh  \n")
    (second,) = fmt(desk.workspace, (NAME,), write=True, around=desk.around)

    assert not first.changed
    assert b"approvals:" in good
    assert second.changed
    assert desk.approvals() == []


def test_edit_says_what_lint_finds_afterwards(desk: Desk) -> None:
    editor = desk.write("editor.sh", '#!/bin/sh\nprintf "# %%%%\\neval(1)\\n" >> "$1"\n')
    editor.chmod(0o755)

    found = edit(desk.workspace, NAME, around=desk.with_env(EDITOR=str(editor), VISUAL=""))

    assert "code.dynamic" in [each.code for each in found]


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        ("", "neither VISUAL nor EDITOR is set"),
        ("vi 'x", "is not a command: No closing quotation"),
        ("/nowhere/vi", "/nowhere/vi is not installed"),
        ("false", "the editor ended with 1: false"),
    ],
)
def test_an_editor_that_does_not_edit_is_said(desk: Desk, editor: str, words: str) -> None:
    with pytest.raises(RunbookError, match=words):
        edit(desk.workspace, NAME, around=desk.with_env(EDITOR=editor, VISUAL=""))


def test_a_save_while_fmt_works_is_not_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    really = normal.normalised

    def slow(data: bytes) -> str:
        text = really(data)
        desk.file.write_text("# %%\nmine = 1\n")
        return text

    monkeypatch.setattr("runbook.verbs.fmt.normalised", slow)
    desk.file.write_bytes(desk.file.read_bytes() + b"\n\n")

    (done,) = fmt(desk.workspace, (NAME,), write=True, around=desk.around)

    assert not done.changed
    assert done.error is not None
    assert done.error.endswith("; nothing was written")
    assert desk.file.read_text() == "# %%\nmine = 1\n"
