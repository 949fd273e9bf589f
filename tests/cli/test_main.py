"""The frame of the program: exit codes, messages, help. What a person can cause never shows a traceback."""

import json
import os
import re
from pathlib import Path

import pytest

from runbook import errors
from runbook.cli import main as program_module
from runbook.cli.main import EXIT_BUG, EXIT_CODES, exit_code
from runbook.cli.verbs_table import VERBS
from tests.program import Caller, program


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    return Caller(capsys, monkeypatch)


def leaves(kind: type[errors.RunbookError]) -> list[type[errors.RunbookError]]:
    inner = kind.__subclasses__()
    return [kind, *(leaf for each in inner for leaf in leaves(each))]


@pytest.mark.parametrize(
    "kind", [leaf for leaf in leaves(errors.RunbookError) if leaf is not errors.RunbookError]
)
def test_each_error_has_an_exit_code_of_its_family(kind: type[errors.RunbookError]) -> None:
    family = next(base for base in kind.__mro__ if base in EXIT_CODES)

    code = exit_code(kind.__new__(kind))

    assert code == EXIT_CODES[family]
    assert code != EXIT_BUG


def test_help_shows_the_verbs_of_every_day_first(call: Caller, tmp_path: Path) -> None:
    said = call(tmp_path, "--help")

    assert said.code == 0
    assert said.out.index("Every day:") < said.out.index("Runbooks:")
    assert all(f"  {name} " in said.out for name in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_of_its_own(call: Caller, tmp_path: Path, verb: str) -> None:
    said = call(tmp_path, verb, "--help")

    assert said.code == 0
    assert f"runbook {verb}" in said.out


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_fits_a_narrow_terminal_and_breaks_no_word(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    words = [verb, "--help"] if verb else ["--help"]
    wide = call(tmp_path, *words)
    monkeypatch.setenv("COLUMNS", "40")
    said = call(tmp_path, *words)

    assert said.code == 0
    assert max(len(line) for line in said.out.split("\n")) <= 40
    whole = set(re.split(r"[\s|-]+", wide.out))
    assert set(re.split(r"[\s|-]+", said.out)) == whole


def test_a_mistyped_verb_gets_the_closest_one_and_exit_2(call: Caller, tmp_path: Path) -> None:
    said = call(tmp_path, "revieww")

    assert said.code == 2
    assert "did you mean 'review'?" in said.err


def test_a_mistyped_option_ends_with_2(call: Caller, tmp_path: Path) -> None:
    said = call(tmp_path, "list", "--jsn")

    assert said.code == 2
    assert "--jsn" in said.err


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            ["stop"],
            "runbook stop: missing argument 'EXECUTION'",
            "`runbook status` lists the runs that live, `runbook history` the others",
        ),
        (["show"], "runbook show: missing argument 'NAME'", "`runbook list` lists the runbooks"),
        (["diff", "a"], "runbook diff: missing argument 'B'", "`runbook diff --help` lists what it takes"),
        (
            ["hook"],
            "runbook hook: missing argument 'HOOK'. "
            "Choose from: sync, no-outputs, lint, pre-commit, pre-receive",
            "`runbook hook --help` lists what it takes",
        ),
        (
            ["list", "--jsn"],
            "runbook list: no such option: --jsn (Possible options: --json)",
            "`runbook list --help` lists what it takes",
        ),
        (
            ["status", "x"],
            "runbook status: got unexpected extra argument(s) (x)",
            "`runbook status --help` lists what it takes",
        ),
        (
            ["create", "Restart", "the", "web", "tier"],
            "runbook create: got unexpected extra argument(s) (the web tier)",
            "a title of several words stands in quotes",
        ),
        (
            ["run", "-p"],
            "runbook run: option '-p' requires an argument",
            "`runbook run --help` lists what it takes",
        ),
        (
            ["--wrong"],
            "runbook: no such option: --wrong (Possible options: --version)",
            "`runbook --help` lists the verbs; a verb's own options stand behind it",
        ),
        (
            ["-C"],
            "runbook: option '-C' requires an argument",
            "`runbook --help` lists the verbs; a verb's own options stand behind it",
        ),
        (
            ["-C", "/no/such", "list"],
            "/no/such: cannot go there: No such file or directory",
            "-C takes a folder that is there",
        ),
    ],
)
def test_wrong_words_say_what_where_and_what_next(
    call: Caller, tmp_path: Path, words: list[str], message: str, hint: str
) -> None:
    said = call(tmp_path, *words)

    assert (said.code, said.out) == (2, "")
    assert said.err == f"error: {message}\n  next: {hint}\n"


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("watch", "demo")])
def test_wrong_words_with_json_are_one_json_value(call: Caller, tmp_path: Path, verb: str) -> None:
    said = call(tmp_path, verb, "--json", "--wrong")

    assert said.code == 2
    error = json.loads(said.out)["error"]
    assert (error["code"], error["subject"]) == ("usage", f"runbook {verb}")


def test_wrong_words_before_the_verb_are_one_json_value_too(call: Caller, tmp_path: Path) -> None:
    said = call(tmp_path, "--json", "list")

    assert said.code == 2
    assert json.loads(said.out)["error"]["message"].startswith("no such option: --json")
    assert "a verb's own options stand behind it" in said.err


def test_no_words_at_all_are_answered_with_the_help(call: Caller, tmp_path: Path) -> None:
    said = call(tmp_path)

    assert said.code == 2
    assert "Every day:" in said.out + said.err
    assert "error:" not in said.err


@pytest.mark.parametrize("verb", ["attach", "resume", "undo"])
def test_a_name_that_nothing_has_is_said_before_the_terminal_is_missed(
    call: Caller, tmp_path: Path, verb: str
) -> None:
    said = call(tmp_path, verb, "nosuch")

    assert said.code == 2
    assert "nosuch" in said.err
    assert "terminal" not in said.err


def test_a_plan_that_nobody_has_run_is_no_damaged_evidence(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %%\nprint(1)\n")
    made = call(tmp_path, "plan", "x", "--json").json["execution"]
    name = made.rpartition("/")[2]

    for verb in ("audit", "deviations", "confirm", "undo"):
        said = call(tmp_path, verb, "latest", *(["--principal", "a@b.c"] if verb == "confirm" else []))
        assert (said.code, said.out) == (2, ""), verb
        assert said.err.startswith(f"error: {name}: no run has begun here")
        assert f"`runbook run {name}` runs the plan" in said.err


def test_a_plan_without_a_terminal_to_ask_at_says_what_a_plan_can_still_be_told(
    call: Caller, tmp_path: Path
) -> None:
    (tmp_path / "x.py").write_text("# %%\nprint(1)\n")
    name = call(tmp_path, "plan", "x", "--json").json["execution"].rpartition("/")[2]
    planned, fresh = call(tmp_path, "run", name), call(tmp_path, "run", "x")

    assert (planned.code, fresh.code) == (2, 2)
    assert planned.err == (
        f"error: {name}: there is no terminal to ask at\n"
        "  next: --detach starts it and `runbook attach` answers later; "
        "or plan it anew: `runbook plan x.py --env scratch --unattended`\n"
    )
    assert fresh.err.endswith("answers later; or say --unattended --env NAME\n")


def test_an_execution_that_lies_elsewhere_is_shown_where_it_lies(call: Caller, tmp_path: Path) -> None:
    for folder in ("made", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "made/x.py").write_text("# %%\nprint(1)\n")
    shown = call(tmp_path / "made", "plan", "x", "--json").json["execution"]
    elsewhere = str(tmp_path / "made" / shown)

    assert call(tmp_path / "made", "show", shown, "--json").json["execution"] == shown
    assert call(tmp_path / "other", "show", elsewhere, "--json").json["execution"] == elsewhere
    assert f"execution  {elsewhere}\n" in call(tmp_path / "other", "show", elsewhere).out


def test_a_folder_that_is_no_execution_is_called_a_folder(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %%\nprint(1)\n")
    (tmp_path / "folder").mkdir()
    for name in (".", "folder", str(tmp_path)):
        said = call(tmp_path, "show", name, "--json")
        assert said.code == 2
        assert said.json["error"]["message"] == "a folder, and neither a runbook nor an execution"


@pytest.mark.parametrize("name", ["VISUAL", "EDITOR"])
def test_an_editor_that_is_not_there_is_to_be_named_anew_not_to_be_installed(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "x.py").write_text("# %%\nprint(1)\n")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv(name, "/no/such/ed --wait")
    said = call(tmp_path, "edit", "x")

    assert said.code == 6
    assert said.err == (
        "error: x.py: /no/such/ed is not installed\n"
        f"  next: {name} names it: set that to an editor that is there\n"
    )


def test_a_runbook_with_nothing_to_run_is_named(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %% [markdown]\n# # Nothing\n")
    said = call(tmp_path, "plan", "x")

    assert said.code == 2
    assert said.err.startswith("error: x.py: there is nothing to run in it")
    assert "next: write a step below a line" in said.err


def test_an_unknown_name_says_what_there_is(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "restart_web.py").write_text("# %%\nprint(1)\n")

    said = call(tmp_path, "show", "restart_wbe")

    assert said.code == 2
    assert "no runbook of this name" in said.err
    assert "did you mean restart_web?" in said.err


def test_a_name_that_fits_two_says_both(call: Caller, tmp_path: Path) -> None:
    for name in ("web_restart", "web_check"):
        (tmp_path / f"{name}.py").write_text("# %%\nprint(1)\n")

    said = call(tmp_path, "show", "web")

    assert said.code == 2
    assert "could be web_check.py, web_restart.py" in said.err


def test_errors_are_json_too_when_json_was_asked_for(call: Caller, tmp_path: Path) -> None:
    said = call(tmp_path, "show", "nothing", "--json")

    assert said.code == 2
    assert json.loads(said.out)["error"]["code"] == "not-found"
    assert "error:" in said.err


def test_control_characters_in_a_name_do_not_reach_the_terminal(call: Caller, tmp_path: Path) -> None:
    said = call(tmp_path, "show", "\x1b]0;owned\x07x")

    assert said.code == 2
    assert "\x1b" not in said.err + said.out
    assert "\\u{1B}" in said.err


def test_a_bug_leaves_a_report_and_no_traceback(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("token=abc")

    monkeypatch.setattr(program_module, "app", broken)
    said = call(tmp_path, "run", "x", "-p", "password=hunter2")

    assert said.code == EXIT_BUG
    assert "Traceback" not in said.err
    (report,) = tmp_path.glob("runbook-bug-*.txt")
    assert "ZeroDivisionError" in report.read_text()
    assert "hunter2" not in report.read_text()


def test_work_can_be_done_as_if_started_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %%\nprint(1)\n")

    said = program(Path("/"), "-C", str(tmp_path), "show", "x.py", "--json")

    assert said.code == 0
    assert said.json["path"] == "x.py"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    import subprocess
    import sys

    argv = f"{sys.executable} -m runbook --help | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", argv], cwd=tmp_path, capture_output=True, check=False)

    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_a_name_with_a_line_feed_is_never_a_line_of_ours(call: Caller, tmp_path: Path) -> None:
    name = "a\nrunbooks/good.py  prod, interactive: permitted\n  trust: dir:\x1b[2J"
    place = tmp_path / "runbooks" / name
    place.mkdir(parents=True)
    (tmp_path / "runbook.toml").write_text("version = 1\n")
    (place / "x.py").write_text("# %%\nprint(1)\n")
    calls = [
        ["list"],
        ["verify", "--all"],
        ["lint"],
        ["show", "x"],
        ["run", "x", "--env", "prod"],
        ["show", name],
    ]

    for words in calls:
        said = call(tmp_path, *words)
        shown = said.out + said.err
        assert "\x1b" not in shown
        assert not [
            line for line in shown.split("\n") if line.startswith(("runbooks/good.py", "  trust: dir"))
        ]
        assert said.code in (0, 1, 2, 3)


def test_a_login_that_is_no_name_is_the_users_number(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %%\nprint(1)\n")
    name = "alice\napproval: bob@example.com"

    said = program(tmp_path, "run", "x.py", "--unattended", "--env", "scratch", LOGNAME=name)

    assert said.code == 0, said.err
    start = next(tmp_path.glob("executions/*/*/start.txt")).read_text()
    assert f"operator: {os.getuid()}\n" in start
