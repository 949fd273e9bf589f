"""Reasons: why a text is refused, or is not in normal form. One list of codes for the whole reader.

Two degrees (DESIGN §4.2). `REFUSED` could hide or change what runs, and holds everywhere. `NOT_NORMAL` has
more than one spelling: it runs in `scratch` with a note, `fmt` mends it, and it can't be approved.
"""

import enum

import msgspec


class Degree(enum.StrEnum):
    REFUSED = "refused"
    NOT_NORMAL = "not-normal"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason: a stable `code`, the 1-based `line`, what was found (`message`), what to do (`hint`)."""

    code: str
    degree: Degree
    line: int | None
    message: str
    hint: str
