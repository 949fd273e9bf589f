"""How changes are heard: what is tried at the start, what a limit leads to, and what others pair."""

import os
import time
from collections.abc import Collection
from pathlib import Path

import pytest

from runbook.errors import UnavailableError
from runbook.pairing.listening import Folders, Listening, deaf_mount, hears
from runbook.pairing.places import Place, place
from runbook.pairing.rivals import jupytext_config, jupytext_header
from runbook.pairing.told import Told, lines_of, plain
from runbook.pairing.watcher import Event, Native, Watcher
from tests.pairing.builders import NOW


class Deaf:
    """A watcher as on a file system that tells nothing: really covers, really waits, hears nothing."""

    name = "deaf"
    vouches = True

    def cover(self, deep: Collection[str], flat: Collection[str]) -> None:
        self.covered = (tuple(deep), tuple(flat))

    def wait(self, timeout_seconds: float) -> list[Event]:
        time.sleep(min(timeout_seconds, 0.05))
        return []

    def wake(self) -> None:
        return None

    def close(self) -> None:
        return None


class Limited(Deaf):
    """One that the system lets cover nothing."""

    def cover(self, deep: Collection[str], flat: Collection[str]) -> None:
        raise UnavailableError("the system allows no more inotify watches", hint="sudo sysctl …=524288")


@pytest.fixture
def here(tmp_path: Path) -> Place:
    (tmp_path / "runbooks").mkdir()
    found = place(tmp_path, env=dict(os.environ))
    found.state.mkdir(parents=True)
    return found


def test_the_test_at_the_start_tells_who_hears_from_who_does_not(here: Place) -> None:
    folders = [str(here.root / "runbooks")]
    native = Native()
    try:
        assert hears(native, here, folders)
    finally:
        native.close()
    assert not hears(Deaf(), here, folders)
    assert [path.name for path in here.state.iterdir()] == []


def test_a_limit_leads_to_polling_and_says_the_command(here: Place) -> None:
    told: list[Told] = []
    folders = Folders(deep=(str(here.root / "runbooks"),))
    listening = Listening(here, folders, poll="auto", tell=told.append)
    listening.watcher = Limited()
    listening.cover([])
    assert listening.watcher.name == "polling"
    assert lines_of(told[0]) == [
        "the system allows no more inotify watches: polling meanwhile",
        "  next: sudo sysctl …=524288",
    ]
    listening.cover([])
    assert (listening.watcher.name, told[-1].message) == (
        "native events",
        "the limit was raised: native events again",
    )
    listening.watcher.close()


def test_never_polling_means_never(here: Place) -> None:
    listening = Listening(here, Folders(), poll="never", tell=lambda told: None)
    limited: Watcher = Limited()
    listening.watcher = limited
    with pytest.raises(UnavailableError, match="no more inotify watches"):
        listening.cover([])


def test_this_machines_folders_tell(tmp_path: Path) -> None:
    assert deaf_mount([str(tmp_path)]) is None
    assert deaf_mount([]) is None


def test_folders_know_which_texts_they_hold() -> None:
    folders = Folders(deep=("/w/runbooks",), flat=("/w",))

    assert folders.holds("/w/runbooks/a/b/x.py")
    assert folders.holds("/w/x.py")
    assert not folders.holds("/w/other/x.py")
    assert not folders.holds("/w/runbooks2/x.py")


@pytest.mark.parametrize(
    ("name", "text", "pairs"),
    [
        ("jupytext.toml", 'formats = "ipynb,py:percent"\n', True),
        ("jupytext.toml", '[formats]\n"notebooks/" = "ipynb"\n', True),
        ("jupytext.toml", 'formats = "py:percent"\n', False),
        ("pyproject.toml", '[tool.jupytext]\nformats = "ipynb,py:percent"\n', True),
        ("pyproject.toml", '[tool.other]\nformats = "ipynb,py:percent"\n', False),
        ("pyproject.toml", '[tool.jupytext.formats]\n"notebooks/" = "ipynb"\n', True),
    ],
)
def test_jupytexts_settings_are_noticed(tmp_path: Path, name: str, text: str, pairs: bool) -> None:
    (tmp_path / name).write_text(text)

    assert jupytext_config(tmp_path, []) == (name if pairs else None)


def test_a_header_is_read_without_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("# ---\n# jupyter:\n#   jupytext:\n#     formats: ipynb,py:percent\n# ---\n")
    assert jupytext_header(path) == "ipynb,py:percent"
    assert jupytext_header(tmp_path / "gone.py") is None


def test_the_log_has_one_shape() -> None:
    assert plain(Told(code="lost", message="m"), at=NOW) == {
        "schema": 1,
        "at": "2026-11-21T00:12:05Z",
        "event": "lost",
        "message": "m",
        "hint": None,
    }
