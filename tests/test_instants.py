"""Instants: one spelling, there and back; any other is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook import instants

moments = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))


@given(moments)
def test_a_stamp_reads_back_as_the_same_instant(moment: datetime) -> None:
    assert instants.parse_stamp(instants.stamp(moment)) == moment
    assert len(instants.stamp(moment)) == 20


@given(st.text("0123456789-T:Z+. ", min_size=18, max_size=22))
def test_whatever_is_read_is_spelled_the_same_again(text: str) -> None:
    try:
        moment = instants.parse_stamp(text)
    except ValueError:
        return
    assert instants.stamp(moment) == text


def test_another_zone_is_spelled_in_utc() -> None:
    moment = datetime(2026, 11, 21, 2, 7, 7, 999_999, tzinfo=timezone(timedelta(hours=2)))

    assert instants.stamp(moment) == "2026-11-21T00:07:07Z"


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="an instant without a time zone"):
        instants.stamp(datetime(2026, 11, 21))  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T00:07:07",
        "2026-11-21t00:07:07z",
        "2026-11-21 00:07:07Z",
        "2026-11-21T00:07:07+00:00",
        "2026-11-21T00:07:07.0Z",
        "2026-11-21T00:07:07Z\n",
        "２026-11-21T00:07:07Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T00:00:60Z",
        "2026-02-30T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "",
    ],
)
def test_every_other_spelling_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not an instant") as caught:
        instants.parse_stamp(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10s", timedelta(seconds=10)),
        ("30m", timedelta(minutes=30)),
        ("4h", timedelta(hours=4)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(days=14)),
        ("10y", timedelta(days=3650)),
    ],
)
def test_durations_name_their_unit(text: str, expected: timedelta) -> None:
    assert instants.parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "90", "d", "0d", "-1d", "+1d", "1.5h", "1 d", "1D", "1h30m", "٣d", "1d\n"]
)
def test_a_duration_without_one_clear_meaning_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration like 90d, 4h or 30m"):
        instants.parse_duration(text)


def test_a_duration_never_leads_out_of_the_calendar() -> None:
    assert (datetime(2999, 1, 1, tzinfo=UTC) + instants.parse_duration("1000y")).year == 3998
    with pytest.raises(ValueError, match="'1001y' is longer than 1000 years"):
        instants.parse_duration("1001y")
    with pytest.raises(ValueError, match="'999999y' is longer than 1000 years"):
        instants.parse_duration("999999y")
