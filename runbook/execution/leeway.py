"""The leeway of one run: what its plan, its approval and the policy leave to people, as a value. Pure."""

from collections.abc import Mapping

import msgspec


class Leeway(msgspec.Struct, frozen=True, kw_only=True):
    """`unattended`: nobody is there to be asked. `approved`: an approval stands behind an answer given
    before the run. `undo`: see `order`. `deviations`: whether a step may be run as somebody edited it; an
    edit counts for one attempt. `seconded`: the steps that somebody else must confirm, with the words of
    that question; they run as they were reviewed: who confirms has read that."""

    unattended: bool
    approved: bool
    undo: tuple[str, ...] = ()
    deviations: bool = False
    seconded: Mapping[str, str] = {}
