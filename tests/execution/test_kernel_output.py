"""Everything a kernel publishes arrives, in order, once; however much it is and whoever is slow."""

import asyncio
import time
from pathlib import Path

import psutil
import pytest

from runbook.execution.kernel import KernelClient
from runbook.execution.kernel_launch import launch
from runbook.execution.kernel_values import KernelMessage
from runbook.execution.spool import SpoolReader, segments
from runbook.system import files
from tests.execution.kernel_runs import Running, spec, with_kernel

_DISPLAYS = "from IPython.display import display\nfor i in range(20000): display(i)\n"
_TEXT = "for i in range(500): print(f'{i:06d}' + 'x' * 99_993)\n"


@pytest.mark.slow
def test_20000_displays_and_50_mb_of_text_arrive_though_the_reader_is_held_up_for_6_s(home: Path) -> None:
    """The default kernel delivers about a third of the displays."""
    displays: list[str] = []
    lines: list[str] = []
    numbers: list[int | None] = []

    def slowly(message: KernelMessage) -> None:
        if len(numbers) == 100:
            time.sleep(6)
        numbers.append(message.spooled)
        if message.type == "display_data":
            displays.append(message.content["data"]["text/plain"])
        elif message.type == "stream":
            lines.append(message.content["text"])

    asked = spec(home)
    with files.locked(asked.lock):
        process = launch(asked)
        client = KernelClient(process, on_message=slowly)

        async def story() -> None:
            await client.connect()
            reply = await client.execute("noise", _DISPLAYS + _TEXT)
            assert (reply.state, reply.complete) == ("succeeded", True)
            await client.shutdown()

        try:
            asyncio.run(asyncio.wait_for(story(), 60))
        finally:
            process.kill_tree()

    assert displays == [str(index) for index in range(20000)]
    text = "".join(lines).splitlines()
    assert [line[:6] for line in text] == [f"{index:06d}" for index in range(500)]
    assert {len(line) for line in text} == {99_999}
    assert numbers == list(range(1, len(numbers) + 1))
    assert max(len(each) for each in lines) <= 2 << 20  # in messages of a bounded size


@pytest.mark.slow
def test_200_mb_of_output_needs_neither_memory_nor_disk_when_the_journal_keeps_up(home: Path) -> None:
    asked = spec(home)
    size, most = 0, 0

    def journal(message: KernelMessage) -> None:
        nonlocal size, most
        if message.type == "stream":
            size += len(message.content["text"])
            client.release(message.spooled or 0)
            most = max(most, len(segments(process.spool)))

    with files.locked(asked.lock):
        process = launch(asked)
        client = KernelClient(process, on_message=journal)
        before = psutil.Process().memory_info().rss

        async def story() -> int:
            await client.connect()
            reply = await client.execute("noise", "for i in range(2000): print('x' * 99_999)")
            assert reply.state == "succeeded"
            peak = Path(f"/proc/{process.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
            await client.shutdown()
            return int(peak) * 1024

        try:
            kernel_bytes = asyncio.run(asyncio.wait_for(story(), 100))
        finally:
            process.kill_tree()

    assert size == 200_000_000
    assert most <= 6  # 8 MiB each: a printing step waits for its journal
    assert kernel_bytes < 150 << 20
    assert psutil.Process().memory_info().rss - before < 100 << 20


def test_a_supervisor_that_stops_listening_does_not_stop_a_printing_step(home: Path) -> None:
    """Nothing is ever released here: the step waits once, for as long as may be, and goes on."""

    async def body(kernel: Running) -> None:
        start = time.monotonic()
        source = "import _runbook_kernel_publishing as k; k._STALLED_SECONDS = 1.0\n"
        assert (await kernel.run(source)).state == "succeeded"
        assert (await kernel.run("for i in range(80): print('x' * 99_999)")).state == "succeeded"
        assert 0.9 < time.monotonic() - start < 60

    kernel = with_kernel(home, body, backlog_bytes=1 << 20, segment_bytes=1 << 19)

    assert len(kernel.text()) == 8_000_000


def test_what_children_write_is_published_whole_and_before_the_step_ends(home: Path) -> None:
    """Characters of several bytes are not cut, wherever the pipe's chunks end."""

    async def body(kernel: Running) -> None:
        (home / "work" / "data").write_text("äö€😀" * 20_000 + "\n")
        reply = await kernel.run("import os; os.system('cat data'); os.system('echo error >&2')")
        assert reply.state == "succeeded"
        source = (
            "import sys, time; out = sys.stdout; write = out._write\n"
            "out._write = lambda text: (time.sleep(0.3), write(text))\n"  # a slow reader of the pipe
            "os.system('echo slow')"
        )
        assert (await kernel.run(source)).state == "succeeded"

    kernel = with_kernel(home, body)

    own = [each for each in kernel.messages if each.type == "stream"]
    assert {each.origin for each in own} == {"step"}
    assert kernel.text() == "äö€😀" * 20_000 + "\nslow\n"
    assert kernel.text("stderr") == "error\n"


def test_streams_displays_and_records_keep_their_order(home: Path) -> None:
    async def body(kernel: Running) -> None:
        source = (
            "from runbook.kit import note\nfor i in range(300):\n    print('line', i)\n    note(str(i))\n"
        )
        assert (await kernel.run(source)).state == "succeeded"

    kernel = with_kernel(home, body)

    story = [
        each.content["text"].strip() if each.type == "stream" else each.content["data"]["text/plain"]
        for each in kernel.messages
        if each.type in ("stream", "display_data")
    ]
    assert story == [word for i in range(300) for word in (f"line {i}", f"note: {i}")]


def test_what_a_thread_prints_after_its_step_is_late_and_not_lost(home: Path) -> None:
    async def body(kernel: Running) -> None:
        source = (
            "import threading, time\n"
            "def later():\n"
            "    time.sleep(0.3); print('late')\n"
            "threading.Thread(target=later).start()"
        )
        assert (await kernel.run(source)).state == "succeeded"
        while "late" not in kernel.text():  # nobody runs a step now, and all the same it is handed over
            await asyncio.sleep(0.02)
        late = [each for each in kernel.messages if each.type == "stream"]
        assert [(each.content["text"], each.origin, each.step) for each in late] == [
            ("late\n", "late", "step")
        ]

    with_kernel(home, body)


def test_a_step_that_closes_its_output_silences_nobody(home: Path) -> None:
    async def body(kernel: Running) -> None:
        assert (await kernel.run("import sys, os; sys.stdout.close(); print('still')")).state == "succeeded"
        assert (await kernel.run("os.close(1); os.close(2); print('here')")).state == "succeeded"
        assert (await kernel.run("print('and here')")).state == "succeeded"

    assert with_kernel(home, body).text() == "still\nhere\nand here\n"


def test_a_fork_prints_into_its_parents_story_and_is_no_second_kernel(home: Path) -> None:
    async def body(kernel: Running) -> None:
        source = (
            "import os, sys\n"
            "child = os.fork()\n"
            "if child == 0:\n"
            "    print('child'); sys.exit(3)\n"
            "_, status = os.waitpid(child, 0)\n"
            "print('parent', os.waitstatus_to_exitcode(status))"
        )
        assert (await kernel.run(source)).state == "succeeded"
        assert (await kernel.run("child = os.fork()")).state == "succeeded"
        source = "_, status = os.waitpid(child, 0); print(os.waitstatus_to_exitcode(status))"
        assert (await kernel.run(source)).state == "succeeded"

    kernel = with_kernel(home, body)

    assert sorted(kernel.text().split()) == ["0", "3", "child", "parent"]
    assert kernel.numbers() == list(range(1, len(kernel.messages) + 1))
    spooled = [record.number for record in SpoolReader(kernel.process.spool).records()]
    assert spooled == kernel.numbers()


def test_a_step_may_start_a_daemon_that_outlives_the_kernel(home: Path) -> None:
    async def body(kernel: Running) -> None:
        source = (
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork(): os._exit(0)\n"
            "    os.closerange(0, 64)\n"
            "    os.execv('/bin/sleep', ['sleep', '77'])\n"
            "time.sleep(0.3)\n"
            "print('started')"
        )
        assert (await kernel.run(source)).state == "succeeded"
        assert (await kernel.run("print('on')")).state == "succeeded"

    asked = spec(home)
    with files.locked(asked.lock):
        kernel = Running(launch(asked))

        async def story() -> None:
            await kernel.client.connect()
            await body(kernel)
            await kernel.client.shutdown()

        try:
            asyncio.run(story())
            left = kernel.process.descendants()
        finally:
            kernel.process.kill_tree()

    assert kernel.text() == "started\non\n"
    assert kernel.process.returncode == 0
    assert [psutil_name(each.pid) for each in left] in (["sleep"], [""])  # ended by us, just now
    assert kernel.process.descendants() == ()


def psutil_name(pid: int) -> str:
    try:
        return str(psutil.Process(pid).name())
    except psutil.NoSuchProcess:
        return ""


def test_a_crash_of_the_interpreter_is_explained_in_the_kernels_log(home: Path) -> None:
    async def body(kernel: Running) -> None:
        reply = await kernel.run("import ctypes; print('before', flush=True); ctypes.string_at(0)")
        assert (reply.state, reply.reason) == ("kernel-died", "the kernel died: ended by signal 11")

    kernel = with_kernel(home, body)

    assert kernel.text() == "before\n"
    assert "Segmentation fault" in kernel.process.log_tail()
