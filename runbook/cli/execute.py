"""The verbs that run: `plan` and `run`."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from runbook.cli import show
from runbook.cli.around import has_terminal, surroundings, workspace
from runbook.errors import RefusedError, UsageError

app = typer.Typer(rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A path, a slug, or a unique part of either.")]
Values = Annotated[list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter's value.")]
Files = Annotated[
    list[str] | None, typer.Option("--params", metavar="FILE", help="Values from YAML, TOML or JSON.")
]
FromEnv = Annotated[bool, typer.Option("--params-from-env", help="Values from RUNBOOK_PARAM_NAME.")]
Env = Annotated[str | None, typer.Option("--env", help="The environment it may touch.")]
Unattended = Annotated[
    bool, typer.Option("--unattended", help="Ask nothing; needs an approval that allows it.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Run only read-only steps; the kit prints, does not act.")
]
Only = Annotated[list[str] | None, typer.Option("--only", metavar="STEP", help="Only these steps.")]
From = Annotated[str | None, typer.Option("--from", metavar="STEP", help="From this step on.")]
To = Annotated[str | None, typer.Option("--to", metavar="STEP", help="Up to this step.")]
Tags = Annotated[list[str] | None, typer.Option("--tags", metavar="TAG", help="Only steps with these tags.")]
Reason = Annotated[str | None, typer.Option(help="Why it must run although its approval has expired.")]


@app.command()
def plan(
    name: Name,
    p: Values = None,
    params: Files = None,
    params_from_env: FromEnv = False,
    env: Env = None,
    unattended: Unattended = False,
    dry_run: DryRun = False,
    only: Only = None,
    from_: From = None,
    to: To = None,
    tags: Tags = None,
    reason: Reason = None,
    json: Json = False,
) -> None:
    """Write down what would run; nothing is executed. `runbook run EXECUTION` runs it."""
    from runbook.cli import describe, describe_proposal
    from runbook.execution.proposing import Proposal
    from runbook.verbs import run as verb

    around = surroundings()
    here = workspace(around)
    values = verb.Values(arguments=p or (), files=params or (), from_environment=params_from_env)
    terms = _terms(here, env, unattended, dry_run, _selection(only, from_, to, tags), reason)
    made = _planned(here, name, values, terms, around, proposes=True)
    if isinstance(made, Proposal):
        describe_proposal.proposed(made, here, verb.write_proposal(here, made), json=json)
        return
    execution = verb.write_plan(here, made, around=around)
    if json:
        show.json(describe.plain_plan(made.record, here.relative(execution)))
    else:
        describe.plan(made.record)
        show.say(f"planned: {here.relative(execution)}, to be run before {made.record.expires}")
        show.say(f"next: `runbook run {execution.name}`")


def _selection(only: Any, start: Any, end: Any, tags: Any) -> Any:
    from runbook.evidence.planned import Selection

    return Selection(only=_split(only), start=start, end=end, tags=_split(tags))


def _split(words: list[str] | None) -> tuple[str, ...]:
    return tuple(part.strip() for each in words or () for part in each.split(",") if part.strip())


def _terms(here: Any, env: Any, unattended: bool, dry_run: bool, selection: Any, reason: Any) -> Any:
    from runbook.execution.plan import Terms
    from runbook.verbs.run import environment

    return Terms(
        environment=environment(here, env, unattended=unattended),
        unattended=unattended,
        dry_run=dry_run,
        selection=selection,
        expired_reason=reason,
    )


def _planned(here: Any, name: str, values: Any, terms: Any, around: Any, *, proposes: bool = False) -> Any:
    """Decide, ask for what is missing, and plan. Nothing is written: a refusal leaves no trace. `proposes`:
    what lacks nothing but approvals of its exact values becomes a `Proposal`."""
    from runbook.cli import prompts
    from runbook.errors import NotPermitted
    from runbook.system import clock
    from runbook.verbs import run as verb

    ready = verb.gather(here, name, values, around=around)
    if ready.missing:
        verb.require_chance(here, ready, terms, around=around, now=clock.now(), proposes=proposes)
        if has_terminal() and not terms.unattended:
            ready = prompts.ask_for(ready)
    try:
        return prompts.with_reason(
            lambda wanted: verb.make_plan(here, ready, wanted, around=around, now=clock.now()), terms
        )
    except NotPermitted as refusal:
        if not proposes:
            raise
        return verb.propose(ready, terms, refusal=refusal, around=around, now=clock.now())


@app.command()
def run(
    name: Annotated[
        str, typer.Argument(metavar="NAME or PLAN", help="A runbook, or an execution that was planned.")
    ],
    p: Values = None,
    params: Files = None,
    params_from_env: FromEnv = False,
    env: Env = None,
    unattended: Unattended = False,
    dry_run: DryRun = False,
    only: Only = None,
    from_: From = None,
    to: To = None,
    tags: Tags = None,
    reason: Reason = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and come back; see `attach`.")] = False,
    json: Json = False,
) -> None:
    """Run a runbook: step by step with you, or --unattended. Leaves a record under executions/."""
    from runbook.cli.running import Stage
    from runbook.verbs import names
    from runbook.verbs import run as verb

    around = surroundings()
    here = workspace(around)
    values = verb.Values(arguments=p or (), files=params or (), from_environment=params_from_env)
    planned = names.execution_named(here, name, cwd=around.cwd)
    if planned is None:
        terms = _terms(here, env, unattended, dry_run, _selection(only, from_, to, tags), reason)
    elif values != verb.Values() or any((env, unattended, dry_run, only, from_, to, tags, reason)):
        raise UsageError(
            "a plan holds all of that already", subject=planned.id, hint="plan anew to change it"
        )
    stage = Stage(workspace=here, around=around, json=json, detach=detach)
    code = _refusals(
        lambda: _run(stage, planned, lambda: _planned(here, name, values, terms, around)), json=json
    )
    raise typer.Exit(code)


def _run(stage: Any, planned: Any, make: Callable[[], Any]) -> int:
    """Run what is planned in a folder, or what `make` plans now."""
    from runbook.cli import running
    from runbook.evidence.proposal import is_proposed
    from runbook.execution import fetching, launch
    from runbook.system import clock
    from runbook.verbs import run as verb

    with launch.ahead(stage.around) as ahead:
        made = make() if planned is None else None
        if planned is not None and is_proposed(planned):
            verb.promote(stage.workspace, planned, around=stage.around, now=clock.now())
        record = running.planned_record(planned) if made is None else made.record
        if record.kind != "unattended" and not (stage.detach or has_terminal()):
            raise _no_terminal(record, planned)
        source = running.planned_source(planned) if made is None else made.source
        brings = fetching.NO_FILES if made is None else made.includes
        # Refused before anything is written.
        fetched = running.fetched(stage, record, source, includes=brings)
        running.announce(stage, record)
        if made is None:
            return running.go(stage, planned.path, record, ahead=ahead, fetched=fetched)
        execution = verb.write_plan(stage.workspace, made, around=stage.around)
        return running.go(stage, execution, record, ahead=ahead, fetched=fetched)


def _no_terminal(record: Any, planned: Any) -> UsageError:
    """What to do instead: a plan says already whether it asks, and must be made anew to say otherwise."""
    unattended = "say --unattended --env NAME"
    if planned is not None:
        unattended = f"plan it anew: `runbook plan {record.runbook} --env {record.environment} --unattended`"
    return UsageError(
        "there is no terminal to ask at",
        subject=None if planned is None else planned.id,
        hint=f"--detach starts it and `runbook attach` answers later; or {unattended}",
    )


def _refusals(go: Callable[[], int], *, json: bool) -> int:
    """The exit code of `go`; with `json` a refusal is an outcome like the others, told in the last line."""
    from runbook.cli import describe, running

    try:
        return go()
    except RefusedError as error:
        if not json:
            raise
        show.error(error, json=False)
        show.json(describe.plain_refusal(error))
        return running.OUTCOME_CODES["refused"]
