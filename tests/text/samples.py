"""Cells, declarations and strategies that the tests of the text room share."""

import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from hypothesis import strategies as st

from runbook.text.parameters import declared
from runbook.text.runbook import Cell, Option, Parameter, Step

BASE = Path("/base")


def code_cell(source: str, *, tags: tuple[str, ...] = (), line: int = 1) -> Cell:
    options: tuple[tuple[str, Option], ...] = (("tags", tags),) if tags else ()
    return Cell(
        kind="code",
        title="",
        options=options,
        source=source,
        line=line,
        source_line=line + 1,
        end_line=line + 1 + source.count("\n"),
    )


def code_step(name: str, source: str, *, tags: tuple[str, ...] = (), index: int = 0) -> Step:
    return Step(
        index=index,
        name=name,
        kind="code",
        title="",
        tags=tags,
        timeout_seconds=None,
        retries=0,
        when=None,
        undoes=None,
        checks=None,
        cell=code_cell(source, tags=tags),
    )


def parameters_of(source: str) -> tuple[Parameter, ...]:
    """The parameters of a declaration that nothing is said against."""
    parameters, reasons = declared([code_cell(source, tags=("parameters",))])
    assert reasons == ()
    return parameters


def same(left: object, right: object) -> bool:
    """Equal in value and exact type, all the way down: nan is nan, -0.0 is not 0.0, 1 is not True."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        assert isinstance(right, float)
        signs = math.copysign(1, left) == math.copysign(1, right)
        return (math.isnan(left) and math.isnan(right)) or (left == right and signs)
    if isinstance(left, list | tuple):
        assert isinstance(right, list | tuple)
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        assert isinstance(right, dict)
        return same(list(left.items()), list(right.items()))
    if isinstance(left, datetime):
        assert isinstance(right, datetime)
        return left == right and left.fold == right.fold and same(left.tzinfo, right.tzinfo)
    return left == right


zones = st.one_of(
    st.none(),
    st.just(UTC),
    st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
hashables = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(0, 99).map(lambda more: 10**4400 + more),
    st.floats(allow_nan=False),
    st.text(st.characters(), max_size=20),
    st.dates(),
    st.datetimes(timezones=zones),
    st.timedeltas(),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10).map(Path),
)
values = st.recursive(
    st.one_of(hashables, st.just(math.nan)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.sets(hashables, max_size=4),
        st.dictionaries(st.text(max_size=8), inner, max_size=4),
    ),
    max_leaves=12,
)
