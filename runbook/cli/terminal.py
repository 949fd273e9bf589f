"""The terminal's side of a run: shows journal events as they come, puts questions to the person.

A visitor only (DESIGN §7.2): decides nothing, keeps nothing. Where words stand on the screen is `screen`'s.
"""

import contextlib
import os
import select
import shlex
import sys
import termios
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from runbook.cli import asking
from runbook.cli.editing import Editing
from runbook.cli.hidden import Echo
from runbook.cli.screen import Screen
from runbook.errors import RunbookError
from runbook.evidence import inert, messages
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.evidence.journal import whole_payload
from runbook.execution.questions import WORDED, Answer, Choice, Question
from runbook.kit.protocol import MIME as PRIVATE_MIME
from runbook.system import clock

_PATIENCE_NS = 3 * 10**9
_WORDS: dict[Choice, str] = {
    "run": "run it",
    "go": "run on, to the next question",
    "skip": "skip it",
    "retry": "run it again",
    "edit": "edit and run it",
    "undo": "undo",
    "check": "check whether it took effect",
    "continue": "leave it so and go on",
    "done": "it is done",
    "decline": "it was not done",
    "note": "write a note",
    "stop": "stop here",
}
_LETTERS: dict[Choice, str] = {
    "run": "r",
    "go": "g",
    "skip": "s",
    "retry": "t",
    "edit": "e",
    "undo": "u",
    "check": "c",
    "continue": "l",
    "done": "d",
    "decline": "x",
    "note": "n",
    "stop": "q",
}
_GOOD = frozenset({"succeeded", "attested", "deviated"})


class Terminal:
    """A `Driver` that writes to `out` and reads lines from `source` (a terminal, line by line)."""

    def __init__(
        self,
        *,
        sources: Mapping[str, str],
        blobs: Blobs,
        out: TextIO | None = None,
        source: TextIO | None = None,
        remark: Callable[[], str | None] = lambda: None,
        editing: Editing | None = None,
    ) -> None:
        self._sources = sources  # step name → its exact source, shown before it runs
        self._blobs = blobs
        self._remark = remark  # what the person should know before the next step, once
        self._editing = editing or Editing(None, {})
        self.watches: Callable[[], bool] = lambda: False  # whether questions are put to somebody else
        self._edited: str | None = None  # what was written at the question that is open
        self._screen = Screen(out or sys.stdout)
        self._in = source or sys.stdin
        self._echo = Echo(self._in)
        self._shown: set[str] = set()
        self._answered = clock.monotonic_ns()
        self._open: int | None = None  # the question whose prompt was the last thing on the screen
        self._asked: int | None = None  # the question that was put last
        self._chosen: Choice | None = None  # what was said to it, and waits for its words

    def show(self, event: Event) -> None:
        """One event of the journal; kinds that say nothing to a person are passed over."""
        shower: Callable[[Mapping[str, Any]], None] | None = getattr(
            self, f"_on_{event.kind.replace('-', '_')}", None
        )
        if shower is not None:
            shower(whole_payload(event, self._blobs))

    def told(self, message: str) -> None:
        self._echo.on()  # somebody else may have the question now
        self._screen.title("")
        self._line(f"! {message}", "yellow")

    def leave(self) -> None:
        """Give the terminal back: what is typed is shown, and no question of ours stands in its title."""
        self._echo.on()
        with contextlib.suppress(OSError):  # a terminal that is gone
            self._screen.title("")

    def _on_opened(self, event: Mapping[str, Any]) -> None:
        if event.get("unset"):
            self._line(f"! not set here: {', '.join(event['unset'])}; steps go without", "yellow")

    def _on_agent(self, event: Mapping[str, Any]) -> None:
        if event.get("what") == "signed":
            self._line(f"   your SSH agent signed a login of {event['user']} with {event['key']}", "dim")
        elif event.get("what") == "refused":
            self._line(f"! your SSH agent was not asked: {event['reason']}", "yellow")

    def _on_step_started(self, event: Mapping[str, Any]) -> None:
        self._screen.title("")
        self._tell_remark()
        again = f" (attempt {event['attempt']})" if event.get("attempt", 1) > 1 else ""
        self._line(f"> {event['step']}{again}", "bold")
        self._show_source(event["step"])
        if deviation := event.get("deviation"):
            self._line(f"! edited by {deviation['by']}: {deviation['words']}", "yellow")
            if self._editing.ran(event["step"], deviation["text"]):
                self._show_changes(event["step"], deviation["text"])

    def _show_changes(self, step: str, source: str) -> None:
        for line in self._editing.changes(step, source).split("\n"):
            self._line(f"    {line}".rstrip(), "dim")

    def _tell_remark(self) -> None:
        words = self._remark()
        if words is not None:
            self.told(words)

    def _show_source(self, step: str) -> None:
        if step in self._shown or step not in self._sources:
            return
        self._shown.add(step)
        for line in self._sources[step].rstrip("\n").split("\n"):
            self._line(f"    {line}".rstrip(), "dim")

    def _on_message(self, event: Mapping[str, Any]) -> None:
        if not _is_kits_own(event):
            self._screen.output(messages.text_of(event))

    def _on_truncated(self, event: Mapping[str, Any]) -> None:
        self._line(f"! output above the limit is not kept: {event.get('bytes', '?')} bytes dropped", "yellow")

    def _on_gap(self, event: Mapping[str, Any]) -> None:
        self._line(f"! something is missing here: {event.get('what', '')}", "yellow")

    def _on_foreign(self, event: Mapping[str, Any]) -> None:
        self._line("! another client ran code in the kernel", "red")

    def _on_step_ended(self, event: Mapping[str, Any]) -> None:
        self._echo.on()  # also where a password was asked for and the step did not wait for it
        state = event["state"]
        seconds = "" if event.get("ms") is None else f" in {event['ms'] / 1000:.2f} s"
        reason = f": {event['reason']}" if event.get("reason") else ""
        colour = "green" if state in _GOOD else "red"
        self._line(f"{'ok' if state in _GOOD else '!!'} {event['step']} {state}{seconds}{reason}", colour)

    def _on_step_skipped(self, event: Mapping[str, Any]) -> None:
        self._line(f"-- {event['step']} skipped ({event['reason']}{_said(event)})", "dim")

    def _on_attested(self, event: Mapping[str, Any]) -> None:
        self._line(f"ok {event['step']} attested by {event['by']}{_said(event)}", "green")

    def _on_declined(self, event: Mapping[str, Any]) -> None:
        self._line(f"!! {event['step']} declined by {event['by']}{_said(event)}", "red")

    def _on_confirmed(self, event: Mapping[str, Any]) -> None:
        self._line(f"ok {event['step']} confirmed by {event['principal']}, signed", "green")

    def _on_question(self, event: Mapping[str, Any]) -> None:
        if self.watches():
            self._line(f"? asked of whoever drives: {event['words']}", "bold")

    def _on_note(self, event: Mapping[str, Any]) -> None:
        self._line(f"   note by {event['by']}: {event['words']}", "cyan")

    def _on_kit(self, event: Mapping[str, Any]) -> None:
        if event.get("what") == "note":
            self._line(f"   note: {event.get('words', '')}", "cyan")
        elif event.get("what") == "sh-started":
            self._line(f"   $ {_command(event.get('argv'), is_line=event.get('shell') is True)}", "dim")

    def _on_attached(self, event: Mapping[str, Any]) -> None:
        kept = f"{event['bytes']} bytes, sha256 {event['sha256'][:16]}…"
        self._line(f"   attached: {event['name']} ({kept})", "cyan")

    def _on_interrupted(self, event: Mapping[str, Any]) -> None:
        self._line(f"! {event['how']} by {event['by']}", "yellow")

    def _on_kernel_ended(self, event: Mapping[str, Any]) -> None:
        if not event.get("expected", True):
            self._line("! the kernel is gone, and with it what earlier steps had computed", "red")

    def ask(self, question: Question, wake: int) -> Answer | None:
        """Put the question until the answer is one of its choices. None when `wake` says that it is over."""
        if self._open == question.number and self._screen.at_prompt:  # woken for something that said nothing
            return self._answer(question, wake, prompt="")
        self._tell_remark()
        self._show_source(question.step)
        if self._asked != question.number:
            self._asked, self._chosen = question.number, None
            self._echo.on()
            self._forget_typed()
        # Somebody who waited long enough to look away is called; everybody else sits there already.
        waited = clock.monotonic_ns() - self._answered > _PATIENCE_NS
        self._put(question, bell="\a" if waited and self._screen.is_terminal else "")
        self._screen.title(f"? {question.step}")
        return self._answer(question, wake, prompt=self._prompt(question))

    def _forget_typed(self) -> None:
        """What was typed before a question was shown is no answer to it: one Enter too many runs nothing."""
        if self._in.isatty():
            termios.tcflush(self._in, termios.TCIFLUSH)

    def _put(self, question: Question, *, bell: str) -> None:
        """The question's words. What a step asks for itself is its own output, and stands where that does."""
        if question.asks not in _BY_STEPS:
            self._line(f"? {question.words}", "bold", lead=bell)
            return
        ours = f"{question.step} asks:"
        self._line(f"? {ours}", "bold", lead=bell)
        words = question.words.removeprefix(ours).strip()
        self._screen.output(f"{words}\n" if words else "")

    def _answer(self, question: Question, wake: int, *, prompt: str) -> Answer | None:
        while True:
            if question.asks == "password":
                self._echo.off()
            line = self._read(prompt, wake)
            if line is None:
                self._open = question.number
                return None
            if question.asks == "password":
                self._echo.on()
                return Answer(question=question.number, choice="say", words=line.removesuffix("\n"))
            if self._chosen is None:
                answer = self._understand(question, line.strip())
            else:
                answer = self._worded(question, line.strip())
            if answer is not None:
                self._screen.title("")
                return answer
            prompt = self._prompt(question)

    def _prompt(self, question: Question) -> str:
        if self._chosen is not None:
            return f"  {_ASKED[self._chosen]} "
        if question.asks in _BY_STEPS:
            return "  > " if question.asks == "input" else "  (what you type is not shown) > "
        by_letter = [choice for choice in question.choices if question.typed is None or choice not in _RUNS]
        parts = [f"[{_LETTERS[choice]}] {_WORDS[choice]}" for choice in by_letter]
        if question.typed is not None:
            parts.insert(0, f"[{inert.line(question.typed)}] {_WORDS[_typed_choice(question)]}")
        return f"{self._screen.choices(parts)}\n  > "

    def _understand(self, question: Question, line: str) -> Answer | None:
        """The answer that a line is; None when it is none, or a choice that wants words behind it."""
        if question.asks == "input":
            return Answer(question=question.number, choice=question.choices[0], words=line)
        if question.typed is not None and line == question.typed:
            return Answer(question=question.number, choice=_typed_choice(question), words=line)
        letter, _, words = line.partition(" ")
        by_word = {_LETTERS[choice]: choice for choice in question.choices}
        by_word |= {choice: choice for choice in question.choices}
        choice = by_word.get(letter.lower())
        if choice is None:
            self._line(f"  {line!r} is none of them" if line else "  say one of them", "yellow")
            return None
        if choice in _RUNS and question.typed is not None:
            self._line(f"  this step is marked danger: type its name, {question.typed}", "yellow")
            return None
        if choice == "edit" and not self._edit(question.step):
            return None
        step = None
        if choice == "edit" or (choice in WORDED and not words.strip()):
            self._chosen = choice
            return None
        if choice in ("undo", "check") and words:
            step, words = words.strip(), ""
        return Answer(question=question.number, choice=choice, words=words.strip(), step=step)

    def _edit(self, step: str) -> bool:
        """Have the step edited and show what changed; whether there is something to run."""
        try:
            self._edited = self._editing.write(step)
        except RunbookError as error:
            hint = f"; {error.hint}" if error.hint else ""
            self._line(f"  not edited: {error.message}{hint}", "yellow")
            return False
        finally:
            self._forget_typed()
        if self._edited is None:
            self._line("  nothing was changed", "yellow")
            return False
        self._show_changes(step, self._edited)
        return True

    def _worded(self, question: Question, words: str) -> Answer | None:
        """The choice that was made before, with the words it waited for; None when there are none."""
        choice, self._chosen = self._chosen, None
        if choice is None or not words:
            self._line("  it needs words", "yellow")
            return None
        source = self._edited if choice == "edit" else None
        return Answer(question=question.number, choice=choice, words=words, source=source)

    def _read(self, prompt: str, wake: int) -> str | None:
        """One line from the person; None when `wake` became readable. Raises EOFError when they hung up."""
        self._screen.prompt(prompt)
        if wake in asking.wait(self._in, wake):
            return None
        line = self._in.readline()
        self._answered = clock.monotonic_ns()
        self._screen.typed()
        if not line:
            raise EOFError
        return line

    def _line(self, text: str, colour: str, *, lead: str = "") -> None:
        self._screen.line(text, colour, lead=lead)


_RUNS: frozenset[Choice] = frozenset({"run", "go", "retry"})
_BY_STEPS = frozenset({"input", "password"})


def _typed_choice(question: Question) -> Choice:
    """What typing a dangerous step's name means at this question."""
    return "run" if "run" in question.choices else "retry"


_ASKED: dict[Choice, str] = {
    "skip": "why is it skipped?",
    "continue": "why go on?",
    "decline": "why was it not done?",
    "note": "note:",
    "edit": "why is it edited?",
}


def _said(event: Mapping[str, Any]) -> str:
    """The words somebody gave, behind a colon; nothing when they gave none."""
    return f": {event['words']}" if event.get("words") else ""


def _command(argv: object, *, is_line: bool) -> str:
    """A command as one could type it; a shell line is that already."""
    words = [str(word) for word in argv] if isinstance(argv, list | tuple) else [str(argv)]
    return words[0] if is_line and words else shlex.join(words)


def _is_kits_own(event: Mapping[str, Any]) -> bool:
    """Whether a message is the kit's record of something whose output came as a stream already."""
    content = event.get("content")
    data = content.get("data") if isinstance(content, Mapping) else None
    return isinstance(data, Mapping) and PRIVATE_MIME in data


class Quiet:
    """A `Driver` for unattended runs that print JSON: shows nothing, and cannot be asked."""

    def show(self, event: Event) -> None:
        return None

    def leave(self) -> None:
        return None

    def told(self, message: str) -> None:
        os.write(2, (inert.line(message) + "\n").encode("utf-8", "backslashreplace"))

    def ask(self, question: Question, wake: int) -> Answer | None:
        # An unattended run asks nothing; wait for the end instead of inventing an answer.
        select.select([wake], [], [])
        return None
