"""`ask` where no supervisor is: a plain Python, and what it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runbook.kit import NobodyAnswers, ask

_ROOT = Path(__file__).parents[2]
_PROGRAM = """\
from runbook.kit import ask
print("got", ask("Which colour?", ["blue", "green"]))
print("got", ask("Which host?"))
"""


def _plain(tmp_path: Path, typed: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "step.py"
    file.write_text(_PROGRAM)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)}
    return subprocess.run(
        [sys.executable, str(file)], input=typed, env=env, capture_output=True, text=True, check=False
    )


def test_in_a_plain_python_it_asks_at_the_terminal_until_the_answer_is_a_choice(tmp_path: Path) -> None:
    said = _plain(tmp_path, "red\n  green \n\n web1 \n")

    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == [
        "Which colour? [blue/green] 'red' is none of blue, green. Which colour? [blue/green] got green",
        "Which host? it needs an answer. Which host? got web1",
    ]


def test_an_end_of_input_is_nobody_and_never_a_default(tmp_path: Path) -> None:
    said = _plain(tmp_path, "blue\n")

    assert said.returncode == 1
    assert said.stderr.endswith("NobodyAnswers: 'Which host?' was not answered: the input has ended\n")


def test_a_kernel_that_nobody_answers_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(prompt: str) -> str:
        raise NotImplementedError(prompt)  # the class of IPython's own error

    monkeypatch.setattr("builtins.input", refuse)

    with pytest.raises(NobodyAnswers, match="declare a parameter, or make it a manual step"):
        ask("Which host?")


@pytest.mark.parametrize(
    ("question", "choices", "words"),
    [
        ("", (), "the question is one printable line of 1 to 1000 characters"),
        ("a\nb", (), "the question is one printable line"),
        ("\x1b[2J", (), "the question is one printable line"),
        ("x" * 1001, (), "the question is one printable line"),
        ("Which?", ("a", "a"), "the choices are not different: a, a"),
        ("Which?", ("a", ""), "a choice is one printable line of 1 to 100 characters"),
        ("Which?", (" a",), "a choice has no blanks around it"),
    ],
)
def test_what_nobody_could_answer_is_refused(question: str, choices: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ask(question, choices)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="the question is text, not int"):
        ask(3)  # type: ignore[arg-type]  # what a person may write
    with pytest.raises(TypeError, match=r"choices is a list of words, not the text 'yes'"):
        ask("Really?", "yes")
    with pytest.raises(TypeError, match="a choice is text, not bool"):
        ask("Really?", [True])  # type: ignore[list-item]  # what a person may write
