"""The reader: one answer for any bytes, the same everywhere, and fast."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.errors import TextRefused
from runbook.text import strict_yaml
from runbook.text.reader import MAX_ALIKE, read, require
from runbook.text.reasons import CODES, Degree, ordered, reason
from tests.text.builders import HEADER, long_text, text_of
from tests.text.test_corpus import CORPUS, FILES

ROOT = Path(__file__).parent.parent.parent


def test_require_gives_the_runbook() -> None:
    text = text_of("# %% Hello\nx = 1")
    runbook = require(text.encode(), name="runbooks/x.py")
    assert runbook.canonical == runbook.body == text
    assert runbook.title == "Restart the web tier"
    assert runbook.is_normal
    assert not runbook.uses_magics


def test_require_names_file_line_and_number_of_reasons() -> None:
    data = text_of("# %%\nexit()", "# %%\nx =\t1").encode()
    with pytest.raises(TextRefused) as caught:
        require(data, name="runbooks/x.py")
    line = data.decode().split("\n").index("exit()") + 1
    assert str(caught.value) == (
        f"runbooks/x.py:{line}: `exit` does not stop a run: the next step would start (and 1 more)"
    )
    assert caught.value.hint == "use `sys.exit(message)`, or raise an exception"
    assert caught.value.reasons == read(data).reasons


def test_all_reasons_of_both_degrees_are_told_in_the_order_of_lines() -> None:
    text = '# ---\n# runbook:\n#   titel: X\n# ---\n#%%\nexit()\n# %% active="py"\nоs = 1  \n    # %%'
    reasons = read(text.encode()).reasons
    assert [(r.line, r.code) for r in reasons] == [
        (1, "header.jupytext"),
        (3, "header.key"),
        (5, "cell.spelling"),
        (6, "cell.exit"),
        (7, "cell.option"),
        (8, "cell.character"),
        (8, "text.trailing-blanks"),
        (9, "cell.marker"),
        (9, "text.final-newline"),
    ]


def test_a_text_of_nothing_but_mistakes_is_told_shortly() -> None:
    reading = read(b"# %%\n" + b"exit()\n" * 1000)
    assert len([r for r in reading.reasons if r.code == "cell.exit"]) == MAX_ALIKE
    assert reading.runbook is None


def test_magics_are_told_of_step_and_runbook() -> None:
    runbook = require(text_of("# %%\nx = 1", "# %%\n!ls\n%time x").encode(), name="x.py")
    assert runbook.uses_magics
    assert [step.uses_magics for step in runbook.steps] == [False, True]
    lines = runbook.canonical.split("\n")
    assert [lines[number - 1] for number in runbook.steps[1].cell.magics] == ["!ls", "%time x"]


def test_the_table_of_reasons_has_no_line_without_a_meaning() -> None:
    assert all(row.meaning and not row.meaning.endswith(".") for row in CODES.values())
    with pytest.raises(KeyError):
        reason("no.such-code", 1, "x", "y")


def test_reasons_are_ordered_by_line_then_by_gravity_and_each_told_once() -> None:
    late, early = reason("text.bom", 9, "m", "h"), reason("text.bom", 2, "m", "h")
    grave, whole = reason("cell.exit", 9, "m", "h"), reason("text.size", None, "m", "h")
    assert ordered([late, early, grave, late, whole]) == (whole, early, grave, late)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_get_an_answer(data: bytes) -> None:
    reading = read(data)
    assert (reading.runbook is None) is bool(reading.refusals)


@given(st.text(max_size=100))
def test_any_text_behind_a_marker_or_a_fence_gets_an_answer(text: str) -> None:
    for before in (
        "# %%\n",
        "# %% ",
        "# ---\n# ",
        "# ---\n# runbook:\n#   title: ",
        HEADER + "\n# %% [markdown]\n# ",
    ):
        reading = read((before + text + "\n# ---\n").encode("utf-8", "surrogatepass"))
        assert (reading.runbook is None) is bool(reading.refusals)


@given(st.data())
@settings(max_examples=200)
def test_any_change_of_a_real_text_gets_an_answer(data: st.DataObject) -> None:
    original = data.draw(st.sampled_from(FILES)).read_bytes()
    at = data.draw(st.integers(0, len(original)))
    length = data.draw(st.integers(0, 5))
    changed = original[:at] + data.draw(st.binary(max_size=5)) + original[at + length :]
    reading = read(changed)
    assert (reading.runbook is None) is bool(reading.refusals)
    if reading.runbook is not None and changed.replace(b"\r\n", b"\n") != original.replace(b"\r\n", b"\n"):
        before = read(original).runbook
        assert (
            before is None
            or before.canonical != reading.runbook.canonical
            or b"\xef\xbb\xbf" in changed + original
        )


@pytest.mark.parametrize(
    "text",
    [
        "# %%\nx = " + "(" * 5000,
        "# %%\nx = " + "[" * 50_000 + "]" * 50_000,
        "# %%\n" + "not " * 50_000 + "x",
        "# %%\nx = " + "1+" * 100_000 + "1",
        "# %% " + "a=" * 50_000,
        "# %% " + "=" * 100_000,
        '# %% a="' + "x=" * 900 + '"',
        "# ---\n" + "# a: [\n" * 5000 + "# ---\n",
        "# ---\n# a: " + "{a: " * 15_000 + "\n# ---\n",
        "# ---\n# runbook:\n" + "#   - \n" * 8000 + "# ---\n",
        "# %% [markdown]\n" + "# ```\n" * 5000,
        "# %% [markdown]\n# ```\n\n" * 1000,
        "# %%\n'''\n" * 2000,
        "# %%\n" + "f'{" * 20_000,
        "# %%\nx = 'é'" + " f'{x}{{'" * 5000,
        "# %%\n" + "!a\\\n" * 20_000,
        "# %%\n" * 50_000,
        "# %% A title\n" * 3000,
        "# approvals:\n" * 10_000,
        "# ---\n# approvals:\n" + "# - \n" * 10_000 + "# ---\n",
        "#\n" * 100_000 + "# ---\n",
        "\ufeff" * 10_000,
        "é" * 200_000,
        "# %%\n" + " " * 500_000 + "é",
        "# %% A\n" * 100_000,
        "# %%\n" + "!a\n" * 200_000,
        "# %%\n" + "## +\n" * 150_000,
        "# %%\n" + "é \t" * 150_000,
        "# %% [markdown]\n" + "# ```x\n" * 100_000,
        "# %% [markdown]\n# ```x\n" * 40_000,
        "# %% [markdown]\n# ```x\n" * 40_000 + "# ```\n",
        "# %% [markdown]\n# ````x\n" * 20_000 + "# ```\n" * 40_000,
        ("# %%" + " a=x" * 39 + "\n") * 6_000,
        "\u200b" * 300_000,
    ],
    ids=range(34),
)
def test_hostile_sizes_are_answered_in_reasonable_time(text: str) -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "import resource, sys; resource.setrlimit(resource.RLIMIT_CPU, (10, 10));"
            " from runbook.text.reader import read; read(sys.stdin.buffer.read())",
        ],
        input=text.encode(),
        cwd=ROOT,
        capture_output=True,  # seconds of work, not of waiting for a turn: the machine may be busy
    )
    assert ran.returncode == 0, ran.stderr.decode()[-500:]


def test_the_reader_reads_nothing_and_loads_nothing_heavy() -> None:
    program = (
        "import sys, runbook.text.reader\n"
        "heavy = {'jupytext', 'nbformat', 'nbclient', 'nbconvert', 'IPython', 'jsonschema', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


def test_libyaml_or_not_the_verdicts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    before = {path: [r.code for r in read(path.read_bytes()).reasons] for path in FILES}
    monkeypatch.setattr(strict_yaml, "default_loader", lambda: yaml.SafeLoader)
    after = {path: [r.code for r in read(path.read_bytes()).reasons] for path in FILES}
    assert after == before


VERDICTS = """
import json, sys
from pathlib import Path
from runbook.text.reader import read
told = {}
for path in sorted(Path(sys.argv[1]).rglob("*.py")):
    reading = read(path.read_bytes())
    runbook = reading.runbook
    told[str(path)] = [
        [[r.code, r.line] for r in reading.reasons],
        runbook and [runbook.text, runbook.steps_digest, [step.name for step in runbook.steps]],
    ]
print(json.dumps(told))
"""

STAND_IN = '''
"""What the reader uses of msgspec, for interpreters that have none."""
import dataclasses
from types import SimpleNamespace

class _Meta(type):
    def __new__(cls, name, bases, body, frozen=False, kw_only=False):
        made = super().__new__(cls, name, bases, body)
        return dataclasses.dataclass(made, frozen=frozen, kw_only=kw_only) if bases else made
    def __init__(self, name, bases, body, **options): ...

class Struct(metaclass=_Meta): ...
class ValidationError(Exception): ...
structs = SimpleNamespace(replace=dataclasses.replace, fields=None)
'''


def verdicts(python: str, *paths: Path, **environment: str) -> dict[str, list[object]]:
    ran = subprocess.run(
        [python, "-X", "utf8=0", "-c", VERDICTS, str(CORPUS)],
        cwd=ROOT,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *paths)))}
        | environment,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    found: dict[str, list[object]] = json.loads(ran.stdout)
    return found


def test_locale_time_zone_and_hash_seed_change_nothing() -> None:
    first = verdicts(sys.executable, PYTHONHASHSEED="1", LC_ALL="C", TZ="UTC")
    second = verdicts(sys.executable, PYTHONHASHSEED="77", LC_ALL="tr_TR.UTF-8", TZ="Pacific/Kiritimati")
    strict = verdicts(sys.executable, PYTHONHASHSEED="0", PYTHONWARNINGS="error", PYTHONOPTIMIZE="2")
    assert first == second == strict


_HOME = Path.home()


def _interpreter(version: str) -> str | None:
    """Another Python of this version, wherever people keep them: on the PATH, or where pyenv puts it."""
    root = Path(os.environ.get("PYENV_ROOT", _HOME / ".pyenv"))
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    for path in [
        *(folder / f"python{version}" for folder in folders),
        *root.glob(f"versions/{version}*/bin/python"),
    ]:
        if path.is_file() and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return str(path)
    return None


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_another_python_gives_the_same_verdicts(version: str, tmp_path: Path) -> None:
    python = _interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    import yaml

    (tmp_path / "msgspec.py").write_text(textwrap.dedent(STAND_IN))
    (tmp_path / "yaml").symlink_to(Path(yaml.__file__).parent)
    theirs, ours = verdicts(python, tmp_path), verdicts(sys.executable)
    for told in (theirs, ours):
        for answer in told.values():
            # The one reason that depends on the Python that reads.
            answer[0] = [pair for pair in answer[0] if pair[0] != "cell.syntax"]  # type: ignore[attr-defined]
    assert theirs == ours


def test_a_long_text_is_read_whole() -> None:
    runbook = require(long_text(100).encode(), name="long.py")
    assert len(runbook.steps) == 100
    assert runbook.notes == ()
    assert all(row.degree in Degree for row in CODES.values())
