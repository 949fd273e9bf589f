"""Masking in the kernel's process: no message with a secret in it is kept or sent.

Loaded from its file by `bootstrap`, and only for a run that has secrets. Belongs to the publishing thread. A
stream's possible beginning of a secret is held back until more comes, the step ends, or nothing has come for
`QUIET_SECONDS`: a prompt shows all the same. What is held back when the process is killed is lost; it is
never longer than the beginning of a secret.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from jupyter_client.session import DELIM

from runbook.kit.masked_messages import masked_buffers, masked_content, masked_value, read_object
from runbook.kit.masking import Masks, Stream

QUIET_SECONDS = 1.0

Sendable = tuple[list[Any], Mapping[str, int]]
"""A message's parts as they go to the socket, and how often each secret was masked in it."""


class _Held:
    """One output, and whose its last piece was: beginning and parent of the message it came in."""

    def __init__(self, masks: Masks) -> None:
        self.stream = Stream(masks)
        self.front: list[Any] = []
        self.parent: bytes = b"{}"
        self.fed = 0.0


class Masking:
    """All that one kernel publishes, without secrets."""

    quiet_seconds = QUIET_SECONDS

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._masks = Masks(secrets)
        self._outputs: dict[str, _Held] = {}

    @property
    def waits(self) -> bool:
        """Whether something is held back."""
        return any(held.stream.held for held in self._outputs.values())

    def through(self, msg: list[Any], session: Any) -> list[Sendable]:
        """What is to be published for a message: nothing, it, or what was held back and then it."""
        start = msg.index(DELIM) + 2
        header, parent, metadata, content, *buffers = (bytes(part) for part in msg[start:])
        kind = (read_object(header) or {}).get("msg_type")
        read = read_object(content)
        if kind == "stream" and read is not None and isinstance(read.get("text"), str):
            held = self._outputs.setdefault(str(read.get("name"))[:20], _Held(self._masks))
            held.front, held.parent, held.fed = msg[: start - 1], parent, time.monotonic()
            before = dict(self._masks.counts)
            text = held.stream.feed(read["text"])
            if "\x1b" in text:  # colours within a secret, where it came in one piece
                text = masked_value(text, self._masks)
            rest = masked_value({key: read[key] for key in read if key != "text"}, self._masks)
            if not text:
                return []
            same = text == read["text"] and rest == {"name": read.get("name")}
            shown = content if same else {**rest, "text": text}
            return [self._sendable(msg[:start], (header, parent, metadata, shown, []), before)]
        ended = self.let_out(session) if kind in ("status", "runbook_reply") and _is_end(kind, read) else []
        before = dict(self._masks.counts)
        shown = self._unreadable(content) if read is None else masked_content(read, self._masks)
        made = (
            header,
            parent,
            metadata,
            content if shown is read else shown,
            masked_buffers(buffers, self._masks),
        )
        return [*ended, self._sendable(msg[:start], made, before)]

    def let_out(self, session: Any, *, older_than: float = 0.0) -> list[Sendable]:
        """What outputs hold back whose last piece came `older_than` seconds ago, as messages of their own."""
        made = []
        for name, held in self._outputs.items():
            if not held.stream.held or time.monotonic() - held.fed < older_than:
                continue
            before = dict(self._masks.counts)
            content = {"name": name, "text": held.stream.quiet()}
            header = json.dumps(session.msg_header("stream"), default=str).encode("ascii")
            made.append(self._sendable([*held.front, b""], (header, held.parent, b"{}", content, []), before))
        return made

    def _sendable(
        self, front: list[Any], parts: tuple[bytes, bytes, bytes, Any, list[bytes]], before: dict[str, int]
    ) -> Sendable:
        header, parent, metadata, content, buffers = parts
        masked = [self._part(header), self._part(parent), self._part(metadata)]
        written = content if isinstance(content, bytes) else json.dumps(content).encode("ascii")
        now = self._masks.counts
        counted = {name: now[name] - before.get(name, 0) for name in now if now[name] != before.get(name, 0)}
        return [*front, *masked, written, *buffers], counted

    def _part(self, part: bytes) -> bytes:
        if part == b"{}" or self._masks.first_in_bytes(part) is None:
            return part
        return json.dumps(masked_value(read_object(part) or {}, self._masks)).encode("ascii")

    def _unreadable(self, content: bytes) -> dict[str, str]:
        """No object: a step made it, and nobody will obey it; its text is kept."""
        return {"unreadable": self._masks.mask(content.decode("utf-8", "replace"))}


def _is_end(kind: str, content: dict[str, Any] | None) -> bool:
    return kind != "status" or (content or {}).get("execution_state") == "idle"
