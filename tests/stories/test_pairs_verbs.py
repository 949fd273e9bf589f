"""Pairs on the command line: sync, resolve, versions, restore, diff, with their exit codes."""

import json
import os
from pathlib import Path

import pytest

from tests.pairing.builders import TEXT, Bench
from tests.program import Caller, program


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "ws")
    (made.root / "runbook.toml").write_text("version = 1\n")
    return made


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    return Caller(capsys, monkeypatch)


def disputed(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    bench.edit('status = "up"', 'status = "text"')
    bench.set_source(1, 'status = "notebook"')


def test_sync_says_what_flowed_where(bench: Bench, call: Caller) -> None:
    made = call(bench.root, "sync")
    assert (made.code, made.out) == (0, "runbooks/x.py → x.ipynb: 3 cells made\n")
    assert call(bench.root, "sync").out == "1 pair in step\n"
    bench.edit("Slowly", "Quickly")
    checked = call(bench.root, "sync", "--check")
    assert (checked.code, checked.out) == (1, "would: runbooks/x.py → x.ipynb: 1 cell changed\n")
    assert call(bench.root / "runbooks", "sync", "x.ipynb").code == 0
    assert bench.sources()[0] == "# Restart the web tier\nQuickly."
    assert call(bench.root, "sync", "--check").code == 0


def test_sync_without_pairs_and_of_unknown_names(tmp_path: Path, call: Caller) -> None:
    (tmp_path / "runbook.toml").write_text("version = 1\n")
    (tmp_path / "runbooks").mkdir()
    assert call(tmp_path, "sync").out == "no pairs here\n"
    said = call(tmp_path, "sync", "nothing")
    assert (said.code, said.err.splitlines()[0]) == (2, "error: nothing: no runbook of this name")
    said = call(tmp_path, "sync", "alone.ipynb")
    assert (said.code, said.err.splitlines()[0]) == (
        2,
        "error: alone.ipynb: no text is paired with this notebook",
    )


def test_a_folder_without_settings_syncs_its_own_texts_only(tmp_path: Path, call: Caller) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "x.py").write_text(TEXT)
    (tmp_path / "in/y.py").write_text(TEXT)
    assert call(tmp_path, "sync").out == "x.py → x.ipynb: 3 cells made\n"
    assert not (tmp_path / "in/y.ipynb").exists()


def test_a_dispute_fails_until_it_is_resolved(bench: Bench, call: Caller) -> None:
    disputed(bench, call)
    said = call(bench.root, "sync")
    assert said.code == 1
    words = 'x.py: both sides changed 1 cell ("health"); each side keeps its own until you resolve it'
    assert words in said.out
    assert "runbooks/x.py: both versions are in runbooks/x.conflict-" in said.out
    assert "next: `runbook resolve runbooks/x.py --take text|notebook|both`" in said.out
    assert call(bench.root, "sync").code == 1
    assert (
        "runbooks/x.py: pair.conflict: its notebook says something else" in call(bench.root, "lint", "x").out
    )

    asked = call(bench.root, "resolve", "x")
    assert asked.code == 2
    assert 'whose version counts? both sides changed 1 cell ("health")' in asked.err
    assert "both versions are in runbooks/x.conflict-" in asked.err
    assert "next: `runbook resolve runbooks/x.py --take text` (or: notebook, both, edit)" in asked.err

    resolved = call(bench.root, "resolve", "x", "--take", "notebook")
    assert resolved.code == 0, resolved.err
    assert 'status = "notebook"' in bench.text.read_text()
    assert call(bench.root, "sync").code == 0
    assert "pair.conflict" not in call(bench.root, "lint", "x").out
    assert sorted(path.name for path in bench.text.parent.iterdir()) == ["x.ipynb", "x.py"]
    asked = call(bench.root, "resolve", "x")
    assert asked.code == 2
    assert "nothing is disputed here (in step)" in asked.err
    nothing = call(bench.root, "resolve", "x", "--take", "text", "--json")
    assert nothing.code in (0, 2)


def test_resolve_in_an_editor(bench: Bench, tmp_path: Path) -> None:
    assert program(bench.root, "sync").code == 0
    bench.edit('status = "up"', 'status = "text"')
    bench.set_source(1, 'status = "notebook"')
    assert program(bench.root, "sync").code == 1
    editor = tmp_path / "editor"
    editor.write_text(
        '#!/bin/sh\ngrep -q "status = .notebook" "$2" || exit 9\nsed -i s/text\\"/both\\"/ "$1"\n'
    )
    editor.chmod(0o755)
    said = program(bench.root, "resolve", "x", "--take", "edit", EDITOR=str(editor))
    assert said.code == 0, said.err
    assert 'status = "both"' in bench.text.read_text()
    assert bench.agrees()


def test_what_is_saved_while_the_editor_is_open_is_not_resolved_away(bench: Bench, tmp_path: Path) -> None:
    assert program(bench.root, "sync").code == 0
    bench.edit('status = "up"', 'status = "text"')
    bench.set_source(1, 'status = "notebook"')
    assert program(bench.root, "sync").code == 1
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\nsed -i s/Slowly/Quickly/ {bench.text}\nsed -i s/text\\"/both\\"/ "$1"\n')
    editor.chmod(0o755)
    said = program(bench.root, "resolve", "x", "--take", "edit", EDITOR=str(editor))
    kept = program(bench.root, "versions", "x", "--json").json["versions"][-1]["number"]
    assert said.code == 6
    command = f"`runbook diff runbooks/x.py@{kept} runbooks/x.py`"
    assert said.err.splitlines()[:2] == [
        f"error: runbooks/x.py: it was saved by somebody else while you edited; your text is version {kept}",
        f"  next: see what yours is missing: {command}; resolve again",
    ]
    assert "Quickly" in bench.text.read_text()


def test_sync_of_a_new_name_alone_takes_the_notebook_along(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    bench.run(1)
    call(bench.root, "sync")
    other = bench.text.with_name("other.py")
    other.write_text("# %%\nx = 1\n")
    bench.text.rename(bench.text.with_name("y.py"))
    said = call(bench.root, "sync", "runbooks/y.py")
    assert (said.code, said.out) == (0, "runbooks/y.py: renamed from runbooks/x.py; its notebook followed\n")
    assert sorted(path.name for path in other.parent.iterdir()) == ["other.py", "y.ipynb", "y.py"]
    assert "made by" in (other.parent / "y.ipynb").read_text()


def test_sync_of_one_of_two_copies_of_a_text_that_went_follows_none(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    for name in ("y.py", "z.py"):
        (bench.text.parent / name).write_bytes(bench.text.read_bytes())
    bench.text.unlink()
    assert call(bench.root, "sync", "runbooks/y.py").out == "runbooks/y.py → y.ipynb: 3 cells made\n"
    assert bench.notebook.exists()


def test_sync_says_of_cells_that_went_or_moved_that_cells_changed(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    bench.edit('\n# %% tags=["danger"]\nrestart = True\n', "")
    assert call(bench.root, "sync").out == "runbooks/x.py → x.ipynb: 1 cell changed\n"
    bench.change(lambda cells: cells.reverse())
    assert call(bench.root, "sync").out == "runbooks/x.py ← x.ipynb: 1 cell changed\n"
    bench.edit('name="health"', 'name="health" timeout=5')
    assert call(bench.root, "sync").out == "runbooks/x.py → x.ipynb: 1 cell changed\n"
    bench.edit("title: Restart", "title: Again")
    assert call(bench.root, "sync").out == "runbooks/x.py → x.ipynb: header changed\n"


def test_a_fifo_in_the_place_of_a_text_is_said_and_not_waited_for(bench: Bench) -> None:
    assert program(bench.root, "sync").code == 0
    bench.text.unlink()
    os.mkfifo(bench.text)
    said = program(bench.root, "sync")
    assert said.code == 6
    assert "not a regular file" in said.out


def test_an_editor_that_changes_nothing_decides_nothing(bench: Bench) -> None:
    assert program(bench.root, "sync").code == 0
    bench.edit('status = "up"', 'status = "text"')
    bench.set_source(1, 'status = "notebook"')
    said = program(bench.root, "resolve", "x", "--take", "edit", EDITOR="true")
    assert (said.code, said.err.splitlines()[0]) == (
        7,
        "error: runbooks/x.py: nothing was changed in the editor",
    )
    said = program(bench.root, "resolve", "x", "--take", "edit", EDITOR="", VISUAL="")
    assert (said.code, said.err.splitlines()[0]) == (
        2,
        "error: runbooks/x.py: neither VISUAL nor EDITOR is set",
    )
    for editor, code, words in (
        ("vim '", 2, 'error: the editor "vim \'" is not a command: No closing quotation'),
        ("/no/such/ed", 6, "error: runbooks/x.py: /no/such/ed is not installed"),
        ("false", 6, "error: runbooks/x.py: the editor ended with 1: false"),
    ):
        said = program(bench.root, "resolve", "x", "--take", "edit", EDITOR=editor, VISUAL="")
        assert (said.code, said.err.splitlines()[0]) == (code, words)


def test_versions_restore_and_diff(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    bench.edit("Slowly", "Quickly")
    call(bench.root, "sync")
    listed = call(bench.root, "versions", "x", "--json").json
    assert [(each["number"], each["side"]) for each in listed["versions"]] == [
        (1, "text"), (2, "notebook"), (3, "text"), (4, "notebook"),
    ]  # fmt: skip
    assert listed["path"] == "runbooks/x.py"
    differ = call(bench.root, "diff", "x@1", "x@3")
    assert differ.code == 1
    assert "-# Slowly.\n+# Quickly.\n" in differ.out
    assert call(bench.root, "diff", "x@3", "x").code == 0

    bench.edit("Quickly", "Never saved anywhere else")
    restored = call(bench.root, "restore", "x@1")
    assert restored.code == 0, restored.err
    assert restored.out.startswith("restored runbooks/x.py\n")
    assert bench.text.read_text() == TEXT
    assert bench.sources()[0] == "# Restart the web tier\nSlowly."
    kept = call(bench.root, "versions", "x", "--json").json["versions"]
    diffs = [call(bench.root, "diff", "x@1", f"x@{each['number']}").out for each in kept[1:]]
    assert any("+# Never saved anywhere else." in each for each in diffs)


def test_a_deleted_text_comes_back_by_its_name(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    bench.text.unlink()
    gone = call(bench.root, "sync")
    assert gone.code == 1
    assert "runbooks/x.py is gone, runbooks/x.ipynb is still there" in gone.out
    assert call(bench.root, "restore", "x@1").code == 0
    assert bench.text.read_text() == TEXT


def test_versions_that_are_none_are_said(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    for words, message in {
        ("restore", "x"): "error: x: which version?",
        ("restore", "x@one"): "error: x@one: 'one' is no version",
        ("restore", "x@99"): "error: runbooks/x.py@99: there is no version 99; kept are 1 to 2",
        ("diff", "x@1", "nothing"): "error: nothing: no runbook of this name",
        ("diff", "x@2", "x"): "error: x@2: version 2 is a notebook, and the other one a text",
    }.items():
        said = call(bench.root, *words)
        assert (said.code, said.err.splitlines()[0]) == (2, message)


def test_what_is_suddenly_tiny_needs_a_word(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    bench.write(b"")
    said = call(bench.root, "sync")
    assert said.code == 1
    assert "if that is meant: `runbook sync runbooks/x.py --accept`" in said.out
    assert call(bench.root, "sync", "x", "--accept").code == 0
    assert bench.sources() == []


def test_a_read_only_notebook_is_six(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    bench.notebook.chmod(0o444)
    bench.edit("Slowly", "Quickly")
    said = call(bench.root, "sync", "--json")
    assert said.code == 6
    assert said.json["pairs"][0]["action"] == "blocked"


def test_a_pairing_of_jupytexts_is_noticed(bench: Bench, call: Caller) -> None:
    bench.edit("# jupyter:\n", "# jupyter:\n#   jupytext:\n#     formats: ipynb,py:percent\n")
    said = call(bench.root, "sync")
    assert (
        "jupytext pairs it too (`formats: ipynb,py:percent` in its header), and goes by time stamps"
        in said.out
    )


def test_json_has_every_field_of_a_report(bench: Bench, call: Caller) -> None:
    said = call(bench.root, "sync", "--json")
    (pair,) = json.loads(said.out)["pairs"]
    assert {"name", "notebook", "action", "message", "problems", "cells", "stale", "conflict"} <= pair.keys()


def test_a_damaged_state_is_said_once_and_set_aside(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    log = bench.place.state / "pairs-1.log"
    log.write_bytes(b"garbage\n")
    said = call(bench.root, "sync", "--json")

    assert (said.code, len(said.json["notes"])) == (0, 1)
    assert said.json["notes"][0].startswith("the state of pairs was damaged: it is set aside as ")
    assert log.with_name("pairs-1.log.damaged-1").read_bytes() == b"garbage\n"
    log.write_bytes(b"garbage\n")
    first, second = call(bench.root, "sync").out.splitlines()
    assert first.startswith("note: the state of pairs was damaged: it is set aside as ")
    assert first.endswith("pairs-1.log.damaged-2, and pairs are compared anew")
    assert second == "1 pair in step"
    assert call(bench.root, "sync").out == "1 pair in step\n"


def test_versions_says_what_it_had_to_mend(bench: Bench, call: Caller) -> None:
    call(bench.root, "sync")
    number = bench.place.store / "format"
    number.write_bytes(b"rubbish\n")
    said = call(bench.root, "versions", "x")
    assert said.code == 0
    assert said.out.startswith("note: the format number of the store was damaged: it is set aside as ")
    assert "; it was written anew\n" in said.out
    assert "@1 " in said.out

    number.write_bytes(b"rubbish\n")
    bench.text.unlink()
    again = call(bench.root, "restore", "x@1", "--json")
    assert "it is set aside as" in json.loads(again.out)["notes"][0]
    assert call(bench.root, "versions", "x", "--json").out.count("set aside") == 0, "said once, mended"
