"""What stands in a `parameters` step: bounds, text of any shape, secrets. Read from the text, never run to be
read; when the step runs, these are harmless values.
"""

from dataclasses import dataclass
from typing import Annotated, NoReturn

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
    """A value that is never written anywhere. Declared as `token: Secret = secret("env:TOKEN")`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


def secret(source: str) -> NoReturn:
    """Where a secret comes from: `prompt`, `env:NAME`, `file:PATH`, `keyring:SERVICE/NAME`.

    It can be declared, and is read from the text; running it is refused, because this release cannot yet
    keep it out of outputs and evidence.
    """
    raise RuntimeError(
        f"secret({source!r}): this release cannot run a runbook that declares a secret;"
        " pass it to the command by other means (an agent, a credential file), never as a parameter"
    )
