"""`edit --jupyter`: a runbook's notebook in JupyterLab, and a watch beside it. Imports nothing of it."""

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from runbook.errors import NotFoundError, ToolMissing, UnavailableError
from runbook.pairing import daemon
from runbook.pairing.places import Place
from runbook.pairing.session import Options
from runbook.pairing.wording import line_of
from runbook.system import clock, processes
from runbook.text.lint import Finding
from runbook.verbs import names
from runbook.verbs.lint import lint
from runbook.verbs.sync import pair_named, place_of, sync
from runbook.verbs.watch import detach
from runbook.workspace import Surroundings, Workspace


def edit_in_jupyter(
    workspace: Workspace, name: str, *, around: Surroundings, tell: Callable[[str], None]
) -> tuple[Finding, ...]:
    """Open the notebook of a runbook, made when it is missing; wait until JupyterLab ends, and lint.

    A watch that runs here already goes on; one that was started for this ends with it, and what was saved
    last is synced. Raises ToolMissing (no JupyterLab), UnavailableError (it did not end well), NotFoundError
    (no notebook could be made; the message says why).
    """
    path = names.find_runbook(workspace, name, cwd=around.cwd)
    around = msgspec.structs.replace(around, cwd=workspace.root)
    lab = _jupyter_lab(around)
    notebook = workspace.root / pair_named(workspace, path, around=around).notebook_name
    _in_step(workspace, path, around=around, tell=tell)
    if not notebook.is_file():
        raise NotFoundError("there is no notebook to open", subject=path, hint=f"`runbook sync {path}`")
    place = place_of(workspace, around)
    started = detach(workspace, poll="auto", around=around).owner if daemon.owner_of(place) is None else None
    tell(_words(started))
    try:
        # -y: no question on Ctrl-C. What is not saved is in the browser, which asks for itself.
        argv = [lab, "-y", f"--ServerApp.root_dir={workspace.root}", str(notebook)]
        code = processes.attend(argv, env=around.env, cwd=workspace.root)
    finally:
        if started is not None:
            _end(place, started)
            _in_step(workspace, path, around=around, tell=tell)
    if code:
        raise UnavailableError(f"JupyterLab ended with code {code}", hint="what it said stands above")
    return lint(workspace, (path,), around=around).findings


def _in_step(workspace: Workspace, path: str, *, around: Surroundings, tell: Callable[[str], None]) -> None:
    """Sync, and say what happened: a conflict is no reason not to open it."""
    for report in sync(workspace, [path], options=Options(), around=around, now=clock.now()):
        if report.action not in ("unchanged", "recorded"):
            tell(line_of(report))


def _words(started: daemon.Owner | None) -> str:
    if started is None:
        return "a watch runs here already, and goes on; Ctrl-C ends JupyterLab"
    return "a watch keeps text and notebook in step while JupyterLab runs; Ctrl-C ends both"


def _end(place: Place, started: daemon.Owner) -> None:
    """End the watch that we started, unless it is gone: another one is not ours to end."""
    if daemon.owner_of(place) == started:
        daemon.stop(place, host=started.host)


def _jupyter_lab(around: Surroundings) -> str:
    """JupyterLab on PATH, or beside the Python that runs here."""
    beside = Path(sys.executable).with_name("jupyter-lab")
    found = processes.find("jupyter-lab", env=around.env) or (str(beside) if beside.is_file() else None)
    if found is None:
        raise ToolMissing(
            "JupyterLab is not installed: jupyter-lab is neither on PATH nor beside this Python",
            hint=f"install it: {sys.executable} -m pip install jupyterlab",
        )
    return found
