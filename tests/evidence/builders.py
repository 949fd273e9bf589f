"""Synthetic executions, written with the real writer: a folder as a supervisor would leave it.

`Told` tells a run event by event. The clock only moves when an event is told, so everything is repeatable.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from runbook.canonical import canonical_json, digest, hex_digest
from runbook.evidence import messages, start
from runbook.evidence.account import Account, Teller
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder, make, new_id
from runbook.evidence.journal import JournalReader, JournalWriter
from runbook.evidence.plan import CountedApproval, PlannedStep, PlannedValue, PlanRecord
from runbook.evidence.planned import Manner, Selection, planned_steps
from runbook.text.reader import read, require
from runbook.text.values import values_digest

BEGAN = datetime(2026, 11, 21, 0, 12, 5, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of a synthetic runbook."""

    name: str
    source: str
    kind: str = "code"  # "prose", "code", "manual"
    tags: tuple[str, ...] = ()


CELLS = (
    Cell(name="intro", kind="prose", source="# Restart\nWhen it is slow."),
    Cell(name="health", source="print('fine')", tags=("read-only",)),
    Cell(name="announce", kind="manual", source="Tell #ops.", tags=("manual",)),
    Cell(name="restart", source="1 / 0", tags=("danger",)),
)


HEADER = """\
# ---
# runbook:
#   title: Restart the web tier
#   env: [WEB_REGION]
# ---

"""


def text_of(cells: Sequence[Cell]) -> str:
    """The percent text of these cells, in normal form but for what its header lacks."""
    return HEADER + "\n".join(_cell_text(cell) for cell in cells)


def _cell_text(cell: Cell) -> str:
    tags = f" tags={list(cell.tags)!r}".replace("'", '"') if cell.tags else ""
    kind = "" if cell.kind == "code" else " [markdown]"
    lines = cell.source.split("\n")
    if cell.kind != "code":
        lines = [f"# {line}" if line else "#" for line in lines]
    return "\n".join([f'# %%{kind} name="{cell.name}"{tags}', *lines, ""])


def planned(cells: Sequence[Cell]) -> tuple[PlannedStep, ...]:
    """The steps of these cells as an attended run of all of them plans them."""
    if not cells:
        return ()
    manner = Manner(unattended=False, dry_run=False, selection=Selection(), names={"environment": "prod"})
    return planned_steps(require(text_of(cells).encode(), name="x.py").steps, manner)


def plan_of(cells: Sequence[Cell], **changes: object) -> PlanRecord:
    """A plan of these cells; `changes` replace its fields."""
    reading = read(text_of(cells).encode())
    assert reading.runbook is not None, reading.reasons
    plan = PlanRecord(
        schema=1,
        id=new_id(BEGAN, "restart", "3a9c").text,
        runbook="runbooks/web/restart.py",
        title="Restart the web tier",
        text=digest(text_of(cells).encode()),
        steps_digest=reading.runbook.steps_digest,
        environment="prod",
        kind="interactive",
        dry_run=False,
        selection=(),
        approved=True,
        expired_reason=None,
        trust="worktree (UNPINNED)",
        counted=(
            CountedApproval(
                principal="bob@example.com",
                approval=DIGEST,
                fingerprint="SHA256:" + "A" * 43,
                issued="2026-11-01T00:00:00Z",
                expires="2026-12-01T00:00:00Z",
            ),
        ),
        values=(),
        values_digest=values_digest(()),
        steps=planned(cells),
        workspace="urn:uuid:6f1e0c1e-1111-4222-8333-444455556666",
        commit="3f0a" * 10,
        clean=True,
        operator="alice",
        host="runner1",
        interpreter="/usr/bin/python3",
        variables=("WEB_REGION",),
        versions={"runbook": "0.1.0", "python": "3.11.9"},
        created="2026-11-21T00:12:05Z",
        expires="2026-11-22T00:12:05Z",
    )
    return msgspec.structs.replace(plan, **changes)


def value(name: str, literal: str | None) -> PlannedValue:
    return PlannedValue(name=name, type_text="str", literal=literal, origin="command line")


class Told:
    """One execution while it is told. `folder` is real; `writer` is the real one."""

    def __init__(
        self,
        where: Path,
        cells: Sequence[Cell] = CELLS,
        plan: PlanRecord | None = None,
        *,
        trust: Mapping[str, bytes] | None = None,
    ) -> None:
        self.cells = tuple(cells)
        self.plan = plan or plan_of(cells)
        self.folder = make(where, new_id(BEGAN, "restart", "3a9c"))
        self.now = BEGAN
        self.m = 1_000_000_000
        self._requests = 0
        data = canonical_json(msgspec.to_builtins(self.plan)) + b"\n"
        self.folder.plan.write_bytes(data)
        self.folder.runbook.write_bytes(text_of(cells).encode())
        kept = [(name, digest(content)) for name, content in (trust or {}).items()]
        for name, content in (trust or {}).items():
            self.folder.trust.mkdir(exist_ok=True)
            (self.folder.trust / name).write_bytes(content)
        began = start.start_of(self.plan, plan_digest=digest(data), trust=kept, now=BEGAN, monotonic=self.m)
        self.folder.start.write_bytes(start.emit(began))
        self.writer = JournalWriter.create(
            self.folder, start_digest=hex_digest(self.folder.start.read_bytes())
        )
        self.tell("opened", plan=digest(data), supervisor=4711, version="0.1.0")

    @property
    def blobs(self) -> Blobs:
        return self.writer.blobs

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(cell.source for cell in self.cells)

    def tell(self, kind: str, **payload: object) -> Event:
        """Write one event, a quarter of a second after the last."""
        self.now += timedelta(milliseconds=250)
        self.m += 250_000_000
        return self.writer.append(kind, payload, t=self.now, m=self.m)

    def kernel(self) -> None:
        self.tell(
            "kernel-started",
            pid=4712,
            started="1",
            argv=["python"],
            python="3.11.9",
            implementation="CPython",
        )

    def let_run(self, step: str, number: int, choice: str = "run") -> None:
        """Question `number`, whether the step may run, and somebody's yes."""
        tags = next(cell.tags for cell in self.cells if cell.name == step)
        asks = next((tag for tag in ("danger", "confirm") if tag in tags), "start")
        words = step if asks == "danger" else ""
        self.tell("question", question=number, step=step, asks=asks, choices=[choice], words="Run it?")
        self.tell("answer", question=number, choice=choice, words=words, by="alice", how="terminal")

    def begin(self, step: str, *, attempt: int = 1, source: str | None = None) -> str:
        """A step starts; returns its request's id."""
        self._requests += 1
        request = f"request-{self._requests}"
        known = next(cell.source for cell in self.cells if cell.name == step)
        self.tell(
            "step-started",
            step=step,
            index=next(place for place, cell in enumerate(self.cells) if cell.name == step),
            attempt=attempt,
            message=request,
            source=hex_digest((source or known).encode()),
            by="alice",
        )
        self.hear(step, "status", {"execution_state": "busy"}, parent=request)
        self.hear(
            step,
            "execute_input",
            {"code": source or known, "execution_count": self._requests},
            parent=request,
        )
        return request

    def hear(
        self,
        step: str | None,
        kind: str,
        content: Mapping[str, object],
        *,
        parent: str = "",
        channel: str = "iopub",
    ) -> Event:
        """The kernel says something."""
        message = {
            "header": {"msg_type": kind, "date": self.now},
            "parent_header": {"msg_id": parent},
            "metadata": {},
            "content": content,
            "buffers": [],
        }
        payload = messages.payload(
            message,
            channel=channel,  # type: ignore[arg-type]  # text in the tests
            step=step,
            put=self.blobs.put,
        )
        return self.tell("message", **payload)

    def print(self, step: str | None, text: str, *, parent: str = "", name: str = "stdout") -> None:
        self.hear(step, "stream", {"name": name, "text": text}, parent=parent)

    def end(self, step: str, state: str, *, parent: str = "", attempt: int = 1, **more: object) -> None:
        """The reply comes, unless the state says that none did."""
        reply = {"succeeded": "ok", "deviated": "ok", "failed": "error"}.get(state)
        if reply is not None:
            content = {"status": reply, "execution_count": self._requests}
            self.hear(step, "execute_reply", content, parent=parent, channel="shell")
            self.hear(step, "status", {"execution_state": "idle"}, parent=parent)
        told: dict[str, object] = {"step": step, "attempt": attempt, "state": state, "reply": reply}
        told |= {"reason": "", "error": None, "ms": 750, "message": parent}
        self.tell("step-ended", **{**told, **more})

    def run(self, step: str, state: str = "succeeded", *, text: str = "") -> None:
        """A whole step: started, something printed, ended."""
        request = self.begin(step)
        if text:
            self.print(step, text, parent=request)
        self.end(step, state, parent=request)

    def seal(self, outcome: str, **steps: str) -> None:
        """The last event; the writer is closed."""
        self.tell("sealed", outcome=outcome, steps=steps)
        self.writer.sync()
        self.writer.close()

    def account(self, *, alive: bool = False) -> Account:
        """The account of what was told so far, read back from the file."""
        reader = JournalReader(self.folder)
        teller = Teller(self.plan, Blobs(self.folder.blobs))
        for event in reader:
            teller.feed(event)
        return teller.account(alive=alive, head=reader.head, length=reader.length, torn=len(reader.torn))


def whole_run(where: Path) -> ExecutionFolder:
    """A sealed run of `CELLS` that went well, without record, audit and seal file."""
    told = Told(where, CELLS)
    told.kernel()
    told.let_run("health", 1)
    told.run("health", text="fine\n")
    told.tell("question", question=2, step="announce", asks="manual", choices=["done"], words="Done?")
    told.tell("answer", question=2, choice="done", words="said it", by="alice", how="terminal")
    told.tell("attested", step="announce", by="alice", words="said it")
    told.let_run("restart", 3)
    told.run("restart", text="restarted\n")
    told.tell("kernel-ended", returncode=0, signal=None, expected=True, number=1)
    told.seal("succeeded", health="succeeded", announce="attested", restart="succeeded")
    return told.folder
