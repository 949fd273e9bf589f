"""Discretion: what is masked once more before it is kept, what stays, and what is counted."""

import subprocess
import sys
from typing import Any

import pytest

from runbook.execution.discretion import _BY_READERS, _BY_READERS_OF, _COUNTED, _MOST, Discretion
from runbook.execution.kernel_values import KernelMessage
from runbook.execution.questions import Question
from runbook.text.secret import Hidden

SECRET = "Zq7-hunter2-Kx"
MASK = "[secret:token]"


def discretion(*, taken_up: bool = False) -> Discretion:
    return Discretion({"token": Hidden(SECRET), "other": Hidden("Wm3-else-Yt")}, taken_up=taken_up)


def printed(text: str) -> KernelMessage:
    return KernelMessage(
        channel="iopub",
        type="stream",
        origin="step",
        step="notes",
        spooled=1,
        header={},
        parent={},
        metadata={},
        content={"name": "stdout", "text": text},
    )


@pytest.mark.parametrize(
    "claimed",
    [
        {"token": 0},
        {"token": -3},
        {"token": True},
        {"token": 2.0},
        {"token": "2"},
        {"token": None},
        {"token": _MOST},
        {"nobody": 2},
        {SECRET: 2},
        ["token"],
        "token",
        None,
    ],
)
def test_a_claim_that_can_t_be_a_count_is_not_counted(claimed: object) -> None:
    made = discretion()
    made.message(printed("nothing"), claimed)
    assert made.counted() == {}
    assert made.news() is None


def test_a_kernel_s_counts_are_added_to_ours() -> None:
    made = discretion()
    made.message(printed("nothing"), {"token": 2, "other": _MOST - 1})
    made.message(printed(f"a {SECRET}"), {"token": 1, "nobody": 5})
    assert made.counted() == {"other": _MOST - 1, "token": 4}


def test_a_message_loses_its_secrets_wherever_they_stand() -> None:
    holding: dict[str, Any] = {"said": [f"a {SECRET}"]}
    message = KernelMessage(
        channel="iopub",
        type=f"type {SECRET}",
        origin="step",
        step="notes",
        spooled=1,
        header=holding,
        parent=holding,
        metadata=holding,
        content=holding,
        buffers=(SECRET.encode(),),
    )
    made = discretion().message(message, {})
    assert made.type == f"type {MASK}"
    assert [made.header, made.parent, made.metadata, made.content] == [{"said": [f"a {MASK}"]}] * 4
    assert made.buffers == (MASK.encode(),)


@pytest.mark.parametrize("key", sorted(_BY_READERS))
def test_what_readers_go_by_stays_in_every_event(key: str) -> None:
    assert discretion().payload("note", {key: SECRET, "words": SECRET}) == {key: SECRET, "words": MASK}


@pytest.mark.parametrize(
    ("kind", "key"), [(kind, key) for kind, keys in _BY_READERS_OF.items() for key in keys]
)
def test_what_readers_go_by_in_one_event_is_masked_in_another(kind: str, key: str) -> None:
    assert discretion().payload(kind, {key: SECRET}) == {key: SECRET}
    assert discretion().payload("note", {key: SECRET}) == {key: MASK}


@pytest.mark.parametrize("key", sorted(_COUNTED))
def test_a_number_of_ours_stays_where_a_secret_has_its_digits(key: str) -> None:
    made = Discretion({"pin": Hidden("1234")})
    assert made.payload("step-ended", {key: 51234}) == {key: 51234}
    assert made.payload("step-ended", {key: "51234"}) == {key: "5[secret:pin]"}
    assert made.payload("kit", {key: 51234}) == {key: "5[secret:pin]"}


def test_of_a_question_the_words_are_masked_and_the_choices_stay() -> None:
    question = Question(
        number=1, step=SECRET, asks="danger", choices=("run",), words=f"run {SECRET}?", typed=SECRET
    )
    made = discretion().question(question)
    assert made is not None
    assert (made.words, made.step, made.typed) == (f"run {MASK}?", SECRET, SECRET)
    assert discretion().question(None) is None


def test_bytes_that_hold_a_secret_are_known_by_its_name() -> None:
    assert discretion().holding(b"\x00" + SECRET.encode() + b"\xff") == "token"
    assert discretion().holding(b"\x00\xff") is None


def test_each_mask_is_news_once() -> None:
    made = discretion()
    assert made.news() is None
    made.text(SECRET)
    assert made.news() == "masked: token 1 time"
    assert made.news() is None
    made.message(printed(SECRET), {"token": 1, "other": 3})
    assert made.news() == "masked: other 3 times, token 2 times"
    assert made.news() is None


def test_the_total_counts_all_whether_or_not_it_was_news() -> None:
    made = discretion()
    assert made.total() == "in all: nothing was masked"
    made.text(SECRET)
    made.news()
    made.text(SECRET)
    assert made.total() == "in all: masked: token 2 times"


def test_the_total_of_a_run_that_was_taken_up_says_that_it_counts_since_then() -> None:
    made = discretion(taken_up=True)
    behind = "; what was masked before stands at its steps"
    assert made.total() == f"since the run was taken up: nothing was masked{behind}"
    made.text(SECRET)
    assert made.total() == f"since the run was taken up: masked: token 1 time{behind}"


LOG = """
import atexit, sys, threading, traceback
from runbook.execution.discretion import DiscreetLog, Discretion
from runbook.text.secret import Hidden
SECRET = {secret!r}
sys.stderr = log = DiscreetLog(Discretion({{"token": Hidden(SECRET)}}))
atexit.register(log.end)
"""


def logged(code: str, secret: str = SECRET) -> str:
    """What a process of its own writes to standard error."""
    program = LOG.format(secret=secret) + code
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    return run.stderr.decode()


def test_a_secret_cut_by_two_writes_is_masked_in_the_log() -> None:
    assert logged("print('a', SECRET[:6], SECRET[6:], 'b', sep='', file=sys.stderr)") == f"a{MASK}b\n"


def test_a_flush_lets_no_beginning_of_a_secret_out() -> None:
    code = """
for letter in "a" + SECRET + "b":
    print(letter, end="", file=sys.stderr, flush=True)
"""
    assert logged(code) == f"a{MASK}b"


def test_what_only_began_like_a_secret_is_written_in_the_end() -> None:
    assert logged("print('a', SECRET[:6], end='', file=sys.stderr)") == f"a {SECRET[:6]}"


def test_a_secret_of_two_lines_is_masked_where_a_traceback_writes_it_line_by_line() -> None:
    secret = "Zq7-first\nab\nKx-last"  # the line in the middle is too short to be masked alone
    code = """
try:
    raise ValueError("got " + SECRET)
except ValueError as error:
    for line in "".join(traceback.format_exception(error)).splitlines(keepends=True):
        sys.stderr.write(line)
"""
    said = logged(code, secret)
    assert said.endswith(f"ValueError: got {MASK}\n"), said


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('got ' + SECRET)",
        "traceback.print_exception(ValueError('got ' + SECRET))",
        "thread = threading.Thread(target=lambda: int('got ' + SECRET)); thread.start(); thread.join()",
    ],
    ids=["uncaught", "printed", "in a thread"],
)
def test_a_traceback_is_whole_in_the_log_but_for_the_secret(code: str) -> None:
    said = logged(code)
    assert SECRET not in said
    assert "ValueError: " in said, said
    assert said.rstrip("\n'").endswith(f"got {MASK}"), said


def test_what_can_t_be_encoded_is_written_with_backslashes() -> None:
    assert logged(r"sys.stderr.write('\udc80')") == "\\udc80"
