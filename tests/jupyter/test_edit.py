"""`runbook edit --jupyter` in a real terminal, with a real JupyterLab."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.jupyter.lab import BIN, LAB, TEXT, TOKEN, Answering, cell_with, free_port, until
from tests.program import Seat, program

needs_lab = pytest.mark.skipif(not LAB.exists(), reason="needs .venv-jupyter: make .venv-jupyter/.stamp")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "ws"
    (root / "runbooks").mkdir(parents=True)
    (root / "runbook.toml").write_text("version = 1\n")
    (root / "runbooks" / "x.py").write_text(TEXT)
    return root


def settled(home: Path) -> int:
    """Settings as a person may have them; returns the port."""
    port = free_port()
    said = {
        "ServerApp": {"allow_root": True, "open_browser": False, "port": port, "port_retries": 0},
        "IdentityProvider": {"token": TOKEN},
    }
    (home / ".jupyter").mkdir()
    (home / ".jupyter" / "jupyter_server_config.json").write_text(json.dumps(said))
    return port


@needs_lab
@pytest.mark.slow
def test_edit_in_jupyter_makes_the_notebook_keeps_both_in_step_and_ends_on_ctrl_c(
    folder: Path, home: Path
) -> None:
    answering = Answering(settled(home))
    text = folder / "runbooks" / "x.py"
    seat = Seat(folder, "edit", "x", "--jupyter", PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    seat.sees("runbooks/x.py")
    seat.sees("a watch keeps text and notebook in step while JupyterLab runs; Ctrl-C ends both")
    until(answering.is_up, "JupyterLab answers", seconds=60)
    assert program(folder, "watch", "--status", "--json").json["watching"] is True

    text.write_text(TEXT.replace("restart = True", "restart = 'from the text'"))
    until(lambda: "from the text" in text.with_suffix(".ipynb").read_text(), "the notebook has the edit")
    notebook = answering.opens()
    cell_with(notebook, "from the text")["source"] = "restart = 'from the lab'"
    answering.saves(notebook)  # and at once:
    seat.presses_ctrl_c()

    assert seat.leaves() == 0, seat.screen
    assert "from the lab" in text.read_text()
    assert program(folder, "watch", "--status", "--json").json["watching"] is False


@needs_lab
@pytest.mark.slow
def test_edit_in_jupyter_leaves_a_watch_alone_that_runs_already(folder: Path, home: Path) -> None:
    answering = Answering(settled(home))
    assert program(folder, "watch", "--detach").code == 0
    try:
        seat = Seat(folder, "edit", "x", "--jupyter", PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
        seat.sees("a watch runs here already, and goes on; Ctrl-C ends JupyterLab")
        until(answering.is_up, "JupyterLab answers", seconds=60)
        seat.presses_ctrl_c()

        assert seat.leaves() == 0, seat.screen
        assert program(folder, "watch", "--status", "--json").json["watching"] is True
    finally:
        assert program(folder, "watch", "--stop").code == 0


def test_without_jupyterlab_it_says_what_to_install_and_starts_nothing(folder: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "empty"
    nowhere.mkdir()

    said = program(folder, "edit", "x", "--jupyter", PATH=str(nowhere))

    assert said.code == 6
    assert said.err == (
        "error: JupyterLab is not installed: jupyter-lab is neither on PATH nor beside this Python\n"
        f"  next: install it: {sys.executable} -m pip install jupyterlab\n"
    )
    assert not (folder / "runbooks" / "x.ipynb").exists()


def test_a_jupyterlab_that_does_not_start_is_an_error_and_takes_its_watch_along(
    folder: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "jupyter-lab").write_text("#!/bin/sh\nexit 3\n")
    (tools / "jupyter-lab").chmod(0o755)

    said = program(folder, "edit", "x", "--jupyter", PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")

    assert said.code == 6
    assert "error: JupyterLab ended with code 3\n" in said.err
    assert (folder / "runbooks" / "x.ipynb").exists()
    assert program(folder, "watch", "--status", "--json").json["watching"] is False
