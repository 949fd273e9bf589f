"""Outputs: what a step's messages look like in a notebook, kept in bounded memory. Pure.

Jupyter's own rules: neighbouring texts of one stream join; `clear_output` takes away what was there (with
`wait`, as soon as something new comes); `update_display_data` changes every display with its id, in whatever
step that stands. Nothing disappears from the evidence by that: what was cleared or replaced is `withdrawn`,
with its count and digest, and the journal has all of it.

Above the limits a text keeps its beginning and its end, and further displays are only counted and hashed.
"""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from runbook.canonical import canonical_json

STREAM_HEAD = 4 << 20
"""Characters that are kept of the beginning of one text."""
STREAM_TAIL = 1 << 20
"""Characters that are kept of its end."""
ATTEMPT_BYTES = 8 << 20
"""Bytes of rich outputs that are kept of one attempt."""
EXECUTION_BYTES = 32 << 20
"""Bytes of rich outputs, and characters of text, that are kept of one execution."""
_WITHDRAWN_FIRST = 2
_WITHDRAWN_LAST = 3
_WITHDRAWN_BYTES = 64 << 10  # a withdrawn output larger than this is only hashed
_STREAM_LEAST = 2 << 10  # what a text's beginning and end get when the execution's room is used up
EXECUTION_ITEMS = 50_000
"""Outputs that are kept of one execution."""
_ERROR_BYTES = 1 << 20  # an error up to this size is kept even when the room is used up
_ERRORS = 10  # as many of one attempt
_PIECES = 4096  # a text in more pieces than this is joined


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """One stream's text. `left_out` characters are missing before `tail`; `sha256` is of all of it."""

    name: str
    head: str
    tail: str
    left_out: int
    sha256: str
    late: bool  # it came after the step had ended


class Rich(msgspec.Struct, frozen=True, kw_only=True):
    """A display, result or error: `kind` is the message's type, `content` as the journal spells it."""

    kind: str
    content: Mapping[str, object]
    late: bool


class Uncounted(msgspec.Struct, frozen=True, kw_only=True):
    """Rich outputs above the limits: how many, how large, and the sha256 over their contents."""

    count: int
    bytes: int
    sha256: str


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """What was cleared or replaced: the first and the last of it, how many in all, the sha256 over all."""

    shown: tuple[Text | Rich, ...]
    count: int
    sha256: str


class Outputs(msgspec.Struct, frozen=True, kw_only=True):
    """The outputs of one attempt as they stood at the end."""

    items: tuple[Text | Rich, ...]
    above_limit: Uncounted | None
    withdrawn: Withdrawn | None


class _Stream:
    """A text that grows: beginning and end are kept, the middle is only counted."""

    def __init__(self, name: str, room: int, *, late: bool) -> None:
        self.name = name
        self.late = late
        self._head_room = max(_STREAM_LEAST, min(room, STREAM_HEAD))
        self._tail_room = max(_STREAM_LEAST, min(room, STREAM_TAIL))
        self._head: list[str] = []
        self._head_length = 0
        self._tail: list[str] = []
        self._tail_length = 0
        self._left_out = 0
        self._hash = hashlib.sha256()

    @property
    def size(self) -> int:
        return self._head_length + self._tail_length

    def add(self, text: str) -> None:
        self._hash.update(text.encode("utf-8", "surrogatepass"))
        taken = text[: self._head_room - self._head_length]
        if taken:
            self._head.append(taken)
            self._head_length += len(taken)
            if len(self._head) > _PIECES:
                self._head = ["".join(self._head)]
        rest = text[len(taken) :]
        if rest:
            self._tail.append(rest)
            self._tail_length += len(rest)
            if self._tail_length > 2 * self._tail_room or len(self._tail) > _PIECES:
                self._shorten_tail()

    def _shorten_tail(self) -> None:
        tail = "".join(self._tail)
        kept = tail[-self._tail_room :]
        self._left_out += len(tail) - len(kept)
        self._tail = [kept]
        self._tail_length = len(kept)

    def frozen(self) -> Text:
        if self._tail_length > self._tail_room:
            self._shorten_tail()
        return Text(
            name=self.name,
            head="".join(self._head),
            tail="".join(self._tail),
            left_out=self._left_out,
            sha256=self._hash.hexdigest(),
            late=self.late,
        )


class _Display:
    def __init__(self, rich: Rich, size: int, owner: "AttemptOutputs") -> None:
        self.rich = rich
        self.size = size
        self.owner = owner
        self.id = _display_id(rich.content)

    def frozen(self) -> Rich:
        return self.rich


class _Counted:
    """Counts and hashes without keeping."""

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0
        self._hash = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self.count += 1
        self.bytes += len(data)
        self._hash.update(len(data).to_bytes(8, "big"))
        self._hash.update(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class Shared:
    """What the attempts of one execution share: the room that is left, and displays by their id."""

    def __init__(self) -> None:
        self.room = EXECUTION_BYTES
        self.places = EXECUTION_ITEMS
        self.displays: dict[str, list[_Display]] = {}


class AttemptOutputs:
    """The outputs of one attempt while its messages come in."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._items: list[_Stream | _Display] = []
        self._bytes = 0
        self._errors = 0
        self._interrupted = False  # something was left out since the last item: nothing joins it
        self._clear_first = False
        self._above = _Counted()
        self._gone = _Counted()
        self._gone_first: list[Text | Rich] = []
        self._gone_last: list[Text | Rich] = []

    def feed(self, kind: str, content: Mapping[str, object], *, late: bool) -> None:
        """Take the next message. `content`: as the journal spells it; `late`: the step had ended already."""
        match kind:
            case "clear_output":
                self._clear_first = bool(content.get("wait"))
                if not self._clear_first:
                    self._clear()
            case "stream":
                self._clear_if_due()
                text = content.get("text")
                self._add_text(_name(content), text if isinstance(text, str) else "", late=late)
            case "display_data" | "execute_result" | "error":
                self._clear_if_due()
                self._add(Rich(kind=kind, content=content, late=late))
            case "update_display_data":
                self._update(content, late=late)

    def frozen(self) -> Outputs:
        """The outputs as they stand now."""
        above, gone = self._above, self._gone
        return Outputs(
            items=tuple(item.frozen() for item in self._items),
            above_limit=Uncounted(count=above.count, bytes=above.bytes, sha256=above.sha256)
            if above.count
            else None,
            withdrawn=Withdrawn(
                shown=(*self._gone_first, *self._gone_last), count=gone.count, sha256=gone.sha256
            )
            if gone.count
            else None,
        )

    def _add_text(self, name: str, text: str, *, late: bool) -> None:
        last = self._items[-1] if self._items else None
        joins = isinstance(last, _Stream) and last.name == name and last.late == late
        if not isinstance(last, _Stream) or not joins or self._interrupted:
            if self._shared.places <= 0:
                self._leave_out(text.encode("utf-8", "surrogatepass"))
                return
            last = _Stream(name, self._shared.room, late=late)
            self._items.append(last)
            self._shared.places -= 1
            self._interrupted = False
        before = last.size
        last.add(text)
        self._shared.room -= last.size - before

    def _add(self, rich: Rich) -> None:
        data = canonical_json(rich.content)
        size = len(data) + _blob_bytes(rich.content.get("data"))
        if not self._has_place(rich, size):
            self._leave_out(data)
            return
        display = _Display(rich, size, self)
        self._items.append(display)
        self._bytes += size
        self._shared.room -= size
        self._shared.places -= 1
        if display.id is not None:
            self._shared.displays.setdefault(display.id, []).append(display)

    def _leave_out(self, data: bytes) -> None:
        self._above.add(data)
        self._interrupted = True

    def _has_place(self, rich: Rich, size: int) -> bool:
        if rich.kind == "error" and size <= _ERROR_BYTES and self._errors < _ERRORS:
            self._errors += 1
            return True
        fits = self._bytes + size <= ATTEMPT_BYTES and size <= self._shared.room
        return fits and self._shared.places > 0

    def _update(self, content: Mapping[str, object], *, late: bool) -> None:
        new = Rich(kind="display_data", content=content, late=late)
        shown = self._shared.displays.get(_display_id(content) or "", [])
        for display in shown:
            display.owner.withdraw(display.rich)
            kind = display.rich.kind
            display.rich = msgspec.structs.replace(
                new, kind=kind, content=_with_count(content, display.rich.content)
            )
        if not shown:
            self.withdraw(new)  # nobody ever saw it, but it was said

    def _clear_if_due(self) -> None:
        if self._clear_first:
            self._clear_first = False
            self._clear()

    def _clear(self) -> None:
        for item in self._items:
            self.withdraw(item.frozen())
            self._shared.room += item.size
            self._shared.places += 1
            if isinstance(item, _Display):
                self._bytes -= item.size
                if item.id is not None:
                    self._forget(item.id, item)
        self._items.clear()

    def _forget(self, name: str, display: _Display) -> None:
        left = [other for other in self._shared.displays.get(name, ()) if other is not display]
        if left:
            self._shared.displays[name] = left
        else:
            self._shared.displays.pop(name, None)

    def withdraw(self, item: Text | Rich) -> None:
        """Keep `item` as something that was shown once and is not any more."""
        data = canonical_json(item.content) if isinstance(item, Rich) else item.sha256.encode()
        self._gone.add(data)
        size = len(data) if isinstance(item, Rich) else len(item.head) + len(item.tail)
        if size > _WITHDRAWN_BYTES:
            return
        if len(self._gone_first) < _WITHDRAWN_FIRST:
            self._gone_first.append(item)
        else:
            self._gone_last.append(item)
            del self._gone_last[:-_WITHDRAWN_LAST]


def _name(content: Mapping[str, object]) -> str:
    name = content.get("name")
    return name if isinstance(name, str) and name else "stdout"


def _display_id(content: Mapping[str, object]) -> str | None:
    transient = content.get("transient")
    name = transient.get("display_id") if isinstance(transient, Mapping) else None
    return name if isinstance(name, str) else None


def _with_count(content: Mapping[str, object], old: Mapping[str, object]) -> Mapping[str, object]:
    """An updated result keeps its number."""
    return {**content, "execution_count": old["execution_count"]} if "execution_count" in old else content


def _blob_bytes(value: object) -> int:
    """How large the blobs are that this bundle would be written with (base64 takes a third more)."""
    if isinstance(value, Mapping):
        size = value.get("size")
        if "$blob" in value and isinstance(size, int):
            return size * 4 // 3
        return sum(_blob_bytes(inner) for inner in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return sum(_blob_bytes(inner) for inner in value)
    return 0
