"""The door: what comes in is exactly what the value says, and a mistake is named with file, line and key."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.canonical import canonical_json
from runbook.decoding import decode_canonical, decode_json, decode_toml
from runbook.errors import ConfigError, FormatError


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    paths: tuple[str, ...]
    approvals: int = 1


class Environment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_age: str


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    strict: bool = False
    environments: dict[str, Environment] = {}
    rules: tuple[Rule, ...] = ()


GOOD = b"""version = 1
strict = true
[environments.prod]
max_age = "90d"
[[rules]]
paths = ["a/**", "b"]
[[rules]]
paths = []
approvals = 2
"""


def test_toml_becomes_a_frozen_value() -> None:
    value = decode_toml(GOOD, Example, name="policy.toml")

    assert value == Example(
        version=1,
        strict=True,
        environments={"prod": Environment(max_age="90d")},
        rules=(Rule(paths=("a/**", "b")), Rule(paths=(), approvals=2)),
    )
    with pytest.raises(AttributeError):
        value.version = 2  # type: ignore[misc]  # that it is refused is the promise


WRONG_TOML = [
    # text, line, what the message says, hint
    (b"version = '1'", 1, "Expected `int`, got `str` (at version)", None),
    (b"version = 1.0", 1, "Expected `int`, got `float` (at version)", None),
    (b"version = true", 1, "Expected `int`, got `bool` (at version)", None),
    (b"version = 1\nstrict = 1", 2, "Expected `bool`, got `int` (at strict)", None),
    (b"\nversion = 1\nstrikt = true", 3, "unknown key 'strikt'", "did you mean strict?"),
    (b"version = 1\nzzz = true", 2, "unknown key 'zzz'", None),
    (b"", None, "Object missing required field `version`", None),
    (b"version = 1\nversion = 2", 2, "Cannot overwrite a value", None),
    (b"version = \n", 1, "not TOML: Invalid value", None),
    (b"version = 1\nx = [", 2, "not TOML: ", None),
    # The same key stands in several tables: the line is that of the wrong one.
    (
        b"version = 1\n[environments.a]\nmax_age = '1d'\n[environments.b]\nmax_age = 2\n",
        5,
        "Expected `str`, got `int` (at environments.b.max_age)",
        None,
    ),
    (
        b"version=1\n[[rules]]\npaths=[]\napprovals=1\n[[rules]]\npaths=[]\napprovals='2'\n",
        7,
        "Expected `int`, got `str` (at rules[1].approvals)",
        None,
    ),
    (
        b"version=1\n[[rules]]\npaths=[]\n[[rules]]\npaths=[]\naprovals=2\n",
        6,
        "unknown key 'aprovals' in rules[1]",
        "did you mean approvals?",
    ),
    (
        b"version=1\n[[rules]]\npaths=[]\n[[rules]]\n",
        4,
        "Object missing required field `paths` (at rules[1])",
        None,
    ),
    (b"version=1\n[environments]\na.max_age = 3\n", 3, "(at environments.a.max_age)", None),
    (b'version=1\n[environments."a b"]\nmax_age = 3\n', 3, "(at environments.a b.max_age)", None),
    (b"version=1\nenvironments = {a = {max_age = 3}}\n", 2, "(at environments.a.max_age)", None),
    (b"version=1\n[other]\nversion = 'x'\n", 2, "unknown key 'other'", None),
]


@pytest.mark.parametrize(("data", "line", "words", "hint"), WRONG_TOML)
def test_a_mistake_in_toml_names_file_line_and_key(
    data: bytes, line: int | None, words: str, hint: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        decode_toml(data, Example, name="policy.toml")

    assert words in caught.value.message
    assert (caught.value.subject, caught.value.line, caught.value.hint) == ("policy.toml", line, hint)


WRONG_JSON = [
    (b'{"version": "1"}', "Expected `int`, got `str` (at version)"),
    (b'{"version": 1.0}', "Expected `int`, got `float` (at version)"),
    (b'{"version": 1, "version": 1}', "not JSON: the key 'version' twice"),
    (b'{"version": 1, "rules": [{"paths": [], "paths": []}]}', "not JSON: the key 'paths' twice"),
    (b'{"version": NaN}', "not JSON: the number NaN"),
    (b'{"version": "\\ud800"}', "not JSON: half of a surrogate pair, which is no text"),
    (b'{"version": Infinity}', "not JSON: the number Infinity"),
    (b'{"version": 1, "x": 2}', "unknown key 'x'"),
    (b'{"version": 1, "environments": {"a": {"max_age": 1}}}', "(at environments.a.max_age)"),
    (b'{"version": 1} {}', "not JSON: Extra data"),
    (b"[]", "Expected `object`, got `array`"),
    (b"null", "Expected `object`, got `null`"),
    (b"", "not JSON: Expecting value"),
    (b'\xef\xbb\xbf{"version": 1}', "not JSON: Unexpected UTF-8 BOM"),
    (b"[" * 100_000, "not JSON: "),
    (b'{"version": ' + b"1" * 5000 + b"}", "not JSON: "),
]


@pytest.mark.parametrize(("data", "words"), WRONG_JSON, ids=range(len(WRONG_JSON)))
def test_a_mistake_in_json_names_file_and_key(data: bytes, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode_json(data, Example, name="plan.json")

    assert words in caught.value.message
    assert caught.value.subject == "plan.json"


def test_broken_json_names_the_line() -> None:
    with pytest.raises(FormatError) as caught:
        decode_json(b'{\n"version": 1,\n}', Example, name="plan.json")
    assert caught.value.line == 3


@pytest.mark.parametrize(
    "data", [b"x = " + b"[" * 100_000, b"version = " + b"1" * 5000], ids=["deep", "long"]
)
def test_toml_that_python_itself_gives_up_on_is_a_mistake_of_the_file(data: bytes) -> None:
    with pytest.raises(ConfigError, match="not TOML: "):
        decode_toml(data, Example, name="policy.toml")


def test_bytes_that_are_not_utf_8_are_named() -> None:
    with pytest.raises(ConfigError, match=r"a\.toml: not UTF-8 \(byte 11\)"):
        decode_toml(b"version = '\xff'", Example, name="a.toml")
    with pytest.raises(FormatError, match=r"a\.json: not UTF-8 \(byte 0\)"):
        decode_json(b"\xff", Example, name="a.json")


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(ConfigError, match=r"a\.toml: larger than 10 bytes"):
        decode_toml(b"version = 1", Example, name="a.toml", limit_bytes=10)
    with pytest.raises(FormatError, match=r"a\.json: larger than 3 bytes"):
        decode_json(b"null", Example, name="a.json", limit_bytes=3)


class Loose(msgspec.Struct, frozen=True):
    name: str = ""


class Holder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    inner: tuple[Loose, ...] | None = None


@pytest.mark.parametrize("kind", [Loose, Holder])
def test_a_value_that_would_drop_unknown_keys_cannot_be_decoded(kind: type[object]) -> None:
    with pytest.raises(TypeError, match="Loose must forbid unknown fields"):
        decode_json(b"{}", kind, name="x")


values = st.builds(
    Example,
    version=st.integers(-(2**60), 2**60),
    strict=st.booleans(),
    environments=st.dictionaries(st.text(), st.builds(Environment, max_age=st.text()), max_size=3),
    rules=st.lists(
        st.builds(Rule, paths=st.lists(st.text()).map(tuple), approvals=st.integers(0, 9)), max_size=3
    ).map(tuple),
)


@given(values)
@settings(max_examples=100)
def test_a_value_written_as_json_reads_back_as_itself(value: Example) -> None:
    data = json.dumps(msgspec.to_builtins(value)).encode()

    assert decode_json(data, Example, name="x") == value


@given(st.binary(max_size=200) | st.text("version=1[]{}\"'.\n# rules", max_size=80).map(str.encode))
@settings(max_examples=200)
def test_whatever_the_bytes_are_the_answer_is_a_value_or_our_error(data: bytes) -> None:
    for read, error in ((decode_toml, ConfigError), (decode_json, FormatError)):
        try:
            assert isinstance(read(data, Example, name="x"), Example)
        except error:
            continue


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=9
        ),
    )
)
@settings(max_examples=100)
def test_canonical_json_reads_back_as_itself(value: dict[str, object]) -> None:
    assert decode_canonical(canonical_json(value), name="journal.jsonl") == value


SECOND_SPELLINGS = [
    b'{"b":1,"a":2}',  # the order of keys
    b'{"a": 1}',
    b'{"a":1}\n',
    b' {"a":1}',
    b'{"a":1,"a":1}',
    b'{"a":1.0}',
    b'{"a":NaN}',
    b'{"a":1e2}',
    b'{"a":01}',
    b'{"a":-0}',
    b'{"a":"\xc3\xa9"}',  # not ASCII
    b'{"a":"\\u00E9"}',  # upper-case digits
    b'{"a":"\\/"}',
    '{"a":1}'.encode("utf-16"),
    b"\xef\xbb\xbf{}",
    b"[]",
    b"1",
    b"",
    b"{" * 100_000,
    b"\xff",
]


@pytest.mark.parametrize("data", SECOND_SPELLINGS, ids=range(len(SECOND_SPELLINGS)))
def test_a_second_spelling_is_refused_with_file_and_line(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"^journal\.jsonl:7: not (canonical )?JSON") as caught:
        decode_canonical(data, name="journal.jsonl", line=7)
    assert caught.value.line == 7
