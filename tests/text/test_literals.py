"""Values as literals and back: the same value, the same type, in any namespace, and nothing is ever run."""

import math
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from runbook.text.literals import NotLiteral, evaluate, literal, plain
from tests.text.samples import same, values

EXACT = [
    (date(2026, 11, 21), '__import__("datetime").date(2026, 11, 21)'),
    (
        datetime(2026, 11, 21, 0, 7, 7, tzinfo=UTC),
        '__import__("datetime").datetime(2026, 11, 21, 0, 7, 7, tzinfo=__import__("datetime").timezone.utc)',
    ),
    (timedelta(days=1, seconds=2), '__import__("datetime").timedelta(days=1, seconds=2)'),
    (timedelta(0), '__import__("datetime").timedelta()'),
    (Path("/srv/a'b"), '__import__("pathlib").Path("/srv/a\'b")'),
    (set(), "{*()}"),
    ({"b", "a"}, "{'a', 'b'}"),
    ((1,), "(1,)"),
    ((), "()"),
    ((1, "a"), "(1, 'a')"),
    ({"a": [None, True]}, "{'a': [None, True]}"),
    (-0.0, "-0.0"),
    (math.inf, '__import__("math").inf'),
    (-math.inf, '-__import__("math").inf'),
    (math.nan, '__import__("math").nan'),
    (2**64, "18446744073709551616"),
    ("a\nb\u202e", "'a\\nb\\u202e'"),
]


@pytest.mark.parametrize(("value", "written"), EXACT)
def test_a_value_has_one_literal(value: object, written: str) -> None:
    assert literal(value) == written
    assert same(eval(written, {}), value)
    assert same(evaluate(written), value)


@settings(max_examples=200, deadline=None)
@given(values)
def test_a_literal_evaluates_to_the_same_value_and_type(value: object) -> None:
    written = literal(value)
    # A hostile namespace: every builtin's name but `__import__` means something else.
    hostile = dict.fromkeys(dir(__builtins__)) | {"set": list, "float": str}
    assert same(eval(written, {**hostile, "__builtins__": {"__import__": __import__}}), value)
    assert same(evaluate(written), value)
    assert "\n" not in written


def test_a_number_too_long_for_decimal_digits_is_still_exact() -> None:
    value = 10**5000 + 1
    assert literal(value).startswith("0x")
    assert eval(literal(value)) == value
    assert evaluate(literal(-value)) == -value


def test_a_set_is_written_alike_whatever_the_hash_seed() -> None:
    source = "from runbook.text.literals import literal; print(literal({'a', 'b', 'c', 'd', 1, None}))"
    written = {
        subprocess.run(
            [sys.executable, "-c", source],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(written) == 1


class Sub(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"x", "bytes has no literal"),
        (1j, "complex has no literal"),
        (Sub("x"), "Sub has no literal"),
        (object(), "object has no literal"),
        (datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Paris")), "time zone Europe/Paris has no literal"),
        (
            datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
            "named time zone CET has no literal",
        ),
    ],
)
def test_what_has_no_literal_is_refused_by_name(value: object, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        literal(value)


def test_a_value_nested_without_end_is_refused() -> None:
    nest: list[object] = []
    nest.append(nest)
    with pytest.raises(TypeError, match="more than 40 levels"):
        literal(nest)


NAMES = {"dt": "datetime", "d": "datetime.date", "P": "pathlib.Path", "evil": "evil"}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("dt.date(2026, 1, 2)", date(2026, 1, 2)),
        ("d(2026, month=1, day=2)", date(2026, 1, 2)),
        ("date(2026, 1, 2)", date(2026, 1, 2)),
        ("dt.datetime(2026, 1, 2, tzinfo=dt.UTC)", datetime(2026, 1, 2, tzinfo=UTC)),
        ("timedelta(hours=1.5)", timedelta(minutes=90)),
        ('P("x")', Path("x")),
        ('pathlib.Path("x")', Path("x")),
        ('float("inf")', math.inf),
        ("math.nan", math.nan),
        ("set()", set()),
        ("{*()}", set()),
        ("-3", -3),
        ("+3.5", 3.5),
        ('"a" "b"', "ab"),
        ("{'a': (1, [2, {3}])}", {"a": (1, [2, {3}])}),
    ],
)
def test_a_default_is_read_without_running_it(source: str, value: object) -> None:
    assert same(evaluate(source, NAMES), value)


@pytest.mark.parametrize(
    "source",
    [
        "print(1)",
        '__import__("os").system("touch pwned")',
        '__import__("datetime").__loader__',
        "Path.home()",
        'Path("a") / "b"',
        "date.today()",
        'f"{x}"',
        "1 + 1",
        "-True",
        "not 1",
        "[*x]",
        "{**x}",
        "[x for x in y]",
        "lambda: 1",
        "evil.date(2026, 1, 1)",
        "date(*[2026, 1, 1])",
        "date(**{'year': 1})",
        "date(2026, 13, 1)",
        "timedelta(days=10**10)",
        'float("1")',
        "set([1])",
        "{[]: 1}",
        "{[1]}",
        "{'a': 1, 'a': 2}",
        "(yield)",
        "1 2",
        "",
        "[" * 90 + "]" * 90,
        "(" * 5000,
        "a" + ".a" * 5000,
        "-" * 5000 + "1",
        "__import__('os')",
    ],
)
def test_what_must_be_run_to_be_known_is_no_literal(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotLiteral):
        evaluate(source, NAMES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Path("/var/log/web.log"), "/var/log/web.log"),
        (date(2026, 11, 21), "2026-11-21"),
        (datetime(2026, 11, 21, 0, 7, 7, tzinfo=UTC), "2026-11-21T00:07:07+00:00"),
        (timedelta(minutes=5), "0:05:00"),
        ([Path("a"), Path("b")], "[a, b]"),
        ((Path("a"),), "(a,)"),
        ((1, "a"), "(1, 'a')"),
        ({"log": Path("a")}, "{'log': a}"),
        ({Path("b"), Path("a")}, "{a, b}"),
        (set(), "set()"),
        ("web1", "'web1'"),
        (None, "None"),
    ],
)
def test_people_are_shown_the_plain_value(value: object, shown: str) -> None:
    assert plain(literal(value)) == shown


@given(values)
def test_every_value_has_something_to_show(value: object) -> None:
    assert plain(literal(value))


def test_what_is_no_literal_is_shown_as_it_is() -> None:
    assert plain("os.system('x')") == "os.system('x')"
