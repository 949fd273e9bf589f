"""A real repository with a workspace, in a few words."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from runbook.verbs.templates import example_text


@dataclass(frozen=True)
class Repository:
    root: Path

    @property
    def text(self) -> Path:
        return self.root / "runbooks/x.py"

    @property
    def notebook(self) -> Path:
        return self.root / "runbooks/x.ipynb"

    def call(self, *words: str, code: int | None = 0, folder: Path | None = None) -> str:
        done = subprocess.run(
            words,
            cwd=folder or self.root,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        assert code is None or done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def git(self, *words: str, code: int | None = 0) -> str:
        return self.call("git", *words, code=code)

    def hook(self, *words: str, code: int = 0) -> str:
        return self.call("runbook", "hook", *words, code=code)

    def pre_commit(self, *words: str, code: int = 0) -> str:
        return self.call(sys.executable, "-m", "pre_commit", *words, code=code)

    def write(self, name: str = "x", more: str = "") -> None:
        (self.root / f"runbooks/{name}.py").write_text(example_text("sre@example.com") + more)

    def sync(self) -> None:
        self.call("runbook", "sync")

    def edit_notebook(self, source: str) -> None:
        notebook = json.loads(self.notebook.read_text())
        notebook["cells"][-1]["source"] = [source]
        self.notebook.write_text(json.dumps(notebook, indent=1))

    def run_notebook(self) -> None:
        notebook = json.loads(self.notebook.read_text())
        notebook["cells"][-1]["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["secret\n"]}]
        notebook["cells"][-1]["execution_count"] = 1
        self.notebook.write_text(json.dumps(notebook, indent=1))
