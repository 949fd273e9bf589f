"""Longer pictures: a runbook, a review, a plan, a verdict, an execution. Renders values; decides nothing."""

from collections.abc import Sequence
from typing import Any

import msgspec

from runbook.cli import describe_files, show
from runbook.errors import RefusedError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlanRecord
from runbook.evidence.summary import Summary, summary
from runbook.execution.session import Result
from runbook.instants import stamp
from runbook.text.literals import plain
from runbook.text.runbook import Entry, Header, Runbook, Step
from runbook.verbs.names import Opened
from runbook.verbs.review import Review
from runbook.verbs.show import require_runbook
from runbook.verbs.verify import Answer, Judged
from runbook.workspace import Workspace


def runbook(opened: Opened) -> None:
    """`show NAME`: what it is, its parameters, steps and approvals."""
    found = require_runbook(opened)
    header = found.header
    show.painted(found.title, "bold")
    show.table([("path", opened.path), ("text", found.text), *_header(header)])
    _parameters(found)
    show.say("\nsteps:")
    show.table(
        [(f"  {step.index + 1}", step.name, step.kind, _options(step), step.title) for step in found.steps]
    )
    if header.approvals:
        show.say(f"\napprovals, as the text claims them; nothing was checked: `runbook verify {opened.path}`")
    else:
        show.say("\nno approvals")
    show.table([_approval(entry, found) for entry in header.approvals])
    for note in found.notes:
        show.say(f"not in normal form, line {note.line}: {note.message}")


def _header(header: Header) -> list[tuple[str, str]]:
    """What the header says: words for people, and what is handed to the steps."""
    return [
        ("owner", header.owner or "-"),
        ("for", ", ".join(header.environments) or "any environment"),
        *([("about", header.description)] if header.description else []),
        *([("variables", ", ".join(header.env))] if header.env else []),
        *([("agent", "steps may use your ssh-agent to log in")] if header.agent else []),
        *([("includes", ", ".join(header.includes.paths))] if header.includes else []),
    ]


def _parameters(found: Runbook) -> None:
    if not found.parameters:
        return
    show.say("\nparameters:")
    show.table(
        [
            (
                f"  {each.name}",
                each.type_text,
                "required" if each.default_source is None else each.default_source,
                each.help,
            )
            for each in found.parameters
        ]
    )


def _options(step: Step) -> str:
    words = list(step.tags)
    if step.timeout_seconds:
        words.append(f"timeout={step.timeout_seconds}")
    if step.retries:
        words.append(f"retries={step.retries}")
    words += [
        f"{name}={value}"
        for name, value in (("when", step.when), ("undoes", step.undoes), ("checks", step.checks))
        if value
    ]
    return " ".join(words) or "-"


def _approval(entry: Entry, found: Runbook) -> tuple[str, ...]:
    state = "of this text" if entry.text == found.text else "STALE: of another text"
    return (
        f"  {entry.principal}",
        ", ".join(entry.environments),
        entry.allows,
        f"until {stamp(entry.expires)}",
        state,
    )


def review(found: Review) -> None:
    """Everything a reviewer should see before signing: what will really run, and what is odd about it."""
    book = found.runbook
    show.painted(f"{book.title}  ({found.path})", "bold")
    show.table(_header(book.header))
    _parameters(book)
    for step in book.steps:
        show.painted(
            f"\n--- {step.index + 1} {step.name}: {step.kind}, {_options(step)}  {step.title}", "cyan"
        )
        for number, line in enumerate(step.cell.source.split("\n"), step.cell.source_line):
            show.quoted(f"{number:5} | ", line)
    if found.difference is not None:
        show.painted(f"\nchanged since the approved text {found.since}:", "bold")
        for line in found.difference:
            colour = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
            show.quoted("  ", line, colour)
    if found.files is not None:
        describe_files.reviewed(found.files)
    if found.unusual:
        show.painted("\ncharacters outside ASCII:", "yellow")
        show.table([(f"  line {line}", name) for line, name in found.unusual])
    if found.findings:
        show.painted("\nfindings:", "yellow")
        show.table([(f"  line {each.line or 1}", each.code, each.message) for each in found.findings])
    show.painted("\nyou would sign:", "bold")
    for line in found.statement.decode("utf-8").rstrip("\n").split("\n"):
        show.quoted("  ", line)
    show.say("")


def verdicts(answer: Answer) -> None:
    """`verify`: one line a verdict, and below it everything that led to it."""
    for each in answer.runbooks:
        word = "permitted" if each.permitted else "REFUSED"
        title = word if not each.permitted or each.approved else "permitted, NOT APPROVED (none is needed)"
        kind = "unattended" if each.unattended else "interactive"
        show.painted(
            f"{each.path}  {each.environment}, {kind}: {title}", "green" if each.permitted else "red"
        )
        show.say(f"  trust: {each.trust}")
        for counted in each.counted:
            show.say(f"  counts: {counted.principal}, {counted.allows}, until {stamp(counted.expires)}")
        needed = not each.permitted or each.approved
        for other in each.not_counted if needed else ():
            show.say(f"  does not count: {other.principal}: {other.code}: {other.message}")
        for reason in each.reasons:
            line = "" if reason.line is None else f"line {reason.line}: "
            show.say(f"  {reason.code}: {line}{reason.message}")
            if reason.hint:
                show.say(f"    next: {reason.hint}")
    for judged in answer.executions:
        execution_verdict = judged.verdict
        good = execution_verdict.verdict in ("VALID", "VALID-UNANCHORED")
        outcome = execution_verdict.outcome or "no outcome"
        show.painted(
            f"{execution_verdict.id}  {execution_verdict.verdict} ({outcome})", "green" if good else "red"
        )
        for finding in execution_verdict.findings:
            place = "" if finding.file is None else f"{finding.file}: "
            if finding.line:
                place = f"{finding.file}:{finding.line}: "
            show.say(f"  {finding.code}: {place}{finding.message}")
        for note in judged.notes:
            show.say(f"  note: {note.code}: {note.message}")
        for line in _MEANINGS.get(execution_verdict.verdict, ()):
            show.say(f"  {line}")
    if not answer.runbooks and not answer.executions:
        show.say("nothing to verify: no runbooks here; `runbook create TITLE` writes one")


_MEANINGS: dict[str, tuple[str, ...]] = {
    "UNSIGNED": (
        "everything in it fits together, but nobody signed the seal:",
        "whoever can write the folder could have written all of it. This version does not sign seals yet.",
        "  next: keep a copy of finish.txt where that person can't write, and compare it when it matters",
    ),
    "INCOMPLETE": (
        "it never came to a seal: nothing is wrong with what is there, and the end is missing.",
        "  next: `runbook status` says whether it still runs",
    ),
    "TAMPERED": (
        "something is not what it was when it was written.",
        "  next: leave the folder as it is, and compare it with a copy from elsewhere",
    ),
    "UNVERIFIABLE": (
        "something that is needed can't be read, so nothing can be said.",
        "  next: mend what is named above, or use the version of runbook that wrote it",
    ),
}
"""What a verdict that is not VALID means, and what to do."""


def plain_execution(judged: Judged) -> dict[str, object]:
    """`verify --json`: the verdict on one execution."""
    verdict = judged.verdict
    findings = [
        {"code": each.code, "message": each.message, "file": each.file, "line": each.line}
        for each in verdict.findings
    ]
    return {
        "id": verdict.id,
        "verdict": verdict.verdict,
        "outcome": verdict.outcome,
        "findings": findings,
        "notes": msgspec.to_builtins(judged.notes),
    }


def banner(record: PlanRecord) -> None:
    """The first lines of a run."""
    mark = "" if record.approved else "  NOT APPROVED"
    dry = "  DRY RUN" if record.dry_run else ""
    show.painted(f"{record.title}  [{record.environment}]{mark}{dry}", "bold")
    if record.expired_reason is not None:
        show.painted(f"its approval has EXPIRED; reason: {record.expired_reason}", "red")
    _values(record)
    show.table(_reach(record))
    skipped = [step for step in record.steps if step.will == "skip" and step.kind != "prose"]
    if skipped:
        show.say(f"will be skipped: {', '.join(f'{step.name} ({step.why})' for step in skipped)}")
    left_out = [step.name for step in skipped if step.why == "dry-run" and "setup" in step.tags]
    if left_out:
        words = "a dry run leaves setup out: where a step changes nothing, tag it read-only, too"
        show.say(f"  {words} ({', '.join(left_out)})")


def _reach(record: PlanRecord) -> list[tuple[str, str]]:
    """What steps get beside their values, where it is more than usual."""
    return [
        *([("  variables", ", ".join(record.variables))] if record.variables else []),
        *([("  agent", "steps may use your ssh-agent to log in")] if record.agent else []),
        *([("  includes", show.many(len(record.includes), "file"))] if record.includes else []),
    ]


def _values(record: PlanRecord) -> None:
    show.table(
        [
            (
                f"  {v.name}",
                f"= {plain(v.literal) if v.literal is not None else f'(secret: {v.source})'}",
                f"({v.origin})",
            )
            for v in record.values
        ]
    )


def plan(record: PlanRecord) -> None:
    """`plan`: what would run."""
    banner(record)
    show.table(
        [
            (f"  {step.index + 1}", step.name, step.kind, step.will, step.why or step.title)
            for step in record.steps
            if step.kind != "prose"
        ],
        heads=("   ", "step", "kind", "will", ""),
    )


def plain_plan(record: PlanRecord, shown: str) -> dict[str, object]:
    """`plan --json`."""
    return {
        "schema": 1,
        "execution": shown,
        "runbook": record.runbook,
        "title": record.title,
        "text": record.text,
        "environment": record.environment,
        "kind": record.kind,
        "dry_run": record.dry_run,
        "approved": record.approved,
        "trust": record.trust,
        "expires": record.expires,
        "variables": list(record.variables),
        "agent": record.agent,
        "includes": [
            {"path": each.path, "executable": each.executable, "sha256": each.sha256}
            for each in record.includes
        ],
        "parameters": [
            {"name": value.name, "type": value.type_text, "literal": value.literal, "origin": value.origin}
            for value in record.values
        ],
        "steps": [
            {"name": step.name, "kind": step.kind, "will": step.will, "why": step.why}
            for step in record.steps
            if step.kind != "prose"
        ],
    }


def ended(result: Result, shown: str) -> None:
    """The last lines of a run."""
    colour = {"succeeded": "green", "deviated": "yellow"}.get(result.outcome, "red")
    count = sum(step.state in ("succeeded", "attested", "deviated") for step in result.steps)
    show.painted(f"{result.outcome}: {count} of {show.many(len(result.steps), 'step')} done", colour)
    show.say(f"record: {shown}/")
    if result.sealed and (result.execution / "audit.md").is_file():  # before, a step can have put it there
        show.say(f"audit:  {shown}/audit.md")
    if not result.sealed:
        name = result.execution.name
        show.say(f"  it is not sealed: `runbook resume {name}` goes on with it; --seal only seals")


def plain_result(result: Result, shown: str) -> dict[str, object]:
    """`run --json`: the last line. `error` is there when something outside kept the run from going on."""
    plain: dict[str, object] = {
        "schema": 1,
        "execution": shown,
        "outcome": result.outcome,
        "steps": [{"name": step.name, "state": step.state, "seconds": step.seconds} for step in result.steps],
    }
    if result.failure is not None:
        plain["error"] = show.plain_error(result.failure)
    return plain


def plain_refusal(error: RefusedError) -> dict[str, object]:
    """`run --json` of what may not run: the same shape, with nothing in it but why."""
    return {
        "schema": 1,
        "execution": None,
        "outcome": "refused",
        "steps": [],
        "error": show.plain_error(error),
    }


def summaries(rows: Sequence[Summary]) -> None:
    """`history`: one line an execution."""
    show.table(
        [
            (
                row.id,
                row.outcome or _unfinished(row),
                row.environment + ("" if row.approved else " (not approved)"),
                row.operator,
                row.title + (" (dry run)" if row.dry_run else ""),
            )
            for row in rows
        ],
        heads=("execution", "outcome", "environment", "operator", "title"),
    )


def _unfinished(row: Summary) -> str:
    """How an execution without an outcome stands."""
    return "running" if row.alive else "proposed" if row.proposed else "planned"


def plain_summary(row: Summary, shown: str) -> dict[str, Any]:
    """`history --json`: one execution, and where it lies."""
    return {
        "execution": shown,
        "id": row.id,
        "runbook": row.runbook,
        "title": row.title,
        "environment": row.environment,
        "kind": row.kind,
        "dry_run": row.dry_run,
        "approved": row.approved,
        "operator": row.operator,
        "created": row.created,
        "started": row.started,
        "ended": row.ended,
        "outcome": row.outcome,
        "sealed": row.sealed,
        "alive": row.alive,
        "steps": [{"name": step.name, "state": step.state} for step in row.steps],
        "problem": row.problem,
    }


def execution(workspace: Workspace, folder: ExecutionFolder, *, json: bool) -> None:
    """`show EXECUTION`: how each step went."""
    found = summary(folder)
    if json:
        show.json({"schema": 1, **plain_summary(found, workspace.relative(folder.path))})
        return
    show.painted(f"{found.title}  [{found.environment}]{'' if found.approved else '  NOT APPROVED'}", "bold")
    show.table(
        [
            ("execution", workspace.relative(folder.path)),
            ("runbook", found.runbook),
            ("outcome", found.outcome or _unfinished(found)),
            ("operator", found.operator),
            ("started", found.started or "-"),
            ("ended", found.ended or "-"),
        ]
    )
    show.table(
        [
            (f"  {step.name}", step.state, "-" if step.ms is None else f"{step.ms / 1000:.1f} s")
            for step in found.steps
        ]
    )
    if found.problem:
        show.painted(f"problem: {found.problem}", "red")
