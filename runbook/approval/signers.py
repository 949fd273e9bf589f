"""Signers: who is enrolled with which key, in a strict part of OpenSSH's allowed_signers format.

Pure. `ssh-keygen` and git can use the same file; the reverse does not hold: patterns, several principals on a
line, certificate authorities, local times, a key twice, a line with a slip in it refuse the whole file, where
OpenSSH would skip the line or take the wider reading. Also `revoked`, the list of fingerprints that count no
longer. A name says nothing here about rights: what an enrolled person may permit stands in the policy.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from runbook.approval.keys import PublicKey, parse_key
from runbook.approval.statement import NAMESPACE, is_principal
from runbook.approval.withdrawal import WITHDRAWAL_NAMESPACE
from runbook.errors import FormatError, SignatureRefused, SignerError, TrustError
from runbook.instants import parse_stamp

EXECUTION_NAMESPACE: Final = "execution.v1@signed-runbook"
CONFIRMATION_NAMESPACE: Final = "confirmation.v1@signed-runbook"
ENROLLED_FOR: Final = (NAMESPACE, WITHDRAWAL_NAMESPACE, EXECUTION_NAMESPACE, CONFIRMATION_NAMESPACE)
"""What `init` enrols a person for: to approve, to take an approval back, to seal executions."""

LIMIT_BYTES: Final = 1 << 20
_OPTION: Final = re.compile(r'(?P<name>[A-Za-z-]+)="(?P<value>[^"\\]*)"(?P<more>,?)')
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
_TIME: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?Z", re.ASCII)
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]")
# A comment that turns the reading direction or hides characters shows the reviewer another file.
_HIDING: Final = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolled key. `line` is its line in the file."""

    principal: str
    key: PublicKey
    namespaces: tuple[str, ...]
    valid_after: datetime | None
    valid_before: datetime | None
    line: int

    @property
    def fingerprint(self) -> str:
        return self.key.fingerprint

    def is_valid(self, now: datetime) -> bool:
        """Whether `now` lies in the key's own time: from `valid-after`, until just before `valid-before`."""
        return (self.valid_after is None or self.valid_after <= now) and (
            self.valid_before is None or now < self.valid_before
        )


def parse_signers(data: bytes, *, name: str = "allowed_signers") -> tuple[Signer, ...]:
    """Read the whole file. Raises TrustError naming the first line that is not in the strict part."""
    found: dict[bytes, Signer] = {}
    for number, line in _lines(data, name):
        try:
            signer = _signer(line, number)
        except (SignatureRefused, FormatError) as error:
            raise TrustError(error.message, subject=name, line=number, hint=error.hint) from error
        there = found.get(signer.key.blob)
        if there is not None:
            raise TrustError(
                f"the key {signer.fingerprint} stands on line {there.line} already",
                subject=name,
                line=number,
                hint="a key is enrolled once, for one person: take one of the lines away",
            )
        found[signer.key.blob] = signer
    return tuple(found.values())


def parse_revoked(data: bytes, *, name: str = "revoked") -> frozenset[str]:
    """The fingerprints in the file: one a line, `#` comments. Raises TrustError for any other line."""
    found = set()
    for number, line in _lines(data, name):
        if not _FINGERPRINT.fullmatch(line):
            raise TrustError(
                f"{line[:80]!r} is not a fingerprint like SHA256:…",
                subject=name,
                line=number,
                hint="`ssh-keygen -l -f KEY.pub` prints it; one a line, nothing behind it",
            )
        found.add(line)
    return frozenset(found)


def parse_public_key(data: bytes, *, name: str) -> PublicKey:
    """The key in a `.pub` file's one line (its comment is not read). Raises SignerError."""
    words = data.decode("utf-8", "replace").removesuffix("\n").split(" ", 2)
    try:
        if len(words) < 2 or "\n" in "".join(words):
            raise FormatError("not one line with a public key in it")
        return _key(words[0], words[1])
    except (SignatureRefused, FormatError) as error:
        hint = error.hint or "give the .pub file that ssh-keygen made"
        raise SignerError(error.message, subject=name, hint=hint) from error


def enrolment_line(principal: str, public_key: bytes) -> str:
    """The line, without its end, that enrols `principal` with the key in a `.pub` file's bytes.

    Raises SignerError for a name or a key that cannot be enrolled.
    """
    if not is_principal(principal):
        raise SignerError(
            f"{principal[:80]!r} is not a name like bob@example.com",
            hint="lower-case letters, digits and . _ % + - around one @",
        )
    key = parse_public_key(public_key, name=principal)
    return f'{principal} namespaces="{",".join(ENROLLED_FOR)}" {key.words}'


def _lines(data: bytes, name: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers. Comments are whole lines."""
    if len(data) > LIMIT_BYTES:
        raise TrustError(f"larger than {LIMIT_BYTES} bytes", subject=name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TrustError("not UTF-8", subject=name, line=data.count(b"\n", 0, error.start) + 1) from error
    for number, line in enumerate(text.split("\n"), start=1):
        hidden = _HIDING.search(line)
        if hidden:
            hint = "line ends are LF" if hidden[0] == "\r" else "take it out"
            raise TrustError(f"the character U+{ord(hidden[0]):04X}", subject=name, line=number, hint=hint)
        if line and not line.startswith("#"):
            yield number, line


def _signer(line: str, number: int) -> Signer:
    if not line.isascii():
        raise FormatError("letters beyond ASCII stand only in comments")
    principal, _, rest = line.partition(" ")
    if not is_principal(principal):
        raise FormatError(
            f"{principal[:80]!r} is not one literal name like bob@example.com",
            hint="patterns and lists of names are not accepted: one line for each person and key",
        )
    options, rest = _options(rest)
    words = rest.split(" ")
    if len(words) != 2:
        raise FormatError(
            'a line is: name namespaces="…" key-type key, with one blank between them and nothing behind',
            hint="comments stand on lines of their own, beginning with #",
        )
    return Signer(
        principal=principal,
        key=_key(*words),
        namespaces=_namespaces(options),
        valid_after=_instant(options.get("valid-after")),
        valid_before=_instant(options.get("valid-before")),
        line=number,
    )


def _options(text: str) -> tuple[dict[str, str], str]:
    found: dict[str, str] = {}
    more = True
    while more:
        match = _OPTION.match(text)
        if match is None:
            break
        name, value, more = match["name"], match["value"], bool(match["more"])
        if name not in ("namespaces", "valid-after", "valid-before"):
            raise FormatError(
                f"the option {name!r}", hint="known: namespaces, valid-after, valid-before, in small letters"
            )
        if name in found:
            raise FormatError(f"the option {name} twice")
        found[name] = value
        text = text[match.end() :]
    if more or not text.startswith(" "):
        raise FormatError(
            'the options are not written as namespaces="…",valid-before="…"',
            hint="cert-authority and options without quotes are not accepted",
        )
    return found, text[1:]


def _namespaces(options: dict[str, str]) -> tuple[str, ...]:
    names = tuple(options.get("namespaces", "").split(","))
    for name in names:
        if not _NAMESPACE.fullmatch(name):
            raise FormatError(
                f"{name!r} is not one literal namespace",
                hint=f'what may this key sign? namespaces="{NAMESPACE}"',
            )
    return names


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        year, month, day, hour, minute, second = (part or "00" for part in match.groups())
        return parse_stamp(f"{year}-{month}-{day}T{hour}:{minute}:{second}Z")
    except ValueError as error:
        raise FormatError(
            f"{text!r} is not a time like 20261121Z or 20261121000707Z",
            hint="with the Z: without it OpenSSH reads it in the zone of whoever verifies",
        ) from error


def _key(kind: str, encoded: str) -> PublicKey:
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("the key is not base64") from error
    if base64.b64encode(blob).decode("ascii") != encoded:
        raise FormatError("the key's base64 is not in its one form")
    key = parse_key(blob)
    if key.kind != kind:
        raise FormatError(f"the line says {kind[:60]!r}, the key itself says {key.kind}")
    return key
