"""`diff` of executions: two by step, one against a text. Real runs."""

from pathlib import Path

import pytest

from tests.program import made_workspace, program

TEXT = """\
# %% tags=["parameters"]
host: str = "web1"

# %% [markdown] name="words"
# Careful.

# %% name="say"
print("hello", host)

# %% name="fail"
if host == "web2":
    raise RuntimeError("no " + host)
"""


@pytest.fixture(scope="module")
def ran(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A workspace with a run that succeeded, and one with another value that failed."""
    root = made_workspace(tmp_path_factory.mktemp("compare") / "w")
    (root / "runbooks/x.py").write_text(TEXT)
    names = []
    for value in ("web1", "web2"):
        words = ("run", "x", "--env", "scratch", "--unattended", "--json", "-p", f"host={value}")
        names.append(Path(program(root, *words).json["execution"]).name)
    return root, names[0], names[1]


def test_two_executions_differ_in_values_outputs_and_states(ran: tuple[Path, str, str]) -> None:
    root, one, other = ran
    said = program(root, "diff", one, other, "--json")

    assert said.code == 1
    assert (said.json["a"], said.json["b"], said.json["same"]) == (one, other, False)
    found = {(each["step"], each["what"]): each["diff"] for each in said.json["differences"]}
    assert set(found) == {
        (None, "run"),
        (None, "parameters"),
        ("injected-parameters", "source"),
        ("say", "outputs"),
        ("fail", "state"),
        ("fail", "outputs"),
    }
    assert found[None, "parameters"][1:] == ["-host: str = 'web1'", "+host: str = 'web2'"]
    assert found["say", "outputs"][1:] == ["-hello web1", "+hello web2"]
    assert found["fail", "state"][1:] == ["-succeeded", "+failed"]
    assert "+RuntimeError: no web2" in found["fail", "outputs"]


def test_people_read_it_step_by_step(ran: tuple[Path, str, str]) -> None:
    root, one, other = ran
    said = program(root, "diff", one, other)

    assert said.code == 1
    assert said.out.startswith(f"--- {one}\n+++ {other}\n")
    assert "step fail: state\n" in said.out
    assert "-hello web1\n" in said.out


def test_an_execution_is_like_itself(ran: tuple[Path, str, str]) -> None:
    root, one, _ = ran
    said = program(root, "diff", one, one)

    assert (said.code, said.out) == (0, "")


def test_a_plan_that_never_ran_is_compared_too(ran: tuple[Path, str, str]) -> None:
    root, one, _ = ran
    planned = program(root, "plan", "x", "--env", "scratch", "-p", "host=web1", "--json")
    assert planned.code == 0, planned.err
    said = program(root, "diff", one, Path(planned.json["execution"]).name, "--json")

    assert said.code == 1
    found = {(each["step"], each["what"]): each["diff"] for each in said.json["differences"]}
    assert (None, "parameters") not in found
    assert found["say", "state"][1:] == ["-succeeded", "+pending"]


def test_an_execution_is_compared_with_the_text_that_it_was_planned_from(ran: tuple[Path, str, str]) -> None:
    root, one, _ = ran
    assert program(root, "diff", one, "x").code == 0
    text = root / "runbooks/x.py"
    text.write_text(TEXT.replace("hello", "good morning"))
    try:
        said = program(root, "diff", one, "x")
    finally:
        text.write_text(TEXT)

    assert said.code == 1
    assert said.out.startswith(f"--- {one}/runbook.py\n+++ runbooks/x.py\n")
    assert '-print("hello", host)\n+print("good morning", host)\n' in said.out


def test_evidence_that_was_edited_is_not_compared(ran: tuple[Path, str, str]) -> None:
    root, one, other = ran
    (journal,) = (root / "executions").glob(f"*/{other}/journal.jsonl")
    data = journal.read_bytes()
    journal.chmod(0o644)
    journal.write_bytes(data.replace(b"hello", b"hullo"))
    try:
        said = program(root, "diff", one, other)
    finally:
        journal.write_bytes(data)

    assert said.code == 5
    assert "journal" in said.err


def test_names_of_nothing_are_said(ran: tuple[Path, str, str]) -> None:
    root, one, _ = ran
    said = program(root, "diff", one, "20990101")

    assert said.code == 2
    assert "no execution has this name" in said.err
