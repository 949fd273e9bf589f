"""How a run goes on: which step is next, what is asked, what an answer means. Pure; no kernel, no clock.

The supervisor asks `next()` for one action after the other and tells how it went. Nothing is repeated
without a person, except what the text tags `idempotent`; nothing that undoes runs by its position; a question
never answers itself, but for `confirm` and `danger` in an unattended run: the approval has answered those.
"""

from collections import deque
from collections.abc import Sequence
from typing import Literal

import msgspec

from runbook.errors import InputError
from runbook.evidence.events import StepState
from runbook.evidence.plan import PlannedStep
from runbook.execution.actions import Action, Ask, Attest, Edit, End, EndReason, Note, Run, Settle, Skip
from runbook.execution.asking import CHOICES, guard_of, require_fit, words_of
from runbook.execution.edits import Edits
from runbook.execution.leeway import Leeway
from runbook.execution.order import checking, is_declaration, ordered, undoing
from runbook.execution.past import DONE_WELL, Past
from runbook.execution.questions import Answer, Asks, Question
from runbook.execution.renewal import Renewal

_REPEATED: frozenset[StepState] = frozenset({"failed", "timed-out"})


class Conduct:
    """The state of one run. `steps` are the plan's, in the order of the text; `by`: who starts it."""

    def __init__(self, steps: Sequence[PlannedStep], leeway: Leeway, *, by: str) -> None:
        self._steps = {step.name: step for step in steps}
        self._leeway = leeway
        self._order = ordered(steps, undo=leeway.undo)
        self._at = 0  # everything before it in the order is passed
        self._passed: set[str] = set()  # what is behind this run, wherever it stands
        self._by = by  # who let the run go on last
        self._going = leeway.unattended
        self._edits = Edits({step.name: step.source for step in steps})
        self._queue: deque[Action] = deque()
        self._states: dict[str, StepState] = {}
        self._attempts: dict[str, int] = {}
        self._ran: list[str] = []  # what an `undoes` step could undo, in the order it ran
        self._unresolved: list[str] = []  # steps that ended badly and wait for a word, the latest last
        self._detours: list[str] = []  # `undoes` or `checks` steps that were asked for, the first is next
        self._renewal = Renewal(steps)
        self._doubted: str | None = None  # the step whose end nobody knows, until its check was put in line
        self._cleared: str | None = None  # the step whose question was answered with run or go
        self._confirmed: set[str] = set()  # steps whose next attempt somebody else has confirmed
        self._asked: Question | None = None
        self._number = 0
        self._end: EndReason | None = None
        self._before: tuple[StepState | None, list[str]] = (None, [])  # as it was before the last `Run`

    def take_up(self, past: Past, *, renewed: bool) -> None:
        """Go on where a run was left. `renewed`: with a new kernel. Declarations and `setup` steps that had
        succeeded, but not in this kernel, run again first; nothing else does without a person. Call before
        `next`."""
        self._states = dict(past.states)
        self._attempts = dict(past.attempts)
        self._ran = list(past.ran)
        self._unresolved = list(past.unresolved)
        self._number = past.questions
        self._edits.ran_last(past.edited)
        self._passed = {step.name for step in self._order if past.is_behind(step)}
        self._renewal.take_up(past, renewed=renewed)

    def recovered(self, step: str, state: StepState) -> None:
        """How the attempt ended that was open when the last supervisor went. One whose end is not known is
        put to its `checks` step before anything is asked."""
        self.ended(step, state)
        self._renewal.recovered(step, state)
        if state == "unknown":
            self._doubted = step

    def kernel_gone(self) -> None:
        """The kernel has died, and the next step will run in another: that is set up first."""
        self._renewal.renew(self._states)

    def hold(self, action: Run, words: str) -> Ask | End:
        """The step of this `Run` may not run as things stand: as if it had not been decided, and ask."""
        step = self._steps[action.step]
        state, self._ran = self._before
        self._attempts[step.name] -= 1
        self._states.pop(step.name)
        if state is not None:
            self._states[step.name] = state
        self._going = False
        if action.edit is not None:
            self._edits.put(step.name, action.edit)
        if self._leeway.unattended:
            self._end = "stopped"
            return End(reason="stopped")
        ask = self._ask(step, "failed" if step.name in self._unresolved else "held")
        self._asked = msgspec.structs.replace(ask.question, words=f"{words} {ask.question.words}")
        return Ask(question=self._asked)

    def next(self) -> Action:
        """What to do now. After a `Run` call `ended`, after an `Ask` call `answered` or `stop`."""
        if self._asked is not None:
            raise RuntimeError("a question is open: answer it or stop")
        while True:
            if self._queue:
                return self._queue.popleft()
            action = self._decide()
            if action is not None:
                return action

    def ended(self, step: str, state: StepState) -> None:
        """The attempt that `Run` asked for ended in `state`."""
        self._states[step] = state
        planned = self._steps[step]
        self._renewal.is_done(step)
        if self._detours[:1] == [step]:
            self._detours.pop(0)
            if state in DONE_WELL and planned.undoes is not None:
                self._detours += self._checking(step)
        elif state in DONE_WELL:
            self._passed.add(step)
        if state not in DONE_WELL:
            if step not in self._unresolved:
                self._unresolved.append(step)
            self._going = self._leeway.unattended
            return
        if step in self._unresolved:
            self._unresolved.remove(step)
        if planned.undoes in self._ran and state in DONE_WELL:
            self._ran.remove(planned.undoes)

    def answered(self, answer: Answer, *, by: str) -> Question:
        """Take an answer to the open question; returns the question that it closed.

        Raises InputError, saying why, for an answer that does not fit: then the question is still open.
        """
        question = self._asked
        if question is None or question.number != answer.question:
            raise InputError("this question is not open any more")
        require_fit(question, answer)
        self._asked = None
        self._by = by
        words = answer.words.strip()
        match answer.choice:
            case "run" | "go" | "retry":
                self._let_run(question.step, going=answer.choice == "go")
            case "skip":
                self._edits.drop(question.step)
                self._leave_out(question.step, words)
            case "continue":
                self._cleared = None
                self._edits.drop(question.step)
                self._unresolved.remove(question.step)
                self._passed.add(question.step)
            case "done" | "decline":
                self._attest(question.step, done=answer.choice == "done", words=words)
            case "note":
                self._queue.append(Note(step=question.step, by=by, words=words))
            case "undo" | "check" if self._renewal.is_ready_for(question.step, self._unresolved):
                offered = question.undo if answer.choice == "undo" else question.check
                self._detours.append(answer.step or offered[0])
            case "undo" | "check" | "say":
                pass  # asked again once a new kernel is set up; and what is said is for the step, which runs
            case "stop":
                self._end = "stopped"
            case "edit":
                self._edit(question, Edit(source=answer.source or "", words=words, by=by))
        return question

    def ask_input(self, step: str, prompt: str, *, hidden: bool = False) -> Ask:
        """A step that runs asks the operator something; `withdraw` when it asks no more."""
        ask = self._ask(self._steps[step], "password" if hidden else "input")
        self._asked = msgspec.structs.replace(ask.question, words=f"{ask.question.words} {prompt}".strip())
        return Ask(question=self._asked)

    def second(self) -> tuple[str, int]:
        """The step and the attempt that wait for somebody who confirms them. Raises InputError: none does."""
        if self._asked is None or self._asked.asks != "second":
            raise InputError("no step of this run waits for a confirmation")
        return self._asked.step, self._attempts.get(self._asked.step, 0) + 1

    def confirmed(self) -> None:
        """The attempt that waits was confirmed: it runs next."""
        step, _ = self.second()
        self._confirmed.add(step)
        self._asked = None

    def withdraw(self) -> Question | None:
        """Nobody waits for the answer to the open question any more; returns it."""
        left, self._asked = self._asked, None
        return left

    def stop(self, reason: EndReason = "stopped") -> Question | None:
        """End the run at the next chance; returns the question that this leaves unanswered, if any."""
        left, self._asked = self._asked, None
        self._end = self._end or reason
        return left

    @property
    def is_attended(self) -> bool:
        """Whether there may be somebody to ask."""
        return not self._leeway.unattended

    @property
    def open_question(self) -> Question | None:
        return self._asked

    @property
    def states(self) -> dict[str, StepState]:
        """What is known of each code and manual step."""
        return {
            name: self._states.get(name, "pending")
            for name, step in self._steps.items()
            if step.kind != "prose"
        }

    def _decide(self) -> Action | None:
        if self._end is not None:
            return End(reason=self._end)
        if self._detours:
            return self._approach(self._steps[self._detours[0]])
        if self._renewal or self._doubted:
            return self._set_up()
        if self._unresolved:
            return self._after_failure(self._steps[self._unresolved[-1]])
        while self._at < len(self._order) and self._order[self._at].name in self._passed:
            self._at += 1
        if self._at >= len(self._order):
            self._finish()
            return None
        step = self._order[self._at]
        if step.will == "show" or (step.checks is not None and step.name in self._states):
            self._passed.add(step.name)  # a `checks` step that a person asked for already
            return None
        if step.will == "skip":
            return self._skip(step, step.why)
        if step.checks is not None and self._is_moot(step.checks):
            return self._skip(step, "checks", f"{step.checks} did not succeed in this run")
        return self._approach(step)

    def _set_up(self) -> Action | None:
        """What this kernel lacks comes first; only then is a step checked whose end is not known."""
        first = self._renewal.first(self._unresolved)
        if first is None or first == self._doubted:
            self._detours += self._checking(self._doubted or "")
            self._doubted = None
            return None
        step = self._steps[first]
        if self._renewal.lacks(first) and self._states[first] != "deviated":
            return self._approach(step)
        if first not in self._unresolved:  # which text this kernel gets is for a person to say
            self._renewal.is_done(first)
            self._unresolved.append(first)
        return self._after_failure(step)

    def _approach(self, step: PlannedStep) -> Action:
        """Run the step, or ask what has to be asked before."""
        if self._cleared == step.name:
            return self._begin(step)
        if step.kind == "manual":
            return self._ask(step, "manual")
        guard = guard_of(step)
        if guard is not None:
            if not self._leeway.unattended:
                return self._ask(step, guard)
            self._cleared = step.name
            how: Literal["approval", "default"] = "approval" if self._leeway.approved else "default"
            return Settle(question=self._question(step, guard), choice="run", how=how)
        asked_for = (
            bool(self._detours)
            or self._renewal.lacks(step.name)
            or step.checks is not None
            or is_declaration(step)
        )
        if not self._going and not asked_for:
            return self._ask(step, "start")
        return self._run(step)

    def _after_failure(self, step: PlannedStep) -> Action:
        attempts = self._attempts.get(step.name, 0)
        state = self._states[step.name]
        if self._cleared == step.name:
            return self._begin(step)
        by_itself = not self._edits.was_edited(step.name) and step.name not in self._leeway.seconded
        if by_itself and "idempotent" in step.tags and state in _REPEATED and 0 < attempts <= step.retries:
            return self._run(step, by="text")
        if self._leeway.unattended:
            self._end = "failed"
            return End(reason="failed")
        return self._ask(step, "failed")

    def _begin(self, step: PlannedStep) -> Action:
        """Run the step that was let run, once somebody else has confirmed it where that is asked for."""
        if step.name in self._leeway.seconded and step.name not in self._confirmed:
            question = self._ask(step, "second").question
            self._asked = msgspec.structs.replace(question, words=self._leeway.seconded[step.name])
            return Ask(question=self._asked)
        self._cleared = None
        self._confirmed.discard(step.name)
        return self._run(step)

    def _run(self, step: PlannedStep, *, by: str | None = None) -> Run:
        self._before = (self._states.get(step.name), list(self._ran))
        self._attempts[step.name] = attempt = self._attempts.get(step.name, 0) + 1
        if step.name in self._ran:
            self._ran.remove(step.name)
        self._ran.append(step.name)
        self._states[step.name] = "running"
        edit = self._edits.take(step.name)
        return Run(step=step.name, attempt=attempt, by=by or self._by, edit=edit)

    def _ask(self, step: PlannedStep, asks: Asks) -> Ask:
        self._asked = self._question(step, asks)
        return Ask(question=self._asked)

    def _question(self, step: PlannedStep, asks: Asks) -> Question:
        self._number += 1
        undo = undoing(self._steps.values(), self._ran)
        check = self._checking(step.name)
        # What was asked for can be given up again.
        is_aside = bool(self._detours) or self._renewal.lacks(step.name)
        unfit = {
            "undo": is_aside or not undo,
            "check": not check,
            "go": is_aside,
            "edit": not self._may_edit(step),
        }
        choices = [choice for choice in CHOICES[asks] if not unfit.get(choice)]
        if asks == "second" and step.name in self._unresolved:  # it has run: nobody can leave it out any more
            choices = ["continue" if choice == "skip" else choice for choice in choices]
        return Question(
            number=self._number,
            step=step.name,
            asks=asks,
            choices=tuple(choices),
            words=words_of(step, asks, self._states.get(step.name))
            + (" It runs as it was edited." if self._edits.waits(step.name) else ""),
            typed=step.name if asks == "danger" or (asks == "failed" and "danger" in step.tags) else None,
            undo=undo,
            check=check if "check" in choices else (),
        )

    def _checking(self, step: str) -> tuple[str, ...]:
        return checking(self._steps.values(), step)

    def _let_run(self, step: str, *, going: bool) -> None:
        if self._steps[step].kind == "manual":  # a retry of what was declined asks again
            self._unresolved.remove(step)
            if self._steps[step].undoes is not None:
                self._detours.append(step)
            return
        self._cleared = step
        self._going = going

    def _may_edit(self, step: PlannedStep) -> bool:
        is_open = step.kind == "code" and not is_declaration(step) and step.name not in self._leeway.seconded
        return self._leeway.deviations and is_open

    def _edit(self, question: Question, edit: Edit) -> None:
        """Run the step as edited; where its name has to be typed, that is asked again."""
        if self._edits.put(question.step, edit) and question.typed is None:
            self._let_run(question.step, going=False)

    def _leave_out(self, step: str, words: str) -> None:
        self._cleared = None
        if self._detours:  # an `undoes` step that is not wanted after all may be wanted later
            self._detours.pop(0)
            return
        if self._renewal.lacks(step):
            self._renewal.is_done(step)
            return
        self._queue.append(Skip(step=step, reason="operator", words=words))
        self._states[step] = "skipped"
        self._passed.add(step)

    def _attest(self, step: str, *, done: bool, words: str) -> None:
        self._queue.append(Attest(step=step, done=done, by=self._by, words=words))
        if done:
            self._ran.append(step)
        self.ended(step, "attested" if done else "declined")

    def _is_moot(self, checked: str) -> bool:
        """Whether a `checks` step has nothing to check: its step was to run here, and did not succeed."""
        target = self._steps.get(checked)
        if target is None or (target.will == "skip" and target.why == "selection"):
            return False
        return self._states.get(checked) not in DONE_WELL

    def _skip(self, step: PlannedStep, reason: str, words: str = "") -> Skip:
        self._passed.add(step.name)
        self._states[step.name] = "skipped"
        return Skip(step=step.name, reason=reason, words=words)

    def _finish(self) -> None:
        for step in self._steps.values():
            if step.kind != "prose" and step.name not in self._states:
                self._states[step.name] = "skipped"
                reason = step.why or "checks"  # what checks an undo that never ran
                self._queue.append(Skip(step=step.name, reason=reason, words=""))
        self._end = "done"
