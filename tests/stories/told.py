"""What an execution's journal tells, for stories of faults."""

from pathlib import Path

from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal, whole_payload
from runbook.evidence.verification import verify_execution


def events(execution: Path, kind: str) -> list[Event]:
    return [event for event in read_journal(ExecutionFolder(execution)).events if event.kind == kind]


def texts(execution: Path) -> str:
    folder = ExecutionFolder(execution)
    blobs = Blobs(folder.blobs)
    contents = [whole_payload(event, blobs).get("content") for event in events(execution, "message")]
    return "".join(str(each.get("text", "")) for each in contents if isinstance(each, dict))


def journal_has(execution: Path, words: bytes) -> bool:
    journal = ExecutionFolder(execution).journal
    return journal.exists() and words in journal.read_bytes()


def is_true(execution: Path) -> bool:
    return verify_execution(ExecutionFolder(execution)).findings == ()
