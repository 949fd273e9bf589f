"""Keys: what backends are asked for, and how a name becomes one. Pure.

Checked both ways (a habit of borgstore): on the way in, and again when a backend lists, so that a stray
file never becomes an object. Each rule has its reason beside it.
"""

import hashlib
import re

from runbook.errors import StoreDamaged

# Lower-case ASCII: file systems that fold case or normalise Unicode see the same key. No part begins with
# a dot: no "..", no hidden file, no temporary name of the writer.
_PART = r"[a-z0-9%_~-][a-z0-9%_~.-]*"
_KEY = re.compile(rf"{_PART}(?:/{_PART})*")
_OBJECT = re.compile(r"objects/([0-9a-f]{2})/(\1[0-9a-f]{62})(\.gz)?")
_NAME = re.compile(rf"names/{_PART}")

# 255 bytes is what common file systems take for one part; the writer adds a suffix of its own.
_PART_LIMIT_BYTES = 200
_HEX = re.compile(r"[0-9a-f]{64}")


def require_key(key: str) -> str:
    """`key` itself. Raises ValueError for what no backend may be asked for: a bug in the caller."""
    if not _KEY.fullmatch(key) or any(len(part) > _PART_LIMIT_BYTES for part in key.split("/")):
        raise ValueError(f"not a key: {key!r}")
    return key


def is_key(key: str) -> bool:
    """Whether a backend may list this."""
    return bool(_KEY.fullmatch(key)) and all(len(part) <= _PART_LIMIT_BYTES for part in key.split("/"))


def object_key(hex_digits: str, *, packed: bool) -> str:
    """Where an object lies. The whole digest stays in the last part: after an accident a file still tells
    what it was."""
    if not _HEX.fullmatch(hex_digits):
        raise ValueError(f"not a sha256: {hex_digits!r}")
    return f"objects/{hex_digits[:2]}/{hex_digits}{'.gz' if packed else ''}"


def object_of(key: str) -> str | None:
    """The hex digest that an object's key names; None for any other key."""
    match = _OBJECT.fullmatch(key)
    return match[2] if match else None


def name_key(name: str) -> str:
    """The key of a name's history. Any text is a name; two names never share a key.

    Bytes outside `a-z0-9_-` and dots are written `%xx`; a dot in front too. A name that gets too long keeps
    its beginning and is told apart by the sha256 of the whole (the history itself holds the full name).
    """
    if not name:
        raise ValueError("an empty name")
    raw = name.encode("utf-8", "surrogateescape")
    spelled = re.sub(rb"[^a-z0-9_.-]|\A\.", lambda match: b"%%%02x" % match[0][0], raw).decode("ascii")
    if len(spelled) > _PART_LIMIT_BYTES:
        # "~" is never produced above, so a short name cannot look like a long one's key.
        spelled = f"{spelled[:100]}~{hashlib.sha256(raw).hexdigest()}"
    return f"names/{spelled}"


def is_name_key(key: str) -> bool:
    return bool(_NAME.fullmatch(key))


def require_hex(digest: str) -> str:
    """The hex digits of `sha256:…` (or of plain hex). Raises StoreDamaged for anything else."""
    digits = digest.removeprefix("sha256:")
    if not _HEX.fullmatch(digits):
        raise StoreDamaged("not a sha256 digest", subject=digest[:80])
    return digits
