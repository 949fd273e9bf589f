"""The verbs that write runbooks and workspaces: `init`, `create`, `edit`, `fmt`, `convert`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from runbook.cli import asking, show
from runbook.cli.around import has_terminal, surroundings, workspace
from runbook.errors import DeclinedError, InputError, UsageError

app = typer.Typer(rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def init(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder; made when missing.")] = ".",
    profile: Annotated[
        str, typer.Option(help="solo: prod needs one approval. team: staging one, prod two.")
    ] = "solo",
    principal: Annotated[
        list[str] | None, typer.Option(help="A person to enrol (user@example.com); once per --key.")
    ] = None,
    key: Annotated[list[str] | None, typer.Option(help="Their public key, FILE.pub.")] = None,
    git_hooks: Annotated[
        bool | None, typer.Option("--git-hooks/--no-git-hooks", help="Put git's pre-commit hook in, or out.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Make a workspace: settings, policy, signers, an example. Never overwrites; safe to repeat."""
    from runbook.verbs import init as verb

    around = surroundings()
    root = (around.cwd / folder).resolve()
    people = verb.people(tuple(principal or ()), tuple(key or ()), root=root, around=around)
    inner = verb.is_inner(root, around=around)
    actions = verb.plan(root, profile=profile, people=people, inner=inner)
    if not json:
        _announce(root, actions)
    if actions and not yes:
        _ask("Do it?")
    verb.carry_out(root, actions)
    if git_hooks is not None:
        _git_hooks(root, around, wanted=git_hooks, quiet=json)
    if json:
        rows = [{"path": a.path, "what": a.what} for a in actions]
        show.json({"schema": 1, "root": str(root), "actions": rows})
    elif actions:
        has_example = any(verb.EXAMPLE_SLUG in action.path for action in actions)
        then = f", then `runbook run {verb.EXAMPLE_SLUG}`" if has_example else ""
        show.say(f"done; next: `runbook list`{then}")


def _git_hooks(root: Path, around: Any, *, wanted: bool, quiet: bool) -> None:
    from runbook.verbs import githooks

    done = (githooks.install if wanted else githooks.remove)(root, around=around)
    if not quiet:
        other = "; the one that stood there runs first" if wanted else "; the one before it is back"
        show.say(f"{done.path}: {done.did}{other if done.chained else ''}")


def _announce(root: Path, actions: Any) -> None:
    """What would be done, before anybody is asked."""
    if not actions:
        show.say(f"{root}: everything is there")
        return
    show.say(f"In {root}:")
    show.table([("  add to" if a.append else "  write", a.path, a.what) for a in actions])


def _ask(question: str) -> None:
    if not has_terminal():
        raise UsageError("nobody is there to ask", hint="say --yes")
    if not asking.is_agreed(question):
        raise DeclinedError("nothing was done")


@app.command()
def create(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it does, as people will say it.")],
    template: Annotated[str, typer.Option(help="plain, change or checklist.")] = "plain",
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The file's name, when it is not to be the title's.")
    ] = None,
    json: Json = False,
) -> None:
    """Write a new runbook from a template. Never overwrites."""
    from runbook.verbs.create import create as verb

    around = surroundings()
    path = verb(workspace(around), title, template=template, name=name, around=around)
    if json:
        show.json({"schema": 1, "path": path})
    else:
        show.say(f"wrote {path}; next: `runbook edit {path}`, then `runbook lint {path}`")


@app.command()
def edit(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    jupyter: Annotated[
        bool, typer.Option("--jupyter", help="In JupyterLab, with a watch that keeps both in step.")
    ] = False,
) -> None:
    """Open a runbook in $EDITOR, then say what lint finds."""
    around = surroundings()
    if jupyter:
        from runbook.verbs.jupyter import edit_in_jupyter

        found = edit_in_jupyter(workspace(around), name, around=around, tell=_say_now)
    else:
        from runbook.verbs.edit import edit as verb

        found = verb(workspace(around), name, around=around)
    for finding in found:
        show.say(f"{finding.path}:{finding.line or 1}: {finding.code}: {finding.message}")


def _say_now(words: str) -> None:
    """Before another program takes the terminal."""
    show.say(words)
    sys.stdout.flush()


@app.command()
def fmt(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when something would.")
    ] = False,
    includes: Annotated[
        bool, typer.Option("--includes", help="Write the digest of the included files, as they are now.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the normal form. Proves that no step's meaning changed; leaves stale approvals out."""
    from runbook.verbs.fmt import fmt as verb

    around = surroundings()
    results = verb(workspace(around), tuple(names or ()), write=not check, fill=includes, around=around)
    if json:
        show.json(
            {
                "schema": 1,
                "runbooks": [{"path": r.path, "changed": r.changed, "error": r.error} for r in results],
            }
        )
    else:
        for result in results:
            if result.error or result.changed:
                word = ("would change" if check else "changed") if result.changed else "left"
                show.say(f"{result.path}: {word}{f'; {result.error}' if result.error else ''}")
        show.say(
            f"{show.many(sum(r.changed for r in results), 'runbook')} {'to change' if check else 'changed'}"
        )
    if any(r.error for r in results) or (check and any(r.changed for r in results)):
        raise typer.Exit(1)


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="A", help="A .py or .ipynb file.")],
    target: Annotated[
        str, typer.Argument(metavar="B", help="A .py, .ipynb or .md file that is not there yet.")
    ],
) -> None:
    """Convert between .py, .ipynb and .md. Never overwrites."""
    from runbook.verbs.convert import convert as verb

    around = surroundings()
    if Path(source).suffix == Path(target).suffix:
        raise InputError("both have the same form", subject=target)
    verb(around.cwd / source, around.cwd / target)
    show.say(f"wrote {target}")
