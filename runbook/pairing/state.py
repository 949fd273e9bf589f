"""The state of pairs: what each looked like when it was last in step, and what is about to be written.

One log of JSON lines, each behind its checksum; the last line about a pair counts. Safe to delete: what is
missing or damaged is found anew from the contents of both sides, and never guessed; a damaged log is set
aside. A log of a newer program has another name, so that neither takes the other's for its own.

Every writer holds the lock and reads what others added before it decides.
"""

import contextlib
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from runbook.errors import ExistsError, NotFoundError
from runbook.system import files
from runbook.system.swap import Stamp
from runbook.system.turns import Turns, Wait

_LOG = "pairs-1.log"
_LOGS = "pairs-*.log"
_README = """\
What each pair of text and notebook looked like when it was last in step. Safe to delete: the next sync
compares both sides anew. Nothing that a person wrote is kept here (that is in the store).
"""
_SLACK_LINES = 2000


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one pair. Digests are `sha256:…`; None: that side was not there.

    `text` and `notebook` are the bytes last seen, `base_text` and `base_notebook` those that were in step
    (other ones only while cells are disputed). A stamp is kept once it is old enough to be trusted.
    `foreign` are the makers of outputs that Jupyter left on an edited cell, by cell id. `was_away`: no
    notebook stands there, or one that we made in its place; the one that was there may come back.
    """

    name: str
    notebook_name: str
    text: str | None = None
    notebook: str | None = None
    base_text: str | None = None
    base_notebook: str | None = None
    text_stamp: Stamp | None = None
    notebook_stamp: Stamp | None = None
    is_runbook: bool = True
    settled: bool = True
    conflict: str | None = None
    foreign: dict[str, str] = {}
    was_away: bool = False


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A write that is about to happen: digests from and to (None: that side is not written), and the record
    that holds once it is done. All bytes are in the store before this is written."""

    name: str
    text: tuple[str | None, str] | None = None
    notebook: tuple[str | None, str] | None = None
    record: Record


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    record: Record | None = None
    intent: Intent | None = None
    forget: str | None = None
    cut: bool | None = None
    """The line before was cut off by a kill, and is no damage."""


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Line)


class State:
    """See the module. Not for several threads at once."""

    def __init__(self, folder: Path, *, wait: Wait | None = None) -> None:
        self.folder = folder
        self._log = folder / _LOG
        self._turns = Turns(folder / "lock", wait)
        self._inode = -1
        self._offset = 0
        self._lines = 0
        self.records: dict[str, Record] = {}
        self.intents: dict[str, Intent] = {}
        self.damaged = 0
        self._is_headless = False
        self._is_locked = False
        self.read()

    def read(self) -> None:
        """Take in what is new in the log; all of it when it is another file than before."""
        try:
            with files.storage_errors(self._log), self._log.open("rb") as log:
                seen = os.fstat(log.fileno())
                if seen.st_ino != self._inode or seen.st_size < self._offset:
                    self._forget_all()
                    self._inode = seen.st_ino
                log.seek(self._offset)
                data = log.read()
        except NotFoundError:
            self._forget_all()
            return
        whole = data.rfind(b"\n") + 1
        self._is_headless = bool(data) and self._offset + whole == 0
        self._offset += whole
        for line in data[:whole].splitlines():
            self._take(line)

    def _forget_all(self) -> None:
        self.records.clear()
        self.intents.clear()
        self._inode, self._offset, self._lines, self.damaged = -1, 0, 0, 0
        self._is_headless = False

    def _take(self, line: bytes) -> None:
        self._lines += 1
        body = line[9:]
        try:
            if int(line[:8], 16) != zlib.crc32(body):
                raise ValueError("another checksum")
            found = _DECODER.decode(body)
        except (ValueError, msgspec.DecodeError):
            self.damaged += 1
            return
        if found.record is not None:
            self.records[found.record.name] = found.record
            self.intents.pop(found.record.name, None)
        if found.intent is not None:
            self.intents[found.intent.name] = found.intent
        if found.cut:
            self.damaged -= 1
        if found.forget is not None:
            self.records.pop(found.forget, None)
            self.intents.pop(found.forget, None)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of all pairs, and know what others wrote before. Raises LockBusy when whoever has it
        does not end."""
        if self._is_locked:
            yield
            return
        _make(self.folder)
        with self._turns.taken():
            self._is_locked = True
            try:
                self.read()
                yield
            finally:
                self._is_locked = False

    def keep(self, records: Sequence[Record]) -> None:
        """Remember these; whatever was intended for them is done."""
        self._append([_Line(record=record) for record in records], durable=False)

    def intend(self, intents: Sequence[Intent]) -> None:
        """Say what is about to be written, so that it survives a power cut."""
        self._append([_Line(intent=intent) for intent in intents], durable=True)

    def forget(self, name: str) -> None:
        self._append([_Line(forget=name)], durable=False)

    def follow(self, before: str, record: Record) -> None:
        """The pair `before` goes by `record.name` now. In one write: half of it would forget the pair."""
        self._append([_Line(record=record), _Line(forget=before)], durable=False)

    def _append(self, lines: Sequence[_Line], *, durable: bool) -> None:
        if not lines:
            return
        with self.locked():
            data = b"".join(_encoded(line) for line in lines)
            try:
                log = files.Appender(self._log, resume=True)
            except NotFoundError:
                log = files.Appender(self._log)
            with log, files.storage_errors(self._log):
                if self._log.stat().st_size > self._offset:
                    # A kill cut the last line off: it stays alone, and counts for nothing.
                    data = b"\n" + _encoded(_Line(cut=True)) + data
                log.append(data)
                if durable:
                    log.sync()
            self.read()
            if self._lines > 4 * len(self.records) + _SLACK_LINES:
                self._compact()

    def mend(self) -> str | None:
        """Set a damaged log aside and go on with the lines that can be read. What happened, in words; None
        when all is well. What those lines said is found anew from the contents of both sides."""
        with files.storage_errors(self._log):
            if not self._log.exists():
                newer = sorted(self.folder.glob(_LOGS))
                return f"{newer[-1]} is a newer runbook's: all pairs are compared anew" if newer else None
        if not self.is_damaged:
            return None
        with self.locked():
            aside = files.set_aside(self._log)
            self._compact()
        return f"the state of pairs was damaged: it is set aside as {aside}, and pairs are compared anew"

    @property
    def is_damaged(self) -> bool:
        """Whether the log holds what nobody can read; a line that a kill cut off is no damage."""
        return self.damaged > 0 or self._is_headless

    def _compact(self) -> None:
        lines = [_Line(record=record) for record in self.records.values()]
        lines += [_Line(intent=intent) for intent in self.intents.values()]
        files.replace(self._log, b"".join(_encoded(line) for line in lines))
        self.read()


def _encoded(line: _Line) -> bytes:
    body = _ENCODER.encode(line)
    return b"%08x " % zlib.crc32(body) + body + b"\n"


def _make(folder: Path) -> None:
    with files.storage_errors(folder):
        if folder.is_dir():
            return
        is_homeless = not folder.parents[1].is_dir()
    if is_homeless:  # the workspace, or its `.git`: a state made anew would be one of nothing
        raise NotFoundError(
            "is gone, moved or deleted",
            subject=str(folder.parents[1]),
            hint="go on where the workspace is now",
        )
    files.make_folder(folder)
    with contextlib.suppress(ExistsError):
        files.create(folder / "README.txt", _README.encode("ascii"))


def pinned(states: Path) -> frozenset[str]:
    """Every digest that the state of any work tree needs (`states` is the folder above `Place.state`). Raises
    StorageError when one cannot be read: what it needs is then not known, and nothing may go."""
    found: set[str] = set()
    with files.storage_errors(states):
        folders = [entry for entry in states.iterdir() if (entry / _LOG).is_file()] if states.is_dir() else []
    for folder in folders:
        state = State(folder)
        for record in [*state.records.values(), *(intent.record for intent in state.intents.values())]:
            found |= {record.text, record.notebook, record.base_text, record.base_notebook} - {None}  # type: ignore[arg-type]
    return frozenset(found)
