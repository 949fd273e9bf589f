"""The verbs about approval: `review`, `statement`, `verify`, `withdraw`."""

from typing import Annotated, Any, Literal, NamedTuple

import typer

from runbook.cli import asking, show
from runbook.cli.around import has_terminal, surroundings, workspace
from runbook.errors import DeclinedError, InputError, UsageError

app = typer.Typer(rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A path, a slug, or a unique part of either.")]
Environments = Annotated[list[str] | None, typer.Option("--env", help="An environment; once for each.")]


@app.command()
def review(
    name: Name,
    env: Environments = None,
    allow: Annotated[
        Literal["interactive", "unattended"], typer.Option(help="The kind of execution you permit.")
    ] = "interactive",
    expires: Annotated[str | None, typer.Option(help="How long it holds: 90d, 12h, 1y.")] = None,
    key: Annotated[
        str | None, typer.Option(help="The key to sign with: a private file, or its .pub.")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="The digest you reviewed (sha256:…): then nothing is asked.")
    ] = None,
    values: Annotated[
        str | None, typer.Option(help="Of a proposed plan: the digest of the values you reviewed.")
    ] = None,
    json: Json = False,
) -> None:
    """See what will run, and sign it; of a proposed plan, its exact values."""
    from runbook.cli import describe
    from runbook.system import clock
    from runbook.verbs import names
    from runbook.verbs import review as verb

    around = surroundings()
    here = workspace(around)
    wish = verb.Wish(environments=_split(env), allows=allow, life=_life(expires), key=key)
    proposed = names.execution_named(here, name, cwd=around.cwd)
    if proposed is not None:
        _review_values(here, proposed, wish, around, Named(text=text, values=values), json=json)
        return
    if values is not None:
        raise UsageError("--values goes with a proposed plan", hint="name its execution, not a runbook")
    found = verb.prepare(here, name, wish, around=around, now=clock.now())
    if not json:
        describe.review(found)
    if text is not None:
        verb.require_reviewed(found, text)
    elif json or not has_terminal():  # with JSON nothing is shown, and nobody signs what they did not see
        raise UsageError(
            "nothing was shown that could be agreed to" if json else "nobody is there to ask",
            hint=f"when it was reviewed, name its digest: --text {found.runbook.text}",
        )
    elif not asking.is_agreed(f"Sign this as {found.entry.principal}?"):
        raise DeclinedError("nothing was signed", subject=found.path)
    entry = verb.carry_out(here, found, around=around, terminal=has_terminal())
    if json:
        from runbook.verbs.show import approval

        show.json({"schema": 1, "path": found.path, "approval": approval(entry, found.runbook)})
    else:
        stale = ", ".join(verb.left_out(found))
        gone = f"; approvals of another text are left out now ({stale})" if stale else ""
        show.say(f"signed: {found.path} for {', '.join(entry.environments)}{gone}; next: commit it")


class Named(NamedTuple):
    """The digests that the caller says were reviewed."""

    text: str | None
    values: str | None


def _review_values(here: Any, folder: Any, wish: Any, around: Any, named: Named, *, json: bool) -> None:
    from runbook.cli import describe_proposal
    from runbook.system import clock
    from runbook.verbs import review_proposal as verb

    found = verb.prepare(here, folder, wish, around=around, now=clock.now())
    if not json:
        describe_proposal.review(found)
    if named.text is not None and named.values is not None:
        verb.require_reviewed(found, text=named.text, values=named.values)
    elif named != Named(None, None) or not has_terminal():
        both = f"--text {found.record.text} --values {found.record.values_digest}"
        raise UsageError(
            "nobody is there to ask" if named == Named(None, None) else "one digest is not enough here",
            hint=f"when it was reviewed, name both: {both}",
        )
    elif not asking.is_agreed(f"Sign these values as {found.review.entry.principal}?"):
        raise DeclinedError("nothing was signed", subject=folder.id)
    place = verb.carry_out(found, around=around, terminal=has_terminal())
    lacks = verb.lacks(here, folder, around=around, now=clock.now())
    describe_proposal.approved(found, here.relative(place), lacks, json=json)


def _split(env: list[str] | None) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(part.strip() for each in env or () for part in each.split(",") if part.strip())
    )


def _life(expires: str | None) -> Any:
    from runbook.instants import parse_duration

    if expires is None:
        return None
    try:
        return parse_duration(expires)
    except ValueError as error:
        raise InputError(str(error), subject="--expires") from error


@app.command()
def statement(
    name: Name,
    principal: Annotated[str | None, typer.Option(help="Only this person's.")] = None,
    armor: Annotated[
        bool, typer.Option("--signature", help="Print the signature, in OpenSSH's armor.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the bytes that an approval signs, exactly; for `ssh-keygen -Y verify`."""
    import sys

    from runbook.verbs.statement import statements

    around = surroundings()
    found = statements(workspace(around), name, principal=principal, around=around)
    if json:
        rows = [
            {
                "principal": each.principal,
                "approval": each.approval,
                "statement": each.statement.decode("utf-8"),
                "signature": each.armor,
            }
            for each in found
        ]
        show.json({"schema": 1, "statements": rows})
        return
    if len(found) > 1:
        people = ", ".join(each.principal for each in found)
        raise UsageError(f"there are {len(found)} approvals: {people}", hint="say --principal NAME")
    # Bytes, not text: what is printed is hashed by whoever reads it.
    sys.stdout.buffer.write(found[0].armor.encode("ascii") if armor else found[0].statement)


@app.command()
def withdraw(
    name: Name,
    key: Annotated[str | None, typer.Option(help="The key to sign the withdrawal with.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take your approval of a runbook's present text back; signed, and lasting."""
    from runbook.system import clock
    from runbook.verbs import withdraw as verb

    around = surroundings()
    here = workspace(around)
    found = verb.prepare(here, name, key=key, around=around, now=clock.now())
    show.say(f"{found.principal} takes back the approval of {found.path}, {found.text}")
    if not yes:
        if not has_terminal():
            raise UsageError("nobody is there to ask", hint="say --yes")
        if not asking.is_agreed("Withdraw it?"):
            raise DeclinedError("nothing was withdrawn")
    where = verb.carry_out(here, found, around=around, terminal=has_terminal())
    show.say(f"withdrawn: {where}; next: commit it")


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="RUNBOOK or EXECUTION", help="None: every runbook.")
    ] = None,
    env: Environments = None,
    unattended: Annotated[bool, typer.Option("--unattended", help="Ask for unattended runs.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every runbook and every execution.")] = False,
    json: Json = False,
) -> None:
    """Ask for the verdict; exit 1 when one is not valid, 5 when evidence is damaged."""
    from runbook.cli import describe
    from runbook.system import clock
    from runbook.verbs import verify as verb

    around = surroundings()
    asked = verb.Asked(
        names=tuple(names or ()), environments=_split(env), unattended=unattended, everything=everything
    )
    answer = verb.verify(workspace(around), asked, around=around, now=clock.now())
    if json:
        show.json(
            {
                "schema": 1,
                "runbooks": [each.plain() for each in answer.runbooks],
                "executions": [describe.plain_execution(each) for each in answer.executions],
            }
        )
    else:
        describe.verdicts(answer)
    if any(each.verdict.verdict == "TAMPERED" for each in answer.executions):
        raise typer.Exit(5)
    if not all(each.permitted for each in answer.runbooks) or not all(
        each.verdict.verdict in ("VALID", "VALID-UNANCHORED") for each in answer.executions
    ):
        raise typer.Exit(1)
