"""The supervisor's hold on one kernel of its run: waits for it, notices that it goes, tells its end.

Runs no step and decides nothing. Once a kernel's end is told, nothing more of it comes into the journal.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from runbook.errors import RunbookError
from runbook.execution import kernel_launch, taking_up
from runbook.execution.chronicle import Chronicle
from runbook.execution.kernel_launch import KernelProcess
from runbook.execution.kernel_values import OnInput
from runbook.execution.taking_up import TakenUp

if TYPE_CHECKING:
    from runbook.execution.kernel import KernelClient

_AS_LONG_AS_IT_TAKES = 1e9


class Contact:
    """One kernel, from the moment its process was started or found. Belongs to one event loop.

    `gone` is called when the process ends while it answers; `taken`: what a dead supervisor left, for the
    kernel that it left. `connecting` raises KernelError for a kernel that never answers.
    """

    def __init__(
        self,
        process: KernelProcess,
        chronicle: Chronicle,
        *,
        gone: Callable[[], None],
        on_input: OnInput | None,
        seconds: float,
    ) -> None:
        self.process = process
        self.client: KernelClient | None = None
        self.is_told = False
        """Whether its end stands in the journal."""
        self._chronicle = chronicle
        self._gone = gone
        self._on_input = on_input
        self._seconds = seconds

    def begin(self, taken: TakenUp | None = None) -> None:
        """Start to wait for it."""
        self.connecting = asyncio.create_task(self._connect(taken))
        self._watching = asyncio.create_task(self._watch())

    @property
    def answers(self) -> bool:
        """Whether it has ever answered."""
        return self.connecting.done() and not self.connecting.cancelled() and not self.connecting.exception()

    async def _connect(self, taken: TakenUp | None) -> "KernelClient":
        # Imported here: the kernel boots meanwhile, and this import takes about as long as that.
        from runbook.execution.kernel import KernelClient

        client = KernelClient(
            self.process,
            on_message=self._chronicle.heard,
            resume_after=0 if taken is None else taken.past.spooled,
            steps={} if taken is None else taken.requests,
            on_input=self._on_input,
        )
        self.client = client
        self._chronicle.release = client.release
        busy = taken is not None and taken.past.open is not None  # it answers when its step is done
        facts = await client.connect(timeout_seconds=_AS_LONG_AS_IT_TAKES if busy else self._seconds)
        self._chronicle.tell(
            "kernel-started",
            pid=self.process.pid,
            started=self.process.started,
            session=client.session,
            adopted=taken is not None,
            argv=list(self.process.argv),
            python=facts.python,
            implementation=facts.implementation,
        )
        return client

    async def _watch(self) -> None:
        await self.process.ended()
        if self.connecting.done():
            self._gone()

    def lost(self, step: str | None) -> None:
        """It died, and the run goes on: bring in its last words, name what it had started and still runs, and
        tell its end. `step`: the one that ran last."""
        if self.client is not None:
            self.client.catch_up()
        survivors = kernel_launch.survivors(self.process.folder)
        taking_up.tell_survivors(survivors, self._chronicle, step=step)
        self._tell_end(expected=False)
        self._chronicle.boundary()

    async def leave(self) -> None:
        """Let go of it, however it is."""
        self._watching.cancel()
        self.connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError, RunbookError):
            await self.connecting
        if self.client is not None and self.is_told:
            await self.client.close()

    async def end(self) -> None:
        """End it, unless its end was told: ask, wait, kill. One that died takes what it had started along."""
        await self.leave()
        if self.is_told:
            return
        expected = self.process.is_alive
        if self.client is not None and expected and not self._chronicle.broken.done():
            await self.client.shutdown()
        else:
            self.process.kill_tree()
            if self.client is not None:
                await self.client.close()
                if not self._chronicle.broken.done():
                    self.client.catch_up()
        await self.process.ended()
        self._tell_end(expected=expected)

    def _tell_end(self, *, expected: bool) -> None:
        self.is_told = True
        self._chronicle.tell(
            "kernel-ended",
            returncode=self.process.returncode,
            signal=self.process.signal,
            expected=expected,
            number=int(self.process.folder.name[1:]),
        )
