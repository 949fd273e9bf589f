"""`wait_until` and `retry`: how often they ask, what they take for "not yet", what comes through."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runbook.kit import CommandError, retry, sh, wait_until


def answers(*values: object) -> Callable[[], object]:
    """A call that gives these one after the other; an exception is raised."""
    rest: Iterator[object] = iter(values)

    def call() -> object:
        value = next(rest)
        if isinstance(value, BaseException):
            raise value
        return value

    return call


def test_it_waits_for_the_first_true_answer_and_returns_it(capsys: pytest.CaptureFixture[str]) -> None:
    probe = answers(False, None, "", OSError("refused"), "up", "too late")

    assert wait_until(probe, timeout=10, every=0, what="the service") == "up"
    assert "note: the service: after 0.0 s, attempt 5" in capsys.readouterr().out


def test_what_is_true_at_once_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert wait_until(lambda: 7, timeout=0) == 7
    assert capsys.readouterr().out == ""


def test_a_command_that_fails_is_not_yet(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = "test -e {mark} || {{ touch {mark}; exit 1; }}".replace("{{", "{").replace("}}", "}")
    assert wait_until(lambda: sh(script, mark=mark), timeout=10, every=0.01).code == 0


def test_the_end_of_the_time_says_what_was_last() -> None:
    began = time.monotonic()
    with pytest.raises(
        TimeoutError, match=r"the disk: not within 0\.1 seconds \(\d+ attempts\); the last answ"
    ):
        wait_until(list, timeout=0.1, every=0.03, what="the disk")
    assert 0.1 <= time.monotonic() - began < 20
    with pytest.raises(TimeoutError, match="the last ConnectionRefusedError: nobody home"):
        wait_until(answers(*[ConnectionRefusedError("nobody home")] * 99), timeout=0.02, every=0.01)


def test_a_mistake_in_the_probe_comes_through_at_once() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: 1 / 0, timeout=10)


@pytest.mark.parametrize(
    "times", [{"timeout": -1}, {"timeout": float("inf")}, {"timeout": 1, "every": float("nan")}]
)
def test_for_ever_is_no_time(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a number of seconds, and not for ever"):
        wait_until(lambda: True, timeout=times["timeout"], every=times.get("every", 1))


def test_a_call_is_repeated_until_it_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert retry(answers(OSError("a"), OSError("b"), "done"), every=0) == "done"
    assert capsys.readouterr().out == "note: attempt 1 of 3: OSError: a\nnote: attempt 2 of 3: OSError: b\n"


def test_the_last_failure_comes_through_as_it_is() -> None:
    with pytest.raises(OSError, match=r"^c$"):
        retry(answers(OSError("a"), OSError("b"), OSError("c"), "never"), every=0)
    with pytest.raises(CommandError):
        retry(lambda: sh("exit 3"), times=2, every=0)


def test_only_what_was_named_is_repeated() -> None:
    with pytest.raises(OSError, match="a"):
        retry(answers(OSError("a"), "never"), every=0, on=ValueError)
    assert retry(answers(ValueError("a"), "done"), every=0, on=ValueError) == "done"
    with pytest.raises(ValueError, match="at least 1"):
        retry(answers(), times=0)
