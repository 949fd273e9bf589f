"""A headless Chromium, driven over WebDriver (W3C) by the standard library: as much as JupyterLab needs."""

import base64
import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.jupyter.lab import end, free_port, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = (
    "needs Chromium and its driver: apt-get install chromium chromium-driver, or `make browser`"
    if CHROMIUM is None or DRIVER is None
    else ""
)

CONTROL, ENTER, RELEASE = "\ue009", "\ue007", "\ue000"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver §12.1
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
)


class Browser:
    """One window with a profile of its own, which goes with it."""

    def __init__(self) -> None:
        assert CHROMIUM is not None
        assert DRIVER is not None
        self._profile = tempfile.mkdtemp(prefix="rbt-chromium-", dir="/tmp")
        port = free_port()
        self._base = f"http://127.0.0.1:{port}"
        self._driver = subprocess.Popen(
            [DRIVER, f"--port={port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(self._is_ready, "the driver answers")
            options = {"binary": CHROMIUM, "args": [*_FLAGS, f"--user-data-dir={self._profile}"]}
            wish = {"browserName": "chrome", "goog:chromeOptions": options}
            made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wish}})
        except BaseException:
            self._gone()
            raise
        self._base += f"/session/{made['sessionId']}"

    def _is_ready(self) -> bool:
        try:
            return bool(self._ask("GET", "/status")["ready"])
        except (urllib.error.URLError, ConnectionError):
            return False

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = json.dumps({} if body is None else body).encode() if method == "POST" else None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._base + path, method=method, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.loads(answer.read())["value"]
        except urllib.error.HTTPError as refused:
            with refused:
                raise AssertionError(refused.read().decode()[:2000]) from None

    def goes_to(self, address: str) -> None:
        self._ask("POST", "/url", {"url": address})

    def reloads(self) -> None:
        self._ask("POST", "/refresh")

    def evaluates(self, script: str, *words: Any) -> Any:
        """The value of a script in the page."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(words)})

    def types_into(self, css: str, index: int, *keys: str) -> None:
        """Click one of the elements, then type, as hands do."""
        found = self._ask("POST", "/elements", {"using": "css selector", "value": css})
        self._ask("POST", f"/element/{found[index][_ELEMENT]}/click")
        for each in keys:
            active = self._ask("GET", "/element/active")[_ELEMENT]
            self._ask("POST", f"/element/{active}/value", {"text": each})

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def _gone(self) -> None:
        end(self._driver)
        shutil.rmtree(self._profile, ignore_errors=True)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._ask("DELETE", "")
        finally:
            self._gone()
