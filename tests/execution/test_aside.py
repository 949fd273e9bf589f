"""Slow reading beside the loop: the loop goes on, there is a limit, and never more than one thread."""

import asyncio
import threading

import pytest

from runbook.errors import TrustError, UnavailableError
from runbook.execution.aside import Aside


def test_the_loop_goes_on_meanwhile_and_what_comes_of_it_comes_back() -> None:
    async def scene() -> None:
        collected: list[str] = []
        aside = Aside(lambda: collected.append("children"))
        may_end = threading.Event()
        work = asyncio.create_task(aside.do(lambda: may_end.wait(20)))
        await asyncio.sleep(0)
        assert aside.is_busy
        with pytest.raises(UnavailableError, match="still being looked into"):
            await aside.do(lambda: None)
        aside.reap()
        assert not collected  # what its own child ended with is for the thread to hear
        may_end.set()
        assert await work is True
        assert collected == ["children"]
        aside.reap()
        assert collected == ["children"] * 2

        def refuses() -> None:
            raise TrustError("no policy")

        with pytest.raises(TrustError, match="no policy"):
            await aside.do(refuses)
        assert not aside.is_busy

    asyncio.run(scene())


def test_what_takes_too_long_is_said_and_nothing_else_begins_before_it_ends() -> None:
    async def scene() -> None:
        ended = asyncio.Event()
        aside = Aside(ended.set)
        may_end = threading.Event()
        with pytest.raises(UnavailableError, match=r"could not be read within 0\.01 seconds") as caught:
            await aside.do(lambda: may_end.wait(20), seconds=0.01)
        assert caught.value.hint == "look at the disk and at git here, then say it again"
        assert aside.is_busy  # a child of its own is not for anybody else to collect
        with pytest.raises(UnavailableError, match="still being looked into"):
            await aside.do(lambda: None)
        may_end.set()
        async with asyncio.timeout(20):
            await ended.wait()
        assert await aside.do(lambda: 7) == 7

    asyncio.run(scene())


def test_what_never_ends_keeps_no_loop_from_ending() -> None:
    may_end = threading.Event()

    async def scene() -> None:
        aside = Aside(lambda: None)
        with pytest.raises(UnavailableError):
            await aside.do(lambda: may_end.wait(20), seconds=0.01)

    asyncio.run(scene())
    (thread,) = (each for each in threading.enumerate() if each.name == "aside")
    assert thread.daemon
    may_end.set()
    thread.join(20)
    assert not thread.is_alive()  # and it did not complain of the loop that is gone
