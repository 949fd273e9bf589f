"""`edit`: a runbook in the person's own editor, then what lint finds in it."""

import shlex

from runbook.errors import UnavailableError, UsageError
from runbook.system import processes
from runbook.text.lint import Finding
from runbook.verbs import names
from runbook.verbs.lint import lint
from runbook.workspace import Surroundings, Workspace


def edit(workspace: Workspace, name: str, *, around: Surroundings) -> tuple[Finding, ...]:
    """Open it, wait until the editor ends, and lint.

    Raises UsageError (no editor is set, or not a command), ToolMissing, UnavailableError (it ended badly).
    """
    path = names.find_runbook(workspace, name, cwd=around.cwd)
    words = around.env.get("VISUAL") or around.env.get("EDITOR")
    if not words:
        raise UsageError(
            "neither VISUAL nor EDITOR is set", subject=path, hint="for example: EDITOR=vim runbook edit …"
        )
    try:
        argv = [*shlex.split(words), str(workspace.root / path)]
    except ValueError as error:
        raise UsageError(f"the editor {words!r} is not a command: {error}", hint="set EDITOR anew") from error
    code = processes.attend(argv, env=around.env)
    if code != 0:
        raise UnavailableError(
            f"the editor ended with {code}: {words}", subject=path, hint="look at EDITOR, then at the file"
        )
    return lint(workspace, (path,), around=around).findings
