"""What goes to a kernel and what comes back, as values. Pure data; no process, socket or clock here."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from runbook.text.secret import Hidden

SEGMENT_BYTES = 8 << 20

Origin = Literal["step", "late", "kernel", "foreign"]
"""Whose doing a message is: of the step that runs now, of one that has ended (a thread that goes on
printing), of the kernel itself (its start), or of a request that is not ours."""

State = Literal["succeeded", "failed", "timed-out", "interrupted", "kernel-died", "unknown"]


class KernelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a kernel is started with. Paths are absolute.

    `folder`: short, private, for this kernel alone; made with mode 0700 when it is missing. Holds sockets,
    connection file, IPython's empty folder and `kernel.log`. `spool`: where published messages are kept;
    None means `folder/spool`. `lock`: the file whose lock the supervisor holds (`system.files.locked`);
    once it is free for `linger_seconds` the kernel ends itself. `environment`: the whole environment, never
    added to, but for RUNBOOK_KERNEL, the mark by which the kernel's processes are found. `context`: what
    `runbook.kit.context` answers: `execution`, `runbook`, `environment`, `operator` (text), `dry_run`,
    `unattended` (bool). `includes`: folders appended to the end of the path of modules. `secrets`: by name,
    for a pipe; `secret_sources`: which of them the declaration means by a source (`fetching.by_source`).
    """

    folder: Path
    work: Path
    lock: Path
    environment: Mapping[str, str]
    interpreter: str
    spool: Path | None = None
    includes: tuple[Path, ...] = ()
    context: Mapping[str, str | bool] = {}
    secrets: Mapping[str, Hidden] = {}
    secret_sources: Mapping[str, str] = {}
    linger_seconds: int = 3600
    segment_bytes: int = SEGMENT_BYTES
    backlog_bytes: int = 32 << 20
    """How far a printing step may be ahead of the supervisor (in the spool, not yet released) before its
    `print` waits; 0 means without limit. It never waits when no supervisor is there or nothing moves."""


class ProcessIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """One process for good: a pid is used again, a pid with its start time is not."""

    pid: int
    started: str


class KernelMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message that the kernel published (`iopub`) or asked (`stdin`), as it came.

    `spooled` is its number in the spool (1, 2 …), None for what is not spooled (`stdin`); a number that is
    left out was published and is lost: a `gap`. `step` is the name given to `execute` by whose request it
    came; None for `kernel` and `foreign`. The type `runbook_reply` is ours: the kernel's reply, spooled.
    """

    channel: Literal["iopub", "stdin"]
    type: str
    origin: Origin
    step: str | None
    spooled: int | None
    header: Mapping[str, Any]
    parent: Mapping[str, Any]
    metadata: Mapping[str, Any]
    content: Mapping[str, Any]
    buffers: tuple[bytes, ...] = ()

    @property
    def id(self) -> str:
        return str(self.header.get("msg_id", ""))

    @property
    def runs_code(self) -> bool:
        """Whether the request behind it may have run code: to be asked of `foreign` messages."""
        return self.parent.get("msg_type") not in _HARMLESS


_HARMLESS = frozenset(
    {
        "kernel_info_request",
        "connect_request",
        "comm_info_request",
        "history_request",
        "is_complete_request",
        "usage_request",
        "list_subshell_request",
        "interrupt_request",
        "shutdown_request",
        None,
    }
)


class StepError(msgspec.Struct, frozen=True, kw_only=True):
    """The exception a step ended with, as the kernel reports it. `traceback` may hold ANSI colours."""

    name: str
    value: str
    traceback: tuple[str, ...] = ()


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """How one step ended.

    `state`: `succeeded` only when the kernel's own reply says ok; `unknown` when the kernel went idle and
    no reply came (somebody took our identity). `reason`: one plain sentence when it is not `succeeded`.
    `started`/`ended`: wall clock of the kernel's own stamps (`YYYY-MM-DDThh:mm:ss.ffffffZ`), None when it
    said nothing. `milliseconds`: monotonic, from sending to the reply (or to its certain absence).
    `complete`: every message up to the kernel's `idle` was handed over; False means a `gap`.
    `foreign`: how many requests of others that may run code were seen meanwhile.
    """

    state: State
    step: str
    message: str  # the request's msg_id
    reason: str = ""
    error: StepError | None = None
    started: str | None = None
    ended: str | None = None
    milliseconds: int = 0
    execution_count: int | None = None
    complete: bool = True
    foreign: int = 0


class InputRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A step asks by `input()` or `getpass()`. `password` means: not to be shown, not to be recorded."""

    step: str | None
    prompt: str
    password: bool


class KernelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel said of itself when it was ready."""

    implementation: str  # "ipython 9.18.1"
    python: str  # "3.11.7"
    protocol: str


OnMessage = Callable[[KernelMessage], None]
"""Called for every message, in the order of publishing, once each; it may block (nothing is dropped)."""

OnInput = Callable[[InputRequest], Awaitable[str | None]]
"""Answers a question of a step; None is end of input."""
