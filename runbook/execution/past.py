"""The past of a run that is taken up again: what its journal says was done, asked and left open. Pure.

What is not in the journal did not happen for whoever goes on with it; the spool may know more (`taking_up`).
"""

from collections.abc import Sequence

import msgspec

from runbook.evidence.events import Event, StepState
from runbook.evidence.plan import PlannedStep

DONE_WELL: frozenset[StepState] = frozenset({"succeeded", "attested", "deviated"})


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt without an end: it ran when its supervisor went. `requests`: ids of its messages so far."""

    step: str
    attempt: int
    t: str
    m: int
    requests: frozenset[str] = frozenset()
    reply: Event | None = None  # the kernel's reply, when the journal has it
    edited: bool = False  # it ran what somebody wrote in the place of the reviewed source
    interrupted: bool = False  # a person interrupted it, and its supervisor did not live to say so
    stopped: bool = False  # the run was told to stop meanwhile: after this step, or at once
    limit_seconds: int | None = None  # how long it may take


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What a new supervisor has to know. `requests` are the kernel's requests, id to step; `sessions` the
    clients that sent them; `spooled` the last number of the newest kernel's spool that is in the journal."""

    states: dict[str, StepState]
    attempts: dict[str, int]
    ran: tuple[str, ...]
    unresolved: tuple[str, ...]
    continued: frozenset[str]
    questions: int
    open: Open | None
    requests: dict[str, str]
    sessions: frozenset[str]
    spooled: int
    sealed: bool  # its last word is there; what a crash kept from being written is the seal behind it
    edited: frozenset[str]  # the steps whose last attempt was an edited one
    ended: int  # the number of the last kernel whose end was told, 0 for none; they count from 1
    here: frozenset[str]  # the steps that the newest kernel was sent
    foreign: bool  # somebody else's code ran in that kernel since a step ended last

    def is_behind(self, step: PlannedStep) -> bool:
        """Whether a run that goes on leaves the step alone."""
        state = self.states.get(step.name)
        return step.will == "show" or state in DONE_WELL or state == "skipped" or step.name in self.continued


class Gatherer:
    """Takes the events in their order and says what the past is."""

    def __init__(self, steps: Sequence[PlannedStep]) -> None:
        self._undoes = {step.name: step.undoes for step in steps}
        self._limits = {step.name: step.timeout_seconds for step in steps}
        self._states: dict[str, StepState] = {}
        self._attempts: dict[str, int] = {}
        self._ran: list[str] = []
        self._unresolved: list[str] = []
        self._continued: set[str] = set()
        self._questions = 0
        self._open: Open | None = None
        self._edited: set[str] = set()
        self._requests: dict[str, str] = {}
        self._sessions: set[str] = set()
        self._spooled = 0
        self._kernel_ended = 0
        self._here: set[str] = set()
        self._foreign = False
        self._sealed = False

    def feed(self, event: Event) -> None:
        step = event.text("step")
        match event.kind:
            case "kernel-started":
                self._sessions.add(event.text("session"))
            case "kernel-ended":
                self._kernel_ended = event.number("number")
                self._spooled = 0  # the next one counts anew
                self._here, self._foreign = set(), False
            case "foreign":
                self._foreign = True
            case "interrupted" if self._open:
                how = "stopped" if event.text("how") == "stop" else "interrupted"
                self._open = msgspec.structs.replace(self._open, **{how: True})
            case "sealed":
                self._sealed = True
            case "message":
                self._message(event, step)
            case "step-started":
                self._started(event, step)
            case "step-ended":
                self._ended(step, event.text("state"))
            case "step-skipped":
                self._states[step] = "skipped"
            case "attested":
                self._ran.append(step)
                self._settled(step, "attested")
            case "declined":
                self._settled(step, "declined")
            case "question":
                self._questions = max(self._questions, event.number("question"))
            case "answer" if event.text("choice") == "continue" and step in self._unresolved:
                self._unresolved.remove(step)
                self._continued.add(step)

    def past(self) -> Past:
        return Past(
            states=self._states,
            attempts=self._attempts,
            ran=tuple(self._ran),
            unresolved=tuple(self._unresolved),
            continued=frozenset(self._continued),
            questions=self._questions,
            open=self._open,
            requests=self._requests,
            sessions=frozenset(self._sessions - {""}),
            spooled=self._spooled,
            sealed=self._sealed,
            edited=frozenset(self._edited),
            ended=self._kernel_ended,
            here=frozenset(self._here),
            foreign=self._foreign,
        )

    def _message(self, event: Event, step: str) -> None:
        self._spooled = max(self._spooled, event.number("spooled"))
        parent = event.text("parent")
        if step and parent:
            is_new = parent not in self._requests  # late output of an earlier attempt is not this one's
            self._requests[parent] = step
            if is_new and self._open is not None and self._open.step == step:
                self._open = msgspec.structs.replace(self._open, requests=self._open.requests | {parent})
            if event.text("type") == "runbook_reply" and self._open and parent in self._open.requests:
                self._open = msgspec.structs.replace(self._open, reply=event)

    def _started(self, event: Event, step: str) -> None:
        self._attempts[step] = event.number("attempt")
        self._states[step] = "running"
        self._here.add(step)
        edited = "deviation" in event.payload
        (self._edited.add if edited else self._edited.discard)(step)
        self._open = Open(
            step=step,
            attempt=event.number("attempt"),
            t=event.t,
            m=event.m,
            edited=edited,
            limit_seconds=self._limits.get(step),
        )
        self._ran = [*(each for each in self._ran if each != step), step]
        self._continued.discard(step)

    def _ended(self, step: str, state: str) -> None:
        self._open, self._foreign = None, False
        self._settled(step, state)  # type: ignore[arg-type]  # what an honest supervisor wrote; else no state fits

    def _settled(self, step: str, state: StepState) -> None:
        self._states[step] = state
        if state not in DONE_WELL:
            if step not in self._unresolved:
                self._unresolved.append(step)
            return
        if step in self._unresolved:
            self._unresolved.remove(step)
        undone = self._undoes.get(step)
        if undone in self._ran:
            self._ran.remove(undone)
