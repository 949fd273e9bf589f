"""The one edge to nbclient and jupyter_client: their classes, with the parts changed that lose or invent.

What is changed, and why (each found by running it):

1. the client waits for no heartbeat and flushes nothing: `wait_for_ready` loses the first messages;
2. alive means the process is alive, asked of the process;
3. the manager stand-in has a kernel and refuses to start another: `owns_kernel=False` starts one silently;
4. `process_message` keeps no output: every message is handed on, and forgotten;
5. the reply is taken where it arrives, before nbclient waits for output (and could lose it);
6. a reply that is an error, or `aborted`, is a result: nothing is raised, nothing is called ok by omission.

Only `kernel` uses this.
"""

import asyncio
import hmac
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import nbformat.v4
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.session import DELIM
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, DeadKernelError
from traitlets import Type
from zmq.constants import SocketOption, SocketType

from runbook.execution.kernel_launch import KernelProcess

# How many messages ZeroMQ reads ahead of us. Nothing is lost: what we don't take waits in the kernel, whose
# queue has no limit. Without this it would all wait in the supervisor's memory.
_READ_AHEAD = 64
_RECONNECT_MILLISECONDS = 5

__all__ = ["CellExecutionComplete", "Cells", "Connection", "DeadKernelError", "read_wire"]


class _ReplyChannel(AsyncZMQSocketChannel):  # type: ignore[misc] # jupyter_client's types are not read
    """The shell channel; tells of each reply the moment it is read (5)."""

    on_reply: Callable[[dict[str, Any]], None]

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        message: dict[str, Any] = await super().get_msg(timeout=timeout)
        self.on_reply(message)
        return message


class Connection(AsyncKernelClient):  # type: ignore[misc] # jupyter_client's types are not read
    """Sockets to one kernel over IPC (1, 2)."""

    shell_channel_class = Type(_ReplyChannel)

    def __init__(
        self,
        process: KernelProcess,
        info: Mapping[str, Any],
        *,
        on_sent: Callable[[str], None],
        on_reply: Callable[[dict[str, Any]], None],
    ) -> None:
        context = zmq.asyncio.Context()
        context.setsockopt(
            SocketOption.RECONNECT_IVL, _RECONNECT_MILLISECONDS
        )  # it may not have bound them yet
        super().__init__(context=context)
        self._created_context = True
        self._process = process
        self._on_sent = on_sent
        self.session.digest_history_size = 0  # each message has its number, which is stronger
        self.load_connection_info({key: value for key, value in info.items() if key != "runbook"})
        self.shell_channel.on_reply = on_reply
        self.start_channels(hb=False)
        self.allow_stdin = False

    def connect_iopub(self, identity: bytes | None = None) -> Any:
        socket = self.context.socket(SocketType.SUB)
        socket.linger = 0
        socket.rcvhwm = _READ_AHEAD
        socket.subscribe(b"")
        socket.connect(self._make_url("iopub"))
        return socket

    def execute(self, code: str, **options: Any) -> str:
        """Send a request. Its id is known before a message of it can be read."""
        message = str(super().execute(code, **options))
        self._on_sent(message)
        return message

    async def is_alive(self) -> bool:
        return self._process.is_alive

    _async_is_alive = is_alive


class _Manager:
    """Stands where nbclient expects a kernel manager (3)."""

    has_kernel = True

    def start_kernel(self, **_options: Any) -> NoReturn:
        raise RuntimeError("only kernel_launch starts kernels")

    interrupt_kernel = shutdown_kernel = client = start_kernel


class Cells(NotebookClient):  # type: ignore[misc] # nbclient's types are not read
    """Executes one cell at a time and keeps nothing of it (4, 6)."""

    iopub_timeout = None  # who waits for the last message decides for how long: `wait_idle`

    def __init__(
        self,
        connection: Connection,
        *,
        on_message: Callable[[dict[str, Any]], None],
        wait_idle: Callable[[], Any],
        gone: asyncio.Event,
    ) -> None:
        super().__init__(nbformat.v4.new_notebook(), km=_Manager(), timeout=None, record_timing=False)
        self.kc = connection
        self._on_message = on_message
        self._wait_idle = wait_idle
        self._gone = gone

    async def run(self, source: str) -> None:
        """Send `source` and return when its reply and its last message are here.

        Raises DeadKernelError when the kernel is gone first. Also for a source of blanks, which nbclient
        would silently leave out.
        """
        cell = nbformat.v4.new_code_cell(source)
        self.nb.cells = [cell]
        if source.strip():
            await self.async_execute_cell(cell, 0, store_history=True)
            return
        message = self.kc.execute(source, store_history=True, stop_on_error=True)
        alive = asyncio.ensure_future(self._async_poll_kernel_alive())
        output = asyncio.ensure_future(self._async_poll_output_msg(message, cell, 0))
        self.task_poll_for_reply = asyncio.ensure_future(
            self._async_poll_for_reply(message, cell, None, output, alive)
        )
        try:
            await self.task_poll_for_reply
        except asyncio.CancelledError:
            output.cancel()
            raise DeadKernelError("Kernel died") from None

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> None:
        self._on_message(msg)
        if msg["msg_type"] == "status" and msg["content"].get("execution_state") == "idle":
            raise CellExecutionComplete

    async def _async_poll_output_msg(self, parent_msg_id: str, cell: Any, cell_index: int) -> None:
        await self._wait_idle()

    async def _async_poll_kernel_alive(self) -> None:
        await self._gone.wait()
        if self.task_poll_for_reply is not None:
            self.task_poll_for_reply.cancel()

    async def _check_raise_for_error(self, cell: Any, cell_index: int, exec_reply: Any) -> None:
        """The caller judges the reply."""


def read_wire(frames: list[bytes], sign: Callable[[list[bytes]], bytes]) -> list[bytes] | None:
    """The header, parent, metadata, content and buffers of one message as it came; None when its signature
    is not the kernel's."""
    try:
        start = frames.index(DELIM)
        signature, parts = frames[start + 1], frames[start + 2 :]
    except (ValueError, IndexError):
        return None
    if len(parts) < 4 or not hmac.compare_digest(signature, sign(parts[:4])):
        return None
    return parts
