import contextlib
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.errors import EvidenceDamaged, FormatError
from runbook.evidence import start
from runbook.evidence.start import Start
from tests.evidence.builders import CELLS, plan_of

NOW = datetime(2026, 11, 21, 0, 12, 5, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
WORDS = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
DIGESTS = st.integers(0, 2**256 - 1).map(lambda number: f"sha256:{number:064x}")


def a_start(**changes: object) -> Start:
    plan = plan_of(CELLS)
    began = start.start_of(
        plan,
        plan_digest=DIGEST,
        trust=[("policy.toml", DIGEST), ("a", DIGEST), ("a b", DIGEST)],
        now=NOW,
        monotonic=7,
    )
    return msgspec.structs.replace(began, **changes)


def test_the_start_record_says_who_runs_what_on_whose_approval() -> None:
    lines = start.emit(a_start()).decode().splitlines()
    assert lines[0] == "runbook run-start v1"
    assert "path: runbooks/web/restart.py" in lines
    assert "environment: prod" in lines
    assert "commit: " + "3f0a" * 10 + " clean" in lines
    assert f"plan: {DIGEST}" in lines
    assert f"approval: bob@example.com sha256:{'0' * 64} SHA256:{'A' * 43}" in lines
    assert lines[lines.index(f"trust: a {DIGEST}") + 1] == f"trust: policy.toml {DIGEST}"
    assert lines[-2:] == ["started: 2026-11-21T00:12:05Z", "monotonic: 7"]


def test_what_is_not_known_is_said_to_be_none() -> None:
    data = start.emit(a_start(workspace=None, commit=None, clean=None, trust=(), approvals=(), versions=()))
    assert b"workspace: none\ncommit: none\n" in data
    assert start.parse(data).commit is None


@settings(max_examples=150, deadline=None)
@given(
    began=st.builds(
        a_start,
        operator=WORDS,
        host=WORDS,
        path=WORDS,
        environment=WORDS,
        clean=st.none() | st.booleans(),
        approved=st.booleans(),
        dry_run=st.booleans(),
        kind=st.sampled_from(["interactive", "unattended"]),
        trust=st.dictionaries(WORDS, DIGESTS, max_size=3).map(lambda found: tuple(sorted(found.items()))),
        monotonic=st.integers(0, 2**63),
        started=st.datetimes(timezones=st.just(UTC)).map(lambda when: when.replace(microsecond=0)),
    )
)
def test_a_start_record_reads_back_as_it_was_written(began: Start) -> None:
    data = start.emit(began)
    assert start.parse(data) == began
    assert start.emit(start.parse(data)) == data


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_refused_or_says_something_else(data: st.DataObject) -> None:
    whole = start.emit(a_start())
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))
    changed = whole[:place] + bytes([byte]) + whole[place + 1 :]
    with contextlib.suppress(EvidenceDamaged):
        read = start.parse(changed)
        assert read != a_start()
        assert start.emit(read) == changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[1:], "start.txt:1: the first line is not 'runbook run-start v1'"),
        (lambda lines: [*lines, "note: x"], "start.txt:25: an unknown line"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "start.txt:3: 'id' is not at its place"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "start.txt:4: 'workspace' is not at its place"),
        (lambda lines: [line for line in lines if "host" not in line], "start.txt: there is no line 'host'"),
        (lambda lines: [line.replace("host: ", "host:  ") for line in lines], "characters that don't belong"),
        (
            lambda lines: [line.replace("runner1", "run\x1bner") for line in lines],
            "characters that don't belong",
        ),
        (
            lambda lines: [line.replace("ic: 7", "ic: 07") for line in lines],
            "start.txt:24: not the one spelling",
        ),
        (lambda lines: [line.replace(": yes", ": YES") for line in lines], "not a start record: 'YES'"),
    ],
)
def test_another_spelling_is_refused_with_its_line(change: object, message: str) -> None:
    lines = start.emit(a_start()).decode().splitlines()
    assert callable(change)
    data = "".join(f"{line}\n" for line in change(lines)).encode()
    with pytest.raises(EvidenceDamaged) as problem:
        start.parse(data)
    assert message in str(problem.value)


def test_unsorted_trust_is_refused() -> None:
    text = start.emit(a_start()).decode()
    one, two = f"trust: a {DIGEST}\n", f"trust: policy.toml {DIGEST}\n"
    with pytest.raises(EvidenceDamaged, match="'trust' is not at its place"):
        start.parse(text.replace(one + two, two + one).encode())


def test_claims_of_a_strange_machine_are_spelled() -> None:
    plan = msgspec.structs.replace(plan_of(CELLS), host="evil\x1b[2J\nhost", operator=" ")
    began = start.start_of(plan, plan_digest=DIGEST, trust=(), now=NOW, monotonic=0)
    text = start.emit(began).decode()
    assert "host: evil\\u{1B}[2J\\u{A}host\n" in text
    assert "operator: unknown\n" in text


def test_a_value_that_its_line_cannot_hold_is_never_written() -> None:
    with pytest.raises((FormatError, EvidenceDamaged)):
        start.emit(a_start(path="x\nhost: other"))
