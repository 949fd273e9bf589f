"""The kernel itself: ipykernel with the parts changed that could lose, hide or leak something.

Runs in the kernel's process only, loaded from its file by `bootstrap`: imports the standard library,
ipykernel and what that brings. What is changed, and why:

1. an unlimited queue to the readers (the default drops what a slow reader leaves); the rest of publishing is
   in `kernel_publishing`;
2. no configuration, profile, start-up file, history, automagic, debugger or network port;
3. a forked child never goes on as a second kernel;
4. `input()` and `getpass()` say plainly that this run answers no questions, when it does not;
5. an interrupt reaches a step that awaits;
6. a second client cannot take over the first one's identity, and with it the replies;
7. the kernel does not keep what a step prints (IPython would, for a history that nobody reads);
8. the reply is published too, so that whoever takes over learns how the step ended;
9. what is Python as it stands is run as it stands: IPython rewrites magics, and nothing else;
10. replies and questions, which are not published, hold no secrets either.
"""

import ast
import asyncio
import atexit
import contextlib
import importlib
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.error import StdinNotImplementedError
from IPython.core.profiledir import ProfileDir
from traitlets.config import Config
from zmq.constants import SocketType

_DRAIN_SECONDS = 2.0

_publishing: Any = sys.modules["_runbook_kernel_publishing"]
_inside: Any = None
"""The `Inside` of this process: the classes below are made by ipykernel, which passes nothing on."""


def run(folder: str, settings: dict[str, Any], writer: Any, watch: Any) -> None:
    """Be a kernel until told to end."""
    global _inside
    _inside = _publishing.begin(folder, settings, writer, watch)
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
        _inside.thread.stop()
        _inside.writer.close()
        os._exit(0)


def _leave_the_debugger_out() -> None:
    """ipykernel's debugger opens a network port when asked, and costs a fifth of the start (2)."""
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
    config.Session.packer = _publishing.PACKER
    config.HistoryManager.hist_file = ":memory:"
    return config


def _exit_code(reply: Any) -> int:
    """What a forked child that came to its end hands to its parent."""
    if reply.get("status") == "ok":
        return 0
    value = str(reply.get("evalue"))
    if reply.get("ename") == "SystemExit" and value in ("", "None", "0"):
        return 0
    return int(value) & 0xFF if reply.get("ename") == "SystemExit" and value.isdecimal() else 1


def _is_python(source: str) -> bool:
    """Whether the code parses without any rewriting, with `await` outside of functions too."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they come when it is compiled to be run
            compile(source, "<step>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _masked(value: Any) -> Any:
    """A value of a message without this run's secrets (10)."""
    masks = getattr(sys.modules["_runbook_run"], "masks", None)
    if masks is None:
        return value
    return sys.modules["runbook.kit.masked_messages"].masked_value(value, masks)


@contextlib.contextmanager
def _deaf_to_sigint() -> Iterator[None]:
    """The step has ended: an interrupt that comes now would take its reply away (5). A handler, no SIG_IGN:
    what a thread starts meanwhile would inherit that."""
    saved = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, saved if saved is not None else signal.SIG_DFL)


@contextlib.contextmanager
def _open_to_sigint() -> Iterator[None]:
    """While a step runs (5). What somebody has executed beside it, on the control channel, is in a thread
    that hears no signals, and changes nothing of what the step hears."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    saved = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, saved if saved is not None else signal.SIG_DFL)


class Shell(ZMQInteractiveShell):  # type: ignore[misc] # ipykernel has no types here
    """Runs the code as it was reviewed (9), and keeps none of its output (7)."""

    def transform_cell(self, raw_cell: Any) -> Any:
        """IPython takes indentation, prompts and blanks off what it thinks was pasted, inside of strings too,
        and looks names up for calls without brackets: only for what is no Python without that."""
        return raw_cell if _is_python(raw_cell) else super().transform_cell(raw_cell)

    def _tee(self, channel: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class Kernel(IPythonKernel):  # type: ignore[misc] # ipykernel has no types here
    """Runs the steps (3, 4, 5, 8, 10)."""

    shell_class = Shell

    def pre_handler_hook(self) -> None:
        """Nothing: ipykernel lets an interrupt into whatever it handles. Only a step can be interrupted (5);
        an answer to who takes over would be lost, and between two handlers the kernel itself."""

    def post_handler_hook(self) -> None:
        """Nothing either."""

    async def do_execute(self, *args: Any, cell_meta: Any = None, cell_id: Any = None, **kwargs: Any) -> Any:
        asked = cell_meta.get("runbook", {}) if cell_meta else {}
        facts = sys.modules["_runbook_run"].facts
        facts["step"] = asked.get("step")
        facts["read_only"] = bool(asked.get("read_only"))
        with _open_to_sigint():
            reply = await super().do_execute(*args, cell_meta=cell_meta, cell_id=cell_id, **kwargs)
        if _inside.is_fork:
            for stream in _inside.streams:
                with contextlib.suppress(Exception):
                    stream.flush()
            os._exit(_exit_code(reply))
        with _deaf_to_sigint():
            until = time.monotonic() + _DRAIN_SECONDS
            for stream in _inside.streams:
                stream.drain(until)
            self._publish_reply(reply)
            return _masked(reply)

    def _publish_reply(self, reply: Any) -> None:
        """The reply, in the spool too: a supervisor that takes over learns how the step ended (8). It is kept
        before the other is sent: nobody hears of an end that a crash could take out of the record."""
        for stream in _inside.streams:
            stream.flush()
        kept = {key: reply.get(key) for key in ("status", "ename", "evalue", "traceback", "execution_count")}
        self.send_response(self.iopub_socket, "runbook_reply", kept, ident=self._topic("runbook_reply"))
        _inside.thread.settle(_DRAIN_SECONDS)

    @contextlib.contextmanager
    def _cancel_on_sigint(self, future: Any) -> Iterator[None]:
        """An interrupt of a step that awaits. ipykernel's own does not wake a loop that sleeps (5)."""
        loop = asyncio.get_running_loop()
        saved = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(future.cancel))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, saved)

    def raw_input(self, prompt: Any = "") -> str:
        self._require_answers("input()")
        return str(super().raw_input(_masked(str(prompt))))

    def getpass(self, prompt: str = "", stream: Any = None, **kwargs: Any) -> str:
        self._require_answers("getpass()")
        return str(super().getpass(_masked(str(prompt)), stream, **kwargs))

    def _require_answers(self, what: str) -> None:
        if not self._allow_stdin:
            raise StdinNotImplementedError(
                f"{what}: nobody answers questions in this run; declare a parameter, or make it a manual step"
            )

    async def _progressively_terminate_all_children(self) -> None:
        """Nothing: a service that a step started is meant to stay; what is not is the supervisor's to end."""


class KernelApp(IPKernelApp):  # type: ignore[misc] # ipykernel has no types here
    """Starts without looking at anything but its own folder (1, 2, 6)."""

    kernel_class = Kernel
    outstream_class = "_runbook_kernel_publishing.Output"

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
        self.iopub_thread = _publishing.SpoolingThread(socket, pipe=True, session=self.session)
        _inside.thread = self.iopub_thread
        self.iopub_thread.start()
        self.iopub_socket = self.iopub_thread.background_socket

    def close(self) -> None:
        """Left to `_leave`; until then what is printed while ending is published as ever."""
