"""What an attempt came to that a dead supervisor left open. The lives of such runs are in the stories."""

import pytest

from runbook.evidence.events import StepState
from runbook.execution.kernel_values import Reply, StepError
from runbook.execution.left_open import Handled, end_of, milliseconds
from runbook.execution.past import Open

OPEN = Open(step="a", attempt=1, t="2026-11-21T00:07:07.000Z", m=5_000_000_000, limit_seconds=3)
OK = Reply(state="succeeded", step="a", message="m", ended="2026-11-21T00:07:12.000Z")
CTRL_C = StepError(name="KeyboardInterrupt", value="", traceback=())
STRUCK = Reply(
    state="failed", step="a", message="m", reason="KeyboardInterrupt", error=CTRL_C, ended=OK.ended
)
SOON = Reply(state="failed", step="a", message="m", error=CTRL_C, ended="2026-11-21T00:07:08.000Z")
WRONG = Reply(
    state="failed",
    step="a",
    message="m",
    error=StepError(name="OSError", value="", traceback=()),
    ended=OK.ended,
)
INTERRUPTED = Open(step="a", attempt=1, t=OPEN.t, m=OPEN.m, limit_seconds=3, interrupted=True)
FREE = Open(step="a", attempt=1, t=OPEN.t, m=OPEN.m)
EDITED = Open(step="a", attempt=1, t=OPEN.t, m=OPEN.m, edited=True)


@pytest.mark.parametrize(
    ("still_open", "reply", "handled", "state"),
    [
        (OPEN, OK, Handled(), "succeeded"),  # late, and nobody ended it
        (OPEN, WRONG, Handled(), "failed"),
        (OPEN, None, Handled(), "unknown"),
        (OPEN, STRUCK, Handled(timed_out=True), "timed-out"),
        (OPEN, OK, Handled(timed_out=True), "timed-out"),  # cut short, and it did not notice
        (OPEN, None, Handled(timed_out=True), "unknown"),  # its kernel died of something else
        (OPEN, None, Handled(timed_out=True, killed_ns=9_500_000_000), "timed-out"),
        (OPEN, STRUCK, Handled(), "timed-out"),  # who ended it for its time died before that was said
        (OPEN, SOON, Handled(), "failed"),
        (FREE, STRUCK, Handled(), "failed"),
        (INTERRUPTED, STRUCK, Handled(), "interrupted"),
        (OPEN, STRUCK, Handled(cut_short=True), "interrupted"),
        (EDITED, OK, Handled(), "deviated"),
    ],
)
def test_it_is_what_the_kernel_said_and_what_was_done_to_it(
    still_open: Open, reply: Reply | None, handled: Handled, state: StepState
) -> None:
    assert end_of(still_open, reply, doubt=None, handled=handled)[0] == state


def test_a_success_in_doubt_is_none() -> None:
    assert end_of(OPEN, OK, doubt="somebody else's code ran") == ("unknown", "somebody else's code ran")


def test_why_it_is_timed_out_is_said_as_by_the_supervisor_that_sends_a_step() -> None:
    assert end_of(OPEN, STRUCK, doubt=None)[1] == "interrupted after its time limit of 3 seconds"
    killed = Handled(timed_out=True, killed_ns=9_500_000_000)
    assert end_of(OPEN, None, doubt=None, handled=killed)[1] == (
        "did not return after its time limit of 3 seconds and an interrupt; the kernel was killed"
    )


def test_how_long_it_took_is_known_from_the_kernel_or_from_who_killed_it() -> None:
    assert milliseconds(OPEN, OK) == 5000
    assert milliseconds(OPEN, None) is None
    assert milliseconds(OPEN, None, handled=Handled(timed_out=True, killed_ns=9_500_000_000)) == 4500
