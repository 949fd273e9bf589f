"""The verbs of pairs: `sync`, `watch`, `resolve`, `versions`, `restore`, `diff`."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from runbook.cli import show
from runbook.cli.around import surroundings, workspace
from runbook.errors import RunbookError, UsageError

app = typer.Typer(rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A path of either side, a slug, or a unique part.")]
Outputs = Annotated[
    Literal["drop", "mark-stale"],
    typer.Option(help="Outputs of a cell whose source was changed in the text."),
]


@app.command()
def sync(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="None: all pairs.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when something would be.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="What is empty or suddenly much smaller is meant so.")
    ] = False,
    outputs: Outputs = "drop",
    json: Json = False,
) -> None:
    """Bring texts and notebooks in step, by what they say; no edit is lost. Exit 1 when some are not."""
    from runbook.pairing.session import Options
    from runbook.system import clock
    from runbook.system.turns import Wait
    from runbook.verbs.sync import sync as verb

    around = surroundings()
    notes: list[str] = []
    wait = Wait(tell=show.warn)
    options = Options(outputs=outputs, accept=accept, check=check, tell=notes.append, wait=wait)
    reports = verb(workspace(around), tuple(names or ()), options=options, around=around, now=clock.now())
    notes = list(dict.fromkeys(notes))
    if json:
        _json_reports(reports, notes)
    else:
        _say_notes(notes)
        _say_reports(reports, check=check)
    _end(reports, check=check)


def _json_reports(reports: Sequence[Any], notes: Sequence[str] = ()) -> None:
    import msgspec

    pairs = [msgspec.to_builtins(report) for report in reports]
    show.json({"schema": 1, "pairs": pairs, "notes": list(notes)})


def _say_notes(notes: Sequence[str]) -> None:
    for note in notes:
        show.say(f"note: {note}")


def _say_reports(reports: Sequence[Any], *, check: bool = False) -> None:
    from runbook.pairing.wording import line_of, notes_of

    silent = 0
    for report in reports:
        if report.action == "unchanged" or (report.action == "recorded" and not report.notes):
            silent += 1
            continue
        show.say(f"{'would: ' if check and report.is_settled else ''}{line_of(report)}")
        for line in notes_of(report):
            show.say(line)
    if silent == len(reports):
        show.say(f"{show.many(silent, 'pair')} in step" if reports else "no pairs here")


def _end(reports: Sequence[Any], *, check: bool = False) -> None:
    """6 when something outside did not let us, 1 when a person has to look, 0 when all is in step."""
    actions = {report.action for report in reports if not report.is_settled}
    if "blocked" in actions:
        raise typer.Exit(6)
    if actions or (check and any(report.wrote_text or report.wrote_notebook for report in reports)):
        raise typer.Exit(1)


@app.command()
def watch(
    once: Annotated[bool, typer.Option("--once", help="Look once, like `sync`.")] = False,
    poll: Annotated[
        Literal["auto", "always", "never"], typer.Option(help="Whether to compare time after time.")
    ] = "auto",
    status: Annotated[bool, typer.Option("--status", help="Say who watches, and how it goes.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the watch of this workspace.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Watch without this terminal.")] = False,
    log: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write JSON lines to FILE instead of printing.")
    ] = None,
    print_unit: Annotated[bool, typer.Option("--print-unit", help="Print a systemd user unit.")] = False,
    json: Json = False,
) -> None:
    """Keep texts and notebooks in step while they are edited, in both directions."""
    if sum((once, status, stop, detach, print_unit)) > 1:
        raise UsageError("only one of --once, --status, --stop, --detach and --print-unit at a time")
    if once:
        sync(json=json)
    elif status:
        _status(json=json)
    elif stop:
        _stop(json=json)
    elif detach:
        _detach(poll, json=json)
    elif print_unit:
        from runbook.verbs.watch import unit

        around = surroundings()
        sys.stdout.write(unit(workspace(around), around=around))
    else:
        _watch(poll, log, json=json)


def _watch(poll: Literal["auto", "always", "never"], log: str | None, *, json: bool) -> None:
    from runbook.pairing.told import Told
    from runbook.verbs import watch as verb

    around = surroundings()
    scene = verb.scene_of(workspace(around), poll=poll, around=around)
    if log is None:
        verb.watch(scene, around=around, tell=_printer(json=json))
        return
    path = around.cwd / Path(log).expanduser()
    write = verb.Log(path)

    def tell(told: Told) -> None:
        write(told)
        if told.code == "started":  # whoever started us has read what there was to read
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), sys.stderr.fileno())

    ended = "ended by a bug in runbook"
    try:
        verb.watch(scene, around=around, tell=tell, log=str(path))
        ended = ""
    except RunbookError as error:
        ended = str(error)
        raise
    finally:
        if ended:
            write(Told(code="problem", message=ended))


def _printer(*, json: bool) -> Callable[[Any], None]:
    from runbook.pairing.told import lines_of, plain
    from runbook.system import clock

    def tell(told: Any) -> None:
        if json:
            show.json(plain(told, at=clock.now()))
            return
        first, *below = lines_of(told)
        show.say(f"{clock.now().astimezone():%H:%M:%S} {first}")
        for line in below:
            show.say(f"         {line}")
        sys.stdout.flush()

    return tell


def _status(*, json: bool) -> None:
    from runbook.pairing import daemon
    from runbook.system import clock
    from runbook.verbs.sync import place_of
    from runbook.verbs.watch import state_of

    around = surroundings()
    place = place_of(workspace(around), around)
    if json:
        show.json(state_of(place, now=clock.now()))
        return
    owner, found = daemon.owner_of(place), daemon.status(place)
    if owner is None:
        show.say("nobody watches here; `runbook watch` starts to")
        return
    show.say(f"process {owner.pid} on {owner.host} watches {owner.root} since {owner.since}")
    if found is not None:
        show.say(f"  {show.many(found.pairs, 'pair')}, by {found.how}")
        for name, message in found.unsettled.items():
            show.say(f"  {name}: {message}")
    if owner.log is not None:
        show.say(f"  its log: {owner.log}")


def _stop(*, json: bool) -> None:
    from runbook.pairing import daemon
    from runbook.verbs.sync import place_of

    around = surroundings()
    owner = daemon.stop(place_of(workspace(around), around), host=around.host)
    if json:
        show.json({"schema": 1, "stopped": owner.pid})
    else:
        show.say(f"stopped process {owner.pid}")


def _detach(poll: Literal["auto", "always", "never"], *, json: bool) -> None:
    import msgspec

    from runbook.verbs.watch import detach

    around = surroundings()
    found = detach(workspace(around), poll=poll, around=around)
    if json:
        show.json(msgspec.to_builtins(found))
    else:
        show.say(f"watching {show.many(found.pairs, 'pair')} as process {found.owner.pid}, by {found.how}")
        show.say(f"  its log: {found.owner.log}; `runbook watch --stop` ends it")


@app.command()
def resolve(
    name: Name,
    take: Annotated[
        Literal["text", "notebook", "both", "edit"] | None,
        typer.Option(help="Whose cells count: the text's, the notebook's, both in turn, or what you edit."),
    ] = None,
    json: Json = False,
) -> None:
    """Settle what both sides changed. What does not count stays in the versions. Without --take: say what is
    disputed."""
    from runbook.system import clock
    from runbook.verbs.resolve import resolve as verb

    around = surroundings()
    report = verb(workspace(around), name, take=take, around=around, now=clock.now())
    if json:
        _json_reports([report])
    else:
        _say_reports([report])
    _end([report])


@app.command()
def versions(name: Name, json: Json = False) -> None:
    """List what is kept of a pair: every version of either side, oldest first."""
    from runbook.verbs.versions import versions as verb

    around = surroundings()
    notes: list[str] = []
    path, found = verb(workspace(around), name, around=around, tell=notes.append)
    if json:
        import msgspec

        kept = [msgspec.to_builtins(each) for each in found]
        show.json({"schema": 1, "path": path, "versions": kept, "notes": notes})
        return
    _say_notes(notes)
    show.table(
        [
            (f"@{each.number}", each.stamp, each.side, each.by, f"{each.size_bytes}", each.digest[7:19])
            for each in found
        ],
        heads=("version", "when", "side", "how", "bytes", "digest"),
    )


@app.command()
def restore(
    name: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="As `versions` lists it.")],
    json: Json = False,
) -> None:
    """Put an old version back as the working file. What stands there is kept as a version."""
    from runbook.system import clock
    from runbook.verbs.restore import restore as verb

    around = surroundings()
    notes: list[str] = []
    path, report = verb(workspace(around), name, around=around, now=clock.now(), tell=notes.append)
    if json:
        import msgspec

        show.json({"schema": 1, "path": path, "pair": msgspec.to_builtins(report), "notes": notes})
    else:
        _say_notes(notes)
        show.say(f"restored {path}")
        _say_reports([report])
    _end([report])


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="NAME@VERSION, NAME, or an execution.")],
    second: Annotated[str, typer.Argument(metavar="B", help="NAME@VERSION, NAME, or an execution.")],
    json: Json = False,
) -> None:
    """Compare two versions, two texts, an execution and a text, or two executions by step; exit 1 when they
    differ."""
    from runbook.verbs.diff import diff as verb
    from runbook.verbs.diff import executions_of

    around = surroundings()
    where = workspace(around)
    both = executions_of(where, first, second, around=around)
    if both is not None:
        _diff_executions(both, json=json)
        return
    found = verb(where, first, second, around=around)
    if json:
        show.json({"schema": 1, "a": first, "b": second, "same": not found, "diff": found})
    elif found:
        show.block(found)
    if found:
        raise typer.Exit(1)


def _diff_executions(both: Sequence[Any], *, json: bool) -> None:
    import msgspec

    from runbook.verbs.compare import executions

    one, other = both
    found = executions(one, other)
    if json:
        plain = [msgspec.to_builtins(each) for each in found]
        show.json({"schema": 1, "a": one.id, "b": other.id, "same": not found, "differences": plain})
    elif found:
        show.say(f"--- {one.id}")
        show.say(f"+++ {other.id}")
        for each in found:
            show.say(each.what if each.step is None else f"step {each.step}: {each.what}")
            show.block("\n".join(each.diff))
    if found:
        raise typer.Exit(1)
