"""A cell as both sides can say it: the value that is compared, aligned and merged. Pure.

What only one side can say is not in it: outputs, ids and Jupyter's own metadata stay with the notebook, the
way a marker or a comment is written stays with the text.
"""

import json
from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal["code", "markdown", "raw"]
Meta = tuple[tuple[str, str], ...]
"""Sorted (key, JSON) pairs: comparable, hashable, and `1` is not `true`."""

FLOWING = frozenset({"title", "name", "tags", "timeout", "retries", "when", "undoes", "checks"})
"""The metadata that flows from the notebook into a text that does not speak of it yet (DESIGN §4.2). All
other keys flow only where the text's own cell carries them; what Jupyter adds for itself never does."""


class Cell(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`source` without the markers and comment signs of the text; `meta` is title and options."""

    kind: Kind
    meta: Meta = ()
    source: str = ""


def said(key: str, spelled: str) -> bool:
    """Whether a flowing key says anything: null, an empty title and empty tags don't, as in jupytext."""
    return key not in FLOWING or not (
        spelled == "null" or (key in ("tags", "title") and spelled in ("[]", '""'))
    )


def meta_of(plain: Mapping[str, object]) -> Meta:
    """Metadata as it is compared. Raises ValueError for what JSON cannot say."""
    if not plain:
        return ()
    spelled = ((key, _spelled(plain[key])) for key in sorted(plain))
    return tuple((key, value) for key, value in spelled if said(key, value))


_spelled = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False).encode


def plain_of(meta: Meta) -> dict[str, object]:
    """The way back."""
    return {key: json.loads(value) for key, value in meta}


def shown(cell: Cell) -> str:
    """A few words that tell people which cell is meant: its name, title or first line."""
    plain = dict(cell.meta)
    for key in ("name", "title"):
        if key in plain:
            return plain[key]
    first = next((line.strip() for line in cell.source.split("\n") if line.strip()), "")
    return json.dumps(first[:40] + ("…" if len(first) > 40 else ""), ensure_ascii=False)
