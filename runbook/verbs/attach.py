"""`attach` and `stop`: visiting a run that lives, and ending one. Asks nobody, prints nothing."""

from runbook.evidence.folder import ExecutionFolder
from runbook.execution import session
from runbook.execution.session import Session
from runbook.workspace import Surroundings


def attach(
    folder: ExecutionFolder, *, around: Surroundings, watch: bool = False, take: bool = False
) -> Session:
    """A session with the run, which shows everything from its beginning and takes the prompt; `watch` only
    looks.

    Raises NotFoundError when nobody runs it, LockBusy when somebody else drives and not `take`.
    """
    return session.attach(folder.path, who=_who(around), watch=watch, take=take)


def stop(folder: ExecutionFolder, *, around: Surroundings, now: bool, words: str) -> None:
    """Tell the run to end after the step at work, or (`now`) to interrupt that step. Returns once it was
    heard, not once it has ended. Raises NotFoundError when nobody runs it."""
    session.command(folder.path, who=_who(around), what="stop-now" if now else "stop", words=words)


def _who(around: Surroundings) -> str:
    return f"{around.login}@{around.host}"
