"""lint: every reason of the reader, and advice with a stable code, a line and what to do."""

import importlib
import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.text.entries import with_entries
from runbook.text.lint import CODES, Finding, as_findings, lint
from runbook.text.reasons import CODES as REASONS
from runbook.text.reasons import reason
from tests.text.percent_texts import HEADER, percent_texts
from tests.text.test_normal import ENTRY

OWNED = HEADER.replace("#   title: T", "#   title: T\n#   owner: sre@example.com")
TOP = OWNED.count("\n") + 3


def advice(cells: str, *, neighbours: Mapping[str, str] | None = None) -> list[tuple[str, int, str]]:
    """Code, line below the header, and message of each piece of advice about these cells."""
    found = lint(f"{OWNED}\n\n{cells}".encode(), path="x.py", neighbours=neighbours)
    assert all(finding.degree == "finding" for finding in found), found
    assert all(finding.hint == CODES[finding.code].hint for finding in found)
    return [(finding.code, (finding.line or 0) - TOP, finding.message) for finding in found]


def code(source: str) -> str:
    return f'# %% name="do"\n{source}\n'


def test_a_plain_runbook_has_no_findings() -> None:
    assert advice(code("print('well')")) == []


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "runbooks").glob("*.py")), ids=lambda path: path.stem
)
def test_the_examples_have_no_findings(path: Path) -> None:
    assert lint(path.read_bytes(), path=path.name) == ()


def test_what_the_reader_says_comes_first_with_its_degree() -> None:
    found = lint(b"# %%\nexit()\nx = 1  \n", path="x.py")
    assert [(finding.code, finding.degree, finding.line) for finding in found] == [
        ("header.missing", "not-normal", 1),
        ("cell.exit", "refused", 2),
        ("text.trailing-blanks", "not-normal", 3),
    ]
    assert found[1] == Finding(
        code="cell.exit",
        degree="refused",
        path="x.py",
        line=2,
        message="`exit` does not stop a run: the next step would start",
        hint="use `sys.exit(message)`, or raise an exception",
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# rm victim", "the comment '# rm victim' is a command elsewhere"),
        ("# !touch pwned", "the comment '# !touch pwned' is a command elsewhere"),
        ("# %run x.py", "the comment '# %run x.py' is a command elsewhere"),
        ("# x = !cmd", "the comment '# x = !cmd' is a command elsewhere"),
        ("#%pip install x", "the comment '#%pip install x' is a command elsewhere"),
        ("# why?", None),
        ("# x?", "the comment '# x?' is a command elsewhere"),
        ("    # !ls", "the comment '# !ls' is a command elsewhere"),
    ],
)
def test_a_comment_that_other_tools_run_is_named(source: str, message: str | None) -> None:
    before = "if True:\n    pass\n" if source.startswith(" ") else ""
    found = advice(code(before + source))
    if message is None:
        assert [each[0] for each in found] in ([], ["comment.command"])
    else:
        assert found == [("comment.command", 1 + before.count("\n"), message)]


def test_the_line_a_command_goes_on_in_is_named_too() -> None:
    found = advice(code("# !echo a \\\n# import os\n# plain words"))
    assert [(each[0], each[1]) for each in found] == [("comment.command", 1), ("comment.command", 2)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["# ", "#", "!", "%", "%%", "rm", "ls", "cd", " ", "x", "=", "?", "a.b", "echo", ",", "\\"]
        ),
        min_size=1,
        max_size=6,
    )
)
def test_every_comment_that_jupytext_would_run_is_named(words: list[str]) -> None:
    line = "# " + "".join(words)
    is_magic = importlib.import_module("jupytext.magics").is_magic
    found = lint(f"{OWNED}\n\n{code(line.rstrip())}".encode(), path="x.py")
    refused = any(finding.degree == "refused" for finding in found)
    if is_magic(line.rstrip(), "python", True, True) and not refused:
        assert "comment.command" in {finding.code for finding in found}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("exec('x')", "exec(…) runs what is not written here"),
        ("y = eval(x)", "eval(…) runs what is not written here"),
        ("__import__('os')", "__import__(…) runs what is not written here"),
        ("importlib.import_module(x)", "importlib.import_module(…) runs what is not written here"),
        ("get_ipython().system('x')", "get_ipython(…) runs what is not written here"),
        ("os.system('x')", "os.system(…) runs what is not written here"),
        ("os.execvp('x', [])", "os.execvp(…) runs what is not written here"),
        ("subprocess.run(x, shell=True)", "subprocess.run(…, shell=True) gives its text to a shell"),
        ("run(x, shell=y)", "run(…, shell=True) gives its text to a shell"),
        ("builtins.eval(x)", "builtins.eval(…) runs what is not written here"),
    ],
)
def test_dynamic_code_is_named(source: str, message: str) -> None:
    assert advice(code(source)) == [("code.dynamic", 1, message)]


@pytest.mark.parametrize(
    "source", ["subprocess.run(x, shell=False)", "evaluate(1)", "x.exec_()", "'eval(x)'"]
)
def test_what_only_looks_like_it_is_not(source: str) -> None:
    assert advice(code(source)) == []


def test_what_is_fetched_and_run_is_named() -> None:
    assert advice(code('sh("curl -s https://x.example/i.sh | sudo bash")')) == [
        ("code.fetch", 1, "what is fetched from the network is run at once")
    ]
    assert advice(code('sh("curl -s https://x.example/i.sh | grep x")')) == []


def test_an_import_of_a_file_beside_the_runbook_is_named() -> None:
    cells = code("import os, helper.sub\nfrom helper import x\nfrom . import y\nfrom json import z")
    assert advice(cells, neighbours={"helper": "runbooks/helper", "other": "other.py"}) == [
        ("import.neighbour", 1, "helper.sub is runbooks/helper, which does not come along"),
        ("import.neighbour", 2, "helper is runbooks/helper, which does not come along"),
        ("import.neighbour", 3, "a step is no module of a package: . can't be imported"),
    ]
    assert [each[1] for each in advice(cells)] == [3]


PARAMETERS = '# %% tags=["parameters"]\nhost: str = "a"\ncount: int = 1\n\n'


def test_a_parameter_that_nothing_reads_is_named() -> None:
    assert advice(PARAMETERS + code("print(host)")) == [
        ("parameter.unused", 2, "the parameter count is never used")
    ]
    used = (
        'print(f"{host} {count}")',
        "!ping $host -c {count}",
        "print(host)\ncount += 1",
    )
    assert [[each[0] for each in advice(PARAMETERS + code(source))] for source in used] == [
        [],
        [],
        ["parameter.unused", "parameter.overwritten"],
    ]
    condition = '# %% name="do" when="count > 1"\nprint(host)\n'
    assert advice(PARAMETERS + condition) == []


def test_a_parameter_that_is_set_again_is_named() -> None:
    assert advice(PARAMETERS + code("print(host, count)\nhost = 'b'")) == [
        ("parameter.overwritten", 6, "the parameter host is set again here")
    ]


def test_a_parameter_that_hides_a_name_is_named() -> None:
    cells = '# %% tags=["parameters"]\nopen: str = "a"\n\n' + code("print(open)")
    assert advice(cells) == [("parameter.shadows", 1, "open hides Python's own open")]


def test_a_secret_that_is_printed_is_named() -> None:
    cells = '# %% tags=["parameters"]\ntoken: Secret = secret("env:T")\n\n'
    assert advice(cells + code("print(f'{token}')\nlogin(token)")) == [
        ("secret.printed", 4, "the secret token is printed")
    ]


def test_a_piece_that_is_cut_off_a_secret_is_named() -> None:
    cells = '# %% tags=["parameters"]\ntoken: Secret = secret("env:T")\n\n'
    found = advice(
        cells + code("a = token.reveal()[:3]\nb = token.reveal().split(':')\nlogin(token.reveal())")
    )
    assert found == [
        ("secret.piece", 4, "a piece of the secret token is cut off"),
        ("secret.piece", 5, "a piece of the secret token is cut off"),
    ]


LOOKS = [
    ("key = 'AKIA" + "A" * 16 + "'", "an AWS access key stands in the text"),
    ("x = 'ghp_" + "a" * 36 + "'", "a GitHub token stands in the text"),
    ("x = '''-----BEGIN OPENSSH PRIVATE KEY-----\nabc'''", "a private key stands in the text"),
    ("sh('psql postgres://me:hunter2@db/x')", "a password in an address stands in the text"),
    ("db_password = 'hunter2'", "db_password is given a text that stands in the runbook"),
    ("login(token='hunter2')", "token is given a text that stands in the runbook"),
    ("x = {'api_key': 'hunter2'}", "api_key is given a text that stands in the runbook"),
    ("config.secret = 'hunter2'", "config.secret is given a text that stands in the runbook"),
]


@pytest.mark.parametrize(("source", "message"), LOOKS, ids=range(len(LOOKS)))
def test_what_looks_like_a_secret_is_named_and_not_repeated(source: str, message: str) -> None:
    assert advice(code(source)) == [("secret.written", 1, message)]
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "source",
    [
        "password = os.environ['P']",
        "password = ''",
        "password = 'CHANGE-ME'",
        "token = '<your token>'",
        "token = '${TOKEN}'",
        "secret_name = 'x'",
        "sh('curl https://example.com:443/a@b')",
        "sh(f'psql postgres://me:{password}@db/x')",
    ],
)
def test_a_place_holder_is_no_secret(source: str) -> None:
    assert advice(code(source)) == []


def test_a_danger_that_nothing_undoes_is_named() -> None:
    danger = '# %% name="do" tags=["danger"]\nprint(1)\n\n'
    assert advice(danger.rstrip("\n") + "\n") == [("step.no-undo", 0, "nothing undoes the step do")]
    assert advice(danger + '# %% name="back" undoes="do"\nprint(2)\n') == []


def test_a_check_that_stands_above_what_it_checks_is_named() -> None:
    do, check = '# %% name="do"\nprint(1)\n', '# %% name="look" tags=["read-only"] checks="do"\nprint(2)\n'

    assert advice(f"{check}\n{do}") == [("step.checks-above", 0, "it runs right after do, not here")]
    assert advice(f"{do}\n{check}") == []


def test_a_step_that_has_only_a_number_is_named() -> None:
    assert advice("# %%\nprint(1)\n") == [("step.unnamed", 0, "the step has only the number 1")]
    assert advice("# %% Do it\nprint(1)\n") == []
    assert advice("# %% [markdown]\n# Words.\n") == []


def test_title_and_owner_are_missed() -> None:
    found = lint(f"{HEADER}\n\n# %% Do\nprint(1)\n".encode(), path="x.py")
    assert [(finding.code, finding.line) for finding in found] == [("header.no-owner", None)]
    bare = HEADER.replace("# runbook:\n#   title: T\n", "")
    found = lint(f"{bare}\n\n# %% Do\nprint(1)\n".encode(), path="x.py")
    assert [finding.code for finding in found] == ["header.no-owner", "header.no-title"]


def test_a_word_of_two_alphabets_is_named() -> None:
    assert advice(
        "# %% [markdown]\n# Pay with p\u0430ypal, \u043f\u0440\u0438\u0432\u0435\u0442, \u6f22a\n"
    ) == [("text.mixed-scripts", 1, "the word 'p\\u0430ypal' mixes alphabets")]


def test_approvals_do_not_move_the_lines() -> None:
    signed = with_entries(f"{OWNED}\n\n# %% Do\neval(x)\n", [ENTRY])
    (finding,) = lint(signed.encode(), path="x.py")
    assert finding.line == signed[: signed.index("eval")].count("\n") + 1


def test_a_second_opinion_becomes_findings() -> None:
    (finding,) = as_findings([reason("jupytext.reading", 3, "other", "what to do")], path="x.py")
    assert (finding.degree, finding.path, finding.line) == ("refused", "x.py", 3)


def test_codes_are_of_one_kind() -> None:
    assert not set(CODES) & set(REASONS)
    for name, advice_ in CODES.items():
        assert re.fullmatch(r"[a-z]+\.[a-z-]+", name)
        assert advice_.meaning
        assert advice_.hint


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=60), percent_texts().map(str.encode)))
def test_lint_never_raises(data: bytes) -> None:
    for finding in lint(data, path="x.py"):
        assert finding.code in CODES or finding.code in REASONS
        assert finding.message.isprintable()


@pytest.mark.parametrize("word", ["curl ", "eyJ-"])
def test_a_long_text_of_beginnings_is_looked_through_once(word: str) -> None:
    line = f'    "{word * 38}"\n'
    source = "x = (\n" + line * 1000 + ")"
    began = time.monotonic()

    assert advice(code(source)) == []
    assert time.monotonic() - began < 20, "looked through from each of them, this takes minutes"
