"""Beside Jupyter: a real server with and without jupytext's extension, saves from both sides in turn."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from runbook.system.swap import stamp_of
from tests.pairing import live
from tests.pairing.builders import TEXT, Bench
from tests.pairing.live import Live
from tests.stories.jupyter_server import BIN, Server, server

pytestmark = [
    pytest.mark.skipif(not (BIN / "jupyter-server").exists(), reason="needs `make jupyter`"),
    pytest.mark.slow,
]

NOTEBOOK = "runbooks/x.ipynb"


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "with jupytext"])
def jupyter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    with server(folder, tmp_path_factory.mktemp("jupyter"), with_jupytext=request.param) as found:
        yield found


@pytest.fixture
def bench(jupyter: Server, request: pytest.FixtureRequest) -> Bench:
    folder = jupyter.folder / re.sub(r"\W+", "-", request.node.name)
    jupyter.below = f"{folder.name}/"
    return Bench(folder)


def set_source(notebook: Any, index: int, source: str) -> Any:
    changed = copy.deepcopy(notebook)
    changed["cells"][index]["source"] = source
    return changed


def ran(notebook: Any, turn: int) -> Any:
    """What Lab saves after a run: outputs, counts, and what it adds for itself."""
    changed = copy.deepcopy(notebook)
    changed["metadata"]["language_info"] = {"name": "python", "version": f"3.11.{turn}"}
    changed["metadata"]["kernelspec"] = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    for cell in changed["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = turn + 1
            cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": f"run {turn}\n"}]
            cell["metadata"] |= {
                "execution": {"iopub.status.busy": f"2026-11-21T00:00:0{turn}Z"},
                "trusted": True,
            }
    return changed


def test_what_jupyter_saves_reaches_the_text_and_back(jupyter: Server, bench: Bench) -> None:
    with Live(bench.root) as watch:
        opened = jupyter.open(NOTEBOOK)
        jupyter.save(NOTEBOOK, set_source(opened, 2, 'status = "edited in Jupyter"\nprint(status)'))
        watch.until(lambda: b"edited in Jupyter" in bench.text.read_bytes())
        live.vim(bench.text, bench.text.read_bytes().replace(b"Slowly", b"Quickly"))
        watch.until(lambda: "Quickly" in jupyter.open(NOTEBOOK)["cells"][1]["source"])
        watch.settle()

        assert "edited in Jupyter" in jupyter.open(NOTEBOOK)["cells"][2]["source"]
        assert bench.agrees()
        done = [told.report.action for told in watch.told if told.report]
        assert done == ["made-notebook", "to-text", "to-notebook"]


def test_opening_running_and_saving_changes_no_byte_of_the_text(jupyter: Server, bench: Bench) -> None:
    with Live(bench.root) as watch:
        before, stamp = bench.text.read_bytes(), stamp_of(bench.text.stat())
        for turn in range(4):
            jupyter.save(NOTEBOOK, ran(jupyter.open(NOTEBOOK), turn))
            watch.settle(0.3)

        assert bench.text.read_bytes() == before
        assert stamp_of(bench.text.stat()) == stamp
        assert "run 3" in bench.notebook.read_text()


def test_saves_from_both_sides_in_turn_lose_nothing_and_do_not_loop(jupyter: Server, bench: Bench) -> None:
    with Live(bench.root) as watch:
        for turn in range(10):
            notebook = jupyter.open(NOTEBOOK)
            jupyter.save(NOTEBOOK, set_source(notebook, 2, f"notebook_{turn} = {turn}"))
            watch.until(lambda turn=turn: f"notebook_{turn} =".encode() in bench.text.read_bytes())  # type: ignore[misc]
            text = bench.text.read_bytes().replace(b"restart = True", f"text_{turn} = 1".encode())
            live.sed(bench.text, text.replace(f"text_{turn - 1} = 1".encode(), f"text_{turn} = 1".encode()))
            watch.until(lambda turn=turn: f"text_{turn} =" in bench.notebook.read_text())  # type: ignore[misc]
        watch.settle(1.0)

        assert bench.agrees()
        done = [told.report.action for told in watch.told if told.report]
        assert done.count("to-text") == 10
        assert done.count("to-notebook") == 10
        assert "ping-pong" not in watch.codes()


def test_a_save_that_did_not_see_the_text_s_edit_is_merged(jupyter: Server, bench: Bench) -> None:
    """An open tab saves what it has: the cell that it did not touch must not undo the text's edit."""
    with Live(bench.root) as watch:
        opened = jupyter.open(NOTEBOOK)
        live.sed(bench.text, bench.text.read_bytes().replace(b"restart = True", b"restart = 2"))
        jupyter.save(NOTEBOOK, set_source(opened, 2, "status = 'tab'"))
        watch.until(lambda: b"status = 'tab'" in bench.text.read_bytes())
        watch.settle()

        assert b"restart = 2" in bench.text.read_bytes()


def test_jupytexts_own_pairing_is_said_and_nothing_is_lost(jupyter: Server, bench: Bench) -> None:
    """With its extension and `formats` in the header, jupytext writes the text at each save too."""
    bench.write(
        TEXT.replace(
            "# jupyter:\n",
            "# jupyter:\n#   jupytext:\n#     formats: ipynb,py:percent\n#     text_representation:\n"
            "#       extension: .py\n#       format_name: percent\n",
        )
    )
    with Live(bench.root) as watch:
        for turn in range(3):
            notebook = jupyter.open(NOTEBOOK)
            index = next(i for i, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code")
            jupyter.save(NOTEBOOK, set_source(notebook, index, f"token_{turn} = {turn}"))
            watch.until(lambda turn=turn: f"token_{turn} =".encode() in bench.text.read_bytes())  # type: ignore[misc]
            watch.settle(1.2)
        assert any(told.code == "jupytext" and "goes by time stamps" in told.message for told in watch.told)
        writes = sum(
            told.report.wrote_text or told.report.wrote_notebook for told in watch.told if told.report
        )

        assert writes <= 8, [Live.line(told) for told in watch.told]
        assert "token_2 = 2" in json.dumps(bench.json())
        assert not watch.watching.unsettled
