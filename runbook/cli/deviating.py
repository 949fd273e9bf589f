"""The verb about steps that ran as somebody edited them: `deviations`."""

import sys
from typing import Annotated

import msgspec
import typer

from runbook.cli import show
from runbook.cli.around import surroundings, workspace

app = typer.Typer(rich_markup_mode=None)


@app.command()
def deviations(
    execution: Annotated[
        str, typer.Argument(metavar="EXECUTION", help="Its name, a part of it, or `latest`.")
    ],
    patch: Annotated[
        bool, typer.Option("--patch", help="Print a patch against the reviewed text, for `git apply`.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the steps that ran as somebody edited them: who, why, and what was changed."""
    from runbook.errors import UsageError
    from runbook.text.edited import difference
    from runbook.verbs import deviations as verb
    from runbook.verbs import names

    if patch and json:
        raise UsageError("--patch and --json do not go together")
    around = surroundings()
    folder = names.require_execution(workspace(around), execution, cwd=around.cwd, preferred=names.has_begun)
    names.require_begun(folder)
    if patch:
        sys.stdout.buffer.write(
            verb.patch(folder).encode()
        )  # data for a program, as it was reviewed and typed
        return
    found = verb.deviations(folder)
    if json:
        show.json({"schema": 1, "deviations": [msgspec.to_builtins(one) for one in found]})
    elif not found:
        show.say("every step ran as it was reviewed")
    for one in () if json else found:
        show.say(f"{one.step}, attempt {one.attempt}: {one.state}, edited by {one.by} (claimed by the login)")
        show.say(f"  at {one.started}, saying: {one.words}")
        for line in difference(one.reviewed, one.edited).split("\n"):
            show.quoted("    ", line)
