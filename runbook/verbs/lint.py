"""`lint`: findings about runbooks, approvals included: a stale one is reported here, never deleted."""

from collections.abc import Sequence
from pathlib import Path

from runbook.system import files
from runbook.text.lines import LIMIT_BYTES
from runbook.text.lint import Finding, as_findings
from runbook.text.lint import lint as lint_text
from runbook.text.reader import read
from runbook.verbs import names
from runbook.workspace import Surroundings, Workspace


def lint(workspace: Workspace, wanted: Sequence[str], *, around: Surroundings) -> tuple[Finding, ...]:
    """The findings of these runbooks (none named: of all), in the order of path and line."""
    paths = [names.find_runbook(workspace, name, cwd=around.cwd) for name in wanted]
    findings: list[Finding] = []
    for path in paths or names.runbooks(workspace):
        data = files.read_inside(workspace.root, path, limit_bytes=LIMIT_BYTES + 1)
        found = lint_text(data, path=path, neighbours=_neighbours(workspace.root / path))
        findings += sorted((*found, *_second_opinion(data, path)), key=lambda each: each.line or 0)
    return tuple(findings)


def _second_opinion(data: bytes, path: str) -> tuple[Finding, ...]:
    """Where jupytext reads other cells than we do (DESIGN §4.2)."""
    from runbook.text.notebook import second_opinion

    runbook = read(data).runbook
    return () if runbook is None else as_findings(second_opinion(runbook), path=path)


def _neighbours(path: Path) -> frozenset[str]:
    """The modules beside a runbook: a step that imports one means a file that nobody approved."""
    return frozenset(
        entry.stem
        for entry in path.parent.iterdir()
        if entry.suffix == ".py" or (entry / "__init__.py").is_file()
    )
