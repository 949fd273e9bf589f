"""The supervision of one run: steps to the kernel, everything to the chronicle, questions to who is there.

Lives in the supervisor's event loop. Knows no files, no locks and no signals (`supervisor`), does not decide
what comes next (`conduct`), and never calls a step succeeded: the kernel's reply does.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runbook.errors import InputError, KernelError, RunbookError
from runbook.evidence.events import StepState
from runbook.execution import deviating, seconding
from runbook.execution.actions import Ask, Attest, End, EndReason, Note, Run, Settle, Skip
from runbook.execution.aside import Aside
from runbook.execution.chronicle import FOREIGN, Chronicle
from runbook.execution.conduct import Conduct
from runbook.execution.contact import Contact
from runbook.execution.control import Control
from runbook.execution.guard import Guard
from runbook.execution.inputs import Inputs
from runbook.execution.kernel_launch import KernelProcess
from runbook.execution.kernel_values import Reply
from runbook.execution.left_open import UNTOUCHED, LeftRunning, end_of, milliseconds
from runbook.execution.messages import Command, Confirm, Mode
from runbook.execution.plan import Plan
from runbook.execution.questions import Answer, Question
from runbook.execution.seconding import Seconder
from runbook.execution.taking_up import TakenUp
from runbook.execution.telling import tell_answer, tell_question, tell_step_ended

if TYPE_CHECKING:
    from runbook.execution.kernel import KernelClient

KERNEL_SECONDS = 60
KILL_SECONDS = 5
"""How long a step may take to end once it was killed, or the supervisor got SIGTERM, before its kernel is."""


class Supervision:
    """One run, from the first step to the last. `control` is set before `run`; so are `guard`, which says why
    a step may not run now, `seconder`, which checks a second person's word (`aside`), `renew`, which starts
    another kernel when one has died, and `taken` when the run is taken up with its living kernel."""

    control: Control
    renew: Callable[[], KernelProcess]
    guard: Guard | None = None
    taken: TakenUp | None = None
    seconder: Seconder | None = None
    aside: Aside

    def __init__(
        self, plan: Plan, conduct: Conduct, chronicle: Chronicle, *, kernel_seconds: float = KERNEL_SECONDS
    ) -> None:
        self._plan = plan
        self._conduct = conduct
        self._chronicle = chronicle
        self._kernel_seconds = kernel_seconds
        self._held: Contact | None = None
        self._woken: asyncio.Event = asyncio.Event()  # an answer, a stop, the kernel's end
        self._running: str | None = None
        self._turn = 0  # which attempt of this supervisor that is
        self._inputs = Inputs(conduct, chronicle, put=self._put, discreet=self._discreet)
        self._left: LeftRunning | None = None  # a dead supervisor's step
        self.failure: RunbookError | None = None
        """What kept the run from going on, when it was something outside."""

    async def run(self, process: KernelProcess) -> EndReason:
        """Run the plan, from this kernel on, and say why it ended. No kernel is left afterwards."""
        self._hold_on(process, self.taken)
        try:
            return await self._go_on()
        finally:
            await self._contact.end()

    def _hold_on(self, process: KernelProcess, taken: TakenUp | None) -> None:
        self._held = Contact(
            process,
            self._chronicle,
            gone=self._gone,
            on_input=self._inputs.ask if self._conduct.is_attended else None,
            seconds=self._kernel_seconds,
        )
        self._held.begin(taken)

    @property
    def _contact(self) -> Contact:
        """The kernel of this moment, from `run` on."""
        assert self._held is not None
        return self._held

    def _gone(self) -> None:
        """The kernel has ended. While a step runs, its reply says so."""
        if self._running is None and self._contact.answers and not self._contact.is_told:
            self._lose(None)

    def _lose(self, step: str | None) -> None:
        """Go on without the kernel where somebody is there to say how: what the next step needs is a new one.
        Without anybody the run ends here."""
        if not self._conduct.is_attended:
            self._leave_off("kernel-died")
            return
        self._contact.lost(step)
        self._conduct.kernel_gone()

    # what terminals say (control.Listener)

    def answered(self, answer: Answer, *, by: str) -> None:
        secrets, asked = self._chronicle.discretion, self._conduct.open_question
        holding = None if secrets is None else secrets.holding
        deviating.require_fit(self._plan, asked, answer, holding=holding)
        question = self._conduct.answered(answer, by=by)
        tell_answer(self._chronicle, question, answer, by=by, how="terminal")
        if question.asks in ("input", "password"):
            self._inputs.give(answer.words)
        self._chronicle.boundary()
        self.control.asked(None)
        self._woken.set()

    def commanded(self, command: Command, *, by: str) -> None:
        match command.what:
            case "interrupt":
                self._chronicle.tell("interrupted", by=by, how="interrupt")
                self._interrupt(kill=False)
            case "kill":
                self._chronicle.tell("interrupted", by=by, how="kill")
                self._interrupt(kill=True)
            case "stop" | "stop-now":
                self.stop(by=by, words=command.words, now=command.what == "stop-now")

    async def confirmed(self, message: Confirm, *, by: str) -> None:
        step, attempt = self._conduct.second()
        asked, check = self._conduct.open_question, self.seconder
        assert check is not None  # a step waits for a second person only where there is one to ask
        found = await self.aside.do(lambda: seconding.told(check, step, attempt, message))
        if self._conduct.open_question != asked:  # answered, stopped or confirmed while that was read
            raise InputError("the step does not wait for this confirmation any more")
        self._chronicle.tell("confirmed", by=by, **found)
        self._chronicle.boundary()
        self._conduct.confirmed()
        self.control.asked(None)
        self._woken.set()

    def visited(self, *, by: str, mode: Mode, what: str) -> None:
        self._chronicle.tell("viewer", by=by, mode=mode, what=what)

    # from outside

    def stop(self, *, by: str, words: str, now: bool) -> None:
        """End the run after the step that runs, or (`now`) interrupt that step."""
        self._chronicle.tell("interrupted", by=by, how="stop", words=words)
        self._leave_off("stopped")
        if now:
            self._interrupt(kill=False)

    async def terminate(self, *, by: str) -> None:
        """End the run now: interrupt the step, and kill the kernel if that does not end it in time."""
        self.stop(by=by, words="", now=True)
        await asyncio.sleep(KILL_SECONDS)
        if self._running is not None:
            self._contact.process.kill_tree()

    # the run

    def recover(self, taken: TakenUp, reply: Reply | None) -> None:
        """Say how the attempt ended that a dead supervisor left open; `reply` None: nobody knows."""
        still_open = taken.past.open
        if still_open is None:
            return
        handled = UNTOUCHED if self._left is None else self._left.handled
        state, reason = end_of(still_open, reply, doubt=self._chronicle.doubt(), handled=handled)
        self._chronicle.settle(still_open.step)
        ended = (still_open.step, still_open.attempt)
        ms = milliseconds(still_open, reply, handled=handled)
        tell_step_ended(self._chronicle, ended, reply, state=state, reason=reason, ms=ms)
        self._chronicle.boundary()
        self._conduct.recovered(still_open.step, state)

    async def _take_up(self, taken: TakenUp) -> None:
        """Wait for a kernel that went on without a supervisor, and hear how its step ended."""
        contact, still_open = self._contact, taken.past.open
        if still_open is None:
            await self._first(contact.connecting)
        else:
            self._running, self._left = still_open.step, LeftRunning(taken, still_open, contact)
            await self._left.wait(self._chronicle.broken)
            self._running = None
        reply = taken.reply
        has_died = contact.connecting.done() and not contact.answers and not contact.process.is_alive
        if contact.client is not None:
            if has_died:
                contact.client.catch_up()  # it may have said how the step ended
            known = (contact.client.outcome(message) for message in sorted(taken.open_requests))
            reply = next((each for each in known if each is not None), reply)
        if contact.connecting.done() and not contact.answers and not has_died:
            self.failure = KernelError("the kernel does not answer its supervisor's successor")
            self._leave_off("kernel-died")
        if not self._chronicle.broken.done():
            self.recover(taken, reply)
            if not contact.process.is_alive and not contact.is_told:  # also one that answered, and went
                self._lose(still_open.step if still_open else None)

    async def _go_on(self) -> EndReason:
        if self.taken is not None:
            await self._take_up(self.taken)
        while True:
            if self._chronicle.broken.done():
                return self._break_off()
            match self._conduct.next():
                case Run() as action:
                    await self._run_step(action)
                case Ask(question=question):
                    await self._ask(question)
                case Settle(question=question, choice=choice, how=how):
                    tell_question(self._chronicle, question)
                    answer = Answer(question=question.number, choice=choice)
                    tell_answer(self._chronicle, question, answer, by=self._approvers, how=how)
                case Skip(step=step, reason=reason, words=words):
                    self._chronicle.tell("step-skipped", step=step, reason=reason, words=words)
                case Attest(step=step, done=done, by=by, words=words):
                    kind = "attested" if done else "declined"
                    self._chronicle.tell(kind, step=step, by=by, words=words)
                case Note(step=step, by=by, words=words):
                    self._chronicle.tell("note", step=step, by=by, words=words)
                case End(reason=reason):
                    return reason

    async def _run_step(self, action: Run) -> None:
        client = await self._ready()
        if client is None:
            return
        step, planned = deviating.step_of(self._plan, action), self._plan.planned(action.step)
        refusal = None if self.guard is None else self.guard(step)
        if refusal is not None:
            await self._hold(action, refusal)
            return
        self._chronicle.begin(action.step)
        self._chronicle.tell(
            "step-started",
            step=action.step,
            index=planned.index,
            attempt=action.attempt,
            by=action.by,
            **deviating.told(self._plan, action),
        )
        self._chronicle.boundary()
        if self._chronicle.broken.done():
            return
        self._running = action.step
        self._turn += 1
        execution = asyncio.create_task(
            client.execute(
                action.step,
                step.cell.source,
                timeout_seconds=step.timeout_seconds,
                read_only=step.has("read-only"),
            )
        )
        try:
            await self._first(execution)
            if not execution.done():  # nothing may run that can't be written down
                client.kill_step()
                await asyncio.wait({execution}, timeout=KILL_SECONDS)
                if not execution.done():
                    self._contact.process.kill_tree()
            reply = await execution
        finally:
            self._running = None
        self._conduct.ended(action.step, self._tell_end(action, reply))
        if not self._contact.process.is_alive and not self._contact.is_told:
            self._lose(action.step)

    async def _hold(self, action: Run, refusal: RunbookError) -> None:
        """The step may not run any more: ask what to do, or end where nobody can be asked."""
        words = f"{refusal.message[:1].upper()}{refusal.message[1:]}."
        match self._conduct.hold(action, words):
            case Ask(question=question):
                await self._ask(question)
            case End():
                self.failure = refusal

    def _tell_end(self, action: Run, reply: Reply) -> StepState:
        state: StepState = reply.state
        reason = reply.reason
        doubt = self._chronicle.doubt() or (FOREIGN if reply.foreign else None)
        if state == "succeeded" and doubt is not None:
            state, reason = "unknown", doubt
        state = deviating.state_of(state, is_edited=action.edit is not None)
        self._chronicle.settle(action.step)
        if not reply.complete:
            self._chronicle.tell("gap", what="output", count=None, step=action.step)
        ended = (action.step, action.attempt)
        tell_step_ended(self._chronicle, ended, reply, state=state, reason=reason, ms=reply.milliseconds)
        # Made durable with what follows: the next step's start, a question, or the end.
        return state

    async def _ask(self, question: Question) -> None:
        tell_question(self._chronicle, question)
        self._chronicle.boundary()
        self._woken.clear()
        self._put(question)
        woken = asyncio.create_task(self._woken.wait())
        await self._first(woken)
        woken.cancel()

    def _put(self, question: Question | None) -> None:
        discretion = self._chronicle.discretion
        if question is not None and discretion is not None:
            question = discretion.question(question)
        self.control.asked(question)

    def _discreet(self, text: str) -> str:
        """Before it is cut: a part of a secret is not known as one."""
        discretion = self._chronicle.discretion
        return text if discretion is None else discretion.text(text)

    async def _first(self, *futures: "asyncio.Future[Any]") -> None:
        """Until one of them is done, or evidence is broken."""
        await asyncio.wait({*futures, self._chronicle.broken}, return_when=asyncio.FIRST_COMPLETED)

    async def _ready(self) -> "KernelClient | None":
        """The client of a kernel that answers; None when the run ends before."""
        if self._contact.is_told and not await self._renew():
            return None
        connecting = self._contact.connecting
        self._woken.clear()
        woken = asyncio.create_task(self._woken.wait())
        await self._first(connecting, woken)
        woken.cancel()
        if not connecting.done():
            return None
        try:
            return connecting.result()
        except KernelError as error:
            self.failure = error
            self._leave_off("kernel-died")
            return None

    async def _renew(self) -> bool:
        """Whether there is another kernel in the place of one that died."""
        await self._contact.leave()
        try:
            process = self.renew()
        except KernelError as error:
            self.failure = error
            self._leave_off("kernel-died")
            return False
        self._hold_on(process, None)
        return True

    def _break_off(self) -> EndReason:
        self.failure = self._chronicle.broken.result()
        return "failed"

    def _leave_off(self, reason: EndReason) -> None:
        if self._conduct.stop(reason) is not None:
            self.control.asked(None)
        self._inputs.give(None)
        self._woken.set()

    def _interrupt(self, *, kill: bool) -> None:
        if self._held is None:
            return  # nothing has begun
        if kill and self._running is not None:
            asyncio.get_running_loop().call_later(KILL_SECONDS, self._kill_stuck, self._turn)
        if self._left is not None and self._running is not None and not self._left.is_over:
            self._left.interrupt(kill=kill)
        elif self._contact.client is not None and self._running is not None:
            if kill:
                self._contact.client.kill_step()
            else:
                self._contact.client.interrupt()
        elif not self._contact.connecting.done():
            self._leave_off("stopped")  # nothing to interrupt but the wait for the kernel

    def _kill_stuck(self, turn: int) -> None:
        """A step that was killed, and that neither an interrupt nor its children's end brought back, goes
        with its kernel."""
        if self._running is not None and self._turn == turn:
            words = f"{self._running} was killed and does not come back: its kernel is ended"
            self._chronicle.tell("note", step=self._running, by="runbook", words=words)
            self._contact.process.kill_tree()

    @property
    def _approvers(self) -> str:
        return ", ".join(one.principal for one in self._plan.record.counted)
