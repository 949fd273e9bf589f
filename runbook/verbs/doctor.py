"""`doctor`: what is installed, what is set up, and what is wrong. Changes nothing that stays."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from runbook.errors import RunbookError, ToolMissing
from runbook.pairing.places import place
from runbook.store import checkup
from runbook.store.store import open_store
from runbook.system import files, git, processes
from runbook.workspace import MARK, Surroundings, Workspace, find

_VERSION = re.compile(r"[0-9][0-9a-z.]*")
_OPENSSH = re.compile(r"OpenSSH_(\d+)\.(\d+)")
_OLDEST_OPENSSH = (8, 2)  # `-Y sign` with an agent and FIDO keys
_GIT = re.compile(r"git version (\d+)\.(\d+)")
_SAFE_GIT = (2, 38)  # knows safe.bareRepository
_OLDEST_PYTHON = (3, 11)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. `wrong` makes the verb end with 1; `missing` only takes something away."""

    name: str
    state: Literal["well", "missing", "wrong"]
    words: str
    next: str = ""


def examine(around: Surroundings) -> tuple[Check, ...]:
    """Look at everything, each check for itself: one that fails does not hide the next."""
    checks = _looked(
        ("python", lambda: _python()),
        ("platform", lambda: _platform()),
        ("ssh-keygen", lambda: _ssh(around)),
        ("git", lambda: _git(around)),
    )
    try:
        workspace = find(around.cwd, around)
    except RunbookError as error:
        words = f"{error}; nothing runs here until that is mended"
        return (*checks, Check(name="settings", state="wrong", words=words, next=error.hint or ""))
    return checks + _looked(
        ("workspace", lambda: _workspace(workspace)),
        ("trust", lambda: _trust(workspace, around)),
        ("signing key", lambda: _signing_key(workspace, around)),
        ("kernel", lambda: _kernel(workspace, around)),
        ("executions", lambda: _executions(workspace)),
        ("versions", lambda: _versions(workspace, around)),
    )


def _looked(*looks: tuple[str, Callable[[], Iterator[Check]]]) -> tuple[Check, ...]:
    checks: list[Check] = []
    for name, look in looks:
        try:
            checks += look()
        except RunbookError as error:
            checks.append(Check(name=name, state="wrong", words=str(error), next=error.hint or ""))
    return tuple(checks)


def _python() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    state: Literal["well", "wrong"] = "well" if sys.version_info >= _OLDEST_PYTHON else "wrong"
    yield Check(name="python", state=state, words=f"{version} at {sys.executable}")


def _platform() -> Iterator[Check]:
    if sys.platform == "linux":
        yield Check(name="platform", state="well", words="Linux")
    else:
        yield Check(
            name="platform",
            state="missing",
            words=f"{sys.platform}: no child subreaper, so a step's detached children are not followed",
        )


def _ssh(around: Surroundings) -> Iterator[Check]:
    program = processes.find("ssh-keygen", env=around.env)
    if program is None:
        yield Check(
            name="ssh-keygen",
            state="wrong",
            words="not on the PATH: `review` cannot sign (verifying works without it)",
            next="install OpenSSH's client (Debian: openssh-client)",
        )
        return
    said = processes.run(["ssh", "-V"], env=around.env).stderr.decode("utf-8", "replace").strip()
    version = _OPENSSH.search(said)
    if version and (int(version[1]), int(version[2])) < _OLDEST_OPENSSH:
        yield Check(name="ssh-keygen", state="wrong", words=said, next="OpenSSH 8.2 or newer is needed")
    else:
        yield Check(name="ssh-keygen", state="well", words=f"{program} ({said})")
    agent = around.env.get("SSH_AUTH_SOCK")
    words = f"at {agent}" if agent else "none: keys are read from files"
    yield Check(name="ssh-agent", state="well" if agent else "missing", words=words)


def _git(around: Surroundings) -> Iterator[Check]:
    if processes.find("git", env=around.env) is None:
        yield Check(
            name="git",
            state="missing",
            words="not on the PATH: plans record no commit, `review` shows no difference",
            next="install git",
        )
        return
    said = processes.run(["git", "--version"], env=around.env).stdout.decode("utf-8", "replace").strip()
    version = _GIT.match(said)
    if version and (int(version[1]), int(version[2])) < _SAFE_GIT:
        yield Check(
            name="git",
            state="wrong",
            words=f"{said}: a change could bring a folder that this git takes for the repository",
            next='install git 2.38 or newer, or trust a folder: `trust = "dir:/etc/runbook"`',
        )
        return
    root = git.repository_root(around.cwd, env=around.env)
    if root is None:
        yield Check(name="git", state="missing", words="this folder is in no repository", next="`git init`")
    else:
        yield Check(name="git", state="well", words=f"repository {root}")


def _workspace(workspace: Workspace) -> Iterator[Check]:
    if workspace.loose:
        yield Check(
            name="workspace",
            state="missing",
            words=f"no {MARK} here or above: only scratch runs, nothing can be approved",
            next="`runbook init` makes one",
        )
    else:
        yield Check(name="workspace", state="well", words=str(workspace.root))


def _trust(workspace: Workspace, around: Surroundings) -> Iterator[Check]:
    from runbook.approval import trust

    if workspace.loose:
        return
    loaded = trust.load(workspace, env=around.env)
    people = {key.principal for key in loaded.signers}
    count = "1 person" if len(people) == 1 else f"{len(people)} people"
    words = f"{loaded.described}: {len(loaded.policy.rules) if loaded.policy else 0} rules, {count}"
    if not people:
        yield Check(
            name="trust",
            state="missing",
            words=f"{words}; nobody can approve",
            next="`runbook init --principal NAME --key FILE.pub` enrols somebody",
        )
    else:
        yield Check(name="trust", state="well", words=words)


def _signing_key(workspace: Workspace, around: Surroundings) -> Iterator[Check]:
    found = workspace.settings.signing_key or git.setting(workspace.root, "user.signingkey", env=around.env)
    if found:
        yield Check(name="signing key", state="well", words=f"{found} (`review` signs with it)")
    else:
        yield Check(
            name="signing key",
            state="missing",
            words="none set: `review` needs --key",
            next="set RUNBOOK_SIGNING_KEY or git's user.signingkey",
        )


def _kernel(workspace: Workspace, around: Surroundings) -> Iterator[Check]:
    """Asks the interpreter as a run would start it: isolated, and without our own packages."""
    settings = workspace.settings
    interpreter = settings.interpreter or sys.executable
    whose = f" (`interpreter` in {settings.origins['interpreter']})" if settings.interpreter else ""
    try:
        done = processes.run(
            [interpreter, "-I", "-c", "import ipykernel; print(ipykernel.__version__)"], env=around.env
        )
    except ToolMissing as error:
        words = f"{error.message}{whose}: nothing can run"
        yield Check(name="kernel", state="wrong", words=words, next="set it to a Python that has ipykernel")
        return
    said = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode == 0 and _VERSION.fullmatch(said):
        yield Check(name="kernel", state="well", words=f"ipykernel {said} in {interpreter}")
        return
    yield Check(
        name="kernel",
        state="wrong",
        words=f"{interpreter}{whose} has no ipykernel, or is no Python: nothing can run",
        next=f"{interpreter} -m pip install ipykernel",
    )


def _executions(workspace: Workspace) -> Iterator[Check]:
    folder = workspace.executions
    there = next(path for path in (folder, *folder.parents) if path.exists() or path.is_symlink())
    if not there.is_dir():
        yield Check(
            name="executions",
            state="wrong",
            words=f"{there} is no folder: nothing can run",
            next="move it away; runs make the folder themselves",
        )
        return
    _probe(there)
    yield Check(name="executions", state="well", words=f"{folder} can be written, with hard links")


def _probe(folder: Path) -> None:
    """Make a file the way evidence is made (with hard links, synced), and take it away."""
    import secrets

    path = folder / f".runbook-probe-{secrets.token_hex(4)}"
    files.create(path, b"probe\n")
    files.remove(path)


def _versions(workspace: Workspace, around: Surroundings) -> Iterator[Check]:
    """Reads every version that is kept of pairs; what is damaged is named. Only a damaged format number is
    mended, as whoever opens the store does, and said."""
    folder = place(workspace.root, env=around.env).store
    if not folder.is_dir():
        yield Check(name="versions", state="well", words="none kept yet")
        return
    said: list[str] = []
    checked = checkup.check(open_store(folder, tell=said.append))
    for words in said:
        yield Check(name="versions", state="missing", words=words)
    damaged = [found for found in checked.findings if found.kind not in ("history-aside", "stray")]
    for found in damaged:
        words = f"{found.subject}: {found.message}"
        yield Check(
            name="versions", state="wrong", words=words, next="bring it back from a backup, if there is one"
        )
    for found in checked.findings:
        if found.kind == "history-aside":
            yield Check(name="versions", state="missing", words=f"{found.subject}: {found.message}")
    if not damaged:
        yield Check(
            name="versions", state="well", words=f"{checked.versions} of {checked.names} names, all whole"
        )
