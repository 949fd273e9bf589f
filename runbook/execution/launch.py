"""Launching: from a written plan to a running supervisor, and a session with it. The terminal's side.

The supervisor is a process and a session of its own, so nothing that happens to this terminal reaches it.
What it needs is handed over through a pipe, never on its command line or in its environment.
"""

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from runbook.canonical import canonical_json
from runbook.decoding import decode_json
from runbook.errors import FormatError, UnavailableError
from runbook.evidence.folder import ExecutionFolder
from runbook.execution import session
from runbook.execution.failures import error_of
from runbook.execution.handing import HANDED_LIMIT_BYTES, Handed, Heard, Ways
from runbook.execution.session import Session
from runbook.system import files, processes
from runbook.workspace import Surroundings, Workspace

__all__ = ["Ways", "start"]

# The supervisor runs the very package that runs here, installed or in a checkout, and gets no folder on its
# path in which something could shadow something. The last word is there so that `ps` tells supervisors apart.
_PROGRAM = """\
import sys
from importlib import util
spec = util.spec_from_file_location("runbook", sys.argv[1], submodule_search_locations=[sys.argv[1][:-12]])
sys.modules["runbook"] = package = util.module_from_spec(spec)
spec.loader.exec_module(package)
from runbook.execution.supervisor import main
main()
"""
_LOG_BYTES = 4000


def start(
    execution: Path, *, workspace: Workspace, around: Surroundings, ways: Ways | None = None
) -> Session:
    """Start the supervisor for the plan in `execution` and return a driving session once it is ready.

    Ready means: decided again, not spent before, evidence begun, socket open. Raises what the supervisor said
    when it is not: RefusedError, StorageError, LockBusy, …; leaves no process behind then. A kernel that does
    not start is told by the session, since the run has begun by then.
    """
    folder = ExecutionFolder(execution)
    who = f"{around.login}@{around.host}"
    handed = Handed(
        execution=str(execution),
        who=who,
        root=str(workspace.root),
        loose=workspace.loose,
        cwd=str(around.cwd),
        machine_config=str(around.machine_config),
        user_config=str(around.user_config),
        state_folder=str(around.state_folder),
        login=around.login,
        host=around.host,
        ways=ways or Ways(),
    )
    log = folder.spool / "supervisor.log"
    with files.storage_errors(log):
        folder.spool.mkdir(exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = processes.converse(_argv(execution), env=around.env, cwd=Path("/"), error_log=descriptor)
    finally:
        os.close(descriptor)
    heard = _first_word(child, canonical_json(msgspec.to_builtins(handed)), log)
    if heard.failure is not None:
        raise error_of(heard.failure)
    return session.attach(execution, who=who)


def _argv(execution: Path) -> tuple[str, ...]:
    package = Path(__file__).resolve().parents[1] / "__init__.py"
    return (sys.executable, "-I", "-c", _PROGRAM, str(package), str(execution))


def _first_word(child: "subprocess.Popen[bytes]", handed: bytes, log: Path) -> Heard:
    """Hand over, and wait for the one line; without one the supervisor died, and its log says why."""
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdout as said, child.stdin as given:
        try:
            given.write(handed)
            given.close()
        except BrokenPipeError:
            pass  # it has died: no line will come
        line = said.readline(HANDED_LIMIT_BYTES)
    child.wait()
    try:
        return decode_json(line, Heard, name="the supervisor's first word")
    except FormatError as error:
        tail = files.read(log, limit_bytes=64 << 20)[-_LOG_BYTES:].decode("utf-8", "replace").strip()
        raise UnavailableError(
            "the supervisor ended before the run began", subject=str(log), hint=tail or None
        ) from error
