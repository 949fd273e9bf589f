"""The audit's steps: each with state, times, source, attempts, outputs, and what was said about it. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from runbook.canonical import canonical_json, hex_digest
from runbook.evidence import audit_kit, inert, messages
from runbook.evidence.account import Account, AttemptAccount, Remarks, StepAccount, whose
from runbook.evidence.events import Event
from runbook.evidence.outputs import Outputs, Rich, Text
from runbook.evidence.page import Block, Facts, Heading, Listing, Paragraph, Picture, Said, Words
from runbook.text.edited import difference

_OUTPUT_ROOM = inert.Room(head_lines=200, tail_lines=50, head_characters=32_000, tail_characters=8_000)
_WITHDRAWN_ROOM = inert.Room(head_lines=10, tail_lines=5, head_characters=1_000, tail_characters=500)
_PICTURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_OUTPUTS_SHOWN = 200  # outputs of one attempt that are shown, half of them from its end
_KEYS = 40  # keys of a remark that are shown
_SHORT_KEYS = (
    "attempt",
    "state",
    "asks",
    "choice",
    "reason",
    "how",
    "by",
    "principal",
    "what",
    "outcome",
    "returncode",
)
_AGENT_KEYS = ("what", "key", "user", "reason", "signed", "refused")
_SHORT = 200  # characters of a remark in a list


def seconds(ms: int) -> str:
    """Milliseconds as people read them."""
    return f"{ms // 1000}.{ms % 1000:03} s"


def blocks(account: Account, sources: Sequence[str], *, get: messages.Get) -> Iterator[Block]:
    """Every step in the order of the text, then what belongs to none."""
    for step, source in zip(account.steps, sources, strict=True):
        yield from _step(step, source, get)
    if account.elsewhere.items or account.elsewhere.withdrawn:
        yield Heading(3, ("Outside any step",))
        yield from _outputs(account.elsewhere, get)


def _step(step: StepAccount, source: str, get: messages.Get) -> Iterator[Block]:
    planned, standing = step.planned, step.standing
    if standing is None:
        yield Heading(3, ("Prose ", Said(planned.name)))
        yield Listing(source)
        return
    yield Heading(3, ("Step ", Said(planned.name), f": {standing.state}"))
    yield Facts(tuple(_facts(step)))
    yield Listing(source, "python" if planned.kind == "code" else "text")
    for told in step.attempts:
        yield from _attempt(told, planned.source, get)
        yield from _edit(told, source)
    yield from _remarks(step.remarks)


def _facts(step: StepAccount) -> Iterator[tuple[str, Words]]:
    planned, standing = step.planned, step.standing
    if planned.title:
        yield "title", (Said(planned.title),)
    where = f", line {planned.line} of the runbook" if planned.line else ", written in for this run"
    yield "kind", (f"{planned.kind}{where}",)
    if planned.tags:
        yield "tags", (Said(", ".join(planned.tags)),)
    for label, option in (("when", planned.when), ("undoes", planned.undoes), ("checks", planned.checks)):
        if option is not None:
            yield label, (Said(option),)
    if planned.timeout_seconds is not None:
        yield "timeout", (f"{planned.timeout_seconds} s",)
    yield "source", (Said(f"sha256:{planned.source}"),)
    if standing is None or not (standing.why or standing.by or standing.words):
        return
    said: list[str | Said] = [standing.state if not standing.attempts else "passed over"]
    said += [", reason ", Said(standing.why)] if standing.why else []
    said += _by(standing.by)
    said += [", saying ", Said(standing.words)] if standing.words else []
    yield "decision", (*said, *((", at ", Said(standing.when)) if standing.when else ()))


def _attempt(told: AttemptAccount, planned_source: str, get: messages.Get) -> Iterator[Block]:
    attempt = told.attempt
    yield Heading(4, (f"Attempt {attempt.number}: {attempt.state}",))
    rows: list[tuple[str, Words]] = [("started", (Said(attempt.started), *_by(attempt.by)))]
    if attempt.ended is not None:
        took = f", after {seconds(attempt.ms)}" if attempt.ms is not None else ""
        rows.append(("ended", (Said(attempt.ended), took)))
    else:
        rows.append(("ended", ("nothing says so",)))
    if attempt.source != planned_source:
        rows.append(("DEVIATION", ("the source that ran is not the reviewed one: ", Said(attempt.source))))
    if attempt.reason:
        rows.append(("reason", (Said(attempt.reason),)))
    if attempt.error and attempt.error != attempt.reason:
        rows.append(("error", (Said(_cut_line(attempt.error)),)))
    yield Facts(tuple(rows))
    yield from _outputs(told.outputs, get)


def _edit(told: AttemptAccount, source: str) -> Iterator[Block]:
    """What somebody changed for this attempt, and why."""
    attempt = told.attempt
    if attempt.edited is None:
        return
    yield Paragraph(
        ("Edited for attempt ", f"{attempt.number}", *_by(attempt.by), ", saying ", Said(attempt.edited_for))
    )
    yield from _listing(difference(source, attempt.edited), _OUTPUT_ROOM)


def _by(by: str) -> Words:
    return (", by ", *_who(by)) if by else ()


def _who(name: str) -> Words:
    return Said(name), whose(name)


def _whose(event: Event, key: str, value: str) -> Words:
    """The value of one key of an event, with whose word it is where it names somebody."""
    if event.kind == "confirmed" and key == "principal":
        return Said(_cut_line(value)), " (signed)"
    if event.kind != "kit" and key == "by":  # a step may call anything `by`
        return _who(_cut_line(value))
    return (Said(_cut_line(value)),)


def _outputs(outputs: Outputs, get: messages.Get) -> Iterator[Block]:
    items = outputs.items
    half = _OUTPUTS_SHOWN // 2
    shown = items if len(items) <= _OUTPUTS_SHOWN else (*items[:half], *items[-half:])
    for place, item in enumerate(shown):
        if len(shown) < len(items) and place == half:
            yield Paragraph((f"{len(items) - len(shown)} outputs are left out here; the journal has them.",))
        yield from _output(item, get)
    if outputs.above_limit is not None:
        above = outputs.above_limit
        yield Paragraph(
            (
                f"{above.count} more outputs, {above.bytes} bytes, are in the journal; sha256 ",
                Said(above.sha256),
            )
        )
    if outputs.withdrawn is not None:
        gone = outputs.withdrawn
        yield Paragraph((f"Withdrawn by the step, {gone.count} in all (cleared or replaced); of them:",))
        for each in gone.shown:
            yield from _withdrawn(each)


def _withdrawn(item: Text | Rich) -> Iterator[Block]:
    text = item.head + item.tail if isinstance(item, Text) else _words(item.kind, item.content)
    yield from _listing(text, _WITHDRAWN_ROOM)


def _output(item: Text | Rich, get: messages.Get) -> Iterator[Block]:
    late = ", after the step had ended" if item.late else ""
    if isinstance(item, Text):
        yield Paragraph(("Output ", Said(item.name), f"{late}:"))
        if item.left_out:
            room = _OUTPUT_ROOM
            head, tail = inert.cut(item.head, room).head, inert.cut(item.tail, room).tail or item.tail
            size = len(item.head) + len(item.tail) + item.left_out
            yield Listing(head)
            yield _left_out(size - len(head) - len(tail), None, item.sha256)
            yield Listing(tail)
        else:
            yield from _listing(item.head + item.tail, _OUTPUT_ROOM, item.sha256)
        return
    data = _mapping(item.content.get("data"))
    if audit_kit.is_only_kit(data):
        said = _words(item.kind, item.content)
        if said:
            yield Paragraph(("Kit", late, ": ", Said(_cut_line(said))))
        return
    label = {"error": "Error", "execute_result": "Result"}.get(item.kind, "Display")
    yield Paragraph((f"{label}{late}:",))
    text = _words(item.kind, item.content)
    if text:
        yield from _listing(text, _OUTPUT_ROOM)
    yield from _others(data, bool(text), get)


def _words(kind: str, content: Mapping[str, object]) -> str:
    """The plain words of a rich output."""
    if kind == "error":
        return messages.text_of({"type": kind, "content": content})
    words = _mapping(content.get("data")).get("text/plain")
    return words if isinstance(words, str) else ""


def _others(data: Mapping[str, object], has_words: bool, get: messages.Get) -> Iterator[Block]:
    """What a bundle holds besides plain words: pictures shown, everything else named by size and digest."""
    rows: list[tuple[str, Words]] = []
    for mime, value in sorted(data.items()):
        if mime == "text/plain":
            continue
        picture = _picture(mime, value, get)
        if picture is not None:
            yield picture
        elif not has_words and isinstance(value, str) and mime.startswith("text/"):
            yield Paragraph(("As its source, ", Said(mime), ":"))
            yield from _listing(value, _OUTPUT_ROOM)
        else:
            rows.append(("not shown", _digest(mime, value)))
    if rows:
        yield Facts(tuple(rows))


def _digest(mime: str, value: object) -> Words:
    if isinstance(value, dict) and "$blob" in value:
        size = value.get("size")  # a number, unless somebody wrote the journal by hand
        shown = str(size) if isinstance(size, int) else Said(str(size))
        return Said(mime), ", ", shown, " bytes, ", Said(f"blobs/{value.get('$blob')}")
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else canonical_json(value)
    return Said(mime), f", {len(data)} bytes, ", Said(f"sha256:{hex_digest(data)}")


def _picture(mime: str, value: object, get: messages.Get) -> Picture | None:
    """A picture whose first bytes are what its type says; None for anything else."""
    magic = _PICTURES.get(mime)
    if magic is None or not isinstance(value, dict):
        return None
    match value:
        case {"$blob": str(name), "size": int(size)} if get(name).startswith(magic):
            return Picture(name, mime, size)
    return None


def _listing(text: str, room: inert.Room, sha256: str | None = None) -> Iterator[Block]:
    shown = inert.cut(text, room)
    yield Listing(shown.head)
    if shown.characters_left_out:
        digest = sha256 or hex_digest(text.encode("utf-8", "surrogatepass"))
        yield _left_out(shown.characters_left_out, shown.lines_left_out, digest)
        yield Listing(shown.tail)


def _left_out(characters: int, lines: int | None, sha256: str) -> Paragraph:
    counted = f"{characters} characters" + (f", {lines} lines," if lines else "")
    return Paragraph(
        (f"{counted} are left out here; the journal has them. sha256 of the whole: ", Said(sha256))
    )


def _remarks(remarks: Remarks) -> Iterator[Block]:
    rows = [_remark(event) for event in audit_kit.without_starts(remarks.first)]
    if remarks.left_out:
        rows.append(("", (f"{remarks.left_out} more remarks are in the journal",)))
    rows += [_remark(event) for event in audit_kit.without_starts(remarks.last)]
    if rows:
        yield Heading(4, ("What was said and done",))
        yield Facts(tuple(rows))


def _remark(event: Event) -> tuple[str, Words]:
    return event.kind, (Said(event.t), " ", *(audit_kit.told(event) or told(event)))


def told(event: Event) -> Words:
    """An event's own words, as a line: its keys are ours, its values are not."""
    parts: list[str | Said] = []
    for key, value in sorted(event.payload.items())[:_KEYS]:
        if key == "step" or value is None or value in ("", [], {}):
            continue
        # A key of the kit's own record could be anything; only plain words stand outside a span.
        name: str | Said = key if key.isascii() and key.isalnum() else Said(key)
        said = value if isinstance(value, str) else canonical_json(value).decode("ascii")
        parts += [*([", "] if parts else []), name, " ", *_whose(event, key, said)]
    return tuple(parts)


def short(event: Event) -> Words:
    """The one or two words of an event that a timeline needs."""
    parts: list[str | Said] = []
    keys: tuple[str, ...] = _AGENT_KEYS if event.kind == "agent" else _SHORT_KEYS
    if event.kind == "note" and event.text("about"):  # ours, on the run as a whole: it stands nowhere else
        keys = ("words",)
    for key in keys:
        value = event.payload.get(key)
        if isinstance(value, str | int) and value != "":
            parts += [f", {key} ", *_whose(event, key, str(value))]
    return tuple(parts)


def _cut_line(text: str) -> str:
    if len(text) <= _SHORT:
        return text
    return f"{text[:_SHORT]} … {len(text) - _SHORT} characters more"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
