"""Signing: calls `ssh-keygen -Y sign`, which brings agent, passphrase and hardware along (DESIGN §5.1).

The edge of this room that signs. Uses the key that a person named and looks for no other; runs no program
that a git configuration names; never reads, copies or keeps private material. Without a terminal it never
waits for a passphrase. What comes back is verified before it is believed.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from runbook.approval import sshsig
from runbook.approval.signers import parse_public_key
from runbook.approval.statement import NAMESPACE
from runbook.errors import InputError, NotFoundError, SignerError, UnavailableError, UsageError
from runbook.system import files, git, processes
from runbook.workspace import Surroundings, Workspace

_TOOL: Final = "ssh-keygen"
_LIMIT_BYTES: Final = 1 << 16
_AT_ONCE_SECONDS: Final = 20.0
_PERSON_SECONDS: Final = 300.0  # for somebody who looks for a passphrase
_LITERAL: Final = ("ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key somebody chose: a `path` (a private file, or a `.pub` whose private half an agent holds) or a
    `literal` (a public key's words, as git's `key::` writes them). `origin`: where the choice stood."""

    origin: str
    path: Path | None = None
    literal: str | None = None

    @property
    def shown(self) -> str:
        """How messages name it."""
        return str(self.path) if self.path is not None else f"{(self.literal or '')[:60]} ({self.origin})"


def find_key(said: str | None, workspace: Workspace, around: Surroundings) -> SigningKey:
    """The key from `--key` (`said`), the settings (`RUNBOOK_SIGNING_KEY` first), or git's user.signingkey.

    Never tries the usual names in `~/.ssh`: who signs must have said with what. Raises UsageError when nobody
    did, InputError for a name that is no SSH key.
    """
    settings = workspace.settings
    git_key = git.setting(workspace.root, "user.signingkey", env=around.env) if not said else None
    for words, origin in (
        (said, "--key"),
        (settings.signing_key, settings.origins.get("signing_key", "settings")),
        (git_key, "git's user.signingkey"),
    ):
        if words:
            return _chosen(words, origin, around)
    raise UsageError(
        "no key to sign with",
        hint="say --key FILE, set RUNBOOK_SIGNING_KEY, or set git's user.signingkey",
    )


def _chosen(words: str, origin: str, around: Surroundings) -> SigningKey:
    literal = words.removeprefix("key::")
    if literal.startswith(_LITERAL) and " " in literal:
        return SigningKey(origin=origin, literal=literal)
    if words.startswith("key::"):
        raise InputError(f"{words[:60]!r} is no public key", subject=origin)
    home = around.env.get("HOME", "")
    path = around.cwd / (home + words[1:] if words.startswith("~/") and home else words)
    if not path.is_file():
        if origin == "git's user.signingkey":
            raise InputError(
                f"git's user.signingkey is {words[:80]!r}, which is no file with an SSH key",
                hint="say --key FILE; a GPG key cannot approve",
            )
        raise NotFoundError("no such key file", subject=words, hint=f"{origin} names it")
    return SigningKey(origin=origin, path=path)


def fingerprint(key: SigningKey, *, env: Mapping[str, str]) -> str:
    """`SHA256:…` of the key, without unlocking it. Raises InputError, SignerError, ToolMissing."""
    if key.literal is not None:
        return parse_public_key(key.literal.encode("utf-8"), name=key.shown).fingerprint
    assert key.path is not None
    if key.path.suffix == ".pub":
        data = files.read(key.path, limit_bytes=_LIMIT_BYTES)
        return parse_public_key(data, name=key.shown).fingerprint
    done = processes.run(
        [_TOOL, "-l", "-E", "sha256", "-f", str(key.path)],
        env=_environment(env, terminal=False),
        timeout_seconds=_AT_ONCE_SECONDS,
    )
    words = done.stdout.decode("utf-8", "replace").split(" ")
    if done.returncode != 0 or len(words) < 2 or not words[1].startswith("SHA256:"):
        raise _explained(done.stderr, key, terminal=False)
    return words[1]


def sign(
    statement: bytes,
    key: SigningKey,
    *,
    env: Mapping[str, str],
    terminal: bool,
    namespace: str = NAMESPACE,
) -> str:
    """The canonical base64 of a signature over exactly these bytes, verified.

    `terminal` says whether somebody is there to type a passphrase; without, a locked key fails at once.
    Raises ToolMissing without `ssh-keygen`, InputError for a key file that cannot be used, UnavailableError
    for a locked key or an agent without the key, SignatureRefused for a kind of key that does not count,
    SignerError when another key than the chosen one signed.
    """
    expected = fingerprint(key, env=env)
    with tempfile.TemporaryDirectory(prefix="runbook-sign-") as name:
        folder = Path(name)
        message = folder / "statement"
        files.create(message, statement)
        path = key.path
        if path is None:
            path = folder / "key.pub"
            files.create(path, f"{key.literal}\n".encode())
        done = processes.run(
            # The statement is given as a file: from standard input ssh-keygen would also take a passphrase.
            [_TOOL, "-Y", "sign", "-q", "-n", namespace, "-f", str(path), str(message)],
            stdin=None if terminal else b"",
            env=_environment(env, terminal=terminal),
            timeout_seconds=_PERSON_SECONDS if terminal else _AT_ONCE_SECONDS,
        )
        if done.returncode != 0:
            raise _explained(done.stderr, key, terminal=terminal)
        armor = files.read(folder / "statement.sig", limit_bytes=_LIMIT_BYTES)
    text = sshsig.unarmored(armor.decode("ascii", "replace"))
    evidence = sshsig.verify(text, statement, namespace=namespace)
    if evidence.fingerprint != expected:
        raise SignerError(
            f"{evidence.fingerprint} signed, not the chosen key {expected}",
            subject=key.shown,
            hint="what is called ssh-keygen or answers as the agent here did not do as it was told",
        )
    return text


def _environment(env: Mapping[str, str], *, terminal: bool) -> dict[str, str]:
    own = {**env, "LC_ALL": "C"}
    if not terminal:
        own["SSH_ASKPASS_REQUIRE"] = "never"
    return own


def _explained(stderr: bytes, key: SigningKey, *, terminal: bool) -> InputError | UnavailableError:
    """What ssh-keygen said, in our words. The texts are those of OpenSSH 8.2 to 10."""
    words = stderr.decode("utf-8", "replace")
    if key.path is not None:  # a folder called "agent" must not be taken for one
        words = words.replace(str(key.path), "the key")
    if "UNPROTECTED PRIVATE KEY FILE" in words or "bad permissions" in words:
        return InputError(
            "others can read this private key, so it is not used",
            subject=key.shown,
            hint=f"chmod 600 {key.shown}",
        )
    if "doesn't match private" in words:
        return InputError(
            "the private file and the .pub beside it do not belong together",
            subject=key.shown,
            hint=f"`ssh-keygen -y -f {str(key.path).removesuffix('.pub')}` prints the right one",
        )
    if "passphrase" in words:
        if terminal:
            return InputError("the passphrase was not right", subject=key.shown)
        return UnavailableError(
            "the key is locked, and there is no terminal to ask for its passphrase",
            subject=key.shown,
            hint="unlock it in an agent first: `ssh-add`",
        )
    if "Permission denied" in words:
        return InputError("this user may not read the key", subject=key.shown, hint="look at owner and mode")
    if "No private key found" in words or "agent" in words:
        return UnavailableError(
            "the private half is neither beside the public key nor in a running agent",
            subject=key.shown,
            hint="`ssh-add` it, or name the private file",
        )
    if "is not a public key file" in words or "load public key" in words or "invalid format" in words:
        return InputError(
            "not a key that ssh-keygen can read",
            subject=key.shown,
            hint="`ssh-keygen -l -f FILE` shows what it holds; an old locked key needs its .pub beside it",
        )
    return UnavailableError(f"ssh-keygen did not sign: {words.strip()[-400:]}", subject=key.shown)
