"""Inputs: what a step asks for with `input()`, `ask` and `getpass()` while it runs, put to the operator.

The answer is evidence; that of `getpass()` goes to the step alone: the journal has the question, and that it
was answered. Never answers by itself: a step that is left alone gets the end of input.
"""

import asyncio
from collections.abc import Callable

from runbook.execution.chronicle import Chronicle
from runbook.execution.conduct import Conduct
from runbook.execution.kernel_values import InputRequest
from runbook.execution.questions import Question
from runbook.execution.telling import tell_question

_PROMPT_CHARACTERS = 2000


class Inputs:
    """The one question of a running step that may be open. `put` shows a question to who drives, or (None)
    takes it away; `discreet` masks secrets in the step's words."""

    def __init__(
        self,
        conduct: Conduct,
        chronicle: Chronicle,
        *,
        put: Callable[[Question | None], None],
        discreet: Callable[[str], str],
    ) -> None:
        self._conduct = conduct
        self._chronicle = chronicle
        self._put = put
        self._discreet = discreet
        self._typed: asyncio.Future[str | None] | None = None

    async def ask(self, request: InputRequest) -> str | None:
        """What the operator typed; None: the end of input."""
        if request.step is None:
            return None
        prompt = self._discreet(request.prompt)[:_PROMPT_CHARACTERS]
        question = self._conduct.ask_input(request.step, prompt, hidden=request.password).question
        self._typed = asyncio.get_running_loop().create_future()
        tell_question(self._chronicle, question)
        self._chronicle.boundary()
        self._put(question)
        try:
            return await self._typed
        finally:  # also when the step was interrupted, or its time is up
            self._typed = None
            if self._conduct.open_question == question:
                self._conduct.withdraw()
                self._put(None)

    def give(self, words: str | None) -> None:
        """Give the step that waits these words, or (None) the end of input."""
        if self._typed is not None and not self._typed.done():
            self._typed.set_result(words)
