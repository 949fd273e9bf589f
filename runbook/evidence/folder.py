"""The execution's folder: the names in it, and where executions are found. DESIGN §8.

    executions/2026-11/20261121T001205Z-web-restart-7f3a9c/
      runbook.py  plan.json  approvals/  trust/  includes/
      start.txt  start.sig  journal.jsonl  blobs/<sha256>
      record.ipynb  audit.md  audit.html  finish.txt  finish.sig
      work/  spool/  supervisor.lock      in use while it runs; not evidence, outside the manifest

An edge: it makes and lists folders. It never reads evidence, and never decides what a run was worth.
"""

import difflib
import os
import re
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from runbook.errors import EvidenceDamaged, FormatError, NotFoundError
from runbook.instants import parse_stamp
from runbook.system import files

_ID = re.compile(
    r"(?P<started>[0-9]{8}T[0-9]{6}Z)-(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)-(?P<tail>[0-9a-f]{6,32})"
)
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_SLUG_LENGTH = 60
NOT_EVIDENCE = frozenset({"work", "spool", "supervisor.lock"})
"""What lies in an execution's folder and is no part of the evidence."""
SEAL_NAMES = frozenset({"finish.txt", "finish.sig"})
"""The seal itself: it can't be in its own manifest."""


class ExecutionId(msgspec.Struct, frozen=True, kw_only=True):
    """An execution's name, taken apart: when it was planned, of what, and a tail: the fraction of that second
    in two hex digits, then chance."""

    started: datetime
    slug: str
    tail: str

    @property
    def text(self) -> str:
        return f"{self.started:%Y%m%dT%H%M%SZ}-{self.slug}-{self.tail}"

    @property
    def month(self) -> str:
        return f"{self.started:%Y-%m}"


def new_id(started: datetime, words: str, random: str) -> ExecutionId:
    """A new name. `words` (a file's name or a title) becomes a slug; `random` is hex from the caller.

    A run and its undo can both be planned in one second: the fraction (1/256 s) keeps them in order, and
    `latest` true.

    Raises FormatError when `random` is no hex of 4 to 30 digits.
    """
    slug = "-".join(re.findall(r"[a-z0-9]+", words.lower())) or "runbook"
    slug = slug[:_SLUG_LENGTH].strip("-")
    fraction = started.microsecond * 256 // 1_000_000
    return parse_id(f"{started:%Y%m%dT%H%M%SZ}-{slug}-{fraction:02x}{random}")


def parse_id(text: str) -> ExecutionId:
    """Read an execution's name. Raises FormatError for anything else."""
    match = _ID.fullmatch(text)
    if match:
        day = match["started"]
        spelled = f"{day[:4]}-{day[4:6]}-{day[6:11]}:{day[11:13]}:{day[13:]}"
        try:
            return ExecutionId(started=parse_stamp(spelled), slug=match["slug"], tail=match["tail"])
        except ValueError:
            pass
    raise FormatError(
        "not the name of an execution",
        subject=text,
        hint="names look like 20261121T001205Z-web-restart-7f3a9c",
    )


def is_execution_name(text: str) -> bool:
    """Whether this is how an execution's folder is called. Says nothing about what is in it."""
    try:
        parse_id(text)
    except FormatError:
        return False
    return True


class ExecutionFolder(msgspec.Struct, frozen=True):
    """The paths in one execution's folder. Says nothing about what is really there."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def runbook(self) -> Path:
        return self.path / "runbook.py"

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def proposal(self) -> Path:
        return self.path / "proposal.json"

    @property
    def approvals(self) -> Path:
        return self.path / "approvals"

    @property
    def trust(self) -> Path:
        return self.path / "trust"

    @property
    def includes(self) -> Path:
        return self.path / "includes"

    @property
    def start(self) -> Path:
        return self.path / "start.txt"

    @property
    def start_signature(self) -> Path:
        return self.path / "start.sig"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def blobs(self) -> Path:
        return self.path / "blobs"

    @property
    def record(self) -> Path:
        return self.path / "record.ipynb"

    @property
    def audit(self) -> Path:
        return self.path / "audit.md"

    @property
    def audit_html(self) -> Path:
        return self.path / "audit.html"

    @property
    def finish(self) -> Path:
        return self.path / "finish.txt"

    @property
    def finish_signature(self) -> Path:
        return self.path / "finish.sig"

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def spool(self) -> Path:
        return self.path / "spool"

    @property
    def staging(self) -> Path:
        """Where the kit lays what a step attaches, until it is among the blobs."""
        return self.spool / "attached"

    @property
    def lock(self) -> Path:
        return self.path / "supervisor.lock"

    def is_alive(self) -> bool:
        """Whether a supervisor holds the lock of this execution now."""
        return files.is_locked(self.lock)

    def is_sealed(self) -> bool:
        """Whether a seal was written. Says nothing about whether it holds."""
        return self.finish.exists()


def make(executions: Path, name: ExecutionId) -> ExecutionFolder:
    """Make the folder of a new execution. Raises ExistsError when the name is taken: one maker wins."""
    month = executions / name.month
    files.make_folder(month)
    folder = month / name.text
    files.make_new_folder(folder)
    return ExecutionFolder(folder)


def executions_below(executions: Path) -> tuple[ExecutionFolder, ...]:
    """Every execution, the oldest first. What has no execution's name (`log/`, a README) is left alone."""
    found: list[ExecutionFolder] = []
    if not executions.is_dir():
        return ()
    with files.storage_errors(executions):
        for month in executions.iterdir():
            if not _MONTH.fullmatch(month.name) or month.is_symlink() or not month.is_dir():
                continue
            for folder in month.iterdir():
                if _ID.fullmatch(folder.name) and not folder.is_symlink() and folder.is_dir():
                    found.append(ExecutionFolder(folder))
    return tuple(sorted(found, key=_age))


def _age(folder: ExecutionFolder) -> tuple[str, str, str]:
    started, _, rest = folder.id.partition("-")
    slug, _, tail = rest.rpartition("-")
    return started, tail, slug  # in one second the tail says which was first, whatever their runbooks' names


def find(
    executions: Path, name: str, *, preferred: Callable[[ExecutionFolder], int] | None = None
) -> ExecutionFolder:
    """The execution with this name or with this unique part of a name. `preferred`: where several have
    that part, those are meant of which it says most.

    Raises NotFoundError when there is none (the closest name is offered) or more than one (they are listed).
    """
    known = {folder.id: folder for folder in executions_below(executions)}
    if name in known:
        return known[name]
    matching = [folder for each, folder in known.items() if name and name in each]
    if preferred is not None and len(matching) > 1:
        said = [preferred(folder) for folder in matching]
        most = max(said)
        matching = [folder for folder, how in zip(matching, said, strict=True) if how == most]
    if len(matching) == 1:
        return matching[0]
    if matching:
        shown = ", ".join(folder.id for folder in matching[-5:])
        raise NotFoundError(
            f"{len(matching)} executions have this in their name", subject=name, hint=f"say more: {shown}"
        )
    close = difflib.get_close_matches(name, known, 1, cutoff=0.4)
    hint = f"did you mean {close[0]}?" if close else "`runbook history` lists the executions"
    raise NotFoundError("no execution has this name", subject=name, hint=hint)


def evidence_names(folder: ExecutionFolder) -> tuple[str, ...]:
    """The files that are evidence, as sorted paths below the folder; the seal and `NOT_EVIDENCE` left out.

    Raises EvidenceDamaged for a link, a device, or a name that a manifest line can't hold.
    """
    names: list[str] = []
    pending = [""]
    while pending:
        below = pending.pop()
        place = folder.path / below if below else folder.path
        with files.storage_errors(place), os.scandir(place) as entries:
            for entry in entries:
                name = f"{below}/{entry.name}" if below else entry.name
                if not below and (name in NOT_EVIDENCE or name in SEAL_NAMES):
                    continue
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    pending.append(name)
                elif stat.S_ISREG(mode) and is_plain_name(name):
                    names.append(name)
                else:
                    raise EvidenceDamaged(
                        "a link, a device, or a name that a manifest can't hold", subject=ascii(name)[1:-1]
                    )
    return tuple(sorted(names))


def is_plain_name(name: str) -> bool:
    """Whether a path may stand in a manifest: plain parts, no character that `sha256sum` would escape."""
    parts = name.split("/")
    return name.isprintable() and "\\" not in name and all(part not in ("", ".", "..") for part in parts)
