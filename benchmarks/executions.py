"""Our side of runs: a workspace without policy, whole processes of the program, a look at the outcome."""

import json
from pathlib import Path

from benchmarks.measure import Unmeasured, environment, process, program


class Workspace:
    """A throw-away workspace with one runbook. State goes into the same folder, not into a home."""

    def __init__(self, folder: Path, text: bytes) -> None:
        self.folder = folder
        self.env = environment() | {
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        (folder / "runbooks").mkdir()
        (folder / "runbook.toml").write_text("version = 1\n")
        (folder / "runbooks" / "x.py").write_bytes(text)

    def run(self) -> None:
        """Run it unattended to its end, evidence on. Raises Unmeasured when a step did not succeed."""
        words = [program("runbook"), "run", "runbooks/x.py", "--env", "scratch", "--unattended", "--json"]
        done = process(words, folder=self.folder, env=self.env)
        said = json.loads(done.stdout.rstrip().rpartition(b"\n")[2])
        states = {step["state"] for step in said["steps"]}
        if said["outcome"] != "succeeded" or states != {"succeeded"}:
            raise Unmeasured(f"the run ended as {said['outcome']}, its steps as {sorted(states)}")
