"""Pairs edited through a real Jupyter server, with and without jupytext's own contents manager in it."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jupyter.lab import BODY, HEADER, LAB, TEXT, Server, Watch, cell_with, desk, source, until
from tests.program import program

pytestmark = [
    pytest.mark.skipif(not LAB.exists(), reason="needs .venv-jupyter: make .venv-jupyter/.stamp"),
    pytest.mark.slow,
]

Desk = tuple[Path, Server, Watch]


@pytest.fixture(scope="module", params=[False, True], ids=["alone", "with-jupytext"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this page, each in a folder of its own: a start takes many seconds."""
    root, home = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("home")
    with Server(root, with_jupytext=request.param, home=home) as made:
        yield made


@pytest.fixture
def place(server: Server, request: pytest.FixtureRequest) -> Iterator[Desk]:
    name = re.sub(r"\W+", "-", request.node.originalname)
    with desk(server, name) as made:
        status, _ = server.ask("GET", f"/api/contents/{name}/runbooks/x.py?type=notebook")
        assert (status == 200) is server.with_jupytext, "another contents manager than the test wants"
        yield made


def run(notebook: Any) -> None:
    """What a run of all cells leaves in the notebook that JupyterLab saves."""
    for count, cell in enumerate((cell for cell in notebook["cells"] if cell["cell_type"] == "code"), 1):
        cell["execution_count"] = count
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": f"output {count}\n"}]
        cell["metadata"]["execution"] = {"iopub.execute_input": "2026-11-21T03:00:00.000000Z"}


def outputs(cell: Any) -> str:
    return "".join(piece for output in cell["outputs"] for piece in output["text"])


def test_opening_running_and_saving_changes_not_one_byte_of_the_text(place: Desk) -> None:
    text, server, watch = place
    before = (text.read_bytes(), text.stat().st_mtime_ns, text.stat().st_ino)

    for _ in range(3):
        notebook = server.opens()
        run(notebook)
        server.saves(notebook)
        watch.settles()

    assert (text.read_bytes(), text.stat().st_mtime_ns, text.stat().st_ino) == before
    assert [outputs(cell) for cell in server.opens()["cells"] if cell["cell_type"] == "code"] == [
        "output 1\n",
        "output 2\n",
    ]


def test_a_cell_edited_and_saved_reaches_the_text_and_only_its_lines(place: Desk) -> None:
    text, server, watch = place
    notebook = server.opens()
    cell = cell_with(notebook, "restart = True")
    cell["source"] = "restart = False"
    server.saves(notebook)

    until(lambda: "restart = False" in text.read_text(), "the edit is in the text")
    watch.settles()

    assert text.read_text() == TEXT.replace("restart = True", "restart = False")


def test_an_edit_of_the_text_is_there_when_the_notebook_is_opened_again_and_outputs_stay(place: Desk) -> None:
    text, server, watch = place
    notebook = server.opens()
    run(notebook)
    server.saves(notebook)
    watch.settles()

    text.write_text(text.read_text().replace("restart = True", "restart = 'later'"))
    until(lambda: "later" in (text.with_suffix(".ipynb")).read_text(), "the edit is in the notebook")
    watch.settles()
    found = server.opens()

    assert source(cell_with(found, "restart =")) == "restart = 'later'"
    assert outputs(cell_with(found, "status")) == "output 1\n"
    assert cell_with(found, "restart =")["outputs"] == []


def test_saves_from_both_sides_in_turn_lose_nothing_and_come_to_rest(place: Desk) -> None:
    text, server, watch = place
    tokens = []
    for turn in range(4):
        here, there = f"text_{turn} = 1", f"lab_{turn} = 1"
        tokens += [here, there]
        text.write_text(f"{text.read_text()}\n# %%\n{here}\n")
        until(lambda here=here: here in text.with_suffix(".ipynb").read_text(), f"{here} in the notebook")  # type: ignore[misc]  # a default binds it
        notebook = server.opens()
        cell = cell_with(notebook, here)
        cell["source"] = f"{source(cell)}\n{there}"
        server.saves(notebook)
        until(lambda there=there: there in text.read_text(), f"{there} in the text")  # type: ignore[misc]  # a default binds it
    watch.settles()
    count = len(watch.rounds)
    watch.settles(2.0)

    said, shown = text.read_text(), "\n".join(source(cell) for cell in server.opens()["cells"])
    assert [token for token in tokens if token not in said or token not in shown] == []
    assert len(watch.rounds) == count, "it goes on writing"
    assert count <= 2 * len(tokens) + 2, watch.rounds
    assert said.startswith(HEADER + BODY)
    assert not [told for told in watch.told if told["event"] == "ping-pong"]


def test_a_save_of_what_was_opened_before_the_texts_edit_keeps_both_edits_somewhere(place: Desk) -> None:
    """JupyterLab asks before it overwrites; this is what follows when a person says `Overwrite`."""
    text, server, watch = place
    stale = server.opens()
    text.write_text(text.read_text().replace("restart = True", "restart = 'from the text'"))
    until(lambda: "from the text" in text.with_suffix(".ipynb").read_text(), "the edit is in the notebook")
    watch.settles()
    cell_with(stale, "status =")["source"] = "status = 'from the lab'"
    server.saves(stale)
    until(lambda: "from the lab" in text.read_text(), "the notebook's edit is in the text")
    watch.settles()

    kept = program(text.parents[1], "versions", "x", "--json").json["versions"]
    found = [
        program(text.parents[1], "diff", f"x@{version['number']}", "x").out
        for version in kept
        if version["side"] == "text"
    ]
    assert any("from the text" in each for each in [text.read_text(), *found])
    [number] = [told["taken_back"] for told in watch.rounds if told["taken_back"] is not None]
    assert program(text.parents[1], "restore", f"x@{number}").code == 0
    assert "from the text" in text.read_text()


def test_two_who_undo_each_other_are_noticed_and_left_alone(place: Desk) -> None:
    text, server, watch = place
    notebook = server.opens()
    wanted = text.read_text().replace("restart = True", "restart = 'as the formatter wants it'")
    limit = time.monotonic() + 60
    while time.monotonic() < limit and not any(told["event"] == "ping-pong" for told in watch.told):
        if text.read_text() != wanted:
            text.write_text(wanted)
        elif "formatter" in text.with_suffix(".ipynb").read_text():
            server.saves(notebook)
        time.sleep(0.02)

    told = watch.says("ping-pong", seconds=1)
    assert "runbooks/x.py" in told["message"]
    watch.settles()
    count = len(watch.rounds)
    text.write_text(wanted + "\n# %%\nmore = 1\n")
    watch.settles()
    assert len(watch.rounds) == count, "it went on, although it said that it stops"


def test_a_pairing_of_jupytexts_own_is_said_and_loses_nothing(server: Server) -> None:
    if not server.with_jupytext:
        pytest.skip("there is no jupytext in this server")
    paired = (
        HEADER.replace("# jupyter:\n", "# jupyter:\n#   jupytext:\n#     formats: ipynb,py:percent\n") + BODY
    )
    with desk(server, "paired", text=paired) as (text, server, watch):
        said = watch.says("jupytext")
        assert "formats: ipynb,py:percent" in said["message"]
        assert "time stamps" in said["message"]
        for turn in range(2):
            notebook = server.opens()
            cell = cell_with(notebook, "restart =")
            cell["source"] = f"{source(cell)}\nlab_{turn} = 1"
            server.saves(notebook)
            until(lambda turn=turn: f"lab_{turn} = 1" in text.read_text(), "the lab's edit is in the text")  # type: ignore[misc]  # a default binds it
            watch.settles()
            text.write_text(text.read_text().replace('status = "up"', f'status = "up"\ntext_{turn} = 1'))
            until(lambda turn=turn: f"text_{turn} = 1" in text.with_suffix(".ipynb").read_text(), "and back")  # type: ignore[misc]  # a default binds it
            watch.settles()
        said_last, shown = text.read_text(), "\n".join(source(cell) for cell in server.opens()["cells"])
        for token in ("lab_0", "lab_1", "text_0", "text_1"):
            assert token in said_last
            assert token in shown


LIGHT = """\
import sys
from runbook.cli.main import main
code = main(sys.argv[1:])
heavy = sorted({"nbformat", "jsonschema", "jupytext", "nbclient", "rfc3987_syntax"} & set(sys.modules))
assert code == 0, code
assert not heavy, heavy
"""


@pytest.mark.parametrize("words", [["--help"], ["status"]], ids=["help", "status"])
def test_light_verbs_stay_light_where_jupyter_server_is_installed(tmp_path: Path, words: list[str]) -> None:
    """There jsonschema alone takes a second to import: the formats that jupyter-events asks for."""
    (tmp_path / "runbook.toml").write_text("version = 1\n")
    argv = [str(LAB.parent / "python"), "-c", LIGHT, *words]
    done = subprocess.run(argv, cwd=tmp_path, env=os.environ, capture_output=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout
