"""Digests: what changes them, and what does not."""

import hashlib

import pytest

from runbook.text.digests import steps_digest, text_digest
from runbook.text.reader import read
from runbook.text.runbook import Cell, Header, Includes, Option, Parameter, Runbook
from tests.text.builders import HEADER, text_of

CELLS = ("# %% [markdown]\n# Prose", '# %% Title name="a" tags=["x", "y"]\nx = 1', "# %%\ny = 2")


def runbook_of(text: str) -> Runbook:
    runbook = read(text.encode()).runbook
    assert runbook is not None
    return runbook


def test_the_texts_digest_is_one_that_sha256sum_makes_too() -> None:
    text = text_of(*CELLS)
    assert runbook_of(text).text == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert text_digest("") == f"sha256:{hashlib.sha256(b'').hexdigest()}"


def test_windows_line_ends_are_the_same_text() -> None:
    text = text_of(*CELLS)
    folded = read(text.replace("\n", "\r\n").encode()).runbook
    assert folded is not None
    assert (folded.text, folded.steps_digest) == (runbook_of(text).text, runbook_of(text).steps_digest)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# Prose", "# Prosa"),
        ("x = 1", "x = 1 "[:-1] + "0"),
        ('name="a"', 'name="b"'),
        ('tags=["x", "y"]', 'tags=["y", "x"]'),
        ('tags=["x", "y"]', 'tags=["x"]'),
        ("# %%\ny = 2", "# %% [markdown]\n# y = 2"),
        ("\n\n# %%\ny = 2", "\ny = 2"),
        ("#   environments: [staging, prod]\n", "#   environments: [staging, prod]\n#   env: [A]\n"),
        ("#   environments: [staging, prod]\n", "#   environments: [staging, prod]\n#   agent: true\n"),
        ("#     name: python3", "#     name: other"),
    ],
)
def test_whatever_would_run_differently_changes_both_digests(old: str, new: str) -> None:
    text = text_of(*CELLS)
    assert text.count(old) == 1
    before, after = runbook_of(text), runbook_of(text.replace(old, new))
    assert before.text != after.text
    assert before.steps_digest != after.steps_digest


@pytest.mark.parametrize(
    ("old", "new"),
    [("Title", "Another"), ("title: Restart", "title: Start"), ("\n\n# %%\ny", "\n\n\n# %%\ny")],
)
def test_what_runs_the_same_changes_the_texts_digest_only(old: str, new: str) -> None:
    text = text_of(*CELLS)
    assert text.count(old) == 1
    before, after = runbook_of(text), runbook_of(text.replace(old, new))
    assert before.text != after.text
    assert before.steps_digest == after.steps_digest


def test_the_steps_digest_is_the_one_of_version_1() -> None:
    # Changing what this digest is over asks for a new version in its first words.
    assert runbook_of(HEADER + "\n# %%\nx = 1\n").steps_digest == KNOWN


KNOWN = "sha256:06b8f372286627850dffe764ca271ebb7c0668052113e08183ecf0d3a0f78c77"


def cell(source: str, *, options: tuple[tuple[str, Option], ...] = ()) -> Cell:
    return Cell(kind="code", title="", options=options, source=source, line=1, source_line=2, end_line=2)


def test_parts_cant_be_moved_over_their_borders() -> None:
    header = Header()
    digests = [
        steps_digest(header, [cell("ab"), cell("c")], []),
        steps_digest(header, [cell("a"), cell("bc")], []),
        steps_digest(header, [cell("abc")], []),
        steps_digest(header, [cell("abc"), cell("")], []),
        steps_digest(header, [cell("c", options=(("name", "ab"),))], []),
        steps_digest(header, [cell("c", options=(("name", "7"),))], []),
        steps_digest(header, [cell("c", options=(("name", 7),))], []),
        steps_digest(header, [cell("c", options=(("name", ("7",)),))], []),
        steps_digest(header, [cell("c", options=(("name", ("a", "b")),))], []),
        steps_digest(header, [cell("c", options=(("name", ("ab",)),))], []),
        steps_digest(header, [cell("c", options=(("a", "b"), ("c", "d")))], []),
        steps_digest(Header(env=("A",)), [], []),
        steps_digest(Header(env=("A", "B")), [], []),
        steps_digest(Header(includes=Includes(paths=("A",), digest=None)), [], []),
        steps_digest(Header(includes=Includes(paths=(), digest="A")), [], []),
        steps_digest(Header(includes=Includes(paths=("A",), digest="B")), [], []),
        steps_digest(Header(kernel="a"), [], []),
        steps_digest(Header(language="a"), [], []),
    ]
    assert len(set(digests)) == len(digests)


def test_parameters_are_in_the_steps_digest_and_their_help_is_not() -> None:
    def declared(**changes: object) -> str:
        fields: dict[str, object] = {
            "name": "a",
            "type_text": "int",
            "default_source": "1",
            "help": "",
            "line": 1,
            "secret": False,
        }
        parameter = Parameter(**{**fields, **changes})  # type: ignore[arg-type]  # by name
        return steps_digest(Header(), [], [parameter])

    same = declared()
    assert declared(help="x", line=9) == same
    changes: list[dict[str, object]] = [
        {"name": "b"},
        {"type_text": "str"},
        {"default_source": None},
        {"default_source": "2"},
        {"secret": True},
        {"derived": True},
    ]
    assert len({same, *(declared(**change) for change in changes)}) == 7
