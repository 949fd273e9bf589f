"""What every test gets: an empty home, no agent, no git configuration of the person who runs the tests."""

import compileall
import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keys import Key, KeyKind, make_key

_REAL_HOME = Path.home()


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Every module has its bytecode before a test limits the size of files: Python takes a short write of it
    for a whole one, and from then on nobody could import that module."""
    cases = re.compile(r"/tests/(attacks|corpus)/")  # bytecode among them would be part of a case
    for folder in ("runbook", "tests"):
        compileall.compile_dir(str(Path(__file__).parents[1] / folder), quiet=2, rx=cases)


@contextlib.contextmanager
def _home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home, for as long as this lasts.

    Its path is short, because sockets lie below it; pytest's own folders are too deep for them.
    """
    folder = Path(tempfile.mkdtemp(prefix="rbt-", dir="/tmp"))
    for name in list(os.environ):
        if name.startswith(("GIT_", "SSH_", "XDG_", "RUNBOOK_", "JUPYTER_", "IPYTHON", "PYTHON")):
            if name in ("RUNBOOK_SOAK", "PYTHONHASHSEED"):
                continue
            monkeypatch.delenv(name)
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    for name, value in {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / ".config"),
        "XDG_STATE_HOME": str(folder / ".local/state"),
        "XDG_CACHE_HOME": str(folder / ".cache"),
        "XDG_DATA_HOME": str(folder / ".local/share"),
        "XDG_RUNTIME_DIR": str(runtime),
        "GIT_CONFIG_GLOBAL": str(folder / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "NO_COLOR": "1",
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
    }.items():
        monkeypatch.setenv(name, value)
    (folder / ".gitconfig").write_text(
        "[user]\n\tname = Test\n\temail = test@example.com\n[init]\n\tdefaultBranch = main\n"
    )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of the test's own. The real one, its keys, its agent and its configuration are out of reach."""
    with _home(monkeypatch) as folder:
        yield folder


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Path]:
    """The same for what a module makes once: that is made before any test has its own."""
    with pytest.MonkeyPatch.context() as monkeypatch, _home(monkeypatch) as folder:
        yield folder


@pytest.fixture(autouse=True)
def real_home_is_untouched() -> Iterator[None]:
    """Fails the test that reaches the real home's Runbook or SSH files, with a name that says so."""
    watched = [_REAL_HOME / ".ssh", _REAL_HOME / ".config" / "runbook", _REAL_HOME / ".local/state/runbook"]
    before = [_stamp(path) for path in watched]
    yield
    after = [_stamp(path) for path in watched]
    assert before == after, "the test wrote into the real home: use the `home` fixture's folder"


def _stamp(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="session")
def alice(key_folder: Path) -> Key:
    return make_key(key_folder, "alice@example.com", KeyKind.ED25519)


@pytest.fixture(scope="session")
def bob(key_folder: Path) -> Key:
    return make_key(key_folder, "bob@example.com", KeyKind.ED25519)


@pytest.fixture(scope="session")
def carol(key_folder: Path) -> Key:
    return make_key(key_folder, "carol@example.com", KeyKind.ECDSA_P256)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Workers that share the tests must call them alike: a key made anew in each must not name its test."""
    return argname if isinstance(val, str) and "AAAA" in val else None
