"""The tree of errors: the drawing is the truth, every leaf has a word of its own, and messages say where."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook import errors

DRAWN = re.compile(r"^    (?P<branch>[│├└─ ]*)(?P<name>[A-Z][A-Za-z]+) +(?P<words>\S.*)$", re.MULTILINE)


def tree(kind: type[errors.RunbookError], depth: int = 0) -> Iterator[tuple[int, str]]:
    yield depth, kind.__name__
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child, depth + 1)


def drawing() -> list[tuple[int, str]]:
    assert errors.__doc__ is not None
    return [(len(found["branch"]) // 4, found["name"]) for found in DRAWN.finditer(errors.__doc__)]


def classes() -> list[type[errors.RunbookError]]:
    return [getattr(errors, name) for _, name in tree(errors.RunbookError)]


def test_the_drawing_equals_the_classes() -> None:
    assert drawing() == list(tree(errors.RunbookError))


def test_every_error_is_in_the_one_tree() -> None:
    found = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    }

    assert found == {name for _, name in tree(errors.RunbookError)}


def test_no_other_module_grows_the_tree() -> None:
    """A new kind of error is drawn first. Classes of Exception elsewhere never leave their module."""
    room = Path(errors.__file__).parent
    names = "|".join(name for _, name in tree(errors.RunbookError))
    grown = re.compile(rf"^class \w+\((?:errors\.)?(?:{names})\b", re.MULTILINE)
    for path in room.rglob("*.py"):
        if path.name != "errors.py":
            assert not grown.search(path.read_text()), f"{path.relative_to(room)} has an error of its own"


def test_every_class_has_a_code_of_its_own() -> None:
    codes = [kind.__dict__.get("code") for kind in classes()]

    assert None not in codes
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", str(code)), code


def test_every_branch_names_its_exit_code_in_the_drawing() -> None:
    """The numbers of DESIGN §9. Leaves say none: theirs is their branch's."""
    assert errors.__doc__ is not None
    drawn = {found["name"]: found["words"] for found in DRAWN.finditer(errors.__doc__)}
    said = {name: int(words.rpartition("exit ")[2]) for name, words in drawn.items() if "exit " in words}

    assert said == {
        "InputError": 2,
        "RefusedError": 3,
        "DamagedError": 5,
        "UnavailableError": 6,
        "DeclinedError": 7,
    }


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (errors.ConfigError("unknown key 'x'"), "unknown key 'x'"),
        (errors.ConfigError("unknown key 'x'", subject="runbook.toml"), "runbook.toml: unknown key 'x'"),
        (errors.FormatError("not JSON", subject="a.json", line=3), "a.json:3: not JSON"),
        (errors.FormatError("not JSON", line=3), "3: not JSON"),
        (
            errors.TextRefused("an invisible letter", reasons=(), subject="x.py", line=7),
            "x.py:7: an invisible letter",
        ),
        (errors.NotPermitted("nobody approved it", verdict=None, subject="x.py"), "x.py: nobody approved it"),
    ],
)
def test_a_message_says_where(error: errors.RunbookError, shown: str) -> None:
    assert str(error) == shown


def test_every_problem_with_parameters_is_told_at_once() -> None:
    error = errors.ParameterError(
        ["days: not a whole number", "hots: unknown; did you mean host?"], subject="x.py"
    )

    assert error.problems == ("days: not a whole number", "hots: unknown; did you mean host?")
    assert str(error) == "x.py: days: not a whole number; hots: unknown; did you mean host?"


def test_a_failed_command_tells_its_words_and_keeps_both_streams() -> None:
    error = errors.CommandFailed(["ssh-keygen", "-Y", "sign"], 255, b"out", b"bad \xff key\n", hint="look")

    assert str(error) == "ssh-keygen ended with 255: bad \\xff key"
    assert (error.argv, error.returncode, error.hint) == (("ssh-keygen", "-Y", "sign"), 255, "look")
    assert (error.stdout, error.stderr) == (b"out", b"bad \xff key\n")
    assert str(errors.CommandFailed(["true"], 1, b"", b"")) == "true ended with 1"
    assert str(errors.CommandFailed(["true"], 1, b"only out", b"")) == "true ended with 1: only out"


def test_what_an_error_carries_is_kept_as_given() -> None:
    assert errors.TextRefused("x", reasons=[1, 2]).reasons == (1, 2)
    assert errors.NotPermitted("x", verdict="no").verdict == "no"
    assert errors.InputError("x", hint="do this").hint == "do this"
