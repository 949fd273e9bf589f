"""A run seen from its terminal: the banner, the session, the last lines. Decides nothing."""

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from runbook.cli import describe, prompts, show
from runbook.cli.around import has_terminal, surroundings
from runbook.cli.editing import Editing
from runbook.cli.main import exit_code
from runbook.cli.newer import Newer
from runbook.cli.terminal import Quiet, Terminal
from runbook.errors import UnavailableError
from runbook.evidence.blobs import Blobs
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlanRecord
from runbook.execution import fetching
from runbook.execution.launch import Ahead
from runbook.execution.plan_folder import SOURCE_LIMIT_BYTES, read_record
from runbook.execution.session import Result, Session
from runbook.system import files
from runbook.text.includes import Tree
from runbook.text.reader import read
from runbook.text.secret import Hidden
from runbook.verbs import run as verb
from runbook.workspace import Surroundings, Workspace

OUTCOME_CODES = {"succeeded": 0, "deviated": 0, "failed": 4, "unknown": 4, "stopped": 7, "refused": 3}


def planned_record(folder: ExecutionFolder) -> PlanRecord:
    """What a plan on disk says of itself; believed for the display alone."""
    return read_record(folder)[0]


def planned_source(folder: ExecutionFolder) -> bytes:
    """Its text. Raises NotFoundError, StorageError."""
    return files.read(folder.runbook, limit_bytes=SOURCE_LIMIT_BYTES)


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run is seen from."""

    workspace: Workspace
    around: Surroundings
    json: bool
    detach: bool = False


def fetched(
    stage: Stage, record: PlanRecord, source: bytes, *, includes: Tree = fetching.NO_FILES
) -> dict[str, Hidden]:
    """The secrets of a plan, typed here where they are to be; see `fetching.fetch` for what it raises."""
    ask = prompts.secret if has_terminal() else None
    text = source.decode("utf-8", "replace")
    return fetching.fetch(record, text=text, includes=includes, env=stage.around.env, ask=ask)


def announce(stage: Stage, record: PlanRecord) -> None:
    """Say what runs now. Before its plan is written: where nobody reads any more, nothing is left behind."""
    if not stage.json:
        describe.banner(record)
        sys.stdout.flush()


def go(
    stage: Stage, execution: Path, record: PlanRecord, *, ahead: Ahead, fetched: Mapping[str, Hidden]
) -> int:
    """Start the supervisor, sit at its session, say how it ended; returns the exit code.

    `ahead`: a supervisor's process that has been warming up while the text was decided on. `fetched`: the
    plan's secrets.
    """
    folder = ExecutionFolder(execution)
    with verb.start(stage.workspace, execution, around=stage.around, ahead=ahead, fetched=fetched) as session:
        if stage.detach:
            return _let_go(stage, execution)
        attended = record.kind == "interactive"
        result = sit(session, folder, root=stage.workspace.root, quiet=stage.json, attended=attended)
    return tell_end(result, stage.workspace.relative(execution), json=stage.json)


def _let_go(stage: Stage, execution: Path) -> int:
    """Say that the run is on its way, and leave it."""
    if stage.json:
        show.json({"schema": 1, "execution": stage.workspace.relative(execution), "outcome": None})
    else:
        show.say(f"started: {stage.workspace.relative(execution)}; `runbook attach {execution.name}`")
    return 0


def tell_end(result: Result, shown: str, *, json: bool) -> int:
    """Say how a run ended; returns the exit code."""
    if result.failure is not None:
        show.error(result.failure, json=False)
    if json:
        show.json(describe.plain_result(result, shown))
    else:
        describe.ended(result, shown)
    return OUTCOME_CODES[result.outcome] if result.failure is None else exit_code(result.failure)


def sit(session: Session, folder: ExecutionFolder, *, root: Path, quiet: bool, attended: bool) -> Result:
    """Drive a session from this terminal until the run has ended. `attended` shows what each step will do."""
    driver: Terminal | Quiet
    if quiet and not has_terminal():
        driver = Quiet()
    else:
        out = sys.stderr if quiet else sys.stdout
        driver = Terminal(
            sources=_sources(folder) if attended else {},
            blobs=Blobs(folder.blobs),
            out=out,
            remark=Newer(root, planned_record(folder)),
            editing=Editing(read(folder.runbook.read_bytes()).runbook, surroundings().env),
        )
        driver.watches = lambda: session.watches
    try:
        return session.drive(driver)
    except KeyboardInterrupt:
        show.say(f"\nyou left; the run goes on, or waits: `runbook attach {folder.id}`")
        raise
    except EOFError as error:
        raise UnavailableError(
            "this terminal went away; the run did not",
            subject=folder.id,
            hint=f"`runbook attach {folder.id}`",
        ) from error
    finally:
        driver.leave()


def _sources(folder: ExecutionFolder) -> dict[str, str]:
    """What a person should read before each step: the prose that leads to it, and what it runs."""
    reading = read(folder.runbook.read_bytes())
    shown: dict[str, str] = {}
    prose = ""
    for step in reading.runbook.steps if reading.runbook else ():
        if step.kind == "prose":
            prose += "".join(f"# {line}".rstrip() + "\n" for line in step.cell.source.split("\n")) + "\n"
        else:
            shown[step.name] = prose + step.cell.source
            prose = ""
    return shown
