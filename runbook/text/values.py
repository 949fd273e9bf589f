"""Values: what was given, converted to what was declared. Never guessed, all problems at once (DESIGN §4.4).

Pure: files, environment and terminal are read by others, who say in `Given.origin` where a value is from.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from runbook.text.runbook import Parameter


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One value as somebody gave it.

    `form` says how `raw` is to be read: `text` (command line, environment, prompt: converted to the declared
    type), `plain` (decoded from YAML, TOML or JSON: keeps its type and must fit), `literal` (a Python
    literal of ours, read back from a plan). `origin` is for people: "command line", "file params.yaml",
    "environment", "prompt".
    """

    name: str
    raw: object
    origin: str
    form: Literal["text", "plain", "literal"] = "text"


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter and the value it runs with; `literal` is None for a secret, whose value shows nowhere."""

    name: str
    type_text: str
    value: object
    literal: str | None
    origin: str
    secret: bool = False


def resolve(parameters: Sequence[Parameter], given: Sequence[Given], *, base: Path) -> tuple[Value, ...]:
    """One value per parameter, in the order of the declarations; of two givers the later one wins.

    A parameter whose default the text computes (`derived`) and that nobody gave has no value here. Relative
    `Path` values that were given become absolute against `base`; defaults stay as reviewed. Raises
    ParameterError with every problem: unknown, missing, twice from one origin, wrong type, out of bounds,
    characters nobody may pass.
    """
    raise NotImplementedError


def values_digest(values: Sequence[Value]) -> str:
    """`sha256:` over names, types and exact values, whatever their order; of a secret only that it is one."""
    raise NotImplementedError
