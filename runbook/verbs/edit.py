"""`edit`: a runbook in the person's own editor, then what lint finds in it."""

import shlex

from runbook.errors import UsageError
from runbook.system import processes
from runbook.text.lint import Finding
from runbook.verbs import names
from runbook.verbs.lint import lint
from runbook.workspace import Surroundings, Workspace


def edit(workspace: Workspace, name: str, *, around: Surroundings) -> tuple[Finding, ...]:
    """Open it, wait until the editor ends, and lint. Raises UsageError (none set), ToolMissing."""
    path = names.find_runbook(workspace, name, cwd=around.cwd)
    words = around.env.get("VISUAL") or around.env.get("EDITOR")
    if not words:
        raise UsageError(
            "neither VISUAL nor EDITOR is set", subject=path, hint="for example: EDITOR=vim runbook edit …"
        )
    argv = [*shlex.split(words), str(workspace.root / path)]
    processes.attend(argv, env=around.env)
    return lint(workspace, (path,), around=around).findings
