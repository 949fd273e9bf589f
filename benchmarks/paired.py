"""Workspaces of pairs to measure with: the same texts and notebooks for us and for jupytext."""

import subprocess
import sys
from pathlib import Path

from benchmarks.measure import environment, process, program

HEADER = """\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
"""


def text(cells: int, *, word: str = "first") -> str:
    """Prose and code in turns; every code cell holds `word`."""
    parts = [HEADER]
    for number in range(cells):
        if number % 2:
            parts.append(f"\n# %%\nvalue_{number} = '{word}'\nprint(value_{number})\n")
        else:
            parts.append(f"\n# %% [markdown]\n# ## Part {number}\n# What to look at, and when to stop.\n")
    return "".join(parts)


def workspace(root: Path, *, pairs: int, cells: int) -> Path:
    """Texts that are in step with their notebooks."""
    (root / "runbooks").mkdir(parents=True)
    (root / "runbook.toml").write_text("version = 1\n")
    for number in range(pairs):
        (root / f"runbooks/p{number}.py").write_text(text(cells))
    sync(root)
    return root


def sync(root: Path) -> None:
    """Ours, as a whole process."""
    process([program("runbook"), "sync"], folder=root)


def jupytext_sync(root: Path, *words: str) -> None:
    """jupytext's, over every text, as a whole process."""
    names = sorted(str(path.relative_to(root)) for path in (root / "runbooks").glob("*.py"))
    process([sys.executable, "-m", "jupytext", "-q", *words, "--sync", *names], folder=root)


def edit_all(root: Path, word: str) -> None:
    for path in (root / "runbooks").glob("*.py"):
        path.write_text(path.read_text().replace("'first'", f"'{word}'").replace("'last'", f"'{word}'"))


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, env=environment(), check=True, capture_output=True)
