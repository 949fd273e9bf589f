"""Declarations are read from the syntax tree: what papermill's regular expressions miss, we read."""

import json
import time
import warnings
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.errors import ParameterError
from runbook.text.literals import evaluate, literal
from runbook.text.parameters import declared
from runbook.text.reader import read
from runbook.text.reasons import CODES, Degree, Reason
from runbook.text.runbook import Parameter
from runbook.text.sources import from_arguments
from runbook.text.types import Type, spell
from runbook.text.values import Given, resolve
from tests.text.samples import BASE, code_cell, parameters_of, same, values
from tests.text.test_types import types

ATTACKS = Path(__file__).parent.parent / "attacks" / "parameters"


def reasons_of(source: str) -> tuple[Reason, ...]:
    return declared([code_cell(source, tags=("parameters",))])[1]


def parameter(source: str) -> Parameter:
    (only,) = parameters_of(source)
    return only


def test_a_declaration_has_name_type_default_help_and_line() -> None:
    found = parameters_of('import os\nhost: str = "web1"  # the host to restart first\nwait: int\n')
    assert found == (
        Parameter(
            name="host",
            type_text="str",
            default_source='"web1"',
            help="the host to restart first",
            line=3,
            secret=False,
        ),
        Parameter(name="wait", type_text="int", default_source=None, help="", line=4, secret=False),
    )


# (declaration, type, default, help): what papermill.inspect_notebook does not see or gets wrong.
PAPERMILL_TRAPS = [
    ("x: None | str = None  # who", "None | str", "None", "who"),
    ("x: Literal['a', 'b'] = 'a'  # which", "Literal['a', 'b']", "'a'", "which"),
    ('x: "typing.Optional[int]" = 3  # n', "int | None", "3", "n"),
    ("x: str = 'a=b'  # pair", "str", "'a=b'", "pair"),
    ("x: str = 'a#b'  # hash", "str", "'a#b'", "hash"),
    ("x = 'a#b'  # hash", "str", "'a#b'", "hash"),
    ("x: dict[str, int] = {'a': 1}  # == '#'", "dict[str, int]", "{'a': 1}", "== '#'"),
    (
        "x: list[int] = [  # no\n  1,  # nor this\n]  # help",
        "list[int]",
        "[  # no\n  1,  # nor this\n]",
        "help",
    ),
]


@pytest.mark.parametrize(("source", "kind", "default", "words"), PAPERMILL_TRAPS)
def test_what_papermill_misses_is_read(source: str, kind: str, default: str, words: str) -> None:
    found = parameter(source)
    assert (found.type_text, found.default_source, found.help) == (kind, default, words)


def test_papermill_still_misses_what_we_read() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        translators = pytest.importorskip("papermill.translators", reason="papermill comes with make bench")
    inspect = translators.PythonTranslator.inspect
    wrong = 0
    for source, _, default, words in PAPERMILL_TRAPS:
        found = inspect({"source": source})
        theirs = [(each.default, each.help) for each in found]
        wrong += theirs != [(default, words)]
    assert wrong >= 5


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", ""),
        ("x = 1 #help", "help"),
        ("x = 1 ## help #2", "help #2"),
        ("x = 'é#'  # größe", "größe"),
        ("x = (\n  1\n)  # behind", "behind"),
        ('x: Text = """a # b\nc"""  # text', "text"),
        ("x = 1;  # after", "after"),
        ("x = 1 #" + "x" * 500, "x" * 200),
        ("# above\nx = 1\n# below", ""),
    ],
)
def test_the_help_is_the_comment_behind(source: str, words: str) -> None:
    assert parameter(source).help == words


def test_two_declarations_on_one_line_have_one_comment() -> None:
    first, second = parameters_of("a = 1; b = 2  # for b")
    assert (first.help, second.help) == ("", "for b")


@pytest.mark.parametrize(
    ("default", "told"),
    [
        ("'x'", "str"),
        ("1", "int"),
        ("-1.5", "float"),
        ("True", "bool"),
        ("[1, 'a']", "list"),
        ("{'a': 1}", "dict"),
        ("(1,)", "tuple"),
        ("{1}", "set"),
    ],
)
def test_a_plain_assignment_tells_its_type(default: str, told: str) -> None:
    assert parameter(f"x = {default}").type_text == told


def test_names_count_for_what_they_were_imported_as() -> None:
    source = (
        "import datetime as dt\nfrom pathlib import Path as P\nfrom evil import Secret\n"
        "day: dt.date = dt.date(2026, 11, 21)\nwhere: P = P('x')\ntoken: Secret = 1\n"
    )
    parameters, reasons = declared([code_cell(source, tags=("parameters",))])
    assert [(each.type_text, each.default_source) for each in parameters] == [
        ("date", '__import__("datetime").date(2026, 11, 21)'),
        ("Path", "__import__(\"pathlib\").Path('x')"),
        ("", "1"),
    ]
    assert [(each.code, each.message) for each in reasons] == [
        ("parameters.type", "token: 'evil.Secret' is not a type of parameters")
    ]


def test_an_import_of_an_earlier_step_counts() -> None:
    cells = [
        code_cell("from evil import Path\nimport datetime as dt"),
        code_cell("where: Path\nday: dt.date\n", tags=("parameters",)),
    ]
    parameters, reasons = declared(cells)
    assert [each.type_text for each in parameters] == ["", "date"]
    assert [each.code for each in reasons] == ["parameters.type"]


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("a = 1\nb = a * 2", "parameters.derived", "the default of b is computed by the text"),
        ("a = print(1)", "parameters.derived", "the default of a is computed by the text"),
        ("a = f'{1}'", "parameters.derived", "the default of a is computed by the text"),
        ("a: date = date(2026, 13, 1)", "parameters.derived", "month must be in 1..12"),
        ("a: int = 'x'", "parameters.default", "the default of a: 'x' is not int"),
        ("a: Annotated[int, Bounds(ge=1)] = 0", "parameters.default", "must be at least 1 (given 0)"),
        ("a: str = '-v'", "parameters.default", "declare it as Text"),
        ("a: str = '\\u202e'", "parameters.default", "(U+202E)"),
        ("a = 'x\\ny'", "parameters.default", "declare it as Text to allow line breaks"),
        ("a: bytes = b'x'", "parameters.type", "'bytes' is not a type of parameters"),
        ("a = b'x'", "parameters.type", "its default tells no type"),
        ("a = None", "parameters.type", "its default tells no type"),
        ("a: Foo", "parameters.type", "a: 'Foo' is not a type"),
        ("_a = 1", "parameters.name", "'_a' is not a parameter's name"),
        ("__builtins__ = {}", "parameters.name", "'__builtins__' is not"),
        ("é = 1", "parameters.name", "'é' is not"),
        ("a = 1\na = 2", "parameters.twice", "a is declared a second time"),
        ("a = 1\nfrom x import a", "parameters.twice", "the import binds the parameter a again"),
        ("from x import *", "parameters.statement", "an import of everything a module has"),
        ("print('x')", "parameters.statement", "a statement that declares nothing"),
        ("a = b = 1", "parameters.statement", "a statement that declares nothing"),
        ("a, b = 1, 2", "parameters.statement", "a statement that declares nothing"),
        ("a.b: int = 1", "parameters.statement", "a statement that declares nothing"),
        ("(a): int = 1", "parameters.statement", "a statement that declares nothing"),
        ("a = 1\na += 1", "parameters.statement", "a statement that declares nothing"),
        ("if True:\n    a = 1", "parameters.statement", "a statement that declares nothing"),
        ("%pip install x", "parameters.statement", "a magic or `pass`"),
        ("a = 1\n!ls", "parameters.statement", "a magic or `pass`"),
        ("a: Secret = 'hunter2'", "parameters.default", "a secret is declared as `a: Secret = secret(…)`"),
        ("a: str = secret('env:T')", "parameters.default", "a secret is declared as"),
        (
            "a = secret('env:T')\nb: Secret = secret('hunter2')",
            "parameters.default",
            "a secret is declared as",
        ),
    ],
)
def test_a_bad_declaration_has_a_reason(source: str, code: str, message: str) -> None:
    reasons = reasons_of(source)
    assert [reason.code for reason in reasons] == [code]
    assert message in reasons[0].message
    assert reasons[0].degree is CODES[code].degree is Degree.NOT_NORMAL
    assert reasons[0].hint
    assert reasons[0].line == 2 + source.count("\n") - ("if" in source)


def test_a_derived_value_can_be_given_only_with_a_type() -> None:
    source = "a = 1\nb: int = a * 2\nc = a * 3\nd: Foo"
    parameters, _ = declared([code_cell(source, tags=("parameters",))])
    assert [(each.name, each.type_text, each.derived) for each in parameters] == [
        ("a", "int", False),
        ("b", "int", True),
        ("c", "", True),
        ("d", "", True),
    ]
    given = Given(name="b", raw="5", origin="command line")
    assert [value.name for value in resolve(parameters, [], base=BASE)] == ["a"]
    assert [value.name for value in resolve(parameters, [given], base=BASE)] == ["a", "b"]
    with pytest.raises(ParameterError, match="c: declares no type, so no value can be given: write `c: TYPE"):
        resolve(parameters, [Given(name="c", raw="5", origin="command line")], base=BASE)


def test_whatever_the_annotation_says_a_secret_is_a_secret() -> None:
    for source in ("a: str = secret('env:T')", "a = secret('env:T')", "a: Secret = secret('env:T')"):
        ((only,), _) = declared([code_cell(source, tags=("parameters",))])
        assert only.secret
        assert only.type_text == "Secret"


def test_a_hard_coded_secret_is_not_a_default() -> None:
    ((only,), _) = declared([code_cell("a: Secret = 'hunter2'", tags=("parameters",))])
    assert only.default_source is None
    assert "hunter2" not in repr(only)


def test_only_one_code_step_declares() -> None:
    first = code_cell("a = 1", tags=("parameters",), line=1)
    second = code_cell("b = 1", tags=("parameters",), line=9)
    assert [each.name for each in declared([first, second])[0]] == ["a"]
    prose = msgspec.structs.replace(first, kind="markdown")
    assert declared([prose]) == ((), ())
    text = b'# %% tags=["parameters"]\na = 1\n\n# %% tags=["parameters"]\nb = 1\n'
    assert [each.code for each in read(text).refusals] == ["step.tags"]


def test_an_injected_step_keeps_a_text_from_being_normal() -> None:
    cells = [
        code_cell("a = 1", tags=("parameters",)),
        code_cell("a = 2", tags=("injected-parameters",), line=7),
    ]
    _, (reason,) = declared(cells)
    assert (reason.code, reason.degree, reason.line) == ("parameters.injected", Degree.NOT_NORMAL, 7)


def test_cells_without_declarations_declare_nothing() -> None:
    assert declared([]) == ((), ())
    assert declared([code_cell("a = 1")]) == ((), ())
    assert declared([code_cell("def (", tags=("parameters",))]) == ((), ())
    assert declared([code_cell('"""Just words."""', tags=("parameters",))]) == ((), ())


def test_an_odd_escape_is_not_our_news() -> None:
    # "\d" warns when Python compiles it; the tests turn warnings into errors.
    assert parameter("x: Text = '\\d'").default_source == "'\\d'"


@settings(max_examples=150, deadline=None)
@given(types, values)
def test_every_default_is_read_back_or_refused(kind: Type, value: object) -> None:
    written = literal(value)
    parameters, reasons = declared([code_cell(f"x: {spell(kind)} = {written}  # help", tags=("parameters",))])
    (only,) = parameters
    assert only.type_text == spell(kind)
    assert only.default_source is not None
    assert same(evaluate(only.default_source), value)
    if not reasons:
        (resolved,) = resolve(parameters, (), base=BASE)
        assert same(resolved.value, value)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab_=:#'\"()[]{}, \n\\1.%!*-\u202e\x0c\r\0"), max_size=40))
def test_declarations_are_read_without_ever_raising(source: str) -> None:
    for each in declared([code_cell(source, tags=("parameters",))])[0]:
        assert each.name.isidentifier()


@pytest.mark.parametrize("source", ["x = " + "(" * 5000, "x = " + "-" * 900 + "1", "x = a" + ".a" * 900])
def test_a_declaration_nested_too_deep_is_not_read(source: str) -> None:
    parameters, _ = declared([code_cell(source, tags=("parameters",))])
    assert all(each.derived for each in parameters)


@pytest.mark.parametrize("folder", sorted(ATTACKS.iterdir()), ids=lambda folder: folder.name)
def test_an_attack_is_answered_with_its_problems(folder: Path) -> None:
    """`declaration.py` is the step, `given.json` what is passed, `expected.txt` one problem per line."""
    parameters, _ = declared(
        [code_cell((folder / "declaration.py").read_text("utf-8"), tags=("parameters",))]
    )
    given = json.loads((folder / "given.json").read_text("utf-8"))
    expected = (folder / "expected.txt").read_text("utf-8").splitlines()
    with pytest.raises(ParameterError) as caught:
        resolve(
            parameters,
            [*from_arguments(given.get("arguments", [])), *_plain(given.get("file", {}))],
            base=BASE,
        )
    assert list(caught.value.problems) == expected


def _plain(content: dict[str, object]) -> list[Given]:
    return [Given(name=name, raw=raw, origin="file p.json", form="plain") for name, raw in content.items()]


def test_many_parameters_are_read_in_linear_time() -> None:
    source = "".join(f"a{number}: int = 1\n" for number in range(10_000))
    began = time.monotonic()

    assert len(parameters_of(source)) == 10_000
    assert time.monotonic() - began < 20, "with the cell split for each of them, this takes minutes"


def test_a_default_of_several_lines_is_kept_as_written() -> None:
    assert parameter('x: dict[str, str] = {\n    "ä": "é",\n}  # who').default_source == '{\n    "ä": "é",\n}'


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("aé=1:#'\"\r\n "), max_size=30))
def test_a_lone_carriage_return_beside_wide_letters_is_read_without_raising(source: str) -> None:
    declared([code_cell(f"x = 1\r{source}", tags=("parameters",))])
    declared([code_cell(f"b = 1\ré = 'é'  # é\n{source}", tags=("parameters",))])
