"""A real Jupyter server on 127.0.0.1, spoken to through its contents API as JupyterLab does."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv-jupyter/bin"
TOKEN = "only-for-this-test"


class Server:
    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.below = ""
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/{urllib.parse.quote(path)}",
            data=data,
            method=method,
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            said = answer.read()
        return json.loads(said) if said else None

    def open(self, path: str) -> Any:
        """The notebook, as Lab opens it."""
        return self.ask("GET", f"contents/{self.below}{path}")["content"]

    def save(self, path: str, notebook: Any) -> None:
        self.ask(
            "PUT", f"contents/{self.below}{path}", {"type": "notebook", "format": "json", "content": notebook}
        )


@contextlib.contextmanager
def server(folder: Path, home: Path, *, with_jupytext: bool) -> Iterator[Server]:
    """Started, ready, and ended by its own process number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = home / "jupyter_server_config.json"
    config.write_text(json.dumps({"ServerApp": {"jpserver_extensions": {"jupytext": with_jupytext}}}))
    words = [
        str(BIN / "jupyter-server"),
        f"--config={config}",
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1",
        f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.open_browser=False",
        "--ServerApp.allow_root=True",
    ]
    log = (home / "server.log").open("wb")
    child = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, env=_environment(home))
    try:
        found = Server(folder, port)
        limit = time.monotonic() + 40
        while True:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                found.ask("GET", "status")
                break
            assert child.poll() is None, (home / "server.log").read_text()
            assert time.monotonic() < limit, (home / "server.log").read_text()
            time.sleep(0.1)
        yield found
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)
        log.close()


def _environment(home: Path) -> dict[str, str]:
    own = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    return {**os.environ, **own, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
