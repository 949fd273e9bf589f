"""What a terminal and a supervisor say to each other: one JSON object per line, versioned, limited in size.

Only what the journal does not carry: who is there, what is asked, what is answered. Output is read from the
journal's file by each terminal itself. Pure.
"""

from typing import Literal

import msgspec

from runbook.canonical import canonical_json
from runbook.decoding import decode_json
from runbook.errors import FormatError
from runbook.execution.failures import Failure
from runbook.execution.questions import Answer, Question

VERSION = 1
LIMIT_BYTES = 60 << 10
"""The longest line that either side reads. Below `INLINE_BYTES` by more than an event adds: an edited step or
an answer in a blob would not be read with its line, and an honest record would contradict itself."""
NAME_LENGTH = 200

Mode = Literal["drive", "watch", "command"]
What = Literal["interrupt", "kill", "stop", "stop-now"]


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello", forbid_unknown_fields=True):
    """First word of a terminal. `who` is what the login says: a claim. `take`: from whoever drives now."""

    who: str
    mode: Mode
    take: bool = False


class Said(msgspec.Struct, frozen=True, kw_only=True, tag="answer", forbid_unknown_fields=True):
    answer: Answer


class Command(msgspec.Struct, frozen=True, kw_only=True, tag="command", forbid_unknown_fields=True):
    what: What
    words: str = ""


class Confirm(msgspec.Struct, frozen=True, kw_only=True, tag="confirm", forbid_unknown_fields=True):
    """A second person's signature (canonical base64) for the step that waits for one."""

    principal: str
    signature: str


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag="welcome", forbid_unknown_fields=True):
    """First word of the supervisor: you are in."""

    execution: str
    mode: Mode


class Head(msgspec.Struct, frozen=True, kw_only=True, tag="head", forbid_unknown_fields=True):
    """The journal has grown to this many lines."""

    length: int


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag="question", forbid_unknown_fields=True):
    """A question is open; None: none is. Sent to who drives."""

    question: Question | None


class Told(msgspec.Struct, frozen=True, kw_only=True, tag="told", forbid_unknown_fields=True):
    """A line for the person: an answer that was not taken, somebody who took over."""

    words: str


class Away(msgspec.Struct, frozen=True, kw_only=True, tag="away", forbid_unknown_fields=True):
    """You may not come in, or no longer drive. `code` is that of the error it stands for."""

    code: str
    words: str


class Over(msgspec.Struct, frozen=True, kw_only=True, tag="over", forbid_unknown_fields=True):
    """The run has ended. `sealed` False: its evidence could not be written to the end. `failure`: what kept
    it from running on, if something outside did."""

    sealed: bool
    failure: Failure | None = None


FromTerminal = Hello | Said | Command | Confirm
FromSupervisor = Welcome | Head | Asked | Told | Away | Over


class _TerminalLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: int
    say: FromTerminal


class _SupervisorLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: int
    say: FromSupervisor


def encode(message: FromTerminal | FromSupervisor) -> bytes:
    """One line with its end. Raises FormatError when it is longer than the other side would read."""
    line = canonical_json({"v": VERSION, "say": msgspec.to_builtins(message)}) + b"\n"
    if len(line) > LIMIT_BYTES:
        raise FormatError(f"longer than {LIMIT_BYTES} bytes: say it in fewer words")
    return line


def from_terminal(line: bytes) -> FromTerminal:
    """Read what a terminal said. Raises FormatError for anything but one message of this version."""
    read = decode_json(line, _TerminalLine, name="the terminal's message", limit_bytes=LIMIT_BYTES)
    _require_version(read.v)
    return read.say


def from_supervisor(line: bytes) -> FromSupervisor:
    """Read what a supervisor said. Raises FormatError for anything but one message of this version."""
    read = decode_json(line, _SupervisorLine, name="the supervisor's message", limit_bytes=LIMIT_BYTES)
    _require_version(read.v)
    return read.say


def plain_name(who: str) -> str:
    """A claimed name that can stand in a journal. Raises FormatError for what is not one printable line."""
    if not who or len(who) > NAME_LENGTH or not who.isprintable():
        raise FormatError("a name must be one printable line", subject=ascii(who)[:NAME_LENGTH])
    return who


def _require_version(version: int) -> None:
    if version != VERSION:
        raise FormatError(
            f"speaks version {version}, this is version {VERSION}",
            hint="use the runbook version that started the run",
        )
