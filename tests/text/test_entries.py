"""The approvals block: one spelling, and taking it out restores the bytes."""

import base64
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runbook.errors import FormatError
from runbook.text.entries import (
    MAX_ENTRIES,
    emit_block,
    is_environment_name,
    parse_block,
    with_entries,
    without_entries,
)
from runbook.text.reader import read
from runbook.text.runbook import Entry
from tests.text.builders import HEADER, JUPYTER, text_of

CODE = "# %%\nx = 1\n"
TEXT = text_of(CODE)

environment_names = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True).filter(is_environment_name)
instants = st.integers(1_500_000_000, 4_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
digests = st.binary(min_size=32, max_size=32).map(lambda data: f"sha256:{data.hex()}")


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    return Entry(
        role=draw(st.sampled_from(["approver", "breakglass"])),
        principal=draw(st.from_regex(r"[a-z0-9][a-z0-9._%+-]{0,9}@[a-z0-9][a-z0-9.-]{0,9}", fullmatch=True)),
        environments=tuple(sorted(draw(st.sets(environment_names, min_size=1, max_size=4)))),
        allows=draw(st.sampled_from(["interactive", "unattended"])),
        parameters=draw(st.none() | digests.map(lambda digest: f"exact:{digest}")),
        text=draw(digests),
        issued=draw(instants),
        expires=draw(instants),
        signature=base64.b64encode(draw(st.binary(min_size=1, max_size=300))).decode(),
    )


blocks = st.lists(entries(), max_size=4, unique=True)


def one(**changes: object) -> Entry:
    fields: dict[str, object] = {
        "role": "approver",
        "principal": "bob@example.com",
        "environments": ("prod",),
        "allows": "interactive",
        "parameters": None,
        "text": f"sha256:{'0f' * 32}",
        "issued": datetime(2026, 11, 21, 0, 7, 7, tzinfo=UTC),
        "expires": datetime(2027, 2, 19, tzinfo=UTC),
        "signature": "QUJD",
    }
    return Entry(**{**fields, **changes})  # type: ignore[arg-type]  # wrong values are the point of some tests


@given(blocks)
def test_what_is_emitted_is_parsed_back_and_emitted_the_same(values: list[Entry]) -> None:
    block = emit_block(values)
    if not values:
        assert block == ""
        return
    parsed, reasons = parse_block(block.splitlines())
    assert reasons == ()
    assert set(parsed) == set(values)
    assert emit_block(parsed) == block


@given(blocks)
def test_the_order_of_approvals_leaves_no_trace(values: list[Entry]) -> None:
    assert emit_block(values) == emit_block(values[::-1])


@given(blocks, blocks)
def test_taking_out_and_putting_back_restores_the_bytes(first: list[Entry], second: list[Entry]) -> None:
    signed = with_entries(TEXT, first)
    assert without_entries(signed) == TEXT
    assert with_entries(without_entries(signed), first) == signed
    assert with_entries(signed, second) == with_entries(TEXT, second)
    assert with_entries(signed, []) == TEXT


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws 32 entries slowly
@given(blocks)
def test_the_reader_finds_the_same_entries_and_the_same_digest(values: list[Entry]) -> None:
    bare = read(TEXT.encode()).runbook
    signed = read(with_entries(TEXT, values).encode()).runbook
    assert bare is not None
    assert signed is not None
    assert set(signed.header.approvals) == set(values)
    assert signed.notes == ()
    assert (signed.text, signed.steps_digest, signed.body) == (bare.text, bare.steps_digest, TEXT)


@given(blocks.filter(bool))
def test_a_yaml_reader_sees_the_same_values(values: list[Entry]) -> None:
    plain = "".join(line[2:] + "\n" for line in emit_block(values).splitlines())
    seen = yaml.load(plain, yaml.BaseLoader)["approvals"]  # texts only, as they are written
    parsed, _ = parse_block(emit_block(values).splitlines())
    for entry, fields in zip(parsed, seen, strict=True):
        assert fields[entry.role] == entry.principal
        assert tuple(fields["environments"]) == entry.environments
        assert fields["text"] == entry.text
        assert fields.get("parameters") == entry.parameters
        assert "".join(fields["signature"].split()) == entry.signature


@given(
    blocks.filter(bool), st.integers(0, 10_000), st.sampled_from([" ", "x", "\n", "#", "-", ":", "'", "A"])
)
def test_one_character_more_is_another_entry_or_refused(values: list[Entry], at: int, more: str) -> None:
    block = emit_block(values)
    place = at % len(block)
    changed = block[:place] + more + block[place:]
    parsed, reasons = parse_block(changed.split("\n")[:-1])
    assert reasons or emit_block(parsed) == changed


@given(st.lists(st.text("# -:|abeilnoprstuvx\n", max_size=20), max_size=12))
def test_parsing_never_raises(lines: list[str]) -> None:
    parse_block(lines)
    parse_block(["# approvals:", *lines])


def test_the_block_goes_in_front_of_jupyter_and_stays_where_it_is() -> None:
    signed = with_entries(TEXT, [one()])
    assert signed.index("# approvals:") < signed.index("# jupyter:")
    assert signed.index("# runbook:") < signed.index("# approvals:")
    behind = HEADER.replace(JUPYTER, JUPYTER + emit_block([one()])) + "\n" + CODE
    moved = with_entries(behind, [one(principal="carol@example.com")])
    assert moved.index("# jupyter:") < moved.index("# approvals:")


def test_without_jupyter_the_block_goes_before_the_closing_fence() -> None:
    text = "# ---\n# runbook:\n#   title: X\n# ---\n\n# %%\nx = 1\n"
    signed = with_entries(text, [one()])
    assert signed.startswith("# ---\n# runbook:\n#   title: X\n# approvals:\n")
    assert without_entries(signed) == text


def test_a_text_without_header_holds_no_approvals() -> None:
    with pytest.raises(FormatError) as caught:
        with_entries(CODE, [one()])
    assert str(caught.value) == "1: the text has no header to hold approvals"
    assert caught.value.hint == "run `runbook fmt` first"
    assert without_entries(CODE) == CODE


def test_approvals_in_a_cell_are_a_comment() -> None:
    text = TEXT + "\n# %%\n" + emit_block([one()])
    assert without_entries(text) == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"principal": "*@example.com"},
            "an entry begins with `# - approver: ` and a name like bob@example.com",
        ),
        ({"environments": ("staging", "prod")}, "the environments are not sorted, or one stands twice"),
        ({"environments": ("on",)}, "`environments:` is not a list of names like [prod, staging]"),
        ({"environments": ()}, "`environments:` is not a list of names like [prod, staging]"),
        ({"text": "sha256:12"}, "`text:` is not sha256: and 64 digits"),
        ({"parameters": "declared"}, "`parameters:` is not exact:sha256: and 64 digits"),
        ({"signature": "QUJ"}, "the signature is not base64"),
        (
            {"signature": "QUK="[:3] + "D" + "Zh=="},
            "the signature is base64 in another than its one spelling",
        ),
        ({"signature": ""}, "a signature that is empty, or too long"),
        ({"signature": "QUJD" * 3000}, "a signature that is empty, or too long"),
        (
            {"issued": datetime(2026, 11, 21, microsecond=1, tzinfo=UTC)},
            "an approval that would read back as another one",
        ),
    ],
)
def test_an_entry_without_a_spelling_is_not_written(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        emit_block([one(**change)])
    assert str(caught.value) == message


def test_more_entries_than_a_header_holds_are_not_written() -> None:
    many = [one(principal=f"bob{number}@example.com") for number in range(MAX_ENTRIES + 1)]
    with pytest.raises(ValueError, match="33 approvals; a header holds 32"):
        emit_block(many)
    assert len(parse_block(emit_block(many[1:]).splitlines())[0]) == MAX_ENTRIES


def test_the_reason_names_the_line() -> None:
    lines = emit_block([one(), one(role="breakglass")]).splitlines()
    at = lines.index("#   allows: interactive", 5)
    lines[at] = "#   allows: everything"
    parsed, (reason,) = parse_block(lines, first_line=10)
    assert parsed == ()
    assert (reason.code, reason.line) == ("header.approvals", 10 + at)
    assert reason.message == "`allows: everything` is neither interactive nor unattended"
    assert "runbook review" in reason.hint


@pytest.mark.parametrize("name", ["prod", "staging-2", "a", "x" * 32])
def test_names_of_environments(name: str) -> None:
    assert is_environment_name(name)


@pytest.mark.parametrize(
    "name", ["", "Prod", "2x", "-a", "a_b", "x" * 33, "true", "no", "on", "y", "null", "é"]
)
def test_what_names_no_environment(name: str) -> None:
    assert not is_environment_name(name)
