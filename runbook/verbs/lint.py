"""`lint`: findings about runbooks. A stale approval is reported beside them, and never deleted."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from runbook.execution import brought
from runbook.pairing.state import State
from runbook.system import files
from runbook.text.includes import Tree
from runbook.text.lint import Finding, as_findings
from runbook.text.lint import lint as lint_text
from runbook.text.reader import read
from runbook.text.runbook import Runbook
from runbook.verbs import names
from runbook.verbs.sync import place_of
from runbook.workspace import Surroundings, Workspace


class Stale(msgspec.Struct, frozen=True, kw_only=True):
    """An approval of another text. No finding: the text is fine, and wants a review before it counts."""

    path: str
    principal: str
    environments: tuple[str, ...]


class Linted(msgspec.Struct, frozen=True, kw_only=True):
    findings: tuple[Finding, ...]
    stale: tuple[Stale, ...]


def lint(workspace: Workspace, wanted: Sequence[str], *, around: Surroundings) -> Linted:
    """Look at these runbooks (none named: at all), in the order of path and line."""
    paths = [names.find_runbook(workspace, name, cwd=around.cwd) for name in wanted]
    findings: list[Finding] = []
    stale: list[Stale] = []
    disputed = _disputed(workspace, around)
    for path in paths or names.runbooks(workspace):
        if path in disputed:
            findings.append(_dispute(path, disputed[path]))
        data = files.read_inside(workspace.root, path, limit_bytes=names.LARGEST_BYTES)
        tree = brought.from_workspace(data, workspace=workspace, env=around.env)
        found = lint_bytes(data, root=workspace.root, path=path, tree=tree)
        findings += found.findings
        stale += found.stale
    return Linted(findings=tuple(findings), stale=tuple(stale))


def _disputed(workspace: Workspace, around: Surroundings) -> dict[str, str]:
    """The pairs that nobody decided on yet, with their conflict copies: a text in dispute is not finished."""
    place = place_of(workspace, around)
    records = State(place.state).records if place.state.is_dir() else {}
    return {name: record.conflict for name, record in records.items() if record.conflict is not None}


def _dispute(path: str, copy: str) -> Finding:
    return Finding(
        code="pair.conflict",
        degree="finding",
        path=path,
        line=None,
        message=f"its notebook says something else, and nobody decided yet: {copy}",
        hint=f"`runbook resolve {path} --take text|notebook|both`",
    )


def lint_bytes(data: bytes, *, root: Path, path: str, tree: Tree | None) -> Linted:
    """Look at these bytes as if they lay at `path` below `root`: a hook has them from git's index. `tree`:
    the files that come along, None when there are none."""
    found = lint_text(data, path=path, neighbours=_neighbours(root, path, tree), tree=tree)
    runbook = read(data).runbook
    if runbook is not None:
        found += _second_opinion(runbook, path)
    return Linted(
        findings=tuple(sorted(found, key=lambda each: each.line or 0)),
        stale=() if runbook is None else tuple(_stale(runbook, path)),
    )


def _stale(runbook: Runbook, path: str) -> Iterator[Stale]:
    for entry in runbook.header.approvals:
        if entry.text != runbook.text:
            yield Stale(path=path, principal=entry.principal, environments=entry.environments)


def _second_opinion(runbook: Runbook, path: str) -> tuple[Finding, ...]:
    """Where jupytext reads other cells than we do (DESIGN §4.2)."""
    from runbook.text.notebook import second_opinion

    return as_findings(second_opinion(runbook), path=path)


def _neighbours(root: Path, path: str, tree: Tree | None) -> dict[str, str]:
    """The modules beside a runbook and at the workspace's root, by name, with their paths: plain Python would
    import them, a run only has those that come along."""
    along = {each.path for each in tree.files} if tree is not None else set()
    beside = PurePosixPath(path).parent
    found: dict[str, str] = {}
    for folder in dict.fromkeys((PurePosixPath(), beside)):
        for name, module in _modules(root, folder):
            if module in along or any(each.startswith(f"{module}/") for each in along):
                found.pop(name, None)
            else:
                found[name] = module
    found.pop("runbook", None)  # the kit is always there
    return found


def _modules(root: Path, folder: PurePosixPath) -> Iterator[tuple[str, str]]:
    place = root / folder
    for entry in sorted(place.iterdir()) if place.is_dir() else ():
        if entry.suffix == ".py" or (entry / "__init__.py").is_file():
            yield entry.stem, (folder / entry.name).as_posix()
