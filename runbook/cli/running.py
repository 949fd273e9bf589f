"""A run seen from its terminal: the banner, the session, the last lines. Decides nothing."""

import sys
from pathlib import Path

from runbook.cli import describe, show
from runbook.cli.around import has_terminal
from runbook.cli.terminal import Quiet, Terminal
from runbook.errors import UnavailableError
from runbook.evidence.blobs import Blobs
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlanRecord
from runbook.execution.plan_folder import read_record
from runbook.execution.session import Driver, Result, Session
from runbook.text.reader import read
from runbook.verbs import run as verb
from runbook.workspace import Surroundings, Workspace


def planned_record(folder: ExecutionFolder) -> PlanRecord:
    """What a plan on disk says of itself; believed for the display alone."""
    return read_record(folder)[0]


def go(
    workspace: Workspace, execution: Path, record: PlanRecord, *, json: bool, around: Surroundings
) -> Result:
    """Start the supervisor, sit at its session, and say how it ended."""
    folder = ExecutionFolder(execution)
    if not json:
        describe.banner(record)
    with verb.start(workspace, execution, around=around) as session:
        result = sit(session, folder, quiet=json, attended=record.kind == "interactive")
    shown = workspace.relative(execution)
    if json:
        show.json(describe.plain_result(result, shown))
    else:
        describe.ended(result, shown)
    return result


def sit(session: Session, folder: ExecutionFolder, *, quiet: bool, attended: bool) -> Result:
    """Drive a session from this terminal until the run has ended. `attended` shows what each step will do."""
    driver: Driver
    if quiet and not has_terminal():
        driver = Quiet()
    else:
        out = sys.stderr if quiet else sys.stdout
        driver = Terminal(sources=_sources(folder) if attended else {}, blobs=Blobs(folder.blobs), out=out)
    try:
        return session.drive(driver)
    except EOFError as error:
        raise UnavailableError(
            "this terminal went away; the run did not", subject=folder.id, hint="`runbook status` shows it"
        ) from error


def _sources(folder: ExecutionFolder) -> dict[str, str]:
    """What each step runs, by name, from the exact text of the execution."""
    reading = read(folder.runbook.read_bytes())
    steps = reading.runbook.steps if reading.runbook else ()
    return {step.name: step.cell.source for step in steps if step.kind != "prose"}
