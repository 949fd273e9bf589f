"""What a step's end is called, and that it is true; questions, strangers, interrupts."""

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient

from runbook.errors import ExistsError, KernelError, NotFoundError
from runbook.execution.kernel_launch import adopt, launch
from runbook.execution.kernel_nbclient import read_wire
from runbook.execution.kernel_values import InputRequest
from runbook.system import files
from tests.execution.kernel_runs import Running, later, spec, with_kernel


def test_succeeded_is_the_kernels_own_word(home: Path) -> None:
    async def body(kernel: Running) -> None:
        reply = await kernel.run("print('hello')\n6 * 7")
        assert (reply.state, reply.error, reply.reason, reply.complete) == ("succeeded", None, "", True)
        assert reply.step == "step"
        assert reply.execution_count == 1
        assert reply.started is not None
        assert reply.ended is not None
        assert reply.started < reply.ended
        assert reply.ended.endswith("Z")

    kernel = with_kernel(home, body)

    results = [each.content["data"] for each in kernel.messages if each.type == "execute_result"]
    assert kernel.text() == "hello\n"
    assert results == [{"text/plain": "42"}]
    assert [each.step for each in kernel.messages if each.origin == "step"].count("step") > 4


def test_a_failed_step_is_a_result_and_the_session_stays(home: Path) -> None:
    async def body(kernel: Running) -> None:
        await kernel.run("x = 1")
        reply = await kernel.run("1 / 0")
        assert reply.state == "failed"
        assert reply.reason == "ZeroDivisionError: division by zero"
        assert reply.error is not None
        assert "ZeroDivisionError" in reply.error.traceback[-1]
        assert (await kernel.run("x")).state == "succeeded"

    with_kernel(home, body)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import sys; sys.exit('enough')", "stopped early: enough"),
        ("import sys; sys.exit(0)", "stopped early: 0"),
        ("raise SystemExit", "stopped early: "),
    ],
)
def test_a_step_that_exits_stopped_early_and_is_not_called_succeeded(
    home: Path, source: str, reason: str
) -> None:
    async def body(kernel: Running) -> None:
        reply = await kernel.run(source)
        assert (reply.state, reply.reason) == ("failed", reason)
        assert (await kernel.run("1")).state == "succeeded"

    assert "To exit: use" not in with_kernel(home, body).text("stderr")


def test_a_blank_step_is_asked_of_the_kernel_like_any_other(home: Path) -> None:
    async def body(kernel: Running) -> None:
        reply = await kernel.run("  \n")
        assert reply.state == "succeeded"
        assert reply.message

    with_kernel(home, body)


def test_a_handler_that_swallows_exceptions_does_not_make_a_step_succeed(home: Path) -> None:
    async def body(kernel: Running) -> None:
        source = "get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)"
        assert (await kernel.run(source)).state == "succeeded"
        assert (await kernel.run("1 / 0")).state == "failed"

    with_kernel(home, body)


def test_a_step_may_await(home: Path) -> None:
    async def body(kernel: Running) -> None:
        assert (
            await kernel.run("import asyncio; await asyncio.sleep(0.01); print('ok')")
        ).state == "succeeded"
        task = asyncio.ensure_future(later(0.4, kernel.client.interrupt))
        assert (await kernel.run("await asyncio.sleep(60)")).state == "interrupted"
        await task

    assert with_kernel(home, body).text() == "ok\n"


@pytest.mark.parametrize(
    "source", ["import time; time.sleep(60)", "from runbook.kit import sh; sh('sleep 60')"]
)
def test_a_step_past_its_time_limit_is_timed_out_and_the_session_stays(home: Path, source: str) -> None:
    async def body(kernel: Running) -> None:
        await kernel.run("x = 'kept'")
        start = time.monotonic()
        reply = await kernel.run(source, timeout_seconds=0.5)
        assert reply.state == "timed-out"
        assert reply.reason == "interrupted after its time limit of 0.5 seconds"
        assert 450 <= reply.milliseconds < 20_000
        assert time.monotonic() - start < 20
        assert kernel.process.descendants() == ()
        assert (await kernel.run("print(x)")).state == "succeeded"

    assert with_kernel(home, body).text().endswith("kept\n")


def test_a_step_that_does_not_let_go_is_killed_with_its_kernel_and_timed_out(home: Path) -> None:
    async def body(kernel: Running) -> None:
        await kernel.run(
            "import time, subprocess\nsubprocess.Popen(['setsid', 'sleep', '99'])\nprint('told', flush=True)"
        )
        source = "while True:\n    try: time.sleep(100)\n    except KeyboardInterrupt: pass"
        reply = await kernel.run(source, timeout_seconds=0.7, grace_seconds=0.5)
        assert reply.state == "timed-out"
        assert reply.reason == (
            "did not return after its time limit of 0.7 seconds and an interrupt; the kernel was killed"
        )
        assert not reply.complete
        assert not kernel.process.is_alive
        assert kernel.process.descendants() == ()

    assert with_kernel(home, body).text() == "told\n"


@pytest.mark.parametrize(
    "source",
    [
        "import time; time.sleep(60)",
        "from runbook.kit import sh; sh('sleep 60')",
        "from runbook.kit import sh; sh('sleep', '60')",
        "import subprocess; subprocess.run(['sleep', '60'])",
        "import os; os.system('sleep 60')",
        "!sleep 60",
    ],
)
def test_an_interrupt_ends_the_step_and_what_it_waits_for_and_keeps_the_session(
    home: Path, source: str
) -> None:
    async def body(kernel: Running) -> None:
        await kernel.run("x = 'kept'")
        task = asyncio.ensure_future(later(0.5, kernel.client.interrupt))
        start = time.monotonic()
        reply = await kernel.run(source)
        assert reply.state == "interrupted"
        assert reply.reason.startswith("interrupted by a person")
        assert time.monotonic() - start < 20
        assert kernel.process.descendants() == ()
        assert (await kernel.run("print(x)")).state == "succeeded"
        await task

    assert with_kernel(home, body).text().endswith("kept\n")


def test_an_interrupt_leaves_the_services_of_earlier_steps_alone(home: Path) -> None:
    async def body(kernel: Running) -> None:
        await kernel.run("import subprocess, time; p = subprocess.Popen(['sleep', '50']); time.sleep(0.1)")
        task = asyncio.ensure_future(later(0.3, kernel.client.interrupt))
        assert (await kernel.run("time.sleep(60)")).state == "interrupted"
        await task
        assert len(kernel.process.descendants()) == 1
        assert (await kernel.run("p.poll() is None or 1/0")).state == "succeeded"

    with_kernel(home, body)


def test_an_interrupt_between_steps_does_nothing(home: Path) -> None:
    async def body(kernel: Running) -> None:
        kernel.client.interrupt()
        kernel.client.kill_step()
        assert (await kernel.run("1")).state == "succeeded"

    with_kernel(home, body)


def test_killing_a_step_ends_all_it_started_in_whatever_session_and_keeps_the_kernel(home: Path) -> None:
    async def body(kernel: Running) -> None:
        await kernel.run("import subprocess; old = subprocess.Popen(['sleep', '50'])")
        source = (
            "subprocess.Popen(['setsid', 'sh', '-c', 'trap \"\" TERM INT; (setsid sleep 61 &) ; sleep 62'])\n"
            "from runbook.kit import sh\n"
            "sh('trap \"\" TERM; sleep 63; sleep 64')"
        )
        task = asyncio.ensure_future(later(0.7, kernel.client.kill_step))
        start = time.monotonic()
        assert (await kernel.run(source)).state == "interrupted"
        assert time.monotonic() - start < 20
        await task
        assert len(kernel.process.descendants()) == 1  # the earlier step's
        assert (await kernel.run("old.poll() is None or 1/0")).state == "succeeded"

    with_kernel(home, body)


def test_input_is_refused_plainly_when_nobody_answers(home: Path) -> None:
    async def body(kernel: Running) -> None:
        for what, source in (("input()", "input('?')"), ("getpass()", "import getpass; getpass.getpass()")):
            reply = await kernel.run(source)
            assert reply.reason == (
                f"StdinNotImplementedError: {what}: nobody answers questions in this run;"
                " declare a parameter, or make it a manual step"
            )

    with_kernel(home, body)


def test_input_is_answered_through_the_supervisor(home: Path) -> None:
    asked: list[InputRequest] = []

    async def answer(request: InputRequest) -> str | None:
        asked.append(request)
        return None if request.prompt == "end? " else f"<{request.prompt}>"

    async def body(kernel: Running) -> None:
        reply = await kernel.run("import getpass\nprint(input('who? '), getpass.getpass('word? '))")
        assert reply.state == "succeeded"
        assert (await kernel.run("input('end? ')")).reason == "EOFError"

    kernel = with_kernel(home, body, on_input=answer)

    assert kernel.text() == "<who? > <word? >\n"
    assert [(each.prompt, each.password, each.step) for each in asked] == [
        ("who? ", False, "step"),
        ("word? ", True, "step"),
        ("end? ", False, "step"),
    ]


def test_an_unanswered_question_can_be_interrupted_and_its_late_answer_goes_nowhere(home: Path) -> None:
    async def slowly(request: InputRequest) -> str | None:
        await asyncio.sleep(60 if request.prompt == "one" else 0)
        return "late" if request.prompt == "one" else "right"

    async def body(kernel: Running) -> None:
        task = asyncio.ensure_future(later(0.4, kernel.client.interrupt))
        assert (await kernel.run("input('one')")).state == "interrupted"
        await task
        assert (await kernel.run("print(input('two'))")).state == "succeeded"

    assert with_kernel(home, body, on_input=slowly).text() == "right\n"


async def _stranger(kernel: Running, source: str | None = None, **options: Any) -> AsyncKernelClient:
    """Another program that found the connection file, and may run code."""
    client = AsyncKernelClient()
    client.load_connection_info(json.loads((kernel.process.folder / "kernel.json").read_text()))
    client.start_channels(hb=False)
    await asyncio.sleep(0.2)
    if source is not None:
        client.execute(source, **options)
    return client


async def _foreign(kernel: Running) -> None:
    """Until code that is not ours was seen."""
    while not any(each.origin == "foreign" and each.runs_code for each in kernel.messages):
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("silent", [False, True])
def test_code_of_another_client_is_reported_as_foreign(home: Path, silent: bool) -> None:
    async def body(kernel: Running) -> None:
        stranger: list[AsyncKernelClient] = []

        async def intrude() -> None:
            await asyncio.sleep(0.2)
            stranger.append(await _stranger(kernel, "print('theirs'); y = 1", silent=silent))

        task = asyncio.ensure_future(intrude())
        reply = await kernel.run("import asyncio, time; time.sleep(1); print('ours')")
        await task
        assert reply.state == "succeeded"
        await _foreign(kernel)
        await kernel.run("time.sleep(0.3); print('ours', y)")
        for each in stranger:
            each.stop_channels()

    kernel = with_kernel(home, body)

    foreign = [each for each in kernel.messages if each.origin == "foreign" and each.runs_code]
    printed = [each.content["text"] for each in foreign if each.type == "stream"]
    assert printed == ["theirs\n"]
    assert {each.step for each in foreign} == {None}
    ours = [each for each in kernel.messages if each.origin == "step" and each.type == "stream"]
    assert [each.content["text"] for each in ours] == ["ours\n", "ours 1\n"]


def test_code_that_ran_beside_a_step_is_counted_in_its_reply(home: Path) -> None:
    """The control channel answers while a step runs, and executes code there, too."""

    async def body(kernel: Running) -> None:
        async def intrude() -> None:
            client = await _stranger(kernel)
            content = {"code": "theirs = 1; print('theirs')", "silent": False}
            message = client.session.msg("execute_request", content)
            client.control_channel.send(message)
            await _foreign(kernel)
            client.stop_channels()

        task = asyncio.ensure_future(intrude())
        waiting = "while 'theirs' not in globals(): time.sleep(0.02)"
        reply = await kernel.run(f"import time\n{waiting}\ntime.sleep(0.2); print('ours')")
        await task
        assert (reply.state, reply.foreign) == ("succeeded", 1)
        assert (await kernel.run("3")).foreign == 0

    with_kernel(home, body)


def test_looking_at_a_kernel_is_not_running_code_in_it(home: Path) -> None:
    async def body(kernel: Running) -> None:
        other = await _stranger(kernel)
        message = other.kernel_info()
        while not (seen := [each for each in kernel.messages if each.parent.get("msg_id") == message]):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        other.stop_channels()
        seen = [each for each in kernel.messages if each.parent.get("msg_id") == message]
        assert not any(each.runs_code for each in seen)

    with_kernel(home, body)


def test_a_stranger_who_steals_our_replies_cannot_make_a_step_hang(home: Path) -> None:
    async def body(kernel: Running) -> None:
        await kernel.run("1")
        connection = kernel.client._connection
        assert connection is not None
        thief = AsyncKernelClient()
        thief.load_connection_info(json.loads((kernel.process.folder / "kernel.json").read_text()))
        thief.session.session = connection.session.session  # the identity of the socket
        thief.start_channels(hb=False)
        await asyncio.sleep(0.2)
        thief.kernel_info()
        await asyncio.sleep(0.3)
        reply = await kernel.run("print('ran')")
        thief.stop_channels()
        # The spool has the kernel's own reply, so the truth is known all the same.
        assert reply.state == "succeeded"

    assert with_kernel(home, body).text() == "ran\n"


def test_a_message_that_the_kernel_did_not_sign_is_no_message() -> None:
    def sign(parts: list[bytes]) -> bytes:
        return hashlib.sha256(b"key" + b"".join(parts)).hexdigest().encode()

    parts = [b"{}", b"{}", b"{}", b"{}", b"a buffer"]
    whole = [b"topic", b"<IDS|MSG>", sign(parts[:4]), *parts]

    assert read_wire(whole, sign) == parts
    for index in range(2, 7):
        forged = [*whole[:index], b"other", *whole[index + 1 :]]
        assert read_wire(forged, sign) is None
    for cut in range(len(whole) - 1):
        assert read_wire(whole[:cut], sign) is None


def test_an_interpreter_without_ipykernel_says_what_to_install(home: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    asked = spec(home, interpreter=str(tmp_path / "venv" / "bin" / "python"))
    with files.locked(asked.lock):
        kernel = Running(launch(asked))
        with pytest.raises(
            KernelError, match="the kernel did not start: ended with code 1; it has no ipykernel"
        ) as caught:
            asyncio.run(kernel.client.connect())

    assert caught.value.hint == f"{asked.interpreter} -m pip install ipykernel"


def test_an_interpreter_that_does_not_exist_is_named(home: Path) -> None:
    with pytest.raises(KernelError, match="the interpreter does not run") as caught:
        launch(spec(home, interpreter="/nowhere/python"))

    assert caught.value.subject == "/nowhere/python"
    assert "machine's configuration" in (caught.value.hint or "")


def test_a_kernel_that_does_not_answer_is_given_up_in_time(home: Path) -> None:
    asked = spec(home)
    with files.locked(asked.lock):
        process = launch(asked)
        kernel = Running(process)
        try:
            with pytest.raises(KernelError, match=r"did not answer within 0\.01 seconds"):
                asyncio.run(kernel.client.connect(timeout_seconds=0.01))
        finally:
            process.kill_tree()


def test_a_folder_is_used_by_one_kernel_only(home: Path) -> None:
    asked = spec(home)
    with files.locked(asked.lock):
        process = launch(asked)
        try:
            with pytest.raises(ExistsError):
                launch(asked)
        finally:
            process.kill_tree()


def test_a_folder_that_others_can_reach_is_refused(home: Path) -> None:
    asked = spec(home)
    asked.folder.mkdir(mode=0o755)

    with pytest.raises(KernelError, match="others can reach this folder") as caught:
        launch(asked)

    assert caught.value.hint == f"chmod 700 {asked.folder}"


def test_a_folder_with_a_long_name_is_refused_before_anything_starts(home: Path) -> None:
    with pytest.raises(KernelError, match="too long for a kernel's sockets"):
        launch(spec(home, folder=home / ("x" * 90)))


def test_a_missing_working_folder_is_named(home: Path) -> None:
    with pytest.raises(NotFoundError, match="no such folder to work in"):
        launch(spec(home, work=home / "nowhere"))


def test_adopting_where_no_kernel_lives_says_so(home: Path) -> None:
    with pytest.raises(KernelError, match="no kernel was started here"):
        adopt(home)
    asked = spec(home)
    with files.locked(asked.lock):
        process = launch(asked)
        process.kill_tree()

    with pytest.raises(KernelError, match="the kernel is gone"):
        adopt(asked.folder)
