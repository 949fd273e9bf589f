"""The journal: an append-only list of everything that happened, each line bound to the one before. An edge.

One JSON object per line in its canonical spelling, see `evidence/events`. `prev` of the first line is the
sha256 of `start.txt`; of every other line, that of the line before without its line end. `seq` is the number
of the line, from 0. Nothing is ever rewritten, cut or left out, also not after a crash:

A crash can leave a last line without its end. Such a torn line is not an event. Who goes on with the journal
(`resume`) ends the line where it stands and appends a `gap` event (`what`: `torn-line`, `bytes`, `sha256`)
whose `prev` is the sha256 of the torn line. A line that can't be read is accepted in front of such a `gap`
and nowhere else (several, when that was cut as well: its `sha256` is over all of them). Torn lines keep their
numbers. When only the line end was lost, the line is whole and simply gets it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from runbook.canonical import canonical_json, hex_digest
from runbook.decoding import decode_canonical
from runbook.errors import EvidenceDamaged, FormatError, NotFoundError, StorageError
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import INLINE_BYTES, Event, is_moment, moment
from runbook.evidence.folder import ExecutionFolder
from runbook.system import files

LINE_LIMIT_BYTES = 4 << 20
"""The longest line that is read; a writer stays far below."""
FOLLOW_BYTES = 4 << 20
"""About how much one call of `follow` gives."""
_MOVED_BYTES = 1 << 10  # keys of a large payload above this size move to the blob
_ENVELOPE = frozenset({"seq", "prev", "t", "m", "kind"})
_START_LIMIT_BYTES = 1 << 20


class JournalWriter:
    """The one writer of one journal. Each event is in the file when `append` returns, `sync` makes it last.

    After a failed write the journal ends there: every later `append` raises, so that nothing runs unrecorded.
    """

    def __init__(self, folder: ExecutionFolder, appender: files.Appender, *, head: str, length: int) -> None:
        self._folder = folder
        self._appender = appender
        self._head = head
        self._length = length
        self._broken = False
        self.blobs = Blobs(folder.blobs)

    @classmethod
    def create(cls, folder: ExecutionFolder, *, start_digest: str) -> "JournalWriter":
        """Begin a journal. `start_digest` is the sha256 (hex) of `start.txt`.

        Raises ExistsError when there is a journal already.
        """
        return cls(folder, files.Appender(folder.journal), head=start_digest, length=0)

    @classmethod
    def resume(cls, folder: ExecutionFolder, *, t: datetime, m: int) -> "JournalWriter":
        """Go on with a journal whose writer is gone (the caller holds `supervisor.lock`). Checks all of it.

        A torn last line stays, and a `gap` event behind it says so. Raises EvidenceDamaged when it does not
        check, or when it was sealed.
        """
        reader = JournalReader(folder)
        sealed = False
        for event in reader:
            sealed = event.kind == "sealed"
        if sealed:
            raise EvidenceDamaged(
                "this journal was sealed and can't be gone on with", subject=folder.journal.name
            )
        writer = cls(
            folder, files.Appender(folder.journal, resume=True), head=reader.head, length=reader.length
        )
        if reader.torn:
            writer._end_torn_line(reader, t=t, m=m)
        return writer

    @property
    def folder(self) -> ExecutionFolder:
        return self._folder

    @property
    def head(self) -> str:
        """sha256 (hex) of the last line; of `start.txt` while there is none."""
        return self._head

    @property
    def length(self) -> int:
        """How many lines there are."""
        return self._length

    def append(self, kind: str, payload: Mapping[str, object], *, t: datetime, m: int) -> Event:
        """Write one event: `t` wall clock, `m` monotonic nanoseconds. A large payload goes to a blob first.

        Raises StorageError when it can't be written; TypeError for a payload without canonical spelling.
        """
        event = Event(seq=self._length, prev=self._head, t=moment(t), m=m, kind=kind, payload=payload)
        return self._write(event, before=b"")

    def sync(self) -> None:
        """Make everything so far survive a power cut."""
        self._guarded(self._appender.sync)

    def close(self) -> None:
        self._appender.close()

    def _write(self, event: Event, *, before: bytes) -> Event:
        line = _line(event)
        if len(line) > INLINE_BYTES:
            event = msgspec.structs.replace(event, payload=self._with_blob(event.payload))
            line = _line(event)
        self._guarded(lambda: self._appender.append(before + line + b"\n"))
        self._head = hex_digest(line)
        self._length = event.seq + 1
        return event

    def _guarded(self, action: Callable[[], None]) -> None:
        if self._broken:
            raise StorageError(
                "an earlier write failed, so the journal ends there", subject=str(self._folder.journal)
            )
        self._broken = True  # until it went well: an interrupted write leaves half a line
        action()
        self._broken = False

    def _with_blob(self, payload: Mapping[str, object]) -> dict[str, object]:
        moved: dict[str, object] = {}
        kept: dict[str, object] = {}
        for key, value in payload.items():
            (moved if len(canonical_json(value)) > _MOVED_BYTES else kept)[key] = value
        data = canonical_json(moved)
        return {**kept, "blob": self.blobs.put(data), "size": len(data)}

    def _end_torn_line(self, reader: "JournalReader", *, t: datetime, m: int) -> None:
        if reader.torn_is_whole:
            self._guarded(lambda: self._appender.append(b"\n"))
            self._length, self._head = self._length + 1, hex_digest(reader.last)
        else:
            payload = {
                "what": "torn-line",
                "count": None,
                "bytes": len(reader.torn),
                "sha256": hex_digest(reader.torn),
            }
            event = Event(
                seq=self._length + 1,
                prev=hex_digest(reader.last),
                t=moment(t),
                m=m,
                kind="gap",
                payload=payload,
            )
            # In one write with the line end: were this cut too, the next resume finds two torn lines.
            self._write(event, before=b"\n")
        self.sync()


def _line(event: Event) -> bytes:
    if not _ENVELOPE.isdisjoint(event.payload):
        raise TypeError(f"a payload with keys of the line: {sorted(_ENVELOPE & set(event.payload))}")
    return canonical_json(
        {
            **event.payload,
            "seq": event.seq,
            "prev": event.prev,
            "t": event.t,
            "m": event.m,
            "kind": event.kind,
        }
    )


def whole_payload(event: Event, blobs: Blobs) -> Mapping[str, object]:
    """The event's payload with what was moved to a blob put back. Raises EvidenceDamaged."""
    name = event.payload.get("blob")
    if not isinstance(name, str):
        return event.payload
    place = f"{blobs.folder.name}/{name}"
    try:
        moved = decode_canonical(blobs.get(name), name=place)
    except FormatError as error:
        raise EvidenceDamaged(error.message, subject=place) from error
    kept = {key: value for key, value in event.payload.items() if key not in ("blob", "size")}
    if not moved.keys().isdisjoint({*kept, *_ENVELOPE}) or len(canonical_json(moved)) != event.number("size"):
        # What one reader takes from the line another would take from the blob.
        raise EvidenceDamaged("a blob that says again what its line says, or has another size", subject=place)
    return kept | moved


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """A whole journal that checks. `torn`: bytes of a last line that a crash left without its end."""

    events: tuple[Event, ...]
    torn: bytes
    head: str
    length: int


def read_journal(folder: ExecutionFolder) -> Journal:
    """Read and check a whole journal. For large ones walk over `JournalReader` instead.

    Raises EvidenceDamaged naming file and line where the chain breaks.
    """
    reader = JournalReader(folder)
    events = tuple(reader)
    return Journal(events=events, torn=reader.torn, head=reader.head, length=reader.length)


class JournalReader:
    """The events of a journal, checked one by one while they are walked over, in constant memory.

    After the walk `head`, `length` (lines with their end) and `torn` hold. Raises EvidenceDamaged naming file
    and line: 1 every line is canonical JSON with the five keys of an event, or torn before a `gap` that says
    so; 2 its `seq` is its number; 3 its `prev` is the digest of the line before, or of `start.txt`.
    """

    def __init__(self, folder: ExecutionFolder) -> None:
        self._name = folder.journal.name
        self._folder = folder
        self._begin("")

    def _begin(self, head: str) -> None:
        self._held: list[bytes] = []  # lines that can't be read, right before here
        self.head = head
        self.length = 0
        self.last = b""  # what stands behind the last line end
        self.torn = b""  # the same, with unreadable lines right before it
        self.torn_is_whole = False  # only its line end is missing

    def __iter__(self) -> Iterator[Event]:
        self._begin(_start_digest(self._folder))
        problem: EvidenceDamaged | None = None
        for line, ended in _lines(self._folder.journal):
            if not ended:
                self._look_at_torn(line)
                return
            try:
                event = _event(line, name=self._name, number=self.length)
            except EvidenceDamaged as unreadable:
                problem = problem or unreadable
                self._held.append(line)
            else:
                if problem is not None and not self._is_gap_for_held(event):
                    raise problem
                self._require_link(event)
                self._held.clear()
                problem = None
                yield event
            self.head = hashlib.sha256(line).hexdigest()
            self.length += 1
        if problem is not None:
            raise problem

    def _look_at_torn(self, line: bytes) -> None:
        self.last = line
        self.torn = b"\n".join([*self._held, line])
        try:
            event = _event(line, name=self._name, number=self.length)
            self._require_link(event)
        except EvidenceDamaged:
            return
        self.torn_is_whole = not self._held or self._is_gap_for_held(event)

    def _is_gap_for_held(self, event: Event) -> bool:
        expected = hex_digest(b"\n".join(self._held))
        return event.kind == "gap" and event.text("what") == "torn-line" and event.text("sha256") == expected

    def _require_link(self, event: Event) -> None:
        line = self.length + 1
        if event.seq != self.length:
            raise EvidenceDamaged(
                f"the event's number is {event.seq}, its place is {self.length}",
                subject=self._name,
                line=line,
            )
        if event.prev != self.head:
            before = "start.txt" if self.length == 0 else "the line before"
            raise EvidenceDamaged(
                f"the chain breaks here: {before} is not what it was when this line was written",
                subject=self._name,
                line=line,
            )


def _start_digest(folder: ExecutionFolder) -> str:
    try:
        return hex_digest(files.read_inside(folder.path, "start.txt", limit_bytes=_START_LIMIT_BYTES))
    except FormatError as error:
        raise EvidenceDamaged(error.message, subject="start.txt") from error
    except NotFoundError as error:
        raise EvidenceDamaged(
            "the journal's first line hangs on it, and it is missing", subject="start.txt"
        ) from error


def _lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Each line without its end, and whether it had one. Raises EvidenceDamaged for an endless one."""
    rest = b""
    try:
        for piece in files.chunks(path):
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield line, True
            if len(rest) > LINE_LIMIT_BYTES:
                raise EvidenceDamaged(f"a line above {LINE_LIMIT_BYTES} bytes", subject=path.name)
    except NotFoundError as error:
        raise EvidenceDamaged("the journal is missing", subject=path.name) from error
    except FormatError as error:
        raise EvidenceDamaged(error.message, subject=path.name) from error
    if rest:
        yield rest, False


def _event(line: bytes, *, name: str, number: int) -> Event:
    try:
        plain = decode_canonical(line, name=name, line=number + 1)
        envelope = {key: plain.pop(key) for key in ("seq", "prev", "t", "m", "kind")}
        event = msgspec.convert({**envelope, "payload": plain}, Event, strict=True)
    except FormatError as error:
        raise EvidenceDamaged(error.message, subject=name, line=number + 1) from error
    except KeyError as error:
        raise EvidenceDamaged(f"an event without {error}", subject=name, line=number + 1) from error
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # a lone surrogate is no text for msgspec
        raise EvidenceDamaged(f"not an event: {error}", subject=name, line=number + 1) from error
    if not is_moment(event.t):
        raise EvidenceDamaged("an event with a time that is none", subject=name, line=number + 1)
    return event


@contextmanager
def damage() -> Iterator[None]:
    """Inside, what the events say is made sense of: what no run writes (a form that is none, lists nested a
    thousand deep) is told as EvidenceDamaged, whoever stumbles over it."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise EvidenceDamaged(
            f"it says what no run writes: {ascii(str(error))[1:-1][:200]}", subject="journal.jsonl"
        ) from error


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer gets: complete new events, and the byte offset to ask from next time."""

    events: tuple[Event, ...]
    offset: int


def follow(folder: ExecutionFolder, offset: int = 0) -> Followed:
    """The complete lines behind byte `offset` of a journal that somebody may be writing now.

    About `FOLLOW_BYTES` at most: nothing new means no events and the same offset. Checks no chain, and leaves
    out a torn line; an empty answer when there is no journal yet.
    """
    taken = b""
    try:
        for piece in files.chunks(folder.journal, offset=offset):
            taken += piece
            if len(taken) >= FOLLOW_BYTES and b"\n" in taken:
                break
    except NotFoundError:
        return Followed(events=(), offset=offset)
    end = taken.rfind(b"\n") + 1
    events: list[Event] = []
    for line in taken[:end].split(b"\n")[:-1]:
        try:
            events.append(_event(line, name=folder.journal.name, number=0))
        except EvidenceDamaged:
            continue  # a torn line; whether it may stand there is asked by those who check
    return Followed(events=tuple(events), offset=offset + end)
