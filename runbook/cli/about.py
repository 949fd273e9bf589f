"""The verbs about the program itself: `doctor`, `config`, `version`, `demo`."""

from typing import Annotated, Any

import typer

from runbook.cli import show
from runbook.cli.around import surroundings, workspace

app = typer.Typer(rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def version(json: Json = False) -> None:
    """Print the version."""
    from runbook import __version__

    if json:
        show.json({"schema": 1, "version": __version__})
    else:
        show.say(f"runbook {__version__}")


@app.command()
def config(json: Json = False) -> None:
    """Show each setting and where it came from."""
    around = surroundings()
    settings = workspace(around).settings
    rows = [
        (name, getattr(settings, name), settings.origins[name])
        for name in settings.__struct_fields__
        if name != "origins"
    ]
    if json:
        show.json({"schema": 1, "settings": [{"name": n, "value": v, "origin": o} for n, v, o in rows]})
    else:
        show.table(
            [(name, _spelled(value), origin) for name, value, origin in rows],
            heads=("setting", "value", "from"),
        )


def _spelled(value: object) -> str:
    if value is None:
        return "-"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


@app.command()
def doctor(json: Json = False) -> None:
    """Say what is installed and what is wrong; exit 1 when something is."""
    from runbook.verbs.doctor import examine

    checks = examine(surroundings())
    if json:
        fields = ("name", "state", "words", "next")
        show.json({"schema": 1, "checks": [{f: getattr(check, f) for f in fields} for check in checks]})
    else:
        longest = max(len(check.name) for check in checks)
        for check in checks:
            show.say(f"{_MARKS[check.state]:5}  {check.name:{longest}}  {check.words}")
            if check.next:
                show.say(f"{'':5}  {'':{longest}}  next: {check.next}")
        show.say(_counted(checks))
    if any(check.state == "wrong" for check in checks):
        raise typer.Exit(1)


def _counted(checks: Any) -> str:
    """The last line: what it all comes to."""
    wrong = sum(check.state == "wrong" for check in checks)
    missing = sum(check.state == "missing" for check in checks)
    if wrong:
        return f"{show.many(wrong, 'thing')} wrong: see the lines with {_MARKS['wrong']}"
    return f"all is well; {show.many(missing, 'thing')} not set up" if missing else "all is well"


_MARKS = {"well": "ok", "missing": "--", "wrong": "WRONG"}


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the workspace it was shown in.")] = False,
) -> None:
    """Go the whole way in a throw-away workspace: write, review, sign, verify, run, read the audit."""
    from runbook.cli.tour import tour

    tour(keep=keep)
