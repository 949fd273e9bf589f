"""The start record, `start.txt`: who is about to run what, where, on whose approvals. Pure.

Written before the first step; the journal's first line hangs on its digest, and later it is what is signed.

    runbook run-start v1
    id: 20261121T001205Z-web-restart-7f3a9c
    workspace: urn:uuid:6f1e0c1e-1111-4222-8333-444455556666
    commit: 3f0a…  clean
    path: runbooks/web/restart.py
    text: sha256:…
    steps: sha256:…
    environment: prod
    kind: unattended
    dry-run: no
    approved: yes
    values: sha256:…
    plan: sha256:…
    trust: policy.toml sha256:…                        any number of lines, sorted
    approval: bob@example.com sha256:… SHA256:…        any number of lines, sorted
    operator: alice
    host: runner1
    interpreter: /usr/bin/python3.11
    version: runbook 0.1.0                             any number of lines, sorted
    started: 2026-11-21T00:12:05Z
    monotonic: 123456789

Every line in this order, LF, final newline, UTF-8; what is not known is `none`. Only this spelling is read.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from runbook.errors import EvidenceDamaged, FormatError
from runbook.evidence import inert
from runbook.evidence.plan import CountedApproval, PlanRecord
from runbook.instants import parse_stamp, stamp

_FIRST = "runbook run-start v1"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NONE = "none"
_ORDER = (
    "id", "workspace", "commit", "path", "text", "steps", "environment", "kind", "dry-run", "approved",
    "values", "plan", "trust", "approval", "operator", "host", "interpreter", "version", "started",
    "monotonic",
)  # fmt: skip
_REPEATED = frozenset({"trust", "approval", "version"})


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What `start.txt` says. `operator`, `host` and times are claims of the machine that ran it."""

    id: str
    workspace: str | None
    commit: str | None
    clean: bool | None  # whether the work tree was as committed; None: not known
    path: str
    text: str  # sha256:
    steps: str  # sha256:
    environment: str
    kind: Literal["interactive", "unattended"]
    dry_run: bool
    approved: bool
    values: str  # sha256:
    plan: str  # sha256: of plan.json's bytes
    trust: tuple[tuple[str, str], ...]  # name below trust/, sha256:
    approvals: tuple[tuple[str, str, str], ...]  # principal, sha256: of the statement, SHA256: of the key
    operator: str
    host: str
    interpreter: str
    versions: tuple[tuple[str, str], ...]
    started: datetime
    monotonic: int  # nanoseconds, the base of the journal's `m`


def start_of(
    plan: PlanRecord, *, plan_digest: str, trust: Sequence[tuple[str, str]], now: datetime, monotonic: int
) -> Start:
    """The start record of a plan. `trust`: name and `sha256:` digest of each file kept in `trust/`.

    Claims that a line can't hold (a host name with control characters) are written with `\\u{…}`.
    """
    return Start(
        id=plan.id,
        workspace=plan.workspace,
        commit=plan.commit,
        clean=plan.clean if plan.commit else None,
        path=plan.runbook,
        text=plan.text,
        steps=plan.steps_digest,
        environment=plan.environment,
        kind=plan.kind,
        dry_run=plan.dry_run,
        approved=plan.approved,
        values=plan.values_digest,
        plan=plan_digest,
        trust=tuple(sorted(trust, key=" ".join)),
        approvals=tuple(sorted((_approval(counted) for counted in plan.counted), key=" ".join)),
        operator=_claim(plan.operator),
        host=_claim(plan.host),
        interpreter=_claim(plan.interpreter),
        versions=tuple(
            sorted(((_word(name), _claim(text)) for name, text in plan.versions.items()), key=" ".join)
        ),
        started=now.replace(microsecond=0),
        monotonic=monotonic,
    )


def _approval(counted: CountedApproval) -> tuple[str, str, str]:
    return counted.principal, counted.approval, counted.fingerprint


def _claim(text: str) -> str:
    return inert.line(text).strip() or "unknown"


def _word(text: str) -> str:
    return _claim(text).replace(" ", "-")


def emit(start: Start) -> bytes:
    """The bytes of `start.txt`. Raises FormatError for a value that its line can't hold."""
    data = "".join(f"{line}\n" for line in (_FIRST, *_lines(start))).encode()
    if parse(data) != start:
        raise FormatError(
            "this start record can't be written so that it reads back the same", subject="start.txt"
        )
    return data


def _lines(start: Start) -> Iterator[str]:
    yield f"id: {start.id}"
    yield f"workspace: {start.workspace or _NONE}"
    yield f"commit: {_commit(start)}"
    yield f"path: {start.path}"
    yield f"text: {start.text}"
    yield f"steps: {start.steps}"
    yield f"environment: {start.environment}"
    yield f"kind: {start.kind}"
    yield f"dry-run: {_yes(start.dry_run)}"
    yield f"approved: {_yes(start.approved)}"
    yield f"values: {start.values}"
    yield f"plan: {start.plan}"
    yield from (f"trust: {name} {digest}" for name, digest in start.trust)
    yield from (f"approval: {' '.join(words)}" for words in start.approvals)
    yield f"operator: {start.operator}"
    yield f"host: {start.host}"
    yield f"interpreter: {start.interpreter}"
    yield from (f"version: {name} {text}" for name, text in start.versions)
    yield f"started: {stamp(start.started)}"
    yield f"monotonic: {start.monotonic}"


def _commit(start: Start) -> str:
    if start.commit is None:
        return _NONE
    return f"{start.commit} {'unknown' if start.clean is None else 'clean' if start.clean else 'changed'}"


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def parse(data: bytes) -> Start:
    """Read `start.txt`. Raises EvidenceDamaged naming the line for any spelling but that of `emit`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EvidenceDamaged(f"not UTF-8 (byte {error.start})", subject="start.txt") from error
    if not text.endswith("\n"):
        raise EvidenceDamaged("the last line has no end", subject="start.txt")
    values = _values(text[:-1].split("\n"))
    try:
        start = _start(values)
    except (ValueError, KeyError, IndexError) as error:
        raise EvidenceDamaged(f"not a start record: {error}", subject="start.txt") from error
    again = "".join(f"{line}\n" for line in (_FIRST, *_lines(start)))
    if again != text:
        number = _first_difference(again, text)
        raise EvidenceDamaged("not the one spelling of a start record", subject="start.txt", line=number)
    return start


def _values(lines: list[str]) -> dict[str, list[str]]:
    if lines[0] != _FIRST:
        raise EvidenceDamaged(f"the first line is not {_FIRST!r}", subject="start.txt", line=1)
    values: dict[str, list[str]] = {key: [] for key in _ORDER}
    place = 0
    for number, line in enumerate(lines[1:], 2):
        key, colon, value = line.partition(": ")
        if not colon or key not in values:
            raise EvidenceDamaged("an unknown line", subject="start.txt", line=number)
        if not inert.is_inert(value) or value != value.strip() or not value:
            raise EvidenceDamaged(
                "a value with characters that don't belong here", subject="start.txt", line=number
            )
        at = _ORDER.index(key)
        if at < place or (values[key] and (key not in _REPEATED or value <= values[key][-1])):
            raise EvidenceDamaged(f"{key!r} is not at its place", subject="start.txt", line=number)
        place = at
        values[key].append(value)
    for key, found in values.items():
        if not found and key not in _REPEATED:
            raise EvidenceDamaged(f"there is no line {key!r}", subject="start.txt")
    return values


def _start(values: dict[str, list[str]]) -> Start:
    one = {key: found[0] for key, found in values.items() if key not in _REPEATED}
    commit, _, state = one["commit"].partition(" ")
    return Start(
        id=one["id"],
        workspace=None if one["workspace"] == _NONE else one["workspace"],
        commit=None if one["commit"] == _NONE else commit,
        clean={"clean": True, "changed": False, "unknown": None, "": None}[state],
        path=one["path"],
        text=_digest(one["text"]),
        steps=_digest(one["steps"]),
        environment=one["environment"],
        kind=_kind(one["kind"]),
        dry_run={"yes": True, "no": False}[one["dry-run"]],
        approved={"yes": True, "no": False}[one["approved"]],
        values=_digest(one["values"]),
        plan=_digest(one["plan"]),
        trust=tuple(_trust(value) for value in values["trust"]),
        approvals=tuple(_words(value) for value in values["approval"]),
        operator=one["operator"],
        host=one["host"],
        interpreter=one["interpreter"],
        versions=tuple(_version(value) for value in values["version"]),
        started=parse_stamp(one["started"]),
        monotonic=int(one["monotonic"]),
    )


def _kind(text: str) -> Literal["interactive", "unattended"]:
    if text == "interactive":
        return "interactive"
    if text == "unattended":
        return "unattended"
    raise ValueError(f"{text!r} is no kind of execution")


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError(f"{text!r} is not sha256: and 64 hex digits")
    return text


def _trust(value: str) -> tuple[str, str]:
    name, _, digest = value.rpartition(" ")
    return name, _digest(digest)


def _words(value: str) -> tuple[str, str, str]:
    principal, approval, fingerprint = value.split(" ")
    return principal, _digest(approval), fingerprint


def _version(value: str) -> tuple[str, str]:
    name, space, text = value.partition(" ")
    if not space:
        raise ValueError(f"{value!r} is not a name and a version")
    return name, text


def _first_difference(one: str, other: str) -> int:
    pairs = zip(one.split("\n"), other.split("\n"), strict=False)
    return next((number for number, (a, b) in enumerate(pairs, 1) if a != b), 1)
