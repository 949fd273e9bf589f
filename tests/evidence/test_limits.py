import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.evidence.limits import Limits, OutputLimit, Truncated

SMALL = Limits(step_bytes=100, step_messages=10, execution_bytes=250, execution_messages=40, reserve_bytes=50)


def test_fifty_megabytes_from_one_step_are_kept_and_two_hundred_are_not() -> None:
    limit = OutputLimit()
    piece = b"x" * (1 << 20)
    kept = [limit.admit("flood", "stream", piece) for _ in range(200)]
    assert kept == [True] * 64 + [False] * 136
    truncated = limit.settle("flood")
    assert truncated is not None
    assert (truncated.dropped, truncated.bytes) == (136, 136 << 20)


def test_what_was_dropped_is_counted_and_hashed() -> None:
    limit = OutputLimit(SMALL)
    assert limit.admit("a", "stream", b"x" * 60)
    assert not limit.admit("a", "stream", b"y" * 60)
    assert not limit.admit("a", "stream", b"z")  # it would fit, but a tail without its middle misleads
    expected = hashlib.sha256()
    for data in (b"y" * 60, b"z"):
        expected.update(len(data).to_bytes(8, "big") + data)
    assert limit.settle("a") == Truncated(
        step="a", limit="step", dropped=2, bytes=61, sha256=expected.hexdigest()
    )


def test_how_the_step_went_is_kept_beyond_the_limit_but_not_without_end() -> None:
    limit = OutputLimit(SMALL)
    assert not limit.admit("a", "stream", b"x" * 200)
    assert limit.admit("a", "error", b"e" * 40)
    assert not limit.admit("a", "error", b"e" * 40)


def test_empty_messages_are_bounded_too() -> None:
    limit = OutputLimit(SMALL)
    assert sum(limit.admit("a", "clear_output", b"") for _ in range(1000)) == 10
    assert sum(limit.admit("a", "status", b"") for _ in range(1000)) == 50


def test_one_step_does_not_use_up_what_another_may_say() -> None:
    limit = OutputLimit(SMALL)
    assert not limit.admit("a", "stream", b"x" * 101)
    assert limit.admit("b", "stream", b"x" * 100)
    assert limit.unsettled() == ("a",)


def test_the_whole_execution_is_bounded() -> None:
    limit = OutputLimit(SMALL)
    for step in ("a", "b"):
        assert limit.admit(step, "stream", b"x" * 100)
    assert not limit.admit("c", "stream", b"x" * 100)
    truncated = limit.settle("c")
    assert truncated is not None
    assert truncated.limit == "execution"


def test_late_output_of_a_step_that_was_cut_stays_cut() -> None:
    limit = OutputLimit(SMALL)
    limit.admit("a", "stream", b"x" * 200)
    assert limit.settle("a") is not None
    assert limit.settle("a") is None
    assert not limit.admit("a", "stream", b"late")
    assert limit.is_reached("a")


def test_a_new_attempt_has_an_allowance_of_its_own() -> None:
    limit = OutputLimit(SMALL)
    limit.admit("a", "stream", b"x" * 200)
    limit.settle("a")
    limit.begin("a")
    assert limit.admit("a", "stream", b"x" * 100)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=80)), max_size=60))
def test_everything_is_kept_or_counted_and_never_more_than_the_limit(said: list[tuple[str, bytes]]) -> None:
    limit = OutputLimit(SMALL)
    kept = [data for step, data in said if limit.admit(step, "stream", data)]
    dropped = [truncated for step in limit.unsettled() if (truncated := limit.settle(step))]
    assert len(kept) + sum(each.dropped for each in dropped) == len(said)
    assert sum(map(len, kept)) + sum(each.bytes for each in dropped) == sum(len(data) for _, data in said)
    assert sum(map(len, kept)) <= SMALL.execution_bytes
