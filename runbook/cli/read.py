"""The verbs that only read runbooks: `list`, `show`, `find`, `lint`."""

from typing import Annotated, Any

import typer

from runbook.cli import show as screen
from runbook.cli.around import surroundings, workspace

app = typer.Typer(rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A path, a slug, or a unique part of either.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="None: all of them.")]


@app.command("list")
def list_(json: Json = False) -> None:
    """List the runbooks, with approvals and last run."""
    from runbook.system import clock
    from runbook.verbs.listing import listing

    around = surroundings()
    rows = listing(workspace(around), around=around, now=clock.now())
    if json:
        screen.json({"schema": 1, "runbooks": [_listed(row) for row in rows]})
    elif not rows:
        screen.say("no runbooks here; `runbook create TITLE` writes one")
    else:
        screen.table(
            [
                (row.path, row.title, ", ".join(map(_word, row.verdicts)), _last(row.last), row.owner or "-")
                for row in rows
            ],
            heads=("runbook", "title", "may run in", "last run", "owner"),
        )


def _word(verdict: Any) -> str:
    mark = "" if verdict.permitted else "not "
    return f"{mark}{verdict.environment}"


def _last(last: Any) -> str:
    """How it went and on which day; `started` is a stamp, and its first ten characters are the day."""
    return "-" if last is None else f"{last.outcome or 'running'} {last.started[:10]}"


def _listed(row: Any) -> dict[str, object]:
    return {
        "path": row.path,
        "title": row.title,
        "owner": row.owner,
        "text": row.text,
        "verdicts": [
            {"environment": verdict.environment, "verdict": verdict.plain()["verdict"]}
            for verdict in row.verdicts
        ],
        "last": None if row.last is None else {"execution": row.last.id, "outcome": row.last.outcome},
    }


@app.command()
def show(name: Name, json: Json = False) -> None:
    """Show a runbook (steps, parameters, approvals), or an execution (how each step went)."""
    from runbook.cli import describe
    from runbook.verbs import names
    from runbook.verbs import show as verb

    around = surroundings()
    here = workspace(around)
    execution = names.execution_named(here, name, cwd=around.cwd, preferred=names.has_begun)
    if execution is not None:
        describe.execution(here, execution, json=json)
        return
    opened = names.open_runbook(here, name, cwd=around.cwd)
    if json:
        screen.json(verb.plain(opened))
    else:
        describe.runbook(opened)


@app.command()
def find(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="All of them must be in it.")],
    json: Json = False,
) -> None:
    """Find runbooks by words in them; exit 1 when there are none."""
    from runbook.verbs.listing import find as verb

    around = surroundings()
    found = verb(workspace(around), tuple(words))
    if json:
        screen.json({"schema": 1, "found": [{"path": f.path, "line": f.line, "text": f.text} for f in found]})
    else:
        for each in found:
            screen.say(f"{each.path}:{each.line}: {each.text}")
    if not found:
        raise typer.Exit(1)


@app.command()
def lint(names: Names = None, json: Json = False) -> None:
    """Report findings, with codes; exit 1 when there are any. Stale approvals are told, and are none."""
    from runbook.verbs.lint import lint as verb

    around = surroundings()
    linted = verb(workspace(around), tuple(names or ()), around=around)
    findings = linted.findings
    if json:
        fields = ("path", "line", "code", "degree", "message", "hint")
        rows = [{f: getattr(each, f) for f in fields} for each in findings]
        screen.json({"schema": 1, "findings": rows, "stale": [_stale(each) for each in linted.stale]})
    else:
        for each in findings:
            place = f"{each.path}:{each.line}" if each.line else each.path
            screen.say(f"{place}: {each.code}: {each.message}")
            if each.hint:
                screen.say(f"    {each.hint}")
        for old in linted.stale:
            where = ", ".join(old.environments)
            screen.say(f"{old.path}: the approval by {old.principal} for {where} is of another text")
        screen.say(screen.many(len(findings), "finding") if findings else "no findings")
    if findings:
        raise typer.Exit(1)


def _stale(each: Any) -> dict[str, object]:
    return {"path": each.path, "approver": each.principal, "environments": list(each.environments)}
