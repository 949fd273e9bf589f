"""States: how each step stands and what the run came to, derived from plan and journal. Pure (DESIGN §7.3).

Nobody writes a state down and has it believed: it follows from the events, the same for whoever reads them.

- `succeeded` needs the kernel's reply: a `step-ended` that says `succeeded` without `reply: ok` is `unknown`.
- `unknown`: a step was started, nothing says how it ended, and no supervisor is there to say it any more.
- A step that was run keeps what its last attempt came to, also when a person then passes over it.
- While somebody else's code ran in the kernel, nothing a step did is known to be its own: not `succeeded`.
- What nothing is said about is `pending`, whatever became of the run.
- A stop is one where it ended the run: not where the run was taken up again, and finished.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from runbook.evidence.events import Event, Outcome, StepState
from runbook.evidence.plan import PlannedStep

_ENDED: dict[str, StepState] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "timed-out": "timed-out",
    "interrupted": "interrupted",
    "kernel-died": "kernel-died",
    "unknown": "unknown",
    "deviated": "deviated",
}
_WORSE: tuple[Outcome, ...] = ("succeeded", "deviated", "stopped", "failed", "unknown")
_BAD: frozenset[StepState] = frozenset({"failed", "timed-out", "kernel-died"})


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a step was given to the kernel. `source` is the sha256 (hex) of what was sent."""

    number: int
    state: StepState
    by: str
    source: str
    message: str  # the request's msg_id
    started: str  # the journal's `t`
    ended: str | None
    ms: int | None
    reason: str
    error: str
    edited: str | None = None  # the source, where it is not the planned one, and why that ran
    edited_for: str = ""


class StepStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How one step stands. `why` is the reason of a skip; `by` and `words` are of who attested, declined or
    passed over."""

    name: str
    index: int
    state: StepState
    attempts: tuple[Attempt, ...]
    why: str
    by: str
    words: str
    when: str | None  # when it was attested, declined or skipped

    @property
    def started(self) -> str | None:
        return self.attempts[0].started if self.attempts else self.when

    @property
    def ended(self) -> str | None:
        return self.attempts[-1].ended if self.attempts else self.when

    @property
    def ms(self) -> int | None:
        """Milliseconds of the last attempt; None when it has no end, or never began."""
        return self.attempts[-1].ms if self.attempts else None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A question that nobody answered yet."""

    question: int
    step: str
    asks: str
    words: str
    since: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands. `outcome`: None while a supervisor is at work; `sealed`: what the last event says."""

    steps: tuple[StepStanding, ...]
    outcome: Outcome | None
    sealed: str | None
    waiting: Waiting | None
    running: str | None  # the step at work, or the one that was when the supervisor went
    supervisor: int | None  # process ids, as they were told
    kernel: int | None
    gaps: int
    truncated: int
    foreign: int
    last: str | None  # the journal's last `t`

    def step(self, name: str) -> StepStanding | None:
        return next((step for step in self.steps if step.name == name), None)


class _Step:
    """What the events said about one step so far."""

    def __init__(self, planned: PlannedStep) -> None:
        self.planned = planned
        self.attempts: list[Attempt] = []
        self.disturbed = False  # foreign code ran during the last attempt
        self.settled: StepState | None = None  # skipped, attested, declined
        self.why = self.by = self.words = ""
        self.when: str | None = None

    def start(self, event: Event) -> None:
        deviation = event.payload.get("deviation")
        edit: Mapping[str, object] = deviation if isinstance(deviation, Mapping) else {}
        text, words = edit.get("text"), edit.get("words")
        self.attempts.append(
            Attempt(
                number=event.number("attempt", len(self.attempts) + 1),
                state="running",
                by=event.text("by"),
                source=event.text("source"),
                message=event.text("message"),
                started=event.t,
                ended=None,
                ms=None,
                reason="",
                error="",
                edited=text if isinstance(text, str) else None,
                edited_for=words if isinstance(words, str) else "",
            )
        )
        self.settled = None
        self.disturbed = False

    def end(self, event: Event) -> None:
        state = _ENDED.get(event.text("state"), "unknown")
        if state in ("succeeded", "deviated") and (self.disturbed or event.text("reply") != "ok"):
            state = "unknown"
        if not self.attempts or self.attempts[-1].ended is not None:
            return  # an end without a start says nothing; `verification` reports it
        self.attempts[-1] = msgspec.structs.replace(
            self.attempts[-1],
            message=event.text("message") or self.attempts[-1].message,
            state=state,
            ended=event.t,
            ms=event.number("ms"),
            reason=event.text("reason"),
            error=event.text("error"),
        )

    def settle(self, state: StepState, event: Event) -> None:
        self.settled = state
        self.why, self.by, self.words = event.text("reason"), event.text("by"), event.text("words")
        self.when = event.t

    def standing(self, *, alive: bool) -> StepStanding:
        attempts = self.attempts
        if attempts and attempts[-1].ended is None and not alive:
            attempts = [*attempts[:-1], msgspec.structs.replace(attempts[-1], state="unknown")]
        state: StepState = "pending"
        if attempts:
            state = attempts[-1].state
        elif self.settled is not None:
            state = self.settled
        return StepStanding(
            name=self.planned.name,
            index=self.planned.index,
            state=state,
            attempts=tuple(attempts),
            why=self.why,
            by=self.by,
            words=self.words,
            when=self.when,
        )


class Progress:
    """Takes the events of one execution one after the other and says at any time how it stands.

    Prose has no state and is not listed. Events about steps that the plan doesn't have are ignored here.
    """

    def __init__(self, steps: Sequence[PlannedStep]) -> None:
        self._steps = {step.name: _Step(step) for step in steps if step.kind != "prose"}
        self._waiting: Waiting | None = None
        self._running: str | None = None
        self._sealed: str | None = None
        self._supervisor: int | None = None
        self._kernel: int | None = None
        self._stopped = False
        self._counts = {"gap": 0, "truncated": 0, "foreign": 0}
        self._last: str | None = None

    def feed(self, event: Event) -> None:
        """Take the next event."""
        self._last = event.t
        step = self._steps.get(event.text("step"))
        match event.kind:
            case "step-started" if step:
                step.start(event)
                self._running = step.planned.name
            case "step-ended" if step:
                step.end(event)
                self._running = None
            case "step-skipped" if step:
                step.settle("skipped", event)
            case "attested" if step:
                step.settle("attested", event)
            case "declined" if step:
                step.settle("declined", event)
            case "question":
                self._waiting = _waiting(event)
            case "answer":
                self._waiting = None
                self._stopped = self._stopped or event.text("choice") == "stop"
            case "interrupted":
                self._stopped = self._stopped or event.text("how") == "stop"
            case "opened":
                self._waiting = None  # who asked is gone; who takes the run up asks anew
                self._stopped = False  # who takes it up goes on: what the steps then come to counts
                self._supervisor = event.number("supervisor") or None
            case "kernel-started":
                self._kernel = event.number("pid") or None
            case "kernel-ended":
                self._kernel = None
            case "sealed":
                self._sealed = event.text("outcome")
            case "gap" | "truncated" | "foreign":
                self._counts[event.kind] += 1
                if event.kind == "foreign" and self._running is not None:
                    self._steps[self._running].disturbed = True

    def standing(self, *, alive: bool) -> Standing:
        """How the run stands. `alive`: whether a supervisor holds the execution's lock now."""
        over = self._sealed is not None
        steps = tuple(step.standing(alive=alive and not over) for step in self._steps.values())
        return Standing(
            steps=steps,
            outcome=None if alive and not over else self._outcome(steps),
            sealed=self._sealed,
            waiting=None if over else self._waiting,
            running=self._running,
            supervisor=self._supervisor,
            kernel=self._kernel,
            gaps=self._counts["gap"],
            truncated=self._counts["truncated"],
            foreign=self._counts["foreign"],
            last=self._last,
        )

    def _outcome(self, steps: tuple[StepStanding, ...]) -> Outcome:
        """What the steps came to, or what the seal says where that is worse; never anything better."""
        found = self._come_to(steps)
        if found == "refused":
            return found
        claimed = next((word for word in _WORSE if word == self._sealed), _WORSE[0])
        return _WORSE[max(_WORSE.index(found), _WORSE.index(claimed))]

    def _come_to(self, steps: tuple[StepStanding, ...]) -> Outcome:
        states = {step.state for step in steps}
        if self._sealed is None or states & {"unknown", "running"}:
            return "unknown"
        if self._sealed == "refused" and not any(step.attempts for step in steps):
            return "refused"
        if states & _BAD:
            return "failed"
        if self._stopped or states & {"interrupted", "declined", "pending"}:
            return "stopped"
        if "deviated" in states or any(self._is_edited(step) for step in steps):
            return "deviated"
        return "succeeded"

    def _is_edited(self, step: StepStanding) -> bool:
        planned = self._steps[step.name].planned.source
        return any(attempt.source != planned for attempt in step.attempts)


def _waiting(event: Event) -> Waiting:
    return Waiting(
        question=event.number("question"),
        step=event.text("step"),
        asks=event.text("asks"),
        words=event.text("words"),
        since=event.t,
    )


def standing(steps: Sequence[PlannedStep], events: Iterable[Event], *, alive: bool) -> Standing:
    """How the run stands after these events; see `Progress`."""
    progress = Progress(steps)
    for event in events:
        progress.feed(event)
    return progress.standing(alive=alive)
