"""The type language: each type has one spelling that reads back as itself, and nothing else is a type."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.text.types import (
    Bounded,
    Choice,
    DictOf,
    ListOf,
    Plain,
    SetOf,
    TupleOf,
    Type,
    TypeProblem,
    Union,
    of_value,
    parse,
    spell,
)

names = ("str", "int", "float", "bool", "date", "datetime", "timedelta", "Path", "Text")
plains: st.SearchStrategy[Type] = st.sampled_from([parse(name) for name in names])
numbers = st.one_of(st.integers(-5, 5), st.floats(-5, 5))
choices = st.lists(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6)),
    min_size=1,
    max_size=4,
    unique_by=lambda value: (type(value), value),
).map(lambda values: Choice(tuple(values)))
bounded = st.builds(
    lambda inner, low, high: Bounded(inner, ge=min(low, high), lt=max(low, high)),
    st.sampled_from([Plain("int"), Plain("float"), Union((Plain("int"), Plain("None")))]),
    numbers,
    numbers,
)


def _containers(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    flat = st.one_of(plains, choices)
    return st.one_of(
        inner.map(ListOf),
        flat.map(SetOf),
        inner.map(DictOf),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: TupleOf(tuple(items), endless=False)),
        inner.map(lambda item: TupleOf((item,), endless=True)),
        flat.map(lambda member: Union((member, Plain("None")))),
    )


types = st.recursive(st.one_of(plains, choices, bounded), _containers, max_leaves=4)


@settings(max_examples=200, deadline=None)
@given(types)
def test_a_type_reads_back_from_its_spelling(kind: Type) -> None:
    assert parse(spell(kind)) == kind
    assert spell(parse(spell(kind))) == spell(kind)


NAMES = {
    "dt": "datetime",
    "datetime": "datetime",
    "t": "typing",
    "Te": "typing_extensions.Annotated",
    "P": "pathlib.Path",
    "Path": "evil.Path",
    "T": "typing.Text",
    "kit": "runbook.kit",
}


@pytest.mark.parametrize(
    ("annotation", "spelled"),
    [
        ("str", "str"),
        ("builtins.int", "int"),
        ("dt.date", "date"),
        ("datetime.datetime", "datetime"),
        ("P", "Path"),
        ("t.Optional[int]", "int | None"),
        ("Optional['int']", "int | None"),
        ("Union[int, str, None]", "int | str | None"),
        ("None | str", "None | str"),
        ("'None | str'", "None | str"),
        ("int | int", "int"),
        ("(int | str) | (None | int)", "int | str | None"),
        ("typing.List[str]", "list[str]"),
        ("t.Dict[str, 'list[int]']", "dict[str, list[int]]"),
        ("tuple[int, ...]", "tuple[int, ...]"),
        ("tuple[int, str]", "tuple[int, str]"),
        ("list", "list"),
        ("t.Literal['a', -1, True, None]", "Literal['a', -1, True, None]"),
        ("Te[int, Bounds(ge=1)]", "Annotated[int, Bounds(ge=1)]"),
        ("Annotated[float, kit.Bounds(gt=0, le=1.5)]", "Annotated[float, Bounds(gt=0, le=1.5)]"),
        ("kit.Secret", "Secret"),
        ("T", "str"),
        ("Text", "Text"),
    ],
)
def test_an_annotation_has_one_spelling(annotation: str, spelled: str) -> None:
    assert spell(parse(annotation, NAMES)) == spelled


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("bytes", "'bytes' is not a type of parameters"),
        ("Path", "'evil.Path' is not a type of parameters"),
        ("datetime", "'datetime' is not a type of parameters"),
        ("list[int, int]", "wrong number of parts"),
        ("tuple[()]", "wrong number of parts"),
        ("dict[int, str]", "keys of a dict are str"),
        ("dict[str]", "wrong number of parts"),
        ("set[list[int]]", "a set holds no lists"),
        ("set[dict]", "a set holds no lists"),
        ("Dict[str, int]", "Dict.* is not a type of parameters"),
        ("Literal[0x" + "f" * 5000 + "]", "Literal"),
        ("Annotated[int, Bounds(ge=0x" + "f" * 5000 + ")]", "takes ge, gt, le and lt"),
        ("frozenset[int]", "is not a type of parameters"),
        ("Secret | None", "Secret stands alone"),
        ("list[Secret]", "Secret stands alone"),
        ("Literal[1.5]", "Literal"),
        ("Literal[b'x']", "Literal"),
        ("Literal[x]", "Literal"),
        ("Literal['a', 'a']", "names a value twice"),
        ("Annotated[int]", "one Bounds"),
        ("Annotated[int, 'help']", "one Bounds"),
        ("Annotated[int, Limits(ge=1)]", "understands Bounds"),
        ("Annotated[int, Bounds(1)]", "understands Bounds"),
        ("Annotated[int, Bounds(min=1)]", "takes ge, gt, le and lt"),
        ("Annotated[int, Bounds(ge=x)]", "takes ge, gt, le and lt"),
        ("Annotated[int, Bounds(ge=True)]", "takes ge, gt, le and lt"),
        ("Annotated[int, Bounds(ge=1e999)]", "takes ge, gt, le and lt"),
        ("Annotated[int, Bounds(ge=5, le=1)]", "let no number through"),
        ("Annotated[int, Bounds(ge=1, gt=1)]", "one lower and one upper limit"),
        ("Annotated[str, Bounds(ge=1)]", "limit int and float"),
        ("Callable[[int], str]", "is not a type of parameters"),
        ("print('x')", "is not a type of parameters"),
        ("1", "is not a type of parameters"),
        ("'x y'", "is not an annotation"),
        ("", "is not an annotation"),
        ("list[" * 40 + "int" + "]" * 40, "too deep"),
        (" | ".join(["int"] * 40), "too deep"),
        ("(" * 9000, "is not an annotation"),
    ],
)
def test_what_is_no_type_says_why(annotation: str, words: str) -> None:
    with pytest.raises(TypeProblem, match=words):
        parse(annotation, NAMES)


@pytest.mark.parametrize(
    ("default", "told"),
    [
        *(
            ("a", "str"),
            (1, "int"),
            (True, "bool"),
            (1.5, "float"),
            ([1], "list"),
            ({}, "dict"),
            ((), "tuple"),
        ),
        *(({1}, "set"), (Path("x"), "Path"), (date(2026, 1, 1), "date"), (None, ""), (b"x", ""), (1j, "")),
    ],
)
def test_a_plain_default_tells_its_type(default: object, told: str) -> None:
    assert of_value(default) == told
