"""A value becomes exactly one word of a shell line, whatever is in it: asked of the real /bin/sh."""

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.kit.shell_line import fill, is_line, word

_HOSTILE = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("'\"\\`$(){}[]|&;<>*?~#!=%^, \t\n-/")),
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    ),
    max_size=40,
)
_SHELLS = [shell for shell in ("/bin/sh", "/bin/bash", "/bin/dash") if Path(shell).exists()]


def _said(line: str, shell: str = "/bin/sh") -> list[str]:
    done = subprocess.run([shell, "-c", line], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


@settings(max_examples=120, deadline=None)
@given(first=_HOSTILE, second=_HOSTILE, shell=st.sampled_from(_SHELLS))
def test_hostile_values_reach_the_command_unchanged(first: str, second: str, shell: str) -> None:
    line = fill("printf '%s\\0' {first} --x={second}; printf 'end\\0'", {"first": first, "second": second})

    assert _said(line, shell) == [first, f"--x={second}", "end"]


@settings(max_examples=60, deadline=None)
@given(values=st.lists(_HOSTILE, min_size=1, max_size=6))
def test_a_list_becomes_as_many_words(values: list[str]) -> None:
    assert _said(fill("printf '%s\\0' {values} | cat", {"values": values})) == values


@settings(max_examples=150, deadline=None)
@given(
    before=st.text(alphabet="'\"\\`$(){}[]#<>;&|=a \n", max_size=14),
    after=st.text(alphabet="'\"\\`$(){}[]#<>;&|=a \n", max_size=14),
    shell=st.sampled_from(_SHELLS),
)
def test_no_line_that_is_accepted_lets_a_value_run_as_code(
    tmp_path_factory: pytest.TempPathFactory, before: str, after: str, shell: str
) -> None:
    """The line around the placeholder is as wild as it can be; the value tries every way out of a word."""
    folder = tmp_path_factory.mktemp("line")
    value = "';touch pwned;'\";touch pwned;\"`touch pwned`$(touch pwned)\ntouch pwned\n"
    try:
        line = fill(f"{before}{{x}}{after}", {"x": value})
    except (TypeError, ValueError):
        return

    subprocess.run([shell, "-c", line], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=10)

    assert not (folder / "pwned").exists(), line


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("echo '{x}'", "inside quotes"),
        ('echo "{x}"', "inside quotes"),
        ('echo "$(echo "{x}")"', "behind quotes that hold code"),
        ('echo "${y:-"{x}"}"', "behind quotes that hold code"),
        ("echo `echo {x}`", "inside backticks"),
        ("echo ${y:-{x}}", r"inside \$\{"),
        ("echo $(({x} + 1))", "in arithmetic"),
        ("echo $[{x} + 1]", r"inside \["),
        ("a[{x}]=1", r"inside \["),
        ("[[ 1 -eq {x} ]]", r"inside \["),
        ("echo a >& {x}", "behind >& or <&"),
        ("echo a >&\\\n{x}", "behind >& or <&"),
        ("echo \\{x}", "behind a backslash"),
        ("echo # {x}", "in a comment"),
        ("cat <<END\n{x}\nEND", "here-document"),
        ("echo a\\\n#'\n {x} '", "goes on with #"),
        ("echo $'a\\' {x}'", r"behind \$'"),
    ],
)
def test_a_placeholder_that_quoting_cannot_protect_is_refused(line: str, where: str) -> None:
    with pytest.raises(ValueError, match=rf"the placeholder \{{x\}} stands .*{where}"):
        fill(line, {"x": "value"})


@pytest.mark.parametrize(
    ("line", "filled"),
    [
        ("ls {x}", "ls 'a b'"),
        ("ls {x}|wc", "ls 'a b'|wc"),
        ("echo 'it'{x}", "echo 'it''a b'"),
        ("echo $({x})", "echo $('a b')"),
        ("x={x} env", "x='a b' env"),
        ("echo ${x} {x}", "echo ${x} 'a b'"),
        ("echo {{x}} {x}", "echo {x} 'a b'"),
        ("awk '{print $1}' {x}", "awk '{print $1}' 'a b'"),
        ("echo a # it's\necho {x}", "echo a # it's\necho 'a b'"),
        ("[ -e {x} ]", "[ -e 'a b' ]"),
        ("make {x} 2>&1 | tee log", "make 'a b' 2>&1 | tee log"),
    ],
)
def test_what_the_shell_reads_as_plain_words_is_filled(line: str, filled: str) -> None:
    assert fill(line, {"x": "a b"}) == filled


def test_a_name_without_a_value_is_named_with_the_way_out() -> None:
    with pytest.raises(TypeError, match=r"no value for \{folder\}: give folder=…, or write \{\{folder\}\}"):
        fill("ls {folder}", {})


def test_a_value_without_a_placeholder_is_named() -> None:
    with pytest.raises(TypeError, match=r"no placeholder \{folder\} in the line: ls"):
        fill("ls", {"folder": "x"})


@pytest.mark.parametrize("value", [None, True, b"x", {"a": 1}, object()])
def test_what_is_not_a_word_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="is not a word of a command: give text, a path or a number"):
        fill("ls {x}", {"x": value})


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(ValueError, match="holds a NUL character"):
        word("a\0b")


def test_a_list_must_stand_alone() -> None:
    with pytest.raises(TypeError, match=r"\{x\} is a list, so it must stand alone between blanks"):
        fill("tool --file={x}", {"x": ["a", "b"]})


def test_paths_and_numbers_are_words() -> None:
    line = fill("echo {a} {b} {c}", {"a": Path("/tmp/a b"), "b": 3, "c": 0.5})

    assert shlex.split(line) == ["echo", "/tmp/a b", "3", "0.5"]


@pytest.mark.parametrize(
    ("text", "is_a_line"),
    [
        ("ls", False),
        ("/usr/bin/env", False),
        ("ls -l", True),
        ("ls|wc", True),
        ("$HOME/x", True),
        ("a\nb", True),
    ],
)
def test_one_piece_of_text_is_a_line_when_the_shell_would_read_it_as_more_than_a_name(
    text: str, is_a_line: bool
) -> None:
    assert is_line(text) is is_a_line
