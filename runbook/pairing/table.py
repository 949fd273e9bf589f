"""What becomes of a pair: one total function. Content decides, never a time stamp. Pure.

Each side is seen as one of: *missing*, *same* (as the base), *outputs* (notebook only: its outputs, or what
Jupyter keeps for itself, changed), *changed*, *tiny* (empty, cut off, most cells gone at once), *unreadable*
(damaged, half written, conflict markers, or what cannot be carried). Only the mode changed: that is *same*.

With a base (both sides were in step once):

| text       | notebook              | becomes                                                             |
|------------|-----------------------|---------------------------------------------------------------------|
| same       | same                  | NOTHING                                                             |
| same       | outputs               | RECORD: the text keeps its bytes and its time stamp                 |
| same       | changed               | MERGE (flows to the text)                                           |
| changed    | same, outputs         | MERGE (flows to the notebook)                                       |
| changed    | changed, both alike   | RECORD                                                              |
| changed    | changed, apart        | MERGE, by cell, then by line; disputed cells stay on both sides     |
| same, changed | missing            | MAKE_NOTEBOOK, from its last version, so that outputs come back     |
| missing    | same, outputs         | ORPHAN: a deleted text is reported, never made again                |
| missing    | changed               | MAKE_TEXT: an edit beats a deletion                                 |
| missing    | missing               | FORGET: both are gone; the versions stay in the store               |
| tiny, unreadable | anything        | QUARANTINE: both files stay as they are                             |
| anything   | tiny, unreadable      | QUARANTINE                                                          |

Without a base (a fresh clone, a lost state): equal contents pair, unequal ones never overwrite.

| text                  | notebook              | becomes                                                  |
|-----------------------|-----------------------|----------------------------------------------------------|
| there                 | there, both alike     | RECORD                                                   |
| there                 | there, apart          | DISPUTE: both stay, `runbook resolve` asks a person      |
| there                 | missing               | MAKE_NOTEBOOK                                            |
| missing               | there                 | ORPHAN: a notebook without a text                        |
| missing               | missing               | FORGET                                                   |
| unreadable            | anything              | QUARANTINE                                               |
| anything              | unreadable            | QUARANTINE                                               |
"""

import enum


class Seen(enum.StrEnum):
    MISSING = "missing"
    SAME = "same"
    OUTPUTS = "outputs"
    CHANGED = "changed"
    TINY = "tiny"
    UNREADABLE = "unreadable"


class Does(enum.StrEnum):
    NOTHING = "nothing"
    RECORD = "record"
    MERGE = "merge"
    MAKE_NOTEBOOK = "make-notebook"
    MAKE_TEXT = "make-text"
    ORPHAN = "orphan"
    FORGET = "forget"
    DISPUTE = "dispute"
    QUARANTINE = "quarantine"


_STILL = frozenset({Seen.SAME, Seen.OUTPUTS})
_STOPS = frozenset({Seen.TINY, Seen.UNREADABLE})


def decide(text: Seen, notebook: Seen, *, has_base: bool, alike: bool) -> Does:
    """The table above. `alike`: both sides can be read and say the same."""
    if text in _STOPS or notebook in _STOPS:
        return Does.QUARANTINE
    if text is Seen.MISSING:
        return _without_text(notebook, has_base=has_base)
    if notebook is Seen.MISSING:
        return Does.MAKE_NOTEBOOK
    if has_base and text in _STILL and notebook in _STILL:
        return Does.NOTHING if notebook is Seen.SAME else Does.RECORD
    if alike:
        return Does.RECORD
    return Does.MERGE if has_base else Does.DISPUTE


def _without_text(notebook: Seen, *, has_base: bool) -> Does:
    if notebook is Seen.MISSING:
        return Does.FORGET
    return Does.MAKE_TEXT if has_base and notebook is Seen.CHANGED else Does.ORPHAN
