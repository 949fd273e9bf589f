"""Versions of working files: list, restore, compare. What is replaced is kept first, whatever it is."""

import difflib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from runbook.errors import FormatError, NotFoundError
from runbook.pairing.fidelity import prefixed
from runbook.pairing.notebooks import Notebook, source_of
from runbook.pairing.observe import NOTEBOOK_LIMIT_BYTES, TEXT_LIMIT_BYTES, observe, parse_notebook
from runbook.pairing.places import Pair, Place
from runbook.pairing.session import Session
from runbook.store.folder import nobody
from runbook.store.store import open_store
from runbook.system import files, swap

Tell = Callable[[str], None]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One kept version of a pair: `number` counts from 1 over both sides. `side` is `text`, `notebook`,
    `conflict` (a conflict copy) or `left` (left behind by a killed sync); `by` says how it came to be."""

    number: int
    digest: str
    size_bytes: int
    stamp: str
    side: str
    by: str


def versions(place: Place, name: str, *, tell: Tell = nobody) -> tuple[Version, ...]:
    """All kept versions of a pair, by its text's path below the root, oldest first; `tell` hears of what was
    damaged in the store and is set aside. Raises NotFoundError."""
    entries = open_store(place.store, tell=tell).history(name) if place.store.is_dir() else ()
    if not entries:
        raise NotFoundError(
            "no versions are kept of this name",
            subject=name,
            hint="the first one is kept when `runbook sync` or `runbook watch` sees it",
        )
    return tuple(
        Version(
            number=entry.number,
            digest=f"sha256:{entry.digest}",
            size_bytes=entry.size_bytes,
            stamp=entry.stamp,
            side=entry.label.partition(" ")[0],
            by=entry.label.partition(" ")[2],
        )
        for entry in entries
    )


def version(place: Place, name: str, number: int, *, tell: Tell = nobody) -> Version:
    """One version. Raises NotFoundError, naming those there are."""
    known = versions(place, name, tell=tell)
    found = next((each for each in known if each.number == number), None)
    if found is None:
        words = f"there is no version {number}; kept are {known[0].number} to {known[-1].number}"
        raise NotFoundError(words, subject=f"{name}@{number}", hint=f"`runbook versions {name}` lists them")
    return found


def content(place: Place, name: str, number: int) -> bytes:
    """The bytes of one version. Raises NotFoundError, StoreDamaged."""
    return open_store(place.store).get(version(place, name, number).digest)


def restore(place: Place, pair: Pair, number: int, *, now: datetime, tell: Tell = nobody) -> Path:
    """Put version `number` back as the working file of its side, and return that file's path.

    What stands there is kept as a version first, and replaced only as it was then. Sync afterwards: to
    restore is an edit like any other. Raises NotFoundError, ChangedMeanwhile, StorageError.
    """
    wanted = version(place, pair.name, number, tell=tell)
    if wanted.side not in ("text", "notebook"):
        raise FormatError(
            f"version {number} is a {wanted.side} copy, not a text or notebook",
            subject=f"{pair.name}@{number}",
            hint=f"look at it: `runbook diff {pair.name}@{number} …`",
        )
    data = content(place, pair.name, number)
    name = pair.name if wanted.side == "text" else pair.notebook_name
    limit = TEXT_LIMIT_BYTES if wanted.side == "text" else NOTEBOOK_LIMIT_BYTES
    session = Session(place, now=now)
    with session.state.locked():
        side = observe(place, name, limit_bytes=limit)
        if side.data is not None and side.digest is not None:
            session.keep_version(pair, side.data, f"{wanted.side} saved")
            session.flush_versions(ensure=[side.digest])
        if side.digest != wanted.digest:
            files.make_folder(side.path.parent)
            swap.replace_if(side.path, data, expected=side.digest)
    return side.path


def diff(place: Place, name: str, first: int, second: int) -> str:
    """A unified diff of two versions; notebooks are shown as the text they say, without outputs."""
    old, new = version(place, name, first), version(place, name, second)
    plain = old.side == new.side == "text"
    lines = difflib.unified_diff(
        _lines(content(place, name, first), old, plain=plain),
        _lines(content(place, name, second), new, plain=plain),
        f"{name}@{first} ({old.side}, {old.stamp})",
        f"{name}@{second} ({new.side}, {new.stamp})",
        lineterm="",
    )
    return "\n".join(lines)


def _lines(data: bytes, which: Version, *, plain: bool) -> list[str]:
    if not plain and which.side == "notebook":
        notebook = parse_notebook(data)
        if isinstance(notebook, Notebook):
            return _shown(notebook)
    return data.decode("utf-8", "backslashreplace").splitlines()


def _shown(notebook: Notebook) -> list[str]:
    """A notebook as lines of percent text, near enough to compare; never read back."""
    lines: list[str] = []
    if notebook.header is not None:
        lines += [prefixed(line) for line in source_of(notebook.header.plain).split("\n")]
    for cell in notebook.cells:
        options = "".join(f" {key}={value}" for key, value in cell.cell.meta)
        kind = "" if cell.cell.kind == "code" else f" [{cell.cell.kind}]"
        body = cell.cell.source.split("\n") if cell.cell.source else []
        lines += ["", f"# %%{kind}{options}"]
        lines += body if cell.cell.kind == "code" else [prefixed(line) for line in body]
    return lines
