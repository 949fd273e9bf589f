"""Sync: observe both sides, decide by content, write with compare-and-swap.

Never lets a time stamp decide, never writes a side whose content need not change, never raises for the
state of one pair: that is a report.
"""

from collections.abc import Sequence
from datetime import datetime

from runbook.pairing.places import Pair, Place
from runbook.pairing.reports import PairReport


def sync_pair(place: Place, pair: Pair, *, now: datetime) -> PairReport:
    """Bring one pair in step."""
    raise NotImplementedError


def sync_all(place: Place, pairs: Sequence[Pair], *, now: datetime) -> tuple[PairReport, ...]:
    """Bring all pairs in step, follow renames, finish what a killed sync left half done."""
    raise NotImplementedError
