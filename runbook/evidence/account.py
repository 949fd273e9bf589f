"""The account: everything the journal tells of one run, put in order by step. Pure but for reading blobs.

Record and audit are both written from it, so they can't tell different stories. It is filled in one walk over
the journal and stays bounded, however long that is: texts keep beginning and end (`outputs`), lists of
remarks their first and last. What is left out is counted.
"""

from collections import deque
from collections.abc import Mapping

import msgspec

from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.evidence.journal import whole_payload
from runbook.evidence.outputs import AttemptOutputs, Outputs, Shared
from runbook.evidence.plan import PlannedStep, PlanRecord
from runbook.evidence.states import Attempt, Progress, Standing, StepStanding

RENDERER = 3
"""The version of everything that turns a journal into record and audit. A change of their bytes raises it."""

_REMARKS_FIRST = 150
_REMARKS_LAST = 50
_TIMELINE_FIRST = 1500
_TIMELINE_LAST = 500
_ATTACHED_FIRST = 1000  # more than one supervisor takes
_ATTACHED_LAST = 500
_REMARK_BYTES = 256 << 10  # a remark above this is told without what was moved to its blob
_OUTPUT_TYPES = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"}
)
_STEP_REMARKS = frozenset(
    {
        "question",
        "answer",
        "note",
        "kit",
        "attached",
        "truncated",
        "attested",
        "confirmed",
        "declined",
        "step-skipped",
        "interrupted",
        "gap",
    }
)
_TIMELINE = frozenset(
    {
        "opened",
        "kernel-started",
        "step-started",
        "step-ended",
        "step-skipped",
        "question",
        "answer",
        "attested",
        "confirmed",
        "declined",
        "note",
        "attached",
        "agent",
        "interrupted",
        "viewer",
        "gap",
        "truncated",
        "foreign",
        "kernel-ended",
        "sealed",
    }
)


class Remarks(msgspec.Struct, frozen=True, kw_only=True):
    """Events in their order, the middle left out when there are too many."""

    first: tuple[Event, ...]
    last: tuple[Event, ...]
    left_out: int


class AttemptAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: how it went, what it put out, and Jupyter's own times (`iopub.status.busy`, …)."""

    attempt: Attempt
    outputs: Outputs
    times: Mapping[str, str]
    count: int | None  # the kernel's execution count


class StepAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `standing` is None for prose."""

    planned: PlannedStep
    standing: StepStanding | None
    attempts: tuple[AttemptAccount, ...]
    remarks: Remarks


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `head` and `length`: of the journal it was told from; `torn`: bytes of a cut last line."""

    plan: PlanRecord
    standing: Standing
    steps: tuple[StepAccount, ...]
    elsewhere: Outputs  # put out by nobody's step
    timeline: Remarks
    kernels: tuple[Event, ...]  # the `kernel-started` events
    attached: Remarks  # the `attached` events
    first: str | None  # the journal's first and last `t`, and the nanoseconds between them
    last: str | None
    nanoseconds: int
    head: str
    length: int
    torn: int


class _Bounded:
    def __init__(self, first: int, last: int) -> None:
        self._room = first
        self._first: list[Event] = []
        self._last: deque[Event] = deque(maxlen=last)
        self._count = 0

    def add(self, event: Event) -> None:
        self._count += 1
        if len(self._first) < self._room:
            self._first.append(event)
        else:
            self._last.append(event)

    def frozen(self) -> Remarks:
        return Remarks(
            first=tuple(self._first),
            last=tuple(self._last),
            left_out=self._count - len(self._first) - len(self._last),
        )


class _Attempt:
    def __init__(self, message: str, shared: Shared) -> None:
        self.message = message
        self.outputs = AttemptOutputs(shared)
        self.times: dict[str, str] = {}
        self.count: int | None = None
        self.ended = False

    def end(self, event: Event) -> None:
        self.ended = True
        self.message = event.text("message") or self.message
        if event.text("reply"):  # its own time, where the journal has no message of it
            self.times.setdefault("shell.execute_reply", event.t)


class _Step:
    def __init__(self) -> None:
        self.attempts: list[_Attempt] = []
        self.remarks = _Bounded(_REMARKS_FIRST, _REMARKS_LAST)

    def attempt(self, parent: str) -> _Attempt | None:
        """The attempt whose request `parent` is; else the last one.

        A request's id is not known before it was sent: an attempt learns it from the first answer to it.
        """
        for attempt in reversed(self.attempts):
            if attempt.message and attempt.message == parent:
                return attempt
        last = self.attempts[-1] if self.attempts else None
        if last is not None and not last.message and not last.ended:
            last.message = parent
        return last


class Teller:
    """Takes the events of one execution in their order, and gives the account of them."""

    def __init__(self, plan: PlanRecord, blobs: Blobs) -> None:
        self._plan = plan
        self._blobs = blobs
        self._progress = Progress(plan.steps)
        self._shared = Shared()
        self._steps = {step.name: _Step() for step in plan.steps}
        self._elsewhere = AttemptOutputs(self._shared)
        self._timeline = _Bounded(_TIMELINE_FIRST, _TIMELINE_LAST)
        self._kernels: list[Event] = []
        self._attached = _Bounded(_ATTACHED_FIRST, _ATTACHED_LAST)
        self._asked: dict[int, str] = {}
        self._first: Event | None = None
        self._last: Event | None = None

    def feed(self, event: Event) -> None:
        """Take the next event. Raises EvidenceDamaged when a blob it names is gone or changed."""
        self._first = self._first or event
        self._last = event
        self._progress.feed(event)
        if event.kind == "message":
            self._hear(event)
            return
        step = self._steps.get(self._step_of(event))
        match event.kind:
            case "step-started" if step:
                step.attempts.append(_Attempt(event.text("message"), self._shared))
            case "step-ended" if step and step.attempts:
                step.attempts[-1].end(event)
            case "kernel-started":
                self._kernels.append(event)
            case "attached":
                self._attached.add(event)
        if event.kind in _STEP_REMARKS and step:
            step.remarks.add(self._remark(event))
        if event.kind in _TIMELINE:
            self._timeline.add(self._remark(event))

    def account(self, *, alive: bool, head: str, length: int, torn: int) -> Account:
        """The account of what was told so far. `head`, `length`, `torn`: the journal's."""
        standing = self._progress.standing(alive=alive)
        return Account(
            plan=self._plan,
            standing=standing,
            steps=tuple(self._step_account(planned, standing) for planned in self._plan.steps),
            elsewhere=self._elsewhere.frozen(),
            timeline=self._timeline.frozen(),
            kernels=tuple(self._kernels),
            attached=self._attached.frozen(),
            first=self._first.t if self._first else None,
            last=self._last.t if self._last else None,
            nanoseconds=self._last.m - self._first.m if self._first and self._last else 0,
            head=head,
            length=length,
            torn=torn,
        )

    def _step_account(self, planned: PlannedStep, standing: Standing) -> StepAccount:
        told = self._steps[planned.name]
        how = standing.step(planned.name)
        attempts = how.attempts if how else ()
        return StepAccount(
            planned=planned,
            standing=how,
            attempts=tuple(
                AttemptAccount(
                    attempt=attempt, outputs=each.outputs.frozen(), times=each.times, count=each.count
                )
                for attempt, each in zip(attempts, told.attempts, strict=False)
            ),
            remarks=told.remarks.frozen(),
        )

    def _step_of(self, event: Event) -> str:
        if event.kind == "question":
            self._asked[event.number("question")] = event.text("step")
        if event.kind == "answer" and not event.text("step"):
            return self._asked.get(event.number("question"), "")
        return event.text("step")

    def _remark(self, event: Event) -> Event:
        if event.number("size") > _REMARK_BYTES:
            return event
        return msgspec.structs.replace(event, payload=whole_payload(event, self._blobs))

    def _hear(self, event: Event) -> None:
        kind, parent = event.text("type"), event.text("parent")
        step = self._steps.get(event.text("step"))
        attempt = step.attempt(parent) if step else None
        if attempt is not None and attempt.message == parent:
            self._time(attempt, kind, event)
        if kind not in _OUTPUT_TYPES:
            return
        content = whole_payload(event, self._blobs).get("content")
        outputs = attempt.outputs if attempt else self._elsewhere
        if isinstance(content, dict):
            outputs.feed(kind, content, late=attempt is not None and attempt.ended)

    def _time(self, attempt: _Attempt, kind: str, event: Event) -> None:
        t = event.text("date") or event.t
        content = event.payload.get("content")
        told = content if isinstance(content, dict) else {}
        match kind, told.get("execution_state"):
            case "status", "busy":
                attempt.times.setdefault("iopub.status.busy", t)
            case "status", "idle":
                attempt.times["iopub.status.idle"] = t
            case "execute_input", _:
                attempt.times["iopub.execute_input"] = t
            case "execute_reply" | "runbook_reply", _:
                attempt.times["shell.execute_reply"] = t
        count = told.get("execution_count")
        if (
            kind in ("execute_input", "execute_reply", "runbook_reply")
            and isinstance(count, int)
            and count >= 0
        ):
            attempt.count = count


def whose(name: str) -> str:
    """Words behind the name of who said something. A login is what its machine says of it, so it is claimed;
    a name that is none (`runbook`, `SIGTERM`) is the run's own."""
    return " (claimed by the login)" if "@" in name else ""
