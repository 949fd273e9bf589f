"""The record, `record.ipynb`: the run as a notebook (nbformat 4.5), written from its account. Pure.

What ran stands in the order of the text, with the outputs as Jupyter would show them at the end, nbclient's
timing keys, and each step's state in `metadata.runbook`. A step that did not simply succeed has a remark
below it, so that it is seen without looking at metadata. Outputs are exact up to the limits of `outputs`;
where something is left out, it says so and the journal has it. JSON nested deeper than `DEPTH` is text.

The JSON is ASCII with sorted keys: the same account gives the same bytes, and `cat` shows nothing that a
terminal obeys. Imports no nbformat; tests hold that its validator agrees.
"""

import json
import math
from collections.abc import Mapping, Sequence

from runbook.evidence import markdown, messages
from runbook.evidence.account import RENDERER, Account, AttemptAccount, StepAccount, whose
from runbook.evidence.events import Event
from runbook.evidence.outputs import Outputs, Rich, Text
from runbook.evidence.plan import PlannedStep
from runbook.evidence.states import StepStanding

DEPTH = 150
_SCHEMA = 1


def render(account: Account, sources: Sequence[str], *, get: messages.Get) -> bytes:
    """The bytes of `record.ipynb`. `sources`: each step's source, in the plan's order; `get` reads blobs.

    Raises EvidenceDamaged when a blob is gone or changed.
    """
    cells: list[object] = [_title(account)]
    attached = (*account.attached.first, *account.attached.last)
    for step, source in zip(account.steps, sources, strict=True):
        cells.append(_cell(step, source, get))
        if step.standing is not None and (said := _remark(step.standing)):
            cells.append(_prose(f"step-{step.planned.index}-remark", said, {"tags": ["runbook-remark"]}))
        if files := [event for event in attached if event.text("step") == step.planned.name]:
            cells.append(_files(step.planned, files))
    notebook = {
        "cells": cells,
        "metadata": _metadata(account),
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    text = json.dumps(_plain(notebook), sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False)
    return text.encode("ascii") + b"\n"


def _metadata(account: Account) -> dict[str, object]:
    plan = account.plan
    python = account.kernels[-1].text("python") if account.kernels else ""
    language: dict[str, object] = {"name": "python"}
    if python:
        language["version"] = python
    return {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": language,
        "runbook": {
            "schema": _SCHEMA,
            "renderer": RENDERER,
            "execution": plan.id,
            "runbook": plan.runbook,
            "title": plan.title,
            "text": plan.text,
            "steps": plan.steps_digest,
            "environment": plan.environment,
            "approved": plan.approved,
            "dry_run": plan.dry_run,
            "outcome": account.standing.outcome,
            "journal": {"head": account.head, "length": account.length},
        },
    }


def _title(account: Account) -> dict[str, object]:
    plan = account.plan
    flags = [
        *([] if plan.approved else ["**NOT APPROVED**"]),
        *(["**DRY RUN**"] if plan.dry_run else []),
        *(["**EXPIRED APPROVAL**"] if plan.expired_reason is not None else []),
    ]
    lines = [
        " ".join(["#", *flags, markdown.span(plan.title)]),
        "",
        f"Record of {markdown.span(plan.id)}, in {markdown.span(plan.environment)}: "
        f"**{account.standing.outcome or 'running'}**. Made from the journal; `audit.md` says the rest.",
    ]
    return _prose("record", "\n".join(lines), {"tags": ["runbook-record"]})


def _prose(name: str, source: str, metadata: Mapping[str, object]) -> dict[str, object]:
    return {"cell_type": "markdown", "id": name, "metadata": metadata, "source": _lines(source)}


def _files(planned: PlannedStep, files: Sequence[Event]) -> dict[str, object]:
    """What a step attached, below it: for people, and in the metadata."""
    told = [{key: event.payload.get(key) for key in ("name", "path", "bytes", "sha256")} for event in files]
    lines = [
        f"- {markdown.span(event.text('name'))}, {event.number('bytes')} bytes, kept as "
        f"{markdown.span('blobs/' + event.text('sha256'))}"
        for event in files
    ]
    metadata = {"tags": ["runbook-attached"], "runbook": {"step": planned.name, "attached": told}}
    return _prose(f"step-{planned.index}-attached", "\n".join(["Runbook: attached", "", *lines]), metadata)


def _cell(step: StepAccount, source: str, get: messages.Get) -> dict[str, object]:
    planned = step.planned
    metadata = _cell_metadata(step)
    if planned.kind != "code":
        return _prose(f"step-{planned.index}", source, metadata)
    last = step.attempts[-1] if step.attempts else None
    if last is not None and last.times:
        metadata["execution"] = dict(last.times)
    return {
        "cell_type": "code",
        "id": f"step-{planned.index}",
        "metadata": metadata,
        "source": _lines(source),
        "outputs": _outputs(last.outputs, get) if last else [],
        "execution_count": last.count if last else None,
    }


def _cell_metadata(step: StepAccount) -> dict[str, object]:
    planned, standing = step.planned, step.standing
    told: dict[str, object] = {"step": planned.name, "kind": planned.kind, "options": _options(planned)}
    if standing is not None:
        told |= {
            "state": standing.state,
            "attempts": [_attempt(attempt) for attempt in step.attempts],
            "why": standing.why,
            "by": standing.by,
            "words": standing.words,
        }
    metadata: dict[str, object] = {"runbook": told}
    if planned.tags:
        metadata["tags"] = list(dict.fromkeys(planned.tags))
    return metadata


def _options(planned: PlannedStep) -> dict[str, object]:
    options = {
        "timeout_seconds": planned.timeout_seconds,
        "retries": planned.retries or None,
        "when": planned.when,
        "undoes": planned.undoes,
        "checks": planned.checks,
    }
    return {key: value for key, value in options.items() if value is not None}


def _attempt(told: AttemptAccount) -> dict[str, object]:
    attempt = told.attempt
    return {
        "attempt": attempt.number,
        "state": attempt.state,
        "source": attempt.source,
        "started": attempt.started,
        "ended": attempt.ended,
        "ms": attempt.ms,
        "reason": attempt.reason,
        "withdrawn": told.outputs.withdrawn.count if told.outputs.withdrawn else 0,
        **({} if attempt.edited is None else {"edited": attempt.edited, "words": attempt.edited_for}),
    }


def _remark(standing: StepStanding) -> str:
    """What is said below a step that did not simply succeed; empty for one that did."""
    if standing.state == "succeeded" and len(standing.attempts) == 1 and not standing.why:
        return ""
    said = [f"Runbook: **{standing.state}**"]
    if len(standing.attempts) > 1:
        said.append(f"after {len(standing.attempts)} attempts")
    if standing.attempts and standing.attempts[-1].reason:
        said.append(f"({markdown.span(standing.attempts[-1].reason)})")
    if standing.why:
        said.append(f"({markdown.span(standing.why)})")
    if standing.by:
        said.append(f"by {markdown.span(standing.by)}{whose(standing.by)}")
    if standing.words:
        said.append(f"saying {markdown.span(standing.words)}")
    return " ".join(said)


def _outputs(outputs: Outputs, get: messages.Get) -> list[object]:
    made: list[object] = [_output(item, get) for item in outputs.items]
    if outputs.above_limit is not None:
        above = outputs.above_limit
        words = (
            f"[runbook: {above.count} more outputs, {above.bytes} bytes, are in journal.jsonl; "
            f"sha256 {above.sha256}]\n"
        )
        made.append({"output_type": "stream", "name": "stderr", "text": _lines(words)})
    return made


def _output(item: Text | Rich, get: messages.Get) -> object:
    if isinstance(item, Text):
        middle = ""
        if item.left_out:
            middle = (
                f"\n[runbook: {item.left_out} characters are left out here and are in journal.jsonl; "
                f"sha256 of the whole {item.sha256}]\n"
            )
        text = f"{item.head}{middle}{item.tail}"
        return {"output_type": "stream", "name": item.name, "text": _lines(text)}
    content = messages.content({"content": item.content}, get=get)
    made = messages.output(item.kind, content) or {}
    data = made.get("data")
    if isinstance(data, dict):
        made["data"] = {
            mime: _lines(value) if isinstance(value, str) and not messages.is_json_mime(mime) else value
            for mime, value in data.items()
        }
    return made


def _lines(text: str) -> list[str]:
    """Text as notebooks keep it: lines with their ends. Joined, they are the text again."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _plain(value: object, depth: int = 0) -> object:
    """What JSON has no number for (NaN, infinities) as text, the way ipykernel writes them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Mapping | list | tuple) and depth > DEPTH:
        return json.dumps(value, sort_keys=True)
    if isinstance(value, Mapping):
        return {key: _plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, depth + 1) for inner in value]
    return value
