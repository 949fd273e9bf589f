"""Entries: the `approvals:` block of a header (DESIGN §5.1), in its one spelling. Pure.

Parsing a block and writing it again gives the same bytes, or the block is refused. Taking the block out of
a text and putting it back restores the bytes. Nothing here says whether an approval counts: that is the
approval room's business.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from runbook.errors import FormatError
from runbook.instants import parse_stamp, stamp
from runbook.text.fences import locate
from runbook.text.lines import lines_of
from runbook.text.reasons import Reason, reason
from runbook.text.runbook import Entry

OPENING = "# approvals:"
MAX_ENTRIES = 32
MAX_SIGNATURE = 8192  # base64 characters; an RSA-4096 signature with its key has about 1600
_COLUMNS = 70  # as ssh-keygen breaks its armor

PRINCIPAL = re.compile(r"[a-z0-9][a-z0-9._%+-]{0,63}@[a-z0-9][a-z0-9.-]{0,189}")
ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,31}")
# Words that YAML 1.1 reads as true, false or nothing: in a list of names they would not be names.
_NOT_NAMES = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})

_KEYS = ("environments", "allows", "parameters", "text", "issued", "expires")
_HINT = "entries are written by `runbook review`; take this one out and review the text again"


class _Misspelled(ValueError):
    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


def is_environment_name(text: str) -> bool:
    """Whether `text` can name an environment: in headers, entries, policies and on the command line."""
    return ENVIRONMENT.fullmatch(text) is not None and text not in _NOT_NAMES


def emit_block(entries: Sequence[Entry]) -> str:
    """The block's lines with their `# ` and line ends, entries sorted; empty for no entries.

    Raises ValueError for entries that have no spelling (a wrong name, an unsorted list, a duplicate).
    """
    if not entries:
        return ""
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"{len(entries)} approvals; a header holds {MAX_ENTRIES}")
    ordered = sorted(entries, key=_order)
    lines = [OPENING]
    for entry in ordered:
        lines += _emit(entry)
    try:
        parsed = _entries(lines)
    except _Misspelled as problem:
        raise ValueError(problem.message) from problem
    if parsed != tuple(ordered):
        raise ValueError("an approval that would read back as another one")
    return "".join(f"{line}\n" for line in lines)


def _order(entry: Entry) -> tuple[object, ...]:
    return (
        entry.role,
        entry.principal,
        entry.environments,
        entry.allows,
        entry.parameters or "",
        entry.text,
        entry.issued,
        entry.expires,
        entry.signature,
    )


def _emit(entry: Entry) -> list[str]:
    lines = [
        f"# - {entry.role}: {entry.principal}",
        f"#   environments: [{', '.join(entry.environments)}]",
        f"#   allows: {entry.allows}",
    ]
    if entry.parameters is not None:
        lines.append(f"#   parameters: {entry.parameters}")
    lines += [
        f"#   text: {entry.text}",
        f"#   issued: {stamp(entry.issued)}",
        f"#   expires: {stamp(entry.expires)}",
        "#   signature: |",
    ]
    pieces = range(0, len(entry.signature), _COLUMNS)
    return lines + [f"#     {entry.signature[at : at + _COLUMNS]}" for at in pieces]


def parse_block(lines: Sequence[str], *, first_line: int = 1) -> tuple[tuple[Entry, ...], tuple[Reason, ...]]:
    """The entries of a block, given as its header lines (`# approvals:` first); no entries if it is refused.

    `first_line` is the number of the first of them in the file, for the reasons. Never raises.
    """
    try:
        return _entries(lines), ()
    except _Misspelled as problem:
        return (), (reason("header.approvals", first_line + problem.offset, problem.message, _HINT),)


def _entries(lines: Sequence[str]) -> tuple[Entry, ...]:
    if not lines or lines[0] != OPENING:
        raise _Misspelled(0, f"the block does not begin with `{OPENING}`")
    starts = [at for at, line in enumerate(lines) if line.startswith("# -")]
    if len(starts) > MAX_ENTRIES:
        raise _Misspelled(starts[MAX_ENTRIES], f"{len(starts)} approvals; a header holds {MAX_ENTRIES}")
    if not starts or starts[0] != 1:
        raise _Misspelled(
            min(1, len(lines) - 1), "`approvals:` without an entry, or with something before it"
        )
    entries = [_entry(lines[at:end], at) for at, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    for at, before, after in zip(starts[1:], entries, entries[1:], strict=False):
        if _order(before) >= _order(after):
            raise _Misspelled(at, "the entries are not sorted, or one stands twice")
    return tuple(entries)


def _entry(lines: Sequence[str], offset: int) -> Entry:
    role, principal = _first(lines[0], offset)
    fields: dict[str, str] = {}
    at = 1
    for key in _KEYS:
        prefix = f"#   {key}: "
        if at < len(lines) and lines[at].startswith(prefix):
            fields[key] = lines[at][len(prefix) :]
            at += 1
        elif key != "parameters":
            raise _Misspelled(offset + min(at, len(lines) - 1), f"expected `{key}:` here")
    if at >= len(lines) or lines[at] != "#   signature: |":
        raise _Misspelled(offset + min(at, len(lines) - 1), "expected `signature: |` here")
    allows = fields["allows"]
    if allows != "interactive" and allows != "unattended":
        raise _Misspelled(offset + 2, f"`allows: {allows}` is neither interactive nor unattended")
    parameters = fields.get("parameters")
    if parameters is not None and not re.fullmatch(r"exact:sha256:[0-9a-f]{64}", parameters):
        raise _Misspelled(offset + 3, "`parameters:` is not exact:sha256: and 64 digits")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", fields["text"]):
        raise _Misspelled(offset + at - 3, "`text:` is not sha256: and 64 digits")
    return Entry(
        role=role,
        principal=principal,
        environments=_environments(fields["environments"], offset + 1),
        allows="interactive" if allows == "interactive" else "unattended",
        parameters=parameters,
        text=fields["text"],
        issued=_instant(fields["issued"], offset + at - 2),
        expires=_instant(fields["expires"], offset + at - 1),
        signature=_signature(lines[at + 1 :], offset + at + 1),
    )


def _first(line: str, offset: int) -> tuple[Literal["approver", "breakglass"], str]:
    role, _, principal = line.removeprefix("# - ").partition(": ")
    if not PRINCIPAL.fullmatch(principal):
        raise _Misspelled(offset, "an entry begins with `# - approver: ` and a name like bob@example.com")
    if role == "approver":
        return "approver", principal
    if role == "breakglass":
        return "breakglass", principal
    raise _Misspelled(offset, "an entry begins with `# - approver: ` and a name like bob@example.com")


def _environments(text: str, offset: int) -> tuple[str, ...]:
    names = tuple(text[1:-1].split(", "))
    if text != f"[{', '.join(names)}]" or not all(map(is_environment_name, names)):
        raise _Misspelled(offset, "`environments:` is not a list of names like [prod, staging]")
    if list(names) != sorted(set(names)):
        raise _Misspelled(offset, "the environments are not sorted, or one stands twice")
    return names


def _instant(text: str, offset: int) -> datetime:
    try:
        return parse_stamp(text)
    except ValueError as error:
        raise _Misspelled(offset, "not an instant like 2026-11-21T00:07:07Z") from error


def _signature(lines: Sequence[str], offset: int) -> str:
    pieces = []
    for at, line in enumerate(lines):
        piece = line.removeprefix("#     ")
        last = at == len(lines) - 1
        if piece == line or not piece or len(piece) > _COLUMNS or (len(piece) < _COLUMNS and not last):
            raise _Misspelled(offset + at, f"a signature's lines have {_COLUMNS} columns, but for the last")
        pieces.append(piece)
    text = "".join(pieces)
    if not text or len(text) > MAX_SIGNATURE:
        raise _Misspelled(offset - 1, "a signature that is empty, or too long")
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise _Misspelled(offset, "the signature is not base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise _Misspelled(offset, "the signature is base64 in another than its one spelling")
    return text


def find_block(lines: Sequence[str], opening: int, closing: int) -> tuple[int, int] | None:
    """Indices of the block's first line and of the first line behind it, between two fences.

    The block reaches up to the next root key, comment or empty line of the header.
    """
    for start in range(opening + 1, closing):
        if lines[start] == OPENING:
            end = start + 1
            while end < closing and lines[end].startswith(("# -", "#  ")):
                end += 1
            return start, end
    return None


def without_entries(canonical: str) -> str:
    """The text with its `approvals:` block taken out; the same text where there is none. Never raises."""
    if OPENING not in canonical:
        return canonical
    lines = lines_of(canonical)
    place, _ = locate(lines)
    if place.opening is None or place.closing is None:
        return canonical
    block = find_block(lines, place.opening, place.closing)
    if block is None:
        return canonical
    start, end = block
    at = sum(len(line) + 1 for line in lines[:start])
    length = sum(len(line) + 1 for line in lines[start:end])
    return canonical[:at] + canonical[at + length :]


def with_entries(canonical: str, entries: Sequence[Entry]) -> str:
    """The text with exactly these entries: the block replaced where it stands, else put before `jupyter:`.

    No entries take the block out. Raises FormatError when there is no header to put them into, ValueError
    for entries that have no spelling.
    """
    emitted = emit_block(entries)
    lines = lines_of(canonical)
    place, _ = locate(lines)
    if place.opening is None or place.closing is None:
        raise FormatError("the text has no header to hold approvals", line=1, hint="run `runbook fmt` first")
    block = find_block(lines, place.opening, place.closing)
    if block is None:
        jupyter = (i for i in range(place.opening, place.closing) if lines[i].rstrip() == "# jupyter:")
        start = next(jupyter, place.closing)
    else:
        start = block[0]
    bare = without_entries(canonical)
    at = sum(len(line) + 1 for line in lines[:start])
    return bare[:at] + emitted + bare[at:]
