"""The verbs for a run that lives, died, or has to be undone: `attach`, `stop`, `resume`, `undo`."""

from typing import Annotated, Any

import typer

from runbook.cli import asking, show
from runbook.cli.around import has_terminal, surroundings, workspace
from runbook.errors import LockBusy, NotFoundError, UsageError

app = typer.Typer(rich_markup_mode=None)

Execution = Annotated[str, typer.Argument(metavar="EXECUTION", help="Its name, a part of it, or `latest`.")]


@app.command()
def attach(
    execution: Annotated[
        str | None,
        typer.Argument(metavar="EXECUTION", help="Its name, a part of it, or `latest`; none: list them."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Only look; any number may.")] = False,
    take: Annotated[bool, typer.Option("--take", help="Take over from whoever drives; recorded.")] = False,
) -> None:
    """Come back to a run: shows what was missed and takes the prompt. Alone: lists the runs that live."""
    from runbook.cli import describe, running
    from runbook.verbs import names

    if execution is None:
        _list()
        return
    if watch and take:
        raise UsageError("--watch and --take do not go together")
    around = surroundings()
    here = workspace(around)
    folder = names.require_execution(here, execution, cwd=around.cwd, preferred=names.lives)
    if not watch and not has_terminal():
        raise UsageError("there is no terminal to answer at", hint="add --watch to look only")
    record = running.planned_record(folder)
    with _visit(folder, around, watch=watch, take=take) as session:
        describe.banner(record)
        try:
            result = running.sit(session, folder, root=here.root, quiet=False, attended=True)
        except KeyboardInterrupt:
            if not watch:
                raise
            return
    raise typer.Exit(running.tell_end(result, here.relative(folder.path), json=False))


def _visit(folder: Any, around: Any, *, watch: bool, take: bool) -> Any:
    """Be let in; when somebody else drives, ask whether to take over."""
    from runbook.verbs import attach as verb

    try:
        return verb.attach(folder, around=around, watch=watch, take=take)
    except LockBusy as error:
        if take or not asking.is_agreed(f"{error.message.partition(':')[0]}. Take over?"):
            raise
    return verb.attach(folder, around=around, take=True)


def _list() -> None:
    from runbook.cli import watching

    watching.status(short=False, json=False)


@app.command()
def stop(
    execution: Execution,
    now: Annotated[bool, typer.Option("--now", help="Interrupt the step that runs.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> None:
    """End a run after the step at work, and seal its record; --now interrupts that step."""
    from runbook.verbs import attach as verb
    from runbook.verbs import names

    around = surroundings()
    here = workspace(around)
    folder = names.require_execution(here, execution, cwd=around.cwd, preferred=names.lives)
    if folder.is_sealed():
        raise NotFoundError(
            "this run has ended", subject=folder.id, hint=f"`runbook audit {folder.id}` shows how"
        )
    verb.stop(folder, around=around, now=now, words=reason)
    when = "now" if now else "after the step at work"
    show.say(f"{folder.id} ends {when}; `runbook status` shows it")


@app.command()
def resume(
    execution: Execution,
    seal: Annotated[bool, typer.Option("--seal", help="Do not go on: seal what there is.")] = False,
) -> None:
    """Go on with a run whose supervisor died; nothing is repeated without you, but setup steps."""
    from runbook.cli import describe, running
    from runbook.verbs import names
    from runbook.verbs import resume as verb

    around = surroundings()
    here = workspace(around)
    folder = names.require_execution(here, execution, cwd=around.cwd, preferred=names.was_left)
    if not seal and not has_terminal():
        raise UsageError("there is no terminal to ask at", hint="--seal only seals what there is")
    if seal:
        verb.seal(here, folder, around=around)
        show.say(f"sealed: {here.relative(folder.path)}; `runbook audit {folder.id}` shows it")
        return
    verb.require_left(folder)
    record = running.planned_record(folder)
    stage = running.Stage(workspace=here, around=around, json=False)
    fetched = running.fetched(stage, record, running.planned_source(folder))
    with verb.resume(here, folder, around=around, fetched=fetched) as session:
        describe.banner(record)
        result = running.sit(session, folder, root=here.root, quiet=False, attended=True)
    raise typer.Exit(running.tell_end(result, here.relative(folder.path), json=False))


@app.command()
def undo(execution: Execution) -> None:
    """Offer the steps that undo what a run did, the latest first; a run of its own, with its own record."""
    from runbook.cli import running
    from runbook.execution import launch
    from runbook.system import clock
    from runbook.verbs import names
    from runbook.verbs import run as runs
    from runbook.verbs import undo as verb

    around = surroundings()
    here = workspace(around)
    folder = names.require_execution(here, execution, cwd=around.cwd, preferred=names.has_begun)
    names.require_begun(folder)
    if not has_terminal():
        raise UsageError("there is no terminal to ask at", hint="run it from a terminal")
    with launch.ahead(around) as ahead:
        made = verb.make_plan(here, folder, around=around, now=clock.now())
        stage = running.Stage(workspace=here, around=around, json=False)
        fetched = running.fetched(stage, made.record, made.source, includes=made.includes)
        running.announce(stage, made.record)
        written = runs.write_plan(here, made, around=around)
        code = running.go(stage, written, made.record, ahead=ahead, fetched=fetched)
    raise typer.Exit(code)
