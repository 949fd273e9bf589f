"""The verb that looks at runs that live: `status`. Light: people type it while something burns."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from runbook.cli import show
from runbook.cli.around import surroundings, workspace

app = typer.Typer(rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def status(
    short: Annotated[bool, typer.Option("--short", help="One line a run, to paste in a chat.")] = False,
    json: Json = False,
) -> None:
    """List the runs that live now, and those whose supervisor died."""
    from runbook.verbs.history import execution_path, living

    around = surroundings()
    here = workspace(around)
    runs = living(here)
    if json:
        rows = [
            {
                "execution": here.relative(execution_path(here, run.id)),
                "supervisor": run.supervisor if run.alive else None,
                "kernel": run.kernel,
                "step": _at(run),
                "state": _state(run.alive, run.waiting),
                "waiting": run.waiting,
                "operator": run.operator,
            }
            for run in runs
        ]
        show.json({"schema": 1, "runs": rows})
        return
    if not runs:
        show.say("nothing runs")
    for run in runs:
        line = f"{run.id}: {', '.join(_words(run))}"
        (show.paste if short else show.say)(line)
        if run.waiting and not short:
            show.say(f"  waits: {run.waiting}")
        if not run.alive and not short:
            show.say(f"  {_died(here, run.id, around)}")


def _died(here: Any, identity: str, around: Any) -> str:
    """What became of a run without a supervisor, and what to do about it."""
    from runbook.errors import RunbookError
    from runbook.verbs.history import require_ours

    try:
        require_ours(here, identity, around=around)
    except RunbookError as error:
        return f"no supervisor is here, and none can go on with it: {error.message}" + (
            f"; {error.hint}" if error.hint else ""
        )
    return f"its supervisor died: `runbook resume {identity}` goes on with it; --seal only seals"


def _words(run: Any) -> Iterator[str]:
    """What one pastes into a chat: how it stands, at which step, where, whose, and what comes next."""
    yield _state(run.alive, run.waiting)
    at = _at(run)
    yield f"step {at}" if at else "between steps"
    yield run.environment
    yield run.operator
    following = next((step.name for step in run.steps if step.state == "pending"), None)
    yield f"next: {following or 'nothing'}"


def _at(run: Any) -> str | None:
    """The step that runs, or the one at which the supervisor died: how that one ended nobody has said."""
    if run.alive:
        return run.running  # type: ignore[no-any-return]
    return next((step.name for step in reversed(run.steps) if step.state == "unknown"), None)


def _state(alive: bool, waiting: str | None) -> str:
    if not alive:
        return "unknown"
    return "waiting" if waiting else "running"
