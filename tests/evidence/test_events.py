from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.evidence.events import Event, is_moment, moment, parse_moment


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_reads_back_to_the_millisecond(when: datetime) -> None:
    text = moment(when)
    assert is_moment(text)
    assert parse_moment(text) == when.replace(microsecond=when.microsecond // 1000 * 1000)


def test_a_moment_is_told_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    assert moment(datetime(2026, 11, 21, 1, 7, 7, 123999, berlin)) == "2026-11-21T00:07:07.123Z"
    with pytest.raises(ValueError, match="without a time zone"):
        moment(datetime(2026, 11, 21))  # noqa: DTZ001 - the mistake that is refused


@pytest.mark.parametrize(
    "text", ["", "2026-11-21T00:07:07Z", "2026-11-21 00:07:07.123Z", "2026-13-01T00:00:00.000Z\n"]
)
def test_another_spelling_is_no_moment(text: str) -> None:
    assert not is_moment(text)
    with pytest.raises(ValueError, match="is not a moment like"):
        parse_moment(text)


def test_a_payload_is_read_by_type_and_never_guessed() -> None:
    event = Event(
        seq=0, prev="", t="", m=0, kind="note", payload={"words": "x", "n": 3, "yes": True, "size": "7"}
    )
    assert (event.text("words"), event.text("n"), event.text("none", "-")) == ("x", "", "-")
    assert (event.number("n"), event.number("yes"), event.number("size", -1)) == (3, 0, -1)
