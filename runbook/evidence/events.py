"""The kinds of events in a journal, and who writes them. Pure data; DESIGN §8.

A journal line is canonical JSON: `seq` (0, 1, 2 …), `prev` (sha256 hex of the line before, without its line
end; the first is that of `start.txt`), `t` (wall clock, a claim, `YYYY-MM-DDThh:mm:ss.mmmZ`), `m` (monotonic
nanoseconds), `kind`, and the payload's own keys. No floats anywhere. A payload above `INLINE_BYTES` has its
large keys in a blob, one object of canonical JSON, and `blob` and `size` in their place (`evidence/journal`).

| kind | written when | payload |
|---|---|---|
| `opened` | first event, and the first of each supervisor that takes the run up | `plan` digest, `supervisor` pid, `version`, `by`, `variables` (names of the header's `env` that pass to the steps), `unset` (those that nobody set), `taken_up` (true where a supervisor took the run up, else not there) |
| `kernel-started` | the kernel answered | `session` (whose requests are ours), `adopted` (it was there before), `pid`, `started` (process start time, text), `argv`, `python`, `implementation` |
| `step-started` | the request left | `step`, `index`, `attempt` (1, 2 …), `message` (msg_id, when it is known), `source` (sha256), `by`, `deviation` (of an edited step alone: `text` that runs, `words` why, `by`) |
| `message` | the kernel published or asked something | `channel`, `type`, `step` or null, `parent`, `content` or `blob`, `size`, `spooled` (spool number), `date` (the kernel's clock), `buffers` (see `evidence/messages`) |
| `foreign` | somebody else's code ran in the kernel | `session`, `message`, `content` |
| `step-ended` | the reply came, or is known never to come | `step`, `attempt`, `state`, `reason`, `error`, `ms`, `reply` (the reply's status: `ok`, `error`, `aborted`, or null), `message` (msg_id); `succeeded` needs `ok` |
| `step-skipped` | it will not run | `step`, `reason` (`when`, `operator`, `dry-run`, `selection`, `frozen`, `undo`, `setup-failed` …), `words` |
| `question` | the run waits for a person | `question` (number), `step`, `asks` (`start`, `confirm`, `danger`, `second`, `manual`, `failed`, `held`, `input`, `password`), `choices`, `words` |
| `answer` | somebody answered | `question`, `choice`, `words`, `by`, `how` (`terminal`, `approval`, `default`); `words` is empty for a `password`, `source` (sha256) is there for `edit` alone |
| `confirmed` | a second person signed that a step may run (`confirm_by`) | `step`, `attempt`, `principal`, `fingerprint`, `signature` (base64 over the statement of `approval/confirmation`), `by` (the login that brought it) |
| `attested` / `declined` | a manual step was done / refused by a person | `step`, `by`, `words` |
| `note` | the operator, a step or (`by`: `runbook`) we wrote a remark | `by`, `words`, `step`, `about` (`secrets`: how often they were masked, or that one can't be) |
| `kit` | the kit told of a command or a value | `step`, `what` (`sh`, `note`, …), the rest is the kit's own record |
| `attached` | a file that a step attached is among the blobs | `step`, `name` (what the step calls it), `path` (where it lay, the step's word), `bytes`, `sha256` (its name in `blobs/`) |
| `agent` | a step asked the operator's SSH agent for something | `what`: `signed` (with `key`, a fingerprint, for the login of `user`), `refused` (`reason`), `closed` (the end: how many were `signed` and `refused` in all; of each the first ones have events) |
| `interrupted` | Ctrl-C or `stop` | `by`, `how` (`interrupt`, `kill`, `stop`) |
| `viewer` | a terminal came or went | `by`, `mode`, `what` |
| `gap` | something is known to be missing | `what`, `count` or null; `torn-line`: the line before was cut by a crash, `bytes` of it are left |
| `truncated` | a limit was reached | `step`, `limit` (`step`, `execution`), `dropped` (messages), `bytes`, `sha256` of what was dropped (see `evidence/limits`) |
| `kernel-ended` | the kernel is gone | `returncode`, `signal` (null: nobody saw it end), `expected`, `number` (1 for the first) |
| `sealed` | last event | `outcome`, `steps` (name → state) |
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

from runbook.instants import parse_stamp

StepState = Literal[
    "pending",
    "running",
    "succeeded",
    "failed",
    "timed-out",
    "interrupted",
    "kernel-died",
    "unknown",
    "skipped",
    "attested",
    "declined",
    "deviated",
]

Outcome = Literal["succeeded", "deviated", "failed", "stopped", "refused", "unknown"]

_MOMENT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{3}Z")

INLINE_BYTES = 64 << 10
"""A journal line above this has its large keys moved to a blob."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a journal, checked. `payload` is the line's own keys; never changed by a reader."""

    seq: int
    prev: str
    t: str
    m: int
    kind: str
    payload: Mapping[str, object]

    def text(self, key: str, default: str = "") -> str:
        """The text under `key`; `default` when it is missing or no text."""
        found = self.payload.get(key)
        return found if isinstance(found, str) else default

    def number(self, key: str, default: int = 0) -> int:
        """The integer under `key`; `default` when it is missing or no integer."""
        found = self.payload.get(key)
        return found if isinstance(found, int) and not isinstance(found, bool) else default


def moment(now: datetime) -> str:
    """Spell an aware instant the way `t` does: `YYYY-MM-DDThh:mm:ss.mmmZ`, cut to the millisecond."""
    if now.tzinfo is None:
        raise ValueError("an instant without a time zone")
    plain = now.astimezone(UTC)
    return f"{plain:%Y-%m-%dT%H:%M:%S}.{plain.microsecond // 1000:03}Z".rjust(24, "0")


def is_moment(text: str) -> bool:
    """Whether `text` has the spelling of `moment`, as far as its digits show."""
    return _MOMENT.fullmatch(text) is not None


def parse_moment(text: str) -> datetime:
    """Read that spelling back. Raises ValueError for anything else."""
    if not is_moment(text):
        raise ValueError(f"{text!r} is not a moment like 2026-11-21T00:07:07.123Z")
    return parse_stamp(f"{text[:19]}Z").replace(microsecond=int(text[20:23]) * 1000)
