"""An interrupt of a command: what a person sees of it is short."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_an_interrupted_command_says_which_one_and_not_where_in_our_waiting(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text("from runbook.kit import sh\nsh('echo ready; sleep 60')\n")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "step.py"], cwd=tmp_path, env=env, stdout=-1, stderr=-1, text=True
    )
    assert child.stdout is not None
    while child.stdout.readline() != "ready\n":
        pass
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)

    assert said.splitlines()[-1].startswith("KeyboardInterrupt: echo ready; sleep 60: interrupted after ")
    assert "child.py" not in said
    assert "During handling" not in said
    assert said.count("  File ") == 2
