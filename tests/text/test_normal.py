"""fmt: one spelling, no other meaning, and the same again when it is run twice."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from runbook.errors import FormatError, TextRefused
from runbook.text import normal
from runbook.text.entries import with_entries
from runbook.text.meaning import require_same_meaning
from runbook.text.normal import normalised
from runbook.text.reader import read
from runbook.text.runbook import Entry, Runbook
from tests.text.percent_texts import HEADER, percent_texts

SECTION = HEADER.split("\n", 3)[3]
BARE = "# ---\n" + SECTION
EXAMPLES = sorted((Path(__file__).parents[2] / "runbooks").glob("*.py"))
# What no machine may decide: these may be left.
LEFT = {
    *("cell.other-option", "step.tag-spelling", "header.root", "text.trailing-blanks", "text.nfc"),
    *("parameters.default", "parameters.derived", "parameters.injected", "parameters.name"),
    *("parameters.statement", "parameters.twice", "parameters.type"),
}


def runbook_of(text: str) -> Runbook:
    reading = read(text.encode("utf-8"))
    assert reading.runbook is not None, reading.reasons
    return reading.runbook


def body(text: str) -> str:
    """What fmt makes of a text, the header of normal form taken off."""
    found = normalised(text.encode("utf-8"))
    assert normalised(found.encode("utf-8")) == found
    assert {note.code for note in runbook_of(found).notes} <= LEFT
    for head in (BARE, HEADER):
        if found.startswith(head):
            return found.removeprefix(head).lstrip("\n")
    return found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_normal_text_keeps_every_byte_and_its_approvals(path: Path) -> None:
    assert normalised(path.read_bytes()) == path.read_text("utf-8")


def test_a_checkout_with_other_line_ends_is_the_same_text() -> None:
    text = f"{HEADER}\n\n# %%\nx = 1\n"
    assert normalised(text.replace("\n", "\r\n").encode()) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# %%\nx = 1\n", "# %%\nx = 1\n"),
        ("x = 1\n", "# %%\nx = 1\n"),
        ("\n\nx = 1\n", "# %%\nx = 1\n"),
        ("\n\n\n# %%\nx = 1\n", "# %%\nx = 1\n"),
        ("\ufeff# %%\nx = 1\n", "# %%\nx = 1\n"),
        ("# %%\nx = 1", "# %%\nx = 1\n"),
        ("# %%\nx = 1\n\n\n\n", "# %%\nx = 1\n"),
        ("# %%\nx = 1  \ny = 2 \n", "# %%\nx = 1\ny = 2\n"),
        ("# %%   \nx = 1\n", "# %%\nx = 1\n"),
        ("#%%\nx = 1\n", "# %%\nx = 1\n"),
        ("# %%%% Sub\nx = 1\n", "# %% Sub\nx = 1\n"),
        ("# %% [md]\n# Words.\n", "# %% [markdown]\n# Words.\n"),
        ("# %% [markdown] Title\n# Words.\n", "# %% Title [markdown]\n# Words.\n"),
        ("# %% [markdown]\n#Words.\n#\n#  two\n", "# %% [markdown]\n# Words.\n#\n#  two\n"),
        ("# %% [markdown]\n# a\n\n# b\n", "# %% [markdown]\n# a\n#\n# b\n"),
        ("# %% [markdown]\n# a  \n# b\n", "# %% [markdown]\n# a\n# b\n"),
        ('# %% [markdown]\n"""\nWords.\n\nMore.\n"""\n', "# %% [markdown]\n# Words.\n#\n# More.\n"),
        ("# %% [markdown]\n# a\n\n\n\n\n# %%\nx = 1\n", "# %% [markdown]\n# a\n\n# %%\nx = 1\n"),
        ('# %% Do {"name": "do"}\nx = 1\n', '# %% Do name="do"\nx = 1\n'),
        ("# %% name='do' timeout = 5\nx = 1\n", '# %% name="do" timeout=5\nx = 1\n'),
        ('# %% tags=["a","b"]\nx = 1\n', '# %% tags=["a", "b"]\nx = 1\n'),
        ("#!/usr/bin/env python\n# %%\nx = 1\n", "# %%\nx = 1\n"),
        ("# -*- coding: utf-8 -*-\n# %%\nx = 1\n", "# %%\nx = 1\n"),
        ("# %% [markdown]\n# Cafe\u0301\n", "# %% [markdown]\n# Café\n"),
        ("# %%\nx = 1  # Cafe\u0301\n", "# %%\nx = 1  # Café\n"),
        (f"# Licence: MIT\n#\n{HEADER}\n\n# %%\nx = 1\n", "# %%\n# Licence: MIT\n#\n\n# %%\nx = 1\n"),
        (f"import os\n{HEADER}\n\n# %%\nx = 1\n", "# %%\nimport os\n\n# %%\nx = 1\n"),
        (f"#!/bin/sh\n# Licence\n\n{HEADER}\n# %%\nx = 1\n", "# %%\n# Licence\n\n# %%\nx = 1\n"),
    ],
)
def test_what_has_several_spellings_gets_one(text: str, expected: str) -> None:
    assert body(text) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("# ---\n# runbook:\n#   title: T\n# ---\n", HEADER),
        (HEADER.replace("# runbook:", "#runbook:") + "\n", HEADER),
        (HEADER.replace("#   title: T", "#   title: T  ") + "\n", HEADER),
        (HEADER.replace("name: python3", "name: conda-env") + "\n", HEADER),
        (HEADER.replace("#     comment_magics: false\n", "") + "\n", HEADER),
        (HEADER.replace("#   kernelspec:", "#   other: 3.8\n#   kernelspec:") + "\n", HEADER),
        ("# ---\n" + SECTION.removesuffix("# ---") + "# runbook:\n#   title: T\n# ---\n", HEADER),
        (
            "# ---\n# jupyter:\n#   jupytext:\n#     formats: ipynb,py:percent\n# ---\n",
            BARE.replace(
                "comment_magics: false\n", "comment_magics: false\n#     formats: ipynb,py:percent\n"
            ),
        ),
        (
            HEADER.replace("# runbook:", "# # who wrote it\n# runbook:") + "\n",
            HEADER.replace("# runbook:", "# # who wrote it\n# runbook:"),
        ),
    ],
)
def test_a_header_gets_one_spelling(header: str, expected: str) -> None:
    found = normalised(f"{header}\n# %%\nx = 1\n".encode())
    assert found == f"{expected}\n\n# %%\nx = 1\n"
    assert runbook_of(found).is_normal
    assert normalised(found.encode()) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("# %% custom=1\nx = 1\n", "cell.other-option"),
        ('# %% tags=["Danger"]\nx = 1\n', "step.tag-spelling"),
        ("# %%\nx = '''a  \nb'''\n", "text.trailing-blanks"),
        ("# %%\nx = 'Cafe\u0301'\n", "text.nfc"),
        ('# %% tags=["parameters"]\na = 1\nb = a\n', "parameters.derived"),
    ],
)
def test_what_no_machine_may_decide_stays_and_is_named(text: str, code: str) -> None:
    found = normalised(text.encode("utf-8"))
    assert found == f"{BARE}\n\n{text}"
    assert [note.code for note in runbook_of(found).notes] == [code]


def test_a_shell_line_is_never_touched() -> None:
    text = "# %%\n!echo a\\ \n%%time\n"
    assert body(text) == text
    cell = "# %%\n%%bash\necho a \\ \nls\n"
    assert body(cell) == cell


ENTRY = Entry(
    role="approver",
    principal="bob@example.com",
    environments=("prod",),
    allows="interactive",
    parameters=None,
    text="sha256:" + "0" * 64,
    issued=datetime(2026, 11, 21, tzinfo=UTC),
    expires=datetime(2027, 2, 19, tzinfo=UTC),
    signature="U1NIU0lH" * 20,
)
SIGNED = with_entries(f"{HEADER}\n\n# %% Do\nx = 1\n", [ENTRY])


def test_approvals_go_when_anything_else_changes() -> None:
    assert "# approvals:" in SIGNED
    found = normalised(SIGNED.replace("# %% ", "#%% ", 1).encode())
    assert found == runbook_of(SIGNED).body
    assert "# approvals:" not in found


def test_approvals_stay_when_only_bytes_around_the_text_change() -> None:
    assert normalised(b"\xef\xbb\xbf" + SIGNED.encode()) == SIGNED
    assert normalised(SIGNED.replace("\n", "\r\n").encode()) == SIGNED


def test_approvals_stay_when_what_is_left_can_not_be_mended() -> None:
    text = f"{SIGNED}\n# %% custom=1\ny = 2\n"
    assert normalised(text.encode()) == text


def test_a_refused_text_is_not_written() -> None:
    with pytest.raises(TextRefused) as caught:
        normalised(b"# %%\nexit()\n")
    assert "does not stop a run" in caught.value.message
    assert caught.value.line == 2


def test_a_lifted_header_that_can_not_be_read_is_refused() -> None:
    text = "# Licence\n# ---\n# runbook:\n#   agent: perhaps\n# ---\n# %%\nx = 1\n"
    with pytest.raises(TextRefused, match="agent"):
        normalised(text.encode())


def test_a_line_that_would_become_a_marker_is_not_written() -> None:
    text = '# %% [markdown]\n"""\nwords\n%% more\n"""\n'
    with pytest.raises(FormatError, match="1 steps would become 2; nothing was written"):
        normalised(text.encode())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(percent_texts())
def test_fmt_keeps_every_meaning_and_is_idempotent(text: str) -> None:
    before = read(text.encode("utf-8")).runbook
    if before is None:
        return
    found = normalised(text.encode("utf-8"))
    after = runbook_of(found)
    assert normalised(found.encode("utf-8")) == found
    assert {note.code for note in after.notes} <= LEFT
    assert codes(before) == codes(after)
    assert proses(before) == proses(after)


def codes(runbook: Runbook) -> list[str]:
    """The syntax trees of the code, told apart from the way `normal` tells them."""
    found = []
    for step in runbook.steps:
        if step.kind == "code" and step.cell.source.strip():
            try:
                found.append(ast.dump(ast.parse(step.cell.source)))
            except SyntaxError:
                found.append(step.cell.source.strip("\n"))
    return [tree for tree in found if tree != ast.dump(ast.parse("# comments only"))]


def proses(runbook: Runbook) -> list[str]:
    return [
        "\n".join(line.rstrip() for line in step.cell.source.split("\n")).strip("\n")
        for step in runbook.steps
        if step.kind != "code"
    ]


BASE = '# %% Do name="do" tags=["danger"]\nx = "a"  # why\n!ls\n\n# %% [markdown]\n# Words.\n'


@pytest.mark.parametrize(
    ("step", "one", "other", "words"),
    [
        (1, "# %% [markdown]\n# Words.\n", "", "2 steps would become 1"),
        (2, "# %% Do", "# %% Undo", "in step 'do' its kind, title, name or options would change"),
        (2, '["danger"]', '["confirm"]', "in step 'do' its kind, title, name or options would change"),
        (2, 'name="do"', 'name="do" timeout=5', "in step 'do' its kind, title, name or options"),
        (3, "Words.", "Other words.", "its prose would change"),
        (4, '"a"', '"b"', "in step 'do' its code would change"),
        (4, 'x = "a"', 'y = "a"', "in step 'do' its code would change"),
        (5, "# why", "# because", "in step 'do' its comments would change"),
        (6, "!ls\n", "!ls \n", "in step 'do' a line for IPython or the shell would change"),
        (7, "title: T", "title: Other", "the header would say something else"),
    ],
)
def test_each_step_of_the_proof_is_needed(step: int, one: str, other: str, words: str) -> None:
    before = f"{HEADER}\n\n{BASE}"
    with pytest.raises(FormatError) as caught:
        require_same_meaning(runbook_of(before), runbook_of(before.replace(one, other)))
    assert words in caught.value.message, step
    assert caught.value.message.endswith("nothing was written")
    require_same_meaning(runbook_of(before), runbook_of(before))


def test_a_mistake_of_fmt_itself_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normal, "_code", lambda source: source.replace("1", "2"))
    with pytest.raises(FormatError, match="its code would change; nothing was written"):
        normalised(b"# %%\nx = 1\n")


def test_comments_may_differ_only_where_the_header_was_lifted() -> None:
    before = runbook_of("# a\n# %%\nx = 1\n")
    after = runbook_of("# b\n# %%\nx = 1\n")
    require_same_meaning(before, after, lifted=True)
    with pytest.raises(FormatError, match="its comments would change"):
        require_same_meaning(before, after)
    lost = msgspec.structs.replace(after, steps=after.steps[:1])
    with pytest.raises(FormatError, match="its code would change"):
        require_same_meaning(before, lost, lifted=True)
