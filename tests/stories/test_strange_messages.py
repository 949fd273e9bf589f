"""Messages that no kernel would send, published by the code of a step: the run goes on, and is sealed."""

import pytest

from runbook.errors import EvidenceDamaged
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.verification import verify_execution
from tests.execution.staging import Stage, script

TYPES = (
    "stream display_data update_display_data execute_result error status clear_output"
    " comm_open comm_msg iopub_welcome shutdown_reply unheard_of"
)
KEYS = (
    "data transient metadata name text code wait status"
    " execution_state comm_id traceback ename execution_count"
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("file \\udcff name", "file \udcff name\n"),  # what Python makes of a file's name that is no UTF-8
        ("lone \\ud800", "lone \ud800\n"),
        ("nul \\0, next line \\x85", "nul \0, next line \x85\n"),
    ],
)
def test_text_that_is_no_unicode_is_kept(stage: Stage, value: str, shown: str) -> None:
    result, operator = stage.run(f"""
    # %% before
    print("before", flush=True)
    print("{value}")
    # %% result
    "{value}"
    # %% error
    raise ValueError("{value}")
    """)

    assert result.sealed
    assert [step.state for step in result.steps] == ["succeeded", "succeeded", "failed"]
    assert operator.texts() == f"before\n{shown}"
    assert verify_execution(ExecutionFolder(result.execution)).verdict == "UNSIGNED"


def test_contents_of_any_shape_are_kept_and_end_nothing(stage: Stage) -> None:
    result, _ = stage.run(f"""
    # %% odd
    import contextlib
    kernel = get_ipython().kernel
    for kind in "{TYPES}".split():
        odd = [dict.fromkeys("{KEYS}".split(), value) for value in (5, [], {{}}, "x", None)]
        for content in ({{}}, *odd, [1], "x", None, 5):
            with contextlib.suppress(Exception):
                kernel.send_response(kernel.iopub_socket, kind, content)
    # %% after
    print("after")
    """)

    assert result.sealed
    assert [step.state for step in result.steps] == ["succeeded", "succeeded"]
    assert verify_execution(ExecutionFolder(result.execution)).verdict == "UNSIGNED"


def test_a_claim_that_other_code_ran_is_noticed(stage: Stage) -> None:
    result, _ = stage.run("""
    # %% odd
    kernel = get_ipython().kernel
    kernel.send_response(kernel.iopub_socket, "execute_input", {"code": "harmless()", "execution_count": 1})
    # %% after
    print("after")
    """)

    folder = ExecutionFolder(result.execution)
    verdict = verify_execution(folder)
    words = "the kernel executed something else than 'odd' says"
    assert [step.state for step in result.steps] == ["unknown", "pending"]
    assert result.outcome == "unknown"
    assert isinstance(result.failure, EvidenceDamaged)
    assert result.failure.message == f"the record tells what can't be true: {words}"
    assert f"the record can't be true: {words}" in folder.audit.read_text()
    assert verdict.verdict == "TAMPERED"
    assert [each.message for each in verdict.findings] == [words]


def test_a_person_is_told_of_a_kernel_that_claims_other_code_and_goes_on_or_not(stage: Stage) -> None:
    execution = stage.plan(
        """
        # %% odd
        kernel = get_ipython().kernel
        kernel.send_response(kernel.iopub_socket, "execute_input", {"code": "1", "execution_count": 1})
        # %% after
        print("after")
        """,
        unattended=False,
    )
    driver = script("run", ("continue", "it is known"), "run")
    with stage.start(execution) as session:
        result = session.drive(driver)

    assert driver.asked == ["start odd", "failed odd", "start after"]
    assert [step.state for step in result.steps] == ["unknown", "succeeded"]
    assert result.outcome == "unknown"
    assert isinstance(result.failure, EvidenceDamaged)
    assert result.sealed


def test_a_claim_that_comes_when_no_step_runs_any_more_fails_the_run(stage: Stage) -> None:
    result, _ = stage.run("""
    # %% later
    import threading, time
    kernel = get_ipython().kernel
    parent = kernel.get_parent("shell")

    def claim():
        time.sleep(0.3)
        kernel.session.send(kernel.iopub_socket, "runbook_reply", {"status": "error"}, parent=parent)

    threading.Thread(target=claim).start()
    # %% wait name="wait" tags=["setup"]
    import time
    time.sleep(1)
    """)

    assert isinstance(result.failure, EvidenceDamaged)
    assert result.outcome in ("failed", "unknown")
    assert verify_execution(ExecutionFolder(result.execution)).verdict == "TAMPERED"


def test_what_is_no_message_is_kept_and_ends_nothing(stage: Stage) -> None:
    result, _ = stage.run("""
    # %% raw
    import itertools, json
    kernel = get_ipython().kernel
    sign, send = kernel.session.sign, kernel.iopub_socket.send_multipart
    headers = [], {"msg_id": 5, "msg_type": "stream"}, {"msg_id": "x", "msg_type": []}, {}, 5
    parents = {}, [], {"msg_id": []}, 7
    rest = {}, [], {"runbook": 5}
    for three in itertools.product(headers, parents, rest):
        parts = [*(json.dumps(part).encode() for part in three), b"{}"]
        send([b"stream", b"<IDS|MSG>", sign(parts), *parts])
    for part in (b"\\xff\\xfe", b"{", b"[" * 100_000, b"1" * 5000):
        send([b"stream", b"<IDS|MSG>", sign([part] * 4), *[part] * 4])
    send([b"stream"])
    send([b"stream", b"<IDS|MSG>", b"signature"])
    # %% after
    print("after")
    """)

    assert result.sealed
    assert [step.state for step in result.steps] == ["succeeded", "succeeded"]
    assert verify_execution(ExecutionFolder(result.execution)).verdict == "UNSIGNED"


def test_numbers_of_any_size_are_kept(stage: Stage) -> None:
    result, _ = stage.run("""
    # %% numbers
    from IPython.display import publish_display_data
    values = {"large": 10 ** 300, "negative": -(2 ** 64), "float": 1e308, "tiny": 5e-324, "zero": -0.0}
    publish_display_data({"text/plain": "numbers", "application/json": values})
    publish_display_data({"text/plain": "not a number", "application/json": {"a": float("nan")}})
    nested = values
    for _ in range(300):
        nested = {"$in": [nested]}
    publish_display_data({"text/plain": "deep", "application/json": nested})
    """)

    assert result.sealed
    assert [step.state for step in result.steps] == ["succeeded"]
    assert verify_execution(ExecutionFolder(result.execution)).verdict == "UNSIGNED"
