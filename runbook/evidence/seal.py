"""The seal, `finish.txt`: what the run came to, and the digest of every file that is evidence. DESIGN §8.

    # runbook run-finish v1
    # id: 20261121T001205Z-web-restart-7f3a9c
    # start: sha256:<of start.txt>
    # journal: 412 sha256:<of its last line>
    # outcome: succeeded
    # started: 2026-11-21T00:12:05Z
    # ended: 2026-11-21T00:12:31Z
    # renderer: 1
    # step: health succeeded 1204                    code and manual steps, in the order of the text
    # step: announce attested -                      the number is milliseconds
    0f3e…  audit.md
    77ab…  blobs/0c11…
    …                                                every file of the evidence, sorted

Lines with `#` are comments to `sha256sum`: `sha256sum -c finish.txt`, run in the folder, checks every file.
One spelling: fixed order, LF, final newline, UTF-8. Written once, never replaced; not signed yet
(`finish.sig` and `start.sig` have their names already).
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import get_args

import msgspec

from runbook.errors import EvidenceDamaged, FormatError
from runbook.evidence import inert
from runbook.evidence.events import Outcome, StepState
from runbook.evidence.folder import ExecutionFolder, evidence_names, is_plain_name, parse_id
from runbook.instants import parse_stamp, stamp
from runbook.system import files

FINISH_LIMIT_BYTES = 64 << 20
_FIRST = "# runbook run-finish v1"
_KEYS = ("id", "start", "journal", "outcome", "started", "ended", "renderer")
_HEX = frozenset("0123456789abcdef")


class FinishedStep(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: StepState
    ms: int | None


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """What `finish.txt` says. Digests are hex; `manifest` is sorted (path below the folder, sha256)."""

    id: str
    start: str
    journal_length: int
    journal_head: str
    outcome: Outcome
    started: datetime
    ended: datetime
    renderer: int
    steps: tuple[FinishedStep, ...]
    manifest: tuple[tuple[str, str], ...]


def manifest(folder: ExecutionFolder) -> tuple[tuple[str, str], ...]:
    """Path and sha256 (hex) of every file that is evidence, sorted. Raises EvidenceDamaged, StorageError."""
    return tuple((name, digest_of(folder, name)) for name in evidence_names(folder))


def digest_of(folder: ExecutionFolder, name: str) -> str:
    """sha256 (hex) of one file, read in pieces."""
    found = hashlib.sha256()
    for piece in files.chunks(folder.path / name):
        found.update(piece)
    return found.hexdigest()


def names_below(folder: ExecutionFolder, part: str) -> tuple[str, ...]:
    """The names of the evidence below one folder of it, sorted."""
    return tuple(name for name in evidence_names(folder) if name.startswith(f"{part}/"))


def write(folder: ExecutionFolder, finish: Finish) -> None:
    """Write `finish.txt`. Raises ExistsError when the execution is sealed already, FormatError."""
    files.create(folder.finish, emit(finish))


def emit(finish: Finish) -> bytes:
    """The bytes of `finish.txt`. Raises FormatError for a value that its line can't hold."""
    data = _text(finish).encode()
    if parse(data) != finish:
        raise FormatError("this seal can't be written so that it reads back the same", subject="finish.txt")
    return data


def _text(finish: Finish) -> str:
    lines = [
        _FIRST,
        f"# id: {finish.id}",
        f"# start: sha256:{finish.start}",
        f"# journal: {finish.journal_length} sha256:{finish.journal_head}",
        f"# outcome: {finish.outcome}",
        f"# started: {stamp(finish.started)}",
        f"# ended: {stamp(finish.ended)}",
        f"# renderer: {finish.renderer}",
        *(f"# step: {step.name} {step.state} {_ms(step.ms)}" for step in finish.steps),
        *(f"{digest}  {name}" for name, digest in finish.manifest),
    ]
    return "".join(f"{line}\n" for line in lines)


def _ms(ms: int | None) -> str:
    return "-" if ms is None else str(ms)


def read(folder: ExecutionFolder) -> Finish:
    """Read the seal, following no link. Raises NotFoundError, FormatError, EvidenceDamaged."""
    return parse(files.read_inside(folder.path, folder.finish.name, limit_bytes=FINISH_LIMIT_BYTES))


def parse(data: bytes) -> Finish:
    """Read `finish.txt`. Raises EvidenceDamaged naming the line for any spelling but that of `emit`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EvidenceDamaged(f"not UTF-8 (byte {error.start})", subject="finish.txt") from error
    lines = text.split("\n")
    if lines.pop() != "" or not lines or lines[0] != _FIRST:
        raise EvidenceDamaged(f"not a seal: {_FIRST!r} comes first, a line end last", subject="finish.txt")
    reader = _Lines(lines)
    try:
        values: dict[str, str] = {}
        for key in _KEYS:
            values[key] = _value(reader.next(), key)
            _PARSED[key](values[key])  # here, so that the error has its line
        steps: list[FinishedStep] = []
        entries: list[tuple[str, str]] = []
        while reader.more:
            line = reader.next()
            if line.startswith("#") and not entries:
                steps.append(_step(_value(line, "step")))
            else:
                entries.append(_entry(line, entries))
        finish = _finish(values, steps, entries)
    except (ValueError, IndexError, FormatError) as error:
        raise EvidenceDamaged(f"not a seal: {error}", subject="finish.txt", line=reader.number) from error
    if _text(finish) != text:
        raise EvidenceDamaged("not the one spelling of a seal", subject="finish.txt")
    return finish


class _Lines:
    """The lines behind the first one, and the number of the one at hand."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.number = 1

    @property
    def more(self) -> bool:
        return self.number < len(self._lines)

    def next(self) -> str:
        self.number += 1
        return self._lines[self.number - 1]


def _value(line: str, key: str) -> str:
    start = f"# {key}: "
    value = line[len(start) :]
    if not line.startswith(start) or not inert.is_inert(value):
        raise ValueError(f"a line {key!r} is missing here")
    return value


def _finish(values: dict[str, str], steps: list[FinishedStep], entries: list[tuple[str, str]]) -> Finish:
    length, head = _end(values["journal"])
    return Finish(
        id=parse_id(values["id"]).text,
        start=_digest(values["start"]),
        journal_length=length,
        journal_head=head,
        outcome=_outcome(values["outcome"]),
        started=parse_stamp(values["started"]),
        ended=parse_stamp(values["ended"]),
        renderer=_count(values["renderer"]),
        steps=tuple(steps),
        manifest=tuple(entries),
    )


def _end(text: str) -> tuple[int, str]:
    length, _, head = text.partition(" ")
    return int(length), _digest(head)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ValueError(f"{text!r} is no number from 1")
    return int(text)


def _digest(text: str) -> str:
    if not text.startswith("sha256:") or not _is_hex(text[7:]):
        raise ValueError(f"{text!r} is not sha256: and 64 hex digits")
    return text[7:]


def _is_hex(text: str) -> bool:
    return len(text) == 64 and _HEX.issuperset(text)


def _outcome(text: str) -> Outcome:
    for known in get_args(Outcome):
        if text == known:
            return known  # type: ignore[no-any-return]  # get_args forgets the literals' type
    raise ValueError(f"{text!r} is no outcome")


def _step(text: str) -> FinishedStep:
    name, state, ms = text.rsplit(" ", 2)
    for known in get_args(StepState):
        if state == known:
            return FinishedStep(name=name, state=known, ms=None if ms == "-" else int(ms))
    raise ValueError(f"{state!r} is no state of a step")


def _entry(line: str, before: list[tuple[str, str]]) -> tuple[str, str]:
    digest, name = line[:64], line[66:]
    if line[64:66] != "  " or not _is_hex(digest) or not is_plain_name(name):
        raise ValueError("not a line of a manifest")
    if before and name <= before[-1][0]:
        raise ValueError("the manifest is not sorted")
    return name, digest


_PARSED: dict[str, Callable[[str], object]] = {
    "id": parse_id,
    "start": _digest,
    "journal": _end,
    "outcome": _outcome,
    "started": parse_stamp,
    "ended": parse_stamp,
    "renderer": _count,
}
