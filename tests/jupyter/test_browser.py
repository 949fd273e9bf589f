"""A person with JupyterLab in a browser and an editor beside it: the real things, headless."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jupyter.browser import CONTROL, ENTER, MISSING, RELEASE, Browser
from tests.jupyter.lab import LAB, TEXT, TOKEN, Server, Watch, desk, until
from tests.program import program

pytestmark = [
    pytest.mark.skipif(not LAB.exists(), reason="needs .venv-jupyter: make .venv-jupyter/.stamp"),
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.slow,
]

EDITORS = ".jp-Notebook .jp-CodeCell .cm-content"
SOURCES = f"return [...document.querySelectorAll('{EDITORS}')].map(e => e.innerText)"
OUTPUTS = (
    "return [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')]"
    ".map(c => [...c.querySelectorAll('.jp-OutputArea-output')].map(o => o.innerText).join('').trim())"
)
DIALOG = "return [...document.querySelectorAll('.jp-Dialog')].map(e => e.innerText).join()"
OVERWRITE = (
    "[...document.querySelectorAll('.jp-Dialog button')].find(e => e.innerText.includes('Overwrite')).click()"
)


class Desk:
    """JupyterLab in a window with the pair's notebook open; `look` leaves a picture."""

    def __init__(self, text: Path, server: Server, watch: Watch, browser: Browser) -> None:
        self.text, self.server, self.watch, self.browser = text, server, watch, browser
        self._pictures = 0

    def opens(self) -> None:
        # A desktop of JupyterLab's for each test: the tabs of another one are not opened again.
        there = f"workspaces/{self.text.parents[1].name}/tree/{self.server.below}runbooks/x.ipynb"
        self.browser.goes_to(f"http://127.0.0.1:{self.server.port}/lab/{there}?token={TOKEN}")
        self.sees(lambda: len(self.sources) == 2, "the notebook's cells")

    def reloads(self) -> None:
        self.browser.reloads()
        self.sees(lambda: len(self.sources) >= 2, "the notebook's cells, after a reload")

    @property
    def sources(self) -> list[str]:
        found: list[str] = self.browser.evaluates(SOURCES)
        return found

    @property
    def outputs(self) -> list[str]:
        found: list[str] = self.browser.evaluates(OUTPUTS)
        return found

    def look(self) -> Path:
        self._pictures += 1
        path = self.text.parents[1] / f"picture-{self._pictures}.png"
        self.browser.screenshot(path)
        return path

    def sees(self, holds: Callable[[], object], what: str) -> None:
        try:
            until(holds, what, seconds=60)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.sources}; {self.outputs}; see {self.look()}") from None

    def runs(self, cell: int, holds: Callable[[], object], what: str) -> None:
        """As a person would: JupyterLab runs nothing while it has no kernel yet, so they press again."""
        end = time.monotonic() + 60
        while not holds() and time.monotonic() < end:
            self.browser.types_into(EDITORS, cell, CONTROL + ENTER + RELEASE)
            with contextlib.suppress(AssertionError):
                until(holds, what, seconds=10)
        self.sees(holds, what)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root, home = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("home")
    with Server(root, with_jupytext=False, home=home) as made:
        yield made


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Iterator[Desk]:
    with desk(server, tmp_path.name) as (text, _, watch), Browser() as browser:
        made = Desk(text, server, watch, browser)
        made.opens()
        yield made


def test_what_is_run_and_edited_in_the_browser_and_in_an_editor_is_on_both_sides(place: Desk) -> None:
    saved = place.text.with_suffix(".ipynb")

    # Run and save: outputs are in the notebook, and the text is not touched.
    before = (place.text.read_bytes(), place.text.stat().st_mtime_ns)
    place.runs(0, lambda: place.outputs[0] == "up", "the output of the first cell")
    place.browser.types_into(EDITORS, 0, CONTROL + "s" + RELEASE)
    until(lambda: '"up\\n"' in saved.read_text(), "the output is saved")
    place.watch.settles()
    assert (place.text.read_bytes(), place.text.stat().st_mtime_ns) == before

    # Edit a cell and save: it reaches the text, and only its line.
    keys = (CONTROL + "a" + RELEASE, "restart = 42", CONTROL + "s" + RELEASE)
    place.browser.types_into(EDITORS, 1, *keys)
    until(lambda: "restart = 42" in place.text.read_text(), "the cell is in the text")
    place.watch.settles()
    assert place.text.read_text() == TEXT.replace("restart = True", "restart = 42")

    # Edit the text: it is there after a reload, and the outputs of the other cell stay.
    place.text.write_text(place.text.read_text().replace("restart = 42", "restart = 43  # by an editor"))
    until(lambda: "by an editor" in saved.read_text(), "the text's edit is in the notebook")
    place.watch.settles()
    place.reloads()
    place.sees(
        lambda: place.sources[1:] == ["restart = 43  # by an editor"], "the text's edit, in the browser"
    )
    place.sees(lambda: place.outputs == ["up", ""], "the output of the first cell, after the reload")
    assert place.look().stat().st_size > 10_000


def test_jupyterlab_asks_before_it_overwrites_and_what_it_takes_back_is_a_version(place: Desk) -> None:
    """The limit that docs/how-to/jupyter.md names: what is not saved cannot be merged. Nothing is lost."""
    saved = place.text.with_suffix(".ipynb")
    place.browser.types_into(EDITORS, 0, CONTROL + "a" + RELEASE, "status = 99")
    place.text.write_text(TEXT.replace("restart = True", "restart = 'by an editor'"))
    until(lambda: "by an editor" in saved.read_text(), "the text's edit is in the notebook")
    place.watch.settles()

    place.browser.types_into(EDITORS, 0, CONTROL + "s" + RELEASE)
    place.sees(lambda: "has changed on disk" in place.browser.evaluates(DIALOG), "the question")
    place.browser.evaluates(OVERWRITE)
    until(lambda: "status = 99" in place.text.read_text(), "the notebook's edit is in the text")
    place.watch.settles()

    assert "by an editor" not in place.text.read_text()
    folder = place.text.parents[1]
    kept = program(folder, "versions", "x", "--json").json["versions"]
    numbers = [each["number"] for each in kept if each["side"] == "text" and each["by"] == "saved"]
    assert "by an editor" in program(folder, "diff", f"x@{numbers[-1]}", "x").out
