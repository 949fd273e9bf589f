"""One living kernel, as the supervisor talks to it: requests, replies, every message in order.

Cells are executed by nbclient; this module is the only one that imports it, and jupyter_client. It never
starts or restarts a kernel (that is `kernel_launch`), never keeps an output in memory, and never calls a
step succeeded without the kernel's own reply.
"""

from runbook.execution.kernel_launch import KernelProcess
from runbook.execution.kernel_values import KernelFacts, OnInput, OnMessage, Reply


class KernelClient:
    """The one client of a kernel. All methods belong to one event loop.

    `on_message` gets every message the kernel publishes, whoever caused it, from `resume_after` on (the
    number in the spool that the journal already has; 0 for a new kernel): what was published while nobody
    listened, and what the sockets lost, is filled in from the spool, in order, once. `on_input` answers
    `input()`; without it questions are refused inside the step with a message that says so.
    """

    def __init__(
        self,
        process: KernelProcess,
        *,
        on_message: OnMessage,
        on_input: OnInput | None = None,
        resume_after: int = 0,
    ) -> None:
        raise NotImplementedError

    async def connect(self, *, timeout_seconds: float = 60) -> KernelFacts:
        """Wait until the kernel answers and its messages reach us. Loses none of them.

        A kernel that is busy (with a step of a supervisor that died) answers when it is done; use
        `connect(...)` with the patience that this needs, or `is_busy` first. Raises KernelError when it
        ended or did not answer, with the end of its log.
        """
        raise NotImplementedError

    async def execute(
        self,
        step: str,
        source: str,
        *,
        timeout_seconds: float | None = None,
        read_only: bool = False,
        grace_seconds: float = 5,
    ) -> Reply:
        """Run one step and say how it ended; a failed step is a result, never an exception.

        At `timeout_seconds` the step is interrupted; when it does not return within `grace_seconds` the
        kernel and all it started is killed. `read_only` is told to the kit (a dry run acts in such steps).
        """
        raise NotImplementedError

    def interrupt(self) -> None:
        """Interrupt the step that runs (SIGINT to the kernel and to what this step started in its process
        group); the session stays. Nothing happens when no step runs."""
        raise NotImplementedError

    def kill_step(self) -> None:
        """Kill every process that was started since the running step began, in whatever session; the
        kernel itself is interrupted, and stays if it can."""
        raise NotImplementedError

    @property
    def last_spooled(self) -> int:
        """The number of the last message that was handed to `on_message`."""
        raise NotImplementedError

    def release(self, up_to: int) -> None:
        """The journal has every message up to this number: the spool may drop whole segments of them.

        Also lets a step that printed too far ahead go on; call it now and then, not for every message."""
        raise NotImplementedError

    async def shutdown(self, *, patience_seconds: float = 2) -> None:
        """End the kernel: ask, wait, kill. Processes that steps left running on purpose stay."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of the kernel without ending it. `shutdown` has done this already."""
        raise NotImplementedError
