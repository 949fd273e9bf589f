"""A step that says of itself, or of a later one, that it succeeded."""

import pytest

from tests.execution.staging import Stage

REPLY = 'kernel.send_response(kernel.iopub_socket, "runbook_reply", {"status": "ok", "execution_count": 1})'
IDLE = 'kernel.send_response(kernel.iopub_socket, "status", {"execution_state": "idle"})'


@pytest.mark.parametrize("words", [[REPLY], [IDLE], [REPLY, IDLE]], ids=["reply", "idle", "both"])
def test_a_kernel_that_dies_behind_a_claim_has_died(stage: Stage, words: list[str]) -> None:
    said = "\n    ".join(words)
    result, _ = stage.run(f"""
    # %% claim
    import os, time
    kernel = get_ipython().kernel
    {said}
    time.sleep(0.3)
    os._exit(0)
    """)

    assert [step.state for step in result.steps] == ["kernel-died"]
    assert result.outcome == "failed"


def test_a_claim_before_the_end_does_not_hide_the_failure(stage: Stage) -> None:
    result, _ = stage.run(f"""
    # %% claim
    import time
    kernel = get_ipython().kernel
    {REPLY}
    {IDLE}
    time.sleep(0.3)
    raise ValueError("no")
    """)

    assert [(step.state) for step in result.steps] == ["failed"]


def test_a_failure_that_nobody_is_shown_is_a_failure(stage: Stage) -> None:
    result, _ = stage.run("""
    # %% hide
    import sys
    shell = get_ipython()
    shell.set_custom_exc((Exception,), lambda *given, **named: None)
    shell.showtraceback = lambda *given, **named: None
    sys.excepthook = lambda *given: None
    # %% fail
    raise ValueError("no")
    """)

    assert [step.state for step in result.steps] == ["succeeded", "failed"]
