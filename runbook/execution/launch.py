"""Launching: from a written plan to a running supervisor, and a session with it. The terminal's side.

The supervisor is a process and a session of its own, so nothing that happens to this terminal reaches it.
What it needs is handed over through a pipe, never on its command line or in its environment.
"""

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import msgspec

from runbook.canonical import canonical_json
from runbook.decoding import decode_json
from runbook.errors import FormatError, UnavailableError
from runbook.execution import session
from runbook.execution.failures import error_of
from runbook.execution.handing import HANDED_LIMIT_BYTES, Handed, Heard, Task, Ways
from runbook.execution.session import Session
from runbook.system import processes
from runbook.text.secret import Hidden
from runbook.workspace import Surroundings, Workspace

__all__ = ["Ahead", "Ways", "ahead", "start"]

# The supervisor runs the very package that runs here, installed or in a checkout, and gets no folder on its
# path in which something could shadow something.
_PROGRAM = """\
import sys
from importlib import util
spec = util.spec_from_file_location("runbook", sys.argv[1], submodule_search_locations=[sys.argv[1][:-12]])
sys.modules["runbook"] = package = util.module_from_spec(spec)
spec.loader.exec_module(package)
from runbook.execution.supervisor import main
main()
"""
_ERROR_BYTES = 64 << 10


class Ahead:
    """A supervisor's process, started ahead of time. It imports what it will need and waits; one that is
    handed nothing ends without having done anything. Good for one `start`. `secrets` are handed over, too:
    what `fetching.fetch` gave for the plan."""

    secrets: Mapping[str, Hidden] = {}

    def __init__(self, env: Mapping[str, str]) -> None:
        self._errors, log = os.pipe()  # for its first words only: later it has a log of its own
        try:
            self._child = processes.converse(_argv(), env=env, cwd=Path("/"), error_log=log)
        except BaseException:
            os.close(self._errors)
            raise
        finally:
            os.close(log)

    def hand(self, handed: Handed) -> Heard:
        """Hand over, and wait for the one line. Raises UnavailableError when it died without one."""
        plain = {name: hidden.reveal() for name, hidden in self.secrets.items()}
        handed = msgspec.structs.replace(handed, secrets=plain)
        stdin, stdout = self._child.stdin, self._child.stdout
        assert stdin is not None
        assert stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it has died: no line will come
            stdin.write(canonical_json(msgspec.to_builtins(handed)))
            stdin.close()
        line = stdout.readline(HANDED_LIMIT_BYTES)
        try:
            return decode_json(line, Heard, name="the supervisor's first word")
        except FormatError as error:
            words = os.read(self._errors, _ERROR_BYTES).decode("utf-8", "replace").strip()
            raise UnavailableError("the supervisor ended before the run began", hint=words or None) from error

    def close(self) -> None:
        """Let go of it: the supervisor of a run goes on, one that was handed nothing ends."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1
        self._child.wait()  # it has forked, so this is no wait for the run

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def ahead(around: Surroundings, secrets: Mapping[str, Hidden] | None = None) -> Ahead:
    """Start a supervisor's process before there is a plan: while the text is read and decided on here, it
    imports what it needs. Use it as a context, and hand it to `start`."""
    made = Ahead(around.env)
    made.secrets = secrets or {}
    return made


def start(
    execution: Path,
    *,
    workspace: Workspace,
    around: Surroundings,
    ways: Ways | None = None,
    ahead: Ahead | None = None,
    task: Task = "begin",
) -> Session:
    """Start the supervisor for the plan in `execution` and return a driving session once it is ready.

    `task` "resume" goes on with a run whose supervisor died, "seal" only brings back and seals what there is.

    Ready means: decided again, not spent before, evidence begun, socket open. Raises what the supervisor said
    when it is not: RefusedError, StorageError, LockBusy, …; leaves no process behind then. A kernel that does
    not start is told by the session, since the run has begun by then.
    """
    who = f"{around.login}@{around.host}"
    handed = _handed(execution, workspace=workspace, around=around, ways=ways, task=task)
    _hand_over(handed, ahead or Ahead(around.env))
    return session.attach(execution, who=who)


def seal(execution: Path, *, workspace: Workspace, around: Surroundings) -> None:
    """Seal a run whose supervisor died, without going on with it; returns once it is sealed.

    Raises ExistsError (sealed already), NotFoundError (never begun), LockBusy (it lives), EvidenceDamaged.
    """
    handed = _handed(execution, workspace=workspace, around=around, ways=None, task="seal")
    _hand_over(handed, Ahead(around.env))


def _handed(
    execution: Path, *, workspace: Workspace, around: Surroundings, ways: Ways | None, task: Task
) -> Handed:
    return Handed(
        execution=str(execution),
        who=f"{around.login}@{around.host}",
        root=str(workspace.root),
        loose=workspace.loose,
        cwd=str(around.cwd),
        machine_config=str(around.machine_config),
        user_config=str(around.user_config),
        state_folder=str(around.state_folder),
        login=around.login,
        host=around.host,
        ways=ways or Ways(),
        task=task,
    )


def _hand_over(handed: Handed, ahead: Ahead) -> None:
    with ahead as supervisor:
        heard = supervisor.hand(handed)
    if heard.failure is not None:
        raise error_of(heard.failure)


def _argv() -> tuple[str, ...]:
    package = Path(__file__).resolve().parents[1] / "__init__.py"
    return (sys.executable, "-I", "-c", _PROGRAM, str(package))
