"""Signs the examples anew: `make resign`, after one of them was edited.

Makes a throw-away key with ssh-keygen, enrols it in place of the last one, approves each example through the
program as a person would, and throws the key away: nobody can approve anything else with it. Whether the new
texts deserve it is what the review of the change decides, as for every other line of this repository.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from runbook.system import files
from runbook.text.reader import read

ROOT = Path(__file__).parent.parent
PRINCIPAL = "examples@signed-runbook.example"
NAMESPACE = "approval.v1@signed-runbook"
SIGNERS = ".runbook/allowed_signers"
LIFE = "10y"
HEAD = """\
# Who may sign, in OpenSSH's allowed_signers format (a strict part of it). The examples have one signer: a key
# that `make resign` makes, uses and throws away.
"""


def examples(root: Path = ROOT) -> list[str]:
    """The examples, as paths below the workspace."""
    return sorted(path.relative_to(root).as_posix() for path in (root / "runbooks").rglob("*.py"))


def is_interactive(root: Path, name: str) -> bool:
    """Whether only a person can run it: a manual step has nobody to do it otherwise."""
    shown = program(root, "show", name, "--json")
    return any(step["kind"] == "manual" for step in shown["steps"])


def program(root: Path, *words: str, env: Mapping[str, str] | None = None) -> dict[str, list[dict[str, str]]]:
    """What one call of the program prints as JSON. Ends this script with its words when it fails."""
    command = [sys.executable, "-m", "runbook", *words]
    done = subprocess.run(
        command, cwd=root, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        sys.exit(f"runbook {' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    found: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return found


def enrol(root: Path, public: str) -> None:
    """Put the new key in the place of the last one. Other people's lines stay."""
    path = root / SIGNERS
    there = path.read_text() if path.exists() else HEAD
    kept = [line for line in there.split("\n") if line and not line.startswith(f"{PRINCIPAL} ")]
    kind, blob, *_ = public.split()
    kept.append(f'{PRINCIPAL} namespaces="{NAMESPACE}" {kind} {blob}')
    files.replace(path, ("\n".join(kept) + "\n").encode())


def sign(root: Path, key: Path) -> None:
    """Approve every example for staging and prod, with its included files as they are now; unattended where
    nobody is needed."""
    # No agent: the key is this one, and a wrong one must not be tried.
    env = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
    for name in examples(root):
        runbook = read((root / name).read_bytes()).runbook
        if runbook is not None and runbook.header.includes:
            program(root, "fmt", name, "--includes", "--json")
        allows = "interactive" if is_interactive(root, name) else "unattended"
        text = str(program(root, "show", name, "--json")["text"])
        words = ["--env", "staging", "--env", "prod", "--allow", allows, "--expires", LIFE, "--text", text]
        program(root, "review", name, *words, "--key", str(key), "--json", env=env)
        print(f"{name}: approved, {allows}")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="runbook-resign-") as folder:
        key = Path(folder) / "key"
        words = ["-q", "-t", "ed25519", "-N", "", "-C", PRINCIPAL, "-f", str(key)]
        subprocess.run(["ssh-keygen", *words], check=True, stdin=subprocess.DEVNULL)
        enrol(ROOT, key.with_name("key.pub").read_text())
        sign(ROOT, key)
    for verdict in program(ROOT, "verify", *examples(), "--env", "prod", "--json")["runbooks"]:
        print(f"{verdict['path']}: {verdict['verdict']}")


if __name__ == "__main__":
    main()
