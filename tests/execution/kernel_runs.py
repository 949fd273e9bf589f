"""Real kernels for tests: started in a short folder, always ended with all they started."""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from runbook.execution.kernel import KernelClient
from runbook.execution.kernel_launch import KernelProcess, launch
from runbook.execution.kernel_values import KernelMessage, KernelSpec, OnInput, Reply
from runbook.system import files


class Running:
    """One kernel with its client, and every message it handed over."""

    def __init__(self, process: KernelProcess, *, on_input: OnInput | None = None, **options: Any) -> None:
        self.process = process
        self.messages: list[KernelMessage] = []
        self.client = KernelClient(process, on_message=self.messages.append, on_input=on_input, **options)

    async def run(self, source: str, **options: Any) -> Reply:
        return await self.client.execute("step", source, **options)

    def text(self, name: str = "stdout") -> str:
        """All that was printed, whoever did."""
        return "".join(
            str(each.content["text"])
            for each in self.messages
            if each.type == "stream" and each.content["name"] == name
        )

    def records(self) -> list[dict[str, Any]]:
        """What the kit told."""
        mime = "application/vnd.runbook.kit+json"
        shown = [each.content["data"] for each in self.messages if each.type == "display_data"]
        return [data[mime] for data in shown if mime in data]

    def numbers(self) -> list[int | None]:
        return [each.spooled for each in self.messages]


Body = Callable[[Running], Awaitable[None]]


def spec(home: Path, **changes: Any) -> KernelSpec:
    """A kernel's start in a new folder below `home`; its working folder is `home/work`."""
    (home / "work").mkdir(exist_ok=True)
    values: dict[str, Any] = {
        "folder": home / "run" / secrets.token_hex(4),
        "work": home / "work",
        "lock": home / "lock",
        "environment": {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"},
        "interpreter": sys.executable,
        "linger_seconds": 30,
    }
    return KernelSpec(**{**values, **changes})


def with_kernel(home: Path, body: Body, *, on_input: OnInput | None = None, **changes: Any) -> Running:
    """Run `body` with a kernel whose supervisor holds its lock; nothing is left afterwards."""
    asked = spec(home, **changes)
    with files.locked(asked.lock):
        process = launch(asked)
        running = Running(process, on_input=on_input)

        async def story() -> None:
            await running.client.connect()
            try:
                await asyncio.wait_for(body(running), 60)
            finally:
                await running.client.shutdown()

        try:
            asyncio.run(story())
        finally:
            process.kill_tree()
    return running


async def later(seconds: float, action: Callable[[], object]) -> None:
    await asyncio.sleep(seconds)
    action()
