"""The statement: exactly the lines of DESIGN §5.1, and nothing that could be read as another one."""

import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.approval.statement import (
    NAMESPACE,
    Statement,
    approval_id,
    is_principal,
    path_problem,
    statement_bytes,
    statement_of,
)
from runbook.canonical import digest
from runbook.errors import FormatError
from runbook.instants import parse_stamp
from tests.approval.made import BOB, NOW, PATH, WORKSPACE, unsigned

EXPECTED = f"""\
runbook approval v1
workspace: {WORKSPACE}
path: runbooks/web/restart.py
text: sha256:{"0f" * 32}
environments: prod, staging
allows: unattended
parameters: declared
role: approver
principal: bob@example.com
issued: 2026-11-20T12:00:00Z
expires: 2026-12-21T12:00:00Z
"""


def statement() -> Statement:
    entry = msgspec.structs.replace(unsigned(), text=f"sha256:{'0f' * 32}")
    return statement_of(entry, workspace=WORKSPACE, path=PATH)


def test_the_bytes_are_the_lines_of_the_design() -> None:
    assert statement_bytes(statement()).decode() == EXPECTED
    assert NAMESPACE == "approval.v1@signed-runbook"


def test_an_approval_is_identified_by_its_statement() -> None:
    assert approval_id(statement()) == digest(EXPECTED.encode())


principals = st.from_regex(r"[a-z0-9][a-z0-9._%+-]{0,20}@[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True)
environments = st.lists(
    st.sampled_from(["dev", "prod", "prod-eu", "scratch", "staging"]), min_size=1, unique=True
).map(lambda names: tuple(sorted(names)))
instants = st.datetimes(datetime(2000, 1, 1), datetime(2900, 1, 1)).map(  # noqa: DTZ001 - made aware below
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
digests = st.binary(min_size=32, max_size=32).map(lambda raw: f"sha256:{raw.hex()}")
statements = st.builds(
    lambda issued, life, **fields: Statement(issued=issued, expires=issued + life, **fields),
    issued=instants,
    life=st.integers(1, 10**9).map(lambda seconds: timedelta(seconds=seconds)),
    workspace=st.uuids().map(lambda number: f"urn:uuid:{number}"),
    path=st.from_regex(r"[a-zA-Z0-9_]{1,9}(/[a-zA-Z0-9 _.+-]{0,7}[a-z]){0,3}\.py", fullmatch=True).filter(
        lambda path: path_problem(path) is None
    ),
    text=digests,
    environments=environments,
    allows=st.sampled_from(["interactive", "unattended"]),
    parameters=st.one_of(st.just("declared"), digests.map(lambda value: f"exact:{value}")),
    role=st.sampled_from(["approver", "breakglass"]),
    principal=principals,
)


@settings(max_examples=100)
@given(statements)
def test_every_statement_says_its_fields_a_line_each(made: Statement) -> None:
    first, *lines, end = statement_bytes(made).decode("ascii").split("\n")

    assert (first, end) == ("runbook approval v1", "")
    said = [line.split(": ", 1) for line in lines]
    assert [key for key, _ in said] == re.findall(r"^([a-z]+): ", EXPECTED, re.MULTILINE)
    fields = dict(said)
    assert {
        **fields,
        "environments": tuple(fields["environments"].split(", ")),
        "issued": parse_stamp(fields["issued"]),
        "expires": parse_stamp(fields["expires"]),
    } == msgspec.structs.asdict(made)


@settings(max_examples=100)
@given(statements, statements)
def test_two_statements_never_share_their_bytes(one: Statement, other: Statement) -> None:
    assert (one == other) == (statement_bytes(one) == statement_bytes(other))


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("environments", ("staging", "prod"), "the environments are not sorted"),
        ("environments", ("prod", "prod"), "the environments are not sorted, distinct"),
        ("environments", ("prod,staging",), "the environments are not sorted, distinct names"),
        ("environments", ("prod", "*"), "the environments are not"),
        ("environments", (), "the environments are not"),
        ("parameters", "exact:sha256:00", "parameters is neither `declared` nor"),
        ("parameters", f"exact:sha256:{'0f' * 32}\nrole: approver", "parameters is neither `declared` nor"),
        ("principal", "Bob@example.com", "the principal is not a name like bob@example.com"),
        ("principal", "*@example.com", "the principal is not a name like bob@example.com"),
        ("principal", f"{BOB}\nissued: 2026-11-20T12:00:00Z", "the principal is not a name like"),
        ("expires", NOW - DAY, "it expires before it was issued"),
        ("text", f"sha256:{'0F' * 32}", "the text is not sha256: and 64 hex digits"),
        ("text", f"sha256:{'0f' * 32}\n", "the text is not sha256: and 64 hex digits"),
    ],
)
def test_a_field_without_a_spelling_is_refused_by_name(field: str, value: object, words: str) -> None:
    entry = msgspec.structs.replace(unsigned(), **{field: value})

    with pytest.raises(FormatError) as caught:
        statement_of(entry, workspace=WORKSPACE, path=PATH)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    "workspace", ["", WORKSPACE.upper(), WORKSPACE.removeprefix("urn:uuid:"), f"{WORKSPACE}\npath: x.py"]
)
def test_a_workspace_without_a_spelling_is_refused(workspace: str) -> None:
    with pytest.raises(FormatError, match="the workspace is not a urn:uuid:"):
        statement_of(unsigned(), workspace=workspace, path=PATH)


@pytest.mark.parametrize(
    "path",
    ["x.py", "runbooks/x.py", "a b/c d.py", "runbooks/db/x-1_2+3.py", "UPPER/x.py"],
)
def test_plain_paths_can_be_approved(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".py",
        "runbooks/.py",
        "/etc/x.py",
        "runbooks//x.py",
        "./x.py",
        "a/../x.py",
        "-x.py",
        "runbooks/x.py ",
        " runbooks/x.py",
        "runbooks /x.py",
        "runbooks\\x.py",
        "runbooks/x.txt",
        "runbooks/x.py\n",
        "runbooks/x\n.py",
        "runbooks/störung.py",
        "runbooks/а.py",
        "a/" * 600 + "x.py",
    ],
)
def test_a_path_that_could_look_like_another_cannot_be_approved(path: str) -> None:
    assert path_problem(path)
    with pytest.raises(FormatError):
        statement_of(unsigned(), workspace=WORKSPACE, path=path)


def test_instants_are_whole_seconds() -> None:
    entry = unsigned(issued=NOW.replace(microsecond=1))

    with pytest.raises(FormatError, match="whole seconds"):
        statement_of(entry, workspace=WORKSPACE, path=PATH)


@pytest.mark.parametrize("name", [BOB, "deploy+bot@ci.example.com", "a@b"])
def test_principals_are_literal_names(name: str) -> None:
    assert is_principal(name)


@pytest.mark.parametrize(
    "name", ["", "bob", "@b", "a@", "*@example.com", "a@b,c@d", "!a@b", "a b@c", "a@b\n", "Bob@b", "bób@b"]
)
def test_patterns_and_lists_are_no_principals(name: str) -> None:
    assert not is_principal(name)
