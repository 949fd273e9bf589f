"""Names: from what a person types to one runbook or one execution. A path, a slug, or a unique part.

Never guesses between two: it says which ones there are. Never follows links out of the workspace.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from runbook.errors import FormatError, NotFoundError, RunbookError, UsageError
from runbook.evidence.folder import ExecutionFolder, executions_below, is_execution_name, parse_id
from runbook.evidence.folder import find as find_execution
from runbook.evidence.plan import LIFE
from runbook.evidence.start import parse as parse_start
from runbook.system import files
from runbook.text.includes import Tree
from runbook.text.reader import read
from runbook.text.runbook import Reading
from runbook.workspace import Workspace

_SKIPPED = frozenset({"__pycache__", "node_modules"})
_SHOWN = 8
_ID_PART = re.compile(r"[0-9]{8}T?[0-9]{0,6}Z?")
LARGEST_BYTES = 64 << 20
"""What is read at all. A text above the reader's own limit is refused by it, and hides no other one."""
LATEST = "latest"
"""What people type for the newest execution."""
_START_LIMIT_BYTES = 1 << 20


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """One runbook as it lies on disk: everything afterwards works on these bytes, read once. `includes`: the
    files that it brings along, where somebody looked at them. `unread`: why there are no bytes."""

    path: str  # below the workspace
    data: bytes
    reading: Reading
    includes: Tree | None = None
    unread: RunbookError | None = None

    @property
    def title(self) -> str:
        return self.reading.runbook.title if self.reading.runbook else slug(self.path)


def slug(path: str) -> str:
    """`runbooks/web/restart.py` → `web/restart`; what people type."""
    name = path.removesuffix(".py")
    return name.partition("/")[2] or name


def runbooks(workspace: Workspace) -> tuple[str, ...]:
    """The paths of all runbooks of the workspace, sorted: every `.py` below its runbook folders."""
    folders = workspace.settings.runbooks if not workspace.loose else (".",)
    found: set[str] = set()
    for folder in folders:
        start = workspace.root / folder
        for here, inner, names in os.walk(start, onerror=_not_listed):
            inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in _SKIPPED)
            if workspace.loose:
                inner.clear()  # a loose folder is the folder itself, not what happens to lie below it
            for name in names:
                path = Path(here) / name
                if name.endswith(".py") and not name.startswith(".") and _is_regular(path):
                    found.add(path.relative_to(workspace.root).as_posix())
    return tuple(sorted(found))


def _not_listed(error: OSError) -> None:
    """A folder that the disk does not list is not one in which there is nothing."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        with files.storage_errors(str(error.filename)):
            raise error


def _is_regular(path: Path) -> bool:
    """No link, and no pipe that somebody left there."""
    return path.is_file() and not path.is_symlink()


def open_runbook(workspace: Workspace, name: str, *, cwd: Path) -> Opened:
    """Read the runbook that `name` means. Raises NotFoundError (with the closest), FormatError."""
    path = find_runbook(workspace, name, cwd=cwd)
    data = files.read_inside(workspace.root, path, limit_bytes=LARGEST_BYTES)
    return Opened(path=path, data=data, reading=read(data))


def open_each(workspace: Workspace, paths: Iterable[str]) -> Iterator[Opened]:
    """Read runbooks by their paths below the workspace. One that cannot be read hides no other: it comes with
    nothing in it but `unread`."""
    for path in paths:
        try:
            yield open_runbook(workspace, path, cwd=workspace.root)
        except RunbookError as error:
            yield Opened(path=path, data=b"", reading=Reading(runbook=None, reasons=()), unread=error)


def find_runbook(workspace: Workspace, name: str, *, cwd: Path) -> str:
    """The path below the workspace of the runbook that `name` means.

    A path (from `cwd`, then from the workspace) wins; then a whole slug or file name; then a unique part.
    """
    if not name.strip():
        raise UsageError("the name of a runbook is missing: an empty word was given", hint="`runbook list`")
    by_path = _by_path(workspace, name, cwd)
    if by_path is not None:
        return by_path
    known = runbooks(workspace)
    wanted = name.removesuffix(".py").replace("-", "_").lower()
    keys = {path: slug(path).replace("-", "_").lower() for path in known}
    for matches in (
        [path for path, key in keys.items() if key == wanted],
        [path for path, key in keys.items() if key.rpartition("/")[2] == wanted],
        [path for path, key in keys.items() if wanted and wanted in key],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise NotFoundError(
                f"{name!r} could be {_listed(matches)}",
                subject=name,
                hint="say more of the name, or its path",
            )
    is_folder = any((start / name).is_dir() for start in (cwd, workspace.root))
    words = "a folder, and neither a runbook nor an execution" if is_folder else "no runbook of this name"
    raise NotFoundError(words, subject=name, hint=_closest(name, known))


def _by_path(workspace: Workspace, name: str, cwd: Path) -> str | None:
    for start in (cwd, workspace.root):
        candidate = Path(os.path.normpath(start / name))
        # `web/restart` is a slug: a file of that name without an ending must not come before the runbook.
        if name.endswith(".py") and candidate.is_file():
            try:
                return candidate.relative_to(workspace.root).as_posix()
            except ValueError:
                raise FormatError(
                    f"lies outside the workspace {workspace.root}",
                    subject=name,
                    hint="run the command from that folder, or move the runbook into the workspace",
                ) from None
    return None


def _closest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, [slug(path) for path in known], 3, 0.5)
    if close:
        return f"did you mean {_listed(close)}?"
    return (
        f"there are: {_listed([slug(path) for path in known])}"
        if known
        else "`runbook create TITLE` makes one"
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


Meant = Callable[[ExecutionFolder], int]


def lives(folder: ExecutionFolder) -> int:
    """What `attach`, `stop` and `confirm` mean, where several runs have a part of their names in common: one
    that lives; where none does, the one that was left, as that is the one to say more about."""
    return 2 if folder.is_alive() else 1 if was_left(folder) else 0


def has_begun(folder: ExecutionFolder) -> bool:
    """What the verbs mean there that look at a run or undo it: no plan that nobody has run."""
    return folder.start.exists() or folder.journal.exists()


def was_left(folder: ExecutionFolder) -> bool:
    """What `resume` means there: begun, not sealed, and nobody runs it."""
    return folder.start.exists() and not folder.is_sealed() and not folder.is_alive()


def execution_named(
    workspace: Workspace, name: str, *, cwd: Path, preferred: Meant | None = None
) -> ExecutionFolder | None:
    """The execution that `name` means: its folder's path, `latest`, its whole name, or a unique part of it
    that begins with its day (20261121). None when it does not look like one. `preferred`: which of
    several is meant; `latest` is the last of those to begin, and without it the last that was planned."""
    for start in (cwd, workspace.root):
        folder = Path(os.path.normpath(start / name))
        # By its name too: evidence without a plan is to be looked at, not to be overlooked.
        if folder.is_dir() and ((folder / "plan.json").is_file() or is_execution_name(folder.name)):
            return ExecutionFolder(folder)
    if name == LATEST:
        known = executions_below(workspace.executions)
        if not known:
            raise NotFoundError(
                "there are no executions yet", subject=name, hint="`runbook run NAME` makes one"
            )
        return known[-1] if preferred is None else _latest(known, preferred)
    if not _ID_PART.match(name):
        return None
    return find_execution(workspace.executions, name, preferred=preferred)


def _latest(known: Sequence[ExecutionFolder], preferred: Meant) -> ExecutionFolder:
    """The last to begin of those that are meant; where none is, of all that began; else the last plan."""
    said = [(preferred(folder), has_begun(folder)) for folder in known]
    most = max(said)
    meant = [folder for folder, how in zip(known, said, strict=True) if how == most]
    since = parse_id(meant[-1].id).started - LIFE  # what was planned earlier began before this was planned
    return max((each for each in reversed(meant) if parse_id(each.id).started >= since), key=_began)


def _began(folder: ExecutionFolder) -> datetime:
    """When it began, as its start record says; what has none that can be read counts by its name."""
    try:
        return parse_start(files.read(folder.start, limit_bytes=_START_LIMIT_BYTES)).started
    except RunbookError:
        return parse_id(folder.id).started


def require_begun(folder: ExecutionFolder) -> None:
    """Raise NotFoundError for a plan that nobody has run: it has no evidence, which is not damage."""
    if not has_begun(folder):
        raise NotFoundError(
            "no run has begun here: there is neither a start.txt nor a journal",
            subject=folder.id,
            hint=f"`runbook run {folder.id}` runs the plan",
        )


def require_execution(
    workspace: Workspace, name: str, *, cwd: Path, preferred: Meant | None = None
) -> ExecutionFolder:
    """As `execution_named`, for verbs that want nothing else. Raises NotFoundError."""
    named = execution_named(workspace, name, cwd=cwd, preferred=preferred)
    return named or find_execution(workspace.executions, name, preferred=preferred)
