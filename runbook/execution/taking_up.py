"""Taking up: what a run whose supervisor died left in its journal, its spool, and perhaps in a living kernel.

An edge; starts nothing and decides nothing. What the kernel published after the supervisor's death is brought
back from the spool, in order and once; what can't be known is told as a `gap`.
"""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from runbook.canonical import hex_digest
from runbook.errors import KernelError, NotFoundError, StorageError, UnavailableError
from runbook.evidence import messages
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import JournalReader, JournalWriter, whole_payload
from runbook.evidence.plan import PlanRecord
from runbook.evidence.story import Story
from runbook.execution import kernel_launch, kernel_tree, lease, leftovers
from runbook.execution.chronicle import Chronicle
from runbook.execution.kernel_launch import KernelProcess
from runbook.execution.kernel_messages import as_message, read_parts
from runbook.execution.kernel_reply import recovered
from runbook.execution.kernel_values import KernelMessage, ProcessIdentity, Reply
from runbook.execution.past import Gatherer, Past
from runbook.execution.spool import SpoolReader
from runbook.system import clock, files

_REPLY = "runbook_reply"
_FINISHES = frozenset({"kit", "attached", "gap"})
_START_LIMIT_BYTES = 1 << 20
_WRITER_NS = 10**9


class TakenUp(msgspec.Struct, frozen=True, kw_only=True):
    """A run to go on with. `place` is its private folder; `number` that of its last kernel, `spool` where
    that one published, `process` the kernel when it lives; `requests` are its requests, id to step; `reply`:
    how the open attempt ended, as far as the journal knows; `survivors`: what a dead kernel had started and
    still runs; `unfinished`: the journal's last message, when what the kit may have told by it does not stand
    behind it; `asked`: what the open attempt had asked the operator, and nobody had answered."""

    past: Past
    place: Path
    number: int
    spool: Path
    process: KernelProcess | None
    requests: dict[str, str]
    reply: Reply | None
    survivors: tuple[tuple[ProcessIdentity, str], ...] = ()
    unfinished: KernelMessage | None = None
    asked: str | None = None

    @property
    def open_requests(self) -> frozenset[str]:
        """The ids that the open attempt's request can have."""
        still_open = self.past.open
        if still_open is None:
            return frozenset()
        new = {
            each
            for each, step in self.requests.items()
            if step == still_open.step and each not in self.past.requests
        }
        return still_open.requests | new


def place_of(folder: ExecutionFolder, env: Mapping[str, str]) -> Path:
    """The private folder of a run that is taken up: where its kernel lives, which another `XDG_RUNTIME_DIR`
    than ours may say, else where this environment has it. The caller holds the lease."""
    place, left = lease.run_folder(env, folder.path), lease.left(folder)
    if left is not None and left.kernel_folder is not None:
        kernel = Path(left.kernel_folder)
        with contextlib.suppress(StorageError, NotFoundError):
            is_its = kernel.parent.name == place.name and lease.is_private(kernel.parent)
            if is_its and _alive(kernel) is not None:
                return kernel.parent
    return place


def take_up(folder: ExecutionFolder, record: PlanRecord, place: Path, story: Story) -> TakenUp:
    """Read the journal into `story` and find what is left. The caller holds the lease.

    `place` is the run's private folder. Raises EvidenceDamaged for a journal that does not check,
    UnavailableError when the kernel lives and can't be reached: nobody knows what it does.
    """
    _take_away_halves(folder)
    _mend(folder)
    gatherer = Gatherer(record.steps)
    kernel: ProcessIdentity | None = None
    unfinished: Event | None = None
    asked: Event | None = None
    if folder.journal.exists():
        for event in JournalReader(folder):
            gatherer.feed(event)
            story.feed(event)
            if event.kind in ("kernel-started", "kernel-ended"):
                kernel = ProcessIdentity(pid=event.number("pid"), started=event.text("started"))
            if event.kind in ("question", "answer", "step-ended"):
                asked = event if event.text("asks") in ("input", "password") else None
            if event.kind == "message":
                unfinished = event if event.text("type") == "display_data" else None
            elif event.kind in _FINISHES and event.text("what") != "torn-line":
                unfinished = None
    past = gatherer.past()
    number = last_kernel(folder, place, ended=past.ended)
    spool = spool_of(folder, number)
    process = _alive(place / f"k{number}") if number > past.ended else None
    if process is None and kernel is not None and kernel.started:
        _require_gone(kernel)
    return TakenUp(
        place=place,
        past=past,
        number=number,
        spool=spool,
        process=process,
        requests=_requests(spool, past) if number > past.ended else dict(past.requests),
        reply=None
        if past.open is None or past.open.reply is None
        else recovered(_message(folder, past.open.reply)),
        survivors=kernel_launch.survivors(place / f"k{number}") if number > past.ended else (),
        unfinished=None if unfinished is None else _message(folder, unfinished),
        asked=None if asked is None else asked.text("words"),
    )


def _take_away_halves(folder: ExecutionFolder) -> None:
    """Take away what a killed writer had not given its name yet: unnamed, it would be a stranger among the
    evidence. Holding the lease, nobody but us writes here, except an `audit` that puts back what a crash left
    out: that gets a moment. Who is there longer than that only has the number of a writer that is gone."""
    until = clock.monotonic_ns() + _WRITER_NS
    for place in (folder.path, folder.blobs):
        for half in files.temporaries(place) if place.is_dir() else ():
            while files.has_writer(half) and half.exists() and clock.monotonic_ns() < until:
                clock.sleep(0.01)
            files.remove(half)


def _mend(folder: ExecutionFolder) -> None:
    """End a torn last line before the journal is read: one that only lacks its end is an event like others,
    and what it tells must not be brought back a second time."""
    if not folder.journal.exists():
        return
    reader, sealed = JournalReader(folder), False
    for event in reader:
        sealed = event.kind == "sealed"
    if reader.torn and not sealed:
        JournalWriter.resume(folder, t=clock.now(), m=clock.monotonic_ns()).close()


def spool_of(folder: ExecutionFolder, number: int) -> Path:
    """Where kernel `number` of an execution publishes."""
    return folder.spool if number <= 1 else folder.spool / str(number)


def last_kernel(folder: ExecutionFolder, place: Path, *, ended: int) -> int:
    """The number of the kernel that was started last; 0 for none. The private folder may be gone (a restart
    of the machine), and one that died before it published has no spool: `ended` is the last whose end was
    told, and no number is given twice."""
    known = [int(each.name[1:]) for each in leftovers.kernels(place)]
    if folder.spool.is_dir():
        known += [int(each.name) for each in folder.spool.iterdir() if each.name.isdecimal()]
        known += [1 for _ in folder.spool.glob("*.spool")]
    return max([ended, *known])


def bring_back(taken: TakenUp, chronicle: Chronicle) -> Reply | None:
    """Put what a kernel that is gone had published into the journal; returns how the open attempt ended, if
    the kernel said it."""
    reply = taken.reply
    if taken.unfinished is not None:
        chronicle.finish(taken.unfinished)
    if taken.number <= taken.past.ended:
        return reply
    wanted = taken.open_requests
    reader = SpoolReader(taken.spool, after=taken.past.spooled)
    chronicle.expect_after(taken.past.spooled, foreign=taken.past.foreign)
    for record in reader.records():
        message = as_message(read_parts(record.parts), record.number, steps=taken.requests)
        if message.type == _REPLY and message.parent.get("msg_id") in wanted:
            reply = recovered(message)
        chronicle.heard(message)
    if reader.end().torn:
        step = taken.past.open.step if taken.past.open else None
        chronicle.tell("gap", what="the kernel died while it published", count=None, step=step)
    return reply


def tell_taken_over(taken: TakenUp, chronicle: Chronicle) -> None:
    """The kernel lives, and goes on under this supervisor. A question of its step died with the socket that
    it was sent to: that is said, or everybody would wait for ever."""
    chronicle.expect_after(taken.past.spooled, foreign=taken.past.foreign)
    if taken.unfinished is not None:
        chronicle.finish(taken.unfinished)
    if taken.asked is not None and taken.past.open is not None:
        words = f"its question reaches nobody any more ({taken.asked}): if it waits, Ctrl-C interrupts it"
        chronicle.tell("note", step=taken.past.open.step, by="runbook", words=words)


def tell_kernel_gone(taken: TakenUp, chronicle: Chronicle) -> None:
    """Name what the last kernel left running, by pid and start time: that may be at work yet, and ends
    unrecorded. Then say that it is gone, unless that was said: once it stands there nobody looks again. The
    next kernel counts its messages anew."""
    tell_survivors(taken.survivors, chronicle, step=taken.past.open.step if taken.past.open else None)
    if taken.number > taken.past.ended:
        chronicle.tell("kernel-ended", returncode=None, signal=None, expected=False, number=taken.number)


def tell_survivors(
    survivors: Iterable[tuple[ProcessIdentity, str]], chronicle: Chronicle, *, step: str | None
) -> None:
    """Name what a kernel that is gone had started and still runs. The next kernel counts anew."""
    for identity, command in survivors:
        shown = chronicle.discreet_command(command)[:200]
        words = f"still runs, though the kernel that started it is gone: pid {identity.pid}, {shown}"
        chronicle.tell("note", step=step, by="runbook", words=words, started=identity.started)
    chronicle.expect_after(0)


def journal(folder: ExecutionFolder) -> JournalWriter:
    """Go on with the journal; begin it where the supervisor died between start record and first event.

    Raises EvidenceDamaged, StorageError.
    """
    if folder.journal.exists():
        return JournalWriter.resume(folder, t=clock.now(), m=clock.monotonic_ns())
    start = files.read(folder.start, limit_bytes=_START_LIMIT_BYTES)
    return JournalWriter.create(folder, start_digest=hex_digest(start))


def _require_gone(kernel: ProcessIdentity) -> None:
    """Raise UnavailableError for a kernel that lives without the folder through which it is spoken to."""
    if kernel_tree.started(kernel.pid) == kernel.started:
        raise UnavailableError(
            "the kernel of this run lives and can't be reached: the folder of its sockets is gone",
            subject=f"pid {kernel.pid}",
            hint=f"it may be at work on its step yet: wait for that, `kill {kernel.pid}`, and try again",
        )


def _alive(kernel: Path) -> KernelProcess | None:
    try:
        return kernel_launch.adopt(kernel)
    except KernelError:
        return None


def _requests(spool: Path, past: Past) -> dict[str, str]:
    """The known requests, and those in the spool that the dead supervisor's clients sent: they are the open
    attempt's, since a supervisor sends nothing else to be executed, and one step after the other."""
    found = dict(past.requests)
    if past.open is None:
        return found
    for record in SpoolReader(spool, after=past.spooled).records():
        parent = read_parts(record.parts)["parent_header"]  # whatever a step made of it
        is_ours = parent.get("session") in past.sessions and parent.get("msg_type") == "execute_request"
        if is_ours:
            found.setdefault(str(parent.get("msg_id")), past.open.step)
    return found


def _message(folder: ExecutionFolder, event: Event) -> KernelMessage:
    """A message that the journal has."""
    blobs = Blobs(folder.blobs)
    return KernelMessage(
        channel="iopub",
        type=event.text("type"),
        origin="late",
        step=event.text("step") or None,
        spooled=event.number("spooled"),
        header={"date": event.text("date")},
        parent={"msg_id": event.text("parent")},
        metadata={},
        content=messages.content(whole_payload(event, blobs), get=blobs.get),
    )
