"""Death of the kernel, of its client, of both: what was published is there, the rest is not claimed."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from runbook.execution.kernel_launch import ADOPTED_END, adopt, launch
from runbook.system import files
from tests.execution.kernel_runs import Running, later, spec, with_kernel


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os; print('x'); os._exit(0)", "ended with code 0"),
        ("import os; print('x'); os._exit(7)", "ended with code 7"),
        (
            "import os, signal; print('x', flush=True); os.kill(os.getpid(), signal.SIGKILL)",
            "ended by signal 9",
        ),
        ("import os; print('x', flush=True); os.abort()", "ended by signal 6"),
        ("import os, time; print('x', flush=True); os.closerange(3, 200); time.sleep(60)", "ended by signal"),
    ],
)
def test_a_step_that_takes_the_kernel_with_it_is_kernel_died(home: Path, source: str, words: str) -> None:
    async def body(kernel: Running) -> None:
        start = time.monotonic()
        reply = await kernel.run(source)
        assert reply.state == "kernel-died"
        assert reply.reason.startswith(f"the kernel died: {words}")
        assert not reply.complete
        assert time.monotonic() - start < 20

    with_kernel(home, body)


def test_a_kernel_killed_in_the_middle_of_a_step_loses_nothing_it_had_published(home: Path) -> None:
    async def body(kernel: Running) -> None:
        task = asyncio.ensure_future(later(0.7, kernel.process.kill))
        source = "import time\nfor i in range(10**9):\n    print(i, flush=True)\n    time.sleep(0.0005)"
        start = time.monotonic()
        reply = await kernel.run(source)
        await task
        assert time.monotonic() - start < 20
        assert (reply.state, reply.complete) == ("kernel-died", False)
        assert kernel.process.signal == signal.SIGKILL

    kernel = with_kernel(home, body)

    lines = kernel.text().split()
    assert len(lines) > 50
    assert lines == [str(index) for index in range(len(lines))]
    assert kernel.numbers() == list(range(1, len(kernel.messages) + 1))


def test_a_kernel_that_dies_behind_its_reply_has_kept_what_came_before(home: Path) -> None:
    source = """
import os, signal, time
kernel = get_ipython().kernel
send = kernel.session.send
def last(stream, kind, *args, **named):
    sent = send(stream, kind, *args, **named)
    if kind == "execute_reply":
        time.sleep(0.2)  # until it is on its way; what publishes sleeps for longer
        os.kill(os.getpid(), signal.SIGKILL)
    return sent
kernel.session.send = last
print("done", flush=True)
kernel.iopub_thread.schedule(lambda: time.sleep(1))
"""

    async def body(kernel: Running) -> None:
        reply = await kernel.run(source)
        await kernel.process.ended()
        assert (reply.state, kernel.process.signal) == ("succeeded", signal.SIGKILL)

    kernel = with_kernel(home, body)

    assert kernel.text() == "done\n"
    assert [each.content["status"] for each in kernel.messages if each.type == "runbook_reply"] == ["ok"]


def test_an_interrupt_behind_the_end_of_a_step_takes_no_reply_away(home: Path) -> None:
    source = """
import os, signal
kernel = get_ipython().kernel
publish = kernel._publish_reply
def interrupted(reply):
    os.kill(os.getpid(), signal.SIGINT)
    publish(reply)
kernel._publish_reply = interrupted
"""

    async def body(kernel: Running) -> None:
        reply = await kernel.run(source)
        assert (reply.state, reply.complete) == ("succeeded", True)

    with_kernel(home, body)


def test_children_of_a_dead_kernel_are_found_and_ended(home: Path) -> None:
    """Also one in a session of its own, and one that became a daemon: by the mark in their environment."""

    async def body(kernel: Running) -> None:
        source = (
            "import os, subprocess\n"
            "from runbook.kit import sh\n"
            "subprocess.Popen(['setsid', 'sleep', '71'])\n"
            "subprocess.Popen(['sh', '-c', '(setsid sleep 72 &) '])\n"
            "sh('sleep 73')"
        )
        task = asyncio.ensure_future(later(0.8, kernel.process.kill))
        assert (await kernel.run(source)).state == "kernel-died"
        await task
        assert len(kernel.process.descendants()) >= 3

    kernel = with_kernel(home, body)

    assert kernel.process.descendants() == ()


def test_the_pid_of_a_command_is_told_before_it_can_be_orphaned(home: Path) -> None:
    async def body(kernel: Running) -> None:
        task = asyncio.ensure_future(later(0.6, kernel.process.kill))
        assert (await kernel.run("from runbook.kit import sh; sh('sleep', '74')")).state == "kernel-died"
        await task
        (record,) = kernel.records()
        assert record["what"] == "sh-started"
        assert record["argv"] == ["sleep", "74"]
        living = {(each.pid, each.started) for each in kernel.process.descendants()}
        assert (record["pid"], record["started"]) in living

    with_kernel(home, body)


class Takeover:
    """A kernel whose first supervisor is gone in the middle of a step, and a second one."""

    def __init__(self, home: Path, source: str) -> None:
        self.spec = spec(home)
        self.source = source
        self.first = Running(launch(self.spec))
        self.message = ""

    async def die(self, *, lines: int = 1) -> None:
        """The first one reads for a while and is gone without a word."""
        await self.first.client.connect()
        running = asyncio.ensure_future(self.first.run(self.source))
        while len(self.first.text().split()) < lines:
            await asyncio.sleep(0.01)
        requests = [each for each in self.first.messages if each.origin == "step"]
        self.message = str(requests[0].parent["msg_id"])
        running.cancel()
        await self.first.client.close()

    def second(self) -> Running:
        return Running(
            adopt(self.spec.folder),
            resume_after=self.first.messages[-1].spooled,
            steps={self.message: "step"},
        )


_COUNTING = (
    "import time\nstate = 41\nfor i in range(60):\n    print(i, flush=True); time.sleep(0.02)\nstate += 1"
)


def test_a_second_supervisor_gets_exactly_what_is_missing_and_learns_how_the_step_ended(home: Path) -> None:
    story = Takeover(home, _COUNTING)

    async def tell() -> Running:
        await story.die(lines=6)
        await asyncio.sleep(0.4)  # nobody listens, and it goes on printing
        second = story.second()
        await second.client.connect()  # answers when the step is done
        reply = second.client.outcome(story.message)
        assert reply is not None
        assert (reply.state, reply.step) == ("succeeded", "step")
        assert (await second.run("print('state', state)")).state == "succeeded"
        await second.client.shutdown()
        return second

    with files.locked(story.spec.lock):
        try:
            second = asyncio.run(asyncio.wait_for(tell(), 60))
        finally:
            story.first.process.kill_tree()

    first_lines = story.first.text().split()
    assert 5 < len(first_lines) < 60
    assert (story.first.text() + second.text()).split() == [*map(str, range(60)), "state", "42"]
    numbers = story.first.numbers() + second.numbers()
    assert numbers == list(range(1, len(numbers) + 1))
    assert {
        each.origin
        for each in second.messages
        if each.type == "stream" and each.parent.get("msg_id") == story.message
    } == {"late"}


_INTERRUPTED_ANSWER = """
import os, signal, time
handlers = get_ipython().kernel.shell_handlers
answer = handlers["kernel_info_request"]
def interrupted(*words):
    os.kill(os.getpid(), signal.SIGINT)
    return answer(*words)
handlers["kernel_info_request"] = interrupted
print("x", flush=True)
time.sleep(0.4)
"""


def test_an_interrupt_that_hits_the_answer_to_who_takes_over_takes_it_from_nobody(home: Path) -> None:
    story = Takeover(home, _INTERRUPTED_ANSWER)

    async def tell() -> None:
        await story.die()
        second = story.second()
        await second.client.connect(timeout_seconds=10)
        reply = second.client.outcome(story.message)
        assert reply is not None
        assert reply.state == "succeeded"
        task = asyncio.ensure_future(later(0.3, second.client.interrupt))
        assert (await second.run("time.sleep(60)")).state == "interrupted"  # a step still can be
        await task
        await second.client.shutdown()

    with files.locked(story.spec.lock):
        try:
            asyncio.run(asyncio.wait_for(tell(), 60))
        finally:
            story.first.process.kill_tree()


def test_a_step_that_failed_while_nobody_listened_is_known_to_have_failed(home: Path) -> None:
    story = Takeover(home, "import time; print('x', flush=True); time.sleep(0.8); 1 / 0")

    async def tell() -> None:
        await story.die()
        await asyncio.sleep(0.6)
        second = story.second()
        await second.client.connect()
        reply = second.client.outcome(story.message)
        assert reply is not None
        assert (reply.state, reply.reason) == ("failed", "ZeroDivisionError: division by zero")
        assert second.client.outcome("never sent") is None
        await second.client.shutdown()

    with files.locked(story.spec.lock):
        try:
            asyncio.run(asyncio.wait_for(tell(), 60))
        finally:
            story.first.process.kill_tree()


def test_a_kernel_that_died_unwatched_leaves_its_spool_to_the_next(home: Path) -> None:
    story = Takeover(home, _COUNTING)

    async def tell() -> Running:
        await story.die()
        second = story.second()
        await asyncio.sleep(0.3)
        os.kill(story.first.process.pid, signal.SIGKILL)
        await second.process.ended()
        second.client.catch_up()
        return second

    with files.locked(story.spec.lock):
        try:
            second = asyncio.run(asyncio.wait_for(tell(), 60))
        finally:
            story.first.process.kill_tree()

    lines = (story.first.text() + second.text()).split()
    assert len(lines) > len(story.first.text().split())
    assert lines == [str(index) for index in range(len(lines))]
    assert {each.origin for each in second.messages} == {"late"}


def test_an_adopted_kernel_is_watched_like_our_own(home: Path) -> None:
    asked = spec(home)
    with files.locked(asked.lock):
        started = launch(asked)
        try:
            kernel = Running(adopt(asked.folder))

            async def story() -> None:
                await kernel.client.connect()
                running = asyncio.ensure_future(kernel.run("import time; time.sleep(60)"))
                await asyncio.sleep(0.3)
                os.kill(started.pid, signal.SIGKILL)
                reply = await asyncio.wait_for(running, 3)
                assert (reply.state, reply.reason) == ("kernel-died", "the kernel died: it is gone")
                assert kernel.process.returncode == ADOPTED_END
                assert kernel.process.signal is None
                await kernel.client.close()

            asyncio.run(story())
        finally:
            started.kill_tree()


def test_shutting_down_is_quick_and_runs_what_steps_registered(home: Path) -> None:
    took = 0.0
    asked = spec(home)
    with files.locked(asked.lock):
        kernel = Running(launch(asked))

        async def story() -> None:
            nonlocal took
            await kernel.client.connect()
            await kernel.run("import atexit; atexit.register(print, 'good bye')")
            start = time.monotonic()
            await kernel.client.shutdown()
            took = time.monotonic() - start

        try:
            asyncio.run(story())
        finally:
            kernel.process.kill_tree()

    assert kernel.process.returncode == 0
    assert kernel.text() == "good bye\n"
    assert took < 0.5


def test_a_kernel_that_does_not_want_to_end_is_killed(home: Path) -> None:
    asked = spec(home)
    with files.locked(asked.lock):
        kernel = Running(launch(asked))

        async def story() -> None:
            await kernel.client.connect()
            await kernel.run("import atexit, time; atexit.register(time.sleep, 60)")
            await kernel.client.shutdown(patience_seconds=0.3)

        try:
            asyncio.run(asyncio.wait_for(story(), 30))
        finally:
            kernel.process.kill_tree()

    assert kernel.process.signal == signal.SIGKILL
