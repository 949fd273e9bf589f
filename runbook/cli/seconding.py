"""The verb of whoever stands behind a run without driving it: `confirm`."""

import sys
from typing import Annotated

import typer

from runbook.cli import show
from runbook.cli.around import has_terminal, surroundings, workspace
from runbook.errors import DeclinedError, NotFoundError, UnavailableError, UsageError

app = typer.Typer(rich_markup_mode=None)

Execution = Annotated[str, typer.Argument(metavar="EXECUTION", help="Its name, a part of it, or `latest`.")]


@app.command()
def confirm(
    execution: Execution,
    key: Annotated[str | None, typer.Option(metavar="FILE", help="The key to sign with.")] = None,
    statement: Annotated[bool, typer.Option("--statement", help="Print what is to be signed.")] = False,
    signature: Annotated[
        str | None, typer.Option(metavar="FILE", help="A signature made elsewhere; needs --principal.")
    ] = None,
    principal: Annotated[str | None, typer.Option(help="Whose signature it is.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: you have read the step.")] = False,
) -> None:
    """Confirm, with your signature, the step that a run of somebody else waits with."""
    from runbook.approval import signing
    from runbook.cli import asking, describe_confirmation
    from runbook.verbs import confirm as verb
    from runbook.verbs import names

    if (signature is not None or statement) and principal is None and key is None:
        raise UsageError("say --principal NAME: whose signature it is")
    around = surroundings()
    here = workspace(around)
    folder = names.require_execution(here, execution, cwd=around.cwd, preferred=names.lives)
    names.require_begun(folder)
    found = verb.waiting(folder)
    chosen = None if principal is not None else signing.find_key(key, here, around)
    who = principal or verb.principal_of(here, chosen, around=around)  # type: ignore[arg-type]  # one of both
    data = verb.statement(folder, found, who)
    if statement:
        sys.stdout.buffer.write(data)
        return
    if signature is not None:
        armor = verb.read_signature(around.cwd / signature)
    else:
        verb.require_asked(here, found, who, around=around)
        describe_confirmation.waiting(found)
        if not yes:
            if not has_terminal():
                raise UsageError(
                    "there is no terminal to ask at", hint="say --yes once you have read the step"
                )
            if not asking.is_agreed(f"Sign as {who} that {found.step.name} may run?"):
                raise DeclinedError("nothing was signed")
        assert chosen is not None
        armor = verb.sign(data, chosen, around=around, terminal=has_terminal())
    try:
        verb.give(folder, who, armor, around=around)
    except (NotFoundError, UnavailableError):  # what was signed can be given again: `--signature FILE`
        show.block(armor.rstrip("\n"))
        raise
    show.say(f"{who} confirmed {found.step.name} of {folder.id}")
