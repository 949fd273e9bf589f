"""`show`: one runbook, as people and scripts ask for it. Reads; decides nothing."""

from collections.abc import Mapping

from runbook.errors import TextRefused
from runbook.instants import stamp
from runbook.text.runbook import Entry, Parameter, Runbook, Step
from runbook.verbs.names import Opened


def require_runbook(opened: Opened) -> Runbook:
    """The runbook, or TextRefused with every reason."""
    if opened.reading.runbook is None:
        first = opened.reading.refusals[0]
        raise TextRefused(
            first.message,
            reasons=opened.reading.refusals,
            subject=opened.path,
            line=first.line,
            hint=first.hint,
        )
    return opened.reading.runbook


def plain(opened: Opened) -> dict[str, object]:
    """What `show --json` prints: schema 1, stable (DESIGN §9)."""
    runbook = require_runbook(opened)
    header = runbook.header
    return {
        "schema": 1,
        "path": opened.path,
        "title": runbook.title,
        "description": header.description,
        "owner": header.owner,
        "environments": list(header.environments),
        "text": runbook.text,
        "steps_digest": runbook.steps_digest,
        "normal_form": runbook.is_normal,
        "notes": [{"code": note.code, "line": note.line, "message": note.message} for note in runbook.notes],
        "steps": [step(each) for each in runbook.steps],
        "parameters": [parameter(each) for each in runbook.parameters],
        "approvals": [{**approval(each, runbook), "checked": False} for each in header.approvals],
    }


def step(each: Step) -> Mapping[str, object]:
    return {
        "index": each.index,
        "name": each.name,
        "kind": each.kind,
        "title": each.title,
        "tags": list(each.tags),
        "timeout": each.timeout_seconds,
        "retries": each.retries,
        "when": each.when,
        "undoes": each.undoes,
        "checks": each.checks,
        "line": each.cell.line,
        "source": each.cell.source,
    }


def parameter(each: Parameter) -> Mapping[str, object]:
    return {
        "name": each.name,
        "type": each.type_text,
        "default": each.default_source,
        "required": each.default_source is None,
        "help": each.help,
        "secret": each.secret,
        "line": each.line,
    }


def approval(entry: Entry, runbook: Runbook) -> Mapping[str, object]:
    return {
        "approver": entry.principal,
        "role": entry.role,
        "environments": list(entry.environments),
        "allows": entry.allows,
        "parameters": entry.parameters or "declared",
        "text": entry.text,
        "issued": stamp(entry.issued),
        "expires": stamp(entry.expires),
        "stale": entry.text != runbook.text,
    }
