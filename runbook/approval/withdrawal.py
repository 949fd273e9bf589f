"""Withdrawals: a signed word that takes one approval back (DESIGN §5.2, `withdrawn/`).

Pure. A withdrawal names an approval by its id and holds for ever: what the key that signed it became later
does not matter, since a withdrawal only takes away, and whoever writes the trust files could take the
approval away too. Only the person who approved withdraws: another's key under it refuses the trust files.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from runbook.approval import sshsig
from runbook.approval.keys import PublicKey
from runbook.approval.statement import DIGEST, WORKSPACE, is_principal
from runbook.errors import FormatError, RunbookError, TrustError
from runbook.instants import parse_stamp, stamp

WITHDRAWAL_NAMESPACE: Final = "withdrawal.v1@signed-runbook"
FIRST_LINE: Final = "runbook withdrawal v1"
FOLDER: Final = "withdrawn"
_NAME: Final = re.compile(r"([0-9a-f]{64})\.(txt|sig)")
_LINES: Final = re.compile(
    FIRST_LINE
    + r"\nworkspace: (?P<workspace>[^\n]*)\napproval: (?P<approval>[^\n]*)"
    + r"\nprincipal: (?P<principal>[^\n]*)\nissued: (?P<issued>[^\n]*)\n"
)


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """One approval, taken back by the person who gave it."""

    workspace: str
    approval: str  # sha256: of the approval's statement
    principal: str
    issued: datetime


def withdrawal_bytes(withdrawal: Withdrawal) -> bytes:
    """The exact bytes that are signed, under `WITHDRAWAL_NAMESPACE`."""
    return (
        f"{FIRST_LINE}\nworkspace: {withdrawal.workspace}\napproval: {withdrawal.approval}\n"
        f"principal: {withdrawal.principal}\nissued: {stamp(withdrawal.issued)}\n"
    ).encode("ascii")


def file_names(withdrawal: Withdrawal) -> tuple[str, str]:
    """The names, below `.runbook/`, of the statement and of its armored signature."""
    stem = f"{FOLDER}/{withdrawal.approval.removeprefix('sha256:')}"
    return f"{stem}.txt", f"{stem}.sig"


def parse_withdrawal(data: bytes, *, name: str) -> Withdrawal:
    """Read a statement of withdrawal. Raises FormatError unless it is in its one form."""
    try:
        match = _LINES.fullmatch(data.decode("ascii"))
        if match is None:
            raise ValueError("its lines are not: " + FIRST_LINE + ", workspace, approval, principal, issued")
        found = Withdrawal(
            workspace=match["workspace"],
            approval=match["approval"],
            principal=match["principal"],
            issued=parse_stamp(match["issued"]),
        )
    except ValueError as error:
        raise FormatError(f"not a withdrawal: {error}", subject=name) from error
    if not (WORKSPACE.fullmatch(found.workspace) and DIGEST.fullmatch(found.approval)):
        raise FormatError("not a withdrawal: its workspace or approval has no such spelling", subject=name)
    if not is_principal(found.principal) or withdrawal_bytes(found) != data:
        raise FormatError("not a withdrawal in its one form", subject=name)
    return found


def verify_withdrawals(
    files: Mapping[str, bytes], *, workspace: str, owners: Mapping[PublicKey, str]
) -> tuple[Withdrawal, ...]:
    """Every withdrawal in the folder's files, checked. `owners` says whose each enrolled key is.

    `files` maps the names inside `withdrawn/` to their bytes. Raises TrustError naming the file that has no
    partner, another name, another workspace, a broken signature, or another person's.
    """
    for name in sorted(files):
        match = _NAME.fullmatch(name)
        if match is None or f"{match[1]}.{'sig' if match[2] == 'txt' else 'txt'}" not in files:
            raise TrustError(
                "a withdrawal is two files, <id>.txt and <id>.sig, and nothing else stands here",
                subject=f"{FOLDER}/{name}",
                hint="bring the missing one back from git, or take this one away",
            )
    return tuple(
        _verified(name, files, workspace=workspace, owners=owners)
        for name in sorted(files)
        if name.endswith(".txt")
    )


def _verified(
    name: str, files: Mapping[str, bytes], *, workspace: str, owners: Mapping[PublicKey, str]
) -> Withdrawal:
    shown = f"{FOLDER}/{name}"
    try:
        found = parse_withdrawal(files[name], name=shown)
        armor = files[f"{name.removesuffix('.txt')}.sig"].decode("ascii", "replace")
        evidence = sshsig.verify(sshsig.unarmored(armor), files[name], namespace=WITHDRAWAL_NAMESPACE)
    except RunbookError as error:
        raise TrustError(error.message, subject=shown, hint="take it out, or sign it anew") from error
    if found.approval != f"sha256:{name.removesuffix('.txt')}":
        raise TrustError("names another approval than its file's name does", subject=shown)
    if found.workspace != workspace:
        raise TrustError("belongs to another workspace", subject=shown, hint="take it out")
    owner = owners.get(evidence.key)
    if owner not in (None, found.principal):
        raise TrustError(
            f"says {found.principal}, but {owner}'s key signed it",
            subject=shown,
            hint="an approval is withdrawn by whoever gave it",
        )
    return found
