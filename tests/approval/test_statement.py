"""The statement: exactly the lines of DESIGN §5.1, and no other bytes read as one."""

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
    parse_statement,
    path_problem,
    statement_bytes,
    statement_of,
)
from runbook.canonical import digest
from runbook.errors import FormatError
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


def test_a_statement_reads_back() -> None:
    assert parse_statement(EXPECTED.encode()) == statement()


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
def test_every_statement_reads_back_to_itself(made: Statement) -> None:
    assert parse_statement(statement_bytes(made)) == made


@settings(max_examples=100)
@given(statements, statements)
def test_two_statements_never_share_their_bytes(one: Statement, other: Statement) -> None:
    assert (one == other) == (statement_bytes(one) == statement_bytes(other))


@given(st.data())
def test_changed_bytes_are_refused_or_mean_what_they_say(data: st.DataObject) -> None:
    raw = bytearray(EXPECTED.encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    try:
        found = parse_statement(bytes(raw))
    except FormatError:
        return
    assert statement_bytes(found) == bytes(raw)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_end_in_our_refusal_only(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_statement(data)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("approval v1", "approval v2", "the first line must be 'runbook approval v1'"),
        ("approval v1", "withdrawal v1", "the first line must be 'runbook approval v1'"),
        ("path: ", "file: ", "expected the line 'path'"),
        ("prod, staging", "staging, prod", "the environments are not sorted"),
        ("prod, staging", "prod, prod", "the environments are not sorted, distinct"),
        ("prod, staging", "prod,staging", "the environments are not sorted, distinct names"),
        ("prod, staging", "prod, *", "the environments are not"),
        ("unattended", "everything", "Invalid enum value 'everything'"),
        ("declared", "exact:sha256:00", "parameters is neither `declared` nor"),
        ("role: approver", "role: author", "Invalid enum value 'author'"),
        ("bob@example.com", "Bob@example.com", "the principal is not a name like bob@example.com"),
        ("bob@example.com", "*@example.com", "the principal is not a name like bob@example.com"),
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00+00:00", "is not an instant like"),
        ("2026-12-21T12:00:00Z", "2026-11-20T12:00:00Z", "it expires before it was issued"),
        ("0f0f", "0F0F", "the text is not sha256: and 64 hex digits"),
        ("urn:uuid:6f", "urn:uuid:6F", "the workspace is not a urn:uuid:"),
        ("runbooks/web", "runbooks/../web", "not a plain path below the workspace"),
        ("restart.py", "restart.ipynb", "a runbook's name ends in .py"),
        ("expires: 2026-12-21T12:00:00Z\n", "", "a statement has 11 lines and a final newline"),
        ("00:00Z\nexpires", "00:00Z\n\nexpires", "a statement has 11 lines and a final newline"),
        ("restart.py\n", "restart.py\r\n", "an approval names only paths of printable ASCII"),
        ("restart", "rést", "a statement is ASCII"),
    ],
)
def test_a_line_out_of_form_is_refused_by_name(old: str, new: str, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_statement(EXPECTED.replace(old, new).encode())

    assert words in str(caught.value)


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
