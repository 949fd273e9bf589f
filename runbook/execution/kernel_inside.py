"""The kernel itself: ipykernel with the parts changed that could lose, hide or leak something.

Runs in the kernel's process only, loaded from its file by `bootstrap`: imports the standard library,
ipykernel and what that brings. What is changed, and why:

1. every published message is spooled first and carries its number (`metadata.runbook.spool`);
2. an unlimited queue to the readers: the default drops what a slow reader leaves;
3. no configuration, profile, start-up file, history, automagic or network port;
4. a forked child never goes on as a second kernel, and its output reaches the parent by a Unix socket;
5. closing standard output closes nothing; long output is cut into messages of a bounded size, and waits
   while it is too far ahead of the supervisor;
6. what child processes write to the inherited output is decoded whole and published before the step ends;
7. `input()` and `getpass()` say plainly that this run answers no questions, when it does not;
8. an interrupt reaches a step that awaits;
9. a second client cannot take over the first one's identity, and with it the replies;
10. the kernel does not keep what a step prints (IPython would, for a history that nobody reads).
"""

import asyncio
import atexit
import codecs
import contextlib
import fcntl
import importlib
import json
import os
import select
import signal
import sys
import termios
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

from ipykernel.iostream import MASTER, IOPubThread, OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.error import StdinNotImplementedError
from IPython.core.profiledir import ProfileDir
from jupyter_client.session import DELIM
from traitlets.config import Config
from zmq.constants import SocketType
from zmq.eventloop.zmqstream import ZMQStream
from zmq.sugar.context import Context

_LARGEST_TEXT = 1 << 20  # characters in one stream message
_STALLED_SECONDS = 10.0
_DRAIN_SECONDS = 2.0
_PIPE_BYTES = 1 << 16

_inside: Any = None
"""The `Inside` of this process: the classes below are made by ipykernel, which passes nothing on."""


class Inside:
    """What the parts of one kernel share."""

    def __init__(self, folder: str, settings: dict[str, Any], writer: Any, watch: Any, log: Any) -> None:
        self.folder = folder
        self.settings = settings
        self.writer = writer
        self.watch = watch
        self.log = log
        self.pid = os.getpid()
        self.streams: list[Any] = []
        self.throttle = Throttle(self)

    @property
    def is_fork(self) -> bool:
        return os.getpid() != self.pid


def run(folder: str, settings: dict[str, Any], writer: Any, watch: Any, log: Any) -> None:
    """Be a kernel until told to end."""
    global _inside
    _inside = Inside(folder, settings, writer, watch, log)
    warnings.filterwarnings("ignore", message="To exit: use 'exit', 'quit', or Ctrl-D")
    atexit.register(_leave)  # the first to be registered is the last to run
    _leave_the_debugger_out()
    app = KernelApp.instance(config=_configuration(folder))
    app.initialize([])
    # IPython sets FORCE_COLOR, PAGER, TERM …, which would change what commands do and say.
    told = settings["environment"]
    for name in set(os.environ) - set(told) - {"MPLBACKEND"}:
        del os.environ[name]
    os.environ.update(told)
    app.start()


def _leave() -> None:
    """End at once after everything that steps registered has run: taking the sockets down properly takes up
    to a tenth of a second, and whoever misses a message finds it in the spool."""
    if not _inside.is_fork:
        for stream in _inside.streams:
            stream.flush()
        _inside.writer.close()
        os._exit(0)


def _leave_the_debugger_out() -> None:
    """ipykernel's debugger opens a network port when asked, and costs a fifth of the start (3)."""
    sys.modules["debugpy"] = None  # type: ignore[assignment] # how an import is told to fail
    importlib.import_module("ipykernel.debugger")
    del sys.modules["debugpy"]  # a step may still import it


def _configuration(folder: str) -> Any:
    config = Config()
    config.IPKernelApp.connection_file = f"{folder}/kernel.json"
    config.BaseIPythonApplication.ipython_dir = f"{folder}/ipython"
    config.InteractiveShellApp.ignore_cwd = True
    config.InteractiveShellApp.exec_PYTHONSTARTUP = False
    config.InteractiveShellApp.extensions = []
    config.InteractiveShellApp.reraise_ipython_extension_failures = True
    config.InteractiveShell.automagic = False
    config.Kernel._execute_sleep = 0.0  # a wait for readers, who wait for `idle` here
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    return config


class SpoolingThread(IOPubThread):  # type: ignore[misc] # ipykernel has no types here
    """Publishes, and keeps what it publishes (1). Talks to forks over a Unix socket (4)."""

    def _really_send(self, msg: list[Any], *args: Any, **kwargs: Any) -> None:
        if self._check_mp_mode() == MASTER:
            if _inside.is_fork:
                return  # no way to the parent: what a fork inherited of ZeroMQ must not be touched
            msg = self._spooled(msg)
        # Without a copy ZeroMQ keeps Python's bytes until a thread of pyzmq's gets its turn: when a step is
        # busy printing that is late, and all it printed stays in memory.
        super()._really_send(msg, *args, **{**kwargs, "copy": True})

    def _spooled(self, msg: list[Any]) -> list[Any]:
        start = msg.index(DELIM) + 2  # behind the delimiter stands the signature
        header, parent, metadata, content, *buffers = msg[start:]
        number, _kept = _inside.writer.append([header, parent, metadata, content, *buffers])
        # The reader learns the number from the message; a number that could not be kept is used up, too.
        marked = json.loads(bytes(metadata)) if bytes(metadata) != b"{}" else {}
        marked["runbook"] = {"spool": number}
        signed = [header, parent, json.dumps(marked).encode(), content]
        return [*msg[: start - 1], self.session.sign(signed), *signed, *buffers]

    def _setup_pipe_in(self) -> None:
        self._pipe_uuid = os.urandom(16)
        pipe_in = self.socket.context.socket(SocketType.PULL)
        pipe_in.linger = 0
        pipe_in.bind(f"ipc://{_inside.folder}/fork")
        self._pipe_in = ZMQStream(pipe_in, self.io_loop)
        self._pipe_in.on_recv(self._handle_pipe_msg)

    def _setup_pipe_out(self) -> tuple[Any, Any]:
        context = Context()  # a new one: the inherited context is the parent's
        pipe_out = context.socket(SocketType.PUSH)
        pipe_out.linger = 3000
        pipe_out.connect(f"ipc://{_inside.folder}/fork")
        return context, pipe_out


class Output(OutStream):  # type: ignore[misc] # ipykernel has no types here
    """Standard output or error of the steps (5, 6)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._ahead = 0
        self._draining = False
        self._flushing = False
        super().__init__(*args, **kwargs)
        _inside.streams.append(self)

    def write(self, string: Any) -> int:
        if not isinstance(string, str) or len(string) < _LARGEST_TEXT:
            self._write(string)
        else:
            for start in range(0, len(string), _LARGEST_TEXT):
                self._write(string[start : start + _LARGEST_TEXT])
        return len(string)

    def _write(self, string: Any) -> None:
        super().write(string)
        self._ahead += len(string)
        if self._ahead >= _LARGEST_TEXT and not _inside.is_fork and not self._is_service_thread():
            self.flush()
            _inside.throttle.wait()

    def flush(self) -> None:
        """As ipykernel's, but nothing to publish costs no round trip to the publishing thread. The order of
        the two questions matters: a buffer is taken away only after `_flushing` was set."""
        if self._buffers or self._flushing or _inside.is_fork:
            super().flush()

    def _flush(self) -> None:
        self._flushing = True
        try:
            self._ahead = 0
            super()._flush()
        finally:
            self._flushing = False

    def _is_service_thread(self) -> bool:
        """Threads of the kernel itself: if one of them waited, nothing would be published or answered."""
        return threading.current_thread().name in ("IOPub", "Control", "Shell channel")

    def close(self) -> None:
        """Nothing: a step that closes its output must not silence the steps after it."""
        self.flush()

    def _watch_pipe_fd(self) -> None:
        """Publish what child processes write to the descriptor they inherited."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        poll = select.poll()
        poll.register(self._fid, select.POLLIN | select.POLLHUP)
        while self._should_watch:
            try:
                poll.poll()
                self._draining = True  # before reading: `drain` must not see an empty pipe too early
                data = os.read(self._fid, _PIPE_BYTES)
                self.write(decoder.decode(data, final=not data))
            except (OSError, ValueError):
                return
            finally:
                self._draining = False
            if not data:
                return

    def drain(self, until: float) -> None:
        """Wait until what is in the pipe has been taken over, or until the monotonic time `until`."""
        if self._fid is None or not self.watch_fd_thread.is_alive():
            return
        while time.monotonic() < until:
            waiting = int.from_bytes(fcntl.ioctl(self._fid, termios.FIONREAD, b"\0" * 4), sys.byteorder)
            if not waiting and not self._draining:
                return
            time.sleep(0.001)


class Throttle:
    """Holds a printing thread while the spool is too far ahead of what the supervisor has released (5).

    Ends as soon as there is room, no supervisor, or no progress; a supervisor that stopped releasing is
    waited for once, not at every line.
    """

    def __init__(self, inside: Inside) -> None:
        self._writer = inside.writer
        self._watch = inside.watch
        self._limit = inside.settings["backlog_bytes"]
        self._stalled_at: int | None = None

    def wait(self) -> None:
        best = self._writer.backlog()
        if not self._limit or best <= self._limit:
            self._stalled_at = None
            return
        if self._stalled_at is not None and best >= self._stalled_at:
            return
        since = time.monotonic()
        while best > self._limit:
            if time.monotonic() - since >= _STALLED_SECONDS or not self._watch.is_held():
                self._stalled_at = best
                return
            time.sleep(0.02)
            now = self._writer.backlog()
            if now < best:
                best, since = now, time.monotonic()
        self._stalled_at = None


def _exit_code(reply: Any) -> int:
    """What a forked child that came to its end hands to its parent."""
    if reply.get("status") == "ok":
        return 0
    value = str(reply.get("evalue"))
    if reply.get("ename") == "SystemExit" and value in ("", "None", "0"):
        return 0
    return int(value) & 0xFF if reply.get("ename") == "SystemExit" and value.isdecimal() else 1


class Shell(ZMQInteractiveShell):  # type: ignore[misc] # ipykernel has no types here
    """Runs the code, and keeps none of its output (10)."""

    def _tee(self, channel: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class Kernel(IPythonKernel):  # type: ignore[misc] # ipykernel has no types here
    """Runs the steps (4, 6, 7, 8)."""

    shell_class = Shell

    async def do_execute(self, *args: Any, cell_meta: Any = None, cell_id: Any = None, **kwargs: Any) -> Any:
        asked = cell_meta.get("runbook", {}) if cell_meta else {}
        facts = sys.modules["_runbook_run"].facts
        facts["step"] = asked.get("step")
        facts["read_only"] = bool(asked.get("read_only"))
        reply = await super().do_execute(*args, cell_meta=cell_meta, cell_id=cell_id, **kwargs)
        if _inside.is_fork:
            for stream in _inside.streams:
                with contextlib.suppress(Exception):
                    stream.flush()
            os._exit(_exit_code(reply))
        until = time.monotonic() + _DRAIN_SECONDS
        for stream in _inside.streams:
            stream.drain(until)
        self._publish_reply(reply)
        return reply

    def _publish_reply(self, reply: Any) -> None:
        """The reply, in the spool too: a supervisor that takes over learns how the step ended (1)."""
        for stream in _inside.streams:
            stream.flush()
        kept = {key: reply.get(key) for key in ("status", "ename", "evalue", "traceback", "execution_count")}
        self.send_response(self.iopub_socket, "runbook_reply", kept, ident=self._topic("runbook_reply"))

    @contextlib.contextmanager
    def _cancel_on_sigint(self, future: Any) -> Iterator[None]:
        """An interrupt of a step that awaits. ipykernel's own does not wake a loop that sleeps (8)."""
        loop = asyncio.get_running_loop()
        saved = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(future.cancel))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, saved)

    def raw_input(self, prompt: Any = "") -> str:
        self._require_answers("input()")
        return str(super().raw_input(prompt))

    def getpass(self, prompt: str = "", stream: Any = None, **kwargs: Any) -> str:
        self._require_answers("getpass()")
        return str(super().getpass(prompt, stream, **kwargs))

    def _require_answers(self, what: str) -> None:
        if not self._allow_stdin:
            raise StdinNotImplementedError(
                f"{what}: nobody answers questions in this run; declare a parameter, or make it a manual step"
            )

    async def _progressively_terminate_all_children(self) -> None:
        """Nothing: a service that a step started is meant to stay; what is not is the supervisor's to end."""


class KernelApp(IPKernelApp):  # type: ignore[misc] # ipykernel has no types here
    """Starts without looking at anything but its own folder (2, 3, 9)."""

    kernel_class = Kernel
    outstream_class = f"{__name__}.Output"

    def load_config_file(self, *args: Any, **kwargs: Any) -> None:
        """No configuration of anybody."""

    def init_config_files(self) -> None:
        """None are staged either."""

    def init_profile_dir(self) -> None:
        self.profile_dir = ProfileDir(location=f"{_inside.folder}/ipython")

    def _run_startup_files(self) -> None:
        """Neither the user's nor the machine's (/etc/ipython/startup)."""

    def init_extensions(self) -> None:
        """No extension is loaded by configuration."""

    def write_connection_file(self, **kwargs: Any) -> None:
        """It was complete before we started."""

    def log_connection_info(self) -> None:
        self._ports = {
            name: getattr(self, f"{name}_port") for name in ("shell", "iopub", "stdin", "hb", "control")
        }

    def init_sockets(self) -> None:
        super().init_sockets()
        for socket in (self.shell_socket, self.stdin_socket, self.control_socket):
            socket.router_handover = 0

    def init_iopub(self, context: Any) -> None:
        socket = context.socket(SocketType.XPUB)
        socket.linger = 1000
        socket.sndhwm = 0
        socket.xpub_verbose = 1  # so that every reader is welcomed, and knows that it is subscribed
        self.iopub_port: int = self._bind_socket(socket, self.iopub_port)
        self.configure_tornado_logger()
        self.iopub_thread = SpoolingThread(socket, pipe=True, session=self.session)
        self.iopub_thread.start()
        self.iopub_socket = self.iopub_thread.background_socket

    def close(self) -> None:
        """Left to `_leave`; until then what is printed while ending is published as ever."""
