"""Instants in time and their one spelling: `YYYY-MM-DDThh:mm:ssZ`, always UTC.

Pure: reads no clock (that is `system/clock`). Raises ValueError for any other spelling, so that two
texts never name one instant (RFC 3339 allows many).
"""

import re
from datetime import UTC, datetime, timedelta

_SPELLING = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhdwy])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_LONGEST = timedelta(days=365 * 1000)


def stamp(moment: datetime) -> str:
    """Spell an aware instant, to the second."""
    if moment.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def parse_stamp(text: str) -> datetime:
    """Read the one spelling back. Raises ValueError for anything else."""
    match = _SPELLING.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not an instant like 2026-11-21T00:07:07Z")
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        # Not fromisoformat: what it accepts (24:00, say) grows with Python.
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an instant: {error}") from error


def parse_duration(text: str) -> timedelta:
    """Read `90d`, `4h`, `30m`, `10s`, `2w`, `10y` (365 days each). Raises ValueError for anything else.

    At most 1000 years, so that an instant of these centuries plus a duration is an instant too.
    """
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a duration like 90d, 4h or 30m")
    duration = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if duration > _LONGEST:
        raise ValueError(f"{text!r} is longer than 1000 years")
    return duration
