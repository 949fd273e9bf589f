"""Messages: what the kernel said, as the payload of a journal event, and back, exactly. Pure.

A journal line has no floats and no endless nesting, a kernel's message may have both. So a message's content
is written with a few marked forms, each an object whose keys begin with `$`:

    {"$float": "0.1"}               a float, as Python's repr
    {"$json": "…"}                  a value nested deeper than `DEPTH`, as JSON text
    {"$blob": "<sha256>", "as": "base64" | "base64-line" | "base64-lines", "size": 1234}
                                    base64 text: its bytes, `size` of them, are a blob; `-line` ends with a
                                    line feed, `-lines` has lines of 76 characters, each with a line feed
    {"$lost": "<why>"}              a value nested deeper than Python itself can write
    {"$$name": …}                   a key of the content that itself begins with `$`: one more `$` before it

But for `$lost` nothing is dropped: `content(payload(message))` equals the message's content.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from runbook.evidence.events import moment

DEPTH = 40
"""Values nested deeper than this are kept as JSON text."""
_BLOB_FROM = 1 << 10  # base64 shorter than this stays in the line
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

_FORMS = ("base64", "base64-line", "base64-lines")

Put = Callable[[bytes], str]
"""Keeps bytes and returns their sha256 (`Blobs.put`)."""
Get = Callable[[str], bytes]
"""Gives them back (`Blobs.get`)."""
Channel = Literal["iopub", "shell", "control", "stdin"]


def payload(
    message: Mapping[str, object], *, channel: Channel, step: str | None, put: Put, spooled: int | None = None
) -> dict[str, object]:
    """The payload of the `message` event for a message as jupyter_client gives it.

    `step`: the step whose request it answers, None when it belongs to none. `spooled`: its number in the
    kernel's spool. Large images and binary buffers go through `put`. Large content moves to a blob when the
    event is written, not here.
    """
    header = _mapping(message.get("header"))
    metadata = _mapping(message.get("metadata"))
    buffers = message.get("buffers")
    made: dict[str, object] = {
        "channel": channel,
        "type": _text(header.get("msg_type")) or _text(message.get("msg_type")) or "unknown",
        "step": step,
        "parent": _text(_mapping(message.get("parent_header")).get("msg_id")) or None,
        "content": encoded(message.get("content"), put=put),
        "date": _date(header.get("date")),
    }
    if spooled is not None:
        made["spooled"] = spooled
    if metadata:
        made["metadata"] = encoded(metadata, put=put)
    if isinstance(buffers, list | tuple) and buffers:
        made["buffers"] = [put(bytes(buffer)) for buffer in buffers]
    return made


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _date(value: object) -> str | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return moment(value)
    return None


def encoded(value: object, *, put: Put) -> object:
    """A plain JSON value in the journal's spelling. Raises TypeError for what JSON can't hold."""
    return _encoded(value, put, 0)


def _encoded(value: object, put: Put, depth: int) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"$float": repr(value)}
    if depth >= DEPTH:
        return _as_text(value)
    if isinstance(value, Mapping):
        made: dict[str, object] = {}
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key that is not text: {key!r}")
            name = f"${key}" if key.startswith("$") else key
            blob = _image(inner, put) if key in _IMAGES else None
            made[name] = _encoded(inner, put, depth + 1) if blob is None else blob
        return made
    if isinstance(value, list | tuple):
        return [_encoded(inner, put, depth + 1) for inner in value]
    if isinstance(value, datetime):  # jupyter_client reads some texts as dates
        return value.isoformat()
    return _refuse(value)


def _as_text(value: object) -> dict[str, object]:
    try:
        return {"$json": json.dumps(value, sort_keys=True, default=_refuse)}
    except RecursionError:
        return {"$lost": "nested too deep to be written"}


def _refuse(value: object) -> object:
    raise TypeError(f"no JSON value: {type(value).__name__}")


def _image(value: object, put: Put) -> dict[str, object] | None:
    """The marked form of base64 that can be written again exactly; None for anything else."""
    if not isinstance(value, str) or len(value) < _BLOB_FROM:
        return None
    try:
        data = base64.b64decode(value, validate=False)
    except (binascii.Error, ValueError):
        return None
    for form in _FORMS:
        if _base64(data, form) == value:
            return {"$blob": put(data), "as": form, "size": len(data)}
    return None


def _base64(data: bytes, form: str) -> str:
    if form == "base64-lines":
        return base64.encodebytes(data).decode("ascii")
    end = "\n" if form == "base64-line" else ""
    return base64.b64encode(data).decode("ascii") + end


def decoded(value: object, *, get: Get) -> object:
    """What `encoded` was given. Raises ValueError for a form that it never writes."""
    if isinstance(value, list):
        return [decoded(inner, get=get) for inner in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"$float": str(digits)} if len(value) == 1:
            return float(digits)
        case {"$json": str(text)} if len(value) == 1:
            return _from_text(text)
        case {"$lost": str(why)} if len(value) == 1:
            return f"[lost: {why}]"
        case {"$blob": str(name), "as": str(form), "size": int(_)} if len(value) == 3 and form in _FORMS:
            return _base64(get(name), form)
    made: dict[str, object] = {}
    for key, inner in value.items():
        if key.startswith("$") and not key.startswith("$$"):
            raise ValueError(f"an unknown form: {key}")
        made[key[1:] if key.startswith("$") else key] = decoded(inner, get=get)
    return made


def _from_text(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        return text


def content(payload: Mapping[str, object], *, get: Get) -> dict[str, object]:
    """The content of the message that this payload (whole, see `journal.whole_payload`) was made from.

    Raises ValueError for a payload that `payload` never makes.
    """
    found = decoded(payload.get("content"), get=get)
    return found if isinstance(found, dict) else {}


def text_of(payload: Mapping[str, object]) -> str:
    """What a terminal shows of a `message` payload; empty for what shows nothing. Not inert: see `inert`.

    Content that was moved to a blob is only named: give `journal.whole_payload` to see it.
    """
    if "content" not in payload and "blob" in payload:
        return f"[{payload.get('size')} bytes of output: blobs/{payload['blob']}]\n"
    kind = payload.get("type")
    found = payload.get("content")
    if not isinstance(found, Mapping):
        return ""
    if kind == "stream":
        return _text(found.get("text"))
    if kind == "error":
        lines = found.get("traceback")
        shown = [_shown(line) for line in lines] if isinstance(lines, list | tuple) else []
        return "\n".join(shown or [f"{found.get('ename')}: {found.get('evalue')}"]) + "\n"
    if kind in ("display_data", "update_display_data", "execute_result"):
        data = _mapping(found.get("data"))
        words = _text(data.get("text/plain"))
        rest = [f"[{mime}]" for mime in sorted(data) if mime != "text/plain"]
        return "\n".join([words, *rest] if words else rest) + "\n" if data else ""
    return ""


def weighed(kind: str, content: Mapping[str, object]) -> bytes:
    """The bytes that limits count and hash: a stream's text in UTF-8, else the content as JSON."""
    text = content.get("text")
    if kind == "stream" and isinstance(text, str):
        return text.encode("utf-8", "surrogatepass")
    try:
        return json.dumps(content, sort_keys=True, default=str).encode("ascii")
    except RecursionError:
        return b""


def output(kind: str, content: Mapping[str, object]) -> dict[str, object] | None:
    """The nbformat output that a message makes in a notebook; None when it makes none.

    What a step sends by itself can have any shape; what comes out here is always a valid output.
    """
    match kind:
        case "stream":
            return {
                "output_type": "stream",
                "name": _text(content.get("name")) or "stdout",
                "text": _shown(content.get("text", "")),
            }
        case "display_data" | "update_display_data":
            return {"output_type": "display_data", **_bundle(content)}
        case "execute_result":
            count = content.get("execution_count")
            number = count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
            return {"output_type": "execute_result", "execution_count": number, **_bundle(content)}
        case "error":
            lines = content.get("traceback")
            return {
                "output_type": "error",
                "ename": _shown(content.get("ename", "")),
                "evalue": _shown(content.get("evalue", "")),
                "traceback": [_shown(line) for line in lines] if isinstance(lines, list | tuple) else [],
            }
        case _:
            return None


def _bundle(content: Mapping[str, object]) -> dict[str, object]:
    data = {
        mime: value if is_json_mime(mime) else _shown(value)
        for mime, value in _mapping(content.get("data")).items()
    }
    return {"data": data, "metadata": dict(_mapping(content.get("metadata")))}


def is_json_mime(mime: str) -> bool:
    """Whether nbformat holds values of this type as JSON, not as text."""
    return mime == "application/json" or (mime.startswith("application/") and mime.endswith("+json"))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
