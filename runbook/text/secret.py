"""Secrets as the text room knows them: where one comes from, never what it is (DESIGN §4.4).

Pure. `Hidden` carries what was fetched to the one place that hands it to the kernel; its repr says nothing.
"""

import re
from typing import Literal, NoReturn

import msgspec

_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_KEYRING = re.compile(r"[^/\s][^/]{0,127}/[^/\s][^/]{0,127}")
HOW = "prompt, env:NAME, file:PATH or keyring:SERVICE/NAME"


class SecretSource(msgspec.Struct, frozen=True):
    """The place a secret is fetched from when the run begins. Holds no secret, so it may be shown."""

    kind: Literal["prompt", "env", "file", "keyring"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


class Hidden:
    """A secret in memory, not a value of any format: printing it says nothing, pickling it fails."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, for handing it to the kernel and for masking it in output. Nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "Hidden(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never written down")


def parse_source(text: str) -> SecretSource | None:
    """Where a secret is, like `env:TOKEN` or `prompt`; None for anything else (a secret itself, perhaps)."""
    if text == "prompt":
        return SecretSource("prompt", "")
    kind, colon, name = text.partition(":")
    if not colon or not name.isprintable():
        return None
    if kind == "env" and _ENV.fullmatch(name):
        return SecretSource("env", name)
    if kind == "file" and name.strip() == name and 0 < len(name) <= 4096:
        return SecretSource("file", name)
    if kind == "keyring" and _KEYRING.fullmatch(name):
        return SecretSource("keyring", name)
    return None
