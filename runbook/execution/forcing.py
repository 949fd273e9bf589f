"""How a step whose time is up is ended: it is interrupted, then what it started is killed, then its kernel.

The one place that says so, for the supervisor that sent the step and for one that found it running.
"""

import asyncio
from typing import Any

from runbook.execution import kernel_tree
from runbook.execution.kernel_launch import KernelProcess

GRACE_SECONDS = 5
"""How long an interrupted step may take to return before what it started is killed."""


async def end_by_force(
    process: KernelProcess,
    running: "asyncio.Future[Any]",
    *,
    since: kernel_tree.Moment,
    grace_seconds: float = GRACE_SECONDS,
) -> bool:
    """End the step that began at `since`; `running` is done once it is over. Returns whether the kernel had
    to be killed for it, which ends `running` too, in a moment that nobody waits for here."""
    process.interrupt(since=since)
    await asyncio.wait({running}, timeout=grace_seconds)
    if not running.done():
        process.kill_tree(since=since)
        await asyncio.wait({running}, timeout=0.5)
    if not running.done():
        process.interrupt(since=since)
        await asyncio.wait({running}, timeout=min(1.0, grace_seconds))
    if running.done():
        return False
    process.kill_tree()
    return True


def returned(limit_seconds: float | None) -> str:
    """Why a step is `timed-out` that came back."""
    return f"interrupted after its time limit of {limit_seconds:g} seconds"


def did_not_return(limit_seconds: float | None) -> str:
    """Why a step is `timed-out` that took its kernel along."""
    return (
        f"did not return after its time limit of {limit_seconds:g} seconds and an interrupt;"
        " the kernel was killed"
    )
