"""`demo`: the whole way in a throw-away workspace, with the program's own commands and a throw-away key.

What is shown is what happens: each line with a `$` is run as a process of its own, and what it says is
printed as it comes. Nothing outside the temporary folder is written.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from runbook.cli import show
from runbook.errors import CommandFailed, ToolMissing
from runbook.system import processes

PRINCIPAL = "you@example.com"


def tour(*, keep: bool) -> None:
    """Go the way: init, lint, review, verify, run, history, audit. Raises when a command does not go well."""
    if shutil.which("ssh-keygen") is None:
        raise ToolMissing(
            "ssh-keygen is not installed", hint="install OpenSSH's client: approvals are signed with it"
        )
    folder = Path(tempfile.mkdtemp(prefix="runbook-demo-"))
    try:
        _walk(folder)
    finally:
        if keep:
            show.say(f"\nkept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _walk(folder: Path) -> None:
    key = folder / "demo-key"
    _step(folder, "a key to sign with (thrown away afterwards)")
    _call(folder, ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", PRINCIPAL, "-f", key.name])
    _step(folder, "a workspace: settings, policy, who may sign, an example")
    _runbook(folder, "init", ".", "--principal", PRINCIPAL, "--key", f"{key.name}.pub", "--yes")
    _step(folder, "what the runbook does, and what lint says of it")
    _runbook(folder, "show", "look_at_this_machine")
    _runbook(folder, "lint")
    _step(folder, "production needs an approval, so it is refused")
    _runbook(folder, "run", "look_at_this_machine", "--env", "prod", "--unattended", expect=3)
    _step(folder, "a reviewer names the digest they reviewed, and signs")
    text = _text_digest(folder)
    _runbook(
        folder,
        *("review", "look_at_this_machine", "--env", "prod", "--allow", "unattended"),
        *("--key", key.name, "--text", text),
    )
    _runbook(folder, "verify", "--env", "prod", "--unattended")
    _step(folder, "now it runs, and leaves a record")
    _runbook(folder, "run", "look_at_this_machine", "--env", "prod", "--unattended")
    _runbook(folder, "history")
    _step(folder, "the audit, rendered from the journal")
    _runbook(folder, "audit", "latest")
    _step(folder, "the evidence, checked (unsigned: no runner key is set up here)")
    _runbook(folder, "verify", "latest", expect=1)


def _text_digest(folder: Path) -> str:
    import json

    words = [sys.executable, "-m", "runbook", "show", "look_at_this_machine", "--json"]
    return str(json.loads(processes.require(words, cwd=folder, env=_environment(folder)))["text"])


def _step(folder: Path, words: str) -> None:
    show.painted(f"\n# {words}", "bold")
    sys.stdout.flush()


def _runbook(folder: Path, *words: str, expect: int = 0) -> None:
    _call(folder, ["runbook", *words], expect=expect)


def _call(folder: Path, words: list[str], *, expect: int = 0) -> None:
    show.painted(f"$ {' '.join(words)}", "cyan")
    sys.stdout.flush()
    argv = [sys.executable, "-m", *words] if words[0] == "runbook" else words
    # The output goes straight to this terminal, as it would for the person who types the line.
    code = processes.attend(argv, cwd=folder, env=_environment(folder))
    if code != expect:
        raise CommandFailed(words, code, b"", b"", hint="`runbook doctor` says what is missing here")


def _environment(folder: Path) -> dict[str, str]:
    """The caller's own, but for what the tour must not touch or be changed by."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("RUNBOOK_", "GIT_"))}
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        own[name] = str(folder / ".home" / name.lower())
    return own
