"""The person's own editor: opens one file and waits until it ends. Reads nothing of it."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from runbook.errors import UnavailableError, UsageError
from runbook.system import processes


def open_in_editor(path: Path, *, env: Mapping[str, str], subject: str) -> None:
    """Open the file with `VISUAL` or `EDITOR`, in this terminal; `subject` is what messages call it.

    Raises UsageError (no editor is set, or not a command), ToolMissing, UnavailableError (it ended badly).
    """
    words = env.get("VISUAL") or env.get("EDITOR")
    if not words:
        raise UsageError(
            "neither VISUAL nor EDITOR is set", subject=subject, hint="for example: EDITOR=vim runbook edit …"
        )
    try:
        argv = [*shlex.split(words), str(path)]
    except ValueError as error:
        raise UsageError(f"the editor {words!r} is not a command: {error}", hint="set EDITOR anew") from error
    code = processes.attend(argv, env=env)
    if code != 0:
        raise UnavailableError(
            f"the editor ended with {code}: {words}",
            subject=subject,
            hint="look at EDITOR, then at the file",
        )
