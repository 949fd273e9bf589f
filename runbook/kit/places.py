"""Where secrets are fetched from: the environment, a file, the keyring. An edge; asks nobody, shows nothing.

Used by whoever starts a run, and by `secret()` in a plain `python file.py`. No message ever holds what was
read.
"""

import importlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LIMIT_BYTES = 16 << 10


class Unavailable(LookupError):
    """A secret is not where it should be; `hint` says what to do."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(f"{message}; {hint}")
        self.message = message
        self.hint = hint


def fetch(kind: str, name: str, env: Mapping[str, str]) -> str:
    """The secret at `env:NAME`, `file:PATH` or `keyring:SERVICE/NAME`. Raises Unavailable."""
    source = f"{kind}:{name}"
    if kind == "env":
        text = _variable(name, env)
    elif kind == "file":
        text = _file(name, env)
    elif kind == "keyring":
        text = _keyring(name)
    else:
        raise ValueError(f"{source} is fetched from nowhere")
    return checked(text, source)


def checked(text: str, source: str) -> str:
    """`text`, when it can be a secret. Raises Unavailable for nothing, for too much, and for no text."""
    if not text.strip():
        raise Unavailable(f"{source} is empty", hint="put the secret there, or name another place")
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise Unavailable(f"{source} is not UTF-8", hint="encode it, in base64 say") from None
    if size > LIMIT_BYTES:
        raise Unavailable(f"{source} is {size} bytes", hint=f"a secret has at most {LIMIT_BYTES} bytes")
    if "\0" in text:
        raise Unavailable(f"{source} holds a zero byte", hint="encode it, in base64 say")
    return text


def _variable(name: str, env: Mapping[str, str]) -> str:
    if name not in env:
        raise Unavailable(f"the variable {name} is not set", hint=f"export {name}, or name another place")
    return env[name]


def _file(name: str, env: Mapping[str, str]) -> str:
    """A file's text without its last line's end. A pipe will do, as a shell makes them for `<(…)`."""
    path = Path(env.get("HOME", "/"), name[2:]) if name.startswith("~/") else Path(name)
    if not path.is_absolute():
        raise Unavailable(f"file:{name} starts nowhere", hint="write the whole path, or ~/…")
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
                raise Unavailable(f"{path} is no file", hint="name a file")
            data = file.read(LIMIT_BYTES + 3)
    except OSError as error:
        raise Unavailable(
            f"{path} can't be read: {error.strerror}", hint="look at the path and mode"
        ) from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Unavailable(f"{path} is not UTF-8", hint="encode it, in base64 say") from None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _keyring(name: str) -> str:
    service, _, user = name.partition("/")
    try:
        keyring: Any = importlib.import_module("keyring")
    except ImportError as error:
        hint = "pip install 'signed-runbook[keyring]', or name another place"
        raise Unavailable("the package keyring is not installed here", hint=hint) from error
    try:
        found = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - whatever a desktop's keyring answers with
        words = f"the keyring did not answer ({type(error).__name__})"
        raise Unavailable(words, hint="unlock it, or name another place") from None
    if found is None:
        raise Unavailable(f"the keyring has no {name}", hint=f"keyring set {service} {user}")
    return str(found)
