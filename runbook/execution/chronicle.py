"""The chronicle: everything that happens in a run goes through here into its journal, and nowhere else.

Reads the clock for every event, keeps the limit of what steps may say, and notices when evidence can no
longer be written: `broken` then holds why, and the run has to stop. Never holds back an event, never sends
one anywhere but to the journal.
"""

import asyncio
from collections.abc import Callable

from runbook.canonical import Json
from runbook.errors import RunbookError
from runbook.evidence import messages
from runbook.evidence.events import Event
from runbook.evidence.journal import JournalWriter
from runbook.evidence.limits import OutputLimit
from runbook.evidence.states import Progress
from runbook.evidence.story import Story
from runbook.execution.attaching import Attachments
from runbook.execution.discretion import Discretion
from runbook.execution.kernel_values import KernelMessage
from runbook.kit import protocol
from runbook.system import clock

SPOOL_KEY = "runbook"
"""Where the kernel's bootstrap puts a message's number in the spool: told as `spooled`, so not twice."""
FOREIGN = "foreign: somebody else ran code in the kernel"
_RESERVED = frozenset({"seq", "prev", "t", "m", "kind", "blob", "size", "version"})
_RELEASE_MESSAGES = 256
_RELEASE_BYTES = 1 << 20


class Chronicle:
    """The journal of one run while it is written. `grew` is called with the number of lines there are."""

    def __init__(
        self, writer: JournalWriter, story: Story, limit: OutputLimit, *, grew: Callable[[int], None]
    ) -> None:
        self._writer = writer
        self._limit = limit
        self._attachments = Attachments(writer.folder, writer.blobs)
        self._grew = grew
        self._unreleased_messages = 0
        self._unreleased_bytes = 0
        self._foreign: set[str] = set()
        self._closed = False
        self._heard = 0  # the last number of the kernel's spool
        self.discretion: Discretion | None = None
        """Set, for a run with secrets, before anything is written."""
        self.story = story
        self.has_secrets = False
        self._foreign_seen = False
        self._problems_seen = 0
        self.broken: asyncio.Future[RunbookError] = asyncio.get_running_loop().create_future()
        self.release: Callable[[int], None] | None = None
        """Told the number of the last kernel message that is in the journal, now and then."""

    def tell(self, kind: str, **payload: Json) -> Event | None:
        """Write one event; None when evidence is broken, which `broken` says to whoever runs steps."""
        if self.discretion is not None:
            payload = self.discretion.payload(kind, payload)
        return self._write(kind, payload)

    def _write(self, kind: str, payload: dict[str, Json]) -> Event | None:
        if self._closed or self.broken.done():
            return None  # after the seal nothing is added: a terminal that comes in then has come too late
        try:
            event = self._writer.append(kind, payload, t=clock.now(), m=clock.monotonic_ns())
        except RunbookError as error:
            self._break(error)
            return None
        self.story.feed(event)
        self._grew(self._writer.length)
        return event

    @property
    def progress(self) -> Progress:
        return self.story.progress

    def doubt(self) -> str | None:
        """Why what happened since the last call can't be said to be the steps' own; None when it can.

        During a step or before it is the same: the step did not run in the session that was approved.
        """
        problems = self.story.problems[self._problems_seen :]
        self._problems_seen += len(problems)
        foreign, self._foreign_seen = self._foreign_seen, False
        if problems:
            return f"the record can't be true: {problems[0][1]}"
        return FOREIGN if foreign else None

    def boundary(self) -> None:
        """Make everything so far survive a power cut: between steps, and before a person is asked."""
        if self.broken.done():
            return
        try:
            self._writer.sync()
        except RunbookError as error:
            self._break(error)

    def heard(self, message: KernelMessage) -> None:
        """Write down what the kernel published, or count it where the limit is reached."""
        if self.discretion is not None:
            marks = message.metadata.get(SPOOL_KEY)
            message = self.discretion.message(
                message, marks.get("masked") if isinstance(marks, dict) else None
            )
        self._tell_missing(message)
        if message.origin == "foreign" and message.runs_code:
            self._tell_foreign(message)
        try:
            self._keep(message)
        except RunbookError as error:  # a blob that can't be written
            self._break(error)
        except (TypeError, ValueError, RecursionError) as error:
            # Whatever a step manages to publish: that it did is told, and the run goes on.
            self.tell("gap", what=f"a {message.type} message: {error}"[:200], count=1, step=message.step)

    def expect_after(self, spooled: int, *, foreign: bool = False) -> None:
        """The next message of the kernel is the one behind this number: 0 for a new kernel. `foreign`: an
        earlier supervisor noticed somebody else's code in it, and no step has ended since."""
        self._heard = spooled
        self._foreign_seen = foreign

    def _tell_missing(self, message: KernelMessage) -> None:
        """The kernel counts what it publishes: a number that is left out could not be kept."""
        if message.spooled is None:
            return
        missing = message.spooled - self._heard - 1
        self._heard = max(self._heard, message.spooled)
        if missing > 0:
            self.tell("gap", what="messages of the kernel", count=missing, step=message.step)

    def _keep(self, message: KernelMessage) -> None:
        weight = messages.weighed(message.type, message.content) + b"".join(message.buffers)
        # Asked before anything of it is written: pictures go into blobs, which are bounded, too.
        was_reached = self._limit.is_reached(message.step)
        if self._limit.admit(message.step, message.type, weight):
            payload = self._payload(message)
            self._write("message", payload)  # type: ignore[arg-type]  # `payload` makes nothing but JSON
            self._tell_kit(message)
        elif not was_reached:  # said at once: who waits for the end of endless output waits for ever
            words = "its limit of output is reached: what it prints from here on is counted and not kept"
            self.tell("note", step=message.step, by="runbook", words=words)
        self._take_attached(message)
        self._count(message.spooled, len(weight))

    def _payload(self, message: KernelMessage) -> dict[str, object]:
        return messages.payload(
            {
                "header": message.header,
                "parent_header": message.parent,
                "metadata": {key: value for key, value in message.metadata.items() if key != SPOOL_KEY},
                "content": message.content,
                "buffers": message.buffers,
            },
            channel=message.channel,
            step=message.step,
            put=self._writer.blobs.put,
            spooled=message.spooled,
        )

    def _tell_kit(self, message: KernelMessage) -> None:
        """What the kit told by this message; a step can forge it, so it proves nothing and breaks nothing."""
        data = message.content.get("data")
        if message.type != "display_data" or message.step is None or not isinstance(data, dict):
            return
        record = protocol.read(data)
        if record is not None and record["what"] != "attach":
            told = {key: value for key, value in record.items() if key not in _RESERVED}
            payload = messages.encoded(told, put=self._writer.blobs.put)
            assert isinstance(payload, dict)
            self.tell("kit", **{**payload, "step": message.step, "what": str(record["what"])})

    def _take_attached(self, message: KernelMessage) -> None:
        """A file that a step attached, also where the rest of what it says is above the limit."""
        data = message.content.get("data")
        record = protocol.read(data) if message.type == "display_data" and isinstance(data, dict) else None
        if record is None or record["what"] != "attach":
            return
        taken = self._attachments.take(record, holding=self._holding)
        if taken.problem is None:
            self.tell("attached", step=message.step, **taken.payload)
            self._attachments.settle(taken)
        else:
            words = f"the attached file {taken.payload['name']}: {taken.problem}"
            self.tell("gap", what=words, count=1, step=message.step)

    def finish(self, message: KernelMessage) -> None:
        """Tell what follows from a message that the journal has: a supervisor died right behind it. The spool
        is not asked for it again, and a file that it attached would go with the spool."""
        try:
            self._tell_kit(message)
            self._take_attached(message)
        except RunbookError as error:
            self._break(error)

    def _holding(self, data: bytes) -> str | None:
        return None if self.discretion is None else self.discretion.holding(data)

    def discreet_command(self, command: str) -> str:
        """The command line of a process that an earlier kernel's step started. Where the run has secrets its
        first word is all that may be told: they may be others by now than when it was started, or not known
        here at all (it is only sealed)."""
        return command.split(" ", 1)[0] if self.has_secrets else command

    def begin(self, step: str) -> None:
        """An attempt of `step` starts: what was dropped of the last one is told, and it may say as much."""
        self.settle(step)
        self._limit.begin(step)

    def settle(self, step: str | None) -> None:
        """Say what was dropped of a step that has ended."""
        truncated = self._limit.settle(step)
        if truncated is not None:
            self.tell("truncated", **truncated.payload)  # type: ignore[arg-type]  # text and numbers
        masked = None if self.discretion is None else self.discretion.news()
        if masked is not None:
            self.tell("note", step=step, by="runbook", words=masked)

    def settle_all(self) -> None:
        """Say what was dropped and not told yet, before the end."""
        for step in self._limit.unsettled():
            self.settle(step)
        if self.discretion is not None:
            self.tell("note", step=None, by="runbook", about="secrets", words=self.discretion.total())

    def close(self) -> None:
        self._closed = True
        self._writer.close()

    def _break(self, error: RunbookError) -> None:
        if not self.broken.done():
            self.broken.set_result(error)

    def _tell_foreign(self, message: KernelMessage) -> None:
        """One event for each request that somebody else made, with its code where the kernel tells it."""
        request = str(message.parent.get("msg_id", ""))
        if message.type == "execute_input" or request not in self._foreign:
            self._foreign.add(request)
            self._foreign_seen = True
            code = message.content.get("code")
            self.tell(
                "foreign",
                session=str(message.parent.get("session", "")),
                message=request,
                content=code if isinstance(code, str) else "",
            )

    def _count(self, spooled: int | None, size: int) -> None:
        self._unreleased_messages += 1
        self._unreleased_bytes += size
        if self._unreleased_messages < _RELEASE_MESSAGES and self._unreleased_bytes < _RELEASE_BYTES:
            return
        if self.release is not None and spooled is not None and not self.broken.done():
            self.release(spooled)
            self._unreleased_messages = self._unreleased_bytes = 0
