"""Starting a kernel and holding its process: light enough to run before anything heavy is imported.

Never looks for a kernelspec, never uses TCP, never leaves our environment to the kernel.
"""

from pathlib import Path

from runbook.execution.kernel_values import KernelSpec, ProcessIdentity


class KernelProcess:
    """A kernel's process: ours (started here) or adopted (found again by pid and start time)."""

    folder: Path
    spool: Path
    pid: int
    started: str  # process start time as text; with the pid it names the process for good
    argv: tuple[str, ...]

    @property
    def returncode(self) -> int | None:
        """None while it lives; negative for a signal. An adopted process tells only that it is gone (-1000)."""
        raise NotImplementedError

    @property
    def is_alive(self) -> bool:
        raise NotImplementedError

    @property
    def signal(self) -> int | None:
        """The signal that ended it, if one did."""
        raise NotImplementedError

    async def ended(self) -> None:
        """Wait until it is gone; noticed at once on Linux, within 0.2 s elsewhere."""
        raise NotImplementedError

    def descendants(self) -> tuple[ProcessIdentity, ...]:
        """Everything the kernel started that still runs: also in other sessions, also daemons."""
        raise NotImplementedError

    def kill(self) -> None:
        """SIGKILL to the kernel process alone."""
        raise NotImplementedError

    def kill_tree(self) -> tuple[ProcessIdentity, ...]:
        """SIGKILL to the kernel and all its descendants; returns what was killed."""
        raise NotImplementedError

    def log_tail(self) -> str:
        """The end of what the kernel process said on its real standard error: why it did not start."""
        raise NotImplementedError


def launch(spec: KernelSpec) -> KernelProcess:
    """Start a kernel and return at once (a few milliseconds), before it can answer.

    Raises KernelError when the interpreter cannot be run or the folder's name is too long for a socket,
    StorageError when the folder cannot be made.
    """
    raise NotImplementedError


def adopt(folder: Path) -> KernelProcess:
    """The kernel that was started in `folder` and still lives. Raises KernelError when it is gone."""
    raise NotImplementedError
