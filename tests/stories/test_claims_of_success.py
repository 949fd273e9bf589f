"""A step that says of itself, or of a later one, that it succeeded."""

import pytest

from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.verification import verify_execution
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


def test_a_forged_reply_is_found_out_when_the_kernels_own_comes(stage: Stage) -> None:
    result, _ = stage.run(f"""
    # %% forge
    import time
    kernel = get_ipython().kernel
    parent, ident = kernel.get_parent("shell"), kernel._shell_parent_ident.get()
    reply = {{"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {{}}}}
    kernel.session.send(kernel.shell_stream, "execute_reply", reply, parent=parent, ident=ident)
    kernel.shell_stream.flush()
    {IDLE}
    time.sleep(0.3)
    raise ValueError("no")
    # %% after
    print("after")
    """)

    verdict = verify_execution(ExecutionFolder(result.execution))

    assert result.outcome != "succeeded"
    assert [step.state for step in result.steps] == ["succeeded", "failed"]
    assert verdict.verdict == "TAMPERED"
    assert "the kernel's reply to 'forge' came after its end, and is not ok" in [
        finding.message for finding in verdict.findings
    ]
