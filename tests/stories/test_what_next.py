"""Errors that a person meets say what to do next."""

from pathlib import Path

from tests.program import inside


def test_a_configuration_of_another_release_is_said(tmp_path: Path) -> None:
    (tmp_path / "runbook.toml").write_text("version = 2\n")

    said = inside(tmp_path, "list")

    assert said.code == 2
    assert "runbook.toml:1: version 2 is not one that this release reads" in said.err
    assert "next: it was written for another release" in said.err


def test_a_name_that_the_record_could_not_say_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "a\nb.py").write_text("# %% one\nprint(1)\n")

    said = inside(tmp_path, "run", "a\nb.py", "--unattended", "--env", "scratch")

    assert said.code == 2
    assert "the name of a runbook must be one printable line" in said.err
    assert "next: rename the file" in said.err
    assert not (tmp_path / "executions").exists()


def test_stopping_what_nobody_runs_says_how_it_stands(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %% one\nprint(1)\n")
    assert inside(tmp_path, "plan", "x.py").code == 0
    (folder,) = (tmp_path / "executions").glob("*/*")

    said = inside(tmp_path, "stop", folder.name)

    assert said.code == 2
    assert f"`runbook show {folder.name}` says how it stands" in said.err


def test_a_plan_that_nobody_ran_is_not_the_latest_run_and_runs_as_the_latest_plan(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %% one\nprint(1)\n")
    ran = inside(tmp_path, "run", "x.py", "--unattended", "--env", "scratch", "--json").json["execution"]
    assert inside(tmp_path, "plan", "x.py", "--unattended", "--env", "scratch").code == 0
    name = Path(ran).name

    assert name in inside(tmp_path, "audit", "latest").out
    assert inside(tmp_path, "verify", "latest", "--json").json["executions"][0]["id"] == name
    assert name in inside(tmp_path, "show", "latest").out
    assert inside(tmp_path, "deviations", "latest").code == 0
    assert name in inside(tmp_path, "resume", "latest", "--seal").err

    planned = inside(tmp_path, "run", "latest", "--json").json["execution"]
    assert planned != ran
    assert Path(planned).name in inside(tmp_path, "audit", "latest").out
