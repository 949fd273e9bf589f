"""What holds a run says whose approval it was, and what became of it."""

from datetime import timedelta

from runbook.execution.guard import lapsed
from tests.approval.made import ALICE, BOB, NOW, TEXT, answer, approved, signed, trust
from tests.approval.test_recovery import revoked

STALE = signed(TEXT + "\n# %%\nprint(2)\n", principal=ALICE)


def test_who_gave_what_lapsed_is_named_and_when_it_expired() -> None:
    data = approved([signed(TEXT), STALE])
    before = answer(data=data)
    assert [one.principal for one in before.counted] == [BOB]

    assert lapsed(before, since=before) == ()
    (said,) = lapsed(answer(data=data, now=NOW + timedelta(days=31)), since=before)
    assert said.startswith(f"that of {BOB} counts no more: expired at 20")
    (said,) = lapsed(answer(data=data, believed=trust(revoked=revoked())), since=before)
    assert said.startswith(f"that of {BOB} counts no more: the key SHA256:")
