"""Statements: the bytes that an approval signs (DESIGN §5.1), and an approval's identity.

Pure. One spelling: each line once, in one order, LF, a final newline. A statement is never read,
only written: it is built anew from the entry in the header, the workspace and the path, so that a signature
made for another file, workspace or field does not fit.
"""

import re
from datetime import datetime
from typing import Final, Literal

import msgspec

from runbook.canonical import digest
from runbook.errors import FormatError
from runbook.instants import stamp
from runbook.text.entries import PRINCIPAL, is_environment_name
from runbook.text.runbook import Entry

NAMESPACE: Final = "approval.v1@signed-runbook"
FIRST_LINE: Final = "runbook approval v1"

WORKSPACE: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
EXACT: Final = re.compile(r"exact:sha256:[0-9a-f]{64}")
_PATH_CHARACTERS: Final = re.compile(r"[ !-\[\]-~]+")  # printable ASCII without the backslash


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says by approving. Made by `statement_of`, which checks it all."""

    workspace: str
    path: str
    text: str
    environments: tuple[str, ...]
    allows: Literal["interactive", "unattended"]
    parameters: str  # "declared" or "exact:sha256:<hex>"
    role: Literal["approver", "breakglass"]
    principal: str
    issued: datetime
    expires: datetime


def path_problem(path: str) -> str | None:
    """Why an approval cannot name `path`, or None.

    A path is relative, ends in `.py`, and has one spelling: two names that look alike, or that mean one file,
    must not exist. Hence ASCII, no `.` or `..`, no empty part, no blanks at the ends of a part.
    """
    parts = path.split("/")
    if len(path) > 1024 or not _PATH_CHARACTERS.fullmatch(path):
        return "an approval names only paths of printable ASCII without backslashes: rename the file"
    if any(part in ("", ".", "..") for part in parts):
        return "not a plain path below the workspace"
    if any(part != part.strip(" ") for part in parts) or path.startswith("-"):
        return "a part of the path begins or ends with a blank, or the path begins with a dash: rename it"
    if not path.endswith(".py") or parts[-1] == ".py":
        return "a runbook's name ends in .py"
    return None


def statement_of(entry: Entry, *, workspace: str, path: str) -> Statement:
    """The statement that `entry` stands for in this workspace at this path.

    Raises FormatError when a field has no spelling in a statement.
    """
    statement = Statement(
        workspace=workspace,
        path=path,
        text=entry.text,
        environments=entry.environments,
        allows=entry.allows,
        parameters=entry.parameters or "declared",
        role=entry.role,
        principal=entry.principal,
        issued=entry.issued,
        expires=entry.expires,
    )
    _check(statement)
    return statement


def statement_bytes(statement: Statement) -> bytes:
    """The exact bytes that are signed."""
    lines = (
        FIRST_LINE,
        f"workspace: {statement.workspace}",
        f"path: {statement.path}",
        f"text: {statement.text}",
        f"environments: {', '.join(statement.environments)}",
        f"allows: {statement.allows}",
        f"parameters: {statement.parameters}",
        f"role: {statement.role}",
        f"principal: {statement.principal}",
        f"issued: {stamp(statement.issued)}",
        f"expires: {stamp(statement.expires)}",
        "",
    )
    return "\n".join(lines).encode("ascii")


def approval_id(statement: Statement) -> str:
    """An approval's identity: `sha256:` of its statement, never of its signature, which has many forms."""
    return digest(statement_bytes(statement))


def _check(statement: Statement) -> None:
    environments = statement.environments
    for fits, words in (
        (bool(WORKSPACE.fullmatch(statement.workspace)), "the workspace is not a urn:uuid:"),
        (path_problem(statement.path) is None, f"{path_problem(statement.path)}"),
        (bool(DIGEST.fullmatch(statement.text)), "the text is not sha256: and 64 hex digits"),
        (
            bool(environments)
            and list(environments) == sorted(set(environments))
            and all(map(is_environment_name, environments)),
            "the environments are not sorted, distinct names of lower-case letters, digits and dashes",
        ),
        (
            statement.parameters == "declared" or bool(EXACT.fullmatch(statement.parameters)),
            "parameters is neither `declared` nor `exact:sha256:` and 64 hex digits",
        ),
        (is_principal(statement.principal), "the principal is not a name like bob@example.com"),
        (statement.issued < statement.expires, "it expires before it was issued"),
        (
            not statement.issued.microsecond and not statement.expires.microsecond,
            "instants in a statement are whole seconds",
        ),
    ):
        if not fits:
            raise FormatError(words, subject=f"{statement.role} {statement.principal[:80]!r}")


def is_principal(text: str) -> bool:
    """Whether `text` is a literal e-mail-like name: lower case, no pattern, no blanks."""
    return bool(PRINCIPAL.fullmatch(text))
