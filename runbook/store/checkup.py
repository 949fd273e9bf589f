"""The check-up: is what we kept what we wrote? Reads everything, changes nothing but dead writers' litter.

Findings are results: a damaged object is reported with the names and versions that need it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from runbook.errors import NotFoundError, StoreDamaged
from runbook.store import history as histories
from runbook.store.folder import Folder
from runbook.store.keys import is_name_key, object_key, object_of
from runbook.store.store import Store
from runbook.system import files

Kind = Literal["object-damaged", "object-missing", "history-damaged", "history-aside", "stray", "leftover"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be: where (a key or a name), and in words."""

    kind: Kind
    subject: str
    message: str


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """How much was looked at, and what was found."""

    objects: int
    names: int
    versions: int
    findings: tuple[Finding, ...]


def check(store: Store) -> Checked:
    """Check every object's digest and every version's object. Raises StorageError."""
    findings: list[Finding] = []
    whole: set[str] = set()
    objects = 0
    for item in store.backend.list("objects/"):
        digits = object_of(item.key)
        if digits is None:
            findings.append(Finding(kind="stray", subject=item.key, message="not a name of ours; left alone"))
            continue
        objects += 1
        try:
            store.get(digits)
            whole.add(digits)
        except (StoreDamaged, NotFoundError) as error:
            findings.append(Finding(kind="object-damaged", subject=item.key, message=error.message))
    names = versions = 0
    for key, data in store.refs():
        names += 1
        if not is_name_key(key):
            findings.append(Finding(kind="stray", subject=key, message="not a name of ours; left alone"))
            continue
        found, count = _history(store, key, data, whole)
        findings.extend(found)
        versions += count
    return Checked(objects=objects, names=names, versions=versions, findings=tuple(findings))


def _history(store: Store, key: str, data: bytes, whole: set[str]) -> tuple[list[Finding], int]:
    try:
        history = histories.decode(data, key=key)
        entries = store.entries_of(history)
    except (StoreDamaged, NotFoundError) as error:
        return [Finding(kind="history-damaged", subject=key, message=error.message)], 0
    findings = [
        Finding(
            kind="object-missing",
            subject=f"{history.name}@{entry.number}",
            message=f"its bytes {object_key(entry.digest, packed=False)} are missing or damaged",
        )
        for entry in entries
        if entry.digest not in whole
    ]
    if history.aside:
        message = f"an earlier history could not be read and was kept as object {history.aside}"
        findings.append(Finding(kind="history-aside", subject=history.name, message=message))
    return findings, len(entries)


def tidy(backend: Folder, *, before: datetime) -> Iterator[Finding]:
    """Remove what writers that were killed before `before` left behind in the folder, naming each file."""
    for path in list(backend.leftovers()):
        with files.storage_errors(path):
            is_old = path.lstat().st_mtime < before.timestamp()
        if is_old:
            files.remove(path)
            yield Finding(
                kind="leftover", subject=path.relative_to(backend.root).as_posix(), message="removed"
            )
