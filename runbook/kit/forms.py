"""The forms in which a secret can appear in what a step puts out. Pure; standard library only.

As it is, each of its lines, and both as other programs spell them: base64 in all three alignments (ordinary
and URL-safe alphabet, also wrapped into lines), percent-encoded, escaped by Python, JSON, HTML or a shell, in
hexadecimal. Forms shorter than four characters are left out: they stand in every other word.
"""

import base64
import html
import json
import urllib.parse
from collections.abc import Callable, Iterator

SHORTEST = 4
"""Characters below which nothing is masked."""
_WRAPPED = (64, 76)  # RFC 7468 and RFC 2045: how programs break base64 into lines


def forms(secret: str) -> frozenset[str]:
    """Every form of `secret` that is masked; none when it is shorter than `SHORTEST`."""
    if len(secret) < SHORTEST:
        return frozenset()
    parts = {secret, *(line.strip() for line in secret.splitlines())}
    found: set[str] = set()
    for part in parts:
        if len(part) >= SHORTEST:
            found.update(_spellings(part))
    return frozenset(form for form in found if len(form) >= SHORTEST)


def _spellings(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogateescape")
    yield text
    yield data.decode("latin-1")  # as bytes of a picture are searched
    yield from _escaped(text, data)
    yield from _quoted(text)
    yield from (data.hex(), data.hex().upper())
    yield from _base64(data)


def _escaped(text: str, data: bytes) -> Iterator[str]:
    yield repr(text)[1:-1]
    yield ascii(text)[1:-1]
    yield repr(data)[2:-1]
    for written in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        yield written[1:-1]
        yield json.dumps(written)[3:-3]  # JSON within JSON
    yield html.escape(text, quote=False)
    yield html.escape(text)
    yield html.escape(text).replace("&#x27;", "&#39;")
    yield text.replace("'", "'\"'\"'")  # as shlex.quote does
    yield text.replace("'", "'\\''")


def _quoted(text: str) -> Iterator[str]:
    for safe in ("/", ""):
        quoted = urllib.parse.quote(text, safe=safe, errors="surrogateescape")
        yield quoted
        yield quoted.replace("%20", "+")
        yield _small_escapes(quoted)
        yield _small_escapes(quoted).replace("%20", "+")


def _small_escapes(quoted: str) -> str:
    pieces = quoted.split("%")
    return "%".join([pieces[0], *(piece[:2].lower() + piece[2:] for piece in pieces[1:])])


def _base64(data: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(data).decode("ascii")
        yield whole
        yield whole.rstrip("=")
        for width in _WRAPPED:
            if len(whole) > width:
                yield from (line for line in _lines(whole, width) if len(line) > width // 4)
        for before in range(3):
            yield _inner(encode, data, before)


def _lines(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]


def _inner(encode: Callable[[bytes], bytes], data: bytes, before: int) -> str:
    """What of the base64 is the same whatever stands around `data`, with `before` bytes (mod 3) before it."""
    whole = encode(b"\0" * before + data).decode("ascii").rstrip("=")
    first = (0, 2, 3)[before]  # characters that hold bits of what is before
    last = len(whole) - (1 if (before + len(data)) % 3 else 0)  # and one that holds bits of what follows
    return whole[first:last]
