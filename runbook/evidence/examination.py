"""Examination: whether a journal's events tell one story that can be true, and the plan's. Pure.

The chain says that lines were not changed since; this says that they make sense: 1 the first event opens
the run of this very plan; 2 nothing comes after `sealed`; 3 steps are the plan's, attempts are counted one by
one, each end has its start, and each start the confirmation that the plan wants; 4 the source of each attempt
is the planned one, or one that a person wrote in its place for this very attempt, and said why; what the
kernel says it executed is that source; 5 no end claims `succeeded` without the kernel's reply, or against it,
or for an edited source; 6 the seal's words are what the events come to; 7 the monotonic clock never runs
back, but where a supervisor went on.
"""

from collections.abc import Mapping

from runbook.canonical import hex_digest
from runbook.evidence.events import Event
from runbook.evidence.plan import PlannedStep, PlanRecord
from runbook.evidence.planned import is_guarded
from runbook.evidence.states import Standing

EXAMINED = frozenset({"execute_input", "execute_reply", "runbook_reply"})
"""The messages whose content is looked at; it must be in their payload, also what was moved to a blob."""


class Examiner:
    """Takes the events in their order. `problems`: line and words for each thing that can't be."""

    def __init__(self, plan: PlanRecord, *, plan_digest: str) -> None:
        self._plan_digest = plan_digest
        self._attended = plan.kind == "interactive" and not plan.dry_run
        self._edits: dict[
            str, tuple[str, str]
        ] = {}  # step → source and words of an `edit` that did not run yet
        self._steps: Mapping[str, PlannedStep] = {step.name: step for step in plan.steps}
        self._seconded = bool(plan.confirm_by)
        self._confirmed: set[tuple[str, int]] = set()  # step and attempt
        self._attempts: dict[str, int] = {}
        self._open: dict[str, str] = {}  # step → source of the attempt that has no end yet
        self._replies: dict[str, str] = {}  # request → the last status the kernel gave
        self._well: dict[str, str] = {}  # request → the step that is called well ended for it
        self._last_m: int | None = None
        self._sealed: Event | None = None
        self.problems: list[tuple[int, str]] = []

    def feed(self, event: Event) -> None:
        """Look at the next event."""
        line = event.seq + 1
        if event.seq == 0:
            self._first(event)
        if self._sealed is not None:
            self._say(line, "an event after the seal")
        if self._last_m is not None and event.m < self._last_m and event.kind not in ("opened", "gap"):
            self._say(line, "the monotonic clock runs back")
        self._last_m = event.m
        name = event.text("step")
        if event.kind.startswith("step-") and name not in self._steps:
            self._say(line, "a step that the plan does not have")
            return
        match event.kind:
            case "answer" if event.text("choice") == "edit" and event.text("how") == "terminal":
                self._edits[name] = (event.text("source"), event.text("words"))
            case "step-started":
                self._started(event, name)
            case "confirmed":
                self._confirmed.add((name, event.number("attempt")))
            case "step-ended":
                self._ended(event, name)
            case "message" if event.text("type") in ("execute_reply", "runbook_reply"):
                self._replied(event)
            case "message" if event.text("type") == "execute_input" and name in self._open:
                self._executed(event, name)
            case "sealed":
                self._sealed = event

    def finish(self, standing: Standing) -> None:
        """After the last event: compare what the seal says with what the events came to."""
        if self._sealed is None:
            return
        line = self._sealed.seq + 1
        if self._sealed.text("outcome") != standing.outcome:
            self._say(
                line,
                f"the seal says {self._sealed.text('outcome')!r}, the events came to {standing.outcome!r}",
            )
        said = self._sealed.payload.get("steps")
        if said is not None and said != {step.name: step.state for step in standing.steps}:
            self._say(line, "the seal's states are not those of the events")

    def _say(self, line: int, words: str) -> None:
        self.problems.append((line, words))

    def _first(self, event: Event) -> None:
        if event.kind != "opened":
            self._say(1, "the first event does not open the run")
        elif event.text("plan") != self._plan_digest:
            self._say(1, "the run was opened on another plan")

    def _started(self, event: Event, name: str) -> None:
        line, planned = event.seq + 1, self._steps[name]
        attempt = self._attempts.get(name, 0) + 1
        self._attempts[name] = attempt
        if event.number("attempt") != attempt:
            self._say(line, f"attempt {event.number('attempt')} of {name!r} where {attempt} is due")
        if self._is_seconded(planned) and (name, attempt) not in self._confirmed:
            self._say(line, f"{name!r} was started, and nobody of the plan's groups had confirmed it")
        if planned.kind != "code":
            self._say(line, f"{name!r} is no code and was started")
        if planned.why == "dry-run":
            self._say(line, f"{name!r} was started in a dry run, which leaves it out")
        problem = self._not_planned(event, planned)
        if problem:
            self._say(line, problem)
        self._open[name] = event.text("source")

    def _is_seconded(self, planned: PlannedStep) -> bool:
        return self._seconded and is_guarded(planned)

    def _not_planned(self, event: Event, planned: PlannedStep) -> str | None:
        """What is wrong with the source that this attempt ran; None for the planned one, and for an edit."""
        deviation, source, name = event.payload.get("deviation"), event.text("source"), planned.name
        if deviation is not None and self._is_seconded(planned):
            return f"{name!r} is a step that somebody else confirms, and what was confirmed is not what ran"
        if deviation is None:
            return None if source == planned.source else f"the source of {name!r} is not the planned one"
        text, words = (
            (deviation.get("text"), deviation.get("words"))
            if isinstance(deviation, Mapping)
            else (None, None)
        )
        if not self._attended:
            return f"{name!r} was edited where nobody may"
        if not isinstance(text, str) or hex_digest(text.encode("utf-8", "surrogatepass")) != source:
            return f"the text of the edited {name!r} is not the source that ran"
        if source == planned.source:
            return f"{name!r} is called edited, and ran as planned"
        if not words or self._edits.pop(name, None) != (source, words):
            return f"nobody said that {name!r} should run so"
        return None

    def _ended(self, event: Event, name: str) -> None:
        line = event.seq + 1
        if name not in self._open:
            self._say(line, f"an end of {name!r} without a start")
            return
        is_edited = self._open.pop(name) != self._steps[name].source
        if event.text("state") == ("succeeded" if is_edited else "deviated"):
            self._say(line, f"{name!r} is called {event.text('state')}, and ran as {_ran(is_edited)}")
        if event.text("state") not in ("succeeded", "deviated"):
            return
        if event.text("reply") != "ok":
            self._say(line, f"{name!r} is called {event.text('state')} without the kernel's reply")
        elif self._replies.get(event.text("message"), "ok") != "ok":
            self._say(line, f"{name!r} is called {event.text('state')} against the kernel's reply")
        if event.text("message"):
            self._well[event.text("message")] = name

    def _replied(self, event: Event) -> None:
        content = event.payload.get("content")
        status = content.get("status") if isinstance(content, Mapping) else None
        self._replies[event.text("parent")] = status if isinstance(status, str) else "unreadable"
        # Code of a step can send a reply before the kernel's own comes.
        name = self._well.get(event.text("parent"))
        if name is not None and status != "ok":
            self._say(event.seq + 1, f"the kernel's reply to {name!r} came after its end, and is not ok")

    def _executed(self, event: Event, name: str) -> None:
        content = event.payload.get("content")
        code = content.get("code") if isinstance(content, Mapping) else None
        if isinstance(code, str) and hex_digest(code.encode("utf-8", "surrogatepass")) != self._open[name]:
            self._say(event.seq + 1, f"the kernel executed something else than {name!r} says")


def _ran(is_edited: bool) -> str:
    return "edited" if is_edited else "planned"
