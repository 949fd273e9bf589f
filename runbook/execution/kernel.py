"""One living kernel, as the supervisor talks to it: requests, replies, every message in order.

Cells are executed by nbclient (through `kernel_nbclient`). Never starts or restarts a kernel (that is
`kernel_launch`), never keeps an output in memory, and never calls a step succeeded without the kernel's own
reply. What the sockets lose, or brought to nobody, is filled in from the spool.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from runbook.errors import KernelError
from runbook.execution import kernel_tree, spool
from runbook.execution.forcing import GRACE_SECONDS, end_by_force
from runbook.execution.kernel_launch import KernelProcess
from runbook.execution.kernel_messages import as_message, read_parts
from runbook.execution.kernel_nbclient import (
    CellExecutionComplete,
    Cells,
    Connection,
    DeadKernelError,
    read_wire,
)
from runbook.execution.kernel_reply import Request, describe_end, judge, recovered
from runbook.execution.kernel_values import (
    InputRequest,
    KernelFacts,
    OnInput,
    OnMessage,
    Reply,
)
from runbook.system import clock, files

_WELCOME_SECONDS = 1.0
_QUIET_SECONDS = 2.0  # after the reply, before the spool is asked for what did not come
_GIVE_UP_SECONDS = 10.0  # after the kernel went idle without a reply, or replied and never went idle
_BREATH = 64  # messages taken before others of the event loop get their turn


class KernelClient:
    """The one client of a kernel. All methods belong to one event loop.

    `on_message` gets every message the kernel publishes, whoever caused it, in order and once each, from
    `resume_after` on (the number in the spool that the journal already has; 0 for a new kernel). `on_input`
    answers `input()`; without it a question is an error inside the step. `steps`: the requests of an
    earlier supervisor, id of the message to name of the step, so that their output is not taken for
    somebody else's.
    """

    def __init__(
        self,
        process: KernelProcess,
        *,
        on_message: OnMessage,
        on_input: OnInput | None = None,
        resume_after: int = 0,
        steps: Mapping[str, str] | None = None,
    ) -> None:
        self.process = process
        self._on_message = on_message
        self._on_input = on_input
        self._last = resume_after
        self._steps = dict(steps or {})
        self._own: set[str] = set()  # our other requests
        self._replies: dict[str, Reply] = {}
        self._request: Request | None = None
        self._subscribed = asyncio.Event()
        self._caught_up = asyncio.Event()  # a message of one of our requests was handed over
        self._gone = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._asking: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._cells: Cells | None = None

    # --- coming and going -------------------------------------------------------------------------------

    async def connect(self, *, timeout_seconds: float = 60) -> KernelFacts:
        """Wait until the kernel answers and its messages reach us. Loses none of them.

        A kernel that still runs a step of a supervisor that died answers when that step is done; its
        messages come meanwhile. Raises KernelError when it ended or did not answer, with the end of its log.
        """
        info = json.loads(files.read(self.process.folder / "kernel.json", limit_bytes=1 << 20))
        connection = Connection(self.process, info, on_sent=self._sent, on_reply=self._replied)
        self._connection = connection
        self._cells = Cells(
            connection, on_message=self._step_message, wait_idle=self._wait_idle, gone=self._gone
        )
        self._start(self._watch_end(), self._read_messages(connection), self._read_questions(connection))
        self._own.add(connection.kernel_info())
        try:
            reply = await self._until_ready(connection, timeout_seconds)
        except BaseException:
            await self.close()
            raise
        content = reply["content"]
        return KernelFacts(
            implementation=f"{content.get('implementation')} {content.get('implementation_version')}",
            python=str(content.get("language_info", {}).get("version")),
            protocol=str(content.get("protocol_version")),
        )

    async def _until_ready(self, connection: Connection, timeout_seconds: float) -> dict[str, Any]:
        answer = asyncio.ensure_future(self._read_info(connection))
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({answer, gone}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._gone.is_set():
                raise self._error(f"the kernel did not start: {describe_end(self.process)}")
            if not answer.done():
                raise self._error(f"the kernel did not answer within {timeout_seconds:g} seconds")
            return answer.result()
        finally:
            answer.cancel()
            gone.cancel()

    async def _read_info(self, connection: Connection) -> dict[str, Any]:
        """The reply to `kernel_info`, once our subscription is known to work and all that was published
        before that request was handed over."""
        reply: dict[str, Any] = {}
        while reply.get("msg_type") != "kernel_info_reply":
            reply = await connection.shell_channel.get_msg()
        while not self._subscribed.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._subscribed.wait(), _WELCOME_SECONDS)
                break
            self._own.add(connection.kernel_info())  # publishes its status
        while not self._caught_up.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._caught_up.wait(), _WELCOME_SECONDS)
                break
            self.catch_up()
        return reply

    def _error(self, message: str) -> KernelError:
        tail = self.process.log_tail()
        if "No module named" in tail and "ipykernel" in tail:
            return KernelError(
                f"{message}; it has no ipykernel",
                subject=self.process.argv[0],
                hint=f"{self.process.argv[0]} -m pip install ipykernel",
            )
        hint = "`runbook doctor` looks at it; `interpreter` in the machine's configuration chooses another"
        return KernelError(
            message, subject=self.process.argv[0], hint=f"{hint}. Its last words: {tail}" if tail else hint
        )

    async def shutdown(self, *, patience_seconds: float = 2) -> None:
        """End the kernel: ask, wait, kill. Processes that steps left running on purpose stay.

        Hands over what it published on its way out.
        """
        if self._connection is not None and self.process.is_alive:
            self._own.add(self._connection.shutdown())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), patience_seconds)
        if self.process.is_alive:
            self.process.kill()
            await self.process.ended()
        self.catch_up()
        await self.close()

    async def close(self) -> None:
        """Let go of the kernel without ending it. `shutdown` has done this already."""
        tasks = [*self._tasks, *([self._asking] if self._asking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        if self._connection is not None:
            self._connection.stop_channels()
            self._connection.context.destroy(linger=0)
            self._connection = self._cells = None

    # --- steps ------------------------------------------------------------------------------------------

    async def execute(
        self,
        step: str,
        source: str,
        *,
        timeout_seconds: float | None = None,
        read_only: bool = False,
        grace_seconds: float = GRACE_SECONDS,
    ) -> Reply:
        """Run one step and say how it ended; a failed step is a result, never an exception.

        At `timeout_seconds` the step is interrupted; when it does not return within `grace_seconds` what
        it started is killed, and then the kernel. `read_only` is told to the kit (a dry run acts there).
        """
        if self._connection is None or self._cells is None or self._request is not None:
            raise RuntimeError("execute needs a connected client, and one step at a time")
        request = Request(step=step, sent_ns=clock.monotonic_ns(), since=kernel_tree.moment())
        self._request = request
        self._connection.session.metadata = {"runbook": {"step": step, "read_only": read_only}}
        self._connection.allow_stdin = self._on_input is not None
        running = asyncio.ensure_future(self._cells.run(source))
        running.add_done_callback(_look_at)
        lost = asyncio.ensure_future(self._watch_for_lost_reply(request, running))
        try:
            await asyncio.wait({running}, timeout=timeout_seconds)
            if not running.done():
                request.timed_out = True
                request.killed = await end_by_force(
                    self.process, running, since=request.since, grace_seconds=grace_seconds
                )
            with contextlib.suppress(DeadKernelError):
                await running
            if not self.process.is_alive:
                self.catch_up()
            return judge(request, self.process, timeout_seconds, now_ns=clock.monotonic_ns())
        finally:
            running.cancel()
            lost.cancel()
            if self._asking is not None:
                self._asking.cancel()
            self._connection.session.metadata = {}
            self._request = None

    async def _watch_for_lost_reply(self, request: Request, running: "asyncio.Future[None]") -> None:
        """Somebody who uses our identity on the socket gets our replies; we don't wait for ever."""
        await request.idle.wait()
        await asyncio.sleep(_GIVE_UP_SECONDS)
        if request.reply is None:
            running.cancel()

    def interrupt(self) -> None:
        """Interrupt the step that runs; the session stays. Nothing happens when no step runs."""
        if self._request is not None:
            self._request.interrupted = True
            self.process.interrupt(since=self._request.since)

    def kill_step(self) -> None:
        """Interrupt the kernel, which stays if it can, and kill every process started since the running step
        began, in whatever session. Nothing happens when no step runs."""
        if self._request is not None:
            self.interrupt()  # first: or the step fails on the death of its child, and is interrupted then
            self.process.kill_tree(since=self._request.since)

    def outcome(self, message: str) -> Reply | None:
        """How the request with this id ended (one of `steps`), from the kernel's own reply in the spool."""
        return self._replies.get(message)

    # --- messages ---------------------------------------------------------------------------------------

    @property
    def session(self) -> str:
        """The name under which our requests are sent, once connected; "" before."""
        return "" if self._connection is None else str(self._connection.session.session)

    def release(self, up_to: int) -> None:
        """The journal has every message up to this number: the spool may drop whole segments of them.

        Lets a step that printed too far ahead go on; call it now and then, not for every message."""
        spool.release(self.process.spool, up_to=up_to)

    def _start(self, *works: Any) -> None:
        self._tasks.extend(asyncio.ensure_future(work) for work in works)

    def _sent(self, message: str) -> None:
        if self._request is not None:
            self._request.message = message
            self._steps[message] = self._request.step

    def _replied(self, message: dict[str, Any]) -> None:
        request = self._request
        if request is not None and message["parent_header"].get("msg_id") == request.message:
            request.take_reply(message, clock.monotonic_ns())

    async def _watch_end(self) -> None:
        await self.process.ended()
        self._gone.set()

    async def _read_messages(self, connection: Connection) -> None:
        socket, sign = connection.iopub_channel.socket, connection.session.sign
        taken = 0
        while True:
            parts = read_wire(await socket.recv_multipart(), sign)
            if parts is not None:
                self._take(parts)
            taken += 1
            if taken % _BREATH == 0:
                await asyncio.sleep(0)

    def _take(self, parts: list[bytes]) -> None:
        self._subscribed.set()
        message = read_parts(parts)
        number = (message["metadata"].get("runbook") or {}).get("spool")
        if not isinstance(number, int) or number <= self._last:
            return  # the socket's own welcome; or had already, from the spool
        if number > self._last + 1:
            self.catch_up(number - 1)
        self._deliver(message, number)

    def catch_up(self, up_to: int | None = None) -> None:
        """Hand over what is in the spool and did not come through the socket."""
        for record in spool.SpoolReader(self.process.spool, after=self._last).records():
            if up_to is not None and record.number > up_to:
                return
            self._deliver(read_parts(record.parts), record.number)

    def _deliver(self, message: dict[str, Any], number: int) -> None:
        self._last = number
        parent = message["parent_header"].get("msg_id")
        request = self._request
        is_current = request is not None and parent == request.message
        if request is not None and is_current and self._cells is not None:
            request.begun, request.heard_ns = True, clock.monotonic_ns()
            message["runbook"] = number
            try:
                self._cells.process_message(message, None, 0)
            except CellExecutionComplete:
                request.idle.set()
            return
        known = as_message(message, number, steps=self._steps, own=self._own)
        origin = known.origin
        if parent in self._own:
            self._caught_up.set()
        if request is not None and request.is_running and origin == "foreign" and known.runs_code:
            request.foreign.add(str(parent))
        if origin == "late" and known.type == "runbook_reply":
            self._replies[str(parent)] = recovered(known)
        self._on_message(known)

    def _step_message(self, message: dict[str, Any]) -> None:
        """nbclient has processed a message of the running step."""
        request = self._request
        if request is not None and message["msg_type"] == "runbook_reply":
            request.copy = message
        known = as_message(message, message["runbook"], steps=self._steps, own=self._own)
        self._on_message(msgspec.structs.replace(known, origin="step"))

    async def _wait_idle(self) -> None:
        """Until the running step's last message was handed over, or is known not to come."""
        request = self._request
        assert request is not None
        while not request.idle.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(request.idle.wait(), _QUIET_SECONDS)
            if request.idle.is_set() or request.reply is None:
                continue
            self.catch_up()
            if request.quiet_seconds(clock.monotonic_ns()) > _GIVE_UP_SECONDS and not request.idle.is_set():
                request.complete = False
                return

    # --- questions --------------------------------------------------------------------------------------

    async def _read_questions(self, connection: Connection) -> None:
        while True:
            message = await connection.stdin_channel.get_msg()
            request = self._request
            if request is None or message["parent_header"].get("msg_id") != request.message:
                continue
            if message["msg_type"] == "input_request" and self._on_input is not None:
                if self._asking is not None:
                    self._asking.cancel()
                self._asking = asyncio.ensure_future(self._answer(connection, request, message))

    async def _answer(self, connection: Connection, request: Request, message: dict[str, Any]) -> None:
        assert self._on_input is not None
        content = message["content"]
        question = InputRequest(
            step=request.step,
            prompt=str(content.get("prompt", "")),
            password=bool(content.get("password")),
        )
        answer = await self._on_input(question)
        if self._request is request:
            connection.input("\x04" if answer is None else answer)  # ipykernel reads EOT as end of input


def _look_at(task: "asyncio.Future[None]") -> None:
    """Nobody waits for a step whose `execute` was cancelled; how it ended is not worth a warning."""
    if not task.cancelled():
        task.exception()
