"""Every field of every event, changed by somebody who chains, renders and seals everything anew: it is found,
or it is one of the claims below, which follow from nothing else in the folder."""

import hashlib
import json
from pathlib import Path

from runbook.errors import RunbookError
from runbook.evidence import derive
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.verification import verify_execution
from tests.evidence.builders import BEGAN
from tests.evidence.test_verification import sealed_run

_PUBLISHED = {"channel", "content", "date", "parent", "type"}
CLAIMS = {
    "opened": {"supervisor", "version"},
    "kernel-started": {"argv", "implementation", "pid", "python", "started"},
    "note": {"by", "words"},
    "step-started": {"by", "message"},
    "message status": _PUBLISHED,
    "message stream": _PUBLISHED,
    "message display_data": _PUBLISHED,
    "message execute_input": {"channel", "date"},
    "message execute_reply": {"channel", "date"},
    "step-ended": {"error", "ms", "reason"},  # `ms`: by a millisecond, that is
    "question start": {"words"},
    "question danger": {"words"},
    "question manual": {"words"},
    "answer run": {"by", "words"},
    "kernel-ended": {"expected", "number", "returncode", "signal"},
}
"""What only the seal vouches for, once it is signed: docs/limits.md says so. Times of events, too."""
Line = dict[str, object]


def changed(value: object) -> object:
    """Another value of the same kind."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case "manual":
            return "start"
        case str():
            return f"{value[:-1]}{'0' if value[-1:] != '0' else '1'}"
        case list():
            return value[:-1] if value else ["x"]
        case dict():
            return {}
        case _:
            return "x"


def named(line: Line) -> str:
    """What kind of event it is."""
    more = {"message": "type", "question": "asks", "answer": "choice"}.get(str(line["kind"]))
    return f"{line['kind']} {line[more]}" if more else str(line["kind"])


def is_found(folder: ExecutionFolder, lines: list[Line]) -> bool:
    """Whether verification finds anything, once all of this is chained, rendered and sealed."""
    previous = hashlib.sha256(folder.start.read_bytes()).hexdigest()
    written = []
    for number, line in enumerate(lines):
        told = {**line, "seq": number, "prev": previous}
        data = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
        previous = hashlib.sha256(data).hexdigest()
        written.append(data + b"\n")
    folder.journal.write_bytes(b"".join(written))
    for path in (folder.record, folder.audit, folder.finish):
        path.unlink(missing_ok=True)
    try:
        derive.conclude(folder, now=BEGAN)
    except RunbookError:
        return True
    return verify_execution(folder).verdict != "UNSIGNED"


def test_every_field_is_held_or_is_a_claim(tmp_path: Path) -> None:
    folder = sealed_run(tmp_path)
    lines: list[Line] = [json.loads(line) for line in folder.journal.read_bytes().splitlines()]
    assert not is_found(folder, lines)
    missed: dict[str, set[str]] = {}
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(lines):
        for key in sorted(line.keys() - {"seq", "prev", "kind", "t", "m"}):
            if (named(line), key) in seen:
                continue
            seen.add((named(line), key))
            bent = [*lines[:number], {**line, key: changed(line[key])}, *lines[number + 1 :]]
            if not is_found(folder, bent):
                missed.setdefault(named(line), set()).add(key)
    assert missed == CLAIMS
