"""Sync on real files: what flows, what stays, what is said."""

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from runbook.canonical import digest
from runbook.errors import ChangedMeanwhile, ConfigError, FormatError
from runbook.pairing.history import content, versions
from runbook.pairing.places import find_pairs, pair_of, place
from runbook.pairing.resolve import Edited, resolve
from runbook.pairing.state import State
from runbook.pairing.sync import sync_pair
from runbook.store.store import open_store
from tests.pairing.builders import BODY, HEADER, NOW, TEXT, Bench, code, notebook, prose, run_cell


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path / "w")
    assert found.sync().action == "made-notebook"
    return found


def _stamp(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_mtime_ns, seen.st_ino


def _conflict(bench: Bench) -> Path:
    found = list(bench.text.parent.glob("x.conflict-*.txt"))
    assert len(found) == 1
    return found[0]


# --- one side


def test_a_missing_notebook_is_made_and_is_one_for_nbformat(bench: Bench) -> None:
    import nbformat

    made = nbformat.read(bench.notebook, as_version=4)
    nbformat.validate(made)
    assert [cell.cell_type for cell in made.cells] == ["raw", "markdown", "code", "code"]
    assert made.cells[0].source == "---\nrunbook:\n  title: Restart\n  owner: sre@example.com\n---"
    assert dict(made.cells[2].metadata) == {"title": "Is it up?", "name": "health"}
    assert made.metadata.kernelspec.name == "python3"


def test_a_made_notebook_is_what_jupytext_makes(bench: Bench) -> None:
    import jupytext

    wanted = jupytext.reads(TEXT, {"extension": ".py", "format_name": "percent", "comment_magics": False})
    made = bench.json()["cells"]
    assert [("".join(c["source"]), c["cell_type"], c["metadata"]) for c in made] == [
        (cell.source, cell.cell_type, dict(cell.metadata)) for cell in wanted.cells
    ]


def test_nothing_is_written_when_nothing_changed(bench: Bench) -> None:
    before = _stamp(bench.text), _stamp(bench.notebook)

    assert bench.sync().action == "unchanged"
    assert (_stamp(bench.text), _stamp(bench.notebook)) == before


def test_a_text_edit_flows_and_other_outputs_stay(bench: Bench) -> None:
    bench.run(1)
    bench.run(2)
    bench.sync()
    before = bench.json()["cells"]
    bench.edit("restart = True", "restart = False")
    stamp = _stamp(bench.text)
    report = bench.sync()
    after = bench.json()["cells"]

    assert (report.action, report.cells, report.outputs_kept, report.outputs_dropped) == (
        "to-notebook",
        1,
        1,
        1,
    )
    assert _stamp(bench.text) == stamp
    assert after[3]["outputs"] == []
    assert after[3]["execution_count"] is None
    assert after[2]["outputs"] == before[2]["outputs"]
    assert [cell["id"] for cell in after] == [cell["id"] for cell in before]


def test_written_outputs_carry_the_digest_of_the_source_that_made_them(bench: Bench) -> None:
    bench.run(1)
    bench.sync()
    bench.edit("restart = True", "restart = False")
    bench.sync()
    cell = bench.json()["cells"][2]

    assert cell["metadata"]["runbook"]["source"] in "".join(cell["outputs"][0]["text"])


def test_a_changed_cell_s_outputs_can_be_kept_when_marked(bench: Bench) -> None:
    bench.run(2)
    bench.sync()
    bench.edit("restart = True", "restart = False")
    bench.sync(outputs="mark-stale")
    cell = bench.json()["cells"][3]

    assert cell["metadata"]["runbook"]["stale"] is True
    assert cell["metadata"]["runbook"]["source"] in "".join(cell["outputs"][0]["text"])
    bench.run(2)
    bench.sync()
    bench.edit("status = ", "the_status = ")
    bench.sync()
    assert "stale" not in bench.json()["cells"][3]["metadata"]["runbook"]


def test_outputs_of_a_cell_that_jupyter_edited_and_did_not_run_are_marked_when_written(bench: Bench) -> None:
    bench.run(2)
    bench.sync()
    made = "".join(bench.json()["cells"][3]["outputs"][0]["text"])
    bench.set_source(2, "restart = 'later'")
    saved = bench.notebook.read_bytes()
    assert bench.sync().action == "to-text"
    assert bench.notebook.read_bytes() == saved
    bench.edit("status = ", "the_status = ")
    bench.sync()
    cell = bench.json()["cells"][3]

    assert cell["outputs"] != []
    assert cell["metadata"]["runbook"]["stale"] is True
    assert cell["metadata"]["runbook"]["source"] in made


def test_a_notebook_edit_changes_only_its_lines_of_the_text(bench: Bench) -> None:
    bench.set_source(1, 'status = "down"\nprint(status)')
    saved = bench.notebook.read_bytes()
    report = bench.sync()

    assert (report.action, report.wrote_text, report.wrote_notebook) == ("to-text", True, False)
    assert bench.text.read_text() == TEXT.replace('"up"', '"down"')
    assert bench.notebook.read_bytes() == saved


def test_opening_running_and_saving_changes_not_one_byte_of_the_text(bench: Bench) -> None:
    before = _stamp(bench.text)
    saved = bench.json()
    for cell in saved["cells"]:
        if cell["cell_type"] == "code":
            run_cell(cell)
            cell["metadata"]["execution"] = {"shell.execute_reply": "2026-11-21T00:00:00Z"}
    saved["metadata"]["language_info"] = {"name": "python"}
    bench.save(saved)

    assert bench.sync().action == "recorded"
    assert _stamp(bench.text) == before
    assert bench.json() == saved


def test_a_touch_and_a_lying_clock_change_nothing(bench: Bench) -> None:
    bench.edit("restart = True", "restart = False")
    for when in (0, 10, 2**33):
        os.utime(bench.notebook, (when, when))
        os.utime(bench.text, (5, 5))
        report = bench.sync()
        assert "restart = False" in bench.text.read_text()
        assert report.action in ("to-notebook", "unchanged")
    assert bench.sources()[-1] == "restart = False"


def test_another_style_of_the_same_cells_is_only_recorded(bench: Bench) -> None:
    stamp = _stamp(bench.notebook)
    bench.write(TEXT.replace("# %% tags", "\n\n# %% tags").replace("\n", "\r\n"))

    assert bench.sync().action == "recorded"
    assert _stamp(bench.notebook) == stamp


def test_only_the_mode_changed(bench: Bench) -> None:
    bench.text.chmod(0o600)

    assert bench.sync().action == "unchanged"
    bench.set_source(2, "restart = 1")
    bench.sync()
    assert stat.S_IMODE(bench.text.stat().st_mode) == 0o600


def test_the_front_matter_flows_both_ways(bench: Bench) -> None:
    bench.edit("title: Restart", "title: Restart it")
    assert bench.sync().action == "to-notebook"
    assert "  title: Restart it" in "".join(bench.json()["cells"][0]["source"])
    saved = bench.json()
    saved["cells"][0]["source"] = [
        "---\n",
        "runbook:\n",
        "  title: Again\n",
        "  owner: sre@example.com\n",
        "---",
    ]
    bench.save(saved)
    assert bench.sync().action == "to-text"
    assert bench.text.read_text() == TEXT.replace("title: Restart", "title: Again")


def test_the_kernel_flows_from_the_text_only(bench: Bench) -> None:
    bench.edit("name: python3", "name: other")
    bench.sync()
    assert bench.json()["metadata"]["kernelspec"]["name"] == "other"
    saved = bench.json()
    saved["metadata"]["kernelspec"]["name"] = "third"
    saved["metadata"]["authors"] = [{"name": "x"}]
    bench.save(saved)
    assert bench.sync().action == "recorded"
    assert "name: other" in bench.text.read_text()
    bench.edit("name: other", "name: python3")
    bench.sync()
    assert bench.json()["metadata"]["kernelspec"]["name"] == "python3"
    assert bench.json()["metadata"]["authors"] == [{"name": "x"}]


def test_a_header_that_is_not_yaml_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", TEXT.replace("    name: python3", "    date: 2026-01-01"))
    report = bench.sync()

    assert (report.action, report.problems[0].code) == ("refused", "header.jupyter")
    assert not bench.notebook.exists()


# --- both sides


def test_edits_of_both_sides_meet_on_both(bench: Bench) -> None:
    bench.run(1)
    bench.sync()
    bench.edit("restart = True", "restart = False")
    bench.set_source(0, "# Restart the web tier\nCarefully.")
    report = bench.sync()

    assert report.action == "merged"
    assert bench.text.read_text() == TEXT.replace("True", "False").replace("Slowly", "Carefully")
    assert bench.sources() == [
        "# Restart the web tier\nCarefully.",
        'status = "up"\nprint(status)',
        "restart = False",
    ]
    assert bench.json()["cells"][2]["outputs"] != []
    assert bench.sync().action == "unchanged"


def test_a_text_edit_survives_an_autosave_of_outputs(bench: Bench) -> None:
    bench.edit("restart = True", "restart = False")
    bench.run(1)

    assert bench.sync().action == "to-notebook"
    assert bench.sources()[-1] == "restart = False"
    assert bench.json()["cells"][2]["outputs"] != []


def test_a_conflict_stays_on_both_sides_and_all_else_merges(bench: Bench) -> None:
    bench.edit("restart = True", "restart = 'text'")
    bench.set_source(2, "restart = 'notebook'")
    bench.set_source(0, "# Restart the web tier\nCarefully.")
    report = bench.sync()

    assert report.action == "conflict"
    assert report.problems[0].hint == "`runbook resolve runbooks/x.py --take text|notebook|both`"
    assert bench.text.read_text() == TEXT.replace("True", "'text'").replace("Slowly", "Carefully")
    assert bench.sources()[-1] == "restart = 'notebook'"
    copy = _conflict(bench)
    assert report.conflict == f"runbooks/{copy.name}"
    assert copy.name.startswith("x.conflict-20261121T001205Z-")
    words = copy.read_text()
    for line in ("restart = True", "restart = 'text'", "restart = 'notebook'"):
        assert f"    {line}\n" in words
    assert "<<<<" not in bench.text.read_text() + bench.notebook.read_text()


def test_a_conflict_is_said_again_and_other_edits_go_on(bench: Bench) -> None:
    bench.edit("restart = True", "restart = 'text'")
    bench.set_source(2, "restart = 'notebook'")
    bench.sync()
    assert bench.sync().action == "conflict"
    copy = _conflict(bench)
    bench.edit("Slowly", "Slowly now")
    assert bench.sync().action == "conflict"
    assert _conflict(bench) == copy
    assert bench.sources()[0].endswith("Slowly now.")
    bench.edit("Slowly now", "At once")
    assert bench.sync().action == "conflict"
    assert bench.sources()[0].endswith("At once.")


@pytest.mark.parametrize(
    ("take", "text", "sources"),
    [
        ("text", ["restart = 'text'"], ["restart = 'text'"]),
        ("notebook", ["restart = 'notebook'"], ["restart = 'notebook'"]),
        ("both", ["restart = 'text'", "restart = 'notebook'"], ["restart = 'text'", "restart = 'notebook'"]),
    ],
)
def test_a_person_resolves(bench: Bench, take: Any, text: list[str], sources: list[str]) -> None:
    bench.edit("restart = True", "restart = 'text'")
    bench.set_source(2, "restart = 'notebook'")
    bench.sync()
    report = resolve(bench.place, bench.pair, take=take, now=NOW)

    assert report.is_settled
    assert bench.sources()[2:] == sources
    assert all(line in bench.text.read_text() for line in text)
    assert list(bench.text.parent.glob("*.conflict-*")) == []
    assert bench.sync().action == "unchanged"


def test_a_person_resolves_by_editing(bench: Bench) -> None:
    bench.edit("restart = True", "restart = 'text'")
    bench.set_source(2, "restart = 'notebook'")
    bench.sync()
    seen = (bench.text.read_bytes(), bench.notebook.read_bytes())
    edited = Edited(text=seen[0].replace(b"'text'", b"'agreed'"), seen=seen)
    bench.run(1)  # new outputs are nothing that they had to see

    assert resolve(bench.place, bench.pair, take="edit", now=NOW, edited=edited).is_settled
    assert bench.sources()[-1] == "restart = 'agreed'"
    assert bench.sync().action == "unchanged"


@pytest.mark.parametrize("side", ["text", "notebook"])
def test_what_was_saved_while_a_person_edited_is_not_resolved_away(bench: Bench, side: str) -> None:
    bench.edit("restart = True", "restart = 'text'")
    bench.set_source(2, "restart = 'notebook'")
    bench.sync()
    seen = (bench.text.read_bytes(), bench.notebook.read_bytes())
    edited = Edited(text=seen[0].replace(b"'text'", b"'agreed'"), seen=seen)
    if side == "text":
        bench.edit("restart = 'text'", "restart = 'newer'")
    else:
        bench.set_source(2, "restart = 'newer'")

    with pytest.raises(ChangedMeanwhile) as refused:
        resolve(bench.place, bench.pair, take="edit", now=NOW, edited=edited)

    number = versions(bench.place, "runbooks/x.py")[-1].number
    words = f"it was saved by somebody else while you edited; your text is version {number}"
    assert refused.value.message == words
    assert content(bench.place, "runbooks/x.py", number) == edited.text
    both = bench.text.read_text() + "".join(bench.sources())
    assert "'newer'" in both
    assert "'agreed'" not in both
    assert bench.sync().action == "conflict"


def test_a_conflict_ends_when_both_say_the_same(bench: Bench) -> None:
    bench.edit("restart = True", "restart = 'text'")
    bench.set_source(2, "restart = 'notebook'")
    copy = bench.place.root / str(bench.sync().conflict)
    bench.edit("'text'", "'notebook'")
    report = bench.sync()

    assert (report.action, report.notes) == ("recorded", (f"no longer disputed: runbooks/{copy.name}",))
    assert not copy.exists()


def test_a_conflict_ends_with_the_notebook_and_its_copy_goes(bench: Bench) -> None:
    bench.edit("restart = True", "restart = 1")
    bench.set_source(2, "restart = 2")
    assert bench.sync().action == "conflict"
    disputed = digest(bench.notebook.read_bytes())
    bench.notebook.unlink()

    report = bench.sync()
    assert report.action == "made-notebook"
    assert report.notes[0].startswith("no longer disputed: runbooks/x.conflict-")
    assert sorted(path.name for path in bench.text.parent.iterdir()) == ["x.ipynb", "x.py"]
    assert disputed in {each.digest for each in versions(bench.place, "runbooks/x.py")}


def test_a_notebook_that_was_away_in_a_dispute_and_comes_back_edited_says_what_made_its_outputs(
    bench: Bench,
) -> None:
    bench.edit('status = "up"', 'status = "mine"')
    bench.set_source(1, "theirs = 1")
    assert bench.sync().action == "conflict"
    bench.run(1)
    assert bench.sync().action == "conflict"
    away = bench.json()
    bench.notebook.unlink()
    assert bench.sync().action == "made-notebook"
    away["cells"][2]["source"] = ["theirs = 2"]

    bench.save(away)
    bench.sync()
    bench.edit("Slowly", "Quickly")  # so that the notebook is written, and says it
    bench.sync()

    cell = bench.json()["cells"][2]
    made = digest(b"theirs = 1")
    assert cell["outputs"][0]["text"][0].startswith(f"made by {made}")
    assert cell["metadata"]["runbook"] == {"source": made, "stale": True}


def test_a_notebook_that_was_away_and_says_itself_what_made_its_outputs_is_believed(bench: Bench) -> None:
    """Another one was made in its place, of which nothing is known of its cells."""
    bench.run(1)
    bench.sync()
    bench.edit("Slowly", "Quickly")
    bench.sync()
    made = bench.json()["cells"][2]["metadata"]["runbook"]["source"]
    shutil.rmtree(bench.place.state)
    bench.edit('status = "up"', 'status = "mine"')
    bench.set_source(1, "theirs = 1")
    assert bench.sync().action == "conflict"
    away = bench.json()
    bench.notebook.unlink()
    assert bench.sync().action == "made-notebook"
    away["cells"][2]["source"] = ["edited = 1"]
    bench.save(away)

    bench.sync()

    assert State(bench.place.state).records["runbooks/x.py"].foreign == {}
    bench.edit("Quickly", "Soon")
    bench.sync()
    cell = next(each for each in bench.json()["cells"] if each.get("outputs"))
    assert cell["metadata"]["runbook"] == {"source": made, "stale": True}


def test_a_notebook_that_was_away_beside_a_text_in_quarantine_says_what_made_its_outputs(
    bench: Bench,
) -> None:
    bench.write("")
    bench.run(1)
    assert bench.sync().action == "quarantined"
    away = bench.json()
    made = digest("".join(away["cells"][2]["source"]).encode())
    bench.notebook.unlink()
    assert bench.sync().action == "quarantined"
    away["cells"][2]["source"] = ["edited = 1"]
    bench.save(away)
    bench.sync()
    bench.write(TEXT.replace("Slowly", "Quickly"))
    bench.sync()

    cell = bench.json()["cells"][2]
    assert cell["source"] == ["edited = 1"]
    assert cell["metadata"]["runbook"] == {"source": made, "stale": True}


def test_a_dispute_ends_with_both_sides_and_so_does_its_copy(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w")
    bench.sync()
    bench.edit('status = "up"', 'status = "mine"')
    bench.set_source(1, 'status = "theirs"\nprint(status)')
    copy = bench.sync().conflict
    bench.text.unlink()
    bench.notebook.unlink()

    report = bench.sync()

    assert report.message == "both sides are gone; their versions are kept"
    assert report.notes == (f"no longer disputed: {copy}",)
    assert list(bench.text.parent.iterdir()) == []
    kept = [each.side for each in versions(bench.place, "runbooks/x.py")]
    assert kept[-1] == "conflict"


def test_a_conflict_copy_with_remarks_stays(bench: Bench) -> None:
    bench.edit("restart = True", "restart = 'text'")
    bench.set_source(2, "restart = 'notebook'")
    copy = bench.place.root / str(bench.sync().conflict)
    copy.write_text(copy.read_text() + "\nI prefer the second.\n")
    bench.edit("'text'", "'notebook'")
    bench.sync()

    assert copy.exists()


def test_both_moved_cells_apart(bench: Bench) -> None:
    bench.write(HEADER + BODY[BODY.index("# %% tags") :] + "\n" + BODY[: BODY.index("# %% tags")])
    bench.change(lambda cells: cells.insert(0, cells.pop(1)))
    before = bench.text.read_bytes(), bench.notebook.read_bytes()
    report = bench.sync()

    assert report.action == "conflict"
    assert "the order of cells" in report.message
    assert (bench.text.read_bytes(), bench.notebook.read_bytes()) == before
    assert resolve(bench.place, bench.pair, take="notebook", now=NOW).is_settled
    assert bench.agrees()


# --- without a base


def test_equal_sides_pair_without_a_base(bench: Bench) -> None:
    bench.run(1)
    shutil.rmtree(bench.place.state)
    before = _stamp(bench.text), _stamp(bench.notebook)

    assert bench.sync().action == "recorded"
    assert (_stamp(bench.text), _stamp(bench.notebook)) == before


def test_unequal_sides_without_a_base_never_overwrite(bench: Bench) -> None:
    bench.edit("restart = True", "restart = False")
    shutil.rmtree(bench.place.state)
    before = bench.text.read_bytes(), bench.notebook.read_bytes()
    report = bench.sync()

    assert report.action == "conflict"
    assert (bench.text.read_bytes(), bench.notebook.read_bytes()) == before
    assert resolve(bench.place, bench.pair, take="text", now=NOW).is_settled
    assert bench.sources()[-1] == "restart = False"


@pytest.mark.parametrize("damage", ["garbage", "cut", "flip", "torn"])
def test_a_damaged_state_is_found_anew_from_the_contents(bench: Bench, damage: str) -> None:
    log = bench.place.state / "pairs-1.log"
    data = log.read_bytes()
    log.write_bytes(
        {
            "garbage": b"\xff" * 99,
            "cut": data[: len(data) // 2],
            "torn": data[:-9],
            "flip": data.replace(b"sha256:", b"sha257:"),
        }[damage]
    )

    damaged = log.read_bytes()
    said: list[str] = []
    assert bench.sync(tell=said.append).action in ("recorded", "unchanged")
    assert bench.sync(tell=said.append).action == "unchanged"
    bench.edit("restart = True", "restart = False")
    assert bench.sync(tell=said.append).action == "to-notebook"
    if damage == "torn":
        assert said == []  # as a kill in the middle of a line leaves it
    else:
        aside = log.with_name("pairs-1.log.damaged-1")
        assert said == [
            f"the state of pairs was damaged: it is set aside as {aside}, and pairs are compared anew"
        ]
        assert aside.read_bytes() == damaged


def test_a_state_of_a_newer_program_is_said_and_left_alone(bench: Bench) -> None:
    log = bench.place.state / "pairs-1.log"
    newer = log.rename(log.with_name("pairs-2.log"))
    before = newer.read_bytes()
    said: list[str] = []
    assert bench.sync(tell=said.append).action == "recorded"
    assert said == [f"{newer} is a newer runbook's: all pairs are compared anew"]
    assert bench.sync(tell=said.append).action == "unchanged"
    assert len(said) == 1
    assert newer.read_bytes() == before


def test_a_damaged_base_is_said_and_then_nobody_is_overwritten(bench: Bench) -> None:
    record = State(bench.place.state).records["runbooks/x.py"]
    digits = str(record.base_text).removeprefix("sha256:")
    kept = bench.place.store / f"objects/{digits[:2]}/{digits}"
    kept.chmod(0o644)
    kept.write_bytes(b"damaged")
    bench.edit("restart = True", "restart = 'text'")
    bench.set_source(2, "restart = 'notebook'")
    before = (bench.text.read_bytes(), bench.notebook.read_bytes())
    said: list[str] = []
    report = bench.sync(tell=said.append)

    assert report.action == "conflict"
    assert (bench.text.read_bytes(), bench.notebook.read_bytes()) == before
    assert f"{record.base_text}: these bytes are not what was put" in said


# --- missing sides


def test_a_deleted_text_is_reported_and_not_made_again(bench: Bench) -> None:
    bench.text.unlink()
    report = bench.sync()

    assert report.action == "orphan"
    assert "runbooks/x.py is gone" in report.message
    assert not bench.text.exists()
    assert bench.notebook.exists()


def test_an_edit_in_the_notebook_beats_the_deletion_of_the_text(bench: Bench) -> None:
    bench.text.unlink()
    bench.set_source(2, "restart = 'edited'")
    report = bench.sync()

    assert report.action == "made-text"
    assert bench.text.read_text() == TEXT.replace("True", "'edited'")


def test_a_deleted_notebook_comes_back_with_its_outputs(bench: Bench) -> None:
    bench.run(1)
    bench.run(2)
    bench.sync()
    outputs = bench.json()["cells"][2]["outputs"]
    bench.notebook.unlink()
    bench.edit("restart = True", "restart = False")
    report = bench.sync()

    assert (report.action, report.outputs_kept) == ("made-notebook", 1)
    assert bench.json()["cells"][2]["outputs"] == outputs
    assert bench.json()["cells"][3]["outputs"] == []


def test_both_sides_gone_are_forgotten_and_kept_as_versions(bench: Bench) -> None:
    bench.text.unlink()
    bench.notebook.unlink()

    assert bench.sync().action == "recorded"
    assert State(bench.place.state).records == {}
    assert open_store(bench.place.store).history("runbooks/x.py")


def test_a_notebook_without_a_text_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", None)
    bench.save(notebook([code("x = 1")]))
    report = bench.sync()

    assert (report.action, report.message) == ("orphan", "runbooks/x.ipynb has no text")


# --- sides that cannot be believed


@pytest.mark.parametrize(
    ("data", "code_word"),
    [
        (b"", "side.tiny"),
        (b"   \n", "side.tiny"),
        (TEXT.encode()[:-9], "side.tiny"),
        (b"# ---\n", "side.tiny"),
        (HEADER.encode(), "side.tiny"),
        ((HEADER + "# %% [markdown]\n# # Restart the web tier\n").encode(), "side.tiny"),
        (b"\xff\xfe", "text.encoding"),
        (
            TEXT.replace("restart = True", "<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> z").encode(),
            "text.conflict-markers",
        ),
        (TEXT.replace("# runbook:", "# <<<<<<< HEAD").encode(), "text.conflict-markers"),
    ],
)
def test_a_text_that_cannot_be_believed_is_quarantined(bench: Bench, data: bytes, code_word: str) -> None:
    saved = bench.notebook.read_bytes()
    bench.write(data)
    for _ in range(2):
        report = bench.sync()
        assert report.action == "quarantined", report
        assert report.problems[0].code == code_word
        assert (bench.text.read_bytes(), bench.notebook.read_bytes()) == (data, saved)
    bench.write(TEXT.replace("True", "False"))
    assert bench.sync().action == "to-notebook"


@pytest.mark.parametrize(
    ("data", "code_word"),
    [
        (b"", "notebook.json"),
        (b'{"cells": [', "notebook.json"),
        (b"\xff", "notebook.encoding"),
        (b"[]", "notebook.json"),
        (b"{}", "notebook.format"),
        (json.dumps(notebook([])).encode(), "side.tiny"),
        (json.dumps({**notebook([]), "nbformat": 5}).encode(), "notebook.newer"),
        (
            json.dumps(notebook([{"cell_type": "other", "source": "", "metadata": {}}])).encode(),
            "notebook.cell",
        ),
        (json.dumps(notebook([code("a"), code("b")])).encode(), "notebook.id"),
        (b'{"cells": [], "cells": []}', "notebook.json"),
        (b"[" * 100_000, "notebook.json"),
    ],
)
def test_a_notebook_that_cannot_be_believed_stays_as_it_is(bench: Bench, data: bytes, code_word: str) -> None:
    bench.notebook.write_bytes(data)
    bench.edit("restart = True", "restart = False")
    report = bench.sync()

    assert report.action in ("quarantined", "refused"), report
    assert code_word in [problem.code for problem in report.problems], report
    assert bench.notebook.read_bytes() == data
    assert "restart = False" in bench.text.read_text()


def test_most_cells_gone_at_once_needs_a_person(tmp_path: Path) -> None:
    body = "".join(f"# %%\nx{n} = {n}\n\n" for n in range(10))
    bench = Bench(tmp_path / "w", HEADER + body)
    bench.sync()
    bench.write(HEADER + "# %%\nx0 = 1\n")
    report = bench.sync()

    assert report.action == "quarantined"
    assert "9 of 10 cells are gone at once" in report.message
    assert "--accept" in str(report.problems[0].hint)
    assert len(bench.sources()) == 10
    assert bench.sync(accept=True).action == "to-notebook"
    assert bench.sources() == ["x0 = 1"]


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_a_save_that_is_half_done_costs_no_outputs_whatever_was_edited_in_it(tmp_path: Path) -> None:
    """Half of an edited text is not the beginning of what it was: it reads like a text with cells deleted."""
    bench = Bench(tmp_path / "w", TEXT + "".join(f"\n# %%\ncell{i} = {i}\n" for i in range(9)))
    bench.sync()
    for index in range(1, 12):
        bench.run(index)
    bench.sync()
    whole = bench.text.read_bytes().replace(b"Slowly", b"Quickly")
    half = whole.index(b"\n# %%\ncell7")

    with bench.text.open("wb") as file:
        file.write(whole[:half])
        file.flush()
        bench.set_source(2, "restart = False")  # somebody saves the other side meanwhile
        first, again = bench.sync(), bench.sync()
        file.write(whole[half:])

    words = "runbooks/x.py: another program is still writing it; both files stay as they are"
    assert [(each.action, each.message) for each in (first, again)] == [("quarantined", words)] * 2
    hint = "sync when it has finished; if it never does: `runbook sync runbooks/x.py --accept`"
    assert first.problems[0].hint == hint
    assert bench.sync().action == "merged"
    ran = [bool(cell.get("outputs")) for cell in bench.json()["cells"] if cell["cell_type"] == "code"]
    assert ran == [True] * 11


def test_what_could_not_be_kept_as_a_version_is_not_taken_for_seen(bench: Bench) -> None:
    """As on a full disk, where the state's short line still found room: the version would never be kept."""
    history = bench.place.store / "names/runbooks%2fx.py"
    away = history.with_name("away")
    history.rename(away)
    history.mkdir()  # cannot be written
    bench.run(1, "words of this run")
    blocked = bench.sync()
    history.rmdir()
    away.rename(history)

    assert blocked.action == "blocked"
    assert bench.sync().action == "recorded"
    kept = [open_store(bench.place.store).get(each.digest) for each in versions(bench.place, "runbooks/x.py")]
    assert b"words of this run" in kept[-1]


@pytest.mark.parametrize("side", ["text", "notebook"])
def test_pairs_go_on_when_the_store_was_taken_away_and_the_state_was_not(bench: Bench, side: str) -> None:
    """What is replaced is kept first, also when it was seen, and kept, before."""
    before = (bench.notebook if side == "text" else bench.text).read_bytes()
    shutil.rmtree(bench.place.store)
    if side == "text":
        bench.edit("restart = True", "restart = False")
    else:
        bench.set_source(2, "restart = False")
    if bench.sync().action == "conflict":  # what was in step is known by its bytes alone, and they are gone
        assert resolve(bench.place, bench.pair, take="text", now=NOW).is_settled

    assert bench.sources()[-1] == "restart = False"
    assert b"restart = False" in bench.text.read_bytes()
    kept = [open_store(bench.place.store).get(each.digest) for each in versions(bench.place, "runbooks/x.py")]
    assert before in kept


def test_a_half_written_save_is_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", patience_seconds=2.0)
    bench.sync()
    bench.run(1)
    bench.sync()
    whole = TEXT.replace("True", "False")
    bench.write(whole[: len(TEXT) // 2])

    def finish() -> None:
        time.sleep(0.2)
        bench.write(whole)

    writer = threading.Thread(target=finish)
    writer.start()
    report = bench.sync()
    writer.join()

    assert report.action == "to-notebook"
    assert bench.json()["cells"][2]["outputs"] != []


# --- files


def test_a_read_only_text_is_reported_and_both_stay(bench: Bench) -> None:
    bench.set_source(2, "restart = 1")
    bench.text.chmod(0o444)
    report = bench.sync()

    assert report.action == "blocked"
    assert "read-only" in report.message
    assert bench.text.read_text() == TEXT
    bench.text.chmod(0o644)
    report = bench.sync()
    assert (report.action, report.message) == ("recorded", "finished what a sync had left half done")
    assert "restart = 1" in bench.text.read_text()


def test_a_link_inside_the_workspace_is_written_through(bench: Bench) -> None:
    real = bench.root / "real.py"
    bench.text.rename(real)
    bench.text.symlink_to("../real.py")
    bench.set_source(2, "restart = 1")

    assert bench.sync().action == "to-text"
    assert bench.text.is_symlink()
    assert "restart = 1" in real.read_text()


def test_a_link_out_of_the_workspace_is_refused(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(TEXT)
    bench.text.unlink()
    bench.text.symlink_to(outside)
    bench.set_source(2, "restart = 1")
    report = bench.sync()

    assert report.action == "blocked"
    assert "leads out of the workspace" in report.message
    assert outside.read_text() == TEXT


def test_a_hard_link_is_reported_not_parted(bench: Bench) -> None:
    os.link(bench.text, bench.text.with_name("other.txt"))
    bench.set_source(2, "restart = 1")

    report = bench.sync()
    assert report.action == "blocked"
    assert "2 names" in report.message


def test_line_ends_and_byte_order_mark_stay(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()
    bench = Bench(tmp_path / "w", data)
    bench.sync()
    bench.set_source(2, "restart = 1\nmore = 2")
    bench.sync()

    assert bench.text.read_bytes() == data.replace(b"restart = True", b"restart = 1\r\nmore = 2")


def test_an_old_notebook_is_read_and_keeps_its_version_until_edited(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", "# %%\nx = 1\n")
    old = {
        "metadata": {"name": ""},
        "nbformat": 3,
        "nbformat_minor": 0,
        "worksheets": [
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "input": ["x = 1"],
                        "language": "python",
                        "metadata": {},
                        "outputs": [],
                    }
                ],
                "metadata": {},
            }
        ],
    }
    data = json.dumps(old).encode()
    bench.notebook.write_bytes(data)
    assert bench.sync().action == "recorded"
    assert bench.notebook.read_bytes() == data
    bench.edit("x = 1", "x = 2")
    assert bench.sync().action == "to-notebook"
    assert (bench.json()["nbformat"], bench.sources()) == (4, ["x = 2"])


def test_a_notebook_without_ids_gets_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", "# %%\nx = 1\n")
    cell = code("x = 1")
    del cell["id"]
    bench.save(notebook([cell], minor=4))
    bench.sync()
    bench.write("# %%\nx = 1\n\n# %%\ny = 2\n")
    bench.sync()

    assert all("id" not in cell for cell in bench.json()["cells"])
    assert bench.json()["nbformat_minor"] == 4


@pytest.mark.parametrize("indent", [None, 1, 2, 4, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_notebook_keeps_its_way_of_writing(tmp_path: Path, indent: Any, ascii_only: bool) -> None:
    bench = Bench(tmp_path / "w", "# %%\nx = 'ü'\n\n# %%\ny = 1\n")
    cells = [code("x = 'ü'", cell_id="a"), code("y = 1", cell_id="b")]
    cells[0]["outputs"] = [{"output_type": "display_data", "data": {"x": 1.10, "big": 1e400}, "metadata": {}}]
    words = json.dumps(notebook(cells), indent=indent, ensure_ascii=ascii_only).replace("1.1", "1.10")
    bench.notebook.write_text(words, encoding="utf-8")
    assert bench.sync().action == "recorded"
    bench.edit("y = 1", "y = 'ö'")
    bench.sync()
    new = bench.notebook.read_text(encoding="utf-8")

    word = "y = '\\u00f6'" if ascii_only else "y = 'ö'"
    stamped = json.loads(new)["cells"][0]["metadata"]
    assert '"x": 1.10' in new  # the very bytes of what a program wrote
    assert word in new
    assert set(stamped) == {"runbook"}
    assert json.dumps(json.loads(new), indent=indent, ensure_ascii=ascii_only).replace("1.1", "1.10") == new


# --- many


def test_many_pairs_are_synced_in_one_go(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", None)
    for number in range(60):
        folder = bench.root / f"runbooks/f{number % 5}"
        folder.mkdir(exist_ok=True)
        (folder / f"t{number}.py").write_text(f"# %%\nx = {number}\n")
    (bench.root / "runbooks/helper.py").write_text("print('no runbook')\n")
    (bench.root / "runbooks/f1/broken.py").write_bytes(b"# %%\n\xff\n")
    reports = bench.sync_all()

    assert len(reports) == 61
    assert reports.pop("runbooks/f1/broken.py").action == "quarantined"
    assert {report.action for report in reports.values()} == {"made-notebook"}
    assert not (bench.root / "runbooks/helper.ipynb").exists()
    for path in (bench.root / "runbooks").rglob("t*.py"):
        path.write_text(path.read_text() + "\n# %%\nmore = 1\n")
    again = bench.sync_all()
    assert {report.action for name, report in again.items() if "/t" in name} == {"to-notebook"}
    assert {report.action for name, report in bench.sync_all().items() if "/t" in name} == {"unchanged"}


def test_a_rename_takes_the_notebook_along(bench: Bench) -> None:
    bench.run(1)
    bench.sync_all()
    saved = bench.notebook.read_bytes()
    bench.text.rename(bench.text.with_name("y.py"))
    reports = bench.sync_all()

    assert reports["runbooks/y.py"].action == "renamed"
    assert not bench.notebook.exists()
    assert bench.notebook.with_name("y.ipynb").read_bytes() == saved
    assert bench.sync_all()["runbooks/y.py"].action == "unchanged"
    assert [entry.label for entry in open_store(bench.place.store).history("runbooks/y.py")] == [
        "text renamed from runbooks/x.py",
        "notebook renamed from runbooks/x.py",
    ]


def test_a_rename_over_another_text_is_an_edit_of_that_one(bench: Bench) -> None:
    other = bench.text.with_name("y.py")
    other.write_text(TEXT.replace("restart = True", "restart = 'y'"))
    bench.sync_all()
    before = digest(bench.text.read_bytes())
    other.rename(bench.text)

    reports = bench.sync_all()
    assert reports["runbooks/x.py"].action == "to-notebook"
    assert "restart = 'y'" in bench.sources()
    assert reports["runbooks/y.py"].action == "orphan"
    assert bench.text.with_name("y.ipynb").exists()
    assert before in {each.digest for each in versions(bench.place, "runbooks/x.py")}


def test_a_folder_renamed_takes_all_its_notebooks_along(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", None)
    (bench.root / "runbooks/a").mkdir()
    for number in range(3):
        (bench.root / f"runbooks/a/t{number}.py").write_text(f"# %%\nx = {number}\n")
    bench.sync_all(template="notebooks/{folder}/{name}.ipynb")
    (bench.root / "runbooks/a").rename(bench.root / "runbooks/b")
    reports = bench.sync_all(template="notebooks/{folder}/{name}.ipynb")

    assert {report.action for report in reports.values()} == {"renamed"}
    assert len(list((bench.root / "notebooks/runbooks/b").iterdir())) == 3


def test_a_rename_onto_a_taken_notebook_is_said(bench: Bench) -> None:
    other = bench.notebook.with_name("y.ipynb")
    other.write_text("somebody's")
    bench.text.rename(bench.text.with_name("y.py"))
    reports = bench.sync_all()

    assert "is there already" in reports["runbooks/y.py"].message
    assert other.read_text() == "somebody's"
    assert bench.notebook.exists()


def test_sides_renamed_apart_are_paired_anew_and_nothing_is_overwritten(bench: Bench) -> None:
    bench.text.rename(bench.text.with_name("y.py"))
    bench.notebook.rename(bench.notebook.with_name("z.ipynb"))
    reports = bench.sync_all()

    assert reports["runbooks/y.py"].action == "made-notebook"
    assert bench.notebook.with_name("z.ipynb").exists()


def test_names_that_differ_by_case_only_are_not_synced(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w")
    (bench.root / "runbooks/X.py").write_text(TEXT)
    reports = bench.sync_all()

    assert {report.action for report in reports.values()} == {"refused"}
    assert {report.problems[0].code for report in reports.values()} == {"name.collision"}
    assert not bench.notebook.exists()


def test_a_name_under_which_nothing_stands_any_more_is_in_nobodys_way(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w")
    bench.sync()
    bench.text.unlink()
    bench.notebook.unlink()
    (bench.root / "runbooks/X.py").write_text("# %%\nanother = 1\n")
    other = pair_of(bench.place.root, "runbooks/X.py", template=None)

    assert sync_pair(bench.place, other, now=NOW).action == "made-notebook"
    assert {name: each.message for name, each in bench.sync_all().items()} == {
        "runbooks/X.py": "in step",
        "runbooks/x.py": "both sides are gone; their versions are kept",
    }


def test_names_of_two_unicode_forms_are_not_synced(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", None)
    for name in ("u\u0308.py", "\u00fc.py"):
        (bench.root / "runbooks" / name).write_text(TEXT)

    assert {report.problems[0].code for report in bench.sync_all().values()} == {"name.collision"}


def test_two_texts_of_one_notebook_are_not_synced(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", None)
    for folder in ("runbooks/a", "more/a"):
        (bench.root / folder).mkdir(parents=True)
        (bench.root / folder / "x.py").write_text(TEXT)
    pairs = find_pairs(bench.place.root, folders=["runbooks", "more"], template="nb/{name}.ipynb")

    assert [pair.notebook_name for pair in pairs] == ["nb/a/x.ipynb", "nb/a/x.ipynb"]
    from runbook.pairing.sync import sync_all

    reports = sync_all(bench.place, pairs, now=NOW)
    assert {report.problems[0].code for report in reports} == {"name.collision"}


def test_a_name_that_is_not_utf_8_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", None)
    Path(os.fsdecode(os.fsencode(bench.root / "runbooks") + b"/\xff.py")).write_text(TEXT)
    reports = bench.sync_all()

    assert [report.problems[0].code for report in reports.values()] == ["name.encoding"]


def test_check_says_what_would_be_done_and_writes_nothing(bench: Bench) -> None:
    bench.edit("restart = True", "restart = False")
    before = {path: path.read_bytes() for path in bench.root.rglob("*") if path.is_file()}

    assert bench.sync(check=True).action == "to-notebook"
    assert bench.sync_all(check=True)["runbooks/x.py"].action == "to-notebook"
    assert {path: path.read_bytes() for path in bench.root.rglob("*") if path.is_file()} == before


def _run_then_edited(bench: Bench) -> str:
    """A cell is run, seen, edited, seen: the digest of what made its output."""
    bench.run(1)
    bench.sync()
    made = str(bench.json()["cells"][2]["outputs"][0]["text"]).split()[2]
    bench.set_source(1, "status = 'edited'")
    bench.sync()
    return made


def test_outputs_are_not_taken_for_those_of_a_later_source_while_the_text_is_gone(bench: Bench) -> None:
    bench.text.unlink()
    assert bench.sync().action == "orphan"
    made = _run_then_edited(bench)

    assert "status = 'edited'" in bench.text.read_text(), "an edit beats a deletion"
    bench.edit("restart = True", "restart = False")
    bench.sync()
    assert bench.json()["cells"][2]["metadata"]["runbook"] == {"source": made, "stale": True}


def test_nor_while_the_pair_is_in_dispute(bench: Bench) -> None:
    bench.edit("restart = True", "restart = 1")
    bench.set_source(2, "restart = 2")
    assert bench.sync().action == "conflict"
    made = _run_then_edited(bench)

    assert resolve(bench.place, bench.pair, take="text", now=NOW).is_settled
    bench.edit("restart = 1", "restart = 3")
    bench.sync()
    assert bench.json()["cells"][2]["metadata"]["runbook"] == {"source": made, "stale": True}


def test_nor_while_the_text_cannot_be_read(bench: Bench) -> None:
    whole = bench.text.read_bytes()
    bench.write(whole.replace(b"# %%", b"<<<<<<< HEAD\n# %%", 1))
    assert bench.sync().action in ("quarantined", "refused")
    made = _run_then_edited(bench)

    bench.write(whole)
    assert bench.sync().is_settled
    bench.edit("restart = True", "restart = False")
    bench.sync()
    assert bench.json()["cells"][2]["metadata"]["runbook"] == {"source": made, "stale": True}


def test_nor_when_the_state_is_deleted(bench: Bench) -> None:
    made = _run_then_edited(bench)
    shutil.rmtree(bench.place.state)

    assert bench.sync().is_settled
    bench.edit("restart = True", "restart = False")
    bench.sync()
    assert bench.json()["cells"][2]["metadata"]["runbook"] == {"source": made, "stale": True}


def test_nor_when_the_state_goes_after_a_run_that_our_stamp_does_not_know(bench: Bench) -> None:
    bench.run(1)
    bench.sync()
    bench.edit("restart = True", "restart = 1")
    bench.sync()  # writes what made the outputs
    bench.set_source(1, "status = 'other'")
    bench.run(1, "again")  # Jupyter leaves the stamp of the first run
    bench.sync()
    shutil.rmtree(bench.place.state)

    bench.sync()
    bench.edit("restart = 1", "restart = 2")
    bench.sync()
    made = str(bench.json()["cells"][2]["outputs"][0]["text"]).split()[2]
    assert bench.json()["cells"][2]["metadata"]["runbook"] == {"source": made}


def test_a_notebook_that_nobody_saw_before_tells_itself(bench: Bench, tmp_path: Path) -> None:
    made = _run_then_edited(bench)
    bench.edit("restart = True", "restart = 1")
    bench.sync()
    other = Bench(tmp_path / "elsewhere", bench.text.read_bytes())
    other.notebook.write_bytes(bench.notebook.read_bytes())

    assert other.sync().is_settled
    other.edit("restart = 1", "restart = 2")
    other.sync()
    assert other.json()["cells"][2]["metadata"]["runbook"] == {"source": made, "stale": True}


def test_nor_in_a_notebook_that_comes_back_from_another_name(bench: Bench) -> None:
    """The notebook that stood here before is known with other outputs."""
    bench.run(1, "old")
    bench.sync()
    old = bench.notebook.read_bytes()
    bench.run(1, "new")
    bench.sync()
    bench.edit("restart = True", "restart = 1")
    bench.sync()  # writes what made the outputs
    made = bench.json()["cells"][2]["metadata"]["runbook"]
    bench.set_source(1, "status = 'edited'")
    bench.sync()
    new, text = bench.notebook.read_bytes(), bench.text.read_bytes()
    bench.notebook.write_bytes(old)
    bench.write(TEXT)
    bench.sync()
    bench.notebook.write_bytes(new)
    bench.write(text)
    bench.sync()
    bench.edit("restart = 1", "restart = 2")
    bench.sync()

    assert bench.json()["cells"][2]["metadata"]["runbook"] == {**made, "stale": True}


def test_stale_approvals_are_said_at_once(tmp_path: Path) -> None:
    from runbook.text.digests import text_digest

    entry = """\
# approvals:
# - approver: reviewer@example.com
#   environments: [prod]
#   allows: unattended
#   text: DIGEST
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQ==
"""
    text = TEXT.replace("# jupyter:\n", entry.replace("DIGEST", text_digest(TEXT)) + "# jupyter:\n")
    bench = Bench(tmp_path / "w", text)
    bench.sync()
    bench.set_source(2, "restart = 1")
    report = bench.sync()

    assert report.stale == ("reviewer@example.com (prod)",)
    assert bench.text.read_text() == text.replace("restart = True", "restart = 1")


# --- places


def test_state_and_store_stand_in_git_s_common_folder(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / "a.txt").write_text("x")
    subprocess.run(["git", "-C", str(root), "add", "."], check=True)
    subprocess.run(["git", "-C", str(root), "commit", "-qm", "x"], check=True)
    subprocess.run(["git", "-C", str(root), "worktree", "add", "-q", str(tmp_path / "tree")], check=True)
    first = place(root, env=dict(os.environ))
    second = place(tmp_path / "tree", env=dict(os.environ))

    assert first.store == second.store == root.resolve() / ".git/runbook/store"
    assert first.state.parent == second.state.parent == root.resolve() / ".git/runbook"
    assert first.state != second.state


def test_git_clean_takes_no_version_away(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    bench = Bench(root)
    (root / ".gitignore").write_text("*.ipynb\n.runbook/\n")
    bench.sync()
    bench.run(1)
    bench.sync()
    subprocess.run(["git", "-C", str(root), "clean", "-qfdX"], check=True)
    subprocess.run(["git", "-C", str(root), "gc", "-q", "--prune=now"], check=True)

    assert not bench.notebook.exists()
    assert bench.sync().action == "made-notebook"
    assert bench.json()["cells"][2]["outputs"] != []


@pytest.mark.parametrize(
    ("template", "name", "result"),
    [
        (None, "runbooks/web/x.py", "runbooks/web/x.ipynb"),
        ("{folder}/{name}.ipynb", "x.py", "x.ipynb"),
        ("notebooks/{name}.ipynb", "runbooks/x.py", "notebooks/x.ipynb"),
        ("notebooks/{name}.ipynb", "runbooks/web/x.py", "notebooks/web/x.ipynb"),
        ("nb/{folder}/{name}.ipynb", "runbooks/web/x.py", "nb/runbooks/web/x.ipynb"),
    ],
)
def test_the_template_says_where_notebooks_are(
    tmp_path: Path, template: str | None, name: str, result: str
) -> None:
    assert pair_of(tmp_path, name, template=template).notebook_name == result


@pytest.mark.parametrize("template", ["all.ipynb", "{name}.txt", "../{name}.ipynb", "/tmp/{name}.ipynb"])
def test_a_template_that_cannot_be_meant_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(ConfigError):
        pair_of(tmp_path, "runbooks/x.py", template=template)


@pytest.mark.parametrize("name", ["../x.py", "/x.py", "x.txt"])
def test_what_is_no_text_of_the_workspace_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match="not a text below the workspace"):
        pair_of(tmp_path, name, template=None)


def test_what_editors_leave_is_never_a_text(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w")
    odd = [
        ".#x.py",
        "#x.py#",
        "x.py~",
        "4913",
        ".x.py.swp",
        "x.py___jb_tmp___",
        "x_tmp_jupytext_12.py",
        ".x.py",
    ]
    for name in [*odd, "x.conflict-20261121T001205Z-01234567.py"]:
        (bench.root / "runbooks" / name).write_text(TEXT)
    for folder in (".ipynb_checkpoints", "__pycache__", ".venv", "executions"):
        (bench.root / "runbooks" / folder).mkdir()
        (bench.root / "runbooks" / folder / "y.py").write_text(TEXT)

    pairs = find_pairs(bench.place.root, folders=["runbooks", "missing"], template=None)
    assert [pair.name for pair in pairs] == ["runbooks/x.py"]


def test_prose_attachments_survive_an_edit_of_their_cell(bench: Bench) -> None:
    def add(cells: list[dict[str, Any]]) -> None:
        cells.append(
            {
                **prose("![x](attachment:x.png)", cell_id="att"),
                "attachments": {"x.png": {"image/png": "AA=="}},
            }
        )

    bench.change(add)
    bench.sync()
    bench.edit("# ![x](attachment:x.png)", "# See ![x](attachment:x.png)")
    bench.sync()

    assert bench.json()["cells"][-1]["attachments"] == {"x.png": {"image/png": "AA=="}}
