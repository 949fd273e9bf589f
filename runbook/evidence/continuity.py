"""Continuity: whether nothing was taken out of a journal or put into it, as far as its events tell. Pure.

The chain holds whatever somebody chains anew. But events name each other:
1 The kernel numbers what it publishes: no number comes twice or out of turn, and one that is left out is told
(`gap`, `truncated`, the note of a limit); what it publishes for an attempt's request is that step's. 2 An
attempt that is called well ended has what the kernel executed and its reply, where no gap is told. 3 Answers
are to the question that is open, and such as it takes; no number is asked twice; what is asked before a step
is what the plan asks; answers that nobody gave stand only where nobody is there; and nothing goes on behind
a question that stands open, but where somebody stops the run, or takes it up. 4 What a person attested,
declined or left out follows their answer, in their words. 5 A step ends with the attempt that it began with,
and stands where the plan has it; who takes a run up opens it on the same plan, and says so. 6 What ends well
ran in a kernel that had answered; one kernel's end is told before another answers, and once; only who takes a
run up finds one there.
"""

from collections.abc import Mapping

from runbook.canonical import hex_digest
from runbook.evidence.events import Event
from runbook.evidence.plan import PlanRecord

_WELL = frozenset({"succeeded", "deviated"})
_REPLIES = frozenset({"execute_reply", "runbook_reply"})
_SETTLED = {"attested": "done", "declined": "decline", "step-skipped": "skip"}
_BEFORE = frozenset({"start", "confirm", "danger", "manual"})
_ASKED = _BEFORE | {"second", "failed", "held", "input", "password"}
_OF_STEPS = frozenset({"input", "password"})  # left open where their step ends
_GOES_ON = frozenset({"question", "step-started", "step-skipped", "attested", "declined"})
_LIMIT = "its limit of output is reached"


class Continuity:
    """Takes the events in their order, `execute_input` with its content. `problems`: line and words for each
    thing that can't be; whole after `finish`."""

    def __init__(self, plan: PlanRecord, *, plan_digest: str) -> None:
        self._plan_digest = plan_digest
        self._steps = {step.name: step for step in plan.steps}
        itself = "approval" if plan.approved else "default"
        self._ways = {"terminal", itself} if plan.kind == "unattended" else {"terminal"}
        self._spooled: int | None = None  # the last number of this kernel
        self._skipped: list[tuple[int, str]] = []  # numbers that are left out: told, or a problem
        self._is_told = False  # that something is missing
        self._attempt: dict[str, tuple[int, str]] = {}  # step → number and source
        self._well: list[tuple[int, str, str, str]] = []  # line, step, request, source
        self._executed: dict[str, str] = {}  # request → sha256 of what ran
        self._replied: set[str] = set()
        self._requests: dict[str, str] = {}  # request → the step whose attempt it was
        self._owners: dict[tuple[str, str], int] = {}  # request and step of messages → the first line
        self._question: Event | None = None
        self._asked = 0
        self._answer: tuple[Event, Event] | None = None  # the last question that was answered, and how
        self._kernels = 0  # the number of the last whose end was told
        self._answers = False  # a kernel has, and its end was not told
        self._taken_up = False  # the run, since a kernel answered last
        self.problems: list[tuple[int, str]] = []

    def feed(self, event: Event) -> None:
        """Look at the next event."""
        line, name = event.seq + 1, event.text("step")
        if event.kind in _GOES_ON:
            self._left_behind(line)
        match event.kind:
            case "opened":
                self._opened(event)
            case "message":
                self._published(event)
                self._heard(event)
            case "kernel-started" | "kernel-ended":
                self._lived(event)
            case "gap" | "truncated":
                self._is_told = True
            case "note" if event.text("by") == "runbook" and event.text("words").startswith(_LIMIT):
                self._is_told = True
            case "step-started":
                if name in self._steps and event.payload.get("index") != self._steps[name].index:  # 5
                    self.problems.append((line, f"{name!r} does not stand there in the plan"))
                self._attempt[name] = (event.number("attempt"), event.text("source"))
            case "step-ended":
                self._ended(event, name)
            case "question" | "answer":
                self._said(event)
            case "attested" | "declined" | "step-skipped":
                self._settled(event, name)
            case "confirmed":
                self._question = None
            case "interrupted" if event.text("how") == "stop":
                self._question = None

    def finish(self) -> None:
        """After the last event."""
        for (request, name), line in self._owners.items():  # 1
            if self._requests.get(request, name) != name:
                words = f"what the kernel published for {self._requests[request]!r} is called another's"
                self.problems.append((line, words))
        if self._is_told:
            return
        self.problems += self._skipped  # 1
        for line, name, request, source in self._well:  # 2
            if request not in self._replied:
                self.problems.append(
                    (line, f"{name!r} is called well ended, and no reply of the kernel is here")
                )
            if self._executed.get(request) != source:
                self.problems.append((line, f"what the kernel executed as {name!r} is not here, or not that"))

    def _opened(self, event: Event) -> None:
        line = event.seq + 1
        self._question, self._taken_up = None, event.payload.get("taken_up") is True
        if event.seq and event.text("plan") != self._plan_digest:  # 5
            self.problems.append((line, "the run was taken up on another plan"))
        if event.seq and not self._taken_up:  # 5
            self.problems.append((line, "the run was opened a second time"))

    def _lived(self, event: Event) -> None:
        line = event.seq + 1
        if event.kind == "kernel-ended":
            number = event.number("number")
            if number <= self._kernels:  # 6
                self.problems.append((line, f"the end of kernel {number} was told before"))
            self._kernels, self._answers, self._spooled = max(number, self._kernels), False, None
            return
        if self._answers and not self._taken_up:  # 6
            self.problems.append((line, "a kernel answered while another one lived"))
        if event.payload.get("adopted") is True and not self._taken_up:  # 6
            self.problems.append((line, "a kernel was found there by nobody who took the run up"))
        self._answers, self._taken_up = True, False

    def _left_behind(self, line: int) -> None:
        asked = self._question
        if asked is not None and asked.text("asks") not in _OF_STEPS:  # 3
            number = asked.number("question")
            self.problems.append((line, f"the run went on, and nobody had answered question {number}"))
        self._question = None

    def _published(self, event: Event) -> None:
        number = event.payload.get("spooled")
        if not isinstance(number, int):
            return
        last, self._spooled = self._spooled, number
        if last is not None and number <= last:  # 1
            self.problems.append((event.seq + 1, f"the kernel's message {number} stands behind its {last}"))
        elif last is not None and number > last + 1:
            self._skipped.append((event.seq + 1, f"the kernel's messages before its {number} are not here"))

    def _heard(self, event: Event) -> None:
        kind, request, content = event.text("type"), event.text("parent"), event.payload.get("content")
        self._owners.setdefault((request, event.text("step")), event.seq + 1)
        if kind in _REPLIES:
            self._replied.add(request)
        code = content.get("code") if isinstance(content, Mapping) else None
        if kind == "execute_input" and isinstance(code, str):
            self._executed[request] = hex_digest(code.encode("utf-8", "surrogatepass"))

    def _ended(self, event: Event, name: str) -> None:
        line = event.seq + 1
        number, source = self._attempt.get(name, (0, ""))
        if number and event.number("attempt") != number:  # 5
            self.problems.append((line, f"attempt {number} of {name!r} ends as another"))
        if event.text("message"):
            self._requests[event.text("message")] = name
        if event.text("state") in _WELL:
            if not self._answers:  # 6
                self.problems.append((line, f"{name!r} is called well ended, and no kernel had answered"))
            self._well.append((line, name, event.text("message"), source))

    def _said(self, event: Event) -> None:
        line, number = event.seq + 1, event.number("question")
        if event.kind == "question":
            if number <= self._asked:  # 3
                self.problems.append((line, f"question {number} was asked before"))
            self._asked, self._question = max(self._asked, number), event
            self._question_fits(event)
            return
        asked, self._question = self._question, None
        if asked is None or asked.number("question") != number:  # 3
            self.problems.append((line, f"an answer to question {number}, which is not open"))
            return
        choices = asked.payload.get("choices")
        if not isinstance(choices, list) or event.text("choice") not in choices:  # 3
            self.problems.append(
                (line, f"question {number} does not take the answer {event.text('choice')!r}")
            )
        if event.text("how") not in self._ways:  # 3
            self.problems.append((line, f"nobody answers by {event.text('how')!r} in such a run"))
        self._answer = (asked, event)

    def _question_fits(self, event: Event) -> None:
        planned, asks = self._steps.get(event.text("step")), event.text("asks")
        if asks not in _ASKED:  # 3
            self.problems.append((event.seq + 1, f"nobody is asked {asks!r}"))
        if planned is None or asks not in _BEFORE:
            return
        due = "manual" if planned.kind == "manual" else "start"
        due = next((tag for tag in ("danger", "confirm") if due == "start" and tag in planned.tags), due)
        if asks != due:  # 3
            self.problems.append(
                (event.seq + 1, f"{planned.name!r} is asked for as {asks!r}, and not {due!r}")
            )

    def _settled(self, event: Event, name: str) -> None:
        if event.kind == "step-skipped" and event.text("reason") != "operator":
            return
        asked, answer = self._answer or (None, None)
        due = _SETTLED[event.kind]
        is_said = asked is not None and answer is not None and asked.text("step") == name
        if answer is None or not is_said or answer.text("choice") != due:  # 4
            self.problems.append((event.seq + 1, f"nobody answered {due!r} for {name!r}"))
            return
        persons = {answer.text("by"), event.text("by") or answer.text("by")}
        if len(persons) > 1 or answer.text("words") != event.text("words"):  # 4
            self.problems.append(
                (event.seq + 1, f"{name!r}: the answer was somebody else's, or in other words")
            )
