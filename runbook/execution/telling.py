"""Telling: the events that take more than a line to write, in one spelling for whoever writes them."""

from runbook.canonical import hex_digest
from runbook.evidence.events import StepState
from runbook.execution.chronicle import Chronicle
from runbook.execution.kernel_values import Reply
from runbook.execution.questions import Answer, Question


def tell_question(chronicle: Chronicle, question: Question) -> None:
    chronicle.tell(
        "question",
        question=question.number,
        step=question.step,
        asks=question.asks,
        choices=list(question.choices),
        words=question.words,
    )


def tell_answer(chronicle: Chronicle, question: Question, answer: Answer, *, by: str, how: str) -> None:
    """Who said what. What was typed at a `getpass()` is a secret, and stays out."""
    chronicle.tell(
        "answer",
        question=question.number,
        step=answer.step or question.step,
        choice=answer.choice,
        words="" if question.asks == "password" else answer.words.strip(),
        by=by,
        how=how,
        **({} if answer.source is None else {"source": hex_digest(answer.source.encode("utf-8"))}),
    )


def tell_step_ended(
    chronicle: Chronicle,
    ended: tuple[str, int],
    reply: Reply | None,
    *,
    state: StepState,
    reason: str,
    ms: int | None,
) -> None:
    """`ended`: step and attempt. `reply` None: the kernel's word is not known and never will be."""
    error = None if reply is None else reply.error
    said = reply is not None and reply.state == "succeeded"
    chronicle.tell(
        "step-ended",
        step=ended[0],
        attempt=ended[1],
        state=state,
        reason=reason,
        error=None if error is None else f"{error.name}: {error.value}",
        message=None if reply is None else reply.message,
        ms=ms,
        reply="ok" if said else "error" if error is not None else None,
    )
