"""The decision table: one test per cell of it, and nothing left open."""

import itertools

import pytest

from runbook.pairing.table import Does, Seen, decide

M, S, O, C, T, U = Seen.MISSING, Seen.SAME, Seen.OUTPUTS, Seen.CHANGED, Seen.TINY, Seen.UNREADABLE  # noqa: E741

# (text, notebook, alike) -> what becomes of a pair that was in step once.
WITH_BASE = {
    (S, S, False): Does.NOTHING,
    (S, S, True): Does.NOTHING,
    (S, O, False): Does.RECORD,
    (S, O, True): Does.RECORD,
    (S, C, False): Does.MERGE,
    (S, C, True): Does.RECORD,
    (S, M, False): Does.MAKE_NOTEBOOK,
    (C, S, False): Does.MERGE,
    (C, S, True): Does.RECORD,  # another style of the same cells
    (C, O, False): Does.MERGE,
    (C, O, True): Does.RECORD,
    (C, C, False): Does.MERGE,
    (C, C, True): Does.RECORD,
    (C, M, False): Does.MAKE_NOTEBOOK,
    (M, S, False): Does.ORPHAN,
    (M, O, False): Does.ORPHAN,
    (M, C, False): Does.MAKE_TEXT,
    (M, M, False): Does.FORGET,
    **{(stop, other, False): Does.QUARANTINE for stop in (T, U) for other in (M, S, O, C, T, U)},
    **{(other, stop, False): Does.QUARANTINE for stop in (T, U) for other in (M, S, C)},
}
WITHOUT_BASE = {
    (C, C, True): Does.RECORD,
    (C, C, False): Does.DISPUTE,
    (C, M, False): Does.MAKE_NOTEBOOK,
    (M, C, False): Does.ORPHAN,
    (M, M, False): Does.FORGET,
    (U, C, False): Does.QUARANTINE,
    (U, M, False): Does.QUARANTINE,
    (C, U, False): Does.QUARANTINE,
    (M, U, False): Does.QUARANTINE,
    (U, U, False): Does.QUARANTINE,
}


@pytest.mark.parametrize(("text", "notebook", "alike"), WITH_BASE)
def test_a_pair_that_was_in_step(text: Seen, notebook: Seen, alike: bool) -> None:
    assert decide(text, notebook, has_base=True, alike=alike) is WITH_BASE[text, notebook, alike]


@pytest.mark.parametrize(("text", "notebook", "alike"), WITHOUT_BASE)
def test_a_pair_that_nobody_saw_in_step(text: Seen, notebook: Seen, alike: bool) -> None:
    assert decide(text, notebook, has_base=False, alike=alike) is WITHOUT_BASE[text, notebook, alike]


def test_the_table_is_total_and_never_writes_over_what_cannot_be_read() -> None:
    for text, notebook in itertools.product(Seen, Seen):
        for has_base, alike in itertools.product((True, False), repeat=2):
            does = decide(text, notebook, has_base=has_base, alike=alike)
            assert isinstance(does, Does)
            if {text, notebook} & {T, U}:
                assert does is Does.QUARANTINE
            if not has_base and M not in (text, notebook) and not alike:
                assert does in (Does.DISPUTE, Does.QUARANTINE)
            if text is M:
                assert does is not Does.MERGE
