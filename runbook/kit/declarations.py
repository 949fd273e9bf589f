"""What stands in a `parameters` step: bounds, text of any shape, secrets. Read from the text, never run to be
read; when the step runs, these are harmless values.
"""

import functools
import getpass
import hmac
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, NoReturn

from runbook.kit import places

Text = Annotated[str, "runbook.kit.Text"]
"""A parameter that may hold any text: line breaks, tabs, a leading `-`. Plain `str` may not."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The range of a number: `Annotated[int, Bounds(ge=1, le=10)]`. At least one limit is given."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.ge, self.gt, self.le, self.lt) if limit is not None]
        if not given:
            raise ValueError("Bounds needs a limit: ge, gt, le or lt")
        if (self.ge is not None and self.gt is not None) or (self.le is not None and self.lt is not None):
            raise ValueError("Bounds takes one lower and one upper limit: ge or gt, le or lt")


class Secret:
    """A secret in a step. Declared as `token: Secret = secret("env:TOKEN")`; `sh` takes it as it is.

    Printed, formatted or put into a text it says nothing; `reveal()` gives the text itself.
    """

    __slots__ = ("_fetch", "name")

    def __init__(self, name: str, fetch: Callable[[], str]) -> None:
        self.name = name
        self._fetch = fetch

    def reveal(self) -> str:
        """The secret itself, for a library that wants text. Raises LookupError when it is not there."""
        return self._fetch()

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode("utf-8"), other.reveal().encode("utf-8"))

    __hash__ = None  # type: ignore[assignment] # a digest of it would be one more thing that can leak

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never written down: give its source instead")


def secret(source: str) -> Secret:
    """Where a secret comes from: `prompt`, `env:NAME`, `file:PATH`, `keyring:SERVICE/NAME`.

    In a run it was fetched when the run began, by whoever started it, and only what the runbook declares is
    there. In Jupyter and in a plain `python file.py` it is fetched when it is first wanted; `prompt` asks
    then.
    """
    if not isinstance(source, str):
        raise TypeError(f'secret takes text, as "env:TOKEN", not {type(source).__name__}')
    run = sys.modules.get("_runbook_run")
    if run is not None:
        return _given(source, getattr(run, "secrets", {}))
    kind, _, name = source.partition(":")
    if source != "prompt" and (kind not in ("env", "file", "keyring") or not name):
        raise ValueError(f"{source[:20]!r} is no source: prompt, env:NAME, file:PATH or keyring:SERVICE/NAME")
    return Secret("", _once(lambda: _ask() if source == "prompt" else places.fetch(kind, name, os.environ)))


def _given(source: str, known: Mapping[str, Mapping[str, str]]) -> Secret:
    """A secret of this run: `given:NAME` what the injected step wants, else what the declaration says."""
    name = (
        source.removeprefix("given:")
        if source.startswith("given:")
        else known.get("by_source", {}).get(source, "")
    )
    value = known.get("values", {}).get(name)
    if value is not None:
        return Secret(name, lambda: value)

    def missing() -> NoReturn:
        raise LookupError(
            "this secret was not fetched for this run: it is no parameter, or another was given"
        )

    return Secret("", missing)


def _once(fetch: Callable[[], str]) -> Callable[[], str]:
    return functools.cache(fetch)


def _ask() -> str:
    return places.checked(getpass.getpass("secret (not shown): "), "what was typed")
