"""Where values come from: arguments, files and the environment; nothing is guessed on the way in."""

import contextlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.errors import FormatError, InputError, ParameterError
from runbook.text.sources import from_arguments, from_environment, from_file
from runbook.text.values import Given, resolve
from tests.text.samples import BASE, parameters_of

DECLARED = 'host: str = "web1"\nwait_seconds: int = 30\n'


def test_arguments_are_names_and_texts() -> None:
    assert from_arguments(["host=web2", "wait_seconds=5", "x=a=b", "y="]) == (
        Given(name="host", raw="web2", origin="command line"),
        Given(name="wait_seconds", raw="5", origin="command line"),
        Given(name="x", raw="a=b", origin="command line"),
        Given(name="y", raw="", origin="command line"),
    )


def test_every_argument_without_an_equals_sign_is_named() -> None:
    with pytest.raises(ParameterError) as caught:
        from_arguments(["host", "a=1", "ho\u202est"])
    assert caught.value.problems == ("'host' is not NAME=VALUE", "'ho\\u202est' is not NAME=VALUE")
    assert caught.value.hint == "for example: -p host=web1"


def test_variables_are_parameters_in_capitals() -> None:
    variables = {"RUNBOOK_PARAM_HOST": "web2", "RUNBOOK_PARAM_WAIT_SECONDS": "5", "HOST": "x", "PATH": "y"}
    given = from_environment(parameters_of(DECLARED), variables)
    assert given == (
        Given(name="host", raw="web2", origin="environment"),
        Given(name="wait_seconds", raw="5", origin="environment"),
    )


def test_a_variable_for_nobody_is_refused_by_resolve() -> None:
    parameters = parameters_of(DECLARED)
    given = from_environment(parameters, {"RUNBOOK_PARAM_HOTS": "x", "RUNBOOK_PARAM_host": "y"})
    with pytest.raises(ParameterError) as caught:
        resolve(parameters, given, base=BASE)
    assert caught.value.problems[0] == (
        "'hots' is not a parameter of this runbook (environment); did you mean host?"
    )


def test_a_variable_for_two_parameters_is_refused() -> None:
    with pytest.raises(ParameterError, match="RUNBOOK_PARAM_HOST could be any of host, Host"):
        from_environment(parameters_of("host: str = 'a'\nHost: str = 'b'"), {"RUNBOOK_PARAM_HOST": "x"})


CONTENT = {"host": "web2", "wait_seconds": 5, "ratio": 0.5, "on": True, "none": None, "more": [1, {"k": "v"}]}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (
            "p.yaml",
            "host: web2\nwait_seconds: 5\nratio: 0.5\n'on': true\nnone: null\nmore:\n- 1\n- {k: v}\n",
        ),
        ("p.yml", "host: 'web2'\nwait_seconds: 5\nratio: 0.5\n\"on\": true\nnone: ~\nmore: [1, {k: v}]\n"),
        (
            "p.json",
            '{"host":"web2","wait_seconds":5,"ratio":0.5,"on":true,"none":null,"more":[1,{"k":"v"}]}',
        ),
    ],
)
def test_a_file_keeps_its_types(name: str, data: str) -> None:
    given = from_file(data.encode(), name=name)
    assert {giver.name: giver.raw for giver in given} == CONTENT
    assert [type(giver.raw) for giver in given] == [type(value) for value in CONTENT.values()]
    assert {(giver.origin, giver.form) for giver in given} == {(f"file {name}", "plain")}


def test_toml_has_dates_of_its_own() -> None:
    data = b"day = 2026-11-21\nat = 2026-11-21T00:07:07Z\nhost = 'x'\n"
    given = {giver.name: giver.raw for giver in from_file(data, name="some/where/p.toml")}
    assert given == {
        "day": date(2026, 11, 21),
        "at": datetime(2026, 11, 21, 0, 7, 7, tzinfo=UTC),
        "host": "x",
    }


def test_a_date_in_yaml_is_what_the_declaration_says() -> None:
    given = from_file(b"day: 2026-11-21\nversion: 1.2.3\naddress: 10.0.0.1\n", name="p.yaml")
    assert [giver.raw for giver in given] == ["2026-11-21", "1.2.3", "10.0.0.1"]
    (value, _, _) = resolve(parameters_of("day: date\nversion: str\naddress: str"), given, base=BASE)
    assert value.value == date(2026, 11, 21)


def test_an_empty_file_gives_nothing() -> None:
    assert from_file(b"", name="p.yaml") == ()
    assert from_file(b"# nothing\n", name="p.yaml") == ()
    assert from_file(b"", name="p.toml") == ()


@pytest.mark.parametrize(
    "text", ["yes", "No", "on", "0o17", "010", "1_000", "1:30", ".inf", ".5", "1e3", "0x1f", "Null"]
)
def test_what_yaml_readers_dispute_is_refused(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        from_file(f"a: b\nhost: {text}\n".encode(), name="p.yaml")
    assert "means different things to different readers" in caught.value.message
    assert (caught.value.subject, caught.value.line) == ("p.yaml", 2)
    quoted = from_file(f"a: b\nhost: '{text}'\n".encode(), name="p.yaml")
    assert quoted[1].raw == text


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("p.yaml", b"a: 1\na: 2\n", "p.yaml:2: YAML: the key 'a' stands twice"),
        ("p.yaml", b"a: &x 1\nb: *x\n", "an anchor or an alias"),
        ("p.yaml", b"a: !!python/object:os.system x\n", "a tag"),
        ("p.yaml", b"a: 1\n---\nb: 2\n", "p.yaml:2: YAML: "),
        ("p.yaml", b"- a\n", "not a mapping"),
        ("p.yaml", b"a: \xff\n", "not UTF-8 (byte 3)"),
        ("p.yaml", b'a: "\\u202e"\n', "the text holds a character that turns the direction"),
        ("p.yaml", b"a: " + b"[" * 5000, "levels"),
        ("p.yaml", b"a: x\n" * 60_000, "larger than 262144 bytes"),
        ("p.json", b'{"a": 1, "a": 2}', "the key 'a' twice"),
        ("p.json", b'{"a": NaN}', "the number NaN"),
        ("p.json", b"[1]", "not a table of parameter names and their values"),
        ("p.json", b"{", "not JSON"),
        ("p.json", b"[" * 100_000, "not JSON"),
        ("p.toml", b"a = 1\na = 2\n", "not TOML"),
        ("p.toml", b"a = \n", "not TOML"),
        ("p.ini", b"a = 1\n", "the name does not say which format this is"),
        ("params", b"a = 1\n", "the name does not say which format this is"),
    ],
)
def test_a_file_that_can_not_be_read_says_where(name: str, data: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        from_file(data, name=name)
    assert words in str(caught.value)
    assert caught.value.subject == name


def test_what_papermill_turns_into_text_keeps_its_type_or_is_refused() -> None:
    parameters = parameters_of("day: date\nnames: set[str]\npair: tuple[int, str]\ncounts: dict[str, int]\n")
    data = b'day = 2026-11-21\nnames = ["a"]\npair = [1, "x"]\ncounts = {a = 1}\n'
    values = resolve(parameters, from_file(data, name="p.toml"), base=Path("/base"))
    assert [value.value for value in values] == [date(2026, 11, 21), {"a"}, (1, "x"), {"a": 1}]


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.binary(max_size=40), st.text(st.sampled_from("ab:-[]{}'\"\n &*!|>#1.0e_yn~,"), max_size=40))
)
def test_any_file_is_read_or_refused(data: bytes | str) -> None:
    raw = data.encode() if isinstance(data, str) else data
    for name in ("p.yaml", "p.json", "p.toml"):
        with contextlib.suppress(InputError):
            from_file(raw, name=name)
