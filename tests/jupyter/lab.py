"""A JupyterLab server of a test's own, asked through its contents API; and a watch beside it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv-jupyter" / "bin"
LAB = BIN / "jupyter-lab"
TOKEN = "only-for-this-test"
_PATIENCE_SECONDS = 120.0  # for the start, on a busy machine

HEADER = """\
# ---
# runbook:
#   title: Restart
#   owner: sre@example.com
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

"""
BODY = """\
# %% [markdown]
# # Restart the web tier
# Slowly.

# %% Is it up? name="health"
status = "up"
print(  status )   # spaced as somebody liked it

# %% tags=["danger"]
restart = True
"""
TEXT = HEADER + BODY


def until(holds: Callable[[], Any], what: str, *, seconds: float = 60.0) -> Any:
    """Wait until something holds, and return it; fails with `what` when it never does."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        with contextlib.suppress(FileNotFoundError, ValueError):
            if found := holds():
                return found
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    assert isinstance(port, int)
    return port


def end(child: "subprocess.Popen[bytes]", number: int = signal.SIGTERM) -> int:
    """End a process that the test started, and wait for it."""
    if child.poll() is None:
        child.send_signal(number)
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait(30)


class Answering:
    """A server that somebody started, and what is asked of it."""

    below = ""
    """The folder of the workspace, below the server's own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def is_up(self) -> bool:
        try:
            return self.ask("GET", "/api/status")[0] == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request: its status, and what the answer says."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read() or b"null")

    def opens(self, path: str = "runbooks/x.ipynb") -> Any:
        """The notebook, as JupyterLab gets it when it is opened or reloaded."""
        status, said = self.ask("GET", f"/api/contents/{self.below}{path}?type=notebook&content=1")
        assert status == 200, said
        return said["content"]

    def saves(self, notebook: Any, path: str = "runbooks/x.ipynb") -> None:
        """As JupyterLab saves what is open."""
        status, said = self.ask(
            "PUT", f"/api/contents/{self.below}{path}", {"type": "notebook", "content": notebook}
        )
        assert status in (200, 201), said


class Server(Answering):
    """A running server over workspaces. Its home is its own: `with_jupytext` decides what it loads."""

    def __init__(self, root: Path, *, with_jupytext: bool, home: Path) -> None:
        self.root = root
        self.with_jupytext = with_jupytext
        settings = {"ServerApp": {"jpserver_extensions": {"jupyterlab_jupytext": with_jupytext}}}
        folder = home / ".jupyter" / "jupyter_server_config.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "jupytext.json").write_text(json.dumps(settings))
        super().__init__(free_port())
        argv = [
            str(LAB),
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--ServerApp.port_retries=0",
            f"--ServerApp.port={self.port}",
            f"--ServerApp.root_dir={root}",
            f"--IdentityProvider.token={TOKEN}",
        ]
        # Before the environment's own folder, which would switch jupytext on.
        outer = ("GIT_", "SSH_", "XDG_", "RUNBOOK_", "JUPYTER_", "IPYTHON", "PYTHON")
        env = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
        env |= {"HOME": str(home), "JUPYTER_CONFIG_PATH": str(folder.parent)}
        self._log = home / "lab.log"
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                argv, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            until(self._answers, "the server answers", seconds=_PATIENCE_SECONDS)
        except AssertionError:
            self.close()
            raise AssertionError(self._log.read_text()[-4000:]) from None

    def _answers(self) -> bool:
        assert self._child.poll() is None, self._log.read_text()[-4000:]
        return self.is_up()

    def close(self) -> None:
        end(self._child)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Watch:
    """`runbook watch --json` as a process of its own, and what it said so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._said = Path(os.environ["HOME"]) / "watch.jsonl"
        with self._said.open("wb") as said:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "runbook", "watch", "--json"],
                cwd=root, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            self.says("started")
        except AssertionError:
            self.close()
            raise AssertionError(self._said.read_text()) from None

    @property
    def told(self) -> list[Any]:
        lines = self._said.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    @property
    def rounds(self) -> list[Any]:
        """What it did to pairs."""
        return [told for told in self.told if told["event"] == "pair"]

    def says(self, event: str, *, seconds: float = 30.0) -> Any:
        """Wait for an event, and return it."""
        return until(lambda: [told for told in self.told if told["event"] == event], event, seconds=seconds)[
            0
        ]

    def settles(self, seconds: float = 1.0) -> None:
        """Wait until it said nothing for a while: longer than a step of any loop would take."""
        count, since = -1, time.monotonic()
        limit = since + 30
        while time.monotonic() - since < seconds:
            assert time.monotonic() < limit, f"it never comes to rest: {self.told[-6:]}"
            if len(self.told) != count:
                count, since = len(self.told), time.monotonic()
            time.sleep(0.05)

    def close(self) -> int:
        return end(self._child, signal.SIGINT)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def desk(server: Server, name: str, *, text: str = TEXT) -> Iterator[tuple[Path, Server, Watch]]:
    """A workspace with one pair in a folder of the server's, and a watch over it: the text's path, and the
    two, at rest."""
    folder = server.root / name
    server.below = f"{name}/"
    runbooks = folder / "runbooks"
    runbooks.mkdir(parents=True)
    (folder / "runbook.toml").write_text("version = 1\n")
    path = runbooks / "x.py"
    path.write_text(text)
    with Watch(folder) as watch:
        until((runbooks / "x.ipynb").exists, "the notebook is made")
        watch.settles()
        yield path, server, watch


def source(cell: Any) -> str:
    """A cell's source, whichever of the two forms it has."""
    said = cell["source"]
    return said if isinstance(said, str) else "".join(said)


def cell_with(notebook: Any, words: str) -> Any:
    """The one cell whose source has these words."""
    [found] = [cell for cell in notebook["cells"] if words in source(cell)]
    return found
