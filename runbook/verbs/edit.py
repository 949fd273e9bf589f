"""`edit`: a runbook in the person's own editor, then what lint finds in it."""

from runbook.text.lint import Finding
from runbook.verbs import names
from runbook.verbs.editor import open_in_editor
from runbook.verbs.lint import lint
from runbook.workspace import Surroundings, Workspace


def edit(workspace: Workspace, name: str, *, around: Surroundings) -> tuple[Finding, ...]:
    """Open it, wait until the editor ends, and lint.

    Raises UsageError (no editor is set, or not a command), ToolMissing, UnavailableError (it ended badly).
    """
    path = names.find_runbook(workspace, name, cwd=around.cwd)
    open_in_editor(workspace.root / path, env=around.env, subject=path)
    return lint(workspace, (path,), around=around).findings
