"""Findings: everything the reader says of a text, and what it leaves to the author's judgement."""

from collections.abc import Collection
from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that lint found. `degree` says what follows: `refused` runs nowhere, `not-normal` can't be
    approved, `finding` is advice. `code` is stable; `line` is None for the file as a whole."""

    code: str
    degree: Literal["refused", "not-normal", "finding"]
    path: str
    line: int | None
    message: str
    hint: str


def lint(data: bytes, *, path: str, neighbours: Collection[str] = ()) -> tuple[Finding, ...]:
    """All findings about one text, in the order of its lines. Never raises.

    `neighbours` are the names of the modules that stand beside the runbook.
    """
    raise NotImplementedError
