"""The forms in which a secret can appear in what a step puts out. Pure; standard library only.

As it is, each of its lines, and both as other programs spell them: base64 in all three alignments (ordinary
and URL-safe alphabet, also wrapped into lines), percent-encoded, escaped by Python, JSON, HTML or a shell, in
hexadecimal, with letters composed or apart, and with a mark for each letter that an encoding lacks. Forms
shorter than four characters are left out: they stand in every other word.
"""

import base64
import html
import json
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterable, Iterator

SHORTEST = 4
"""Characters below which nothing is masked."""
_WRAPPED = (64, 76)  # RFC 7468 and RFC 2045: how programs break base64 into lines
_KEPT_IN_URLS = (
    "/",  # urllib.parse.quote
    "",
    "!~*'()",  # JavaScript's encodeURIComponent
    ";/?:@&=+$,#!~*'()",  # and its encodeURI
    "!#$%&'()*+,/:;=?@[]~",  # requests
    "!#$&'()*+,/:;=?@[]~",
    "!$&'()*+,;=:",  # RFC 3986: a user and a password
    "!$&'()*+,;=:@/?",  # RFC 3986: a path, a query
)
_IN_A_SHELL = re.compile(
    r"""[ \t"'\\|&;()<>!{}*\[\]?^$`,]"""
)  # before which bash's `printf %q` puts a backslash
_IN_DOUBLE_QUOTES = re.compile(r"""["\\$`]""")  # as its `declare -p` does
_JSON_FOR_HTML = (("/", "\\/"),), (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"))  # PHP; Go
_GSON = (*_JSON_FOR_HTML[1], ("=", "\\u003d"), ("'", "\\u0027"))


def forms(secret: str) -> frozenset[str]:
    """Every form of `secret` that is masked; none when it is shorter than `SHORTEST`."""
    if len(secret) < SHORTEST:
        return frozenset()
    parts = {secret, *(line.strip() for line in secret.splitlines())}
    found: set[str] = set()
    for part in parts:
        for text in {part, unicodedata.normalize("NFC", part), unicodedata.normalize("NFD", part)}:
            if len(text) >= SHORTEST:
                found.update(_spellings(text))
    return frozenset(form for form in found if len(form) >= SHORTEST)


def _spellings(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogateescape")
    yield text
    yield data.decode("latin-1")  # as bytes of a picture are searched
    yield from _escaped(text, data)
    yield from _damaged(text, data)
    yield from _quoted(text)
    yield from (data.hex(), data.hex().upper())
    yield from _base64(data)


def _escaped(text: str, data: bytes) -> Iterator[str]:
    yield repr(text)[1:-1]
    yield ascii(text)[1:-1]
    yield repr(data)[2:-1]
    yield repr(repr(text)[1:-1])[1:-1]  # an error's text within another's
    yield re.escape(text)
    yield text.replace('"', '""')  # CSV
    yield text.replace("'", "''")  # SQL, YAML
    yield "".join(map(_in_yaml, text))
    for written in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        yield written[1:-1]
        yield json.dumps(written)[3:-3]  # JSON within JSON
        for escapes in (*_JSON_FOR_HTML, _GSON):
            yield _replaced(written[1:-1], escapes)
    yield html.escape(text, quote=False)
    for apostrophe in ("&#x27;", "&#39;", "&apos;", "'"):
        escaped = html.escape(text).replace("&#x27;", apostrophe)
        yield escaped
        yield escaped.replace("&quot;", "&#34;")  # as markupsafe does
    yield text.replace("'", "'\"'\"'")  # as shlex.quote does
    yield text.replace("'", "'\\''")
    for special in (_IN_A_SHELL, _IN_DOUBLE_QUOTES):
        yield special.sub(r"\\\g<0>", text)


def _in_yaml(character: str) -> str:
    """As PyYAML writes it between double quotes."""
    number = ord(character)
    if character in '"\\':
        return f"\\{character}"
    if number < 0x7F:
        return character
    if number <= 0xFF:
        return f"\\x{number:02X}"
    return f"\\u{number:04X}" if number <= 0xFFFF else f"\\U{number:08X}"


def _replaced(text: str, escapes: Iterable[tuple[str, str]]) -> str:
    for character, escape in escapes:
        text = text.replace(character, escape)
    return text


def _damaged(text: str, data: bytes) -> Iterator[str]:
    """What is read where one side wrote another encoding. Forms that are next to nothing but marks are left
    out: they would be masked in what is damaged for itself."""
    for made in (
        data.decode("utf-8", "replace"),
        data.decode("ascii", "replace"),
        text.encode("latin-1", "replace").decode("utf-8", "replace"),
        text.encode("ascii", "replace").decode("ascii"),
        text.encode("ascii", "xmlcharrefreplace").decode("ascii"),
    ):
        if sum(character not in "?\ufffd" for character in made) >= SHORTEST:
            yield made


def _quoted(text: str) -> Iterator[str]:
    for safe in _KEPT_IN_URLS:
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
