"""Canonical bytes and digests: the one way to turn a value into bytes that are hashed or signed.

Pure. JSON here is RFC 8259 in one spelling: ASCII, sorted keys, no blanks, no NaN; floats are refused
because their spelling is not ours to choose.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

Json = None | bool | int | str | list["Json"] | tuple["Json", ...] | Mapping[str, "Json"]


def canonical_json(value: object) -> bytes:
    """One line of canonical JSON, without the line end. Raises TypeError for what has no spelling."""
    _require_plain(value)
    spelled = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_as_dict)
    return spelled.encode("ascii")


def _as_dict(value: object) -> object:
    if isinstance(value, Mapping):  # json knows no mapping but dict
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no canonical spelling")


def _require_plain(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("floats have no canonical spelling here; write integers or text")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key that is not text: {key!r}")
            _require_plain(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _require_plain(inner)


def hex_digest(data: bytes) -> str:
    """sha256 as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest(data: bytes) -> str:
    """sha256 the way texts name it: `sha256:` and 64 lower-case hex digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def framed(parts: Iterable[bytes]) -> bytes:
    """Join byte strings so that no two lists give the same bytes: each behind its length (8 bytes)."""
    # A list, not a generator: join makes one of it anyway, and readings of texts spend their time here.
    return b"".join([piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)])
