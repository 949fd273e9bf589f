"""A page: what an audit says, before it becomes markdown or HTML. Pure data.

Two kinds of words never mix. Plain `str` is ours, a constant of this program; everything that comes from a
runbook, a value, a person or an output is `Said`, and whoever writes the page out makes it inert.
"""

import msgspec


class Said(msgspec.Struct, frozen=True):
    """Words that are not ours, on one line."""

    text: str


Words = tuple[str | Said, ...]


class Heading(msgspec.Struct, frozen=True):
    level: int  # 1 to 4
    words: Words


class Paragraph(msgspec.Struct, frozen=True):
    words: Words
    loud: bool = False  # what nobody may overlook


class Facts(msgspec.Struct, frozen=True):
    """A list of short lines: `label` is ours and may be empty."""

    rows: tuple[tuple[str, Words], ...]


class Listing(msgspec.Struct, frozen=True):
    """Words that are not ours, on any number of lines. `language` is ours: `python`, `text`."""

    text: str
    language: str = "text"


class Picture(msgspec.Struct, frozen=True):
    """An image in `blobs/`, known by its first bytes to be what `media` says."""

    blob: str  # sha256, hex
    media: str
    size: int


Block = Heading | Paragraph | Facts | Listing | Picture


class Page(msgspec.Struct, frozen=True, kw_only=True):
    title: str  # not ours; for the window of a browser
    blocks: tuple[Block, ...]
