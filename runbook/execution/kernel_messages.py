"""A kernel's messages: from the parts on the wire, or in the spool, to values. Light: no client is loaded.

Whose a message is follows from its parent, the request that caused it: one of `steps` (ids of requests and
the names of the steps they sent), another of ours (`own`), none (the kernel's own), or a stranger's.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from runbook.execution.kernel_values import KernelMessage, Origin

UNREADABLE = "unreadable"
"""The type of what is no message, whoever made it: kept (`buffers` has its parts), and obeyed by nobody."""


def read_parts(parts: Sequence[bytes]) -> dict[str, Any]:
    """One message from its parts, as jupyter_client would give it, but with dates as they are written.

    Never raises: code of a step can publish anything, and must not end its supervisor by it.
    """
    read = [_object(part) for part in parts[:4]]
    header, parent, metadata, content = (found or {} for found in (*read, None, None, None, None)[:4])
    known = None not in read and len(read) == 4 and isinstance(header.get("msg_type"), str)
    if not isinstance(parent.get("msg_id"), str):
        parent = {}
    if not isinstance(metadata.get("runbook", {}), dict):
        metadata = {}
    return {
        "header": header,
        "msg_id": str(header.get("msg_id", "")),
        "msg_type": header["msg_type"] if known else UNREADABLE,
        "parent_header": parent,
        "metadata": metadata,
        "content": content,
        "buffers": list(parts[4:] if known else parts),
    }


def _object(part: bytes) -> dict[str, Any] | None:
    """One part as a JSON object; bytes that are no UTF-8 (names of files) stay what they are in Python."""
    try:
        found = json.loads(bytes(part).decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def as_message(
    message: Mapping[str, Any], number: int | None, *, steps: Mapping[str, str], own: Collection[str] = ()
) -> KernelMessage:
    """The value, with its origin; a message of one of `steps` is `late` until somebody knows better."""
    parent = message["parent_header"].get("msg_id")
    origin: Origin = "foreign"
    if parent in steps:
        origin = "late"
    elif not parent or parent in own:
        origin = "kernel"
    return KernelMessage(
        channel="stdin" if number is None else "iopub",
        type=message["msg_type"],
        origin=origin,
        step=steps.get(parent),
        spooled=number,
        header=message["header"],
        parent=message["parent_header"],
        metadata=message["metadata"],
        content=message["content"],
        buffers=tuple(bytes(each) for each in message["buffers"]),
    )
