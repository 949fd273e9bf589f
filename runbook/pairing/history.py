"""Versions of working files: list, restore, compare. Never writes over what is not in the store."""

from pathlib import Path

import msgspec

from runbook.pairing.places import Place


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a working file: `number` counts from 1, `by` says who saved it."""

    number: int
    digest: str
    size_bytes: int
    stamp: str
    side: str
    by: str


def versions(place: Place, name: str) -> tuple[Version, ...]:
    """All kept versions of one text or notebook, oldest first. Raises NotFoundError."""
    raise NotImplementedError


def restore(place: Place, name: str, number: int) -> Path:
    """Put version `number` back as the working file; what stands there goes to the store first."""
    raise NotImplementedError


def diff(place: Place, name: str, first: int, second: int) -> str:
    """A unified diff of two versions of one name."""
    raise NotImplementedError
