"""The verbs about what happened: `history` and `audit`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from runbook.cli import show
from runbook.cli.around import surroundings, workspace

app = typer.Typer(rich_markup_mode=None)

Outcome = Literal["succeeded", "deviated", "failed", "stopped", "refused", "unknown"]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this runbook's.")] = None,
    env: Annotated[str | None, typer.Option("--env", help="Only in this environment.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only those that ended so.")] = None,
    most: Annotated[int | None, typer.Option("-n", min=1, help="At most so many.")] = None,
    json: Json = False,
) -> None:
    """List past executions, the newest first."""
    from runbook.cli import describe
    from runbook.verbs.history import Filter, execution_path
    from runbook.verbs.history import history as verb

    around = surroundings()
    here = workspace(around)
    rows = verb(here, Filter(runbook=name, environment=env, outcome=outcome, most=most), around=around)
    if json:
        plain = [describe.plain_summary(row, here.relative(execution_path(here, row.id))) for row in rows]
        show.json({"schema": 1, "executions": plain})
    elif not rows:
        is_filtered = any((name, env, outcome))
        show.say("no execution fits" if is_filtered else "no executions; `runbook run NAME` makes one")
    else:
        describe.summaries(rows)


@app.command()
def audit(
    execution: Annotated[
        str, typer.Argument(metavar="EXECUTION", help="Its name, a part of it, or `latest`.")
    ],
    to: Annotated[Literal["md", "html", "ipynb", "json"], typer.Option(help="The form.")] = "md",
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Write it there; never overwrites.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write it into the execution's own folder.")] = False,
) -> None:
    """Print the audit of an execution, rendered from its journal, or write it."""
    from runbook.verbs import audit as verb
    from runbook.verbs import names

    around = surroundings()
    folder = names.require_execution(workspace(around), execution, cwd=around.cwd, preferred=names.has_begun)
    names.require_begun(folder)
    if output is not None or write:
        target = None if output is None else around.cwd / Path(output)
        show.say(f"wrote {verb.write(folder, to, target)}")
    else:
        # The renderer has made it inert already, and JSON and notebooks are data.
        sys.stdout.buffer.write(verb.rendered(folder, to))
