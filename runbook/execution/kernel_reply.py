"""One request on its way, and the judgement of how it ended. No I/O and no clock.

`succeeded` is said in one place only, and needs the kernel's own `ok`.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from runbook.execution import forcing
from runbook.execution.kernel_launch import ADOPTED_END, KernelProcess
from runbook.execution.kernel_values import KernelMessage, Reply, State, StepError

_STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"


class Request:
    """One step that was sent and has not been judged."""

    def __init__(
        self, *, step: str, message: str = "", sent_ns: int = 0, since: tuple[float, int] = (0, 0)
    ) -> None:
        self.step = step
        self.message = message
        self.sent_ns = sent_ns
        self.since = since  # `kernel_tree.moment` when it was sent
        self.heard_ns = sent_ns
        self.replied_ns: int | None = None
        self.reply: dict[str, Any] | None = None
        self.copy: dict[str, Any] | None = None  # the reply as it stands in the spool
        self.idle = asyncio.Event()
        self.begun = False  # a message of it was seen
        self.complete = True
        self.timed_out = self.interrupted = self.killed = False
        self.foreign: set[str] = set()

    @property
    def is_running(self) -> bool:
        """Between the first and the last message that the kernel published for it."""
        return self.begun and not self.idle.is_set()

    def take_reply(self, message: dict[str, Any], now_ns: int) -> None:
        self.reply = message
        self.replied_ns = now_ns

    def quiet_seconds(self, now_ns: int) -> float:
        """How long nothing of this step was heard, its reply included."""
        return (now_ns - max(self.heard_ns, self.replied_ns or 0)) / 1e9


def recovered(message: KernelMessage) -> Reply:
    """How a step ended whose supervisor did not live to hear it, from a `runbook_reply` in the spool.

    How long it took, and whether a stranger's code ran meanwhile, is for the reader of the other messages.
    """
    request = Request(step=message.step or "", message=str(message.parent.get("msg_id", "")))
    state, reason = _state(message.content, request)
    return Reply(
        state=state,
        step=request.step,
        message=request.message,
        reason=reason,
        error=_error(message.content),
        ended=_stamp(message.header.get("date")),
        execution_count=_count(message.content),
    )


def judge(request: Request, process: KernelProcess, timeout_seconds: float | None, *, now_ns: int) -> Reply:
    """How the step ended, from what the kernel said and from what became of it."""
    # The copy is for a reply that got lost between two living processes. Any code of the step can publish one
    # (and end the kernel behind it): a kernel that is dead has said what it said.
    reply = request.reply or (request.copy if process.is_alive else None)
    if reply is None:
        return _without_reply(request, process, timeout_seconds, now_ns)
    content = reply["content"]
    state, reason = _state(content, request)
    if request.timed_out:
        state, reason = "timed-out", forcing.returned(timeout_seconds)
    return Reply(
        state=state,
        step=request.step,
        message=request.message,
        reason=reason,
        error=_error(content),
        started=_stamp(reply["metadata"].get("started")),
        ended=_stamp(reply["header"].get("date")),
        milliseconds=_milliseconds(request, request.replied_ns or now_ns),
        execution_count=_count(content),
        complete=request.complete and request.idle.is_set(),
        foreign=len(request.foreign),
    )


def _state(content: Mapping[str, Any], request: Request) -> tuple[State, str]:
    status = content.get("status")
    if status == "ok" and request.interrupted:  # it may have been cut short and not have noticed
        return "interrupted", "interrupted by a person; it then came to its end without an error"
    if status == "ok":
        return "succeeded", ""
    if status == "aborted":
        return "failed", "the kernel dropped the request because another client's had failed: it did not run"
    if request.interrupted:
        return "interrupted", "interrupted by a person"
    name, value = str(content.get("ename")), str(content.get("evalue"))
    if name == "SystemExit":
        return "failed", f"stopped early: {value}"
    return "failed", f"{name}: {value}" if value else name


def _without_reply(
    request: Request, process: KernelProcess, timeout_seconds: float | None, now_ns: int
) -> Reply:
    state: State
    if request.timed_out and request.killed:
        state, reason = "timed-out", forcing.did_not_return(timeout_seconds)
    elif not process.is_alive:
        state, reason = "kernel-died", f"the kernel died: {describe_end(process)}"
    else:
        state, reason = "unknown", "the kernel is idle, and its reply did not reach us"
    return Reply(
        state=state,
        step=request.step,
        message=request.message,
        reason=reason,
        milliseconds=_milliseconds(request, now_ns),
        complete=request.idle.is_set(),
        foreign=len(request.foreign),
    )


def describe_end(process: KernelProcess) -> str:
    """How a process ended, in words."""
    if process.signal is not None:
        return f"ended by signal {process.signal}"
    if process.returncode == ADOPTED_END:
        return "it is gone"
    return f"ended with code {process.returncode}"


def _milliseconds(request: Request, until_ns: int) -> int:
    return max(0, until_ns - request.sent_ns) // 1_000_000


def _count(content: Mapping[str, Any]) -> int | None:
    count = content.get("execution_count")
    return count if isinstance(count, int) else None


def _error(content: Mapping[str, Any]) -> StepError | None:
    if content.get("status") == "ok":
        return None
    lines = content.get("traceback")
    return StepError(
        name=str(content.get("ename", "Aborted")),
        value=str(content.get("evalue", "")),
        traceback=tuple(map(str, lines)) if isinstance(lines, list) else (),
    )


def _stamp(moment: Any) -> str | None:
    """A date of a message's header: text in the spool, a datetime from jupyter_client."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        return None
    return moment.astimezone(UTC).strftime(_STAMP)
