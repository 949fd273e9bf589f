"""What a watch has to say, one thing at a time, and as a line of its JSON log. Pure."""

from datetime import datetime

import msgspec

from runbook.instants import stamp
from runbook.pairing.reports import PairReport
from runbook.pairing.wording import line_of, notes_of


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say. `code` is stable: `pair` (with its report), or what happened to the watch:
    `polling`, `limit`, `lost`, `clock`, `damaged`, `state`, `jupytext`, `ping-pong`, `problem`, `started`,
    `stopped`, `waiting`. `seconds` is our own work for a pair."""

    code: str
    message: str = ""
    hint: str | None = None
    report: PairReport | None = None
    seconds: float = 0.0


def lines_of(told: Told) -> list[str]:
    """For people: the line, and those below it."""
    if told.report is not None:
        return [f"{line_of(told.report)} ({told.seconds * 1000:.0f} ms)", *notes_of(told.report)]
    return [told.message, *([f"  next: {told.hint}"] if told.hint else [])]


def plain(told: Told, *, at: datetime) -> dict[str, object]:
    """For machines: one object of the JSON log."""
    head: dict[str, object] = {"schema": 1, "at": stamp(at), "event": told.code}
    if told.report is None:
        return {**head, "message": told.message, "hint": told.hint}
    return {**head, **msgspec.to_builtins(told.report), "ms": round(told.seconds * 1000, 1)}
