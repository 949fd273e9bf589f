"""What was given becomes what was declared, or is refused: never guessed, all problems at once."""

import contextlib
import json
import math
import pickle
import re
import time as time_module
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.errors import ParameterError
from runbook.text.conversion import from_plain, from_text, require
from runbook.text.runbook import Parameter
from runbook.text.secret import Hidden, SecretSource, parse_source
from runbook.text.spellings import Unfit
from runbook.text.types import Type, parse
from runbook.text.values import Given, Value, resolve, values_digest
from tests.text.samples import BASE, parameters_of, same
from tests.text.test_types import types

HOUR = timezone(timedelta(hours=1))


def said(name: str, raw: object, origin: str = "command line") -> Given:
    return Given(name=name, raw=raw, origin=origin)


def filed(name: str, raw: object) -> Given:
    return Given(name=name, raw=raw, origin="file p.yaml", form="plain")


def problems(parameters: tuple[Parameter, ...], *given: Given) -> tuple[str, ...]:
    with pytest.raises(ParameterError) as caught:
        resolve(parameters, given, base=BASE)
    return caught.value.problems


@pytest.mark.parametrize(
    ("annotation", "raw", "value"),
    [
        ("str", "007", "007"),
        ("str", " 5 ", " 5 "),
        ("str", "", ""),
        ("str", "true", "true"),
        ("str", "Müller", "Müller"),
        ("Text", "-v\n\tx", "-v\n\tx"),
        ("int", "0", 0),
        ("int", "-12", -12),
        ("int", "+7", 7),
        ("float", "30", 30.0),
        ("float", "-1.5e-3", -0.0015),
        ("bool", "true", True),
        ("bool", "false", False),
        ("date", "2026-11-21", date(2026, 11, 21)),
        ("datetime", "2026-11-21T00:07:07Z", datetime(2026, 11, 21, 0, 7, 7, tzinfo=UTC)),
        ("datetime", "2026-11-21T00:07:07.5+01:00", datetime(2026, 11, 21, 0, 7, 7, 500000, tzinfo=HOUR)),
        ("datetime", "2026-11-21T00:07", datetime(2026, 11, 21, 0, 7)),  # noqa: DTZ001
        ("timedelta", "90s", timedelta(seconds=90)),
        ("timedelta", "1w2d3h4m5.25s", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5.25)),
        ("timedelta", "-5m", timedelta(minutes=-5)),
        ("timedelta", "0s", timedelta(0)),
        ("Path", "data/x", Path("/base/data/x")),
        ("Path", "/srv/x", Path("/srv/x")),
        ("Path", "-rf", Path("/base/-rf")),
        ("Literal['a', 1, True, None]", "1", 1),
        ("Literal['a', 1, True, None]", "true", True),
        ("Literal['a', 1, True, None]", "null", None),
        ("Literal['1', 1]", "1", "1"),
        ("int | None", "null", None),
        ("str | None", "null", "null"),
        ("None | str", "null", None),
        ("int | str", "5", 5),
        ("str | int", "5", "5"),
        ("int | float", "5.0", 5.0),
        ("list[int]", "[1, 2]", [1, 2]),
        ("list[float]", "[1, 2.5]", [1.0, 2.5]),
        ("list[date]", '["2026-11-21"]', [date(2026, 11, 21)]),
        ("list[Path]", '["a"]', [Path("/base/a")]),
        ("tuple[int, str]", '[1, "a"]', (1, "a")),
        ("tuple[int, ...]", "[]", ()),
        ("set[str]", '["b", "a"]', {"a", "b"}),
        ("set[str]", "[]", set()),
        ("dict[str, int | None]", '{"a": 1, "b": null}', {"a": 1, "b": None}),
        ("dict[str, list[timedelta]]", '{"a": ["5m"]}', {"a": [timedelta(minutes=5)]}),
        ("list", '[1, 1.5, "a", null, true, {"k": []}]', [1, 1.5, "a", None, True, {"k": []}]),
        ("Annotated[int, Bounds(ge=1, lt=5)]", "4", 4),
        ("Annotated[float | None, Bounds(gt=0)]", "null", None),
    ],
)
def test_a_text_becomes_the_declared_type(annotation: str, raw: str, value: object) -> None:
    converted = from_text(raw, parse(annotation), base=BASE)
    assert same(converted, value)
    require(converted, parse(annotation))


WHOLE = "is not int: give a whole number like 30 or -5, without blanks, underscores or leading zeros"


@pytest.mark.parametrize(
    ("annotation", "raw", "words"),
    [
        # What papermill guesses: 007 is 7, 1_000 is 1000, " 5 " is 5, a Thai or Arabic digit is a digit.
        ("int", "007", f"'007' {WHOLE}"),
        ("int", "1_000", f"'1_000' {WHOLE}"),
        ("int", " 5 ", f"' 5 ' {WHOLE}"),
        ("int", "٣", f"'٣' {WHOLE}"),
        ("int", "0x10", f"'0x10' {WHOLE}"),
        ("int", "1e3", f"'1e3' {WHOLE}"),
        ("int", "5.0", f"'5.0' {WHOLE}"),
        ("int", "true", f"'true' {WHOLE}"),
        ("int", "", f"'' {WHOLE}"),
        ("int", "5\n", f"'5\\n' {WHOLE}"),
        ("int", "9" * 1001, "has more than 1000 digits"),
        ("float", "nan", "'nan' is not float: give a finite number like 1.5, 30 or 2e-3"),
        ("float", "Infinity", "'Infinity' is not float"),
        ("float", "1e999", "'1e999' is too large for a float"),
        ("float", ".5", "'.5' is not float"),
        ("bool", "True", "'True' is not bool: give true or false"),
        ("bool", "yes", "'yes' is not bool: give true or false"),
        ("bool", "1", "'1' is not bool: give true or false"),
        ("date", "2026-02-30", "'2026-02-30' is no day: day is out of range for month"),
        ("date", "20261121", "'20261121' is not date: give a date like 2026-11-21"),
        ("date", "2026-11-21T00:00:00", "is not date"),
        ("datetime", "2026-11-21", "is not datetime: give an instant like 2026-11-21T00:07:07Z"),
        ("datetime", "2026-11-21T24:00:00", "is not datetime"),
        ("datetime", "2026-02-30T00:00:00", "is no instant"),
        ("timedelta", "90", "'90' is not timedelta: give a duration like 90s, 1h30m or 2d"),
        ("timedelta", "5m1h", "is not timedelta"),
        ("timedelta", "-", "is not timedelta"),
        ("timedelta", "999999999d24h", "is too long a duration"),
        ("str", "-rf", "'-rf' begins with '-'; declare it as Text to allow that"),
        ("str", "a\nb", "has a control character (U+000A); declare it as Text to allow line breaks and tabs"),
        ("str", "a\x1b[2Jb", "has a control character (U+001B)"),
        ("str", "a\u202eb", "'a\\u202eb' has a character that turns the direction of the text (U+202E)"),
        ("str", "a\u200bb", "(U+200B)"),
        ("str", "a\ud800", "half of a surrogate pair (U+D800)"),
        ("Text", "a\u202eb", "(U+202E)"),
        ("Text", "a\r\n", "a control character (U+000D)"),
        ("Path", "", "is an empty path"),
        ("Path", "~/x", "begins with '~', which only a shell understands: write the folder out"),
        ("Path", "a\nb", "has a line break or a tab"),
        ("Path", "a\0b", "a control character (U+0000)"),
        ("Literal['a', 1]", "b", "'b' is none of a, 1"),
        ("Literal['a', 1]", "true", "'true' is none of a, 1"),
        ("int | None", "x", f"'x' {WHOLE}"),
        ("int | bool", "x", "'x' is none of int | bool"),
        ("list[int]", "1, 2", "'1, 2' is not list[int] written as JSON (not JSON: Extra data)"),
        ("list[int]", "[1, true]", "at [1]: True is not int"),
        ("list[int]", "[1.0]", "at [0]: 1.0 is not int"),
        ("list[int]", "{}", "a dict is not list[int]: give a list"),
        ("list[int]", "[1", "is not list[int] written as JSON"),
        ("list[float]", "[NaN]", "is not list[float] written as JSON (not JSON: the number NaN)"),
        ("list[float]", "[1e999]", "at [0]: inf is not a finite number"),
        ("list[float]", "[9007199254740993]", "at [0]: 9007199254740993 can't be held exactly by a float"),
        ("list[str]", '["\\u202e"]', "at [0]: '\\u202e' has"),
        ("list[str]", '["-x"]', "at [0]: '-x' begins with '-'"),
        ("list[str]", '["\\ud800"]', "half of a surrogate pair"),
        ("list", "[" * 50 + "]" * 50, "nested more than 20 levels deep"),
        ("list", "[" * 60_000, "is nested more than 20 levels deep"),
        ("list", '["' + "[" * 500 + '\\"[[[[[[[[", 1', "is not list written as JSON"),
        ("dict", '{"a": 1, "a": 2}', "the key 'a' twice"),
        ("dict", '{"\\u202e": 1}', "(U+202E)"),
        ("dict[str, int]", "[]", "a list is not dict[str, int]: give an object"),
        ("set[str]", '["a", "a"]', "names an element of the set twice"),
        ("set", "[[1]]", "a set holds no lists and no objects"),
        ("tuple[int, str]", "[1]", "has 1 parts where tuple[int, str] has 2"),
        ("Annotated[int, Bounds(ge=1)]", "0", "must be at least 1 (given 0)"),
        ("Annotated[int, Bounds(gt=1)]", "1", "must be more than 1 (given 1)"),
        ("Annotated[int, Bounds(le=1)]", "2", "must be at most 1 (given 2)"),
        ("Annotated[float, Bounds(lt=1)]", "1", "must be less than 1 (given 1.0)"),
        ("str", "x" * 10_000_000, "is longer than 65536 characters (10000000)"),
    ],
)
def test_a_text_that_does_not_fit_says_why(annotation: str, raw: str, words: str) -> None:
    with pytest.raises(Unfit) as caught:
        from_text(raw, parse(annotation), base=BASE)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "\u202e" not in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "raw", "value"),
    [
        ("str", "5", "5"),
        ("float", 5, 5.0),
        ("date", date(2026, 11, 21), date(2026, 11, 21)),
        ("date", "2026-11-21", date(2026, 11, 21)),
        ("datetime", datetime(2026, 11, 21, tzinfo=HOUR), datetime(2026, 11, 21, tzinfo=HOUR)),
        ("timedelta", "5m", timedelta(minutes=5)),
        ("Path", "x", Path("/base/x")),
        ("int | None", None, None),
        ("Literal[1, True]", True, True),
    ],
)
def test_a_value_of_a_file_keeps_its_type(annotation: str, raw: object, value: object) -> None:
    assert same(from_plain(raw, parse(annotation), base=BASE), value)


@pytest.mark.parametrize(
    ("annotation", "raw", "words"),
    [
        # What papermill turns into text without a word: dates, tuples, sets, keys that are no text.
        ("str", 5, "5 is not str: give text"),
        ("str", date(2026, 1, 1), "a date is not str: give text"),
        ("str", True, "True is not str"),
        ("int", "5", "'5' is not int: give a whole number"),
        ("int", True, "True is not int"),
        ("int", 5.0, "5.0 is not int"),
        ("bool", 1, "1 is not bool: give true or false"),
        ("bool", "true", "'true' is not bool"),
        ("float", True, "True is not float"),
        ("float", math.nan, "nan is not a finite number"),
        ("float", 10**400, "is too large for a float"),
        ("float", 2**53 + 1, "can't be held exactly by a float"),
        ("date", datetime(2026, 1, 1, tzinfo=UTC), "a datetime is not date"),
        ("datetime", date(2026, 1, 1), "a date is not datetime"),
        ("timedelta", 90, "90 is not timedelta: give a duration like 90s"),
        ("Path", 1, "1 is not Path"),
        ("Literal[1]", True, "True is none of 1"),
        ("Literal[1]", 1.0, "1.0 is none of 1"),
        ("Literal[1]", "1", "'1' is none of 1"),
        ("None", "null", "'null' is not None"),
        ("list", [time(1)], "a time is not a value that needs no declared type: give text, a number"),
        ("dict", {1: 2}, "the key 1 is not text"),
        ("dict[str, int]", {"a": "1"}, "at ['a']: '1' is not int"),
        ("list[list[int]]", [[1], ["x"]], "at [1]: at [0]: 'x' is not int"),
    ],
)
def test_a_value_of_a_file_that_does_not_fit_says_why(annotation: str, raw: object, words: str) -> None:
    with pytest.raises(Unfit) as caught:
        from_plain(raw, parse(annotation), base=BASE)
    assert words in str(caught.value)


anything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.just("2026-01-01")
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(types, anything)
def test_what_is_accepted_has_the_declared_type(kind: Type, raw: object) -> None:
    written = raw if isinstance(raw, str) else json.dumps(raw)
    with contextlib.suppress(Unfit):
        require_again(from_plain(raw, kind, base=BASE), kind)
    with contextlib.suppress(Unfit):
        require_again(from_text(written, kind, base=BASE), kind)


def require_again(value: object, kind: Type) -> None:
    try:
        require(value, kind)
    except Unfit as problem:
        raise AssertionError(f"accepted, but {problem}") from problem


@settings(max_examples=200, deadline=None)
@given(types, st.text(max_size=12))
def test_hostile_text_is_accepted_or_refused_and_nothing_else(kind: Type, raw: str) -> None:
    with contextlib.suppress(Unfit):
        require_again(from_text(raw, kind, base=BASE), kind)


WEB = """host: str = "web1"  # the host to restart first
wait_seconds: Annotated[int, Bounds(ge=1)] = 30
since: date
where: Path = Path("data")
"""


def test_values_stand_in_the_order_of_the_declarations() -> None:
    values = resolve(
        parameters_of(WEB), [said("since", "2026-11-21"), said("host", "web2")], base=Path("/home/x")
    )
    assert [(value.name, value.literal, value.origin) for value in values] == [
        ("host", "'web2'", "command line"),
        ("wait_seconds", "30", "default"),
        ("since", '__import__("datetime").date(2026, 11, 21)', "command line"),
        # A default is reviewed text and stays as it is; a path that somebody gave is made absolute.
        ("where", "__import__(\"pathlib\").Path('data')", "default"),
    ]
    given = resolve(
        parameters_of(WEB), [said("since", "2026-11-21"), said("where", "d")], base=Path("/home/x")
    )
    assert given[3].value == Path("/home/x/d")


def test_all_problems_come_at_once_with_the_closest_name() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve(
            parameters_of(WEB),
            [said("hots", "x"), said("wait_seconds", "0"), said("where", ""), filed("host", 5)],
            base=BASE,
        )
    assert caught.value.problems == (
        "'hots' is not a parameter of this runbook (command line); did you mean host?",
        "host: 5 is not str: give text (file p.yaml)",
        "wait_seconds: must be at least 1 (given 0) (command line)",
        "since: is required and nobody gave it (date)",
        "where: is an empty path (command line)",
    )
    assert caught.value.hint == (
        "declared: host: str, wait_seconds: Annotated[int, Bounds(ge=1)], since: date, where: Path"
    )


def test_a_required_parameter_says_its_help() -> None:
    assert problems(parameters_of("host: str  # where to begin")) == (
        "host: is required and nobody gave it (str, where to begin)",
    )


def test_a_runbook_without_parameters_says_where_they_would_stand() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve((), [said("host", "x")], base=BASE)
    assert caught.value.hint == (
        "this runbook declares no parameters: they stand in a step tagged parameters"
    )


def test_the_later_origin_wins_and_one_origin_gives_once() -> None:
    host = parameters_of('host: str = "a"')
    later = resolve(host, [said("host", "b", "environment"), said("host", "c")], base=BASE)
    assert later[0].value == "c"
    assert problems(host, said("host", "b"), said("host", "c")) == ("host: given twice (command line)",)


HOSTILE_NAMES = ["x; import os #", "class", "__class__", "a\u202eb", "", "x" * 10_000_000, "host\n", "hоst"]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_a_hostile_name_is_unknown_and_shown_harmless(name: str) -> None:
    (problem,) = problems(parameters_of('host: str = "a"'), said(name, "1"))
    assert "is not a parameter of this runbook (command line)" in problem
    assert len(problem) < 200
    assert problem.isprintable()


def test_ten_thousand_problems_are_shortened() -> None:
    found = problems((), *(filed(f"n{number}", 1) for number in range(10_000)))
    assert len(found) == 51
    assert found[-1] == "and 9950 more problems"


def test_a_value_from_a_plan_is_read_back_exactly() -> None:
    parameters = parameters_of("when: datetime\nwaits: list[timedelta]\nwhere: Path\nnames: set[str]\n")
    given = [
        said("when", "2026-11-21T00:00:00+01:00"),
        said("waits", '["5m"]'),
        said("where", "x"),
        said("names", "[]"),
    ]
    values = resolve(parameters, given, base=BASE)
    again = [
        Given(name=value.name, raw=value.literal, origin=value.origin, form="literal") for value in values
    ]
    assert resolve(parameters, again, base=Path("/elsewhere")) == values
    forged = Given(name="where", raw='__import__("os").system("true")', origin="plan", form="literal")
    assert problems(parameters_of("where: Path"), forged) == ("where: computed by the text (plan)",)
    wrong = Given(name="where", raw="'x'", origin="plan", form="literal")
    assert problems(parameters_of("where: Path"), wrong) == ("where: 'x' is not Path: give a path (plan)",)


def test_nobody_gives_a_value_in_the_name_of_the_default() -> None:
    with pytest.raises(ValueError, match="nobody who gives a value is called 'default'"):
        resolve(parameters_of("host: str = 'a'"), [said("host", "evil", "default")], base=BASE)


def test_a_hostile_json_is_refused_in_no_time() -> None:
    hostile = '\\"' * 32_000
    begun = time_module.monotonic()
    with pytest.raises(Unfit, match="written as JSON"):
        from_text(f"[{hostile}", parse("list"), base=BASE)
    assert time_module.monotonic() - begun < 2


def test_a_base_that_is_not_absolute_is_a_bug() -> None:
    with pytest.raises(ValueError, match="not absolute"):
        resolve((), (), base=Path("x"))


TOKEN = 'token: Secret = secret("env:TOKEN")\n'


def test_a_secret_is_named_by_its_place_and_never_itself() -> None:
    (value,) = resolve(parameters_of(TOKEN), (), base=BASE)
    assert value == Value(
        name="token",
        type_text="Secret",
        value=SecretSource("env", "TOKEN"),
        literal=None,
        origin="default",
        secret=True,
    )
    for where in ("prompt", "file:/run/token", "keyring:service/name", "env:OTHER"):
        (value,) = resolve(parameters_of(TOKEN), [said("token", where)], base=BASE)
        assert str(value.value) == where


@pytest.mark.parametrize(
    "raw", ["hunter2", "env:", "env:A B", "file:", "keyring:x", "prompt:x", "env:X\n", 5]
)
def test_a_secret_given_itself_is_refused_and_not_echoed(raw: object) -> None:
    (problem,) = problems(parameters_of(TOKEN), said("token", raw))
    assert "hunter2" not in problem
    assert "prompt, env:NAME, file:PATH or keyring:SERVICE/NAME" in problem


def test_a_secret_is_only_a_place_until_the_run_begins() -> None:
    (typed,) = resolve(parameters_of(TOKEN), [said("token", "prompt", "prompt")], base=BASE)
    (found,) = resolve(parameters_of(TOKEN), [said("token", "file:run/token")], base=BASE)
    assert typed.value == SecretSource("prompt", "")
    assert str(found.value) == f"file:{BASE}/run/token"
    assert typed.literal is found.literal is None
    assert values_digest([typed]) == values_digest([found])


def test_a_bare_secret_on_the_command_line_is_refused_with_the_reason() -> None:
    (problem,) = problems(parameters_of(TOKEN), said("token", "hunter2", "command line"))
    assert "a shell keeps its history" in problem
    assert "hunter2" not in problem


def test_a_secret_in_memory_shows_nowhere() -> None:
    hidden = Hidden("hunter2")
    assert "hunter2" not in repr(hidden) + str(hidden)
    with pytest.raises(TypeError, match="never written down"):
        pickle.dumps(hidden)


def test_a_source_of_secrets_is_read_in_one_spelling() -> None:
    assert parse_source("env:TOKEN") == SecretSource("env", "TOKEN")
    assert parse_source("ENV:TOKEN") is None
    assert parse_source("env:1X") is None
    assert parse_source("TOKEN") is None


def test_the_digest_is_of_the_exact_values_whatever_their_order_and_origin() -> None:
    first = resolve(parameters_of("a: int = 1\nb: str = 'x'"), (), base=BASE)
    second = resolve(parameters_of("b: str = 'y'\na: int = 1"), [said("b", "x")], base=BASE)
    assert values_digest(first) == values_digest(second)
    assert values_digest(first).startswith("sha256:")
    for source in ("a: int = 2\nb: str = 'x'", "a: str = '1'\nb: str = 'x'", "a: int = 1", "a: bool = True"):
        assert values_digest(resolve(parameters_of(source), (), base=BASE)) != values_digest(first)


def test_the_digest_is_the_same_in_every_version() -> None:
    values = resolve(parameters_of("a: int = 1\nb: set[str] = {'y', 'x'}"), (), base=BASE)
    pinned = "93020e685047d918d3f7686efd0606a494e1acd5e77bb904f039ccb1d831eea2"
    assert values_digest(values) == f"sha256:{pinned}"


PAGE = (Path(__file__).parents[2] / "docs/reference/parameters.md").read_text("utf-8")
ROWS = re.findall(
    r"^\| `([^\n]*?)` \| (`.*?) \| ?(.*?) ?\|$", PAGE.split("### Text to value")[1], re.MULTILINE
)


@pytest.mark.parametrize(("annotation", "accepted", "refused"), ROWS, ids=[row[0] for row in ROWS])
def test_the_page_on_parameters_says_what_is_converted(annotation: str, accepted: str, refused: str) -> None:
    kind = parse(annotation.replace("\\|", "|"))
    for raw in re.findall(r"`([^`]+)`", accepted):
        require(from_text(raw, kind, base=BASE), kind)
    for raw in re.findall(r"`([^`]+)`", refused):
        with pytest.raises(Unfit):
            from_text(raw, kind, base=BASE)


def test_the_page_on_parameters_has_every_type_and_a_declaration_that_is_read() -> None:
    assert len(ROWS) == 17
    declaration = PAGE.split("```python\n", 1)[1].split("```", 1)[0].split("\n", 1)[1]
    assert [parameter.name for parameter in parameters_of(declaration)] == [
        *("host", "wait_seconds", "since", "mode", "where", "message", "hosts", "retries")
    ]
