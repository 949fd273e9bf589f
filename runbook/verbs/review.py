"""`review`: what a reviewer sees, what they sign, and where it goes. Signs only what was shown or named.

The order: read, be sure that jupytext reads the same, trust, key, statement, (the person's yes), sign, write.
"""

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from runbook.approval import approving, signing
from runbook.approval import policy as policies
from runbook.approval.counting import Authentic, authenticate, taken_away
from runbook.approval.statement import statement_bytes, statement_of
from runbook.approval.trust import load
from runbook.approval.trusted import Trust
from runbook.canonical import digest
from runbook.errors import (
    ChangedMeanwhile,
    CommandFailed,
    InputError,
    NotFoundError,
    RefusedError,
    TextRefused,
    ToolMissing,
    TrustError,
)
from runbook.system import git, processes, swap
from runbook.text.digests import text_digest
from runbook.text.entries import without_entries
from runbook.text.lines import canonical_text
from runbook.text.lint import Finding
from runbook.text.lint import lint as lint_text
from runbook.text.runbook import Entry, Runbook
from runbook.verbs import names
from runbook.verbs.reviewed_files import ReviewedFiles, files_of
from runbook.verbs.show import require_runbook
from runbook.workspace import Surroundings, Workspace

_COMMITS = 200  # how far back the last approved text is looked for


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the reviewer wants to permit."""

    environments: tuple[str, ...]
    allows: Literal["interactive", "unattended"] = "interactive"
    life: timedelta | None = None
    key: str | None = None


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is shown before the signature, and all that is needed to make it."""

    path: str
    data: bytes
    runbook: Runbook
    findings: tuple[Finding, ...]
    unusual: tuple[tuple[int, str], ...]  # line and name of each character outside ASCII
    difference: tuple[str, ...] | None  # unified, against the last approved text; None when there is none
    since: str | None  # what the difference is against
    entry: Entry
    statement: bytes
    key: signing.SigningKey
    files: ReviewedFiles | None = None  # what comes along


def prepare(workspace: Workspace, name: str, wish: Wish, *, around: Surroundings, now: datetime) -> Review:
    """Read, check and draft; nothing is signed or written.

    Raises TextRefused, TrustError, SignerError, InputError (not in normal form, an environment that no rule
    knows, a life too long), ToolMissing.
    """
    opened = names.open_runbook(workspace, name, cwd=around.cwd)
    return examine(workspace, opened, wish, around=around, now=now)


def examine(
    workspace: Workspace,
    opened: names.Opened,
    wish: Wish,
    *,
    around: Surroundings,
    now: datetime,
    exact: str | None = None,
) -> Review:
    """As `prepare`, of a text that was read. `exact`: the values that alone are approved."""
    if processes.find("ssh-keygen", env=around.env) is None:
        # Before anything is shown: nobody should read a text for ten minutes and hear it afterwards.
        raise ToolMissing(
            "ssh-keygen is not installed: approvals are signed with it",
            hint="install OpenSSH's client (Debian: openssh-client) and try again",
        )
    runbook = require_runbook(opened)
    _require_agreement(opened.path, runbook)
    trust = load(workspace, env=around.env)
    if trust.policy is None or trust.workspace is None:
        raise TrustError(
            "there is no policy here", subject=str(workspace.root), hint="`runbook init` makes one"
        )
    _require_rules(trust, opened.path, runbook, wish.environments)
    key = signing.find_key(wish.key, workspace, around)
    signer = approving.eligible(signing.fingerprint(key, env=around.env), trust, now=now)
    granted = approving.grant(
        trust, environments=wish.environments, now=now, life=wish.life, allows=wish.allows
    )
    granted = msgspec.structs.replace(granted, parameters=exact)
    entry = approving.draft(runbook, signer.principal, granted)
    before = last_approved(workspace, opened.path, _given_before(runbook, trust, opened.path), around=around)
    approved = None if before is None else before[1]
    files = files_of(opened, runbook, approved, workspace=workspace, env=around.env)
    return Review(
        path=opened.path,
        data=opened.data,
        runbook=runbook,
        findings=lint_text(opened.data, path=opened.path),
        unusual=_unusual(runbook.body),
        difference=None if before is None else _difference(before[1], runbook.body),
        since=None if before is None else before[0],
        entry=entry,
        statement=statement_bytes(statement_of(entry, workspace=trust.workspace, path=opened.path)),
        key=key,
        files=files,
    )


def _require_agreement(path: str, runbook: Runbook) -> None:
    """A text is signed only when jupytext reads the same cells in it (DESIGN §4.2)."""
    from runbook.text.notebook import second_opinion

    reasons = second_opinion(runbook)
    if reasons:
        raise TextRefused(
            reasons[0].message, reasons=reasons, subject=path, line=reasons[0].line, hint=reasons[0].hint
        )


def _require_rules(trust: Trust, path: str, runbook: Runbook, environments: tuple[str, ...]) -> None:
    if not environments:
        raise InputError("for which environment?", subject=path, hint="say --env prod, once for each")
    assert trust.policy is not None
    for environment in environments:
        if runbook.header.environments and environment not in runbook.header.environments:
            raise InputError(
                f"the runbook is for {', '.join(runbook.header.environments)}, not for {environment}",
                subject=path,
                hint="name it in the header's `environments`, or approve for one of those",
            )
        found = policies.applicable(trust.policy, path, environment)
        if found is None:
            raise InputError(
                f"no rule of the policy is about {path} in {environment}: the approval would never count",
                subject=path,
                hint="the environments are named in .runbook/policy.toml",
            )


def _unusual(body: str) -> tuple[tuple[int, str], ...]:
    """Each character outside ASCII, once per line: what could look like something else."""
    return tuple(
        (number, f"{unicodedata.name(character, 'unnamed')} (U+{ord(character):04X})")
        for number, line in enumerate(body.split("\n"), 1)
        if not line.isascii()
        for character in dict.fromkeys(line)
        if not character.isascii()
    )


def require_reviewed(review: Review, text: str) -> None:
    """Whether the digest that the caller names is the one that would be signed. Raises RefusedError."""
    if text != review.runbook.text:
        raise RefusedError(
            f"the text is {review.runbook.text} now, not the {text} that was reviewed",
            subject=review.path,
            hint="review it as it is now",
        )


def carry_out(workspace: Workspace, review: Review, *, around: Surroundings, terminal: bool) -> Entry:
    """Sign, and write the approval into the file. Returns the entry as it stands there now.

    Raises what `signing.sign` raises, and RefusedError when the file was changed meanwhile.
    """
    signature = signing.sign(review.statement, review.key, env=around.env, terminal=terminal)
    entry = msgspec.structs.replace(review.entry, signature=signature)
    text = approving.approve(review.runbook, entry)
    written = text.replace("\n", "\r\n") if b"\r\n" in review.data else text
    try:
        swap.replace_if(workspace.root / review.path, written.encode("utf-8"), expected=digest(review.data))
    except ChangedMeanwhile as error:
        raise RefusedError(
            "was changed while it was reviewed; nothing was written",
            subject=review.path,
            hint="review it again",
        ) from error
    return entry


def left_out(review: Review) -> tuple[str, ...]:
    """Whose approvals go from the header with this one: those of another text, which count nowhere."""
    entries = review.runbook.header.approvals
    return tuple(dict.fromkeys(each.principal for each in entries if each.text != review.runbook.text))


def _given_before(runbook: Runbook, trust: Trust, path: str) -> list[Entry]:
    """The approvals of other texts that were really given, the newest last.

    Anybody can write an entry that names a text of their own: what follows from that text would then be shown
    as all that has changed.
    """
    assert trust.workspace is not None
    given = []
    for entry in runbook.header.approvals:
        found = authenticate(entry, trust=trust, workspace=trust.workspace, path=path)
        if entry.text != runbook.text and isinstance(found, Authentic) and not any(taken_away(found, trust)):
            given.append(entry)
    return sorted(given, key=lambda entry: entry.issued)


def last_approved(
    workspace: Workspace, path: str, given: Sequence[Entry], *, around: Surroundings
) -> tuple[str, str] | None:
    """The text (without approvals) that the last of these approvals was about, and where it was found.

    Looked for in git's history of this path; None when there is no approval, or the text is nowhere.
    """
    if not given:
        return None
    wanted, env = given[-1].text, around.env
    root = git.repository_root(workspace.root, env=env)
    if root is None:
        return None
    inside = (workspace.root / path).relative_to(root).as_posix()
    for commit in _commits(root, inside, env):
        body = _body(root, commit, inside, env)
        if body is not None and text_digest(body) == wanted:
            return f"{wanted} (commit {commit[:12]}, approved by {given[-1].principal})", body
    return None


def _commits(root: Path, inside: str, env: Mapping[str, str]) -> list[str]:
    try:
        return (
            git.ask(root, "log", f"-n{_COMMITS}", "--format=%H", "--", inside, env=env)
            .decode("ascii")
            .split()
        )
    except (CommandFailed, ToolMissing):
        return []


def _body(root: Path, commit: str, inside: str, env: Mapping[str, str]) -> str | None:
    try:
        data = git.ask(root, "cat-file", "blob", f"{commit}:{inside}", env=env)
    except (CommandFailed, NotFoundError):
        return None
    text, _ = canonical_text(data)
    return None if text is None else without_entries(text)


def _difference(before: str, after: str) -> tuple[str, ...]:
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), "approved", "now", lineterm="")
    return tuple(lines)
