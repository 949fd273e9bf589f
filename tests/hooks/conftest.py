"""Repositories with a workspace in them, and `runbook` on the PATH."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hooks.repository import Repository


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    programs = tmp_path / "bin"
    programs.mkdir()
    runbook = programs / "runbook"
    runbook.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m runbook "$@"\n')
    runbook.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    root = tmp_path / "repo"
    (root / "runbooks").mkdir(parents=True)
    (root / "runbook.toml").write_text("version = 1\n")
    (root / ".gitignore").write_text("*.ipynb\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return Repository(root)
