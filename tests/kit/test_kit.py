"""The rest of the kit: context, notes, declarations, the protocol; in plain Python and in IPython."""

import copy
import json
import os
import pickle
import subprocess
import sys
import types
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook import kit
from runbook.kit import Bounds, Secret, Text, context, note, protocol, secret, sh

_ROOT = Path(__file__).parents[2]
_ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)}


def _python(*words: str, home: Path) -> str:
    environment = {**_ENVIRONMENT, "HOME": str(home), "IPYTHONDIR": str(home)}
    done = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, env=environment, check=True)
    return done.stdout.decode()


def test_the_kit_offers_what_its_reference_describes() -> None:
    page = (_ROOT / "docs/reference/kit.md").read_text()

    assert sorted(kit.__all__) == kit.__all__
    for name in kit.__all__:
        assert f"`{name}" in page, f"docs/reference/kit.md does not describe {name}"


def test_context_is_sensible_outside_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert (context.execution, context.step) == (None, None)
    assert context.environment == "scratch"
    assert context.work == Path.cwd()
    assert context.operator
    assert (context.unattended, context.dry_run, context.acts) == (False, False, True)
    assert repr(context) == "<run outside an execution in scratch, step None>"


def test_a_step_runs_as_a_plain_python_file(tmp_path: Path) -> None:
    file = tmp_path / "step.py"
    file.write_text(
        "from runbook.kit import context, note, sh\n"
        "ran = sh('echo {x}', x='a b')\n"
        "note('half way')\n"
        "sh('exit 3', check=False)\n"
        "print(ran.stdout.strip(), context.environment, context.runbook == __file__)\n"
    )

    said = _python(str(file), home=tmp_path).splitlines()

    assert said[:4] == ["$ echo 'a b'", "a b", "note: half way", "$ exit 3"]
    assert said[4].startswith("[ended with 3 after 0.")
    assert said[5] == "a b scratch True"


def test_a_step_runs_in_ipython_and_shows_words_a_person_can_read(tmp_path: Path) -> None:
    program = "from runbook.kit import note, sh; sh('echo', 'out'); note('x')"

    said = _python(
        "-m", "IPython", "--no-banner", "--quick", "--colors=NoColor", "-c", program, home=tmp_path
    )

    assert [line for line in said.splitlines() if line] == ["$ echo out", "out", "note: x"]


def test_a_step_runs_in_jupyter_and_shows_words_a_person_can_read(tmp_path: Path) -> None:
    """A kernel that Jupyter starts, with nothing of ours in it but the kit."""
    program = (
        "import nbformat, nbclient\n"
        "source = \"from runbook.kit import context, note, sh; sh('echo', 'out'); note('x');"
        ' print(context.environment, context.execution)"\n'
        "notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])\n"
        "nbclient.NotebookClient(notebook, kernel_name='python3').execute()\n"
        "for each in notebook.cells[0].outputs:\n"
        "    print(each.get('text', '') or each.data.get('text/plain', ''), end='|')\n"
    )

    said = _python("-W", "ignore", "-c", program, home=tmp_path)

    assert said == "$ echo out|out\n||note: x|scratch None\n|"


def test_the_kit_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    program = (
        "import sys; import runbook.kit\n"
        "foreign = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(foreign - {'runbook', '__main__', '__mp_main__'}))\n"
    )
    environment = {**_ENVIRONMENT, "HOME": str(tmp_path)}
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"

    done = subprocess.run([base, "-S", "-c", program], stdout=subprocess.PIPE, env=environment, check=True)

    assert done.stdout == b"[]\n"


def test_a_note_is_text_of_a_bounded_size() -> None:
    with pytest.raises(TypeError, match="note takes text, not int"):
        note(3)  # type: ignore[arg-type] # what a person may write
    with pytest.raises(ValueError, match="a note of 40000 characters; 32768 is the limit: print it instead"):
        note("x" * 40_000)


@pytest.mark.parametrize("limits", [{}, {"ge": 1, "gt": 1}, {"le": 1, "lt": 1}])
def test_bounds_without_a_clear_range_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"^Bounds "):
        Bounds(**limits)


def test_declarations_are_harmless_values() -> None:
    def declared(
        count: Annotated[int, Bounds(ge=1, le=10)] = 3, words: Text = "a\nb", token: Secret | None = None
    ) -> None:
        """As a parameters step has them."""

    hints = get_type_hints(declared, include_extras=True)
    assert hints["count"].__metadata__ == (Bounds(ge=1, le=10),)
    assert hints["words"] is Text


def test_a_secret_says_nothing_but_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    token = secret("env:TOKEN")
    assert repr(token) == str(token) == f"{token}" == f"{token:>9}" == "Secret(…)"
    assert token.reveal() == "hunter2"
    assert token == secret("env:TOKEN")
    assert token != "hunter2"
    assert copy.deepcopy([token])[0] is token
    with pytest.raises(TypeError, match="never written down"):
        pickle.dumps(token)
    with pytest.raises(TypeError, match="unhashable"):
        hash(token)


def test_outside_a_run_a_secret_is_fetched_when_it_is_wanted_and_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    token = secret(f"file:{file}")
    with pytest.raises(LookupError, match=f"{file} can't be read"):
        token.reveal()
    file.write_text("one\ntwo\n")
    assert token.reveal() == "one\ntwo"
    file.write_text("three")
    assert token.reveal() == "one\ntwo"
    asked: list[str] = []

    def typed_unseen(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr("getpass.getpass", typed_unseen)
    typed = secret("prompt")
    assert not asked
    assert [typed.reveal(), typed.reveal()] == ["typed", "typed"]
    assert len(asked) == 1


@pytest.mark.parametrize("source", ["hunter2", "env:", "vault:x", ""])
def test_what_is_no_source_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="is no source"):
        secret(source)


def test_in_a_run_only_what_was_fetched_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "not for steps")
    run = types.ModuleType("_runbook_run")
    run.secrets = {"values": {"token": "hunter2"}, "by_source": {"env:TOKEN": "token"}}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "_runbook_run", run)
    assert secret("env:TOKEN").reveal() == secret("given:token").reveal() == "hunter2"
    with pytest.raises(LookupError, match="was not fetched for this run"):
        secret("env:OTHER").reveal()


def test_a_command_takes_a_secret_and_shows_its_place(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOKEN", "hun ter'2")
    token = secret("env:TOKEN")
    word = sh("printf", "%s", token)
    assert (word.stdout, word.argv) == ("hun ter'2", ("printf", "%s", "[secret]"))
    line = sh("printf %s {token} | wc -c", token=token)
    assert line.stdout.strip() == "9"
    assert line.argv == ("printf %s '[secret]' | wc -c",)
    assert sh("printenv", "GIVEN", env={"GIVEN": token}).stdout == "hun ter'2\n"
    assert sh("cat", input=token).stdout == "hun ter'2"
    assert "$ printf %s '[secret]'\n" in capfd.readouterr().out


@settings(max_examples=80, deadline=None)
@given(
    record=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )
)
def test_what_a_step_forges_never_breaks_the_reader(record: Any) -> None:
    read = protocol.read({protocol.MIME: record, "text/plain": "x"})

    assert read is None or (read["version"] == protocol.VERSION and isinstance(read["what"], str))


@pytest.mark.parametrize(
    "record",
    [
        None,
        "text",
        {"what": "note"},
        {"version": 2, "what": "note"},
        {"version": 1, "what": 3},
        {"version": 1, "what": "note", "words": "x" * (protocol.LIMIT_BYTES + 1)},
        {"version": 1, "what": "note", "words": float("nan")},
        {"version": 1, "what": "note", "words": {1, 2}},
    ],
)
def test_a_record_that_cannot_be_believed_is_no_record(record: Any) -> None:
    assert protocol.read({protocol.MIME: record}) is None


def test_a_record_comes_back_as_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[dict[str, Any]] = []
    publisher = type("Publisher", (), {"publish": lambda self, data: published.append(data)})()
    monkeypatch.setattr(protocol, "_publisher", lambda: publisher)

    note("remark")

    (data,) = published
    assert protocol.read(json.loads(json.dumps(data))) == {"version": 1, "what": "note", "words": "remark"}
    assert data["text/plain"] == "note: remark"
