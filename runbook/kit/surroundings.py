"""`context`: what a step may know of the run it is in. Asks the running process only; changes nothing.

In a run the answers come from the supervisor, by the kernel's bootstrap; in Jupyter and in a plain
`python file.py` they are what is true there: no execution, environment `scratch`, nobody unattended.
"""

import os
import pwd
import sys
from pathlib import Path
from typing import Any

from runbook.kit.masking import Masks


class Context:
    """The run that this code is part of. Every attribute can be read at any time, in any Python."""

    @property
    def execution(self) -> str | None:
        """The name of the execution's folder; None outside a run."""
        return _text("execution")

    @property
    def runbook(self) -> str | None:
        """The runbook's path below its workspace; outside a run the file that is being run, if any."""
        file = getattr(sys.modules.get("__main__"), "__file__", None)
        return _text("runbook") or (None if file is None else str(file))

    @property
    def environment(self) -> str:
        """`scratch`, `staging`, `prod`, …; `scratch` outside a run."""
        return _text("environment") or "scratch"

    @property
    def work(self) -> Path:
        """The steps' working folder."""
        return Path.cwd()

    @property
    def step(self) -> str | None:
        """The name of the step that runs; None outside a run."""
        return _text("step")

    @property
    def operator(self) -> str:
        """Who runs this: the login, a claim and not a proof."""
        return _text("operator") or _login()

    @property
    def unattended(self) -> bool:
        """Whether nobody can be asked."""
        return bool(_facts().get("unattended", False))

    @property
    def dry_run(self) -> bool:
        """Whether this run is to show what it would do. `sh` then acts in steps tagged `read-only` only."""
        return bool(_facts().get("dry_run", False))

    @property
    def acts(self) -> bool:
        """Whether a step may change something now: not in a dry run, but in its `read-only` steps."""
        return not self.dry_run or bool(_facts().get("read_only", False))

    def __repr__(self) -> str:
        kind = "dry run" if self.dry_run else "run"
        return f"<{kind} {self.execution or 'outside an execution'} in {self.environment}, step {self.step}>"


context = Context()


def staging() -> Path | None:
    """Where the supervisor takes files from that a step attaches; None outside a run."""
    folder = _text("staging")
    return None if folder is None else Path(folder)


def masks() -> Masks | None:
    """What this run masks; None outside a run, and where a run has no secrets."""
    found = getattr(sys.modules.get("_runbook_run"), "masks", None)
    return found if isinstance(found, Masks) else None


def shortened(text: str, most: int) -> str:
    """The beginning of `text`, for a message. Without secrets: a cut would leave a part that nobody knows."""
    known = masks()
    return (text if known is None else known.mask(text))[:most]


def _facts() -> dict[str, Any]:
    """What the bootstrap of a kernel left for us; it is found, never imported."""
    facts = getattr(sys.modules.get("_runbook_run"), "facts", None)
    return facts if isinstance(facts, dict) else {}


def _text(key: str) -> str | None:
    value = _facts().get(key)
    return value if isinstance(value, str) and value else None


def _login() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
