"""Starting a kernel and holding its process: light enough to run before anything heavy is imported.

Never looks for a kernelspec, never uses TCP, never passes our own environment on. What a kernel is told
stands in `kernel.json` of its folder (mode 0600: it holds the key of its messages), what it is in
`process.json`.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
from pathlib import Path
from typing import Any

from runbook.errors import KernelError, NotFoundError, UnavailableError
from runbook.execution import kernel_tree
from runbook.execution.kernel_values import KernelSpec, ProcessIdentity
from runbook.system import files, processes

ADOPTED_END = -1000
"""The `returncode` of an adopted process that is gone: how it ended only its parent can know."""

_LONGEST_FOLDER = 85  # bytes; macOS has 104 for the whole name of a socket (sys/un.h), Linux 108
_PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
_POLL_SECONDS = 0.2
_KILL_SECONDS = 5.0
_LOG_TAIL_BYTES = 4000
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


class KernelProcess:
    """A kernel's process: ours (from `launch`) or adopted (found again by pid and start time).

    `started` is its start time as text; with the pid it names the process for good. `mark` is the value of
    RUNBOOK_KERNEL in the environment of all that it starts.
    """

    def __init__(
        self,
        folder: Path,
        facts: dict[str, Any],
        *,
        child: "subprocess.Popen[bytes] | None" = None,
    ) -> None:
        self.folder = folder
        self.spool = Path(facts["spool"])
        self.pid: int = facts["pid"]
        self.started: str = facts["started"]
        self.argv: tuple[str, ...] = tuple(facts["argv"])
        self.mark: str = facts["mark"]
        self._child = child
        self._returncode: int | None = None

    @property
    def returncode(self) -> int | None:
        """None while it lives; negative for a signal; `ADOPTED_END` for an adopted one that is gone."""
        if self._child is not None:
            return self._child.poll()
        if self._returncode is None and kernel_tree.started(self.pid) != self.started:
            self._returncode = ADOPTED_END
        return self._returncode

    @property
    def is_alive(self) -> bool:
        return self.returncode is None

    @property
    def signal(self) -> int | None:
        """The signal that ended it, if one did and we can know."""
        code = self.returncode
        return -code if code is not None and ADOPTED_END < code < 0 else None

    async def ended(self) -> None:
        """Wait until it is gone; noticed at once on Linux, within 0.2 s elsewhere."""
        descriptor = -1
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                descriptor = os.pidfd_open(self.pid)
        if descriptor < 0:
            while self.is_alive:
                await asyncio.sleep(_POLL_SECONDS)
            return
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, gone.set)
        try:
            if self.is_alive:  # asked after the descriptor was opened: it is this process, not a later one
                await gone.wait()
                while self.is_alive:  # a moment between its end and the system saying so
                    await asyncio.sleep(0.001)
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def descendants(self, *, since: kernel_tree.Moment | None = None) -> tuple[ProcessIdentity, ...]:
        """Everything it started that still runs, in whatever session, daemons included; with `since`
        (`kernel_tree.moment`) only what was started from then on."""
        return kernel_tree.descendants(self.pid, mark=self.mark, since=since)

    def interrupt(self, *, since: kernel_tree.Moment) -> None:
        """SIGINT to the kernel and to what it started from `since` on in its own process group: what a
        terminal's Ctrl-C does, but older steps' services are left alone."""
        own = ProcessIdentity(pid=self.pid, started=self.started)
        kernel_tree.send([own], signal.SIGINT)
        kernel_tree.send(
            kernel_tree.descendants(self.pid, mark=self.mark, since=since, group=self.pid), signal.SIGINT
        )

    def kill(self) -> None:
        """SIGKILL to the kernel process alone."""
        kernel_tree.send([ProcessIdentity(pid=self.pid, started=self.started)], signal.SIGKILL)
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):  # a process in the disk's hands
                self._child.wait(_KILL_SECONDS)

    def kill_tree(self, *, since: kernel_tree.Moment | None = None) -> tuple[ProcessIdentity, ...]:
        """SIGKILL to what it started (from `since` on); without `since` to the kernel too, before them.
        Returns what was killed."""
        if since is None:
            before = self.descendants()  # its children lose their parent with it
            self.kill()
            killed = kernel_tree.send(before, signal.SIGKILL)
            return (*killed, *kernel_tree.kill_all(self.descendants))
        return kernel_tree.kill_all(lambda: self.descendants(since=since))

    def log_tail(self) -> str:
        """The end of what its real standard error got: why it did not start, or how it crashed."""
        try:
            data = files.read(self.folder / "kernel.log", limit_bytes=64 << 20)
        except (NotFoundError, UnavailableError):
            return ""
        return data[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()


def launch(spec: KernelSpec) -> KernelProcess:
    """Start a kernel and return at once (a few milliseconds), long before it can answer.

    Raises KernelError when the interpreter cannot be run or the folder's name is too long for a socket,
    ExistsError when a kernel was started in this folder before, StorageError, NotFoundError (`work`).
    """
    if len(os.fsencode(spec.folder)) > _LONGEST_FOLDER:
        raise KernelError(
            "the name of this folder is too long for a kernel's sockets",
            subject=str(spec.folder),
            hint="set XDG_RUNTIME_DIR to a short private folder",
        )
    spool = spec.spool or spec.folder / "spool"
    files.make_folder(spec.folder, mode=0o700)
    _require_private(spec.folder)
    files.create(spec.folder / "kernel.json", json.dumps(_told(spec, spool)).encode(), mode=0o600)
    mark = secrets.token_hex(16)
    argv = (spec.interpreter, "-I", "-X", "utf8", str(_BOOTSTRAP), str(spec.folder))
    environment = {**spec.environment, kernel_tree.MARK: mark}
    child = _begin(argv, environment, spec)
    facts = {
        "pid": child.pid,
        "started": kernel_tree.started(child.pid) or "",
        "argv": argv,
        "mark": mark,
        "spool": str(spool),
    }
    try:
        files.create(spec.folder / "process.json", json.dumps(facts).encode(), mode=0o600)
    except BaseException:
        child.kill()
        child.wait()
        raise
    return KernelProcess(spec.folder, facts, child=child)


def _require_private(folder: Path) -> None:
    with files.storage_errors(folder):
        facts = folder.stat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise KernelError(
            "others can reach this folder, which holds the key to a kernel",
            subject=str(folder),
            hint=f"chmod 700 {folder}",
        )


def _begin(argv: tuple[str, ...], environment: dict[str, str], spec: KernelSpec) -> "subprocess.Popen[bytes]":
    log = spec.folder / "kernel.log"
    with files.storage_errors(log):
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return processes.begin(
            argv, env=environment, cwd=spec.work, error_log=descriptor, handed=_handed(spec)
        )
    except UnavailableError as error:
        raise KernelError(
            f"the interpreter does not run: {error.message}",
            subject=spec.interpreter,
            hint="set `interpreter` in the machine's configuration to a Python that has ipykernel",
        ) from error
    finally:
        os.close(descriptor)


def _handed(spec: KernelSpec) -> bytes:
    """The secrets, for the pipe: what is in `kernel.json`, on the command line or in the environment can be
    read by others later."""
    if not spec.secrets:
        return b""
    values = {name: hidden.reveal() for name, hidden in spec.secrets.items()}
    return json.dumps({"values": values, "by_source": dict(spec.secret_sources)}).encode("utf-8")


def _told(spec: KernelSpec, spool: Path) -> dict[str, Any]:
    return {
        "transport": "ipc",
        "ip": str(spec.folder / "k"),
        **_PORTS,
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "",
        "runbook": {
            "spool": str(spool),
            "segment_bytes": spec.segment_bytes,
            "backlog_bytes": spec.backlog_bytes,
            "lock": str(spec.lock),
            "linger_seconds": spec.linger_seconds,
            "includes": [str(each) for each in spec.includes],
            "context": dict(spec.context),
            "secrets": bool(spec.secrets),
        },
    }


def adopt(folder: Path) -> KernelProcess:
    """The kernel that was started in `folder` and still lives. Raises KernelError when it is gone."""
    process = _recorded(folder)
    if not process.is_alive:
        raise KernelError("the kernel is gone", subject=str(folder), hint="resume with a new one")
    return process


def mark_of(folder: Path) -> str | None:
    """What everything that the kernel of this folder started has in its environment, as `NAME=value`, unless
    it took that off; None where no kernel was started."""
    try:
        return f"{kernel_tree.MARK}={_recorded(folder).mark}"
    except KernelError:
        return None


def survivors(folder: Path) -> tuple[tuple[ProcessIdentity, str], ...]:
    """What a kernel that is gone had started and still runs, each with its command line. It may be at work
    on what its step was to do. Nothing is signalled."""
    try:
        process = _recorded(folder)
    except KernelError:
        return ()
    if process.is_alive:
        return ()
    return tuple((each, kernel_tree.command(each.pid)) for each in process.descendants())


def _recorded(folder: Path) -> KernelProcess:
    try:
        facts = json.loads(files.read(folder / "process.json", limit_bytes=1 << 20))
        return KernelProcess(folder, facts)
    except (NotFoundError, ValueError, KeyError, TypeError) as error:
        raise KernelError("no kernel was started here", subject=str(folder)) from error
