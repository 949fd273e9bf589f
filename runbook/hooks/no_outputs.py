"""The hook `runbook-no-outputs`: no outputs of a run in git, which could show what is secret."""

import shlex
from collections.abc import Sequence

import msgspec

from runbook.hooks.finding import Found, Tell, say
from runbook.hooks.staged_pairs import contents_of, staged_files
from runbook.workspace import Surroundings


class _Cell(msgspec.Struct, frozen=True):
    outputs: list[msgspec.Raw] = []
    execution_count: int | None = None


class _Notebook(msgspec.Struct, frozen=True):
    cells: list[_Cell] = []


def main(argv: Sequence[str], around: Surroundings, tell: Tell) -> int:
    """As `hooks/sync`."""
    return say(findings(argv, around), tell)


def findings(argv: Sequence[str], around: Surroundings) -> list[Found]:
    found = staged_files(argv, (".ipynb",), around)
    staged = contents_of(found, {home.prefix: home.names for home in found.homes}, around)
    return [each for path, data in sorted(staged.items()) if (each := _judged(path, data)) is not None]


def _judged(path: str, data: bytes) -> Found | None:
    mend = f"`git rm --cached {shlex.quote(path)}` (and add it to .gitignore: its text is what is committed)"
    try:
        notebook = msgspec.json.decode(data, type=_Notebook)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Found(path=path, message="as staged, it is no notebook that can be read", mend=mend)
    ran = sum(bool(cell.outputs) or cell.execution_count is not None for cell in notebook.cells)
    if not ran:
        return None
    words = f"as staged, it holds outputs or run numbers of {ran} cell{'' if ran == 1 else 's'}"
    return Found(path=path, message=words, mend=mend)
