"""The person's own editor: opens one file and waits until it ends. Reads nothing of it."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from runbook.errors import ToolMissing, UnavailableError, UsageError
from runbook.system import processes


def open_in_editor(path: Path, *, env: Mapping[str, str], subject: str, beside: Sequence[Path] = ()) -> None:
    """Open the file with `VISUAL` or `EDITOR`, in this terminal; `subject` is what messages call it, `beside`
    are files to look at with it.

    Raises UsageError (no editor is set, or not a command), ToolMissing, UnavailableError (it ended badly).
    """
    name = "VISUAL" if env.get("VISUAL") else "EDITOR"
    words = env.get(name)
    if not words:
        raise UsageError(
            "neither VISUAL nor EDITOR is set",
            subject=subject,
            hint="for example: `EDITOR=vim runbook edit …`",
        )
    try:
        argv = [*shlex.split(words), str(path), *map(str, beside)]
    except ValueError as error:
        raise UsageError(
            f"the editor {words!r} is not a command: {error}", hint=f"set {name} anew"
        ) from error
    try:
        code = processes.attend(argv, env=env)
    except ToolMissing as error:
        raise ToolMissing(
            error.message, subject=subject, hint=f"{name} names it: set that to an editor that is there"
        ) from error
    if code != 0:
        raise UnavailableError(
            f"the editor ended with {code}: {words}",
            subject=subject,
            hint=f"look at {name}, then at the file",
        )
