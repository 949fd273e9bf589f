"""The agent that steps see: a socket of ours before the operator's `SSH_AUTH_SOCK`. An edge.

Lives in the supervisor's event loop for as long as the run. What may pass is judged in `agent_requests`; here
it is passed on, counted and told. The operator's socket is in no step's environment.

1. The socket lies in the run's private folder, mode 0600.
2. A request is passed on only after it was judged, whole and once; what was not judged is never sent.
3. Messages are bounded both ways, and so is how many visitors there are at once.
4. One connection to the operator's agent for each visitor, so that what binds a connection to a session binds
   nobody else's.
5. What the agent answers comes back only in the kind that was asked for.
6. Each signature is told before it is handed over; of signatures and of refusals the first ones are told, and
   all are counted.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from runbook.errors import RefusedError, UnavailableError
from runbook.evidence.plan import PlanRecord
from runbook.execution import agent_requests
from runbook.execution.agent_requests import Asked
from runbook.execution.chronicle import Chronicle
from runbook.system import files

VARIABLE = "SSH_AUTH_SOCK"
_ANSWERS = {"list": agent_requests.IDENTITIES_ANSWER, "sign": agent_requests.SIGN_RESPONSE, "bind": 6}
_MOST_VISITORS = 32
_MOST_SIGNATURES, _MOST_REFUSALS = 1000, 50
_FIRST_SECONDS = 10
_START = "start one and load a key: `eval $(ssh-agent)`, `ssh-add`; or take `agent: true` out of the header"

_NAME = "a"

Tell = Callable[..., object]
"""Told in keywords what goes into the journal's `agent` events (`evidence/events`)."""


def require(record: PlanRecord, env: Mapping[str, str]) -> None:
    """Where the text wants the operator's agent, ask it for its keys.

    Raises UnavailableError where there is none, it does not answer, or it has no key: nobody wants to hear
    that in the middle of a run.
    """
    if record.agent:
        asyncio.run(_require(env))


def environment(record: PlanRecord, place: Path) -> dict[str, str]:
    """What a kernel's environment has of it; `place` is the run's private folder."""
    return {VARIABLE: str(place / _NAME)} if record.agent else {}


async def open_for(
    record: PlanRecord, env: Mapping[str, str], place: Path, chronicle: Chronicle
) -> "AgentProxy | None":
    """The proxy of a run whose text wants one, listening. Raises StorageError."""
    if not record.agent:
        return None
    proxy = AgentProxy(env.get(VARIABLE, ""), lambda **told: chronicle.tell("agent", **told))
    await proxy.open(place / _NAME)
    return proxy


async def close(proxy: "AgentProxy | None") -> None:
    """End it with the run."""
    if proxy is not None:
        await proxy.close()


async def _require(env: Mapping[str, str]) -> None:
    path = env.get(VARIABLE)
    if not path:
        raise UnavailableError("the runbook wants your SSH agent, and none is running here", hint=_START)
    try:
        async with asyncio.timeout(_FIRST_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                answer = await _ask(reader, writer, bytes([agent_requests.REQUEST_IDENTITIES]))
            finally:
                writer.close()
    except (OSError, TimeoutError, EOFError) as error:
        raise UnavailableError("your SSH agent does not answer", subject=path, hint=_START) from error
    count = (
        int.from_bytes(answer[1:5], "big") if answer[:1] == bytes([agent_requests.IDENTITIES_ANSWER]) else 0
    )
    if not count:
        raise UnavailableError(
            "your SSH agent has no keys, or is locked", subject=path, hint="load one: `ssh-add`"
        )


class AgentProxy:
    """One run's socket. `upstream` is the operator's; `tell` is called in the event loop. Counts what was
    `signed` and `refused`."""

    def __init__(self, upstream: str, tell: Tell) -> None:
        self._upstream = upstream
        self._tell = tell
        self._server: asyncio.Server | None = None
        self._visits: set[asyncio.Task[None]] = set()
        self.signed = 0
        self.refused = 0

    async def open(self, path: Path) -> None:
        """Listen at `path`; what a dead supervisor left there is taken away. Raises StorageError."""
        files.remove(path)
        with files.storage_errors(path):
            before = os.umask(0o177)  # 1: there is no moment with a wider mode
            try:
                self._server = await asyncio.start_unix_server(self._met, path=str(path))
            finally:
                os.umask(before)

    async def close(self) -> None:
        """Let nobody in any more, and let go of who is there."""
        if self._server is not None:
            self._server.close()
        for visit in tuple(self._visits):
            visit.cancel()
        if self._visits:
            await asyncio.wait(self._visits, timeout=1)
        self._tell(what="closed", signed=self.signed, refused=self.refused)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._visits) >= _MOST_VISITORS:  # 3
            writer.close()
            return
        self._visits.add(task)
        try:
            await self._visit(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # somebody left, or the run is over
        finally:
            self._visits.discard(task)
            writer.close()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while True:
                message = await _message(reader)
                try:
                    asked = agent_requests.judge(message)  # 2
                except RefusedError as error:
                    self._refuse(error)
                    await _send(writer, agent_requests.REFUSED)
                    continue
                with contextlib.suppress(OSError):
                    upstream = upstream or await asyncio.open_unix_connection(self._upstream)  # 4
                if upstream is None:
                    self._refuse(RefusedError("your SSH agent is gone"))
                    await _send(writer, agent_requests.REFUSED)
                    continue
                await _send(writer, self._answered(asked, await _ask(*upstream, message)))
        finally:
            if upstream is not None:
                upstream[1].close()

    def _answered(self, asked: Asked, answer: bytes) -> bytes:
        if answer[:1] != bytes([_ANSWERS[asked.what]]):  # 5
            return agent_requests.REFUSED
        if asked.what == "sign":  # 6
            self.signed += 1
            if self.signed <= _MOST_SIGNATURES:
                self._tell(what="signed", key=asked.key, user=asked.user)
        return answer

    def _refuse(self, error: RefusedError) -> None:
        self.refused += 1
        if self.refused <= _MOST_REFUSALS:  # 6
            self._tell(what="refused", reason=error.message)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One message without its length. Raises EOFError at the end, and for one above the limit (3)."""
    size = int.from_bytes(await reader.readexactly(4), "big")
    if not 0 < size <= agent_requests.LIMIT_BYTES:
        raise EOFError(f"a message of {size} bytes")
    return await reader.readexactly(size)


async def _send(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(len(message).to_bytes(4, "big") + message)
    await writer.drain()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> bytes:
    """The agent's answer. It may take as long as a person needs to touch a key, so nobody counts."""
    await _send(writer, message)
    return await _message(reader)
