"""Messages without secrets: JSON values of any shape, pictures, other binary payloads. Standard library only.

Text is masked wherever it stands, in keys, too. Text that has colours within a secret (as tracebacks colour
the source they show) loses all its colours; texts of a list that hold a secret together become one. A payload
in base64 is decoded and looked through; one that holds a secret is left out whole, and a line of text says
so: bytes can't be masked and stay a picture.
"""

import base64
import binascii
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from runbook.kit.masking import Masks, label

_PNG = b"\x89PNG\r\n\x1a\n"
_UNPACKED_BYTES = 16 << 20
_COLOURS = re.compile(r"\x1b\[[0-9;:?]*[A-Za-z]")  # ECMA-48: control sequences
_TOO_DEEP = "[left out: nested too deep to be searched for secrets]"


def masked_value(value: Any, masks: Masks) -> Any:
    """A JSON value without secrets; the very same object when there is none in it."""
    try:
        return _masked(value, masks)
    except RecursionError:
        return {"text": _TOO_DEEP} if isinstance(value, dict) else _TOO_DEEP


def _masked(value: Any, masks: Masks) -> Any:
    if isinstance(value, str):
        return _masked_text(value, masks)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        written = repr(value)
        masked = masks.mask(written)
        return value if masked == written else masked
    if isinstance(value, Mapping):
        made = {masks.mask(key) if isinstance(key, str) else key: _masked(value[key], masks) for key in value}
        return value if all(made.get(key, _TOO_DEEP) is value[key] for key in value) else made
    if isinstance(value, list | tuple):
        if _is_lines(value) and len(value) > 1:
            value = _rejoined(value, masks)
        items = [_masked(item, masks) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def _masked_text(text: str, masks: Masks) -> str:
    if "\x1b" in text:
        plain = _COLOURS.sub("", masks.uncounted().mask(text))
        if masks.first_in(plain) is not None:
            return masks.mask(_COLOURS.sub("", text))
    return masks.mask(text)


def _rejoined(lines: "list[str] | tuple[str, ...]", masks: Masks) -> "list[str] | tuple[str, ...]":
    """The very same, or one text where a secret goes over from one to the next: notebooks keep text so."""
    whole = "".join(lines)
    if masks.first_in(whole) is None:
        return lines
    one_by_one = "".join(map(masks.uncounted().mask, lines))
    return lines if masks.first_in(one_by_one) is None else [whole]


def masked_content(content: Any, masks: Masks) -> Any:
    """The content of a message: as `masked_value`, with its bundle's binary payloads looked into."""
    if isinstance(content, dict) and isinstance(content.get("data"), dict):
        data = _without_payloads(content["data"], masks)
        if data is not content["data"]:
            content = {**content, "data": data}
    return masked_value(content, masks)


def masked_buffers(buffers: "list[Any] | tuple[Any, ...]", masks: Masks) -> list[bytes]:
    """Binary parts; one that holds a secret is replaced whole."""
    made = []
    for buffer in buffers:
        data = bytes(buffer)
        name = _name_in(data, masks)
        if name is not None:
            masks.count(name)
        made.append(data if name is None else label(name).encode("ascii"))
    return made


def _without_payloads(data: dict[str, Any], masks: Masks) -> dict[str, Any]:
    """The bundle without the payloads that hold a secret; the very same when none does."""
    left_out = {}
    for mime, value in data.items():
        text = "".join(value) if _is_lines(value) else value
        name = _name_in_base64(text, masks) if isinstance(text, str) and _is_binary(mime) else None
        if name is not None:
            left_out[mime] = name
            masks.count(name)
    if not left_out:
        return data
    kept = {mime: value for mime, value in data.items() if mime not in left_out}
    words = [f"[{mime} is left out: it holds {label(name)}]" for mime, name in left_out.items()]
    plain = kept.get("text/plain")
    kept["text/plain"] = "\n".join([plain, *words] if isinstance(plain, str) else words)
    return kept


def _is_lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _is_binary(mime: Any) -> bool:
    is_text = str(mime).startswith("text/") or str(mime).endswith(("+json", "/json", "+xml", "/xml"))
    return not is_text


def _name_in_base64(text: str, masks: Masks) -> str | None:
    """The first secret in what `text` encodes; None for what is no base64, which is masked as text."""
    try:
        data = base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return None
    return _name_in(data, masks)


def _name_in(data: bytes, masks: Masks) -> str | None:
    found = masks.first_in_bytes(data)
    if found is None and data.startswith(_PNG):
        found = next((name for text in _png_texts(data) if (name := masks.first_in_bytes(text))), None)
    return found


def _png_texts(data: bytes) -> Iterator[bytes]:
    """What stands compressed in a picture's text chunks, `_UNPACKED_BYTES` of it in all."""
    at, room = len(_PNG), _UNPACKED_BYTES
    while at + 8 <= len(data) and room > 0:
        size, kind = struct.unpack_from(">I4s", data, at)
        text = _unpacked(_packed(kind, data[at + 8 : at + 8 + size]), room)
        at += 12 + size
        room -= len(text)
        yield text


def _packed(kind: bytes, chunk: bytes) -> bytes:
    """The compressed part of a chunk: behind a keyword, its zero and the method; in iTXt behind a flag and
    two more texts, too (PNG specification, 11.3.3). Never searched for: a step could make that take for ever.
    """
    rest = chunk.partition(b"\0")[2]
    if kind in (b"zTXt", b"iCCP"):
        return rest[1:]
    if kind == b"iTXt" and rest[:1] == b"\1":
        return rest[2:].split(b"\0", 2)[-1]
    return b""


def _unpacked(packed: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, most) if packed else b""
    except zlib.error:
        return b""


def read_object(part: bytes) -> dict[str, Any] | None:
    """One part of a message; None when it is no object."""
    try:
        found = json.loads(part)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
