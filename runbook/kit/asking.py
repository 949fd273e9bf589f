"""`ask`: put a question to the operator from inside a step. The answer is evidence; never ask for a secret.

It goes where `input()` goes: in a run through the supervisor to whoever drives it, in Jupyter to the
notebook, in a plain `python file.py` to the terminal. Nobody there is an error at once, never a default.
"""

from collections.abc import Sequence

from runbook.kit.surroundings import shortened

LIMIT_CHARACTERS = 1000


class NobodyAnswers(RuntimeError):
    """There is nobody who could answer, or they hung up."""


def ask(question: str, choices: Sequence[str] = ()) -> str:
    """Ask the operator, and return what they say, without blanks around it.

    With `choices` anything else than one of them is asked again, without them an empty answer is. It asks in
    a dry run too: it changes nothing. Raises NobodyAnswers in an unattended run, without a terminal, and when
    the run is stopped meanwhile; TypeError and ValueError for a question or choices that are none.
    """
    _require_line("the question", question, LIMIT_CHARACTERS)
    if isinstance(choices, str):
        raise TypeError(f'choices is a list of words, not the text {choices!r}: choices=["yes", "no"]')
    offered = tuple(choices)
    for choice in offered:
        _require_line("a choice", choice, LIMIT_CHARACTERS // 10)
    if len(set(offered)) != len(offered):
        raise ValueError(f"the choices are not different: {', '.join(offered)}")
    prompt = words = f"{question.strip()} [{'/'.join(offered)}]" if offered else question.strip()
    while True:
        said = _line(f"{prompt} ", question)
        if said in offered or (said and not offered):
            return said
        trouble = (
            "it needs an answer" if not said else f"{shortened(said, 100)!r} is none of {', '.join(offered)}"
        )
        prompt = f"{trouble}. {words}"


def _line(prompt: str, question: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError as error:
        raise NobodyAnswers(f"{question.strip()!r} was not answered: the input has ended") from error
    except NotImplementedError as error:  # how a kernel says that it has nobody to ask
        raise NobodyAnswers(
            f"{question.strip()!r}: nobody answers questions in this run;"
            " declare a parameter, or make it a manual step"
        ) from error


def _require_line(what: str, text: object, most: int) -> None:
    if not isinstance(text, str):
        raise TypeError(f"{what} is text, not {type(text).__name__}")
    if not text.strip() or len(text) > most or not text.isprintable():
        raise ValueError(
            f"{what} is one printable line of 1 to {most} characters, not {shortened(text, 100)!r}"
        )
    if what == "a choice" and text != text.strip():
        raise ValueError(f"a choice has no blanks around it: {text!r}")
