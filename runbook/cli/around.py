"""What the program was started in: the only module that reads the environment and the current folder."""

import getpass
import os
import platform
import sys
from pathlib import Path

from runbook.errors import InputError
from runbook.workspace import MACHINE_CONFIG, Surroundings, Workspace, find


def surroundings() -> Surroundings:
    """Read it once per call of the program."""
    import platformdirs  # here, because not every verb needs it

    try:
        cwd = Path.cwd()
    except OSError as error:
        raise InputError("the current folder is gone", hint="cd to one that is there") from error
    return Surroundings(
        cwd=cwd,
        env=dict(os.environ),
        machine_config=MACHINE_CONFIG,
        user_config=Path(platformdirs.user_config_path("runbook")) / "config.toml",
        state_folder=Path(platformdirs.user_state_path("runbook")),
        login=_login(),
        host=platform.node() or "localhost",
    )


def workspace(around: Surroundings) -> Workspace:
    """The workspace around the current folder, or a loose one."""
    return find(around.cwd, around)


def has_terminal() -> bool:
    """Whether a person can be asked: both ends must be a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _login() -> str:
    try:
        name = getpass.getuser()  # which believes LOGNAME first
    except (KeyError, OSError):  # a user id without a name, as in some containers
        name = ""
    return name if name.isprintable() and name.strip() else str(os.getuid())
