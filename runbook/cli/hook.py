"""The verb `hook`: what pre-commit and git call. One process for all files."""

from typing import Annotated, Literal

import typer

from runbook.cli import show
from runbook.cli.around import surroundings

app = typer.Typer(rich_markup_mode=None)


@app.command()
def hook(
    name: Annotated[
        Literal["sync", "no-outputs", "lint", "pre-commit", "pre-receive"], typer.Argument(metavar="HOOK")
    ],
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", help="None: what is staged.")] = None,
) -> None:
    """Check what is about to be committed (sync, no-outputs, lint, or pre-commit for all) or pushed.

    Reads git's index; never stages, never writes. Exit 1 when something is to be mended first.
    """
    import importlib

    module = importlib.import_module(f"runbook.hooks.{name.replace('-', '_')}")
    code = module.main(tuple(files or ()), surroundings(), show.say)
    if code:
        raise typer.Exit(code)
