"""The audit, `audit.md`: what happened, for people who were not there, written from the account. Pure.

Who, what, when, where, on whose approvals, with which values; then each step with its state, times, source,
outputs, questions and answers; what is missing; and how to check it. The same account gives the same bytes.
What steps, values and people said is `Said` or a `Listing`, so that it stays inert whatever it is.
"""

from collections.abc import Iterator, Sequence

from runbook.evidence import audit_kit, audit_steps, markdown
from runbook.evidence.account import RENDERER, Account
from runbook.evidence.events import Event
from runbook.evidence.messages import Get
from runbook.evidence.page import Block, Facts, Heading, Page, Paragraph, Said, Words
from runbook.evidence.plan import CountedApproval, PlannedValue
from runbook.evidence.states import StepStanding

_MEANING = {
    "succeeded": "every step that was to run succeeded",
    "deviated": "every step that was to run succeeded, but not as it was reviewed",
    "failed": "a step failed",
    "stopped": "it was stopped, or left unfinished, by a person",
    "refused": "it was refused before the first step",
    "unknown": "how it ended is not known: nothing may be taken as done that is not said to be",
    None: "it is not over yet",
}


def render(account: Account, sources: Sequence[str], *, get: Get) -> bytes:
    """The bytes of `audit.md`. Raises EvidenceDamaged when a blob is gone or changed."""
    return markdown.render(page(account, sources, get=get)).encode("utf-8")


def page(account: Account, sources: Sequence[str], *, get: Get) -> Page:
    """The audit, before it becomes markdown or HTML. `sources`: each step's source, in the plan's order."""
    return Page(
        title=f"{account.plan.title} · {account.standing.outcome or 'running'}",
        blocks=(
            *_top(account),
            *_what(account),
            *_who(account),
            *_when(account),
            *_approvals(account),
            *_values(account),
            *_overview(account),
            *audit_steps.blocks(account, sources, get=get),
            *_attached(account),
            *_missing(account),
            *_timeline(account),
            *_check(account),
        ),
    )


def _top(account: Account) -> Iterator[Block]:
    plan, outcome = account.plan, account.standing.outcome
    flags = "".join(
        flag
        for flag, is_set in (
            ("NOT APPROVED · ", not plan.approved),
            ("DRY RUN · ", plan.dry_run),
            ("EXPIRED APPROVAL · ", plan.expired_reason is not None),
        )
        if is_set
    )
    yield Heading(1, (f"{flags}Audit of ", Said(plan.title), f": {outcome or 'running'}"))
    yield Paragraph((f"{(outcome or 'running').capitalize()}: {_MEANING[outcome]}.",))
    if not plan.approved:
        yield Paragraph(
            ("NOT APPROVED: in ", Said(plan.environment), " nobody had to approve it."), loud=True
        )
    if plan.dry_run:
        yield Paragraph(("DRY RUN: only steps tagged read-only ran; nothing was to be changed.",), loud=True)
    if plan.expired_reason is not None:
        yield Paragraph(
            ("EXPIRED APPROVAL: it was run all the same, with the reason ", Said(plan.expired_reason), "."),
            loud=True,
        )
    if account.standing.foreign:
        yield Paragraph(
            ("FOREIGN CODE: another client ran code in the kernel; see what is missing.",), loud=True
        )


def _what(account: Account) -> Iterator[Block]:
    plan = account.plan
    yield Heading(2, ("What ran",))
    rows: list[tuple[str, Words]] = [
        ("execution", (Said(plan.id),)),
        ("runbook", (Said(plan.runbook),)),
        ("text", (Said(plan.text),)),
        ("steps", (Said(plan.steps_digest),)),
        ("environment", (Said(plan.environment),)),
        ("kind", (Said(plan.kind),)),
    ]
    if plan.commit:
        state = {True: ", nothing changed since", False: ", with changes that were not committed"}
        rows.append(
            ("commit", (Said(plan.commit), state.get(plan.clean, "") if plan.clean is not None else ""))
        )
    if plan.workspace:
        rows.append(("workspace", (Said(plan.workspace),)))
    if plan.selection:
        rows.append(("selection", _listed(plan.selection)))
    yield Facts(tuple(rows))


def _who(account: Account) -> Iterator[Block]:
    plan = account.plan
    yield Heading(2, ("Who and where",))
    rows: list[tuple[str, Words]] = [
        ("operator", (Said(plan.operator), " (claimed by the login)")),
        ("host", (Said(plan.host),)),
        ("interpreter", (Said(plan.interpreter),)),
        ("trust", (Said(plan.trust),)),
    ]
    rows += [
        (
            "kernel",
            (
                Said(event.text("implementation")),
                ", Python ",
                Said(event.text("python")),
                f", process {event.number('pid')}",
            ),
        )
        for event in account.kernels
    ]
    rows += [("version", (Said(name), " ", Said(text))) for name, text in sorted(plan.versions.items())]
    if plan.variables:
        rows.append(("variables that passed", _listed(plan.variables)))
    yield Facts(tuple(rows))


def _listed(names: Sequence[str]) -> Words:
    parts: list[str | Said] = []
    for name in names:
        parts += [", ", Said(name)] if parts else [Said(name)]
    return tuple(parts)


def _when(account: Account) -> Iterator[Block]:
    plan = account.plan
    yield Heading(2, ("When",))
    rows: list[tuple[str, Words]] = [
        ("planned", (Said(plan.created), ", to be run before ", Said(plan.expires)))
    ]
    if account.first and account.last:
        rows.append(("first event", (Said(account.first),)))
        rows.append(("last event", (Said(account.last),)))
        rows.append(("between them", (audit_steps.seconds(account.nanoseconds // 1_000_000),)))
    yield Facts(tuple(rows))
    yield Paragraph(
        ("Times of day are claims of that machine's clock; durations are from its monotonic clock.",)
    )


def _approvals(account: Account) -> Iterator[Block]:
    yield Heading(2, ("Approvals that counted",))
    counted = account.plan.counted
    if not counted:
        yield Paragraph(("None.",))
        return
    yield Facts(tuple(("", _approval(approval)) for approval in counted))


def _approval(approval: CountedApproval) -> Words:
    signed: Words = (Said(approval.principal), ", statement ", Said(approval.approval))
    key: Words = (", key ", Said(approval.fingerprint))
    return (*signed, *key, ", issued ", Said(approval.issued), ", expires ", Said(approval.expires))


def _values(account: Account) -> Iterator[Block]:
    yield Heading(2, ("Parameters",))
    if not account.plan.values:
        yield Paragraph(("None.",))
        return
    yield Facts(tuple(("", _value(value)) for value in account.plan.values))


def _value(value: PlannedValue) -> Words:
    what: Words = ("a secret, never written",) if value.literal is None else (Said(value.literal),)
    if value.source is not None:
        what = ("a secret from ", Said(value.source), ", never written")
    return (Said(value.name), ": ", Said(value.type_text), " = ", *what, ", from ", Said(value.origin))


def _overview(account: Account) -> Iterator[Block]:
    yield Heading(2, ("Steps",))
    rows = tuple(("", _row(standing)) for standing in account.standing.steps)
    yield Facts(rows) if rows else Paragraph(("None.",))


def _row(standing: StepStanding) -> Words:
    row: list[str | Said] = [Said(standing.name), f": {standing.state}"]
    if standing.ms is not None:
        row.append(f" in {audit_steps.seconds(standing.ms)}")
    if len(standing.attempts) > 1:
        row.append(f", {len(standing.attempts)} attempts")
    if standing.why:
        row += [", ", Said(standing.why)]
    return tuple(row)


def _attached(account: Account) -> Iterator[Block]:
    """The files that steps handed over, if any."""
    kept = account.attached
    if not kept.first:
        return
    yield Heading(2, ("Files that steps attached",))
    rows = [_file(event) for event in kept.first]
    if kept.left_out:
        rows.append(("", (f"{kept.left_out} more are in the journal",)))
    yield Facts((*rows, *(_file(event) for event in kept.last)))


def _file(event: Event) -> tuple[str, Words]:
    by: Words = (", by the step ", Said(event.text("step"))) if event.text("step") else ()
    return "", (*audit_kit.attached(event), *by)


def _missing(account: Account) -> Iterator[Block]:
    standing = account.standing
    rows: list[tuple[str, Words]] = []
    events = (*account.timeline.first, *account.timeline.last)
    for event in events:
        if event.kind in ("gap", "truncated", "foreign"):
            rows.append(("", (Said(event.t), f" {event.kind}: ", *audit_steps.told(event))))
    if account.torn:
        rows.append(("", (f"the journal's last line was cut; {account.torn} bytes of it are left",)))
    if standing.running is not None and standing.outcome is not None:
        rows.append(("", ("nothing says how the step ", Said(standing.running), " ended")))
    yield Heading(2, ("What is missing",))
    yield Facts(tuple(rows)) if rows else Paragraph(("Nothing that is known of.",))


def _timeline(account: Account) -> Iterator[Block]:
    yield Heading(2, ("In the order it happened",))
    timeline = account.timeline
    rows = [_moment(event) for event in timeline.first]
    if timeline.left_out:
        rows.append(("", (f"{timeline.left_out} more events are in the journal",)))
    rows += [_moment(event) for event in timeline.last]
    yield Facts(tuple(rows)) if rows else Paragraph(("Nothing.",))


def _moment(event: Event) -> tuple[str, Words]:
    step = event.text("step")
    about: Words = (" ", Said(step)) if step else ()
    return "", (Said(event.t), " ", Said(event.kind), *about, *audit_steps.short(event))


def _check(account: Account) -> Iterator[Block]:
    yield Heading(2, ("How to check this",))
    yield Facts(
        (
            ("journal", (f"{account.length} lines, the last one's sha256 is ", Said(account.head))),
            ("renderer", (f"version {RENDERER}",)),
        )
    )
    yield Paragraph(
        (
            "This page and the record follow from journal, plan and text alone. ",
            Said(f"runbook verify {account.plan.id}"),
            " checks the chain of the journal, every file, and that rendering again gives this page; ",
            Said("sha256sum -c finish.txt"),
            " checks the files without it.",
        )
    )
