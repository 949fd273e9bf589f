"""`lint`: findings about runbooks, approvals included: a stale one is reported here, never deleted."""

from collections.abc import Sequence
from pathlib import Path

from runbook.system import files
from runbook.text.lines import LIMIT_BYTES
from runbook.text.lint import Finding
from runbook.text.lint import lint as lint_text
from runbook.verbs import names
from runbook.workspace import Surroundings, Workspace


def lint(workspace: Workspace, wanted: Sequence[str], *, around: Surroundings) -> tuple[Finding, ...]:
    """The findings of these runbooks (none named: of all), in the order of path and line."""
    paths = [names.find_runbook(workspace, name, cwd=around.cwd) for name in wanted]
    findings: list[Finding] = []
    for path in paths or names.runbooks(workspace):
        data = files.read_inside(workspace.root, path, limit_bytes=LIMIT_BYTES + 1)
        findings += lint_text(data, path=path, neighbours=_neighbours(workspace.root / path))
    return tuple(findings)


def _neighbours(path: Path) -> frozenset[str]:
    """The modules beside a runbook: a step that imports one means a file that nobody approved."""
    return frozenset(
        entry.stem
        for entry in path.parent.iterdir()
        if entry.suffix == ".py" or (entry / "__init__.py").is_file()
    )
