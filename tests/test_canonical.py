"""Canonical bytes: one spelling for each value, and no two lists with the same frame."""

import json
from collections import OrderedDict
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook import canonical

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_the_spelling_is_fixed() -> None:
    value = {"b": [1, True, None, "é\u2028\x00"], "a": {}, "B": -7}

    assert canonical.canonical_json(value) == b'{"B":-7,"a":{},"b":[1,true,null,"\\u00e9\\u2028\\u0000"]}'


@given(plain)
@settings(max_examples=200)
def test_writing_and_reading_gives_the_value_and_the_bytes_back(value: object) -> None:
    data = canonical.canonical_json(value)

    assert json.loads(data) == value
    assert canonical.canonical_json(json.loads(data)) == data
    assert data.isascii()
    assert b"\n" not in data


def test_the_order_of_keys_and_the_kind_of_mapping_do_not_matter() -> None:
    one = canonical.canonical_json({"a": 1, "b": 2})

    assert canonical.canonical_json({"b": 2, "a": 1}) == one
    assert canonical.canonical_json(OrderedDict([("b", 2), ("a", 1)])) == one
    assert canonical.canonical_json(MappingProxyType({"b": 2, "a": 1})) == one
    assert canonical.canonical_json((1, (2,))) == canonical.canonical_json([1, [2]])


@pytest.mark.parametrize("value", [1.0, float("nan"), float("inf"), [{"a": [0.5]}]])
def test_floats_have_no_spelling(value: object) -> None:
    with pytest.raises(TypeError, match="floats have no canonical spelling here; write integers or text"):
        canonical.canonical_json(value)


@pytest.mark.parametrize("value", [{1: "a"}, {"a": {None: 1}}, [{True: 1}]])
def test_a_key_that_is_not_text_is_refused_rather_than_turned_into_text(value: object) -> None:
    with pytest.raises(TypeError, match="a key that is not text"):
        canonical.canonical_json(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_what_json_does_not_know_has_no_spelling(value: object) -> None:
    with pytest.raises(TypeError, match="has no canonical spelling"):
        canonical.canonical_json(value)


def test_digests_are_sha256_in_lower_case_hex() -> None:
    """The value for the three letters abc is the example of FIPS 180-2, appendix B.1."""
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    assert canonical.hex_digest(b"abc") == expected
    assert canonical.digest(b"abc") == f"sha256:{expected}"


@given(st.lists(st.binary(max_size=5), max_size=5), st.lists(st.binary(max_size=5), max_size=5))
def test_two_lists_never_share_a_frame(one: list[bytes], other: list[bytes]) -> None:
    assert (canonical.framed(one) == canonical.framed(other)) == (one == other)


def test_a_frame_is_each_part_behind_its_length() -> None:
    assert canonical.framed([b"ab", b""]) == b"\0\0\0\0\0\0\0\x02ab" + b"\0" * 8
